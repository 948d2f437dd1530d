#include "src/base/ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "src/base/rng.h"

namespace pollux {
namespace {

TEST(SpscRingTest, StagedItemsAreHiddenUntilPublished) {
  SpscRing<int> ring(4);
  int out = 0;
  EXPECT_TRUE(ring.stage(1));
  EXPECT_TRUE(ring.has_staged());
  EXPECT_TRUE(ring.empty());
  EXPECT_FALSE(ring.pop(out));
  ring.publish();
  EXPECT_FALSE(ring.has_staged());
  EXPECT_FALSE(ring.empty());
  ASSERT_TRUE(ring.pop(out));
  EXPECT_EQ(out, 1);
  EXPECT_TRUE(ring.empty());
}

TEST(SpscRingTest, AFullRingRefusesUntilAnItemIsTaken) {
  SpscRing<int> ring(2);
  EXPECT_TRUE(ring.stage(1));
  EXPECT_TRUE(ring.stage(2));
  EXPECT_FALSE(ring.stage(3));
  ring.publish();
  int out = 0;
  EXPECT_TRUE(ring.pop(out));
  EXPECT_TRUE(ring.stage(3));
  EXPECT_FALSE(ring.stage(4));
}

TEST(SpscRingTest, RandomStepsEqualTwoQueues) {
  Rng rng(6);
  SpscRing<int> ring(8);
  std::deque<int> staged;
  std::deque<int> visible;
  int next = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (rng.below(3)) {
      case 0: {
        const bool room = staged.size() + visible.size() < 8;
        ASSERT_EQ(ring.stage(next), room);
        if (room) {
          staged.push_back(next++);
        }
        break;
      }
      case 1:
        ring.publish();
        visible.insert(visible.end(), staged.begin(), staged.end());
        staged.clear();
        break;
      default: {
        int out = -1;
        ASSERT_EQ(ring.pop(out), !visible.empty());
        if (!visible.empty()) {
          ASSERT_EQ(out, visible.front());
          visible.pop_front();
        }
        break;
      }
    }
    ASSERT_EQ(ring.empty(), visible.empty());
  }
}

TEST(SpscRingTest, TwoThreadsLoseNothingAndKeepOrder) {
  constexpr uint64_t kItems = 200'000;
  SpscRing<uint64_t> ring(64);
  std::thread producer([&ring] {
    Rng rng(7);
    for (uint64_t i = 0; i < kItems; ++i) {
      while (!ring.stage(i)) {
        ring.publish();
        std::this_thread::yield();
      }
      if (rng.below(8) == 0) {
        ring.publish();
      }
    }
    ring.publish();
  });
  for (uint64_t expected = 0; expected < kItems;) {
    uint64_t out = 0;
    if (!ring.pop(out)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(out, expected);
    ++expected;
  }
  producer.join();
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace pollux
