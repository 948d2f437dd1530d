#include "dataplane/tcp/wire/packet.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/icmp.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/ndp.h"
#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

const Flow kFlow4{address("192.0.2.2"), address("192.0.2.1"), 6379, 51000};
const Flow kFlow6{address("2001:db8::2"), address("2001:db8::1"), 6379, 51000};

// What holds of any packet, whatever the bytes; touches all that it hands out.
void check(const Packet& packet, Bytes frame) {
  ASSERT_EQ(packet.frame, frame.data());
  ASSERT_LE(packet.network_at, packet.transport_at);
  ASSERT_LE(packet.transport_at, packet.payload_at);
  ASSERT_LE(packet.payload_at, packet.end);
  ASSERT_LE(packet.end, frame.size());
  ASSERT_EQ(packet.kind == PacketKind::kBad, packet.fault != Fault::kNone);
  ASSERT_TRUE(packet == parse_any_packet(frame));  // the short way against the one for all
  Checksum sum;
  for (const Bytes piece : {packet.network(), packet.transport(), packet.payload()}) {
    sum.add(piece);
  }
  switch (packet.kind) {
    case PacketKind::kTcp:
      ASSERT_EQ(packet.layer, Layer::kTransport);
      ASSERT_EQ(packet.payload_at - packet.transport_at, kTcpBytes + packet.tcp_options().size());
      (void)parse_tcp_options(packet.tcp_options());
      [[fallthrough]];
    case PacketKind::kIcmp:
    case PacketKind::kIcmp6:
      (void)network_checksum_ok(packet);
      (void)transport_checksum_ok(packet);
      break;
    default:
      break;
  }
}

Packet parse(Bytes frame) {
  const Packet packet = parse_packet(frame);
  check(packet, frame);
  return packet;
}

TEST(PacketTest, SegmentOfIpv4) {
  const ByteVector frame = golden("tcp4_data");
  const Packet packet = parse(frame);
  EXPECT_EQ(packet.kind, PacketKind::kTcp);
  EXPECT_EQ(packet.flow, kFlow4);
  EXPECT_EQ(packet.tcp.seq, Seq{0x01020304});
  EXPECT_EQ(packet.tcp.ack, Seq{0x0a0b0c0d});
  EXPECT_EQ(packet.tcp.flags, kAck | kPsh);
  EXPECT_EQ(packet.tcp.window, 502);
  EXPECT_EQ(packet.traffic_class.dscp(), 10);
  EXPECT_EQ(packet.traffic_class.ecn(), Ecn::kEct0);
  EXPECT_EQ(packet.hop_limit, 64);
  EXPECT_EQ(packet.protocol, IpProtocol::kTcp);
  EXPECT_EQ(packet.type, EtherType::kIpv4);
  EXPECT_FALSE(packet.tagged);
  EXPECT_EQ(packet.destination_mac(), (MacAddress{{2, 0, 0, 0, 0, 2}}));
  EXPECT_EQ(packet.source_mac(), (MacAddress{{2, 0, 0, 0, 0, 1}}));
  EXPECT_EQ(packet.network().size(), 66U);
  EXPECT_EQ(packet.transport().size(), 46U);
  EXPECT_EQ(packet.payload().size(), 14U);
  EXPECT_EQ(packet.payload().data(), frame.data() + 66);
  EXPECT_EQ(parse_tcp_options(packet.tcp_options()).timestamps, (Timestamps{1000, 2000}));
}

TEST(PacketTest, SegmentOfIpv6) {
  const Packet packet = parse(golden("tcp6_data"));
  EXPECT_EQ(packet.kind, PacketKind::kTcp);
  EXPECT_EQ(packet.flow, kFlow6);
  EXPECT_EQ(packet.traffic_class.ecn(), Ecn::kCe);
  EXPECT_EQ(packet.payload().size(), 14U);
  const Packet behind = parse(golden("tcp6_extensions"));
  EXPECT_EQ(behind.kind, PacketKind::kTcp);
  EXPECT_EQ(behind.flow, kFlow6);
  EXPECT_EQ(behind.transport_at, 14U + 40 + 48);
  EXPECT_EQ(behind.payload().size(), 1U);
}

