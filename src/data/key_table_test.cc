#include "src/data/key_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

// How hashes are made: the table must be right with the worst of them.
enum class Spread { kUniform, kFewTags, kOnePrefix, kTopTags };

uint64_t make_hash(Spread spread, Rng& rng) {
  switch (spread) {
    case Spread::kUniform:
      return rng.next();
    case Spread::kFewTags:  // many keys share each of 16 tags
      return rng.below(16) << 60 | rng.below(1 << 20);
    case Spread::kOnePrefix:  // tags differ in their last 12 bits only
      return uint64_t{0xABCDE} << 44 | rng.below(uint64_t{1} << 44);
    case Spread::kTopTags:  // the end of the tag space, with the tag of free slots
      return ~uint64_t{0} - rng.below(uint64_t{1} << 34);
  }
  return 0;
}

class Table {
 public:
  KeyTable::Position find(uint64_t hash, Handle handle) const {
    return table_.find(hash, [handle](Handle there) { return there == handle; });
  }
  Handle insert(uint64_t hash) {
    const Handle handle = next_++;
    EXPECT_EQ(table_.insert(hash, handle).handle(), handle);
    hashes_[handle] = hash;
    return handle;
  }
  void erase(Handle handle) {
    const uint64_t hash = hashes_.at(handle);
    const KeyTable::Position position = find(hash, handle);
    ASSERT_TRUE(position);
    table_.erase(hash, position);
    hashes_.erase(handle);
  }
  Handle any(Rng& rng) const {
    auto it = hashes_.lower_bound(static_cast<Handle>(rng.below(next_)));
    return it == hashes_.end() ? hashes_.begin()->first : it->first;
  }
  // Both of the same size and all found.
  void compare() const {
    table_.check();
    ASSERT_EQ(table_.size(), hashes_.size());
    for (const auto& [handle, hash] : hashes_) {
      ASSERT_TRUE(find(hash, handle));
    }
  }
  int64_t used_bytes() const {
    return arena_.used_bytes() + pool_.used_bytes();
  }

  Arena arena_;
  CompactPool pool_{KeyTable::moved, nullptr};
  KeyTable table_{arena_, pool_};
  std::map<Handle, uint64_t> hashes_;
  Handle next_ = 1;
};

class KeyTableBySpread : public testing::TestWithParam<Spread> {};
INSTANTIATE_TEST_SUITE_P(Spreads, KeyTableBySpread,
                         testing::Values(Spread::kUniform, Spread::kFewTags, Spread::kOnePrefix,
                                         Spread::kTopTags));

