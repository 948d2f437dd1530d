// IPv4 (RFC 791). Options are tolerated and stepped over, but for a source route that leads on from
// here; none is written.
//
// Whether an address may stand where it does (a multicast source, a broadcast, our own) is for
// whoever knows the interface.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/fault.h"
#include "dataplane/tcp/wire/ip.h"
#include "src/base/assert.h"

namespace pollux::tcp {

inline constexpr size_t kIpv4Bytes = 20;  // without options

struct Ipv4Header {
  IpAddress source = IpAddress::v4(0);
  IpAddress destination = IpAddress::v4(0);
  IpProtocol protocol{};
  uint8_t ttl = 64;
  TrafficClass traffic_class;
  bool dont_fragment = true;  // RFC 1191 3
  Fragment fragment;          // id 0 is right for whole datagrams with dont_fragment (RFC 6864 4.1)
  friend bool operator==(const Ipv4Header&, const Ipv4Header&) = default;
};

struct Ipv4Packet {
  Ipv4Header header;
  size_t header_bytes = 0;  // options included
  Bytes payload;            // without what an Ethernet frame is padded with
};

// Of a header, behind its kIpv4Bytes: kOption, kRouting.
[[nodiscard]] Fault check_ipv4_options(Bytes options);

// kTruncated, kVersion, kHeaderLength, kLength, kOption, kRouting. Looks at the checksum not at
// all: devices do that, or else ipv4_checksum_ok.
[[nodiscard]] inline Fault parse_ipv4(Bytes bytes, Ipv4Packet& out) {
  if (bytes.size() < kIpv4Bytes) {
    return Fault::kTruncated;
  }
  const uint8_t* at = bytes.data();
  if (at[0] >> 4 != 4) {
    return Fault::kVersion;
  }
  out.header_bytes = (at[0] & 15U) * 4;
  if (out.header_bytes < kIpv4Bytes) {
    return Fault::kHeaderLength;
  }
  const size_t total_bytes = load16(at + 2);
  if (total_bytes < out.header_bytes) {
    return Fault::kLength;
  }
  if (total_bytes > bytes.size()) {
    return Fault::kTruncated;
  }
  const uint16_t flags = load16(at + 6);  // reserved, don't fragment, more fragments; offset / 8
  out.header.dont_fragment = (flags & 0x4000) != 0;
  out.header.fragment = {.id = load16(at + 4),
                         .offset = static_cast<uint16_t>((flags & 0x1fff) * 8),
                         .more = (flags & 0x2000) != 0};
  // Reassembled it would be longer than a datagram can be: the "ping of death".
  if (out.header.fragment.offset + total_bytes > kDatagramBytesMax) {
    return Fault::kLength;
  }
  if (out.header_bytes != kIpv4Bytes) [[unlikely]] {
    const Bytes options = bytes.first(out.header_bytes).subspan(kIpv4Bytes);
    if (const Fault fault = check_ipv4_options(options); fault != Fault::kNone) {
      return fault;
    }
  }
  out.header.traffic_class = {at[1]};
  out.header.ttl = at[8];
  out.header.protocol = static_cast<IpProtocol>(at[9]);
  out.header.source = load_v4(at + 12);
  out.header.destination = load_v4(at + 16);
  out.payload = bytes.first(total_bytes).subspan(out.header_bytes);
  return Fault::kNone;
}

// Whether the checksum of the header, options included, is right. Requires bytes that parse_ipv4
// accepts.
bool ipv4_checksum_ok(Bytes bytes);

// Writes the kIpv4Bytes before `payload_bytes` of payload, checksum included; `out` must have them
// and the whole fit into a datagram. Returns kIpv4Bytes. (Inline, as most of it is constant where
// it is called: 35 instructions instead of 90.)
inline size_t write_ipv4(Room out, const Ipv4Header& header, size_t payload_bytes) {
  const size_t total_bytes = kIpv4Bytes + payload_bytes;
  const Fragment& fragment = header.fragment;
  POLLUX_ASSERT(out.size() >= kIpv4Bytes);
  POLLUX_ASSERT(fragment.offset + total_bytes <= kDatagramBytesMax && fragment.offset % 8 == 0);
  POLLUX_ASSERT(header.source.is_v4() && header.destination.is_v4());
  const uint32_t length =
      0x45U << 24 | uint32_t{header.traffic_class.byte} << 16 | static_cast<uint32_t>(total_bytes);
  const uint32_t piece = (fragment.id & 0xffff) << 16 | (header.dont_fragment ? 0x4000U : 0) |
                         (fragment.more ? 0x2000U : 0) | fragment.offset / 8U;
  const uint32_t life = uint32_t{header.ttl} << 24 | static_cast<uint32_t>(header.protocol) << 16;
  // Summed before it is written: reading back in long words what was just written in shorter ones
  // stalls.
  Checksum sum;
  sum.add32(length);
  sum.add32(piece);
  sum.add32(life);
  sum.add(header.source);
  sum.add(header.destination);
  uint8_t* at = out.data();
  store32(at, length);
  store32(at + 4, piece);
  store32(at + 8, life | sum.value());
  store_v4(at + 12, header.source);
  store_v4(at + 16, header.destination);
  return kIpv4Bytes;
}

}  // namespace pollux::tcp
