// A stack by hand: frames in, events and frames out. What two stacks do with each other stands in
// dataplane/sim/stack.
#include "dataplane/tcp/stack/stack.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/tcp/stack/stack_test_support.h"

namespace pollux::tcp {
namespace {

using Kind = StackEvent::Kind;

// Scripts of which each is played by connections that go the short ways, too.
class StackWays : public testing::TestWithParam<Ways> {};
INSTANTIATE_TEST_SUITE_P(, StackWays, testing::Values(Ways::kAll, Ways::kShort));

// Else the others would hold nothing.
TEST_P(StackWays, AreThoseThatTheScriptsMean) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  bench.segment(kAck | kPsh, kTheirIsn + 1, bench.ours(), "PING");
  const Packet request = parse_packet(bench.device().arriving.front());
  const bool is_short = GetParam() == Ways::kShort;
  ASSERT_EQ(request.has_plain_options(), is_short);
  if (is_short) {
    EXPECT_TRUE(bench.stack().connection(conn)->is_next(
        {request.tcp, request.plain_timestamps(), request.payload(), /*is_ce=*/false}));
  }
}

// An ACK without an answer, and the next request.
TEST_P(StackWays, RequestsThatWantNoReply) {
  Bench bench(GetParam());
  bench.open();
  for (uint32_t at = 1; at < 13; at += 4) {
    bench.segment(kAck | kPsh, kTheirIsn + at, bench.ours(), "PING");
    bench.pass(kSecondNs);
    EXPECT_EQ(bench.told().size(), at / 4 + 1);
    EXPECT_EQ(bench.told().back().bytes, "PING");
    EXPECT_EQ(bench.last().tcp.flags, kAck);
    EXPECT_EQ(bench.last().tcp.ack, kTheirIsn + at + 4);
    EXPECT_EQ(bench.last().tcp.seq, bench.ours());
    EXPECT_TRUE(bench.last().payload().empty());
    EXPECT_TRUE(transport_checksum_ok(bench.last()));
  }
}

TEST_P(StackWays, AReplyCarriesTheAck) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  bench.segment(kAck | kPsh, kTheirIsn + 1, bench.ours(), "PING");
  bench.stack().receive(bench.now());
  const StackEvent* event = bench.stack().next_event();
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->kind, Kind::kData);
  EXPECT_EQ(std::string(event->bytes.begin(), event->bytes.end()), "PING");
  bench.write(conn, "+PO");
  bench.write(conn, "NG\r\n");
  bench.stack().flush(bench.now());
  ASSERT_EQ(bench.frames_out(), 1U);
  EXPECT_EQ(bench.last_payload(), "+PONG\r\n");
  EXPECT_EQ(bench.last().tcp.ack, kTheirIsn + 5);
  EXPECT_EQ(bench.last().destination_mac(), kTheirs);
  EXPECT_TRUE(transport_checksum_ok(bench.last()));
}

// The handshake's end and a request in one burst: the second was looked up when there was no
// connection.
TEST_P(StackWays, ABurstThatOpensAConnection) {
  Bench bench(GetParam());
  bench.segment(kSyn, kTheirIsn, Seq{});
  bench.turn();
  const Seq ours = bench.last().tcp.seq + 1;
  bench.segment(kAck, kTheirIsn + 1, ours);
  bench.segment(kAck | kPsh, kTheirIsn + 1, ours, "one");
  bench.segment(kAck | kPsh, kTheirIsn + 4, ours, "two");
  bench.turn();
  ASSERT_EQ(bench.told().size(), 3U);
  EXPECT_EQ(bench.told()[0].kind, Kind::kOpened);
  EXPECT_EQ(bench.told()[1].bytes + bench.told()[2].bytes, "onetwo");
}

TEST(Stack, WhereNobodyListensItIsRefused) {
  Bench bench;
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, kPeer, 1'234);
  bench.turn();
  ASSERT_EQ(bench.frames_out(), 1U);
  EXPECT_EQ(bench.last().tcp.flags, kRst | kAck);
  bench.stack().listen({});
  bench.segment(kSyn, kTheirIsn, Seq{});
  bench.turn();
  EXPECT_EQ(bench.last().tcp.flags, kRst | kAck);
}

