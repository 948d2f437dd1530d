// Loads the files of an append-only history (file_loader.h), in their order: of each an RDB file if
// it begins with one (rdb_feed.h), then commands (aof_feed.h). What AofFiles::open has found goes
// in; what AofFiles::start is to be told comes out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/aof_feed.h"
#include "storage/aof_files.h"
#include "storage/file_loader.h"
#include "storage/rdb_feed.h"

namespace pollux {

class AofLoader final : public FileLoader {
 public:
  struct Options {
    std::vector<AofFiles::Part> parts;
    bool has_base = false;  // the first of them is one: for the log
    // aof-load-truncated: whether the last part may be cut off at its end.
    bool load_truncated = true;
    RdbFileSplitter::Options rdb;
    AofSplitter::Options aof;
    ReadAhead::Options reads;
    LoadBatches::Options batches;
  };

  // LoadBlock::loading stays set at the end: more is to be done before anybody is served.
  AofLoader(const Options& options, Disk& disk, LoadSink& sink, LoadBlock& figures);

  // After kDone: bytes of the last part that count. What is behind them was cut off, and told.
  uint64_t last_part_bytes() const { return last_part_bytes_; }
  // That were handed on so far.
  int64_t commands() const { return commands_ + (aof_ == nullptr ? 0 : aof_->commands()); }

 private:
  std::string next_file() override;
  uint64_t total_bytes() const override { return total_bytes_; }
  LoadFeed& first_feed() override { return begin_commands(0); }
  LoadFeed* feed_behind(LoadFeed& feed, LoadFeed::Step end) override;
  void finish() override {}
  std::string_view advice() const override;
  std::string progress() const override;

  LoadFeed& begin_commands(uint64_t start);
  LoadFeed* end_of_file(LoadFeed::Step end);
  bool is_last() const { return next_ == options_.parts.size(); }

  const Options options_;
  uint64_t total_bytes_ = 0;
  size_t next_ = 0;  // part
  Instant part_began_;
  std::unique_ptr<RdbFeed> rdb_;
  std::unique_ptr<AofFeed> aof_;
  int64_t commands_ = 0;  // of what is done with
  uint64_t last_part_bytes_ = 0;
};

}  // namespace pollux
