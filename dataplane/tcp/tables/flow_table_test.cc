#include "dataplane/tcp/tables/flow_table.h"

#include <gtest/gtest.h>

#include <unordered_map>
#include <vector>

#include "dataplane/tcp/tables/siphash.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr SipKey kKey{1, 2};

// A flow for a number, some of IPv4, some of IPv6.
Flow flow_of(uint32_t number) {
  Flow flow{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a010000 + (number >> 12)), 6379,
            static_cast<uint16_t>(1024 + (number & 0xfff))};
  if (number % 5 == 0) {
    flow.remote.bytes[0] = 0x20;
  }
  return flow;
}

// Connections at the indices 0 to n-1, of the flow with that number. A mask over hashes makes
// collisions: bits that it lacks are the same for all.
class Connections {
 public:
  explicit Connections(size_t count, uint64_t hash_mask = ~uint64_t{0}) : mask_(hash_mask) {
    for (uint32_t i = 0; i < count; ++i) {
      flows_.push_back(flow_of(i));
    }
  }
  const Flow& flow(uint32_t index) const { return flows_[index]; }
  uint64_t hash_of(const Flow& flow) const { return flow_hash(kKey, flow) & mask_; }

  bool is(uint32_t index, const Flow& flow) const { return same_flow(flows_[index], flow); }
  uint64_t hash(uint32_t index) const { return hash_of(flows_[index]); }
  void prefetch(uint32_t index) const { pollux::prefetch(&flows_[index]); }

 private:
  const uint64_t mask_;
  std::vector<Flow> flows_;
};

using Table = FlowTable<Connections>;

uint32_t find(const Table& table, const Connections& connections, uint32_t number) {
  const Flow flow = flow_of(number);
  return table.find(connections.hash_of(flow), flow);
}

TEST(FlowTableTest, Empty) {
  const Connections connections(1);
  Table table(connections, 100);
  EXPECT_EQ(find(table, connections, 0), kNoIndex);
  EXPECT_FALSE(table.erase(connections.hash(0), 0));
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.bytes(), 4096U) << "a page";
}

TEST(FlowTableTest, FindsWhatIsThereUntilItIsErased) {
  const Connections connections(3);
  Table table(connections, 100);
  ASSERT_TRUE(table.insert(connections.hash(1), 1));
  EXPECT_EQ(find(table, connections, 1), 1U);
  EXPECT_EQ(find(table, connections, 2), kNoIndex);
  EXPECT_TRUE(table.erase(connections.hash(1), 1));
  EXPECT_EQ(find(table, connections, 1), kNoIndex);
  EXPECT_FALSE(table.erase(connections.hash(1), 1));
}

TEST(FlowTableTest, OnlyTheWholeFlowCounts) {
  const Connections connections(2, 0);  // all hashes are the same
  Table table(connections, 100);
  ASSERT_TRUE(table.insert(0, 0));
  EXPECT_EQ(find(table, connections, 1), kNoIndex);
  ASSERT_TRUE(table.insert(0, 1));
  EXPECT_EQ(find(table, connections, 0), 0U);
  EXPECT_EQ(find(table, connections, 1), 1U);
  EXPECT_FALSE(table.erase(0, 7));  // of the same hash, but not there
}

TEST(FlowTableTest, SameFlowIsEquality) {
  const Flow flow = flow_of(5);
  for (size_t bit = 0; bit < 8 * sizeof(Flow); ++bit) {
    Flow other = flow;
    EXPECT_TRUE(same_flow(flow, other));
    reinterpret_cast<uint8_t*>(&other)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(same_flow(flow, other));
    EXPECT_FALSE(flow == other);
  }
}

TEST(FlowTableTest, FullSaysSoAndChangesNothing) {
  const Connections connections(41);
  Table table(connections, 40);
  for (uint32_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(table.insert(connections.hash(i), i));
  }
  EXPECT_FALSE(table.insert(connections.hash(40), 40));
  EXPECT_EQ(table.size(), 40U);
  EXPECT_EQ(find(table, connections, 40), kNoIndex);
  EXPECT_TRUE(table.erase(connections.hash(7), 7));
  EXPECT_TRUE(table.insert(connections.hash(40), 40));
  table.check();
}

TEST(FlowTableTest, OfFixedSizeNeverMoves) {
  const Connections connections(1000);
  Table table(connections, 1000, 1000);
  const size_t bytes = table.bytes();
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(table.insert(connections.hash(i), i));
    ASSERT_FALSE(table.moving());
  }
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(table.erase(connections.hash(i), i));
    ASSERT_FALSE(table.moving());
  }
  EXPECT_EQ(table.bytes(), bytes);
}

TEST(FlowTableTest, MovesInSlicesAndIsRightAllTheWay) {
  constexpr uint32_t kCount = 20'000;
  const Connections connections(kCount + 1);
  Table table(connections, kCount);
  size_t moves = 0;
  bool moving = false;
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(table.insert(connections.hash(i), i));
    moves += table.moving() && !moving;
    moving = table.moving();
    if (i % 997 == 0) {
      table.check();
      for (uint32_t j = 0; j <= i; ++j) {
        ASSERT_EQ(find(table, connections, j), j);
      }
      ASSERT_EQ(find(table, connections, i + 1), kNoIndex);
    }
  }
  EXPECT_EQ(moves, 10U);
  EXPECT_LE(table.bytes(), kCount * 16);
  // Stops in the middle of a move down, and turns round.
  uint32_t left = kCount;
  while (!table.moving() || table.bytes() > 3 * 64 * 1024) {
    --left;
    ASSERT_TRUE(table.erase(connections.hash(left), left));
  }
  ASSERT_TRUE(table.moving());
  table.check();
  for (uint32_t i = left; i < kCount; ++i) {
    ASSERT_EQ(find(table, connections, i), kNoIndex);
    ASSERT_TRUE(table.insert(connections.hash(i), i));
  }
  table.check();
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(find(table, connections, i), i);
  }
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(table.erase(connections.hash(i), i));
  }
  for (uint32_t i = 0; table.bytes() > 4096 && i < kCount; ++i) {
    ASSERT_TRUE(table.insert(connections.hash(i), i));
    ASSERT_TRUE(table.erase(connections.hash(i), i));
  }
  EXPECT_EQ(table.bytes(), 4096U);
}

