#include "src/data/eviction.h"

#include <algorithm>
#include <cmath>

#include "src/base/assert.h"
#include "src/base/prefetch.h"
#include "src/data/shard_store.h"

namespace pollux {

namespace {

// A volatile policy looks at so many keys for each that it wants to meet, before it asks the
// expiry wheel.
constexpr uint64_t kLooksForVolatile = 8;
// More would be a long turn, and 20 are near enough to the exact order.
constexpr uint64_t kSamplesMax = 64;

// Bigger is colder; comparable with that of another shard, and with one of some seconds ago.
int64_t coldness_of(const Entry& entry, const EvictionRules& rules, Instant now) {
  const uint32_t stamp = entry.stamp();
  switch (rules.access.kind) {
    case AccessKind::kLru:
      return idle_ticks(stamp, AccessKind::kLru, now) - lru_time(now);
    case AccessKind::kLfu:
      // Of two keys that were used as often, the one whose last use is longer ago.
      return int64_t{255 - lfu_count(stamp, rules.access, now)} << 24 |
             lfu_idle_minutes(stamp, now);
    case AccessKind::kS3Fifo:
      break;
  }
  constexpr int64_t kUnused = 60;  // ten times a key that was used once
  const int64_t idle = 1 + int64_t{idle_ticks(stamp, AccessKind::kS3Fifo, now)};
  const uint32_t uses = s3fifo_uses(stamp);
  return uses == 0 ? idle * kUnused : idle * 6 / uses;
}

}  // namespace

AccessKind access_kind(EvictionPolicy policy) {
  switch (policy) {
    case EvictionPolicy::kVolatileLfu:
    case EvictionPolicy::kAllkeysLfu:
      return AccessKind::kLfu;
    case EvictionPolicy::kAllkeysS3Fifo:
      return AccessKind::kS3Fifo;
    default:
      return AccessKind::kLru;
  }
}

Evictor::Evictor(ShardStore& store) : store_(store), rng_(store.id().value + 1) {}

int64_t Evictor::coldness(const EvictionRules& rules, Instant now) {
  if (!find_next(rules, now)) {
    return kNothing;
  }
  if (rules.random() || rules.policy == EvictionPolicy::kVolatileTtl) {
    return next_.coldness;
  }
  // Of keys that are equally cold (new ones under LFU, all of them) the largest shard gives first.
  // A small one would otherwise be emptied, down to those that are in use, while others are full.
  constexpr uint64_t kKeysMax = (1 << 24) - 1;
  return next_.coldness * static_cast<int64_t>(kKeysMax + 1) +
         static_cast<int64_t>(std::min(kKeysMax, keys_in_question(rules)));
}

bool Evictor::evict(const EvictionRules& rules, Instant now) {
  if (!find_next(rules, now)) {
    return false;
  }
  chosen_ = false;
  const KeyTable::Position position = find(rules, next_);
  POLLUX_ASSERT(position);
  ++store_.stats_.evicted_keys;
  ++evictions_;
  ++race_.evictions;
  store_.remove_key(next_.db, Key::of(store_.entry_at(position.handle())->key()), position,
                    KeyEvent::kEvicted);
  return true;
}

bool Evictor::may_evict(const EvictionRules& rules) const {
  return rules.policy != EvictionPolicy::kNoEviction && keys_in_question(rules) > 0;
}

// Forgets what was found under another policy.
void Evictor::follow(const EvictionRules& rules) {
  if (policy_ != rules.policy) {
    policy_ = rules.policy;
    pool_size_ = 0;
    chosen_ = false;
  }
}

// Chooses next_; false if no key may go.
bool Evictor::find_next(const EvictionRules& rules, Instant now) {
  follow(rules);
  if (chosen_ && policy_ != EvictionPolicy::kVolatileTtl && find(rules, next_)) {
    return true;
  }
  chosen_ = false;
  switch (rules.policy) {
    case EvictionPolicy::kNoEviction:
      return false;
    case EvictionPolicy::kVolatileTtl:
      chosen_ = next_due();
      break;
    case EvictionPolicy::kVolatileRandom:
    case EvictionPolicy::kAllkeysRandom:
      chosen_ = next_random(rules);
      break;
    default:
      chosen_ = next_from_pool(rules, now);
      break;
  }
  return chosen_;
}

uint64_t Evictor::keys_in_question(const EvictionRules& rules) const {
  uint64_t keys = 0;
  for (int db = 0; db < store_.databases(); ++db) {
    keys += keys_in_question(rules, db);
  }
  return keys;
}

uint64_t Evictor::keys_in_question(const EvictionRules& rules, int db) const {
  const ShardStore::Database& data = store_.database(db);
  if (!rules.only_volatile()) {
    return data.table.size();
  }
  return data.wheel == nullptr ? 0 : data.wheel->size();
}

uint32_t Evictor::tag_of(Handle handle) const {
  return static_cast<uint32_t>(Key::of(store_.entry_at(handle)->key()).hash >> 32);
}

// The key, if it is still there and was not used since. Its entry may have moved, so it is known by
// its tag; another one with the same tag and stamp is as good.
KeyTable::Position Evictor::find(const EvictionRules& rules, const Candidate& candidate) const {
  return store_.database(candidate.db).table.find(
      KeyTable::hash_of(candidate.tag), [&](Handle there) {
        const Entry* entry = store_.entry_at(there);
        return entry->stamp() == candidate.stamp &&
               (!rules.only_volatile() || entry->has_expiry());
      });
}

// --- sampled policies ---

// Where what was met is gone or was used, more is met first: what is left in the pool then is the
// warmest of what was there.
bool Evictor::next_from_pool(const EvictionRules& rules, Instant now) {
  constexpr int kRounds = 2 * kPoolMax;
  for (int round = 0; round < kRounds; ++round) {
    meet_some(rules, now);
    if (pool_size_ > 0) {
      next_ = pool_[--pool_size_];
      if (find(rules, next_)) {
        return true;
      }
    }
  }
  return false;
}

// Moves the hand on, over `samples` keys.
void Evictor::meet_some(const EvictionRules& rules, Instant now) {
  const uint64_t wanted = std::min(kSamplesMax, static_cast<uint64_t>(rules.samples));
  const bool only_volatile = rules.only_volatile();
  const uint64_t looks_max = only_volatile ? wanted * kLooksForVolatile : wanted;
  uint64_t met = 0;
  uint64_t looks = 0;
  for (int dbs = 0; dbs <= store_.databases() && met < wanted && looks < looks_max;) {
    const int db = hand_db_;
    const KeyTable& table = store_.database(db).table;
    if (keys_in_question(rules, db) > 0) {
      hand_ = table.walk(hand_, wanted - met, [&](uint32_t tag, Handle handle) {
        const Entry* entry = store_.entry_at(handle);
        ++looks;
        if (!only_volatile || entry->has_expiry()) {
          ++met;
          meet({coldness_of(*entry, rules, now), tag, entry->stamp(), db});
        }
      });
    } else {
      hand_ = 0;
    }
    if (hand_ == 0) {
      hand_db_ = (hand_db_ + 1) % store_.databases();
      ++dbs;
    }
  }
  if (only_volatile && met < wanted) {
    meet_volatile(rules, now);
  }
  // What the hand will meet next time is on its way until then.
  store_.database(hand_db_).table.walk(hand_, wanted, [this](uint32_t, Handle handle) {
    prefetch(store_.entry_at(handle));
  });
}

// Keys with a TTL are few: the wheel knows where they are.
void Evictor::meet_volatile(const EvictionRules& rules, Instant now) {
  constexpr size_t kMax = 16;
  Handle handles[kMax];
  const size_t wanted = std::min<size_t>(kMax, static_cast<size_t>(rules.samples));
  for (int db = 0; db < store_.databases(); ++db) {
    if (keys_in_question(rules, db) == 0) {
      continue;
    }
    const size_t count = store_.database(db).wheel->some(rng_, {handles, wanted});
    for (size_t i = 0; i < count; ++i) {
      const Entry* entry = store_.entry_at(handles[i]);
      meet({coldness_of(*entry, rules, now), tag_of(handles[i]), entry->stamp(), db});
    }
  }
}

// Enters it in the pool if it is colder than something there, or if there is room.
void Evictor::meet(const Candidate& met) {
  if (pool_size_ == kPoolMax && met.coldness <= pool_[0].coldness) {
    return;
  }
  const auto end = pool_.begin() + static_cast<ptrdiff_t>(pool_size_);
  // A small database passes by more than once.
  const auto known = std::find_if(pool_.begin(), end, [&met](const Candidate& in) {
    return in.tag == met.tag && in.db == met.db;
  });
  if (known != end) {
    std::copy(known + 1, end, known);
    --pool_size_;
  } else if (pool_size_ == kPoolMax) {
    std::copy(pool_.begin() + 1, end, pool_.begin());
    --pool_size_;
  }
  const auto last = pool_.begin() + static_cast<ptrdiff_t>(pool_size_);
  const auto place = std::upper_bound(
      pool_.begin(), last, met.coldness,
      [](int64_t coldness, const Candidate& in) { return coldness < in.coldness; });
  std::copy_backward(place, last, last + 1);
  *place = met;
  ++pool_size_;
}

// --- the others ---

// Of all databases the key that is due first, as far as the wheel keeps them in order: in the slot
// that comes first, one of the first few.
bool Evictor::next_due() {
  constexpr size_t kLooks = 16;
  Handle handles[kLooks];
  Handle handle = kNoHandle;
  bool found = false;
  for (int db = 0; db < store_.databases(); ++db) {
    const ShardStore::Database& data = store_.database(db);
    const size_t count = data.wheel == nullptr ? 0 : data.wheel->soonest(handles);
    for (size_t i = 0; i < count; ++i) {
      const Entry* entry = store_.entry_at(handles[i]);
      if (!found || -entry->expiry_ms() > next_.coldness) {
        found = true;
        next_ = {-entry->expiry_ms(), 0, entry->stamp(), db};
        handle = handles[i];
      }
    }
  }
  if (found) {
    next_.tag = tag_of(handle);
  }
  return found;
}

// Any key with the same chance, over all databases and, by the race, over all shards: of N keys
// that go one after the other in any order, the first of n comes after a number of others that is
// exponential (nearly) with mean N/n. That has no memory, so what was drawn stays true while others
// give theirs, and a shard that has waited is not taken for one that owes.
bool Evictor::next_random(const EvictionRules& rules) {
  const uint64_t keys = keys_in_question(rules);
  if (keys == 0) {
    return false;
  }
  uint64_t drawn = rng_.below(keys);
  int db = 0;
  while (drawn >= keys_in_question(rules, db)) {
    drawn -= keys_in_question(rules, db);
    ++db;
  }
  const Handle handle =
      rules.only_volatile() ? random_volatile(db) : store_.database(db).table.random(rng_);
  if (handle == kNoHandle) {
    return false;
  }
  constexpr double kPerEviction = 1024;
  const double others = static_cast<double>(std::max(race_.keys, keys)) / static_cast<double>(keys);
  const double turn = static_cast<double>(race_.evictions) - std::log1p(-rng_.unit()) * others;
  next_.coldness = -static_cast<int64_t>(turn * kPerEviction);
  next_.db = db;
  next_.stamp = store_.entry_at(handle)->stamp();
  next_.tag = tag_of(handle);
  return true;
}

// A key with a TTL, by drawing among all keys; if they are rare, one that the wheel gives, which
// favours times of expiry that few keys share.
Handle Evictor::random_volatile(int db) {
  const ShardStore::Database& data = store_.database(db);
  for (uint64_t i = 0; i < 2 * kLooksForVolatile; ++i) {
    const Handle handle = data.table.random(rng_);
    if (store_.entry_at(handle)->has_expiry()) {
      return handle;
    }
  }
  constexpr size_t kLooks = 16;
  Handle handles[kLooks];
  const size_t count = data.wheel->some(rng_, handles);
  return count > 0 ? handles[rng_.below(count)] : kNoHandle;
}

}  // namespace pollux
