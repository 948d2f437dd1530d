#include "dataplane/tcp/tables/rate_limit.h"

namespace pollux::tcp {

namespace {

// Messages of Jitter have 8 bytes, those of addresses 9: one key serves both.
constexpr uint64_t kV6 = 1;

}  // namespace

int64_t Jitter::around(int64_t ns) {
  SipHasher13 hasher(key_);
  hasher.add(count_++);
  const uint64_t random = hasher.finish(0, 8) >> 44;  // 20 bits are plenty
  return ns / 2 + static_cast<int64_t>((static_cast<uint64_t>(ns) * random) >> 20);
}

bool ConnectionLimiter::allow(TokenBucket& connection, Moment now) {
  // From both buckets or from none: an answer that the core refuses is not the peer's loss.
  if (!connection.may_take(config_.connection, now) || !core_.may_take(config_.core, now)) {
    return false;
  }
  connection.take(config_.connection, now, jitter_);
  core_.take(config_.core, now, jitter_);
  return true;
}

bool AddressLimiter::allow(const IpAddress& remote, Moment now) {
  const bool v4 = remote.is_v4();
  SipHasher13 hasher(key_);
  hasher.add(v4 ? remote.v4() : internal::load64(remote.bytes.data()));
  TokenBucket& own = addresses_[hasher.finish(v4 ? 0 : kV6, 9) % kBuckets];
  if (!own.may_take(limit_, now)) {
    return false;
  }
  own.take(limit_, now, jitter_);
  return true;
}

}  // namespace pollux::tcp