// Megabytes at once are milliseconds.
TEST(FlowTableTest, MemoryIsGivenBackInSlices) {
  constexpr uint32_t kCount = 150'000;
  const Connections connections(kCount);
  Table table(connections, kCount);
  size_t before = table.bytes();
  size_t slices = 0;
  const auto look = [&] {
    const size_t now = table.bytes();
    ASSERT_LE(before, now + FlowBuckets::kSliceBytes);
    slices += now < before;
    before = now;
  };
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(table.insert(connections.hash(i), i));
    look();
  }
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(table.erase(connections.hash(i), i));
    look();
  }
  EXPECT_GT(slices, 20U);
}

TEST(FlowTableTest, ABurstIsAsOneByOne) {
  const Connections connections(3000);
  Table table(connections, 3000);
  for (uint32_t i = 0; i < 3000; i += 2) {
    ASSERT_TRUE(table.insert(connections.hash(i), i));
  }
  for (uint32_t start = 0; start < 3000; start += 30) {
    std::vector<Flow> flows;
    std::vector<uint64_t> hashes;
    for (uint32_t i = start; i < start + 30; ++i) {
      flows.push_back(flow_of(i));
      hashes.push_back(connections.hash(i));
    }
    std::vector<uint32_t> found(30);
    table.find_burst(hashes, flows, found);
    for (uint32_t i = 0; i < 30; ++i) {
      ASSERT_EQ(found[i], (start + i) % 2 == 0 ? start + i : kNoIndex);
    }
  }
}

// What a burst found may be over when its turn comes.
TEST(FlowTableTest, ChangesAreCounted) {
  const Connections connections(3);
  Table table(connections, 2);
  const uint64_t before = table.changes();
  ASSERT_TRUE(table.insert(connections.hash(0), 0));
  ASSERT_TRUE(table.insert(connections.hash(1), 1));
  EXPECT_EQ(table.changes(), before + 2);
  EXPECT_FALSE(table.insert(connections.hash(2), 2));
  EXPECT_FALSE(table.erase(connections.hash(2), 2));
  EXPECT_EQ(table.changes(), before + 2) << "nothing happened";
  ASSERT_TRUE(table.erase(connections.hash(0), 0));
  EXPECT_EQ(table.changes(), before + 3);
}

struct Chance {
  uint64_t seed;
  uint64_t hash_mask;
  uint32_t flows;
};

class FlowTableOracleTest : public testing::TestWithParam<Chance> {};

// Against std::unordered_map, in phases that mostly insert or mostly erase, so that the table grows
// and shrinks, and turns round in the middle.
TEST_P(FlowTableOracleTest, Agrees) {
  const Chance& chance = GetParam();
  Rng rng(chance.seed);
  const Connections connections(chance.flows, chance.hash_mask);
  const size_t capacity_max = chance.flows - chance.flows / 8;
  Table table(connections, capacity_max);
  std::unordered_map<uint32_t, uint64_t> oracle;
  for (int phase = 0; phase < 40; ++phase) {
    const uint64_t insert_of_16 = rng.below(17);
    const uint64_t steps = rng.below(chance.flows * 2);
    for (uint64_t step = 0; step < steps; ++step) {
      const auto number = static_cast<uint32_t>(rng.below(chance.flows));
      const bool there = oracle.contains(number);
      ASSERT_EQ(find(table, connections, number), there ? number : kNoIndex);
      if (rng.below(16) < insert_of_16) {
        if (!there) {
          const bool room = oracle.size() < capacity_max;
          ASSERT_EQ(table.insert(connections.hash(number), number), room);
          if (room) {
            oracle.emplace(number, 0);
          }
        }
      } else {
        ASSERT_EQ(table.erase(connections.hash(number), number), there);
        oracle.erase(number);
      }
      ASSERT_EQ(table.size(), oracle.size());
    }
    table.check();
    for (uint32_t number = 0; number < chance.flows; ++number) {
      ASSERT_EQ(find(table, connections, number), oracle.contains(number) ? number : kNoIndex);
    }
  }
}

constexpr uint64_t kAll = ~uint64_t{0};
INSTANTIATE_TEST_SUITE_P(, FlowTableOracleTest,
                         testing::Values(Chance{1, kAll, 5000}, Chance{2, kAll, 5000},
                                         Chance{3, kAll, 30}, Chance{4, kAll, 200},
                                         Chance{5, kAll << 16, 3000},  // one tag
                                         Chance{6, kAll >> 2, 400},    // homes in the first quarter
                                         Chance{7, kAll >> 1 | 1, 400},  // homes in the first half
                                         Chance{8, kAll << 60, 600},     // sixteen homes, one tag
                                         Chance{9, 0, 300},              // one hash
                                         Chance{10, 0xffff, 300},        // one home
                                         Chance{11, kAll << 62 | 3, 300}),  // four homes, four tags
                         [](const auto& info) { return "Seed" + std::to_string(info.param.seed); });

}  // namespace
}  // namespace pollux::tcp
