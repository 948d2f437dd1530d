#include "dataplane/tcp/wire/ndp.h"

#include <algorithm>

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

enum NdpOption : uint8_t { kSourceLink = 1, kTargetLink = 2, kPrefix = 3, kMtu = 5 };
constexpr size_t kLinkOptionBytes = 8;  // of Ethernet (RFC 2464 6)

// Bytes before the options.
size_t fixed_bytes(NdpKind kind) {
  switch (kind) {
    case NdpKind::kRouterSolicitation:
      return 8;
    case NdpKind::kRouterAdvertisement:
      return 16;
    default:
      return 24;
  }
}

void read_prefix(const uint8_t* at, NdpMessage& out) {
  if (at[2] > 128 || is_mapped(at + 16)) {
    return;
  }
  if (out.prefix_count == kNdpPrefixesMax) {
    out.prefixes_left_out = static_cast<uint8_t>(std::min(out.prefixes_left_out + 1, 255));
    return;
  }
  out.prefixes[out.prefix_count++] = {.prefix = load_v6(at + 16),
                                      .length = at[2],
                                      .on_link = (at[3] & 0x80) != 0,
                                      .autonomous = (at[3] & 0x40) != 0,
                                      .valid_s = load32(at + 4),
                                      .preferred_s = load32(at + 8)};
}

// Takes whatever stands in `options`. kOption if one has no length or is cut off (RFC 4861 4.6).
Fault read_options(Bytes options, NdpMessage& out) {
  while (!options.empty()) {
    const size_t bytes = options.size() < 2 ? 0 : options[1] * size_t{8};
    if (bytes == 0 || bytes > options.size()) {
      return Fault::kOption;
    }
    const uint8_t* at = options.data();
    if (at[0] == kSourceLink && bytes == kLinkOptionBytes) {
      out.source_link = load_mac(at + 2);
    } else if (at[0] == kTargetLink && bytes == kLinkOptionBytes) {
      out.target_link = load_mac(at + 2);
    } else if (at[0] == kPrefix && bytes == 32) {
      read_prefix(at, out);
    } else if (at[0] == kMtu && bytes == 8) {
      out.mtu = load32(at + 4);
    }
    options = options.subspan(bytes);
  }
  return Fault::kNone;
}

void read_fixed(const uint8_t* at, NdpMessage& out) {
  switch (out.kind) {
    case NdpKind::kRouterSolicitation:
      break;
    case NdpKind::kRouterAdvertisement:
      out.current_hop_limit = at[4];
      out.managed = (at[5] & 0x80) != 0;
      out.other = (at[5] & 0x40) != 0;
      out.router_lifetime_s = load16(at + 6);
      out.reachable_ms = load32(at + 8);
      out.retransmit_ms = load32(at + 12);
      break;
    case NdpKind::kNeighborAdvertisement:
      out.router = (at[4] & 0x80) != 0;
      out.solicited = (at[4] & 0x40) != 0;
      out.overrides = (at[4] & 0x20) != 0;
      [[fallthrough]];
    case NdpKind::kNeighborSolicitation:
      out.target = load_v6(at + 8);
      break;
  }
}

bool is_solicited_node(const IpAddress& address) {
  return address == solicited_node(address);
}

// The rules on addresses and on options that must not be there.
Fault check(const Ipv6Header& header, const NdpMessage& message) {
  const bool from_nobody = header.source.is_unspecified();
  switch (message.kind) {
    case NdpKind::kRouterSolicitation:  // RFC 4861 6.1.1
      return from_nobody && message.source_link ? Fault::kOption : Fault::kNone;
    case NdpKind::kRouterAdvertisement:  // RFC 4861 6.1.2
      return header.source.is_link_local() ? Fault::kNone : Fault::kAddress;
    case NdpKind::kNeighborSolicitation:  // RFC 4861 7.1.1
      if (message.target.is_multicast() ||
          (from_nobody && !is_solicited_node(header.destination))) {
        return Fault::kAddress;
      }
      return from_nobody && message.source_link ? Fault::kOption : Fault::kNone;
    case NdpKind::kNeighborAdvertisement:  // RFC 4861 7.1.2
      return message.target.is_multicast() ||
                     (header.destination.is_multicast() && message.solicited)
                 ? Fault::kAddress
                 : Fault::kNone;
  }
  return Fault::kUnspoken;
}

size_t write_link_option(uint8_t* at, NdpOption type, const std::optional<MacAddress>& mac) {
  if (!mac) {
    return 0;
  }
  at[0] = type;
  at[1] = kLinkOptionBytes / 8;
  store_mac(at + 2, *mac);
  return kLinkOptionBytes;
}

}  // namespace

Fault parse_ndp(const Ipv6Header& header, Bytes bytes, NdpMessage& out) {
  if (bytes.size() < 8) {
    return Fault::kTruncated;
  }
  const uint8_t* at = bytes.data();
  out = {.kind = static_cast<NdpKind>(at[0])};
  if (out.kind < NdpKind::kRouterSolicitation || out.kind > NdpKind::kNeighborAdvertisement) {
    return Fault::kUnspoken;
  }
  if (header.hop_limit != kNdpHopLimit) {
    return Fault::kHopLimit;
  }
  if (at[1] != 0) {
    return Fault::kCode;
  }
  const size_t fixed = fixed_bytes(out.kind);
  if (bytes.size() < fixed) {
    return Fault::kTruncated;
  }
  if (fixed == 24 && is_mapped(at + 8)) {
    return Fault::kMappedAddress;
  }
  read_fixed(at, out);
  const Fault fault = read_options(bytes.subspan(fixed), out);
  return fault != Fault::kNone ? fault : check(header, out);
}

size_t write_ndp(Room out, const NdpMessage& message, const IpAddress& source,
                 const IpAddress& destination) {
  POLLUX_ASSERT(out.size() >= kNdpMessageMax);
  POLLUX_ASSERT(message.kind != NdpKind::kRouterAdvertisement);
  uint8_t* at = out.data();
  size_t bytes = fixed_bytes(message.kind);
  std::fill_n(at, bytes, uint8_t{0});
  at[0] = static_cast<uint8_t>(message.kind);
  if (message.kind == NdpKind::kNeighborAdvertisement) {
    at[4] = static_cast<uint8_t>((message.router ? 0x80 : 0) | (message.solicited ? 0x40 : 0) |
                                 (message.overrides ? 0x20 : 0));
  }
  if (message.kind != NdpKind::kRouterSolicitation) {
    store_v6(at + 8, message.target);
  }
  bytes += write_link_option(at + bytes, kSourceLink, message.source_link);
  bytes += write_link_option(at + bytes, kTargetLink, message.target_link);
  Checksum sum = pseudo_header(source, destination, static_cast<uint8_t>(IpProtocol::kIcmp6),
                               static_cast<uint32_t>(bytes));
  sum.add(out.first(bytes));
  store16(at + 2, sum.value());
  return bytes;
}

IpAddress solicited_node(const IpAddress& target) {
  IpAddress group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
  std::copy_n(&target.bytes[13], 3, &group.bytes[13]);
  return group;
}

MacAddress multicast_mac(const IpAddress& group) {
  return {{0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
}

}  // namespace pollux::tcp