TEST_P(KeyTableBySpread, BehavesAsAMapThroughGrowthAndShrinking) {
  Rng rng(7);
  Table table;
  for (int wave = 0; wave < 4; ++wave) {
    const size_t target = wave % 2 == 0 ? 1 + rng.below(8'000) : rng.below(50);
    table.table_.expect(rng.below(2) * rng.below(20'000));  // often wrong
    for (int step = 0; table.hashes_.size() != target; ++step) {
      const bool towards = rng.below(10) < 8;
      if ((table.hashes_.size() < target) == towards || table.hashes_.empty()) {
        table.insert(make_hash(GetParam(), rng));
      } else {
        table.erase(table.any(rng));
      }
      ASSERT_FALSE(table.find(make_hash(GetParam(), rng), table.next_));
      if (step % 512 == 0) {
        table.table_.check();
      }
    }
    table.compare();
  }
}

TEST_P(KeyTableBySpread, ScanVisitsWhatStaysExactlyOnce) {
  Rng rng(8);
  for (int round = 0; round < 4; ++round) {
    Table table;
    for (uint64_t i = rng.below(3000); i > 0; --i) {
      table.insert(make_hash(GetParam(), rng));
    }
    // Half of them stay; others come and go between the slices.
    std::set<Handle> stay;
    for (const auto& [handle, hash] : table.hashes_) {
      if (handle % 2 == 0) {
        stay.insert(handle);
      }
    }
    std::map<Handle, int> visits;
    uint64_t cursor = 0;
    const bool growing = round % 2 == 0;
    do {
      const uint64_t before = cursor;
      cursor = table.table_.scan(cursor, 10, [&visits](Handle handle) { ++visits[handle]; });
      ASSERT_TRUE(cursor == 0 || cursor > before);
      ASSERT_LT(cursor, uint64_t{1} << 32);
      for (uint64_t i = rng.below(growing ? 15 : 30); i > 0; --i) {
        if (growing) {
          table.insert(make_hash(GetParam(), rng));
        } else if (const Handle handle = table.any(rng); handle % 2 != 0) {
          table.erase(handle);
        }
      }
    } while (cursor != 0);
    for (Handle handle : stay) {
      ASSERT_EQ(visits[handle], 1);
    }
    for (const auto& [handle, count] : visits) {
      ASSERT_EQ(count, 1);
    }
  }
}

TEST_P(KeyTableBySpread, EmptyTakesNoMemory) {
  Rng rng(9);
  Table table;
  EXPECT_EQ(table.used_bytes(), 0);
  for (int i = 0; i < 20'000; ++i) {
    table.insert(make_hash(GetParam(), rng));
  }
  while (!table.hashes_.empty()) {
    table.erase(table.any(rng));
  }
  table.table_.check();
  EXPECT_EQ(table.used_bytes(), 0);
  EXPECT_EQ(table.table_.directory_size(), 1U);
}

TEST_P(KeyTableBySpread, DrainYieldsAllAndFreesAll) {
  Rng rng(10);
  Table table;
  for (int i = 0; i < 20'000; ++i) {
    table.insert(make_hash(GetParam(), rng));
  }
  std::set<Handle> drained;
  while (table.table_.drain_bucket([&drained](Handle handle, bool only_prefetch) {
    if (!only_prefetch) {
      EXPECT_TRUE(drained.insert(handle).second);
    }
  })) {
  }
  EXPECT_EQ(drained.size(), 20'000U);
  EXPECT_EQ(table.used_bytes(), 0);
}

TEST_P(KeyTableBySpread, RandomFindsEveryKey) {
  Rng rng(15);
  for (const Handle keys : {1U, 5U, 100U, 3'000U}) {
    Table table;
    for (Handle i = 0; i < keys; ++i) {
      table.insert(make_hash(GetParam(), rng));
    }
    std::set<Handle> found;
    for (Handle i = 0; i < 40 * keys; ++i) {
      found.insert(table.table_.random(rng));
    }
    EXPECT_EQ(found.size(), keys);
  }
}

TEST(KeyTable, ASecondTableOfTheSamePoolMovesAlong) {
  Rng rng(11);
  Table one;
  KeyTable two(one.arena_, one.pool_);
  std::vector<uint64_t> hashes;
  for (Handle i = 1; i <= 60'000; ++i) {
    one.insert(rng.next());
    hashes.push_back(rng.next());
    two.insert(hashes.back(), i);
  }
  while (!one.hashes_.empty()) {
    one.erase(one.any(rng));
  }
  two.check();
  for (Handle i = 1; i <= hashes.size(); ++i) {
    ASSERT_TRUE(two.find(hashes[i - 1], [i](Handle there) { return there == i; }));
  }
}

TEST(KeyTable, ReplaceKeepsThePlace) {
  Table table;
  table.insert(42);
  const uint64_t version = table.table_.version();
  table.table_.replace(table.find(42, 1), 77);
  EXPECT_TRUE(table.find(42, 77));
  EXPECT_EQ(table.table_.version(), version);
}

// Chi-square over the handles 1 to `keys`: mean keys - 1, variance twice that.
void expect_uniform(const KeyTable& table, size_t keys, size_t draws_each, Rng& rng) {
  std::vector<int> hits(keys + 1);
  for (size_t i = 0; i < keys * draws_each; ++i) {
    ++hits[table.random(rng)];
  }
  const auto expected = static_cast<double>(draws_each);
  double chi_square = 0;
  for (size_t i = 1; i <= keys; ++i) {
    chi_square += (hits[i] - expected) * (hits[i] - expected) / expected;
  }
  const auto degrees = static_cast<double>(keys - 1);
  EXPECT_LT(chi_square, degrees + 5 * std::sqrt(2 * degrees) + 5) << keys;
}

// From segments alike to a growth under way: at 14,600 some of 8 have split and the others have
// not, as some of 64 at 116,500. Then the directory has two slots for each that has not.
TEST(KeyTable, RandomIsUniform) {
  Rng rng(12);
  for (const Handle keys : {4'000U, 7'300U, 14'600U, 15'000U, 116'500U}) {
    Table table;
    for (Handle i = 0; i < keys; ++i) {
      table.insert(rng.next());
    }
    expect_uniform(table.table_, keys, std::min(100U, 2'000'000 / keys), rng);
  }
}

// Four in five stand in a quarter of the tag space, in segments of one slot of the directory each.
// Those of the others have many.
TEST(KeyTable, RandomIsUniformOverSegmentsOfUnevenDepths) {
  Rng rng(17);
  Table table;
  constexpr Handle kKeys = 20'000;
  for (Handle i = 0; i < kKeys; ++i) {
    table.insert(rng.next() >> (rng.below(4) == 0 ? 0 : 2));
  }
  expect_uniform(table.table_, kKeys, 100, rng);
}

// What mass deletion has left stands in segments that were made for more.
TEST(KeyTable, RandomIsUniformInAThinTable) {
  Rng rng(16);
  for (const size_t left : {2, 3, 5, 8, 20, 60, 128, 129, 300}) {
    Table table;
    std::vector<uint64_t> hashes;
    for (Handle i = 1; i <= 100'000; ++i) {
      hashes.push_back(rng.next());
      table.table_.insert(hashes.back(), i);
    }
    for (Handle i = 100'000; i > left; --i) {
      const uint64_t hash = hashes[i - 1];
      table.table_.erase(hash, table.table_.find(hash, [i](Handle there) { return there == i; }));
    }
    expect_uniform(table.table_, left, 1'000, rng);
  }
}

TEST(KeyTable, LargeDirectoriesGrowAndShrinkInSlices) {
  Rng rng(14);
  Arena arena;
  CompactPool pool(KeyTable::moved, nullptr);
  KeyTable table(arena, pool);
  constexpr Handle kKeys = 1'500'000;
  std::vector<uint64_t> hashes(kKeys + 1);
  for (Handle i = 1; i <= kKeys; ++i) {
    hashes[i] = rng.next();
    table.insert(hashes[i], i);
    if (i % 100'000 == 0) {
      table.check();
    }
  }
  EXPECT_GE(table.directory_size(), 1'024U);
  for (Handle i = kKeys; i > 0; --i) {
    table.erase(hashes[i], table.find(hashes[i], [i](Handle there) { return there == i; }));
    if (i % 100'000 == 0) {
      table.check();
    }
  }
  EXPECT_EQ(table.directory_size(), 1U);
  EXPECT_EQ(arena.used_bytes() + pool.used_bytes(), 0);
}

// What was foretold takes no more than what has grown by steps; a hint that is wrong, twice that.
TEST(KeyTable, WhatIsExpectedTakesNoMoreRoom) {
  for (const uint64_t entries : {300, 1'000, 1'700, 5'000, 60'000, 123'456}) {
    Rng rng(15);
    Table steps;
    Table foretold;
    Table misled;
    foretold.table_.expect(entries);
    misled.table_.expect(1'000'000'000);
    for (Handle i = 1; i <= entries; ++i) {
      const uint64_t hash = rng.next();
      for (Table* table : {&steps, &foretold, &misled}) {
        table->table_.insert(hash, i);
      }
    }
    foretold.table_.check();
    misled.table_.check();
    EXPECT_LE(foretold.used_bytes(), steps.used_bytes() * 23 / 20) << entries;
    EXPECT_LE(misled.used_bytes(), steps.used_bytes() * 2 + (16 << 10)) << entries;
  }
}

TEST(KeyTable, TakesAboutTenBytesAnEntryAtAnySize) {
  Rng rng(13);
  Table table;
  for (int i = 1; i <= 400'000; ++i) {
    table.table_.insert(rng.next(), static_cast<Handle>(i));
    if (i >= 50'000 && i % 10'000 == 0) {
      ASSERT_LT(static_cast<double>(table.used_bytes()) / i, 11.5) << i;
    }
  }
}

}  // namespace
}  // namespace pollux
