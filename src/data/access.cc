#include "src/data/access.h"

#include <algorithm>

namespace pollux {

namespace {

constexpr uint32_t kCountMask = 255;
constexpr unsigned kCountBits = 8;
constexpr uint32_t kMinuteMask = (1U << 16) - 1;

uint32_t minute_of(Instant now) {
  return static_cast<uint32_t>(now.us / 60'000'000) & kMinuteMask;
}

}  // namespace

uint32_t idle_stamp(int64_t seconds, AccessKind kind, Instant now) {
  const uint32_t mask = kind == AccessKind::kS3Fifo ? kStampMask >> 2 : kStampMask;
  const int64_t ticks = std::min<int64_t>(seconds, mask / kLruTicksPerSecond) * kLruTicksPerSecond;
  return (lru_stamp(now) - static_cast<uint32_t>(ticks)) & mask;
}

uint32_t lfu_stamp(uint8_t count, Instant now) {
  return minute_of(now) << kCountBits | count;
}

uint32_t lfu_idle_minutes(uint32_t stamp, Instant now) {
  return (minute_of(now) - (stamp >> kCountBits)) & kMinuteMask;
}

uint32_t lfu_count(uint32_t stamp, const AccessRules& rules, Instant now) {
  const uint32_t count = stamp & kCountMask;
  if (rules.lfu_decay_minutes == 0) {
    return count;
  }
  const int64_t lost = lfu_idle_minutes(stamp, now) / rules.lfu_decay_minutes;
  return lost >= count ? 0 : count - static_cast<uint32_t>(lost);
}

void AccessStamps::set_now(Instant now) {
  now_ = now;
  switch (rules_.kind) {
    case AccessKind::kLru:
      first_ = lru_stamp(now);
      break;
    case AccessKind::kLfu:
      first_ = minute_of(now) << kCountBits | kLfuFirst;
      break;
    case AccessKind::kS3Fifo:
      first_ = lru_stamp(now) & kStampMask >> 2;
      break;
  }
}

uint32_t AccessStamps::next_counted(uint32_t stamp) {
  if (rules_.kind == AccessKind::kS3Fifo) {
    constexpr uint32_t kUsesMax = 3;
    return first_ | std::min(s3fifo_uses(stamp) + 1, kUsesMax) << (kStampBits - 2);
  }
  uint32_t count = lfu_count(stamp, rules_, now_);
  if (count < kCountMask) {
    const double above_first = count > kLfuFirst ? count - kLfuFirst : 0;
    const double chance = 1 / (above_first * static_cast<double>(rules_.lfu_log_factor) + 1);
    count += rng_.unit() < chance ? 1 : 0;
  }
  return minute_of(now_) << kCountBits | count;
}

}  // namespace pollux
