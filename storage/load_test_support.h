// For tests: a sink of loaders that has batches for as long as it likes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <utility>

#include "src/base/assert.h"
#include "src/base/rng.h"
#include "storage/disk.h"
#include "storage/load_sink.h"

namespace pollux {

class SlowSink : public LoadSink {
 public:
  SlowSink(size_t shards, uint64_t seed) : shards_(shards), rng_(seed) {}

  size_t shards() const override { return shards_; }
  LoadPlace place(std::span<const std::string_view>) const override { return {}; }
  void send_to_all(LoadBatch&) override { POLLUX_ASSERT(false); }
  LoadBatch* take_back(bool wake) override {
    if (stuck || under_way_.empty() || rng_.below(3) == 0) {
      asked_to_wake = asked_to_wake || wake;
      if (wake && wakes != nullptr) {
        wakes->wake();  // the one that is built next
      }
      return nullptr;
    }
    if (newest_first) {
      std::swap(under_way_.front(), under_way_.back());
    }
    LoadBatch* const batch = under_way_.front();
    under_way_.pop_front();
    large_ -= batch->is_large() ? 1 : 0;
    return batch;
  }
  size_t under_way() const { return under_way_.size(); }

  bool stuck = false;         // gives nothing back
  bool newest_first = false;  // what it does give back
  bool asked_to_wake = false;
  Disk* wakes = nullptr;  // of who waits for batches
  size_t most = 0;
  int large_most = 0;

 protected:
  // It was done with, and will be given back.
  void hold(LoadBatch& batch) {
    large_most = std::max(large_most, large_ += batch.is_large() ? 1 : 0);
    under_way_.push_back(&batch);
    most = std::max(most, under_way_.size());
  }

 private:
  const size_t shards_;
  Rng rng_;
  std::deque<LoadBatch*> under_way_;
  int large_ = 0;
};

}  // namespace pollux
