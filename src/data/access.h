// What the 28 bits of an entry's access stamp say: when the key was used last, or how often.
//
// LRU: the time of the last use in sixteenths of a second, modulo 2^28: as far as Redis' clock of
// seconds reaches (194 days), and 16 times finer, for a busy cache turns over in a few seconds.
//
// LFU, as Redis keeps it: a counter of 8 bits that grows with a chance that falls as it rises
// (Morris 1978: 255 stands for about a million uses at the default factor of 10), and above it, in
// 16 bits, the minute in which it was written last. The counter is taken to have lost one for each
// lfu-decay-time minutes since.
//
// S3-FIFO's needs (Yang et al. 2023): the LRU time in 26 bits (48 days), and above it how often the
// key was used since it came, 3 for more.
//
// The policy decides which it is. After a change of policy the old stamps are read in the new way,
// as in Redis, until the keys are used again.
#pragma once

#include <cstdint>

#include "src/base/rng.h"
#include "src/base/types.h"

namespace pollux {

enum class AccessKind : uint8_t { kLru, kLfu, kS3Fifo };

struct AccessRules {
  AccessKind kind = AccessKind::kLru;
  int64_t lfu_log_factor = 10;
  int64_t lfu_decay_minutes = 1;  // 0: the counter never falls
};

inline constexpr unsigned kStampBits = 28;
inline constexpr uint32_t kStampMask = (1U << kStampBits) - 1;

// --- LRU, S3-FIFO ---

inline constexpr int64_t kLruTicksPerSecond = 16;

inline int64_t lru_time(Instant now) { return now.us * kLruTicksPerSecond / 1'000'000; }
inline uint32_t lru_stamp(Instant now) { return static_cast<uint32_t>(lru_time(now)) & kStampMask; }
// Ticks since the use that the stamp tells of; not for LFU.
inline uint32_t idle_ticks(uint32_t stamp, AccessKind kind, Instant now) {
  const unsigned shift = kind == AccessKind::kS3Fifo ? 2 : 0;
  return (lru_stamp(now) - stamp) & (kStampMask >> shift);
}
inline uint32_t idle_seconds(uint32_t stamp, AccessKind kind, Instant now) {
  return idle_ticks(stamp, kind, now) / static_cast<uint32_t>(kLruTicksPerSecond);
}
// Of a key that was used last that long ago, or as long as stamps reach.
uint32_t idle_stamp(int64_t seconds, AccessKind kind, Instant now);
// S3-FIFO: uses since the key came, at most 3.
inline uint32_t s3fifo_uses(uint32_t stamp) { return stamp >> (kStampBits - 2); }

// --- LFU ---

inline constexpr uint32_t kLfuFirst = 5;  // a new key's counter: it must live to be counted

// The counter as it is now.
uint32_t lfu_count(uint32_t stamp, const AccessRules& rules, Instant now);
// With this counter, written now.
uint32_t lfu_stamp(uint8_t count, Instant now);
// Minutes since the counter was written.
uint32_t lfu_idle_minutes(uint32_t stamp, Instant now);

// Makes the stamps of one worker's accesses. One thread.
class AccessStamps {
 public:
  void set_rules(const AccessRules& rules) {
    rules_ = rules;
    set_now(now_);
  }
  const AccessRules& rules() const { return rules_; }
  void set_now(Instant now);

  // Of a key that is new.
  uint32_t first() const { return first_; }
  // Of a key that had `stamp` and is used now.
  uint32_t next(uint32_t stamp) {
    return rules_.kind == AccessKind::kLru ? first_ : next_counted(stamp);
  }

 private:
  uint32_t next_counted(uint32_t stamp);

  AccessRules rules_;
  Instant now_;
  uint32_t first_ = 0;
  Rng rng_{1};  // only whether a counter grows hangs on it
};

}  // namespace pollux
