// Neighbor discovery (RFC 4861): router and neighbor solicitations and advertisements, with the
// options that a host on Ethernet has a use for. Redirects are not spoken.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/fault.h"
#include "dataplane/tcp/wire/ipv6.h"

namespace pollux::tcp {

inline constexpr uint8_t kNdpHopLimit = 255;  // what every message is sent with
// Prefixes kept of one advertisement, the first ones; of more than that, prefixes_left_out counts.
inline constexpr size_t kNdpPrefixesMax = 4;
inline constexpr size_t kNdpMessageMax = 24 + 2 * 8;  // what write_ndp writes at most

enum class NdpKind : uint8_t {  // the types of ICMPv6
  kRouterSolicitation = 133,
  kRouterAdvertisement = 134,
  kNeighborSolicitation = 135,
  kNeighborAdvertisement = 136,
};
// Of a type of ICMPv6: the four, and redirects (137).
constexpr bool is_ndp(uint8_t type) { return type >= 133 && type <= 137; }

// RFC 4861 4.6.2. Lifetimes in seconds; 0xffffffff is for ever.
struct NdpPrefix {
  IpAddress prefix;
  uint8_t length = 0;  // bits, at most 128
  bool on_link = false;
  bool autonomous = false;  // for addresses that a host makes itself (RFC 4862 5.5.3)
  uint32_t valid_s = 0;
  uint32_t preferred_s = 0;
  friend bool operator==(const NdpPrefix&, const NdpPrefix&) = default;
};

struct NdpMessage {
  NdpKind kind = NdpKind::kRouterSolicitation;
  // Solicitation and advertisement of a neighbor.
  IpAddress target;
  bool router = false;  // advertisement: R, S and O
  bool solicited = false;
  bool overrides = false;
  // Advertisement of a router; 0 where it leaves something to others.
  uint8_t current_hop_limit = 0;
  bool managed = false;            // addresses by DHCPv6
  bool other = false;              // everything else by DHCPv6
  uint16_t router_lifetime_s = 0;  // 0: no default router
  uint32_t reachable_ms = 0;
  uint32_t retransmit_ms = 0;
  // Options.
  std::optional<MacAddress> source_link;
  std::optional<MacAddress> target_link;
  std::optional<uint32_t> mtu;
  uint8_t prefix_count = 0;
  uint8_t prefixes_left_out = 0;  // stops at 255
  std::array<NdpPrefix, kNdpPrefixesMax> prefixes;

  std::span<const NdpPrefix> prefix_list() const { return {prefixes.data(), prefix_count}; }
  friend bool operator==(const NdpMessage&, const NdpMessage&) = default;
};

// Reads a message of ICMPv6 that came in a packet with this header, and holds it to the rules of
// RFC 4861 6.1.1, 6.1.2, 7.1.1 and 7.1.2, but for the checksum. Options of other types, or of a
// length that is not theirs, are stepped over; of one that comes twice, the last counts.
// kTruncated, kUnspoken, kHopLimit, kCode, kOption, kAddress, kMappedAddress.
[[nodiscard]] Fault parse_ndp(const Ipv6Header& header, Bytes bytes, NdpMessage& out);

// Writes a solicitation, or the advertisement of a neighbor, with the link-layer options that it
// has, and the checksum for these addresses. `out` must have kNdpMessageMax bytes; returns how many
// were written. Requires another kind than kRouterAdvertisement: this is a host.
size_t write_ndp(Room out, const NdpMessage& message, const IpAddress& source,
                 const IpAddress& destination);

// ff02::1:ffXX:XXXX, where those who may have `target` listen (RFC 4291 2.7.1).
IpAddress solicited_node(const IpAddress& target);
// 33:33:XX:XX:XX:XX, for a multicast address of IPv6 (RFC 2464 7).
MacAddress multicast_mac(const IpAddress& group);

}  // namespace pollux::tcp
