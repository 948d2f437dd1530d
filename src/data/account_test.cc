// The account of a shard against what the allocator says, through everything that can happen to
// the keys: used_bytes is within 2 % of it at any time (and a few blocks of fixed size).
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "src/data/hash_value.h"
#include "src/data/keyspace.h"

namespace pollux {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
// Slabs of the key table that wait for another size, a spare chunk, the allocator's cache.
constexpr int64_t kFixed = 5 << 20;

class AccountTest : public testing::Test {
 protected:
  AccountTest() { keys_.bind(ShardId{0}, 0, now_); }

  void set(uint64_t number, size_t value_bytes) {
    const std::string name = "key:" + std::to_string(number);
    Edit edit(keys_, Key::of(name));
    edit.set_string(std::string(value_bytes, 'v'));
    edit.notify(KeyEvent::kSet);
  }
  void remove(uint64_t number) {
    const std::string name = "key:" + std::to_string(number);
    Edit edit(keys_, Key::of(name));
    if (edit.entry() != nullptr) {
      edit.remove();
      edit.notify(KeyEvent::kDel);
    }
  }
  void check(const char* when) {
    const int64_t used = store_.used_bytes();
    const int64_t measured = store_.measured_bytes();
    ASSERT_LE(std::abs(used - measured), measured / 50 + kFixed)
        << when << ": account " << used << ", allocator " << measured;
    ASSERT_LE(store_.live_bytes(), used);
    ASSERT_LE(store_.live_bytes(), store_.weighed_bytes());
    worst_ = std::max(worst_, std::abs(used - measured));
  }
  // change(HashEditor&) of a hash; one that is empty then goes.
  template <typename Change>
  void edit_hash(const std::string& name, Change change) {
    Edit edit(keys_, Key::of(name));
    HashEditor hash(edit, limits_);
    change(hash);
    if (edit.entry() != nullptr && hash.size() == 0) {
      edit.remove();
    }
    edit.notify(KeyEvent::kHSet);
  }
  // Time goes by, and all that it ends goes.
  void expire_by(int64_t ms) {
    now_.us += ms * 1'000;
    keys_.bind(ShardId{0}, 0, now_);
    while (store_.tick(now_, 200)) {
      check("expiry");
    }
  }
  // A turn of a worker: commands, then background work. Slices are of time, and a build with a
  // sanitizer gets a twentieth done in one: it takes more of them, so that no test is one of speed.
  void turn() {
    for (int slices = 0; slices < 50 && store_.tick(now_, 200); ++slices) {
    }
  }

