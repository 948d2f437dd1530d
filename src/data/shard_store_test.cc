#include "src/data/shard_store.h"

#include <gtest/gtest.h>

#include <climits>
#include <map>
#include <set>
#include <string>

#include "src/base/time.h"
#include "src/data/keyspace.h"

namespace pollux {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;

class ShardStoreTest : public testing::Test {
 protected:
  ShardStoreTest() { keys_.bind(ShardId{0}, 0, now_); }

  void set(const std::string& key, std::string_view value, int64_t at_ms = -1) {
    Edit edit(keys_, Key::of(key));
    edit.set_string(value);
    if (at_ms != -1) {
      edit.set_expiry(at_ms);
    }
    edit.notify(KeyEvent::kSet);
  }
  void fill(int count, int64_t at_ms = -1) {
    for (int i = 0; i < count; ++i) {
      set("key:" + std::to_string(i), "value", at_ms);
    }
  }
  Instant at(int64_t ms) const { return Instant{ms * 1000}; }

  ShardStore store_{ShardId{0}, 16};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{kStartMs * 1000};
};

TEST_F(ShardStoreTest, StartsWithNothing) {
  EXPECT_EQ(store_.used_bytes(), 0);
  EXPECT_EQ(store_.key_count(3), 0U);
  EXPECT_EQ(store_.next_expiry_ms(), INT64_MAX);
  EXPECT_EQ(store_.scan(0, 0, 10, now_, [](const Entry&) {}), 0U);
  Rng rng(1);
  EXPECT_EQ(store_.random(0, rng, now_), nullptr);
}

TEST_F(ShardStoreTest, FlushEmptiesAtOnceAndFreesInSlices) {
  fill(50'000);
  set("big", std::string(1 << 20, 'b'));
  const int64_t used = store_.used_bytes();
  EXPECT_EQ(store_.flush(0), 50'001U);
  EXPECT_EQ(store_.key_count(0), 0U);
  EXPECT_EQ(store_.used_bytes(), used);
  EXPECT_EQ(store_.live_bytes(), 0);
  set("key:1", "new");
  int slices = 0;
  while (store_.tick(now_, 20)) {
    ++slices;
  }
  EXPECT_GT(slices, 10);
  EXPECT_LT(store_.used_bytes(), 20'000);
  EXPECT_NE(keys_.peek(Key::of("key:1")), nullptr);
  EXPECT_EQ(store_.dying_bytes(), 0);
}

TEST_F(ShardStoreTest, WhatIsDeletedIsNoLongerAlive) {
  fill(1'000);
  const int64_t small = store_.live_bytes();
  set("big", std::string(1 << 20, 'b'));
  const int64_t used = store_.used_bytes();
  {
    Edit edit(keys_, Key::of("big"));
    edit.remove();
    edit.notify(KeyEvent::kDel);
  }
  EXPECT_GT(store_.used_bytes(), used - 20'000);  // freed by tick
  EXPECT_EQ(store_.live_bytes(), small);
  // One of two databases: about its share.
  keys_.bind(ShardId{0}, 1, now_);
  fill(3'000);
  const int64_t both = store_.live_bytes();
  store_.flush(1);
  EXPECT_GT(store_.live_bytes(), 0);
  EXPECT_LT(store_.live_bytes(), both / 2);
  store_.tick(now_, INT64_MAX);
  EXPECT_EQ(store_.live_bytes(), small);
  EXPECT_LT(store_.used_bytes(), small + static_cast<int64_t>(EntryHeap::kPageBytes));
}

TEST_F(ShardStoreTest, TickRemovesWhatIsDueAndNothingElse) {
  fill(1'000, kStartMs + 50);
  set("later", "v", kStartMs + 51);
  set("never", "v");
  EXPECT_LE(store_.next_expiry_ms(), kStartMs + 51);
  store_.tick(at(kStartMs + 50), INT64_MAX);
  EXPECT_EQ(store_.key_count(0), 1'002U);
  EXPECT_EQ(store_.next_expiry_ms(), kStartMs + 51);
  EXPECT_FALSE(store_.tick(at(kStartMs + 51), INT64_MAX));
  EXPECT_EQ(store_.key_count(0), 2U);
  EXPECT_EQ(store_.stats().expired_keys, 1'000U);
  EXPECT_EQ(store_.stats().expired_by_access, 0U);
  EXPECT_EQ(store_.next_expiry_ms(), kStartMs + 52);
}

TEST_F(ShardStoreTest, ASliceOfExpiryKeepsItsBudget) {
  fill(50'000, kStartMs + 1);
  int slices = 1;
  while (store_.tick(at(kStartMs + 100), 50)) {
    ++slices;
  }
  EXPECT_GT(slices, 20);
  EXPECT_EQ(store_.key_count(0), 0U);
}

TEST_F(ShardStoreTest, ActiveExpiryCanBeSwitchedOff) {
  fill(10, kStartMs + 1);
  store_.set_active_expiry(false);
  EXPECT_EQ(store_.next_expiry_ms(), INT64_MAX);
  store_.tick(at(kStartMs + 100), INT64_MAX);
  EXPECT_EQ(store_.key_count(0), 10U);
  store_.set_active_expiry(true);
  store_.tick(at(kStartMs + 100), INT64_MAX);
  EXPECT_EQ(store_.key_count(0), 0U);
}

TEST_F(ShardStoreTest, ScanSkipsTheExpired) {
  fill(100, kStartMs + 1);
  set("alive", "v");
  std::set<std::string> seen;
  uint64_t cursor = 0;
  do {
    cursor = store_.scan(0, cursor, 7, at(kStartMs + 2),
                         [&seen](const Entry& entry) { seen.emplace(entry.key()); });
  } while (cursor != 0);
  EXPECT_EQ(seen, std::set<std::string>{"alive"});
  Rng rng(2);
  EXPECT_EQ(store_.random(0, rng, at(kStartMs + 2))->key(), "alive");
}

TEST_F(ShardStoreTest, SwapsTimesAlongWithKeys) {
  set("a", "v", kStartMs + 10);
  store_.swap_databases(0, 5);
  EXPECT_EQ(store_.key_count(0), 0U);
  EXPECT_EQ(store_.counts(5).keys_with_expiry, 1U);
  store_.tick(at(kStartMs + 11), INT64_MAX);
  EXPECT_EQ(store_.key_count(5), 0U);
}

TEST_F(ShardStoreTest, AverageTimeToLive) {
  store_.tick(now_, 0);
  set("a", "v", kStartMs + 100);
  set("b", "v", kStartMs + 300);
  EXPECT_DOUBLE_EQ(store_.counts(0).avg_ttl_ms, 200);
}

TEST_F(ShardStoreTest, AnEntryOfTheTargetSizeTakesAtMost72Bytes) {
  const std::string value(32, 'v');
  constexpr int kKeys = 300'000;
  for (int i = 0; i < kKeys; ++i) {
    std::string key = std::to_string(i);
    key.insert(0, 16 - key.size(), 'k');
    set(key, value);
  }
  EXPECT_LE(static_cast<double>(store_.used_bytes()) / kKeys, 68.0);
}

TEST_F(ShardStoreTest, PrefetchOfAnythingIsHarmless) {
  fill(1'000);
  for (int i = 0; i < 2'000; ++i) {
    const Key key = Key::of("key:" + std::to_string(i));
    store_.prefetch_bucket(0, key.hash);
    store_.prefetch_entry(0, key.hash);
    store_.prefetch_entry(7, key.hash);
  }
}

}  // namespace
}  // namespace pollux
