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
  if (!connection.may_take(limit_, now)) {
    return false;
  }
  connection.take(limit_, now, jitter_);
  return true;
}

size_t AddressLimiter::bucket_of(const IpAddress& remote) const {
  const bool v4 = remote.is_v4();
  SipHasher13 hasher(key_);
  hasher.add(v4 ? remote.v4() : internal::load64(remote.bytes.data()));
  return hasher.finish(v4 ? 0 : kV6, 9) % addresses_.size();
}

bool AddressLimiter::allow(const IpAddress& remote, Moment now) {
  TokenBucket& own = addresses_[bucket_of(remote)];
  if (!own.may_take(limit_, now)) {
    return false;
  }
  own.take(limit_, now, jitter_);
  return true;
}

}  // namespace pollux::tcp