  ShardStore store_{ShardId{0}, 16};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  EncodingLimits limits_;
  Instant now_{kStartMs * 1000};
  Rng rng_{7};
  int64_t worst_ = 0;
};

constexpr uint64_t kKeys = 400'000;
constexpr int kPerTurn = 256;

TEST_F(AccountTest, GrowthChurnDeletionFlush) {
  const auto some_size = [this] {
    return rng_.below(10) == 0 ? rng_.below(3'000) : rng_.below(300);
  };
  for (uint64_t i = 0; i < kKeys; ++i) {
    set(i, some_size());
    if (i % kPerTurn == 0) {
      turn();
    }
    if (i % 20'000 == 0) {
      check("growth");
    }
  }
  for (uint64_t i = 0; i < kKeys; ++i) {
    set(rng_.below(kKeys), some_size());
    if (i % kPerTurn == 0) {
      turn();
    }
    if (i % 20'000 == 0) {
      check("churn");
    }
  }
  // All but one in 32, in any order: without compaction nearly every page would stay.
  for (uint64_t i = 0; i < kKeys; ++i) {
    const uint64_t number = i * 7'919 % kKeys;
    if (number % 32 != 0) {
      remove(number);
    }
    if (i % kPerTurn == 0) {
      turn();
    }
    if (i % 20'000 == 0) {
      check("deletion");
    }
  }
  store_.tick(now_, INT64_MAX);
  check("after deletion");
  EXPECT_LE(store_.used_bytes(), store_.live_bytes() + store_.live_bytes() / 50 + (1 << 20));
  EXPECT_GT(store_.stats().moved_blocks, 0U);
  for (uint64_t i = 0; i < kKeys; ++i) {
    set(i, some_size());
  }
  store_.flush(0);
  for (bool more = true; more;) {
    more = store_.tick(now_, 200);
    check("flush");
  }
  EXPECT_EQ(store_.used_bytes(), store_.live_bytes());
}

// Whatever is left of however many keys: the tick comes to an end, what is hollow then is bounded,
// and a shard that is left alone does nothing more.
TEST_F(AccountTest, CompactionEndsOnAnIdleShard) {
  for (const uint64_t kept : {2U, 3U, 8U, 50U, 2'000U}) {
    for (const uint64_t keys : {1'000U, 30'000U, 150'000U}) {
      const size_t sizes = kept == 3 ? 1 : 400;
      for (uint64_t i = 0; i < keys; ++i) {
        set(i, 40 + rng_.below(sizes));
      }
      for (uint64_t i = 0; i < keys; ++i) {
        if (rng_.below(kept) != 0) {
          remove(i);
        }
      }
      for (int ticks = 0; store_.tick(now_, 100); ++ticks) {
        ASSERT_LT(ticks, 20'000) << keys << " keys, one in " << kept << " kept";
      }
      const int64_t hollow = store_.used_bytes() - store_.live_bytes();
      EXPECT_LE(hollow, store_.live_bytes() / 50 + (1 << 20)) << keys << ", " << kept;
      const uint64_t moved = store_.stats().moved_blocks;
      const int64_t mapped = store_.mapped_bytes();
      for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(store_.tick(now_, 100));
      }
      EXPECT_EQ(store_.stats().moved_blocks, moved);
      EXPECT_EQ(store_.mapped_bytes(), mapped);
    }
  }
}

// What the limit weighs is what is in use when the tick has done all it can, in shards of any size;
// and what is given up for nothing is no more than a page of each size and what is tolerated.
TEST_F(AccountTest, WhatIsWeighedIsWhatStays) {
  EvictionRules rules{.policy = EvictionPolicy::kAllkeysLru};
  uint64_t next = 0;
  for (const uint64_t sizes : {1U, 10U, 500U}) {
    const auto classes = static_cast<int64_t>(sizes / EntryHeap::kUnit + 2);
    for (const int64_t limit : {256 << 10, 1 << 20, 8 << 20}) {
      constexpr int64_t kPage = EntryHeap::kPageBytes;
      const int64_t tolerated = limit / 96 + std::min<int64_t>(8, limit / kPage / 64 + 1) * kPage;
      const int64_t holes = classes * kPage + tolerated;
      for (int64_t written = 0; written < 3 * limit;) {
        const size_t bytes = 20 + rng_.below(sizes);
        set(next++, bytes);
        written += static_cast<int64_t>(bytes) + 30;
        while (store_.weighed_bytes() > limit) {
          ASSERT_TRUE(store_.evictor().evict(rules, now_));
        }
        if (next % kPerTurn == 0) {
          while (store_.tick(now_, INT64_MAX)) {
          }
          if (holes < limit / 3) {
            ASSERT_LE(store_.used_bytes(), limit) << sizes << " sizes";
          }
        }
      }
      while (store_.tick(now_, INT64_MAX)) {
      }
      if (holes < limit / 3) {
        ASSERT_LE(store_.used_bytes(), store_.weighed_bytes());
      } else {
        EXPECT_GE(store_.live_bytes(), limit * 2 / 3 - kPage);
      }
      EXPECT_GE(store_.live_bytes(), limit - classes * kPage - tolerated - kPage) << sizes;
    }
  }
}

// Entries of one size give way to entries of another: the pages of the old must become theirs.
TEST_F(AccountTest, EvictionMakesRoomForAnotherSize) {
  EvictionRules rules{.policy = EvictionPolicy::kAllkeysLru};
  uint64_t next = 0;
  int64_t limit = 0;
  uint64_t evicted = 0;
  for (const size_t bytes : {32U, 100U, 400U, 16U}) {
    for (int i = 0; i < 300'000; ++i) {
      now_.us += 100;
      keys_.bind(ShardId{0}, 0, now_);
      set(next++, bytes);
      if (next == 300'000) {
        limit = store_.live_bytes();
      }
      for (int tries = 0; limit > 0 && store_.live_bytes() > limit; ++tries) {
        ASSERT_LT(tries, 100) << "eviction that frees nothing";
        ASSERT_TRUE(store_.evictor().evict(rules, now_));
        ++evicted;
      }
      if (i % kPerTurn == 0) {
        turn();
        ASSERT_TRUE(limit == 0 || store_.used_bytes() <= limit + limit / 40)
            << store_.used_bytes() << " used of " << limit;
      }
    }
    check("another size");
  }
  // What was moved is paid for by what was freed.
  EXPECT_LE(store_.stats().moved_blocks, evicted + evicted / 10);
  RecordProperty("moved", std::to_string(store_.stats().moved_blocks));
  RecordProperty("evicted", std::to_string(evicted));
}

// Hashes of both forms whose fields get TTLs, lose them, and end, by the tick or with their hash.
// What is left over of anything adds up over the rounds, and is there still when all keys are gone.
TEST_F(AccountTest, TtlsOfFields) {
  constexpr int kRounds = 6;
  constexpr uint64_t kHashes = 2'000;
  constexpr uint64_t kLargeFields = 100'000;
  constexpr int64_t kLongMs = 1'000'000;
  const auto field_of = [](uint64_t number) { return "field:" + std::to_string(number); };
  const auto some_time = [this](int64_t within_ms) {
    return now_.ms() + 1 + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(within_ms)));
  };
  const auto change_field = [&](HashEditor& hash, uint64_t number) {
    const std::string field = field_of(number);
    const bool known = hash.view().contains(field);
    switch (rng_.below(8)) {
      case 0:
        hash.erase(field);
        break;
      case 1:
        if (known) {
          hash.set_expiry(field, -1);
        }
        break;
      case 2:
      case 3:
        if (known) {
          hash.set_expiry(field, some_time(rng_.below(2) == 0 ? 1'000 : kLongMs));
        }
        break;
      case 4:
        hash.set(field, std::string(rng_.below(700), 'v'), HashEditor::Ttl::kKept);
        break;
      default:
        hash.set(field, std::string(rng_.below(60), 'v'));
        hash.set_expiry(field, some_time(kLongMs));
        break;
    }
  };

  for (int round = 0; round < kRounds; ++round) {
    for (uint64_t i = 0; i < kLargeFields; ++i) {
      edit_hash("large", [&](HashEditor& hash) { change_field(hash, rng_.below(kLargeFields)); });
      const std::string name = "hash:" + std::to_string(rng_.below(kHashes));
      edit_hash(name, [&](HashEditor& hash) { change_field(hash, rng_.below(12)); });
      if (i % kPerTurn == 0) {
        now_.us += 1'000;
        keys_.bind(ShardId{0}, 0, now_);
        turn();
      }
      if (i % 10'000 == 0) {
        check("fields");
      }
    }
    // COPY, which is also what another shard gets; and the copy goes, with all its TTLs.
    for (const std::string& name : {std::string("large"), std::string("hash:1")}) {
      const std::string copy = "copy of " + name;
      Edit edit(keys_, Key::of(copy));
      if (const Entry* const source = keys_.peek(Key::of(name))) {
        edit.copy(*source);
      }
      edit.notify(KeyEvent::kCopyTo);
      check("a copy");
    }
    expire_by(500);
    for (const char* const name : {"copy of large", "copy of hash:1"}) {
      Edit edit(keys_, Key::of(name));
      if (edit.entry() != nullptr) {
        edit.remove();
      }
      edit.notify(KeyEvent::kDel);
    }
    expire_by(kLongMs / 4);
  }
  EXPECT_GT(store_.counts(0).keys, 1U);
  // All that may end does; what is left goes by name, then nothing is in use.
  expire_by(2 * kLongMs);
  check("what has no TTL");
  for (uint64_t i = 0; i < kLargeFields; ++i) {
    edit_hash("large", [&](HashEditor& hash) { hash.erase(field_of(i)); });
    if (i < kHashes) {
      edit_hash("hash:" + std::to_string(i), [&](HashEditor& hash) {
        for (uint64_t field = 0; field < 12; ++field) {
          hash.erase(field_of(field));
        }
      });
    }
  }
  expire_by(1);
  EXPECT_EQ(store_.counts(0).keys, 0U);
  store_.flush(0);
  expire_by(1);
  EXPECT_EQ(store_.live_bytes(), 0);
  EXPECT_EQ(store_.used_bytes(), 0);
}

}  // namespace
}  // namespace pollux
