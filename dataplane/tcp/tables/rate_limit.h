// How often what anyone on the network can provoke is answered: challenge ACKs and ACKs of segments
// outside the window (RFC 5961 7), RSTs, ICMP errors (RFC 1812 4.3.2.8, RFC 4443 2.4 f).
//
// A limit that many share is a channel: who uses it up learns from his own answers whether somebody
// else was answered, and so what a foreign connection expects (CVE-2016-5696: challenge ACKs;
// CVE-2020-25705: ICMP). Random intervals are noise upon that, and some twenty trials average it
// away. So there is no limit that all share: each is one connection's, or that of one group of
// addresses by keyed hash, and a core has so many of these. Intervals are random about their mean,
// so that the number of answers in a time is not known.
//
// A bucket is a virtual schedule (GCRA, ITU-T I.371): one moment, at which it will be full again.
// Belongs to one core.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

// On average one in `interval_ns`, and about `burst` >= 1 at once after a time without.
struct RateLimit {
  int64_t interval_ns = 0;
  uint32_t burst = 1;
};

// Random intervals, by a key that nobody outside knows.
class Jitter {
 public:
  explicit Jitter(SipKey key) : key_(key) {}
  // Uniform in [ns / 2, ns * 3 / 2). `ns`: at most 2^40 (18 minutes).
  int64_t around(int64_t ns);

 private:
  const SipKey key_;
  uint64_t count_ = 0;
};

// Full at first.
class TokenBucket {
 public:
  bool may_take(const RateLimit& limit, Moment now) const {
    return full_at_ <= now || full_at_ - now <= limit.interval_ns * (limit.burst - int64_t{1});
  }
  // Requires may_take.
  void take(const RateLimit& limit, Moment now, Jitter& jitter) {
    full_at_ = std::max(full_at_, now) + jitter.around(limit.interval_ns);
  }

 private:
  Moment full_at_{INT64_MIN};
};
static_assert(sizeof(TokenBucket) == 8);

// Answers to segments of connections, each of which has a bucket of its own.
class ConnectionLimiter {
 public:
  // RFC 5961 7 suggests 10 in 5 s.
  static constexpr RateLimit kChallengeAcks{500 * kMillisecondNs, 10};
  // Two peers who both think the other is out of the window would go on for ever; half a second is
  // more than any good reason for such an ACK needs.
  static constexpr RateLimit kOutOfWindowAcks{500 * kMillisecondNs, 1};

  ConnectionLimiter(SipKey key, const RateLimit& limit) : limit_(limit), jitter_(key) {}

  // Whether to answer; then it is counted.
  bool allow(TokenBucket& connection, Moment now);

 private:
  const RateLimit limit_;
  Jitter jitter_;
};

// Where there is no connection: by the address, of IPv6 by its /64, of which one host has all.
// Addresses share 1024 buckets or more by keyed hash, so a core sends at most 1024 times what one
// address gets, and needs no limit of its own, which a few addresses could use up for all.
class AddressLimiter {
 public:
  static constexpr RateLimit kResets{10 * kMillisecondNs, 100};
  static constexpr RateLimit kIcmp{100 * kMillisecondNs, 10};
  // Of cookies that are none (syn_cookie.h): nobody brings so many, but who guesses.
  static constexpr RateLimit kCookieGuesses{10 * kMillisecondNs, 100};

  AddressLimiter(SipKey key, const RateLimit& limit, size_t buckets = kBuckets)
      : limit_(limit), key_(key), jitter_(key), addresses_(buckets) {}

  // Whether to answer; then it is counted.
  bool allow(const IpAddress& remote, Moment now);
  // The same in two steps: what is counted shows only behind it.
  bool may(const IpAddress& remote, Moment now) const {
    return addresses_[bucket_of(remote)].may_take(limit_, now);
  }
  // Requires may().
  void count(const IpAddress& remote, Moment now) {
    addresses_[bucket_of(remote)].take(limit_, now, jitter_);
  }

  static constexpr size_t kBuckets = 1024;
  // Of cookies: so many that a million forged ACKs a second from anywhere leave every address its
  // own. What they let a core be told is no answer, so it need not be small.
  static constexpr size_t kGuessBuckets = 16 * kBuckets;

 private:
  size_t bucket_of(const IpAddress& remote) const;

  const RateLimit limit_;
  const SipKey key_;
  Jitter jitter_;
  std::vector<TokenBucket> addresses_;
};

}  // namespace pollux::tcp
