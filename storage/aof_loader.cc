#include "storage/aof_loader.h"

#include "src/base/log.h"

namespace pollux {

namespace {

// No key's time is over then.
constexpr Instant kNeverOver{INT64_MIN};

}  // namespace

AofLoader::AofLoader(const Options& options, Disk& disk, LoadSink& sink, LoadBlock& figures)
    : FileLoader(options.reads, options.batches, disk, sink, figures), options_(options) {
  for (const AofFiles::Part& part : options_.parts) {
    total_bytes_ += part.bytes;
  }
}

std::string AofLoader::next_file() {
  if (is_last()) {
    return {};
  }
  part_began_ = now();
  return options_.parts[next_++].path;
}

LoadFeed& AofLoader::begin_commands(uint64_t start) {
  commands_ = commands();
  aof_ = std::make_unique<AofFeed>(AofFeed::Options{.file = file(),
                                                    .start = start,
                                                    .format = options_.aof,
                                                    .databases = options_.rdb.databases},
                                   batches());
  return *aof_;
}

LoadFeed* AofLoader::feed_behind(LoadFeed& feed, LoadFeed::Step end) {
  if (end == LoadFeed::Step::kRdb) {
    log_line(LogLevel::kNotice, "Reading RDB base file on AOF loading...");
    // What comes behind it may be about keys whose time is over by now: PERSIST was there in time.
    rdb_ = std::make_unique<RdbFeed>(file(), options_.rdb, kNeverOver, batches(), figures());
    return rdb_.get();
  }
  if (&feed == rdb_.get()) {
    return &begin_commands(feed.offset());
  }
  return end_of_file(end);
}

LoadFeed* AofLoader::end_of_file(LoadFeed::Step end) {
  if (end == LoadFeed::Step::kTruncated) {
    if (!is_last() || !options_.load_truncated) {
      fail(file() + ": " + aof_->error() +
           (is_last() ? "" : " But this is not the last file of the history: no option helps."));
      return nullptr;
    }
    log_line(LogLevel::kWarning,
             "%s %s: it is cut at byte %llu, and the %llu bytes behind that are lost "
             "(aof-load-truncated yes)",
             file().c_str(),
             aof_->is_hole() ? "has a hole of zeros near its end, as a machine that stops leaves "
                               "where no fsync was"
                             : "ends in the middle of a command or of a transaction, as a crash "
                               "leaves it", static_cast<unsigned long long>(aof_->valid_to()),
             static_cast<unsigned long long>(file_bytes() - aof_->valid_to()));
  }
  last_part_bytes_ = aof_->valid_to();
  log_line(LogLevel::kNotice, "DB loaded from %s file %s: %.3f seconds",
           options_.has_base && next_ == 1 ? "base" : "incr", file().c_str(),
           static_cast<double>(now().us - part_began_.us) / 1e6);
  return nullptr;
}

std::string_view AofLoader::advice() const {
  return ". Options dir, appenddirname and appendfilename say where the history is; all that its "
         "manifest names must be regular files that this user may read, on a disk that works.";
}

std::string AofLoader::progress() const {
  const int64_t keys = rdb_ == nullptr ? 0 : rdb_->keys_loaded();
  return std::to_string(keys) + " keys, " + std::to_string(commands()) +
         " commands";
}

}  // namespace pollux
