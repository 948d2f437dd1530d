// Rules of RFCs that need a whole stack to be kept: over IPv6, errors of ICMP, addresses and ports,
// what stands in the frames, and what an application hears.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/tcp/stack/stack_test_support.h"

namespace pollux::tcp {
namespace {

using Kind = StackEvent::Kind;

StackConfig with_six() {
  StackConfig config;
  config.interface.addresses = {{kUs, 24}, {kUs6, 64}};
  config.interface.gateway_v4 = kGateway;
  return config;
}

// Its address of IPv6 can be used.
struct SixBench : Bench {
  explicit SixBench(const StackConfig& config = with_six()) : Bench(config) {
    pass(kSecondNs);
    pass(kSecondNs);
    device().sent.clear();
  }
};

// Segments among all frames that went out.
std::vector<Packet> segments_of(Bench& bench) {
  std::vector<Packet> segments;
  for (const Frame& frame : bench.device().sent) {
    if (const Packet packet = parse_packet(frame); packet.kind == PacketKind::kTcp) {
      segments.push_back(packet);
    }
  }
  return segments;
}

// What a router would quote of the last frame.
Frame quote_of(const Frame& frame) {
  return {frame.begin() + kEthernetBytes, frame.end()};
}

void come_error(Bench& bench, IcmpMessage message, const Frame& about) {
  const Frame quoted = quote_of(about);
  message.body = quoted;
  if (parse_packet(about).type == EtherType::kIpv4) {
    bench.device().arriving.push_back(icmp4_frame(message));
    return;
  }
  bench.device().arriving.push_back(icmp6_frame(
      kPeer6, kUs6, 64, {}, [&](Room room) { return write_icmp6(room, message, kPeer6, kUs6); }));
}

// --- IPv6 ---

TEST(Rfc9293_3_1_Ipv6, AHandshakeAndARequest) {
  SixBench bench;
  const ConnId conn = bench.open(kPeer6);
  bench.segment(kAck | kPsh, kTheirIsn + 1, bench.ours(), "PING", kPeer6);
  bench.turn();
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].bytes, "PING");
  bench.write(conn, "+PONG\r\n");
  bench.turn();
  EXPECT_EQ(bench.last_payload(), "+PONG\r\n");
  EXPECT_EQ(bench.last().type, EtherType::kIpv6);
  EXPECT_EQ(bench.last().flow.local, kPeer6);
  EXPECT_TRUE(transport_checksum_ok(bench.last()));
}

