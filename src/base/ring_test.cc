#include "src/base/ring.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <thread>

#include "src/base/rng.h"

namespace pollux {
namespace {

TEST(PointerRingTest, StagedItemsAreHiddenUntilPublished) {
  PointerRing<int> ring(4);
  int item = 1;
  ring.stage(&item);
  EXPECT_TRUE(ring.has_staged());
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.pop(), nullptr);
  ring.publish();
  EXPECT_FALSE(ring.has_staged());
  EXPECT_FALSE(ring.empty());
  EXPECT_EQ(ring.pop(), &item);
  EXPECT_TRUE(ring.empty());
}

TEST(PointerRingTest, HoldsAsManyAsItsCapacity) {
  PointerRing<int> ring(2);
  int items[2];
  for (int lap = 0; lap < 5; ++lap) {
    ring.stage(&items[0]);
    ring.stage(&items[1]);
    ring.publish();
    EXPECT_EQ(ring.pop(), &items[0]);
    EXPECT_EQ(ring.pop(), &items[1]);
    EXPECT_EQ(ring.pop(), nullptr);
  }
}

TEST(PointerRingTest, RandomStepsEqualTwoQueues) {
  for (const size_t capacity : {1, 2, 8, 16}) {
    Rng rng(6);
    PointerRing<int> ring(capacity);
    std::array<int, 64> items;
    std::deque<int*> staged;
    std::deque<int*> visible;
    for (int step = 0; step < 20'000; ++step) {
      switch (rng.below(3)) {
        case 0:
          if (staged.size() + visible.size() < capacity) {
            staged.push_back(&items[rng.below(items.size())]);
            ring.stage(staged.back());
          }
          break;
        case 1:
          ring.publish();
          visible.insert(visible.end(), staged.begin(), staged.end());
          staged.clear();
          break;
        default:
          ASSERT_EQ(ring.pop(), visible.empty() ? nullptr : visible.front());
          if (!visible.empty()) {
            visible.pop_front();
          }
          break;
      }
      ASSERT_EQ(ring.empty(), visible.empty());
      ASSERT_EQ(ring.has_staged(), !staged.empty());
    }
  }
}

// Items of a pool go round through two rings, as cells do.
TEST(PointerRingTest, TwoThreadsLoseNothingAndKeepOrder) {
  constexpr uint64_t kItems = 200'000;
  constexpr size_t kPool = 48;
  PointerRing<uint64_t> there(64);
  PointerRing<uint64_t> back(64);
  std::thread producer([&] {
    std::array<uint64_t, kPool> pool;
    std::deque<uint64_t*> free;
    for (uint64_t& item : pool) {
      free.push_back(&item);
    }
    Rng rng(7);
    for (uint64_t i = 0; i < kItems;) {
      while (uint64_t* item = back.pop()) {
        free.push_back(item);
      }
      if (!free.empty()) {
        *free.front() = i++;
        there.stage(free.front());
        free.pop_front();
      }
      if (free.empty() || rng.below(8) == 0) {
        there.publish();
        std::this_thread::yield();
      }
    }
    there.publish();
    for (; free.size() < kPool; std::this_thread::yield()) {
      while (uint64_t* item = back.pop()) {
        free.push_back(item);
      }
    }
  });
  for (uint64_t expected = 0; expected < kItems;) {
    uint64_t* item = there.pop();
    if (item == nullptr) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(*item, expected);
    ++expected;
    back.stage(item);
    back.publish();
  }
  producer.join();
  EXPECT_TRUE(there.empty());
}

// Who stores an item and then sees no sleep flag, and who sets the flag and then sees no item, are
// never both there.
TEST(PointerRingTest, APublisherOrASleeperSeesTheOther) {
  constexpr int kRounds = 4'000;
  PointerRing<int> ring(1);
  int item = 0;
  std::atomic<bool> asleep{false};
  std::atomic<int> round{0};  // odd: under way
  std::atomic<int> done{0};
  bool seen_flag = false;
  std::thread publisher([&] {
    for (int i = 0; i < kRounds; ++i) {
      ring.stage(&item);
      for (int spins = 0; round.load() != 2 * i + 1; ++spins) {
        if (spins > 1000) {
          std::this_thread::yield();  // no second processor at present
        }
      }
      ring.publish();
      seen_flag = asleep.load(std::memory_order_seq_cst);
      done.store(i + 1);
    }
  });
  int both_blind = 0;
  for (int i = 0; i < kRounds; ++i) {
    asleep.store(false);
    round.store(2 * i + 1);
    asleep.store(true, std::memory_order_seq_cst);
    const bool nothing = ring.empty();
    while (done.load() != i + 1) {
      std::this_thread::yield();
    }
    both_blind += nothing && !seen_flag;
    EXPECT_EQ(ring.pop(), &item);
    round.store(2 * i + 2);
  }
  publisher.join();
  EXPECT_EQ(both_blind, 0);
}

}  // namespace
}  // namespace pollux