// Or whoever polls would go to sleep over it.
TEST(Stack, AFrameThatFoundNoRoomWantsATurn) {
  Bench bench;
  bench.device().ring_room = 0;
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, kPeer, 1'234);
  bench.turn();
  EXPECT_EQ(bench.frames_out(), 0U);
  EXPECT_TRUE(bench.stack().wants_turn());
  EXPECT_TRUE(bench.stack().wants_to_send());
  bench.device().ring_room = 8;
  bench.turn();
  EXPECT_EQ(bench.frames_out(), 1U);
  EXPECT_FALSE(bench.stack().wants_turn());
}

TEST(Stack, WhoIsNotAllowedIsNotAnswered) {
  Bench bench{StackConfig{}};
  bench.stack().set_allow_from({{*IpAddress::parse("10.0.0.0"), 30}});
  bench.segment(kSyn, kTheirIsn, Seq{});
  bench.turn();
  EXPECT_EQ(bench.frames_out(), 0U);
  EXPECT_EQ(bench.stack().listener().half_open(), 0U);
  EXPECT_EQ(bench.stack().counters().not_allowed, 1U);
}

TEST_P(StackWays, WhatComesWhilePausedIsToldLater) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  bench.stack().pause(conn);
  bench.segment(kAck | kPsh, kTheirIsn + 1, bench.ours(), "one");
  bench.segment(kAck | kPsh | kFin, kTheirIsn + 4, bench.ours(), "two");
  bench.turn();
  EXPECT_TRUE(bench.told().empty());
  EXPECT_NE(bench.stack().memory_bytes(), 0U);
  bench.stack().resume(conn);
  EXPECT_TRUE(bench.stack().wants_turn());
  bench.turn();
  ASSERT_EQ(bench.told().size(), 2U);
  EXPECT_EQ(bench.told()[0].bytes, "onetwo");
  EXPECT_EQ(bench.told()[1].kind, Kind::kEnd);
  EXPECT_EQ(bench.stack().memory_bytes(), 0U);
}

// The id is dead at once; the connection ends as it has to.
TEST_P(StackWays, CloseSendsWhatWasWrittenFirst) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  bench.write(conn, "bye");
  bench.stack().close(conn, bench.now());
  bench.turn();
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].kind, Kind::kClosed);
  EXPECT_EQ(bench.last_payload(), "bye");
  EXPECT_TRUE(bench.last().tcp.has(kFin));
  EXPECT_EQ(bench.stack().connections(), 1U);
  bench.segment(kAck | kFin, kTheirIsn + 1, bench.ours() + 4);
  bench.turn();
  EXPECT_EQ(bench.last().tcp.ack, kTheirIsn + 2);
  EXPECT_EQ(bench.stack().connections(), 0U);
  EXPECT_EQ(bench.stack().listener().time_waits(), 1U);
  EXPECT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.stack().memory_bytes(), 0U);
}

// By reference: given back when the peer has it and the device is done, whichever comes last.
TEST_P(StackWays, PinnedBytesAreTheDevicesToo) {
  for (const bool device_first : {false, true}) {
    StackConfig config;
    config.copy_bytes_max = 0;
    Bench bench(GetParam(), config);
    const ConnId conn = bench.open();
    const std::string value(500, 'v');
    const Bytes bytes = bytes_of(value);
    bench.device().done = device_first;
    bench.stack().write_pinned(conn, {&bytes, 1});
    bench.turn();
    EXPECT_EQ(bench.last_payload(), value);
    EXPECT_TRUE(bench.told().empty());
    bench.segment(kAck, kTheirIsn + 1, bench.ours() + 500);
    bench.turn();
    EXPECT_EQ(bench.told().size(), device_first ? 1U : 0U);
    bench.device().done = true;
    bench.turn();
    ASSERT_EQ(bench.told().size(), 1U);
    EXPECT_EQ(bench.told()[0].kind, Kind::kUnpinned);
  }
}

