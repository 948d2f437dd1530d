// Which keys of a shard go when memory is short. No list orders the keys: a hand walks over the
// tables in the order of hashes, which has nothing to do with the keys' use, so each round meets
// every key once, and what it meets one after the other is a fair sample. The coldest of what it
// met wait in a small pool (as Redis does it since 3.0), and the coldest of those goes first.
//
// allkeys-s3fifo is S3-FIFO (Yang et al. 2023: "FIFO queues are all you need") without queues.
// There, new keys stand in a queue of a tenth of the cache, and go at its end if nobody has used
// them meanwhile; those that were used stay, the longer the more often, up to 3 times. Here, a key
// that was not used since it came is taken for ten times as old as it is, another for a part of it.
//
// TTL policies know better than a sample: the expiry wheel says what is due first. Random ones
// need no pool.
//
// Coldness is a number that is comparable between shards, so that the shards of a process can let
// the one with the coldest key go first (dataplane/engine/worker_memory.cc): minus the time of the
// last use, the rareness of uses, minus the time of expiry; of keys that are equally cold, those of
// the shard that has most. For random policies it is minus the time at which the shard is to give a
// key, by a clock that counts what all shards have given: each shard waits for its turn as if each
// of its keys did so with the same chance (see Race).
//
// Belongs to the holder of the shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "src/base/rng.h"
#include "src/base/types.h"
#include "src/data/access.h"
#include "src/data/entry_heap.h"
#include "src/data/key_table.h"

namespace pollux {

class Entry;
class ShardStore;

// In the order in which the option maxmemory-policy lists its choices.
enum class EvictionPolicy : uint8_t {
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
  kAllkeysLru,
  kAllkeysLfu,
  kAllkeysRandom,
  kNoEviction,
  kAllkeysS3Fifo,
};

// What the stamps of entries tell under this policy.
AccessKind access_kind(EvictionPolicy policy);

// `access.kind` is always that of the policy.
struct EvictionRules {
  EvictionPolicy policy = EvictionPolicy::kNoEviction;
  int64_t samples = 5;  // keys that are met for each that goes
  AccessRules access;

  // Only keys with a TTL go.
  bool only_volatile() const { return policy <= EvictionPolicy::kVolatileTtl; }
  bool random() const {
    return policy == EvictionPolicy::kVolatileRandom || policy == EvictionPolicy::kAllkeysRandom;
  }
  bool lfu() const { return access.kind == AccessKind::kLfu; }
  bool lru() const {
    return policy == EvictionPolicy::kVolatileLru || policy == EvictionPolicy::kAllkeysLru;
  }
};

// What random policies must know of the other shards, so that all keys go with the same chance.
struct Race {
  uint64_t evictions = 0;  // by all shards, ever
  uint64_t keys = 0;       // of all shards; as far as is known
};

class Evictor {
 public:
  static constexpr int64_t kNothing = INT64_MIN;  // no key may go

  explicit Evictor(ShardStore& store);
  Evictor(const Evictor&) = delete;
  Evictor& operator=(const Evictor&) = delete;

  // How cold the key is that would go next.
  int64_t coldness(const EvictionRules& rules, Instant now);
  // Removes that key (event "evicted"). False if there is none that may go.
  bool evict(const EvictionRules& rules, Instant now);
  // Whether coldness would be other than kNothing; looks at no key.
  bool may_evict(const EvictionRules& rules) const;
  // Under random policies: tells how things stand, now and then.
  void set_race(const Race& race) { race_ = race; }
  // By this shard, ever.
  uint64_t evictions() const { return evictions_; }
  // Keys that may go, of all databases.
  uint64_t keys_in_question(const EvictionRules& rules) const;

 private:
  static constexpr size_t kPoolMax = 16;

  struct Candidate {
    int64_t coldness;
    uint32_t tag;
    uint32_t stamp;  // as it was met: a key that was used since is no candidate any more
    int db;
  };

  void follow(const EvictionRules& rules);
  bool find_next(const EvictionRules& rules, Instant now);
  bool next_from_pool(const EvictionRules& rules, Instant now);
  bool next_due();
  bool next_random(const EvictionRules& rules);
  void meet_some(const EvictionRules& rules, Instant now);
  void meet_volatile(const EvictionRules& rules, Instant now);
  void meet(const Candidate& met);
  Handle random_volatile(int db);
  KeyTable::Position find(const EvictionRules& rules, const Candidate& candidate) const;
  uint64_t keys_in_question(const EvictionRules& rules, int db) const;
  uint32_t tag_of(Handle handle) const;

  ShardStore& store_;
  Rng rng_;  // any will do, if it is not that of another shard; only random policies ask it
  Race race_;
  uint64_t evictions_ = 0;
  EvictionPolicy policy_ = EvictionPolicy::kNoEviction;  // that the pool was filled under
  // The hand: goes on in this database from this tag.
  int hand_db_ = 0;
  uint64_t hand_ = 0;
  std::array<Candidate, kPoolMax> pool_;  // ascending coldness
  size_t pool_size_ = 0;
  // The key that goes next, once it is chosen.
  bool chosen_ = false;
  Candidate next_;
};

}  // namespace pollux
