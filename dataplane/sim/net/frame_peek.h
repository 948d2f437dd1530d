// What the network itself must know of the frames that it carries: enough to drop "the second FIN",
// to mark congestion, and to print a line. It is a second opinion, and so shares no code with the
// stack's own parser: a mistake there is not hidden by the same one here.
//
// Total: any bytes give an answer. VLAN tags are passed over; of IPv4 fragments only the first has
// ports; IPv6 extension headers end the look.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/sim/net/frame.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

inline constexpr uint16_t kEtherIpv4 = 0x0800;
inline constexpr uint16_t kEtherArp = 0x0806;
inline constexpr uint16_t kEtherIpv6 = 0x86dd;

struct EtherPeek {
  MacAddress to;
  MacAddress from;
  uint16_t type = 0;          // of what is inside, past all VLAN tags
  uint32_t header_bytes = 0;  // 14, and 4 for each tag
};
std::optional<EtherPeek> peek_ether(FrameView frame);

struct IpPeek {
  IpAddress from;
  IpAddress to;
  uint8_t protocol = 0;         // 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6
  uint8_t ecn = 0;              // 0 not ECT, 1 ECT(1), 2 ECT(0), 3 CE
  uint32_t offset = 0;          // of the IP header in the frame
  uint32_t payload_offset = 0;  // of what the IP packet carries
  uint32_t payload_bytes = 0;   // as its header says, at most what is there
  bool is_later_fragment = false;
};
std::optional<IpPeek> peek_ip(FrameView frame);

struct TcpPeek {
  IpPeek ip;
  uint16_t from_port = 0;
  uint16_t to_port = 0;
  Seq seq;
  Seq ack;
  uint16_t window = 0;  // as on the wire, without scale
  uint32_t payload_bytes = 0;
  bool fin = false;
  bool syn = false;
  bool rst = false;
  bool psh = false;
  bool has_ack = false;
  bool ece = false;
  bool cwr = false;

  bool is_pure_ack() const { return has_ack && !syn && !fin && !rst && payload_bytes == 0; }
  // What it takes of the sequence space; SYN and FIN count one each.
  SeqRange range() const { return {seq, seq + (payload_bytes + (syn ? 1 : 0) + (fin ? 1 : 0))}; }
};
std::optional<TcpPeek> peek_tcp(FrameView frame);

// Bytes of the network-layer packet: what an MTU limits. 0 of a frame shorter than its header.
uint32_t packet_bytes(FrameView frame);

// Sets CE (RFC 3168) in an ECN-capable packet and mends the IPv4 header's checksum (RFC 1624).
// False, and nothing changed, if its sender did not say ECT, or if it is no IP packet.
bool mark_ce(Frame& frame);

// One line for people: "10.0.0.1:80 > 10.0.0.2:4000 [S.] seq 1 ack 2 win 3 len 4".
std::string describe(FrameView frame);

}  // namespace pollux::tcp