// Peers that never end, or take nothing, hold a quarter of all there may be; who is closed beyond
// that is gone at once.
TEST(Stack, TooManyThatAreClosedAndNotOverAreReset) {
  StackConfig config;
  config.connections_max = 8;
  Bench bench(config);
  std::vector<ConnId> conns;
  for (uint32_t i = 0; i < 4; ++i) {
    const IpAddress peer = IpAddress::v4(0x0a000030 + i);
    bench.segment(kSyn, kTheirIsn, Seq{}, {}, peer);
    bench.turn();
    bench.segment(kAck, kTheirIsn + 1, bench.last().tcp.seq + 1, {}, peer);
    bench.turn();
    conns.push_back(bench.told().back().conn);
  }
  for (uint32_t i = 0; i < 3; ++i) {
    bench.stack().close(conns[i], bench.now());
    bench.turn();
    EXPECT_TRUE(bench.last().tcp.has(i < 2 ? kFin : kRst)) << i;
  }
  EXPECT_EQ(bench.stack().orphans(), 2U);
  EXPECT_EQ(bench.stack().counters().aborted_orphans, 1U);
  EXPECT_EQ(bench.stack().connections(), 3U) << "the one that was reset is over";
  // One of them is over: there is room for another.
  const IpAddress first = IpAddress::v4(0x0a000030);
  bench.segment(kRst, kTheirIsn + 1, Seq{}, {}, first);
  bench.turn();
  EXPECT_EQ(bench.stack().orphans(), 1U);
  bench.stack().close(conns[3], bench.now());
  bench.turn();
  EXPECT_TRUE(bench.last().tcp.has(kFin));
}

TEST_P(StackWays, CloseWithMuchByReferenceResets) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  const std::string value(200'000, 'v');
  const Bytes bytes = bytes_of(value);
  bench.stack().write_pinned(conn, {&bytes, 1});
  bench.turn();
  bench.told().clear();
  bench.stack().close(conn, bench.now());
  bench.turn();
  EXPECT_TRUE(bench.last().tcp.has(kRst));
  ASSERT_EQ(bench.told().size(), 2U);
  EXPECT_EQ(bench.told()[0].kind, Kind::kUnpinned);
  EXPECT_EQ(bench.told()[1].kind, Kind::kClosed);
  EXPECT_EQ(bench.stack().connections(), 0U);
}

TEST_P(StackWays, AFullDeviceLosesNothing) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  bench.device().ring_room = 0;
  bench.write(conn, "wait");
  bench.turn();
  EXPECT_EQ(bench.frames_out(), 0U);
  bench.device().ring_room = SIZE_MAX;
  bench.turn();
  EXPECT_EQ(bench.last_payload(), "wait");
}

