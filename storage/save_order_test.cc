#include "storage/save_order.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

struct Batches {
  SaveBatch& make(uint32_t lane, bool ends_record, uint64_t number = 0) {
    all.push_back(std::make_unique<SaveBatch>(1));
    SaveBatch& batch = *all.back();
    batch.lane = lane;
    batch.ends_record = ends_record;
    batch.keys = number;
    return batch;
  }
  std::vector<std::unique_ptr<SaveBatch>> all;
};

TEST(SaveOrder, LanesTakeTurns) {
  Batches batches;
  SaveOrder order(3);
  for (const uint32_t lane : {0U, 0U, 2U, 2U, 1U}) {
    order.add(batches.make(lane, true));
  }
  std::vector<uint32_t> lanes;
  while (const SaveBatch* batch = order.next()) {
    lanes.push_back(batch->lane);
  }
  EXPECT_EQ(lanes, (std::vector<uint32_t>{1, 2, 0, 2, 0}));
  EXPECT_EQ(order.any(), nullptr);
}

TEST(SaveOrder, ARecordIsNotInterrupted) {
  Batches batches;
  SaveOrder order(2);
  SaveBatch& first = batches.make(1, false);
  SaveBatch& other = batches.make(0, true);
  SaveBatch& second = batches.make(1, true);
  order.add(first);
  EXPECT_EQ(order.next(), &first);
  order.add(other);
  EXPECT_TRUE(order.in_record());
  EXPECT_EQ(order.next(), nullptr);
  order.add(second);
  EXPECT_EQ(order.next(), &second);
  EXPECT_FALSE(order.in_record());
  EXPECT_EQ(order.next(), &other);
  EXPECT_EQ(order.next(), nullptr);
}

TEST(SaveOrder, AnyIsAnyOfThem) {
  Batches batches;
  SaveOrder order(2);
  order.add(batches.make(1, false));
  EXPECT_NE(order.next(), nullptr);
  order.add(batches.make(0, true));
  EXPECT_EQ(order.next(), nullptr);
  EXPECT_NE(order.any(), nullptr);
  EXPECT_EQ(order.any(), nullptr);
}

// In whichever order they come: of each lane in order, records whole, none left behind.
TEST(SaveOrder, AnyInterleaving) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    Batches batches;
    const auto lanes = static_cast<uint32_t>(1 + rng.below(6));
    SaveOrder order(lanes);
    std::vector<uint64_t> sent(lanes), taken(lanes), in_record(lanes);
    constexpr uint64_t kEach = 20;
    uint64_t left = lanes * kEach;
    const SaveBatch* before = nullptr;
    while (left > 0) {
      const auto lane = static_cast<uint32_t>(rng.below(lanes));
      if (sent[lane] < kEach && rng.below(2) == 0) {
        const uint64_t number = sent[lane]++;
        order.add(batches.make(lane, number + 1 == kEach || rng.below(3) != 0, number));
      }
      const bool in_record = order.in_record();
      if (const SaveBatch* batch = rng.below(2) == 0 ? order.next() : nullptr) {
        EXPECT_EQ(batch->keys, taken[batch->lane]++);
        EXPECT_TRUE(!in_record || batch->lane == before->lane);
        EXPECT_EQ(order.in_record(), !batch->ends_record);
        before = batch;
        --left;
      }
    }
    EXPECT_EQ(order.any(), nullptr);
  }
}

}  // namespace
}  // namespace pollux
