// Loads an RDB file (file_loader.h, rdb_feed.h): every key of it is built then, without those whose
// time is over. What stands behind its end is not looked at.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/file_loader.h"
#include "storage/rdb_feed.h"

namespace pollux {

class RdbLoader final : public FileLoader {
 public:
  struct Options {
    std::string file;
    RdbFileSplitter::Options format;
    ReadAhead::Options reads;
    size_t batches = 0;  // see LoadBatches::Options
    size_t batch_bytes = LoadBatch::kBytes;
  };

  RdbLoader(const Options& options, Disk& disk, LoadSink& sink, LoadBlock& figures);

 private:
  std::string next_file() override { return feed_ == nullptr ? options_.file : std::string(); }
  uint64_t total_bytes() const override { return file_bytes(); }
  LoadFeed& first_feed() override;
  LoadFeed* feed_behind(LoadFeed&, LoadFeed::Step) override { return nullptr; }
  void finish() override { figures().loading.set(0); }
  std::string_view advice() const override;
  std::string progress() const override;

  const Options options_;
  std::unique_ptr<RdbFeed> feed_;
};

}  // namespace pollux