// RFC 1191, 5927: of what is on its way it is believed.
TEST(Stack, APathThatIsTooNarrow) {
  for (const bool outstanding : {false, true}) {
    Bench bench;
    const ConnId conn = bench.open();
    bench.write(conn, std::string(1'000, 'x'));
    bench.turn();
    ASSERT_EQ(bench.last_payload().size(), 1'000U);
    Frame quoted = bench.device().sent.back();
    quoted.erase(quoted.begin(), quoted.begin() + kEthernetBytes);
    if (!outstanding) {
      quoted[kIpv4Bytes + 4] ^= 0x80;  // another sequence number
    }
    bench.device().arriving.push_back(icmp4_frame({.kind = IcmpKind::kPacketTooBig,
                                                   .code = kIcmp4FragmentationNeeded,
                                                   .mtu = 700,
                                                   .body = Bytes(quoted).first(kIpv4Bytes + 8)}));
    bench.turn();
    bench.pass(2 * kSecondNs);
    // Among announcements of our address.
    std::vector<size_t> sizes;
    for (const Frame& frame : bench.device().sent) {
      if (const Packet packet = parse_packet(frame); packet.kind == PacketKind::kTcp) {
        sizes.push_back(packet.payload().size());
      }
    }
    ASSERT_GE(sizes.size(), 2U);
    EXPECT_EQ(sizes[1], outstanding ? 660U : 1'000U);
  }
}

// A flood of SYNs in the name of addresses beside us: who is not known any more is not asked for.
TEST(Stack, SynAcksThatGoAgainAskForNobody) {
  StackConfig config;
  config.interface.neighbors_max = 4;
  Bench bench(config);
  for (uint32_t i = 0; i < 12; ++i) {
    bench.segment(kSyn, kTheirIsn, Seq{}, {}, IpAddress::v4(0x0a000030 + i));
  }
  bench.turn();
  ASSERT_EQ(bench.frames_out(), 12U) << "each back to its frame's sender";
  bench.device().sent.clear();
  for (int second = 0; second < 20; ++second) {
    bench.pass(kSecondNs);
  }
  EXPECT_GE(bench.frames_out(), 4U);
  for (const Frame& frame : bench.device().sent) {
    const Packet packet = parse_packet(frame);
    if (packet.kind == PacketKind::kArp) {
      const IpAddress asked = arp_of(frame).target_ip;
      EXPECT_TRUE(asked == kUs || asked == kGateway) << asked.text() << ", not as at any start";
      continue;
    }
    EXPECT_EQ(packet.destination_mac(), kTheirs);
    EXPECT_TRUE(packet.tcp.has(kSyn | kAck));
  }
}

TEST(Stack, ANeighborThatIsNotThereEndsAConnectAndIsAskedAgain) {
  Bench bench;
  const std::optional<ConnId> conn = bench.stack().connect(kPeer, 7'000, bench.now());
  ASSERT_TRUE(conn);
  bench.turn();
  EXPECT_EQ(arp_of(bench.device().sent.at(0)).target_ip, kPeer);
  for (int i = 0; i < 150 && bench.told().empty(); ++i) {
    bench.pass(100 * kMillisecondNs);
  }
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].kind, Kind::kEnd);
  EXPECT_EQ(bench.told()[0].end, TcpEnd::kRefused);
  EXPECT_GT(bench.frames_out(), 5U);
  bench.stack().close(*conn, bench.now());
  bench.turn();
  EXPECT_EQ(bench.stack().connections(), 0U);
}

TEST(Stack, ConnectsWhenItsNeighborAnswers) {
  Bench bench;
  const Connecting ours(bench);
  const TcpHeader syn = bench.last().tcp;
  ASSERT_EQ(syn.flags, kSyn);
  bench.segment(kSyn | kAck, kTheirIsn, syn.seq + 1, {}, kPeer, syn.source_port);
  bench.turn();
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].kind, Kind::kConnected);
  EXPECT_EQ(bench.last().tcp.flags, kAck);
  // Another one to there has a port of its own.
  const std::optional<ConnId> other = bench.stack().connect(kPeer, kTheirPort, bench.now());
  ASSERT_TRUE(other);
  EXPECT_NE(bench.stack().flow(*other)->local_port, bench.stack().flow(ours.conn)->local_port);
}

// Both open at once: the application closes before the peer's ACK comes, and its id is dead then.
TEST(Stack, WhoClosesWhileItOpensHearsOfItNoMore) {
  Bench bench;
  const Connecting ours(bench);
  const TcpHeader syn = bench.last().tcp;
  ASSERT_EQ(syn.flags, kSyn);
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, kPeer, syn.source_port);
  bench.turn();
  ASSERT_EQ(bench.stack().connection(ours.conn)->state(), TcpState::kSynReceived);
  bench.stack().close(ours.conn, bench.now());
  bench.turn();
  bench.segment(kAck, kTheirIsn + 1, syn.seq + 1, {}, kPeer, syn.source_port);
  bench.turn();
  ASSERT_EQ(bench.told().size(), 1U);
  EXPECT_EQ(bench.told()[0].kind, Kind::kClosed);
}

