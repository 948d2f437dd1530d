#include <algorithm>

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/packet.h"
#include "tests/tcp_linux/host.h"

namespace pollux::tcp {

PacketBytes packet_of(const TcpHeader& header, const TcpOptions& options, size_t payload_bytes) {
  PacketBytes packet(kIpv4Bytes + kTcpHeaderBytesMax + payload_bytes, 'x');
  const Room tcp = Room(packet).subspan(kIpv4Bytes);
  const size_t head = write_tcp(tcp, header, options);
  const size_t bytes = head + payload_bytes;
  Checksum sum = pseudo_header(kPeerAddress, kHostAddress, 6, static_cast<uint32_t>(bytes));
  sum.add(tcp.subspan(head, payload_bytes));
  set_tcp_checksum(tcp.first(head), sum);
  write_ipv4(packet,
             {.source = kPeerAddress, .destination = kHostAddress, .protocol = IpProtocol::kTcp},
             bytes);
  packet.resize(kIpv4Bytes + bytes);
  return packet;
}

std::optional<PlainSegment> segment_of(const PacketBytes& packet) {
  PacketBytes frame(kEthernetBytes + packet.size());
  write_ethernet(frame, {.destination = {{2, 0, 0, 0, 0, 1}},
                         .source = {{2, 0, 0, 0, 0, 2}},
                         .vlan = {},
                         .type = EtherType::kIpv4});
  std::ranges::copy(packet, frame.begin() + kEthernetBytes);
  const Packet parsed = parse_packet(frame);
  if (parsed.kind != PacketKind::kTcp || !transport_checksum_ok(parsed)) {
    return std::nullopt;
  }
  return PlainSegment{.header = parsed.tcp,
                      .options = parse_tcp_options(parsed.tcp_options()),
                      .payload_bytes = static_cast<uint32_t>(parsed.payload().size())};
}

}  // namespace pollux::tcp
