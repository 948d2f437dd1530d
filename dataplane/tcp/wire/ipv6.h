// IPv6 (RFC 8200). Extension headers are stepped over; none is written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/fault.h"
#include "dataplane/tcp/wire/ip.h"

namespace pollux::tcp {

inline constexpr size_t kIpv6Bytes = 40;  // the fixed header
// A packet with more is dropped (kExtensions). Real ones have one or two.
inline constexpr size_t kExtensionHeadersMax = 8;
// In one of them: options beside padding, and bytes of padding before each (RFC 8504 5.3).
inline constexpr size_t kExtensionOptionsMax = 8;
inline constexpr size_t kExtensionPaddingMax = 7;

struct Ipv6Header {
  IpAddress source;
  IpAddress destination;
  IpProtocol protocol{};  // behind all extension headers
  uint8_t hop_limit = 64;
  TrafficClass traffic_class;
  uint32_t flow_label = 0;  // 20 bits
  friend bool operator==(const Ipv6Header&, const Ipv6Header&) = default;
};

// Where the upper layer begins.
struct UpperLayer {
  IpProtocol protocol{};
  size_t at = 0;      // in the payload
  Fragment fragment;  // of a piece: `protocol` and `at` are of what the first piece begins with
  bool has_fragment_header = false;
};

struct Ipv6Packet {
  Ipv6Header header;
  size_t header_bytes = 0;  // extension headers included
  Fragment fragment;
  // Also if it is whole: neighbor discovery must not be believed then (RFC 6980 5).
  bool has_fragment_header = false;
  Bytes payload;  // without what an Ethernet frame is padded with
};

constexpr bool is_extension(IpProtocol protocol) {
  return protocol == IpProtocol::kHopByHop || protocol == IpProtocol::kRouting ||
         protocol == IpProtocol::kFragment || protocol == IpProtocol::kDestinationOptions;
}

// Moves `upper`, which comes with the protocol that the fixed header names, over hop-by-hop and
// destination options, routing and fragment headers at the front of `payload`; stops behind the
// fragment header of a packet that is a piece. One that is its own only piece is whole (RFC 6946
// 4). kTruncated, kExtensions, kExtensionOption, kRouting, kLength.
[[nodiscard]] Fault skip_extensions(Bytes payload, UpperLayer& upper);

// What skip_extensions says, kVersion and kMappedAddress. Jumbograms (RFC 2675) are not spoken;
// their option is one that must not be skipped.
[[nodiscard]] inline Fault parse_ipv6(Bytes bytes, Ipv6Packet& out) {
  if (bytes.size() < kIpv6Bytes) {
    return Fault::kTruncated;
  }
  const uint8_t* at = bytes.data();
  const uint32_t first = load32(at);  // version 4 bits, traffic class 8, flow label 20
  if (first >> 28 != 6) {
    return Fault::kVersion;
  }
  const size_t payload_bytes = load16(at + 4);
  if (payload_bytes > bytes.size() - kIpv6Bytes) {
    return Fault::kTruncated;
  }
  if (is_mapped(at + 8) || is_mapped(at + 24)) {
    return Fault::kMappedAddress;
  }
  const Bytes payload = bytes.subspan(kIpv6Bytes, payload_bytes);
  UpperLayer upper{.protocol = static_cast<IpProtocol>(at[6])};
  if (is_extension(upper.protocol)) [[unlikely]] {
    if (const Fault fault = skip_extensions(payload, upper); fault != Fault::kNone) {
      return fault;
    }
  }
  out.header = {.source = load_v6(at + 8),
                .destination = load_v6(at + 24),
                .protocol = upper.protocol,
                .hop_limit = at[7],
                .traffic_class = {static_cast<uint8_t>(first >> 20)},
                .flow_label = first & 0xfffff};
  out.header_bytes = kIpv6Bytes + upper.at;
  out.fragment = upper.fragment;
  out.has_fragment_header = upper.has_fragment_header;
  out.payload = payload.subspan(upper.at);
  return Fault::kNone;
}

// Writes the kIpv6Bytes before `payload_bytes` (at most 65535) of payload; `out` must have them.
// Returns kIpv6Bytes.
size_t write_ipv6(Room out, const Ipv6Header& header, size_t payload_bytes);

}  // namespace pollux::tcp