// Nobody is let in, and what came before its turn is forgotten: it comes again.
TEST(Stack, WithoutMemoryNobodyIsLetIn) {
  StackConfig config;
  config.memory_bytes_max = 40'000;
  Bench bench(config);
  const ConnId conn = bench.open();
  bench.segment(kAck | kPsh, kTheirIsn + 2, bench.ours(), "behind a gap");
  bench.turn();
  bench.write(conn, std::string(33'000, 'x'));
  bench.turn();
  EXPECT_NE(bench.stack().counters().held_dropped, 0U);
  bench.device().sent.clear();
  bench.segment(kSyn, kTheirIsn, Seq{}, {}, *IpAddress::parse("10.0.0.77"));
  bench.turn();
  EXPECT_EQ(bench.stack().listener().half_open(), 0U);
  EXPECT_EQ(bench.stack().listener().counters().no_room, 1U);
}

// Where it stays so, others wait for what one of those who are there holds: not for ever.
TEST(Stack, WhoHoldsMuchMakesRoomForOthersInTheEnd) {
  StackConfig config;
  config.memory_bytes_max = 100'000;
  Bench bench(config);
  const ConnId conn = bench.open();
  bench.stack().pause(conn);
  Seq next = kTheirIsn + 1;
  const std::string piece(1'000, 'x');
  while (bench.stack().memory_bytes() < 80'000) {
    bench.segment(kAck, next, bench.ours(), piece);
    next += 1'000;
    bench.turn();
  }
  for (int i = 0; i < 60; ++i) {  // nobody else comes, and he may stay
    bench.segment(kAck, next - 1, bench.ours());
    bench.pass(kSecondNs);
  }
  EXPECT_EQ(bench.stack().counters().aborted_for_memory, 0U);
  for (int i = 0; i < 15; ++i) {
    bench.segment(kSyn, kTheirIsn, Seq{}, {}, IpAddress::v4(0x0a000050));
    bench.pass(kSecondNs);
  }
  EXPECT_EQ(bench.stack().counters().aborted_for_memory, 1U);
  EXPECT_EQ(bench.stack().listener().half_open(), 1U);
}

// A peer of tiny segments that is owed much: a list of them, which is memory as well.
TEST(Stack, ALongListOfWhatIsOnItsWayIsCounted) {
  Bench bench;
  const ConnId conn = bench.open();
  std::string value(20'000, 'x');
  const Bytes bytes{reinterpret_cast<const uint8_t*>(value.data()), value.size()};
  bench.stack().write_pinned(conn, {&bytes, 1});
  bench.turn();
  const SendQueue& queue = bench.stack().connection(conn)->sender().queue();
  EXPECT_GT(queue.size(), 4U);
  EXPECT_GE(bench.stack().memory_bytes(), queue.memory_bytes());
  bench.segment(kAck | kRst, kTheirIsn + 1, bench.ours());
  bench.turn();
  bench.turn();
  EXPECT_EQ(bench.stack().memory_bytes(), 0U);
}

// A host that is switched off: nobody answers for its address any more. What is left of its
// connections ends, by patience, by keepalive or behind the application's close, though not even a
// RST can go there.
TEST(Stack, AConnectionToANeighborThatIsGoneEnds) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.write(conn, "hello");
  bench.turn();
  const auto ended = [&] {
    return std::ranges::any_of(bench.told(),
                               [](const Told& told) { return told.kind == Kind::kEnd; });
  };
  for (int i = 0; i < 2'000 && !ended(); ++i) {
    bench.pass(kSecondNs);
  }
  EXPECT_TRUE(ended());
  bench.stack().close(conn, bench.now());
  bench.turn();
  EXPECT_EQ(bench.stack().connections(), 0U);
}

// An ACK that waited for its time, and can't go: it does not become due again with each tick.
TEST(Stack, AnAckToANeighborThatIsGoneTakesNoTime) {
  Bench bench;
  bench.open();
  Seq theirs = kTheirIsn + 1;
  const auto say = [&] {
    bench.segment(kAck | kPsh, theirs, bench.ours(), "x");
    theirs += 1;
    bench.turn();
  };
  for (int i = 0; i < 40; ++i) {  // ACKs are quick no more
    say();
    bench.pass(3 * kMillisecondNs);
  }
  for (int i = 0; i < 60; ++i) {
    bench.pass(kSecondNs);
  }
  ASSERT_NE(bench.stack().interface().neighbors().given_up(), 0U);
  say();
  int turns = 0;
  const Moment until = bench.now() + 3 * kSecondNs;
  for (Moment next; (next = bench.stack().next_deadline()) < until && turns < 1'000; ++turns) {
    bench.pass(std::max<int64_t>(next - bench.now(), 0));
  }
  EXPECT_LT(turns, 50);
}

TEST(Stack, AnIdleConnectionToANeighborThatIsGoneEndsByKeepalive) {
  Bench bench;
  const ConnId conn = bench.open();
  for (int i = 0; i < 5'000 && bench.stack().connection(conn) != nullptr; ++i) {
    bench.pass(kSecondNs);
  }
  EXPECT_EQ(bench.stack().connection(conn), nullptr);
}

TEST(Stack, ClosedConnectionsToNeighborsThatAreGoneEnd) {
  Bench bench;
  for (uint32_t i = 0; i < 17; ++i) {
    const ConnId conn = bench.open(IpAddress::v4(0x0a000030 + i));
    bench.write(conn, "reply");
    bench.turn();
    for (int s = 0; s < 60; ++s) {
      bench.pass(kSecondNs);
    }
    bench.stack().close(conn, bench.now());
    bench.turn();
    bench.told().clear();
  }
  for (int s = 0; s < 3'000; ++s) {
    bench.pass(kSecondNs);
  }
  EXPECT_EQ(bench.stack().orphans(), 0U);
  EXPECT_EQ(bench.stack().connections(), 0U);
}

// From each of `count` peers one, and a guess at a RST: what limits the answers to such has memory
// beside the slot.
void come_odd(Bench& bench, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const IpAddress peer = IpAddress::v4(0x0a000030 + i);
    bench.segment(kSyn, kTheirIsn, Seq{}, {}, peer);
    bench.turn();
    bench.segment(kAck, kTheirIsn + 1, bench.last().tcp.seq + 1, {}, peer);
    bench.segment(kRst, kTheirIsn + 2, Seq{}, {}, peer);
    bench.turn();
  }
}

TEST(Stack, AFloodOfOddConnectionsIsSeen) {
  StackConfig config;
  config.memory_bytes_max = 800;
  Bench bench(config);
  come_odd(bench, 1);
  const size_t one = bench.stack().memory_bytes();
  ASSERT_NE(one, 0U);
  come_odd(bench, 60);
  EXPECT_GT(bench.stack().memory_bytes(), 600U);
  EXPECT_LE(bench.stack().memory_bytes(), 600U + one);
  EXPECT_EQ(bench.stack().connections(), bench.stack().memory_bytes() / one);
  EXPECT_NE(bench.stack().listener().counters().no_room, 0U);
}

TEST(Stack, OfOddConnectionsTheOneWithMostHasToGo) {
  StackConfig config;
  config.memory_bytes_max = 800;
  Bench bench(config);
  const ConnId conn = bench.open();
  come_odd(bench, 10);
  const size_t odd = bench.stack().memory_bytes();
  bench.write(conn, std::string(500, 'x'));  // above nine tenths
  bench.turn();
  EXPECT_EQ(bench.stack().counters().aborted_for_memory, 1U);
  bench.turn();
  EXPECT_EQ(bench.stack().memory_bytes(), odd);
}

// Until no more is to be learned of it, or the connection is over.
TEST(Stack, WhatATimeoutTakesIsCounted) {
  Bench bench;
  const ConnId conn = bench.open();
  bench.write(conn, "lost");
  bench.turn();
  const size_t before = bench.stack().memory_bytes();
  bench.pass(2 * kSecondNs);
  ASSERT_NE(bench.stack().sender_counters().timeouts, 0U);
  EXPECT_GT(bench.stack().memory_bytes(), before);
  bench.segment(kAck | kRst, kTheirIsn + 1, bench.ours());
  bench.turn();
  EXPECT_EQ(bench.stack().memory_bytes(), 0U);
}

// The application goes on behind the peer's end, and hears that nobody is there any more.
TEST_P(StackWays, AConnectionBreaksBehindThePeersEnd) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  bench.segment(kAck | kFin, kTheirIsn + 1, bench.ours());
  bench.turn();
  bench.write(conn, "more");
  bench.turn();
  bench.segment(kRst | kAck, kTheirIsn + 2, bench.ours());
  bench.turn();
  ASSERT_EQ(bench.told().size(), 2U);
  EXPECT_EQ(bench.told()[0].end, TcpEnd::kNone);
  EXPECT_EQ(bench.told()[1].kind, Kind::kEnd);
  EXPECT_EQ(bench.told()[1].end, TcpEnd::kReset);
}

TEST_P(StackWays, ClosedConnectionsTellNothingMore) {
  Bench bench(GetParam());
  const ConnId conn = bench.open();
  bench.segment(kAck | kPsh, kTheirIsn + 1, bench.ours(), "one");
  bench.stack().receive(bench.now());
  bench.stack().close(conn, bench.now());
  const StackEvent* event = bench.stack().next_event();
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->kind, Kind::kClosed);
  EXPECT_EQ(bench.stack().next_event(), nullptr);
  bench.stack().flush(bench.now());
}

}  // namespace
}  // namespace pollux::tcp