TEST(PacketTest, TagAndOptionsShiftWhatIsBehind) {
  const Packet tagged = parse(golden("tcp4_vlan"));
  EXPECT_TRUE(tagged.tagged);
  EXPECT_EQ(tagged.vlan.id(), 100);
  EXPECT_EQ(tagged.network_at, 18U);
  EXPECT_EQ(tagged.flow, kFlow4);
  EXPECT_EQ(tagged.payload().size(), 14U);
  EXPECT_EQ(parse(golden("tcp6_vlan_ack")).vlan.id(), 1);
  const Packet options = parse(golden("tcp4_ip_options"));
  EXPECT_EQ(options.transport_at, 14U + 24);
  EXPECT_EQ(options.payload().size(), 3U);
}

TEST(PacketTest, PaddingIsNoPayload) {
  const ByteVector frame = golden("tcp4_ack_padded");
  const Packet packet = parse(frame);
  EXPECT_EQ(frame.size(), 60U);
  EXPECT_EQ(packet.end, 54U);
  EXPECT_TRUE(packet.payload().empty());
}

TEST(PacketTest, KindsAndLayers) {
  struct Row {
    std::string_view prefix;
    PacketKind kind;
    Layer layer;
  };
  constexpr Row kRows[] = {
      {"tcp", PacketKind::kTcp, Layer::kTransport},
      {"icmp4", PacketKind::kIcmp, Layer::kTransport},
      {"icmp6", PacketKind::kIcmp6, Layer::kTransport},
      {"ndp", PacketKind::kIcmp6, Layer::kTransport},
      {"arp", PacketKind::kArp, Layer::kNetwork},
      {"fragment", PacketKind::kFragment, Layer::kNetwork},
      {"other_udp4", PacketKind::kOther, Layer::kNetwork},
      {"other_no", PacketKind::kOther, Layer::kNetwork},
      {"other_lldp", PacketKind::kOther, Layer::kLink},
      {"other_two_tags", PacketKind::kOther, Layer::kLink},
  };
  for (const GoldenFrame& frame : kGoldenFrames) {
    const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&frame](const Row& r) {
      return frame.name.starts_with(r.prefix);
    });
    ASSERT_NE(row, std::end(kRows)) << frame.name;
    const ByteVector bytes = from_hex(frame.hex);
    const Packet packet = parse(bytes);
    EXPECT_EQ(packet.kind, row->kind) << frame.name;
    EXPECT_EQ(packet.layer, row->layer) << frame.name;
    EXPECT_EQ(packet.fault, Fault::kNone) << frame.name;
    const bool summed = packet.kind == PacketKind::kTcp || packet.kind == PacketKind::kIcmp ||
                        packet.kind == PacketKind::kIcmp6;
    EXPECT_TRUE(!summed || transport_checksum_ok(packet)) << frame.name;
    EXPECT_TRUE(network_checksum_ok(packet) || packet.layer == Layer::kLink) << frame.name;
  }
}

TEST(PacketTest, WhatIsBehindIsForOthersToRead) {
  const ByteVector arp_frame = golden("arp_request");
  ArpPacket arp;
  EXPECT_EQ(parse_arp(parse(arp_frame).network(), arp), Fault::kNone);
  const ByteVector echo_frame = golden("icmp4_echo");
  IcmpMessage echo;
  EXPECT_EQ(parse_icmp4(parse(echo_frame).transport(), echo), Fault::kNone);
  EXPECT_EQ(echo.body.size(), 9U);
  const ByteVector fragment_frame = golden("fragment6_last");
  const Packet fragment = parse(fragment_frame);
  EXPECT_EQ(fragment.protocol, IpProtocol::kTcp);
  EXPECT_EQ(fragment.flow.local, kFlow6.local);
  EXPECT_EQ(fragment.flow.local_port, 0);
  EXPECT_TRUE(fragment.payload().empty());
  EXPECT_EQ(fragment.transport().size(), fragment_frame.size() - 14 - 40 - 8);
}

TEST(PacketTest, IcmpOfTheOtherVersionIsOther) {
  ByteVector frame = golden("icmp4_echo");
  frame[14 + 9] = 58;
  EXPECT_EQ(parse(frame).kind, PacketKind::kOther);
  frame = golden("icmp6_echo");
  frame[14 + 6] = 1;
  EXPECT_EQ(parse(frame).kind, PacketKind::kOther);
}

