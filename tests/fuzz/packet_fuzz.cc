// libFuzzer target: whatever the frame, parse_packet and the parsers behind it read only inside of
// it; what is a segment with clean options, written anew from what was read, reads the same again
// and has the checksum that it should have.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/packet_fuzz.cc dataplane/tcp/wire/{arp,checksum,icmp,ipv4,ipv6,ndp,packet}.cc \
//     dataplane/tcp/wire/{address,tcp_header,tcp_options}.cc src/base/assert.cc -o packet_fuzz
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/icmp.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/ndp.h"
#include "dataplane/tcp/wire/packet.h"

namespace {

using namespace pollux::tcp;  // NOLINT: of one room, which is what is looked at

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

uint16_t sum_of(Bytes bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.partial();
}

void check_offsets(const Packet& packet, size_t frame_bytes) {
  require(packet.network_at <= packet.transport_at && packet.transport_at <= packet.payload_at);
  require(packet.payload_at <= packet.end && packet.end <= frame_bytes);
  require((packet.kind == PacketKind::kBad) == (packet.fault != Fault::kNone));
  // Reads every byte.
  (void)(sum_of(packet.network()) + sum_of(packet.transport()) + sum_of(packet.payload()));
}

// The frame of the segment, from what was read of it: no options of IP, no extension headers, no
// padding.
std::vector<uint8_t> rebuild(const Packet& packet, const TcpOptions& options) {
  const Bytes payload = packet.payload();
  std::vector<uint8_t> out(kEthernetBytes + kVlanTagBytes + kIpv6Bytes + kTcpHeaderBytesMax +
                           payload.size());
  EthernetHeader link{packet.destination_mac(), packet.source_mac(), std::nullopt, packet.type};
  if (packet.tagged) {
    link.vlan = packet.vlan;
  }
  size_t at = write_ethernet(out, link);
  const size_t segment_bytes = kTcpBytes + tcp_options_bytes(options) + payload.size();
  const Room rest = Room(out).subspan(at);
  if (packet.type == EtherType::kIpv4) {
    at += write_ipv4(rest,
                     {.source = packet.flow.remote,
                      .destination = packet.flow.local,
                      .protocol = packet.protocol,
                      .ttl = packet.hop_limit,
                      .traffic_class = packet.traffic_class},
                     segment_bytes);
  } else {
    at += write_ipv6(rest,
                     {.source = packet.flow.remote,
                      .destination = packet.flow.local,
                      .protocol = packet.protocol,
                      .hop_limit = packet.hop_limit,
                      .traffic_class = packet.traffic_class},
                     segment_bytes);
  }
  const size_t header_bytes = write_tcp(Room(out).subspan(at), packet.tcp, options);
  Checksum sum =
      pseudo_header(packet.flow.remote, packet.flow.local, 6, static_cast<uint32_t>(segment_bytes));
  sum.add(payload);
  set_tcp_checksum(Room(out).subspan(at, header_bytes), sum);
  at += header_bytes;
  std::copy(payload.begin(), payload.end(), out.begin() + static_cast<ptrdiff_t>(at));
  out.resize(at + payload.size());
  return out;
}

void look_at_segment(const Packet& packet) {
  const TcpOptions options = parse_tcp_options(packet.tcp_options());
  // What is written may need more room for NOPs than what was read.
  const size_t room = 65535 - kIpv4Bytes - kTcpHeaderBytesMax;
  if (options.malformed || packet.payload().size() > room) {
    return;
  }
  const auto bytes = rebuild(packet, options);
  const Packet again = parse_packet(bytes);
  check_offsets(again, bytes.size());
  require(again.kind == PacketKind::kTcp && again.flow == packet.flow && again.tcp == packet.tcp);
  require(again.type == packet.type && again.tagged == packet.tagged && again.vlan == packet.vlan);
  require(again.traffic_class == packet.traffic_class && again.hop_limit == packet.hop_limit);
  require(std::ranges::equal(again.payload(), packet.payload()));
  require(network_checksum_ok(again) && transport_checksum_ok(again));
  const TcpOptions options_again = parse_tcp_options(again.tcp_options());
  require(!options_again.malformed && options_again.mss == options.mss);
  require(options_again.window_scale == options.window_scale);
  require(options_again.sack_permitted == options.sack_permitted);
  require(options_again.timestamps == options.timestamps);
  require(options_again.sack_count <= options.sack_count);
  require(std::ranges::equal(options_again.sack_blocks(),
                             options.sack_blocks().first(options_again.sack_count)));
}

void look_at_icmp(const Packet& packet) {
  const Bytes bytes = packet.transport();
  IcmpMessage message;
  const bool six = packet.kind == PacketKind::kIcmp6;
  if ((six ? parse_icmp6(bytes, message) : parse_icmp4(bytes, message)) == Fault::kNone) {
    (void)parse_quoted_segment(message.body);
    std::vector<uint8_t> out(kIcmpBytes + message.body.size());
    const size_t size = six ? write_icmp6(out, message, packet.flow.remote, packet.flow.local)
                            : write_icmp4(out, message);
    IcmpMessage again;
    const Bytes written = Bytes(out).first(size);
    require((six ? parse_icmp6(written, again) : parse_icmp4(written, again)) == Fault::kNone);
    require(again.kind == message.kind && again.code == message.code);
    require(again.id == message.id && again.sequence == message.sequence);
    require(again.mtu == message.mtu && again.pointer == message.pointer);
  }
  NdpMessage ndp;
  const Ipv6Header header{.source = packet.flow.remote,
                          .destination = packet.flow.local,
                          .hop_limit = packet.hop_limit};
  if (six && parse_ndp(header, bytes, ndp) == Fault::kNone &&
      ndp.kind != NdpKind::kRouterAdvertisement) {
    uint8_t out[kNdpMessageMax];
    const size_t size = write_ndp(out, ndp, header.source, header.destination);
    NdpMessage again;
    require(parse_ndp(header, Bytes(out).first(size), again) == Fault::kNone);
    require(again.target == ndp.target && again.source_link == ndp.source_link);
    require(again.target_link == ndp.target_link && again.solicited == ndp.solicited);
  }
}

void look_at_arp(const Packet& packet) {
  ArpPacket arp;
  if (parse_arp(packet.network(), arp) == Fault::kNone) {
    uint8_t out[kArpBytes];
    write_arp(out, arp);
    require(std::ranges::equal(Bytes(out), packet.network().first(kArpBytes)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A block of the exact size: reads beyond it are seen.
  const auto block = std::make_unique<uint8_t[]>(size);
  std::copy_n(data, size, block.get());
  const Packet packet = parse_packet({block.get(), size});
  require(packet == parse_any_packet({block.get(), size}));
  check_offsets(packet, size);
  switch (packet.kind) {
    case PacketKind::kTcp:
      (void)(network_checksum_ok(packet) && transport_checksum_ok(packet));
      look_at_segment(packet);
      break;
    case PacketKind::kIcmp:
    case PacketKind::kIcmp6:
      (void)transport_checksum_ok(packet);
      look_at_icmp(packet);
      break;
    case PacketKind::kArp:
      look_at_arp(packet);
      break;
    default:
      break;
  }
  return 0;
}