// MUST-67: what the MTU has room for behind the longer header.
TEST(Rfc9293_3_7_1_Mss, IsOfTheMtuAndTheVersion) {
  SixBench bench;
  bench.segment(kSyn, kTheirIsn, Seq{});
  bench.turn();
  EXPECT_EQ(parse_tcp_options(bench.last().tcp_options()).mss, 1'460);
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, kPeer6);
  bench.turn();
  EXPECT_EQ(parse_tcp_options(bench.last().tcp_options()).mss, 1'440);
}

// MUST-15: of who says none, what the least MTU of the version has room for. Their SYN with a
// record, their SYN with a cookie, and a SYN-ACK.
TEST(Rfc9293_3_7_1_Mss, WithoutTheOptionIsThatOfTheVersion) {
  for (const auto& [peer, mss] : {std::pair{kPeer, 536}, std::pair{kPeer6, 1'220}}) {
    for (const bool by_cookie : {false, true}) {
      SixBench bench;
      for (uint32_t i = 0; by_cookie && i < 64; ++i) {
        bench.segment(kSyn, kTheirIsn, Seq{}, {}, IpAddress::v4(0x0a000030 + i));
      }
      bench.turn();
      bench.syn_options = {};
      const ConnId conn = bench.open(peer);
      EXPECT_EQ(bench.stack().connection(conn)->sender().mss(), mss);
      EXPECT_EQ(bench.stack().listener().counters().cookies_taken, by_cookie ? 1U : 0U);
    }
    SixBench bench;
    bench.syn_options = {};
    bench.open(peer);  // it is a neighbor from here on
    const ConnId conn = bench.stack().connect(peer, kTheirPort, bench.now()).value();
    bench.turn();
    const TcpHeader syn = bench.last().tcp;
    ASSERT_EQ(syn.flags, kSyn);
    bench.segment(kSyn | kAck, kTheirIsn, syn.seq + 1, {}, peer, syn.source_port);
    bench.turn();
    ASSERT_EQ(bench.stack().connection(conn)->state(), TcpState::kEstablished);
    EXPECT_EQ(bench.stack().connection(conn)->sender().mss(), mss);
  }
}

TEST(Rfc8201_4_PathMtu, OfIpv6IsNoSmallerThan1280) {
  SixBench bench;
  const ConnId conn = bench.open(kPeer6);
  for (const uint32_t mtu : {100U, 1'279U}) {
    bench.write(conn, std::string(1'000, 'x'));
    bench.turn();
    come_error(bench, {.kind = IcmpKind::kPacketTooBig, .mtu = mtu}, bench.device().sent.back());
    bench.turn();
    EXPECT_EQ(bench.stack().connection(conn)->sender().mss(), 1'000U) << mtu;
  }
}

// RFC 1191 3, and what an attacker could make of it: a segment of 20 bytes for each frame.
TEST(Rfc1191_3_PathMtu, OfIpv4IsNoSmallerThan576) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.write(conn, std::string(1'000, 'x'));
  bench.turn();
  come_error(bench, {.kind = IcmpKind::kPacketTooBig, .code = kIcmp4FragmentationNeeded, .mtu = 68},
             bench.device().sent.back());
  bench.turn();
  EXPECT_EQ(bench.stack().connection(conn)->sender().mss(), 536U);
}

TEST(Rfc1191_3_PathMtu, ALargerOneIsNoNews) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.write(conn, std::string(500, 'x'));
  bench.turn();
  come_error(bench,
             {.kind = IcmpKind::kPacketTooBig, .code = kIcmp4FragmentationNeeded, .mtu = 60'000},
             bench.device().sent.back());
  bench.turn();
  EXPECT_EQ(bench.stack().connection(conn)->sender().mss(), 1'000U);
  EXPECT_EQ(bench.frames_out(), 1U);  // and nothing goes again
}

// --- RFC 9293 3.9.2.2, RFC 5927, RFC 5461 ---

TEST(Rfc5927_4_1_Icmp, NothingEndsWhatIsOpen) {
  const IcmpMessage errors[] = {
      {.kind = IcmpKind::kUnreachable, .code = 0},
      {.kind = IcmpKind::kUnreachable, .code = kIcmp4HostUnreachable},
      {.kind = IcmpKind::kUnreachable, .code = kIcmp4ProtocolUnreachable},
      {.kind = IcmpKind::kUnreachable, .code = kIcmp4PortUnreachable},
      {.kind = IcmpKind::kTimeExceeded},
      {.kind = IcmpKind::kParameterProblem},
  };
  Bench bench;
  const ConnId conn = bench.open();
  bench.write(conn, "data");
  bench.turn();
  const Frame data = bench.device().sent.back();
  for (const IcmpMessage& error : errors) {
    come_error(bench, error, data);
    bench.turn();
  }
  EXPECT_TRUE(bench.told().empty());
  EXPECT_EQ(bench.stack().connection(conn)->state(), TcpState::kEstablished);
}

TEST(Rfc5461_4_1_Icmp, UnreachableEndsAConnect) {
  for (const uint8_t code : {uint8_t{0}, kIcmp4HostUnreachable, kIcmp4PortUnreachable}) {
    Bench bench;
    const Connecting connecting(bench);
    come_error(bench, {.kind = IcmpKind::kUnreachable, .code = code}, connecting.syn);
    bench.turn();
    ASSERT_EQ(bench.told().size(), 1U);
    EXPECT_EQ(bench.told()[0].kind, Kind::kEnd);
    EXPECT_EQ(bench.told()[0].end, TcpEnd::kRefused);
  }
}

// MUST-56: these are no word of the host's.
TEST(Rfc9293_3_9_2_2_Icmp, TimeExceededAndParameterProblemDoNotEndAConnect) {
  for (const IcmpKind kind : {IcmpKind::kTimeExceeded, IcmpKind::kParameterProblem}) {
    Bench bench;
    const Connecting connecting(bench);
    come_error(bench, {.kind = kind}, connecting.syn);
    bench.turn();
    EXPECT_TRUE(bench.told().empty());
    EXPECT_NE(bench.stack().connection(connecting.conn), nullptr);
  }
}

// MUST-55: type 4, which nobody sends any more, is not spoken.
TEST(Rfc9293_3_9_2_2_Icmp, SourceQuenchMeansNothing) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.write(conn, "data");
  bench.turn();
  const uint32_t cwnd = bench.stack().connection(conn)->sender().congestion().cwnd_bytes();
  const Frame quoted = quote_of(bench.device().sent.back());
  Frame quench = icmp4_frame({.kind = IcmpKind::kTimeExceeded, .body = quoted});
  uint8_t* const icmp = quench.data() + kEthernetBytes + kIpv4Bytes;
  icmp[0] = 4;
  store16(icmp + 2, 0);
  store16(icmp + 2, checksum(Bytes(quench).subspan(kEthernetBytes + kIpv4Bytes)));
  bench.device().arriving.push_back(quench);
  bench.turn();
  EXPECT_EQ(bench.stack().interface().count(InterfaceEvent::kUnspoken), 1U);
  EXPECT_EQ(bench.stack().connection(conn)->sender().congestion().cwnd_bytes(), cwnd);
}

TEST(Rfc5927_4_1_Icmp, ErrorsAboutOtherFlowsAndNumbersAreNotBelieved) {
  Bench bench;
  const Connecting connecting(bench);
  constexpr size_t kPortAt = kEthernetBytes + kIpv4Bytes;
  for (const size_t at : {kPortAt, kPortAt + 2, kPortAt + 4, kPortAt + 7}) {
    Frame other = connecting.syn;
    other[at] ^= 0x40;
    come_error(bench, {.kind = IcmpKind::kUnreachable, .code = kIcmp4PortUnreachable}, other);
    bench.turn();
    EXPECT_TRUE(bench.told().empty()) << at;
  }
}

// --- addresses and ports ---

// MUST-46, MUST-57.
TEST(Rfc9293_3_9_2_3_Addresses, NoConnectToWhatIsNoHost) {
  Bench bench;
  for (const char* text : {"255.255.255.255", "10.0.0.255", "224.0.0.1", "0.0.0.0", "10.0.0.16"}) {
    EXPECT_FALSE(bench.stack().connect(*IpAddress::parse(text), 7'000, bench.now())) << text;
  }
  EXPECT_EQ(bench.stack().connections(), 0U);
}

TEST(Rfc9293_3_9_2_3_Addresses, NoConnectWithoutAWay) {
  Bench bench;
  EXPECT_FALSE(bench.stack().connect(kPeer6, 7'000, bench.now()));  // it has no such address
}

TEST(Rfc9293_3_9_2_3_Addresses, NoSynFromWhatIsNoHost) {
  Bench bench;
  for (const char* text : {"255.255.255.255", "10.0.0.255", "224.0.0.1", "0.0.0.0", "127.0.0.1"}) {
    bench.segment(kSyn, kTheirIsn, Seq{}, {}, *IpAddress::parse(text));
    bench.turn();
    EXPECT_EQ(bench.frames_out(), 0U) << text;
  }
  EXPECT_EQ(bench.stack().listener().half_open(), 0U);
}

// MUST-42, MUST-43: one port, at one of several addresses of ours.
TEST(Rfc9293_3_9_1_Listen, AtOneAddressIsAtNoOther) {
  StackConfig config;
  const IpAddress other = *IpAddress::parse("10.0.0.17");
  config.interface.addresses = {{kUs, 24}, {other, 24}};
  Bench bench(config);
  bench.stack().listen({{.address = other, .port = kPort}});
  bench.segment(kSyn, kTheirIsn, Seq{});
  bench.turn();
  EXPECT_EQ(bench.last().tcp.flags, kRst | kAck);
  bench.to_v4 = other;
  bench.segment(kSyn, kTheirIsn, Seq{});
  bench.turn();
  EXPECT_EQ(bench.last().tcp.flags, kSyn | kAck);
  EXPECT_EQ(bench.last().flow.remote, other);
}

TEST(Rfc9293_3_10_7_1_Closed, HalfOpenOnesGoWithTheirListener) {
  Bench bench;
  bench.segment(kSyn, kTheirIsn, Seq{});
  bench.turn();
  const Seq ours = bench.last().tcp.seq + 1;
  bench.stack().listen({});
  bench.segment(kAck, kTheirIsn + 1, ours);
  bench.turn();
  EXPECT_TRUE(bench.told().empty());
  EXPECT_EQ(bench.last().tcp.flags, kRst);
  EXPECT_EQ(bench.last().tcp.seq, ours);
}

TEST(Rfc9293_3_9_1_Listen, OpenOnesOutliveTheirListener) {
  Bench bench;
  bench.open();
  bench.stack().listen({});
  bench.segment(kAck | kPsh, kTheirIsn + 1, bench.ours(), "PING");
  bench.turn();
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].bytes, "PING");
}

// RFC 6056: from its range, each once to one peer, and none when all are taken.
TEST(Rfc6056_3_Ports, AreOfTheirRangeAndEachOnce) {
  StackConfig config;
  config.ephemeral_port_min = 50'000;
  config.ephemeral_port_max = 50'003;
  Bench bench(config);
  std::set<uint16_t> ports;
  for (int i = 0; i < 4; ++i) {
    const auto conn = bench.stack().connect(kPeer, 7'000, bench.now());
    ASSERT_TRUE(conn);
    const uint16_t port = bench.stack().flow(*conn)->local_port;
    EXPECT_TRUE(port >= 50'000 && port <= 50'003) << port;
    EXPECT_TRUE(ports.insert(port).second) << port;
  }
  EXPECT_FALSE(bench.stack().connect(kPeer, 7'000, bench.now()));
  EXPECT_TRUE(bench.stack().connect(kPeer, 7'001, bench.now()));  // another peer has them anew
}

// --- what an application hears ---

TEST(Rfc9293_3_9_1_Reports, EachWayToEndIsToldOnce) {
  for (const TcpFlags flags : {TcpFlags{kRst | kAck}, TcpFlags{kFin | kAck}}) {
    Bench bench;
    const ConnId conn = bench.open();
    bench.segment(flags, kTheirIsn + 1, bench.ours());
    bench.segment(flags, kTheirIsn + 1, bench.ours());
    bench.turn();
    ASSERT_EQ(bench.told().size(), 1U);
    EXPECT_EQ(bench.told()[0].kind, Kind::kEnd);
    EXPECT_EQ(bench.told()[0].end, (flags & kRst) != 0 ? TcpEnd::kReset : TcpEnd::kNone);
    bench.stack().close(conn, bench.now());
    bench.turn();
    ASSERT_EQ(bench.told().size(), 2U);
    EXPECT_EQ(bench.told()[1].kind, Kind::kClosed);
  }
}

TEST(Rfc9293_3_10_5_Abort, IsToldToBothSides) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.stack().abort(conn);
  bench.turn();
  EXPECT_EQ(bench.last().tcp.flags, kRst | kAck);
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].end, TcpEnd::kAborted);
}

TEST(Rfc9293_3_10_1_Open, ARefusedConnectIsToldOf) {
  Bench bench;
  const Connecting connecting(bench);
  const Packet syn = parse_packet(connecting.syn);
  bench.segment(kRst | kAck, Seq{}, syn.tcp.seq + 1, {}, kPeer, syn.tcp.source_port);
  bench.turn();
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].end, TcpEnd::kRefused);
  EXPECT_EQ(bench.stack().connection(connecting.conn), nullptr);
}

TEST(Rfc9293_3_8_4_Keepalive, IsASetting) {
  Bench bench;
  bench.stack().set_keepalive(0);
  bench.open();
  bench.device().sent.clear();
  for (int i = 0; i < 100; ++i) {
    bench.pass(10 * kSecondNs);
  }
  EXPECT_TRUE(segments_of(bench).empty());
  bench.stack().set_keepalive(30 * kSecondNs);
  bench.segment(kAck, kTheirIsn + 1, bench.ours());
  for (int i = 0; i < 5; ++i) {
    bench.pass(10 * kSecondNs);
  }
  const std::vector<Packet> segments = segments_of(bench);
  ASSERT_FALSE(segments.empty());
  EXPECT_EQ(segments[0].tcp.seq, bench.ours() - 1);
  EXPECT_TRUE(segments[0].payload().empty());
}

// RFC 9293 3.8.6: who does not read shuts its window, and opens it when it reads.
TEST(Rfc9293_3_8_6_Window, ShutsWhilePausedAndOpensWithResume) {
  StackConfig config;
  config.connection.receive.buffer_bytes = 4'000;
  config.connection.window_scale = 0;
  Bench bench(config);
  const ConnId conn = bench.open();
  bench.stack().pause(conn);
  for (uint32_t at = 0; at < 4'000; at += 1'000) {
    bench.segment(kAck | kPsh, kTheirIsn + 1 + at, bench.ours(), std::string(1'000, 'x'));
  }
  bench.pass(kSecondNs);
  EXPECT_EQ(segments_of(bench).back().tcp.window, 0);
  bench.stack().resume(conn);
  bench.turn();
  EXPECT_EQ(segments_of(bench).back().tcp.window, 4'000);
  EXPECT_EQ(segments_of(bench).back().tcp.ack, kTheirIsn + 4'001);
}

// --- frames ---

// RFC 6864 4.1: whole datagrams that must not be cut need no id of their own.
TEST(Rfc1191_3_PathMtu, NothingMayBeCutOnItsWay) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.write(conn, "data");
  bench.turn();
  Ipv4Packet ip;
  ASSERT_EQ(parse_ipv4(bench.last().network(), ip), Fault::kNone);
  EXPECT_TRUE(ip.header.dont_fragment);
  EXPECT_EQ(ip.header.ttl, 64);
}

TEST(Rfc3168_5_Ecn, OnlyDataIsMarkedAsCapable) {
  StackConfig config;
  config.connection.ecn = true;
  Bench bench(config);
  bench.segment(kSyn | kEce | kCwr, kTheirIsn, Seq{});
  bench.turn();
  EXPECT_EQ(bench.last().tcp.flags, kSyn | kAck | kEce);
  EXPECT_EQ(bench.last().traffic_class.ecn(), Ecn::kNotEct);
  const Seq ours = bench.last().tcp.seq + 1;
  bench.segment(kAck, kTheirIsn + 1, ours);
  bench.turn();
  bench.write(bench.told().at(0).conn, "data");
  bench.turn();
  EXPECT_EQ(bench.last().traffic_class.ecn(), Ecn::kEct0);
  bench.segment(kAck | kPsh, kTheirIsn + 1, ours + 4, "more");
  bench.pass(kSecondNs);
  EXPECT_EQ(segments_of(bench).back().tcp.flags, kAck);
  EXPECT_EQ(segments_of(bench).back().traffic_class.ecn(), Ecn::kNotEct);
}

// A device that cuts gets one frame, and of the pseudo-header's sum all but the length.
TEST(StackFrames, ADeviceThatCutsIsToldHow) {
  Bench bench({}, {.mac = kOurs, .tx_checksums = true, .segmented_bytes_max = 16'000});
  const ConnId conn = bench.open();
  bench.write(conn, std::string(5'000, 'x'));
  bench.turn();
  ASSERT_EQ(bench.frames_out(), 1U);
  EXPECT_EQ(bench.last_payload().size(), 5'000U);
  const Packet frame = bench.last();
  EXPECT_EQ(load16(frame.transport().data() + kTcpChecksumAt),
            pseudo_header(kUs, kPeer, 6, 0).partial());
}

// Strangers' answers go back where they came from, though we have another neighbor for it.
TEST(StackFrames, AResetGoesBackToWhoAsked) {
  Bench bench;
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, *IpAddress::parse("192.168.7.7"), 1'234);
  bench.turn();
  ASSERT_EQ(bench.frames_out(), 1U);
  EXPECT_EQ(bench.last().destination_mac(), kTheirs);
}

TEST(StackFrames, WithoutRoomForAnotherConnectionNobodyIsRefused) {
  StackConfig config;
  config.connections_max = 1;
  Bench bench(config);
  bench.open();
  bench.device().sent.clear();
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, *IpAddress::parse("10.0.0.77"));
  bench.turn();
  EXPECT_TRUE(segments_of(bench).empty());
  EXPECT_EQ(bench.stack().listener().counters().no_room, 1U);
}

TEST(StackPins, WrittenBehindTheEndComeBackAtOnce) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.segment(kRst | kAck, kTheirIsn + 1, bench.ours());
  bench.turn();
  bench.told().clear();
  const Bytes bytes = bytes_of("too late");
  bench.stack().write_pinned(conn, {&bytes, 1});
  bench.turn();
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].kind, Kind::kUnpinned);
}

// RFC 9293 3.10.7.4, eighth: over, and remembered: the peer's FIN comes again and is acknowledged.
TEST(Rfc9293_3_6_1_TimeWait, IsKeptBehindTheConnection) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.stack().close(conn, bench.now());
  bench.turn();
  bench.segment(kFin | kAck, kTheirIsn + 1, bench.ours() + 1);
  bench.turn();
  EXPECT_EQ(bench.stack().connections(), 0U);
  bench.pass(20 * kSecondNs);
  bench.device().sent.clear();
  bench.segment(kFin | kAck, kTheirIsn + 1, bench.ours() + 1);
  bench.turn();
  ASSERT_EQ(segments_of(bench).size(), 1U);
  EXPECT_EQ(segments_of(bench)[0].tcp.flags, kAck);
  EXPECT_EQ(segments_of(bench)[0].tcp.ack, kTheirIsn + 2);
  // RFC 1337: a RST does not end it.
  bench.segment(kRst, kTheirIsn + 2, Seq{});
  bench.turn();
  EXPECT_EQ(bench.stack().listener().time_waits(), 1U);
  // MUST-13: for two MSL from the last FIN on.
  bench.pass(59 * kSecondNs);
  EXPECT_EQ(bench.stack().listener().time_waits(), 1U);
  bench.pass(3 * kSecondNs);
  EXPECT_EQ(bench.stack().listener().time_waits(), 0U);
}

// Megabytes are on their way when a router says that segments must be a third as long: the list of
// them becomes longer than an account has numbers for.
TEST(Stack, APathBecomesNarrowUnderALongFlight) {
  Bench bench;
  bench.syn_options.mss = 1'460;
  bench.syn_options.window_scale = 9;
  bench.syn_options.sack_permitted = true;
  const ConnId conn = bench.open();
  const std::vector<uint8_t> value(64U << 20, 'v');
  const Bytes all = value;
  bench.stack().write_pinned(conn, {&all, 1});
  const auto sender = [&]() -> const Sender& { return bench.stack().connection(conn)->sender(); };
  std::vector<uint8_t> one;
  Seq acked = bench.ours();
  while (true) {
    for (Seq before{}; sender().nxt() != before;) {
      before = sender().nxt();
      bench.turn();
      if (!bench.device().sent.empty()) {
        one = bench.device().sent.back();
      }
      bench.device().sent.clear();
    }
    if (sender().queue().is_full()) {
      break;
    }
    // All of that is acknowledged, in many steps.
    const uint32_t step = std::max(2'000U, static_cast<uint32_t>(sender().nxt() - acked) / 400);
    while (acked + step < sender().nxt()) {
      acked += step;
      bench.segment(kAck, kTheirIsn + 1, acked);
    }
    acked = sender().nxt();
    bench.segment(kAck, kTheirIsn + 1, acked);
    ASSERT_LT(acked - bench.ours(), value.size()) << "it does not fill";
  }
  const std::vector<uint8_t> quoted(one.begin() + kEthernetBytes,
                                    one.begin() + kEthernetBytes + 28);
  IcmpMessage narrow{.kind = IcmpKind::kPacketTooBig, .code = kIcmp4FragmentationNeeded};
  narrow.mtu = 576;
  narrow.body = quoted;
  bench.device().arriving.push_back(icmp4_frame(narrow));
  for (int i = 0; i < 400; ++i) {
    bench.turn();
    bench.device().sent.clear();
  }
  EXPECT_GT(sender().queue().size(), 4'096U);
  EXPECT_GE(bench.stack().memory_bytes(),
            std::min<size_t>(sender().queue().memory_bytes(), Slot::kBlockBytesMax));
}

// Beyond the link, and no gateway leads there.
TEST(Stack, WhoCannotBeReachedIsNotAnswered) {
  StackConfig config;
  config.interface.addresses = {{kUs, 24}};
  Bench bench(config);
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, *IpAddress::parse("192.0.2.9"));
  bench.turn();
  EXPECT_EQ(bench.frames_out(), 0U);
  EXPECT_EQ(bench.stack().counters().no_way, 1U);
}

}  // namespace
}  // namespace pollux::tcp
