#include "src/data/eviction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/data/keyspace.h"

namespace pollux {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kTickUs = 62'500;  // of the LRU clock

EvictionRules rules_of(EvictionPolicy policy) {
  EvictionRules rules{.policy = policy};
  rules.access.kind = access_kind(policy);
  return rules;
}

// Notes which keys went.
class Recorder final : public ChangeObserver {
 public:
  void before(int, const Key&, const Entry* entry) override { ASSERT_NE(entry, nullptr); }
  void after(int db, const Key& key, KeyEvent event, const Entry* entry) override {
    ASSERT_EQ(event, KeyEvent::kEvicted);
    ASSERT_EQ(entry, nullptr);
    gone.push_back(std::to_string(db) + ":" + std::string(key.bytes));
  }
  void before_flush(int) override {}
  void before_swap(int, int) override {}
  std::vector<std::string> gone;
};

class EvictionTest : public testing::Test {
 protected:
  explicit EvictionTest(EvictionPolicy policy = EvictionPolicy::kAllkeysLru)
      : rules_(rules_of(policy)) {
    use(policy);
  }

  void use(EvictionPolicy policy) {
    rules_ = rules_of(policy);
    keys_.set_access(rules_.access);
  }
  void set(const std::string& key, int64_t ttl_ms = -1, int db = 0) {
    keys_.bind(ShardId{0}, db, now_);
    Edit edit(keys_, Key::of(key));
    edit.set_string("value");
    if (ttl_ms != -1) {
      edit.set_expiry(now_.ms() + ttl_ms);
    }
    edit.notify(KeyEvent::kSet);
  }
  void get(const std::string& key) {
    keys_.bind(ShardId{0}, 0, now_);
    keys_.find(Key::of(key));
  }
  static std::string name(int number) { return "key:" + std::to_string(number); }
  bool evict() { return store_.evictor().evict(rules_, now_); }
  std::vector<std::string> evict_many(int count) {
    Recorder recorder;
    store_.set_observer(&recorder);
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(evict());
    }
    store_.set_observer(nullptr);
    return recorder.gone;
  }
  // Of the evicted keys ("0:key:N"), how many have N below `bound`.
  static double share_below(const std::vector<std::string>& gone, int bound) {
    const auto below = std::count_if(gone.begin(), gone.end(), [bound](const std::string& key) {
      return std::stoi(key.substr(6)) < bound;
    });
    return static_cast<double>(below) / static_cast<double>(gone.size());
  }

  EvictionRules rules_;
  ShardStore store_{ShardId{0}, 16};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{kStartMs * 1000};
};

TEST_F(EvictionTest, NothingGoesFromAnEmptyShardNorWithoutAPolicy) {
  EXPECT_FALSE(evict());
  EXPECT_EQ(store_.evictor().coldness(rules_, now_), Evictor::kNothing);
  set("k");
  EXPECT_TRUE(store_.evictor().may_evict(rules_));
  use(EvictionPolicy::kNoEviction);
  EXPECT_FALSE(store_.evictor().may_evict(rules_));
  EXPECT_FALSE(evict());
}

