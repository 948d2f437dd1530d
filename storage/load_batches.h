// The batches of a loader (load_batch.h), a fixed number of them: those that are being filled, by
// shard, and those that are free; the others are with the sink. One thread.
//
// What is for one shard goes into that shard's batch. A command over several shards is a barrier
// between what stands before it in the file and what stands behind: it begins a batch for all of
// them, which is run when all others are back, and before any other is sent. What follows goes into
// it too, until it is full: a file that has many such commands makes one halt of hundreds.
//
// A record longer than a batch gets one of its size, and only one such is under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "src/base/types.h"
#include "storage/load_batch.h"
#include "storage/load_sink.h"

namespace pollux {

class LoadBatches {
 public:
  struct Options {
    size_t count = 0;  // 0: by the number of shards; more than there are shards
    size_t bytes = LoadBatch::kBytes;
  };

  LoadBatches(const Options& options, LoadSink& sink);
  LoadBatches(const LoadBatches&) = delete;
  LoadBatches& operator=(const LoadBatches&) = delete;

  LoadSink& sink() { return sink_; }
  size_t shards() const { return filling_.size(); }

  // False if there is no batch to put it into: then again with the same when starved() has ended.
  // Or a key was refused: then it is of no use any more.
  template <typename Item>
  bool add(ShardId shard, const Item& item) {
    LoadBatch* const batch = filling_[shard.value];
    if (for_all_ == nullptr && batch != nullptr && batch->add(item)) [[likely]] {
      return true;
    }
    return add_slowly(shard, item);
  }
  bool add_for_all(const LoadCommand& command);
  // Of all shards together, from the next batch of each on.
  void expect(uint32_t db, uint64_t keys) { expected_ = {.db = db, .keys = keys / shards()}; }

  // Something could not be added, and no batch has come back since.
  bool starved() const { return starved_; }
  // Sends what is being filled, as far as it goes now. True if all batches are back.
  bool flush();
  // What is done with. False if nothing is: then the next batch wakes this thread.
  bool take_back();
  // Nothing more is sent. True if all batches are back, else the next one wakes this thread.
  bool take_all_back();

  // A key that could not be built: of several that have come back, the first of the file.
  struct Refused {
    LoadBatch::Refusal why = LoadBatch::Refusal::kNone;
    uint64_t offset = UINT64_MAX;
    std::string name;
    uint32_t db = 0;
    RdbType type = RdbType::kString;
  };
  bool any_refused() const { return refused_.why != LoadBatch::Refusal::kNone; }
  const Refused& refused() const { return refused_; }

  // Commands that were answered with an error, and the first of them. Of those that have come back
  // since the last call.
  struct Errors {
    uint64_t count = 0;
    uint64_t first_offset = UINT64_MAX;
    std::string first;
  };
  Errors take_errors();

 private:
  template <typename Item>
  bool add_slowly(ShardId shard, const Item& item);
  template <typename Ready>
  bool wait_until(Ready ready);
  bool get(size_t bytes, LoadBatch*& filling);
  bool send(ShardId shard);
  bool send_filling();
  bool send_for_all();
  void note(const LoadBatch& batch);

  LoadSink& sink_;
  const size_t batch_bytes_;
  std::vector<std::unique_ptr<LoadBatch>> batches_;
  std::vector<LoadBatch*> free_;
  std::vector<LoadBatch*> filling_;  // by shard
  LoadBatch* for_all_ = nullptr;     // then none of these is
  bool for_all_is_out_ = false;
  bool large_is_out_ = false;
  bool starved_ = false;
  LoadBatch::Expected expected_;
  Refused refused_;
  Errors errors_;
};

}  // namespace pollux
