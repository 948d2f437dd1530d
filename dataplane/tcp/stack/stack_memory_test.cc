// What a stack does when it runs short: of memory, of frames, of a neighbor's answers.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/tcp/stack/stack_test_support.h"

namespace pollux::tcp {
namespace {

constexpr int kPiece = 1'000;

// Many have more to send than the ring takes; another owes an ACK, for which frames are kept back.
TEST(StackMemory, AnAckDoesNotWaitForManyWhoWaitForTheRing) {
  constexpr uint32_t kSenders = 150;
  StackConfig config;
  config.tx_frames_max = 64;
  Bench bench(config);
  std::vector<ConnId> senders;
  for (uint32_t i = 0; i < kSenders; ++i) {
    senders.push_back(bench.open(IpAddress::v4(0x0a000030 + i)));
  }
  const IpAddress small = IpAddress::v4(0x0a000005);
  bench.open(small);
  const Seq ours = bench.ours();
  for (const ConnId conn : senders) {
    bench.write(conn, std::string(9'000, 'x'));
  }
  bench.segment(kAck | kPsh, kTheirIsn + 1, ours, "x", small);
  const auto is_answered = [&] {
    return std::ranges::any_of(bench.device().sent, [&](const Frame& frame) {
      const Packet packet = parse_packet(frame);
      return packet.kind == PacketKind::kTcp && packet.flow.local == small;
    });
  };
  int turns = 0;
  for (; turns < 1'000 && !is_answered(); ++turns) {
    bench.device().sent.clear();
    bench.device().ring_room = 8;
    bench.stack().receive(bench.now());
    bench.stack().flush(bench.now());
  }
  EXPECT_LT(turns, 12);
}

// Nor does one of many have the ring to itself.
TEST(StackMemory, WhoSharesAFullRingTakesTurns) {
  StackConfig config;
  config.tx_frames_max = 4;
  Bench bench(config);
  std::vector<ConnId> senders;
  for (uint32_t i = 0; i < 4; ++i) {
    senders.push_back(bench.open(IpAddress::v4(0x0a000030 + i)));
  }
  for (const ConnId conn : senders) {
    bench.write(conn, std::string(9'000, 'x'));
  }
  std::set<IpAddress> served;
  for (int turn = 0; turn < 8; ++turn) {
    bench.device().sent.clear();
    bench.device().ring_room = 2;
    bench.stack().flush(bench.now());
    for (const Frame& frame : bench.device().sent) {
      served.insert(parse_packet(frame).flow.local);
    }
  }
  EXPECT_EQ(served.size(), 4U);
}

// Above nine tenths of the memory windows shrink to an eighth, which is a promise about what is yet
// to be promised: no right edge goes back. Below three quarters they are as they were.
TEST(StackMemory, WindowsShrinkWhereMuchIsHeldAndComeBack) {
  StackConfig config;
  config.memory_bytes_max = 250'000;
  config.connection.receive.buffer_bytes = 64'000;
  Bench bench(config);
  const ConnId conn = bench.open();
  const Seq ours = bench.ours();
  std::vector<ConnId> owed;
  for (uint32_t peer = 0; peer < 10; ++peer) {
    owed.push_back(bench.open(IpAddress::v4(0x0a000030 + peer)));
  }
  for (const ConnId one : owed) {  // and none of it is taken
    bench.write(one, std::string(23'000, 'x'));
  }
  bench.turn();
  const size_t held = bench.stack().memory_bytes();
  ASSERT_GT(held, 250'000U * 3 / 4);
  Seq theirs = kTheirIsn + 1;
  const auto say = [&](int pieces) {
    for (int i = 0; i < pieces; ++i) {
      bench.segment(kAck | kPsh, theirs, ours, std::string(kPiece, 'y'));
      theirs += kPiece;
      bench.pass(5 * kMillisecondNs);
    }
    return bench.last().tcp.window;
  };
  EXPECT_EQ(say(60), 8'000);
  ASSERT_NE(bench.stack().connection(conn), nullptr);
  for (const ConnId one : owed) {
    bench.stack().abort(one);
  }
  bench.turn();
  ASSERT_LT(bench.stack().memory_bytes(), 250'000U / 2);
  EXPECT_EQ(say(2), 64'000);
}

// A device gives back lazily; whoever waits for a head, or for bytes of his that it holds, asks for
// all.
TEST(StackMemory, WhoWaitsForWhatTheDeviceHasAsksForAll) {
  StackConfig config;
  config.copy_bytes_max = 100;
  Bench bench(config);
  const ConnId conn = bench.open();
  const std::string value(5'000, 'v');
  const Bytes bytes = bytes_of(value);
  bench.device().done = false;
  bench.stack().write_pinned(conn, {&bytes, 1});
  bench.turn();
  ASSERT_FALSE(bench.device().with_pieces.empty());
  EXPECT_FALSE(bench.device().asked_for_all);
  const std::deque<uint64_t> heads = std::exchange(bench.device().free, {});
  bench.write(conn, "no head for it");
  bench.turn();
  EXPECT_TRUE(bench.device().asked_for_all);
  bench.device().free = heads;
  bench.turn();
  bench.turn();
  EXPECT_FALSE(bench.device().asked_for_all);
  bench.segment(kAck, kTheirIsn + 1, bench.ours() + 5'014);
  bench.turn();
  EXPECT_TRUE(bench.device().asked_for_all) << "it is acknowledged, and the device has it";
}

bool asks_for_peer(const StackDevice& device) {
  return std::ranges::any_of(device.sent, [](const Frame& frame) {
    const Packet packet = parse_packet(frame);
    ArpPacket arp;
    return packet.kind == PacketKind::kArp && parse_arp(packet.network(), arp) == Fault::kNone &&
           arp.target_ip == kPeer;
  });
}

// RFC 4861 7.3.1: who acknowledges is there, and is not asked whether he is.
TEST(Rfc4861_7_3_Reachable, AnAckOfSomethingNewConfirmsTheNeighbor) {
  for (const bool acknowledges : {true, false}) {
    Bench bench;
    const ConnId conn = bench.open();
    Seq acked = bench.ours();
    for (int i = 0; i < 120; ++i) {
      bench.write(conn, "x");
      bench.turn();
      acked += 1;
      if (acknowledges) {
        bench.segment(kAck, kTheirIsn + 1, acked);
      }
      bench.pass(kSecondNs);
    }
    EXPECT_NE(asks_for_peer(bench.device()), acknowledges);
  }
}

// Also where others are found all the time, whose finding looks at all that wait.
TEST(StackMemory, AConnectionToANeighborThatIsGoneEndsAmongNewOnes) {
  StackConfig config;
  config.interface.addresses = {{kUs, 8}};
  Bench bench(config);
  const ConnId gone = bench.open();
  bench.write(gone, "hello");
  bench.turn();
  for (int i = 0; i < 60; ++i) {
    bench.pass(kSecondNs);
  }
  bench.told().clear();
  const auto has_ended = [&] {
    return std::ranges::any_of(bench.told(), [&](const Told& told) {
      return told.conn == gone && told.kind == StackEvent::Kind::kEnd;
    });
  };
  for (uint32_t i = 0; i < 1'000 && !has_ended(); ++i) {
    const IpAddress other = IpAddress::v4(0x0a010000 + i);
    const ConnId conn = bench.stack().connect(other, kTheirPort, bench.now()).value();
    bench.turn();
    bench.device().arriving.push_back(arp_frame({.operation = ArpOperation::kReply,
                                                 .sender_mac = kTheirs,
                                                 .sender_ip = other,
                                                 .target_mac = kOurs,
                                                 .target_ip = kUs},
                                                {}));
    bench.turn();
    bench.stack().close(conn, bench.now());
    bench.pass(400 * kMillisecondNs);
  }
  EXPECT_TRUE(has_ended());
}

// Of several that share a port each resets whom it knows nothing of, and nobody else's.
TEST(StackMemory, AStrangerThatIsAnothersIsNotReset) {
  for (const bool ours : {true, false}) {
    StackConfig config;
    config.is_ours = [ours](const Flow&) { return ours; };
    Bench bench(config);
    bench.segment(kAck, kTheirIsn, Seq{77});
    bench.turn();
    const bool reset = bench.frames_out() != 0 && bench.last().kind == PacketKind::kTcp &&
                       bench.last().tcp.has(kRst);
    EXPECT_EQ(reset, ours);
  }
}

}  // namespace
}  // namespace pollux::tcp