TEST(PacketTest, FaultsSayWhere) {
  const auto with = [](std::string_view name, size_t at, uint8_t value, Layer layer) {
    ByteVector frame = golden(name);
    frame[at] = value;
    const Packet packet = parse(frame);
    EXPECT_EQ(packet.kind, PacketKind::kBad);
    EXPECT_EQ(packet.layer, layer);
    return packet.fault;
  };
  EXPECT_EQ(with("tcp4_data", 14, 0x65, Layer::kNetwork), Fault::kVersion);
  EXPECT_EQ(with("tcp4_data", 14, 0x41, Layer::kNetwork), Fault::kHeaderLength);
  EXPECT_EQ(with("tcp4_data", 17, 19, Layer::kNetwork), Fault::kLength);
  EXPECT_EQ(with("tcp4_data", 17, 39, Layer::kTransport), Fault::kTruncated);
  EXPECT_EQ(with("tcp4_data", 46, 0x40, Layer::kTransport), Fault::kHeaderLength);
  EXPECT_EQ(with("tcp6_data", 14, 0x40, Layer::kNetwork), Fault::kVersion);
  EXPECT_EQ(with("tcp6_data", 18, 0x40, Layer::kNetwork), Fault::kTruncated);
  EXPECT_EQ(parse({}).fault, Fault::kTruncated);
  EXPECT_EQ(parse({}).layer, Layer::kLink);
}

