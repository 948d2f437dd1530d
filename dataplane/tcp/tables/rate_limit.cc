#include "dataplane/tcp/tables/rate_limit.h"

#include <span>

namespace pollux::tcp {

namespace {

// Messages of Jitter have 8 bytes, those of addresses 9: one key serves both.
constexpr uint64_t kV6 = 1;

// Takes from both buckets or from none: an answer that the core refuses is not the peer's loss.
bool take_both(TokenBucket& own, const RateLimit& own_limit, TokenBucket& core,
               const RateLimit& core_limit, Moment now, Jitter& jitter) {
  if (!own.may_take(own_limit, now) || !core.may_take(core_limit, now)) {
    return false;
  }
  own.take(own_limit, now, jitter);
  core.take(core_limit, now, jitter);
  return true;
}

}  // namespace

int64_t Jitter::around(int64_t ns) {
  SipHasher13 hasher(key_);
  hasher.add(count_++);
  const uint64_t random = hasher.finish(0, 8) >> 44;  // 20 bits are plenty
  return ns / 2 + static_cast<int64_t>((static_cast<uint64_t>(ns) * random) >> 20);
}

bool ConnectionLimiter::allow(TokenBucket& connection, Moment now) {
  return take_both(connection, config_.connection, core_, config_.core, now, jitter_);
}

bool AddressLimiter::allow(const IpAddress& remote, Moment now) {
  const bool v4 = remote.is_v4();
  SipHasher13 hasher(key_);
  hasher.add(v4 ? remote.v4() : internal::load64(remote.bytes.data()));
  TokenBucket& own = addresses_[hasher.finish(v4 ? 0 : kV6, 9) % kBuckets];
  return take_both(own, config_.address, core_, config_.core, now, jitter_);
}

}  // namespace pollux::tcp
