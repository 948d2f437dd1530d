// Takes a file of commands apart (aof_splitter.h) and puts them into batches: each for the shard
// where its keys are, or for all shards (load_batches.h). The database that SELECT has chosen goes
// with each. One thread.
//
// A transaction is kept until its EXEC is there, so that of one that is cut off nothing is done: in
// memory, like the queue of the client that once sent it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/aof_splitter.h"
#include "storage/load_batch.h"
#include "storage/load_feed.h"

namespace pollux {

// Commands one behind the other, in blocks that stay where they are.
class LoadGroup {
 public:
  void add(const LoadCommand& command);
  // The next one, from the first on; false at the end.
  bool next(LoadCommand& command);
  void clear();

 private:
  std::vector<std::unique_ptr<LoadBatch>> blocks_;
  size_t read_ = 0;  // blocks
};

class AofFeed final : public LoadFeed {
 public:
  struct Options {
    std::string file;    // how the log names it
    uint64_t start = 0;  // its first byte that counts: behind an RDB file
    AofSplitter::Options format;
    uint32_t databases = 16;
  };

  AofFeed(const Options& options, LoadBatches& batches);

  Step take() override;
  void finish() override;

  // Commands that were put into batches.
  int64_t commands() const { return commands_; }
  // See AofSplitter.
  uint64_t valid_to() const { return splitter_.valid_to(); }
  bool is_hole() const { return splitter_.is_hole(); }

 private:
  bool next_command();
  bool take_record(const AofRecord& record);
  Step end_of_window(AofSplitter::Step step);
  bool hand_on();
  bool select();
  bool place();
  bool refuse(std::string_view what);

  const Options options_;
  LoadBatches& batches_;
  AofSplitter splitter_;
  LoadGroup group_;
  bool group_is_whole_ = false;  // its commands come before those of the splitter
  uint32_t db_ = 0;
  LoadCommand command_;  // the one that is handed on
  LoadPlace place_;
  bool waits_ = false;  // command_ is placed, and waits for a batch
  Step end_ = Step::kMore;
  int64_t commands_ = 0;
  int64_t scripts_ = 0;
};

}  // namespace pollux
