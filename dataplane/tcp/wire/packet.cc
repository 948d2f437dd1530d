#include "dataplane/tcp/wire/packet.h"

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"

namespace pollux::tcp {
namespace {

void fail(Packet& packet, Layer layer, Fault fault) {
  packet.kind = PacketKind::kBad;
  packet.layer = layer;
  packet.fault = fault;
}

[[gnu::always_inline]] inline void parse_segment(Packet& packet) {
  TcpSegment segment;
  if (const Fault fault = parse_tcp(packet.transport(), segment); fault != Fault::kNone)
      [[unlikely]] {
    fail(packet, Layer::kTransport, fault);
    return;
  }
  packet.kind = PacketKind::kTcp;
  packet.layer = Layer::kTransport;
  packet.tcp = segment.header;
  packet.flow.local_port = packet.tcp.destination_port;
  packet.flow.remote_port = packet.tcp.source_port;
  packet.payload_at = packet.end - static_cast<uint32_t>(segment.payload.size());
}

// What both versions of IP have told: what it carries, and in how many bytes of header.
[[gnu::always_inline]] inline void parse_upper(Packet& packet, size_t header_bytes,
                                               size_t payload_bytes, bool whole, IpProtocol icmp) {
  packet.transport_at = packet.network_at + static_cast<uint32_t>(header_bytes);
  packet.end = packet.transport_at + static_cast<uint32_t>(payload_bytes);
  packet.payload_at = packet.end;
  packet.layer = Layer::kNetwork;
  if (!whole) {
    packet.kind = PacketKind::kFragment;
  } else if (packet.protocol == IpProtocol::kTcp) [[likely]] {
    parse_segment(packet);
  } else if (packet.protocol == icmp) {
    packet.kind = icmp == IpProtocol::kIcmp ? PacketKind::kIcmp : PacketKind::kIcmp6;
    packet.layer = Layer::kTransport;
  } else {
    packet.kind = PacketKind::kOther;
  }
}

void parse_v4(Packet& packet) {
  Ipv4Packet ip;
  if (const Fault fault = parse_ipv4(packet.network(), ip); fault != Fault::kNone) [[unlikely]] {
    fail(packet, Layer::kNetwork, fault);
    return;
  }
  const Ipv4Header& header = ip.header;
  packet.flow.local = header.destination;
  packet.flow.remote = header.source;
  packet.protocol = header.protocol;
  packet.traffic_class = header.traffic_class;
  packet.hop_limit = header.ttl;
  parse_upper(packet, ip.header_bytes, ip.payload.size(), header.fragment.whole(),
              IpProtocol::kIcmp);
}

void parse_v6(Packet& packet) {
  Ipv6Packet ip;
  if (const Fault fault = parse_ipv6(packet.network(), ip); fault != Fault::kNone) [[unlikely]] {
    fail(packet, Layer::kNetwork, fault);
    return;
  }
  const Ipv6Header& header = ip.header;
  packet.flow.local = header.destination;
  packet.flow.remote = header.source;
  packet.protocol = header.protocol;
  packet.traffic_class = header.traffic_class;
  packet.hop_limit = header.hop_limit;
  parse_upper(packet, ip.header_bytes, ip.payload.size(), ip.fragment.whole(), IpProtocol::kIcmp6);
}

// A whole segment of TCP over IPv4 without options and over Ethernet without a tag, and nothing
// wrong with any of their lengths.
[[gnu::always_inline]] inline bool is_plain(Bytes frame) {
  constexpr size_t kTcpAt = kEthernetBytes + kIpv4Bytes;
  if (frame.size() < kTcpAt + kTcpBytes) {
    return false;
  }
  const uint8_t* const ip = frame.data() + kEthernetBytes;
  const size_t total_bytes = load16(ip + 2);
  const size_t tcp_bytes = (ip[kIpv4Bytes + 12] >> 4) * 4U;
  return load16(ip - 2) == static_cast<uint16_t>(EtherType::kIpv4) && ip[0] == 0x45 &&
         ip[9] == static_cast<uint8_t>(IpProtocol::kTcp) && (load16(ip + 6) & 0x3fff) == 0 &&
         total_bytes <= frame.size() - kEthernetBytes && tcp_bytes >= kTcpBytes &&
         total_bytes >= kIpv4Bytes + tcp_bytes;
}

// Of such a one, what stands where.
[[gnu::always_inline]] inline Packet parse_plain(Bytes frame) {
  Packet packet(frame);
  const uint8_t* const ip = frame.data() + kEthernetBytes;
  const uint8_t* const tcp = ip + kIpv4Bytes;
  packet.type = EtherType::kIpv4;
  packet.kind = PacketKind::kTcp;
  packet.layer = Layer::kTransport;
  packet.protocol = IpProtocol::kTcp;
  packet.traffic_class = {ip[1]};
  packet.hop_limit = ip[8];
  packet.network_at = kEthernetBytes;
  packet.transport_at = kEthernetBytes + kIpv4Bytes;
  packet.payload_at = packet.transport_at + (tcp[12] >> 4) * 4U;
  packet.end = kEthernetBytes + load16(ip + 2);
  packet.tcp = read_tcp(tcp);
  packet.flow.local = load_v4(ip + 16);
  packet.flow.remote = load_v4(ip + 12);
  packet.flow.local_port = packet.tcp.destination_port;
  packet.flow.remote_port = packet.tcp.source_port;
  return packet;
}

}  // namespace

Packet parse_packet(Bytes frame) {
  return is_plain(frame) ? parse_plain(frame) : parse_any_packet(frame);
}

Packet parse_any_packet(Bytes frame) {
  Packet packet(frame);
  EthernetFrame link;
  if (const Fault fault = parse_ethernet(frame, link); fault != Fault::kNone) [[unlikely]] {
    fail(packet, Layer::kLink, fault);
    return packet;
  }
  packet.network_at -= static_cast<uint32_t>(link.payload.size());
  packet.type = link.header.type;
  if (link.header.vlan) {
    packet.tagged = true;
    packet.vlan = *link.header.vlan;
  }
  switch (packet.type) {
    case EtherType::kIpv4:
      parse_v4(packet);
      break;
    case EtherType::kIpv6:
      parse_v6(packet);
      break;
    case EtherType::kArp:
      packet.kind = PacketKind::kArp;
      packet.layer = Layer::kNetwork;
      break;
    default:
      packet.kind = PacketKind::kOther;
      break;
  }
  return packet;
}

bool network_checksum_ok(const Packet& packet) {
  return packet.type != EtherType::kIpv4 || ipv4_checksum_ok(packet.network());
}

bool transport_checksum_ok(const Packet& packet) {
  const Bytes bytes = packet.transport();
  // ICMP of IPv4 alone has no pseudo-header.
  Checksum sum = packet.kind == PacketKind::kIcmp
                     ? Checksum()
                     : pseudo_header(packet.flow.remote, packet.flow.local,
                                     static_cast<uint8_t>(packet.protocol),
                                     static_cast<uint32_t>(bytes.size()));
  sum.add(bytes);
  return sum.verifies();
}

}  // namespace pollux::tcp
