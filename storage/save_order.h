// In which order batches of a snapshot go into one file. Of a lane as they came; and a record
// stands whole: after a batch that ends in the middle of one comes its lane's next, and all others
// wait here meanwhile. Else the lanes take turns. One thread.
//
// Why nobody waits for ever: all that waits here waits for one lane, the open one, and that lane
// waits for none of it. What it sends is written as it comes and goes back as soon as there is room
// in a block, which the disk makes, and a disk waits for nobody. This rests on the source: a lane
// in the middle of a record goes on though every batch of the other lanes is taken. So each lane
// has a batch that no other fills, or gets an extra one. If lanes shared all they have, records
// that wait here could hold the batch that the open one needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "src/base/assert.h"
#include "storage/save_batch.h"

namespace pollux {

class SaveOrder {
 public:
  explicit SaveOrder(uint32_t lanes) : lanes_(lanes) {}
  SaveOrder(const SaveOrder&) = delete;
  SaveOrder& operator=(const SaveOrder&) = delete;

  // The batch is held here, by its link, until next or any returns it.
  void add(SaveBatch& batch) {
    POLLUX_ASSERT(batch.lane < lanes_.size());
    Lane& lane = lanes_[batch.lane];
    batch.next_batch = nullptr;
    (lane.first == nullptr ? lane.first : lane.last->next_batch) = &batch;
    lane.last = &batch;
    ++held_;
  }

  // The one to be written next; null: one that has yet to come stands before all that are here.
  SaveBatch* next() {
    const std::optional<size_t> lane = open_ ? open_ : turn();
    SaveBatch* const batch = lane ? take(*lane) : nullptr;
    if (batch != nullptr) {
      last_ = *lane;
      open_ = batch->ends_record ? std::nullopt : lane;
    }
    return batch;
  }
  // What was returned last ends in the middle of a record.
  bool in_record() const { return open_.has_value(); }

  // Any that is here, to be dropped; null: none is.
  SaveBatch* any() {
    const std::optional<size_t> lane = turn();
    return lane ? take(*lane) : nullptr;
  }

 private:
  struct Lane {
    SaveBatch* first = nullptr;
    SaveBatch* last = nullptr;
  };

  // The first lane behind the last one that has something here.
  std::optional<size_t> turn() const {
    for (size_t i = 1; held_ > 0 && i <= lanes_.size(); ++i) {
      const size_t lane = (last_ + i) % lanes_.size();
      if (lanes_[lane].first != nullptr) {
        return lane;
      }
    }
    return std::nullopt;
  }
  SaveBatch* take(size_t number) {
    Lane& lane = lanes_[number];
    SaveBatch* const batch = lane.first;
    if (batch != nullptr) {
      lane.first = batch->next_batch;
      batch->next_batch = nullptr;
      --held_;
    }
    return batch;
  }

  std::vector<Lane> lanes_;
  std::optional<size_t> open_;  // the lane in the middle of a record
  size_t last_ = 0;
  size_t held_ = 0;
};

}  // namespace pollux