TEST_F(EvictionTest, LruTakesTheKeysThatWereNotUsedForLong) {
  constexpr int kKeys = 20'000;
  for (int i = 0; i < kKeys; ++i) {
    set(name(i));
  }
  // Used again in another order than they came in: key i is the i-th coldest.
  for (int i = 0; i < kKeys; ++i) {
    now_.us += kTickUs;
    get(name(i));
  }
  // The exact order would take keys below 2,000 only. Best of 5 would take half of them from
  // above 2,600; the pool does better.
  const std::vector<std::string> gone = evict_many(2'000);
  EXPECT_GT(share_below(gone, 4'000), 0.85);
  EXPECT_GT(share_below(gone, 8'000), 0.99);
  EXPECT_EQ(store_.stats().evicted_keys, 2'000U);
  EXPECT_EQ(std::set(gone.begin(), gone.end()).size(), gone.size());
}

TEST_F(EvictionTest, MoreSamplesComeNearerToTheExactOrder) {
  constexpr int kKeys = 20'000;
  for (int i = 0; i < kKeys; ++i) {
    now_.us += kTickUs;
    set(name(i));
  }
  rules_.samples = 20;
  EXPECT_GT(share_below(evict_many(2'000), 2'600), 0.9);
}

TEST_F(EvictionTest, LfuTakesTheKeysThatWereUsedRarely) {
  use(EvictionPolicy::kAllkeysLfu);
  rules_.access.lfu_log_factor = 0;  // every use counts
  keys_.set_access(rules_.access);
  constexpr int kKeys = 5'000;
  for (int i = 0; i < kKeys; ++i) {
    set(name(i));
  }
  // Those from 1,000 on are used, though long ago.
  for (int i = 1'000; i < kKeys; ++i) {
    for (int use = 0; use < 30; ++use) {
      get(name(i));
    }
  }
  now_.us += 2 * 60 * 1'000'000;
  for (int i = 0; i < 1'000; ++i) {
    get(name(i));
  }
  EXPECT_GT(share_below(evict_many(900), 1'000), 0.95);
}

// What was met moves when the shard is compacted, and is deleted by others.
TEST_F(EvictionTest, LfuKeepsWhatIsInUseWhileAllElseGoes) {
  use(EvictionPolicy::kAllkeysLfu);
  constexpr int kHot = 8;
  constexpr int kKeys = 5'000;
  const auto evict_and_compact = [&](int evictions) {
    const std::vector<std::string> gone = evict_many(evictions);
    store_.tick(now_, INT64_MAX);
    return share_below(gone, kHot);
  };
  for (int i = 0; i < kKeys; ++i) {
    set(name(i));
    for (int use = 0; i < kHot && use < 1'000; ++use) {
      get(name(i));
    }
  }
  for (int left = kKeys; left > 200; left -= 20) {
    ASSERT_EQ(evict_and_compact(20), 0) << left << " keys";
  }
  EXPECT_GT(store_.stats().moved_blocks, 0U);
  for (int round = 0; round < 100; ++round) {
    for (int i = kHot; i < 200; ++i) {
      set(name(i));
    }
    ASSERT_EQ(evict_and_compact(20), 0);
    keys_.bind(ShardId{0}, 0, now_);
    for (int i = kHot; i < 200; i += 1 + round % 2) {
      const std::string key = name(i);  // the edit refers to it
      Edit edit(keys_, Key::of(key));
      if (edit.entry() != nullptr) {
        edit.remove();
        edit.notify(KeyEvent::kDel);
      }
    }
  }
}

TEST_F(EvictionTest, S3FifoLetsNewKeysGoThatNobodyUses) {
  use(EvictionPolicy::kAllkeysS3Fifo);
  constexpr int kKeys = 5'000;
  for (int i = 1'000; i < kKeys; ++i) {
    set(name(i));
    get(name(i));
  }
  now_.us += 60 * 1'000'000;
  for (int i = 0; i < 1'000; ++i) {
    set(name(i));
  }
  now_.us += 20 * 1'000'000;
  EXPECT_GT(share_below(evict_many(900), 1'000), 0.95);
}

TEST_F(EvictionTest, AKeyThatIsUsedMeanwhileStays) {
  set("old");
  for (int i = 0; i < 100; ++i) {
    now_.us += kTickUs;
    set(name(i));
  }
  rules_.samples = 200;
  const int64_t coldness = store_.evictor().coldness(rules_, now_);
  now_.us += kTickUs;
  get("old");
  EXPECT_LT(store_.evictor().coldness(rules_, now_), coldness);
  EXPECT_EQ(evict_many(1)[0], "0:key:0");
}

TEST_F(EvictionTest, VolatilePoliciesFindTheOnlyKeyWithATtl) {
  for (const EvictionPolicy policy :
       {EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileLfu,
        EvictionPolicy::kVolatileRandom, EvictionPolicy::kVolatileTtl}) {
    use(policy);
    for (int i = 0; i < 20'000; ++i) {
      set(name(i));
    }
    EXPECT_FALSE(store_.evictor().may_evict(rules_));
    EXPECT_FALSE(evict());
    set("volatile", 1'000'000, 3);
    EXPECT_TRUE(store_.evictor().may_evict(rules_));
    EXPECT_EQ(evict_many(1), std::vector<std::string>{"3:volatile"});
    EXPECT_FALSE(evict());
  }
  EXPECT_EQ(store_.key_count(0), 20'000U);
}

TEST_F(EvictionTest, AKeyThatBecamePersistentStays) {
  use(EvictionPolicy::kVolatileLru);
  set("a", 1'000'000);
  EXPECT_NE(store_.evictor().coldness(rules_, now_), Evictor::kNothing);
  {
    Edit edit(keys_, Key::of("a"));
    edit.clear_expiry();
    edit.notify(KeyEvent::kPersist);
  }
  EXPECT_EQ(store_.evictor().coldness(rules_, now_), Evictor::kNothing);
  EXPECT_FALSE(evict());
}

TEST_F(EvictionTest, VolatileLruTakesTheColdestOfThoseWithATtl) {
  use(EvictionPolicy::kVolatileLru);
  for (int i = 0; i < 10'000; ++i) {
    now_.us += kTickUs;
    set(name(i), i % 4 == 0 ? 10'000'000 : -1);
  }
  const std::vector<std::string> gone = evict_many(250);
  EXPECT_GT(share_below(gone, 2'500), 0.8);
  for (const std::string& key : gone) {
    EXPECT_EQ(std::stoi(key.substr(6)) % 4, 0);
  }
}

TEST_F(EvictionTest, VolatileTtlTakesWhatIsDueFirst) {
  use(EvictionPolicy::kVolatileTtl);
  store_.tick(now_, INT64_MAX);  // or the wheel would not know what time it is
  constexpr int kKeys = 5'000;
  for (int i = 0; i < kKeys; ++i) {
    // Seconds apart, in mixed order.
    const int number = static_cast<int>(int64_t{i} * 7'919 % kKeys);
    set(name(number), 100'000 + number * int64_t{1'000}, number % 2);
  }
  // The first slots of the wheel are 262 s wide here.
  EXPECT_GT(share_below(evict_many(500), 800), 0.9);
}

TEST_F(EvictionTest, RandomTakesAnyWithTheSameChance) {
  use(EvictionPolicy::kAllkeysRandom);
  constexpr int kKeys = 20'000;
  for (int i = 0; i < kKeys; ++i) {
    now_.us += kTickUs;
    set(name(i), -1, i % 4 == 0 ? 1 : 0);
  }
  const std::vector<std::string> gone = evict_many(4'000);
  EXPECT_NEAR(share_below(gone, kKeys / 2), 0.5, 0.04);
  const auto in_db1 = std::count_if(gone.begin(), gone.end(),
                                    [](const std::string& key) { return key[0] == '1'; });
  EXPECT_NEAR(static_cast<double>(in_db1), 1'000, 150);
}

// Two shards of different size: the larger one gives in proportion.
TEST_F(EvictionTest, RandomColdnessIsARaceThatSizeWins) {
  use(EvictionPolicy::kAllkeysRandom);
  ShardStore small(ShardId{1}, 1);
  ShardStore* stores[] = {&small};
  Keyspace keys(stores);
  keys.bind(ShardId{0}, 0, now_);
  for (int i = 0; i < 9'000; ++i) {
    set(name(i));
    if (i < 3'000) {
      const std::string key = name(i);
      Edit edit(keys, Key::of(key));
      edit.set_string("v");
      edit.notify(KeyEvent::kSet);
    }
  }
  uint64_t evictions = 0;
  const auto evict_any = [&] {
    for (ShardStore* store : {&store_, &small}) {
      store->evictor().set_race({evictions, store_.key_count(0) + small.key_count(0)});
    }
    const bool ours = store_.evictor().coldness(rules_, now_) >
                      small.evictor().coldness(rules_, now_);
    ASSERT_TRUE((ours ? store_ : small).evictor().evict(rules_, now_));
    ++evictions;
  };
  for (int i = 0; i < 1'200; ++i) {
    evict_any();
  }
  EXPECT_NEAR(static_cast<double>(store_.key_count(0)), 8'100, 60);
  // One that had nothing to give for a long time owes nothing.
  evictions += 1'000'000;
  for (int i = 0; i < 1'200; ++i) {
    evict_any();
  }
  EXPECT_NEAR(static_cast<double>(store_.key_count(0)), 7'200, 90);
}

TEST_F(EvictionTest, LruColdnessIsComparableBetweenShards) {
  ShardStore other(ShardId{1}, 1);
  ShardStore* stores[] = {&other};
  Keyspace keys(stores);
  set("older");
  now_.us += 3 * kTickUs;
  keys.bind(ShardId{0}, 0, now_);
  Edit edit(keys, Key::of("newer"));
  edit.set_string("v");
  edit.notify(KeyEvent::kSet);
  const int64_t older = store_.evictor().coldness(rules_, now_);
  now_.us += 1'000 * kTickUs;
  EXPECT_GT(older, other.evictor().coldness(rules_, now_));
  EXPECT_EQ(older, store_.evictor().coldness(rules_, now_)) << "it doesn't change with time";
}

TEST_F(EvictionTest, OfEquallyColdKeysThoseOfTheLargestShardGoFirst) {
  for (const EvictionPolicy policy :
       {EvictionPolicy::kAllkeysLru, EvictionPolicy::kAllkeysLfu, EvictionPolicy::kAllkeysS3Fifo}) {
    use(policy);
    ShardStore other(ShardId{1}, 1);
    ShardStore* stores[] = {&other};
    Keyspace keys(stores);
    keys.set_access(rules_.access);
    const auto set_there = [&](int number) {
      keys.bind(ShardId{0}, 0, now_);
      const std::string key = name(number);  // the edit refers to it
      Edit edit(keys, Key::of(key));
      edit.set_string("v");
      edit.notify(KeyEvent::kSet);
    };
    store_.flush(0);
    for (int i = 0; i < 100; ++i) {
      set(name(i));
      set_there(i);
    }
    set(name(100));
    EXPECT_GT(store_.evictor().coldness(rules_, now_), other.evictor().coldness(rules_, now_));
    set_there(100);
    set_there(101);
    EXPECT_LT(store_.evictor().coldness(rules_, now_), other.evictor().coldness(rules_, now_));
  }
}

TEST_F(EvictionTest, SurvivesWhateverHappensToTheKeys) {
  Rng rng(3);
  constexpr EvictionPolicy kPolicies[] = {
      EvictionPolicy::kVolatileLru,  EvictionPolicy::kVolatileLfu, EvictionPolicy::kVolatileRandom,
      EvictionPolicy::kVolatileTtl,  EvictionPolicy::kAllkeysLru,  EvictionPolicy::kAllkeysLfu,
      EvictionPolicy::kAllkeysRandom, EvictionPolicy::kNoEviction, EvictionPolicy::kAllkeysS3Fifo};
  for (int step = 0; step < 100'000; ++step) {
    now_.us += static_cast<int64_t>(rng.below(20'000));
    switch (rng.below(40)) {
      case 0:
        use(kPolicies[rng.below(std::size(kPolicies))]);
        break;
      case 1:
        if (rng.below(50) == 0) {
          store_.flush(static_cast<int>(rng.below(3)));
        }
        break;
      case 2:
        store_.swap_databases(0, static_cast<int>(rng.below(3)));
        break;
      case 3:
        store_.tick(now_, INT64_MAX);
        break;
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
        rules_.samples = 1 + static_cast<int64_t>(rng.below(12));
        store_.evictor().coldness(rules_, now_);
        break;
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
      case 14:
        evict();
        break;
      default:
        set(name(static_cast<int>(rng.below(3'000))),
            rng.below(3) == 0 ? static_cast<int64_t>(1 + rng.below(30'000)) : -1,
            static_cast<int>(rng.below(3)));
        break;
    }
  }
  use(EvictionPolicy::kAllkeysLru);
  while (evict()) {
  }
  store_.tick(now_, INT64_MAX);
  EXPECT_EQ(store_.used_bytes(), 0);
}

}  // namespace
}  // namespace pollux
