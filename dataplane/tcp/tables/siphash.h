// SipHash (Aumasson, Bernstein 2012): a hash with a secret key, so that nobody outside can choose
// flows that collide, nor tell from some outputs what others will be.
//
// SipHash-1-3 finds connections: collisions are all that it must prevent, and it is on the way of
// every packet. SipHash-2-4, with the margin its authors advise, makes what peers get to see:
// sequence numbers, cookies, offsets of timestamps. Pure functions; keys come from the caller.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/tcp/wire/address.h"

namespace pollux::tcp {

static_assert(std::endian::native == std::endian::little, "words are read as they stand");

// 128 secret bits: random, for one purpose, of one process.
struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;
};

// Takes a message as words of 8 bytes, little-endian, and what is left of it with finish.
template <int kRounds, int kLastRounds>
class SipHasher {
 public:
  explicit constexpr SipHasher(SipKey key)
      : a_(key.low ^ 0x736f6d6570736575),
        b_(key.high ^ 0x646f72616e646f6d),
        c_(key.low ^ 0x6c7967656e657261),
        d_(key.high ^ 0x7465646279746573) {}

  constexpr void add(uint64_t word) {
    d_ ^= word;
    rounds<kRounds>();
    a_ ^= word;
  }

  // `tail`: the bytes after the last word, at most 7, in the low end. `message_bytes`: of all of
  // the message; only its lowest 8 bits count.
  constexpr uint64_t finish(uint64_t tail, size_t message_bytes) {
    add(tail | static_cast<uint64_t>(message_bytes) << 56);
    c_ ^= 0xff;
    rounds<kLastRounds>();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  template <int kCount>
  constexpr void rounds() {
    for (int i = 0; i < kCount; ++i) {
      a_ += b_;
      c_ += d_;
      b_ = std::rotl(b_, 13) ^ a_;
      d_ = std::rotl(d_, 16) ^ c_;
      a_ = std::rotl(a_, 32);
      c_ += b_;
      a_ += d_;
      b_ = std::rotl(b_, 17) ^ c_;
      d_ = std::rotl(d_, 21) ^ a_;
      c_ = std::rotl(c_, 32);
    }
  }

  uint64_t a_;
  uint64_t b_;
  uint64_t c_;
  uint64_t d_;
};

using SipHasher13 = SipHasher<1, 3>;
using SipHasher24 = SipHasher<2, 4>;

namespace internal {

inline uint64_t load64(const uint8_t* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

template <typename Hasher>
uint64_t siphash(SipKey key, std::span<const uint8_t> message) {
  Hasher hasher(key);
  size_t at = 0;
  for (; at + 8 <= message.size(); at += 8) {
    hasher.add(load64(message.data() + at));
  }
  uint64_t tail = 0;
  for (size_t i = at; i < message.size(); ++i) {
    tail |= static_cast<uint64_t>(message[i]) << (8 * (i - at));
  }
  return hasher.finish(tail, message.size());
}

// The hash of a message of a flow and `words`. Two flows of IPv4 are 12 bytes, all others 36, so
// the length keeps the two kinds apart: 3 words less on the way of most packets.
template <typename Hasher, typename... Words>
[[gnu::always_inline]] inline uint64_t flow_hash(SipKey key, const Flow& flow, Words... words) {
  constexpr uint64_t kV4Prefix = 0xffff0000;  // bytes 8 to 11 of ::ffff:0:0/96
  constexpr size_t kMoreBytes = 8 * sizeof...(words);
  const uint8_t* const local = flow.local.bytes.data();
  const uint8_t* const remote = flow.remote.bytes.data();
  const uint64_t local_low = load64(local + 8);
  const uint64_t remote_low = load64(remote + 8);
  const uint64_t ports = uint64_t{flow.local_port} << 16 | flow.remote_port;
  const uint64_t v6 = load64(local) | load64(remote) |
                      (((local_low ^ kV4Prefix) | (remote_low ^ kV4Prefix)) & 0xffffffff);
  Hasher hasher(key);
  (hasher.add(words), ...);
  if (v6 == 0) [[likely]] {
    hasher.add(local_low >> 32 | (remote_low >> 32) << 32);
    return hasher.finish(ports, 12 + kMoreBytes);
  }
  hasher.add(load64(local));
  hasher.add(local_low);
  hasher.add(load64(remote));
  hasher.add(remote_low);
  return hasher.finish(ports, 36 + kMoreBytes);
}

}  // namespace internal

inline uint64_t siphash13(SipKey key, std::span<const uint8_t> message) {
  return internal::siphash<SipHasher13>(key, message);
}
inline uint64_t siphash24(SipKey key, std::span<const uint8_t> message) {
  return internal::siphash<SipHasher24>(key, message);
}

// What tables find connections by (SipHash-1-3). All 64 bits are good.
[[gnu::always_inline]] inline uint64_t flow_hash(SipKey key, const Flow& flow) {
  return internal::flow_hash<SipHasher13>(key, flow);
}
// What peers get to see parts of (SipHash-2-4): of `words`, then the flow.
template <typename... Words>
uint64_t flow_secret(SipKey key, const Flow& flow, Words... words) {
  return internal::flow_hash<SipHasher24>(key, flow, words...);
}

}  // namespace pollux::tcp
