// ICMP of both versions (RFC 792, RFC 4443): echo, and errors with the packet that they are about.
// One struct for both, so that what a connection hears of its path has one form. Neighbor
// discovery, which rides on ICMPv6, stands in ndp.h.
//
//   type 1 | code 1 | checksum 2 | 4 bytes by type | body
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/fault.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

inline constexpr size_t kIcmpBytes = 8;  // without the body
// What an error may quote at most, so that the packet is within what any path carries: 576 bytes in
// all (RFC 1812 4.3.2.3), 1280 in all (RFC 4443 2.4 c).
inline constexpr size_t kIcmp4QuoteMax = 576 - 20 - kIcmpBytes;
inline constexpr size_t kIcmp6QuoteMax = 1280 - 40 - kIcmpBytes;

enum class IcmpKind : uint8_t {
  kEchoReply,
  kEchoRequest,
  kUnreachable,   // `code` says what
  kPacketTooBig,  // IPv4: unreachable, code 4, fragmentation needed (RFC 1191 4)
  kTimeExceeded,
  kParameterProblem,
};

// Codes of kUnreachable that matter to a connection.
inline constexpr uint8_t kIcmp4HostUnreachable = 1;
inline constexpr uint8_t kIcmp4ProtocolUnreachable = 2;
inline constexpr uint8_t kIcmp4PortUnreachable = 3;
inline constexpr uint8_t kIcmp4FragmentationNeeded = 4;  // kept in `code` of kPacketTooBig
inline constexpr uint8_t kIcmp6AddressUnreachable = 3;
inline constexpr uint8_t kIcmp6PortUnreachable = 4;

struct IcmpMessage {
  IcmpKind kind = IcmpKind::kEchoReply;
  uint8_t code = 0;
  uint16_t id = 0;        // echo
  uint16_t sequence = 0;  // echo
  // kPacketTooBig: of the next hop, in bytes, as it is told: a router from before RFC 1191 says 0,
  // and a forger anything. The floor (68, 1280) is for whoever believes it.
  uint32_t mtu = 0;
  uint32_t pointer = 0;  // kParameterProblem: the byte of the quoted packet
  Bytes body;  // echo: data to be sent back; errors: the front of the packet they are about
};

// kTruncated; kUnspoken: any other type. The checksum of IPv4's is that of the bytes (checksum() is
// 0 over them), of IPv6's with the pseudo-header; neither is looked at.
[[nodiscard]] Fault parse_icmp4(Bytes bytes, IcmpMessage& out);
[[nodiscard]] Fault parse_icmp6(Bytes bytes, IcmpMessage& out);

// Writes a message, checksum included, and returns its bytes; `out` must have room for kIcmpBytes
// and the body. Of the body of an error at most what may be quoted is written. The one of IPv6
// needs the addresses of its packet.
size_t write_icmp4(Room out, const IcmpMessage& message);
size_t write_icmp6(Room out, const IcmpMessage& message, const IpAddress& source,
                   const IpAddress& destination);

// The segment that an error is about.
struct QuotedSegment {
  Flow flow;  // as its sender sees it, which should be us: `local` sent it
  Seq seq;    // RFC 5927 4: an error whose number is not in flight is forged or too late
  friend bool operator==(const QuotedSegment&, const QuotedSegment&) = default;
};

// Reads the body of an error of either version: an IP header and at least 8 bytes behind it.
// Nothing, if that is cut off, not of TCP, or a fragment that is not the first. Lengths in it
// are not believed: it was cut.
std::optional<QuotedSegment> parse_quoted_segment(Bytes body);

}  // namespace pollux::tcp
