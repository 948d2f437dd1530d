// What both versions of IP have in common: protocols, ECN, fragments, addresses in bytes.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"

namespace pollux::tcp {

// Any value may stand there; these are spoken or stepped over here.
enum class IpProtocol : uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kTcp = 6,
  kRouting = 43,
  kFragment = 44,
  kIcmp6 = 58,
  kNoNextHeader = 59,
  kDestinationOptions = 60,
};

// The two lowest bits of the traffic class (RFC 3168 5).
enum class Ecn : uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

// The byte that IPv4 once called type of service.
struct TrafficClass {
  uint8_t byte = 0;
  constexpr uint8_t dscp() const { return byte >> 2; }
  constexpr Ecn ecn() const { return static_cast<Ecn>(byte & 3); }
  static constexpr TrafficClass of(uint8_t dscp, Ecn ecn) {
    return {static_cast<uint8_t>(dscp << 2 | static_cast<uint8_t>(ecn))};
  }
  friend bool operator==(const TrafficClass&, const TrafficClass&) = default;
};

// Which part of a datagram a packet is.
struct Fragment {
  uint32_t id = 0;      // 16 bits in IPv4, where whole datagrams have one too
  uint16_t offset = 0;  // in bytes, a multiple of 8
  bool more = false;    // others come behind it
  constexpr bool whole() const { return offset == 0 && !more; }
  friend bool operator==(const Fragment&, const Fragment&) = default;
};

inline constexpr uint32_t kDatagramBytesMax = 65535;

inline IpAddress load_v4(const uint8_t* at) {
  // In one store: whoever reads the 16 bytes at once would wait for three of them.
  using Words [[gnu::vector_size(16)]] = uint32_t;
  uint32_t raw;
  std::memcpy(&raw, at, sizeof raw);
  const Words words = {0, 0, 0xffff0000, raw};  // little-endian
  IpAddress address;
  std::memcpy(address.bytes.data(), &words, sizeof words);
  return address;
}

// Requires one of IPv4.
inline void store_v4(uint8_t* at, const IpAddress& address) {
  std::memcpy(at, &address.bytes[12], 4);
}

inline IpAddress load_v6(const uint8_t* at) {
  IpAddress address;
  std::memcpy(address.bytes.data(), at, address.bytes.size());
  return address;
}

inline void store_v6(uint8_t* at, const IpAddress& address) {
  std::memcpy(at, address.bytes.data(), address.bytes.size());
}

// Whether 16 bytes of an IPv6 packet would pass for an address of IPv4 here (address.h). They have
// no business on a wire (RFC 4942 2.2), and whoever lets them in lets one version forge flows of
// the other.
inline bool is_mapped(const uint8_t* at) {
  uint64_t front;
  std::memcpy(&front, at, sizeof front);
  return front == 0 && load32(at + 8) == 0x0000ffff;
}

}  // namespace pollux::tcp
