#include "storage/rdb_loader.h"

namespace pollux {

RdbLoader::RdbLoader(const Options& options, Disk& disk, LoadSink& sink, LoadBlock& figures)
    : FileLoader(options.reads, {.count = options.batches, .bytes = options.batch_bytes}, disk,
                 sink, figures),
      options_(options) {}

LoadFeed& RdbLoader::first_feed() {
  feed_ = std::make_unique<RdbFeed>(options_.file, options_.format, began(), batches(), figures());
  return *feed_;
}

std::string_view RdbLoader::advice() const {
  return ". Options dir and dbfilename say which file is loaded; it must be a regular file that "
         "this user may read, on a disk that works. To start empty, move it away.";
}

std::string RdbLoader::progress() const { return std::to_string(feed_->keys_loaded()) + " keys"; }

}  // namespace pollux