TEST(PacketTest, EveryFaultHasAName) {
  EXPECT_EQ(fault_name(Fault::kNone), "none");
  EXPECT_EQ(fault_name(Fault::kMappedAddress), "mapped_address");
  EXPECT_EQ(fault_name(Fault::kAddress), "address");
  std::set<std::string_view> names;
  for (size_t fault = 0; fault < static_cast<size_t>(Fault::kCount); ++fault) {
    EXPECT_FALSE(fault_name(static_cast<Fault>(fault)).empty()) << fault;
    names.insert(fault_name(static_cast<Fault>(fault)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Fault::kCount)) << "each its own";
}

TEST(PacketTest, OfNoFrame) {
  const Packet packet;
  EXPECT_EQ(packet.kind, PacketKind::kBad);
  EXPECT_TRUE(packet.network().empty() && packet.transport().empty() && packet.payload().empty());
}

TEST(PacketTest, EveryBitOfASegmentIsInAChecksum) {
  for (const char* name : {"tcp4_data", "tcp6_data", "icmp4_echo", "icmp6_echo"}) {
    const ByteVector good = golden(name);
    const Packet before = parse(good);
    for (size_t bit = before.transport_at * size_t{8}; bit < before.end * size_t{8}; ++bit) {
      ByteVector frame = good;
      frame[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      const Packet packet = parse(frame);
      if (packet.kind == before.kind) {
        EXPECT_FALSE(transport_checksum_ok(packet)) << name << " bit " << bit;
      }
    }
  }
}

TEST(PacketTest, CutOffAnywhere) {
  for (const GoldenFrame& golden_frame : kGoldenFrames) {
    const ByteVector frame = from_hex(golden_frame.hex);
    const Packet whole = parse(frame);
    for (size_t size = 0; size < frame.size(); ++size) {
      const ExactBytes cut(Bytes(frame).first(size));
      const Packet packet = parse(cut.get());
      if (size < 14) {
        EXPECT_EQ(packet.layer, Layer::kLink);
      }
      // Whoever has an IP header knows how long it is; of others only the start is looked at.
      const bool ip = whole.type == EtherType::kIpv4 || whole.type == EtherType::kIpv6;
      const size_t needed = ip ? whole.end : whole.tagged ? 18 : 14;
      EXPECT_EQ(packet.fault, size < needed ? Fault::kTruncated : Fault::kNone)
          << golden_frame.name << size;
    }
  }
}

TEST(PacketTest, AnyChangeOfAnyFrame) {
  RandomParts random(1);
  for (int round = 0; round < 200'000; ++round) {
    const auto& from = kGoldenFrames[random.rng().below(std::size(kGoldenFrames))];
    ByteVector frame = from_hex(from.hex);
    for (uint64_t i = random.rng().below(5); i > 0; --i) {
      frame[random.rng().below(frame.size())] = random.u8();
    }
    frame.resize(random.coin() ? frame.size() : random.rng().below(frame.size() + 20));
    const ExactBytes exact(frame);
    const Packet packet = parse(exact.get());
    ArpPacket arp;
    IcmpMessage message;
    NdpMessage ndp;
    if (packet.kind == PacketKind::kArp) {
      (void)parse_arp(packet.network(), arp);
    } else if (packet.kind == PacketKind::kIcmp) {
      if (parse_icmp4(packet.transport(), message) == Fault::kNone) {
        (void)parse_quoted_segment(message.body);
      }
    } else if (packet.kind == PacketKind::kIcmp6) {
      const Ipv6Header header{.source = packet.flow.remote,
                              .destination = packet.flow.local,
                              .hop_limit = packet.hop_limit};
      (void)parse_ndp(header, packet.transport(), ndp);
      if (parse_icmp6(packet.transport(), message) == Fault::kNone) {
        (void)parse_quoted_segment(message.body);
      }
    }
  }
}

TEST(PacketTest, NoiseIsMostlyNothing) {
  RandomParts random(2);
  for (int round = 0; round < 100'000; ++round) {
    const ExactBytes exact(random.bytes(random.rng().below(120)));
    (void)parse(exact.get());
  }
}

// A whole frame of either version, from parts that are drawn, is found again part by part.
TEST(PacketTest, WhatIsWrittenReadsTheSame) {
  RandomParts random(3);
  for (int round = 0; round < 10'000; ++round) {
    const bool six = random.coin();
    EthernetHeader link{random.mac(), random.mac(), std::nullopt,
                        six ? EtherType::kIpv6 : EtherType::kIpv4};
    if (random.coin()) {
      link.vlan = VlanTag{random.u16()};
    }
    const Flow flow{six ? random.v6() : random.v4(), six ? random.v6() : random.v4(), random.u16(),
                    random.u16()};
    const TcpHeader header{.source_port = flow.remote_port,
                           .destination_port = flow.local_port,
                           .seq = {random.u32()},
                           .ack = {random.u32()},
                           .flags = static_cast<TcpFlags>(random.u16() & kTcpFlagsAll),
                           .window = random.u16(),
                           .urgent = random.u16()};
    const TcpOptions options{.mss = 1460, .timestamps = Timestamps{random.u32(), random.u32()}};
    const ByteVector payload = random.bytes(random.rng().below(100));
    const TrafficClass traffic_class{random.u8()};
    const uint8_t hop_limit = random.u8();

    ByteVector frame(300);
    const size_t segment_bytes = kTcpBytes + tcp_options_bytes(options) + payload.size();
    size_t at = write_ethernet(frame, link);
    const Room rest = Room(frame).subspan(at);
    at += six ? write_ipv6(rest,
                           {.source = flow.remote,
                            .destination = flow.local,
                            .protocol = IpProtocol::kTcp,
                            .hop_limit = hop_limit,
                            .traffic_class = traffic_class},
                           segment_bytes)
              : write_ipv4(rest,
                           {.source = flow.remote,
                            .destination = flow.local,
                            .protocol = IpProtocol::kTcp,
                            .ttl = hop_limit,
                            .traffic_class = traffic_class},
                           segment_bytes);
    const size_t header_bytes = write_tcp(Room(frame).subspan(at), header, options);
    Checksum sum = pseudo_header(flow.remote, flow.local, 6, static_cast<uint32_t>(segment_bytes));
    sum.add(payload);
    set_tcp_checksum(Room(frame).subspan(at, header_bytes), sum);
    at += header_bytes;
    std::copy(payload.begin(), payload.end(), frame.begin() + static_cast<ptrdiff_t>(at));
    frame.resize(at + payload.size() + random.rng().below(10));  // and padding

    const Packet packet = parse(frame);
    ASSERT_EQ(packet.kind, PacketKind::kTcp);
    ASSERT_EQ(packet.flow, flow);
    ASSERT_EQ(packet.tcp, header);
    ASSERT_EQ(packet.traffic_class, traffic_class);
    ASSERT_EQ(packet.hop_limit, hop_limit);
    ASSERT_EQ(packet.tagged, link.vlan.has_value());
    ASSERT_EQ(packet.vlan, link.vlan.value_or(VlanTag{}));
    ASSERT_EQ(parse_tcp_options(packet.tcp_options()), options);
    ASSERT_EQ(ByteVector(packet.payload().begin(), packet.payload().end()), payload);
    ASSERT_TRUE(network_checksum_ok(packet) && transport_checksum_ok(packet));
  }
}

}  // namespace
}  // namespace pollux::tcp
