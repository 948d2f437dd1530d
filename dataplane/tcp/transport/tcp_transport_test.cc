// The engine's port over a stack, one step at a time; what it does under a whole engine is in
// dataplane/sim/whole.
#include "dataplane/tcp/transport/tcp_transport.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>

#include "dataplane/tcp/stack/stack_test_support.h"

namespace pollux::tcp {
namespace {

class TcpTransportTest : public testing::Test {
 protected:
  TcpTransportTest() {
    EXPECT_EQ(transport_.listen({.bind = {"*"}, .port = kPort}, true), "");
    turn();
    device_.sent.clear();
  }
  static StackConfig config() {
    StackConfig config;
    config.interface.addresses = {{kUs, 24}};
    config.connections_max = 64;
    config.listener.half_open.capacity = config.listener.time_wait.capacity = 64;
    return config;
  }
  void segment(TcpFlags flags, Seq seq, Seq ack) {
    device_.arriving.push_back(frame_with({}, EtherType::kIpv4, [&](Room room) {
      const Room tcp = room.subspan(kIpv4Bytes);
      const size_t head = write_tcp(tcp,
                                    {.source_port = kTheirPort,
                                     .destination_port = kPort,
                                     .seq = seq,
                                     .ack = ack,
                                     .flags = flags,
                                     .window = 60'000},
                                    {});
      const Checksum sum = pseudo_header(kPeer, kUs, 6, static_cast<uint32_t>(head));
      set_tcp_checksum(tcp.first(head), sum);
      write_ipv4(room, {.source = kPeer, .destination = kUs, .protocol = IpProtocol::kTcp}, head);
      return kIpv4Bytes + head;
    }));
  }
  // Events of a turn, by their first letters: O, D, S, E, C.
  std::string turn() {
    std::string told;
    std::array<TransportEvent, 16> events;
    const size_t count = transport_.poll(events);
    for (size_t i = 0; i < count; ++i) {
      constexpr char kLetters[] = "ODSEC";
      told += kLetters[static_cast<size_t>(events[i].kind)];
      conn_ = events[i].conn;
    }
    transport_.flush();
    now_ = now_ + kMillisecondNs;
    return told;
  }
  // Returns the number that the peer's next segment has.
  Seq open() {
    segment(kSyn, kTheirIsn, Seq{});
    turn();
    const Packet answer = parse_packet(device_.sent.back());
    ours_ = answer.tcp.seq + 1;
    segment(kAck, kTheirIsn + 1, ours_);
    EXPECT_EQ(turn(), "O");
    return kTheirIsn + 1;
  }

  StackDevice device_;
  Moment now_{kSecondNs};
  TcpTransport transport_{config(), StackKeys{}, device_,
                          {.now = [this] { return now_; }, .wait = [](Moment) {}, .wake = [] {}}};
  ConnId conn_;
  Seq ours_;
};

TEST_F(TcpTransportTest, KnowsItsPeerUntilItIsClosedAndAnswersBehindThat) {
  const Seq next = open();
  const std::string peer = kPeer.text() + ":" + std::to_string(kTheirPort);
  EXPECT_EQ(transport_.peer(conn_).address, peer);
  EXPECT_EQ(transport_.peer(conn_).local_address, kUs.text() + ":" + std::to_string(kPort));
  segment(kRst | kAck, next, ours_);
  EXPECT_EQ(turn() + turn(), "E");
  EXPECT_EQ(transport_.peer(conn_).address, peer) << "it broke, and was not closed";
  transport_.close(conn_);
  EXPECT_EQ(transport_.peer(conn_).address, "") << "nobody's, until kClosed";
  EXPECT_EQ(turn() + turn(), "C");
}

TEST_F(TcpTransportTest, IsPatientUntilItsNextTimer) {
  EXPECT_EQ(transport_.patience_us() == 0, transport_.wants_turn());
  open();
  EXPECT_LE(transport_.patience_us(), 10) << "there was a frame, so there may be more";
  EXPECT_EQ(turn(), "");
  const int64_t patience_us = transport_.patience_us();
  EXPECT_TRUE(patience_us == -1 || patience_us > 1'000) << patience_us;
  const std::string bytes = "+PONG\r\n";
  const TxSlice slice{bytes};
  transport_.send(conn_, {&slice, 1});
  EXPECT_EQ(transport_.patience_us(), 0) << "there is something to be sent";
  EXPECT_EQ(turn(), "S");
  const int64_t until_repeated_us = transport_.patience_us();
  EXPECT_GT(until_repeated_us, 0);
  EXPECT_LT(until_repeated_us, 2'000'000);
}

// With a full ring, or pieces that it does not give back, there is nothing to do but to look again.
TEST_F(TcpTransportTest, IsPatientWithADeviceThatTakesNothing) {
  open();
  turn();
  const std::string bytes = "+PONG\r\n";
  const TxSlice slice{bytes};
  const size_t room = std::exchange(device_.ring_room, 0);
  transport_.send(conn_, {&slice, 1});
  EXPECT_EQ(transport_.patience_us(), 0) << "the device was not asked yet";
  EXPECT_EQ(turn(), "S");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(transport_.wants_turn());
    EXPECT_GT(transport_.patience_us(), 0);
    EXPECT_LE(transport_.patience_us(), 100);
    turn();
  }
  transport_.send(conn_, {&slice, 1});
  EXPECT_EQ(transport_.patience_us(), 0) << "the engine has to hear of a send that ended";
  turn();
  device_.ring_room = room;
  device_.sent.clear();
  turn();
  EXPECT_FALSE(device_.sent.empty());
  EXPECT_FALSE(transport_.wants_turn());
}

// Bursts that are always full, of whatever: timers come nevertheless, as behind a ring of so many.
TEST_F(TcpTransportTest, TimersRunWhileMoreAlwaysComes) {
  open();
  const std::string bytes = "+PONG\r\n";
  const TxSlice slice{bytes};
  transport_.send(conn_, {&slice, 1});
  turn();
  for (int ms = 0; ms < 2'000; ++ms) {
    for (int i = 0; i < 32; ++i) {
      device_.arriving.push_back(arp_frame(who_has(kGateway)));
    }
    turn();
  }
  const SenderCounters& counters = transport_.stack().sender_counters();
  EXPECT_NE(counters.timeouts + counters.tail_probes, 0U) << "the reply that was lost";
}

}  // namespace
}  // namespace pollux::tcp
