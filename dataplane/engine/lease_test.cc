#include "dataplane/engine/lease.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

ShardSet set_of(std::initializer_list<int> shards) {
  ShardSet set;
  for (const int shard : shards) {
    set.add(ShardId{static_cast<uint16_t>(shard)});
  }
  return set;
}

bool may_park(const LeaseRing& ring, uint64_t ticket, const ShardSet& shards) {
  uint64_t passed = ring.first_rival(ticket);
  return ring.may_park(ticket, shards, passed);
}

TEST(ShardSetTest, HoldsShardsOfAnyNumber) {
  const ShardSet set = set_of({0, 63, 64, 255});
  EXPECT_EQ(set.count(), 4);
  EXPECT_TRUE(set.has(ShardId{64}));
  EXPECT_FALSE(set.has(ShardId{65}));
  EXPECT_EQ(ShardSet::all(100).count(), 100);
}

TEST(LeaseRingTest, ALeaseWaitsForOlderOnesThatOverlap) {
  LeaseRing ring(4);
  const uint64_t first = ring.claim();
  const uint64_t second = ring.claim();
  const uint64_t third = ring.claim();
  ASSERT_TRUE(ring.publish(first, set_of({0, 1})));
  ASSERT_TRUE(ring.publish(second, set_of({1, 2})));
  ASSERT_TRUE(ring.publish(third, set_of({3})));
  EXPECT_TRUE(may_park(ring, first, set_of({0, 1})));
  EXPECT_FALSE(may_park(ring, second, set_of({1, 2})));
  EXPECT_TRUE(may_park(ring, third, set_of({3})));
  ring.release(first, {});
  EXPECT_TRUE(may_park(ring, second, set_of({1, 2})));
}

TEST(LeaseRingTest, ALeaseWaitsForOlderOnesThatHaveNotSaidTheirShards) {
  LeaseRing ring(4);
  const uint64_t first = ring.claim();
  const uint64_t second = ring.claim();
  ASSERT_TRUE(ring.publish(second, set_of({1})));
  EXPECT_FALSE(may_park(ring, second, set_of({1})));
  ASSERT_TRUE(ring.publish(first, set_of({0})));
  EXPECT_TRUE(may_park(ring, second, set_of({1})));
}

TEST(LeaseRingTest, OneThatIsWithdrawnKeepsNobodyWaiting) {
  LeaseRing ring(2);
  const uint64_t first = ring.claim();
  const uint64_t second = ring.claim();
  ASSERT_TRUE(ring.publish(first, set_of({0, 1})));
  ASSERT_TRUE(ring.publish(second, set_of({0, 1})));
  ring.acknowledge(first, {});
  EXPECT_FALSE(ring.released(first));
  EXPECT_FALSE(may_park(ring, second, set_of({0, 1})));
  ring.withdraw(first);
  EXPECT_TRUE(ring.released(first)) << "for who has acknowledged";
  EXPECT_TRUE(may_park(ring, second, set_of({0, 1})));
  ring.release(second, {});
  // Its slot is not used again before who comes late has acknowledged, too.
  uint64_t same_slot = ring.claim();
  while (same_slot % 4 != first % 4) {
    same_slot = ring.claim();
  }
  EXPECT_FALSE(ring.may_publish(same_slot));
  ring.acknowledge(first, {});
  EXPECT_TRUE(ring.granted(first, 2));
  ring.release(first, {});
  EXPECT_TRUE(ring.may_publish(same_slot));
}

TEST(LeaseRingTest, ASlotIsReusedOnlyAfterItsLeaseIsOver) {
  LeaseRing ring(2);  // 4 slots
  for (uint64_t ticket = 0; ticket < 4; ++ticket) {
    ASSERT_EQ(ring.claim(), ticket);
    ASSERT_TRUE(ring.publish(ticket, set_of({static_cast<int>(ticket)})));
  }
  const uint64_t fifth = ring.claim();
  EXPECT_FALSE(ring.may_publish(fifth));
  EXPECT_FALSE(ring.publish(fifth, set_of({0})));
  ring.release(0, {});
  EXPECT_TRUE(ring.publish(fifth, set_of({0})));
  EXPECT_TRUE(ring.released(0));
  EXPECT_FALSE(ring.released(fifth));
}

TEST(LeaseRingTest, TheLatestClockOfAllTravelsWithTheLease) {
  LeaseRing ring(4);
  const uint64_t ticket = ring.claim();
  ASSERT_TRUE(ring.publish(ticket, set_of({1, 2})));
  ring.acknowledge(ticket, Instant{50});
  EXPECT_FALSE(ring.granted(ticket, 2));
  ring.acknowledge(ticket, Instant{70});
  EXPECT_TRUE(ring.granted(ticket, 2));
  EXPECT_EQ(ring.latest_now(ticket, Instant{60}).us, 70);
  EXPECT_EQ(ring.latest_now(ticket, Instant{80}).us, 80);
  ring.release(ticket, Instant{90});
  EXPECT_EQ(ring.latest_now(ticket, Instant{10}).us, 90);
}

// Coordinators that take their steps in random order: holds never overlap, nobody waits for ever.
TEST(LeaseRingTest, RandomStepsNeverLetTwoHoldAShardAndAlwaysEnd) {
  Rng rng(5);
  constexpr int kWorkers = 5;
  constexpr int kLeases = 4000;
  struct Coordinator {
    enum class Step { kIdle, kClaimed, kPublished, kHolding } step = Step::kIdle;
    uint64_t ticket = 0;
    uint64_t passed = 0;
    ShardSet shards;
  };
  LeaseRing ring(kWorkers);
  std::vector<Coordinator> all(kWorkers);
  std::set<int> held;
  int granted = 0;
  int idle_steps = 0;
  while (granted < kLeases) {
    Coordinator& one = all[rng.below(kWorkers)];
    ASSERT_LT(++idle_steps, 10'000) << "no lease moves";
    switch (one.step) {
      case Coordinator::Step::kIdle:
        one.shards = {};
        for (int i = 0; i < kWorkers; ++i) {
          if (rng.below(2) == 0) {
            one.shards.add(ShardId{static_cast<uint16_t>(i)});
          }
        }
        one.ticket = ring.claim();
        one.passed = ring.first_rival(one.ticket);
        one.step = Coordinator::Step::kClaimed;
        break;
      case Coordinator::Step::kClaimed:
        if (ring.publish(one.ticket, one.shards)) {
          one.step = Coordinator::Step::kPublished;
        }
        break;
      case Coordinator::Step::kPublished:
        if (!ring.may_park(one.ticket, one.shards, one.passed)) {
          break;
        }
        for (int i = 0; i < kWorkers; ++i) {
          if (one.shards.has(ShardId{static_cast<uint16_t>(i)})) {
            ASSERT_TRUE(held.insert(i).second) << "two hold shard " << i;
          }
        }
        one.step = Coordinator::Step::kHolding;
        ++granted;
        idle_steps = 0;
        break;
      case Coordinator::Step::kHolding:
        for (int i = 0; i < kWorkers; ++i) {
          if (one.shards.has(ShardId{static_cast<uint16_t>(i)})) {
            held.erase(i);
          }
        }
        ring.release(one.ticket, {});
        one.step = Coordinator::Step::kIdle;
        break;
    }
  }
}

}  // namespace
}  // namespace pollux
