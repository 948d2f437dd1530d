// Handshakes by cookie (RFC 4987 3.6): which ACKs open a connection, how often, and what becomes of
// those that bring none.
#include <gtest/gtest.h>

#include "dataplane/tcp/listener/listener.h"
#include "dataplane/tcp/listener/listener_test_support.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

using Action = Listener::Action;
using Bench = ListenerBench;

constexpr int64_t kGoodNs = 2 * SynCookies::kPeriodNs;
// Of a bench in which few SYNs make a crowd.
constexpr ListenerConfig kCrowded{.half_open = {.capacity = 8}};

TEST(Rfc4987_3_6_Cookies, TakeOverWhereRecordsBecomeFew) {
  Bench bench(kCrowded);
  bench.crowd();
  const size_t records = bench.listener.half_open();
  for (int i = 0; i < 100'000; ++i) {  // a flood
    bench.flow.remote_port = static_cast<uint16_t>(i);
    ASSERT_NE(bench.syn(), Action::kDrop);
  }
  EXPECT_EQ(bench.listener.half_open(), records);
  bench.flow.remote_port = 50'000;
  bench.syn();
  ASSERT_EQ(bench.ack(100), Action::kOpen);
  EXPECT_EQ(bench.opening().options.scale, 9);
  EXPECT_TRUE(bench.opening().options.sack);
  EXPECT_EQ(bench.opening().options.mss, 1'380);  // the next lower of eight
  EXPECT_EQ(bench.opening().our_isn, bench.answer().header.seq);
  EXPECT_EQ(bench.opening().peer_isn, kClientIsn);
}

TEST(Rfc4987_3_6_Cookies, WithoutTimestampsThereAreNoOptions) {
  Bench bench(kCrowded);
  bench.crowd();
  bench.syn_options.timestamps.reset();
  bench.syn();
  EXPECT_EQ(bench.answer().options, (TcpOptions{.mss = 1'460}));
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().options, (SynOptions{.mss = 1'380}));
}

// The ACK was lost, and the first segment with data too.
TEST(Rfc4987_3_6_Cookies, WhatCannotProveOneIsDroppedAndComesAgain) {
  Bench bench(kCrowded);
  bench.crowd();
  bench.syn();
  const SegmentOut syn_ack = bench.answer();
  TcpOptions options;
  options.timestamps = {kClientTimestamp, syn_ack.options.timestamps->value};
  const Seq ack = syn_ack.header.seq + 1;
  EXPECT_EQ(bench.come(kAck, kClientIsn + 101, ack, options, 100), Action::kDrop);
  EXPECT_EQ(bench.come(kAck, kClientIsn + 1, ack, options, 100), Action::kOpen);
}

TEST(Rfc4987_3_6_Cookies, NobodyGuessesOne) {
  Bench bench({.half_open = {.capacity = 8}, .cookie_guesses = {0, 1}});  // no limit
  bench.crowd();
  for (uint32_t guess = 0; guess < 100'000; ++guess) {
    ASSERT_NE(bench.come(kAck, kClientIsn + 1, Seq{guess * 42'949}, {}), Action::kOpen);
  }
}

// Once, for as long as it is good: what completed the handshake comes late, or again, when that
// connection is over. No RST: its sender may be in TIME-WAIT (RFC 1337).
TEST(Rfc4987_3_6_Cookies, OpenOneConnection) {
  for (const int64_t two_msl_ns : {kSecondNs, 60 * kSecondNs}) {
    Bench bench({.half_open = {.capacity = 8}, .time_wait = {.two_msl_ns = two_msl_ns}});
    bench.crowd();
    bench.syn();
    const SegmentOut syn_ack = bench.answer();
    const TcpOptions echo = bench.echo();
    const auto again = [&] {
      return bench.come(kAck | kPsh, syn_ack.header.ack, syn_ack.header.seq + 1, echo, 100);
    };
    ASSERT_EQ(again(), Action::kOpen);
    const Moment opened = bench.now;
    // It ends, and what is kept of its end ends too.
    bench.enter_time_wait({.send_next = syn_ack.header.seq + 1'000,
                           .receive_next = syn_ack.header.ack + 101,
                           .peer_timestamp = kClientTimestamp,
                           .timestamps = true});
    while (bench.now - opened < kGoodNs) {
      bench.advance(kSecondNs / 2);
      bench.crowd();  // cookies are in use
      const bool waits = bench.listener.knows(bench.hash(), bench.flow);
      const bool is_good = bench.now - opened < SynCookies::kPeriodNs;
      const Action action = again();
      ASSERT_NE(action, Action::kOpen) << (bench.now - opened) / kSecondNs << " s";
      ASSERT_TRUE(action == Action::kDrop || waits || !is_good);
    }
    // Another handshake of the flow.
    bench.syn(kClientIsn + 100'000);
    ASSERT_EQ(bench.ack(100), Action::kOpen);
    EXPECT_EQ(bench.opening().peer_isn, kClientIsn + 100'000);
    EXPECT_EQ(bench.ack(100), Action::kDrop);
  }
}

TEST(Rfc4987_3_6_Cookies, ThatAreSpentTakeNoPlaceFromTimeWait) {
  Bench bench({.half_open = {.capacity = 8}, .time_wait = {.capacity = 4}});
  bench.enter_time_wait({.send_next = {500}, .receive_next = {700}});
  const Flow waiting = bench.flow;
  bench.crowd();
  for (uint16_t port = 60'000; port < 60'100; ++port) {
    bench.flow.remote_port = port;
    bench.syn();
    ASSERT_EQ(bench.ack(100), Action::kOpen);
    EXPECT_EQ(bench.ack(100), Action::kDrop);
  }
  EXPECT_EQ(bench.listener.time_waits(), 1U);
  EXPECT_EQ(bench.listener.counters().time_wait_dropped, 0U);
  bench.flow = waiting;
  EXPECT_EQ(bench.come(kFin | kAck, Seq{699}, Seq{500}, {}), Action::kAnswer);
}

TEST(Rfc4987_3_6_Cookies, WithoutRoomTheAckComesAgain) {
  Bench bench(kCrowded);
  bench.crowd();
  bench.syn();
  bench.has_room = false;
  EXPECT_EQ(bench.ack(100), Action::kDrop);
  EXPECT_EQ(bench.syn(), Action::kDrop);
  bench.has_room = true;
  EXPECT_EQ(bench.ack(100), Action::kOpen);
  EXPECT_EQ(bench.listener.counters().no_room, 2U);
}

// RFC 9293 3.10.7.1: of whom no cookie is on its way, a stray ACK is refused, however many others
// have got one, or the clients of a server that has begun anew would hang in their timers.
TEST(Rfc9293_3_10_7_1_Closed, AStrayAckIsRefusedUnlessItsFlowGotACookie) {
  Bench bench;
  const Flow mine = bench.flow;
  bench.syn(Seq{1});
  bench.syn(Seq{2});  // of one who began anew, or forges
  ASSERT_EQ(bench.listener.counters().cookies_sent, 1U);
  int refused = 0;
  for (uint16_t port = 1; port <= 50; ++port) {
    bench.flow.remote_port = port;
    refused += bench.come(kAck, Seq{100}, Seq{200}, {}) == Action::kAnswer;
  }
  EXPECT_EQ(refused, 50);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  // Of its own it may be one whose handshake's last ACK was lost.
  bench.flow = mine;
  EXPECT_EQ(bench.come(kAck, Seq{100}, Seq{200}, {}), Action::kDrop);
  EXPECT_EQ(bench.listener.counters().cookies_refused, 1U);
  bench.advance_by_seconds(70);
  ASSERT_EQ(bench.listener.half_open(), 0U);
  EXPECT_EQ(bench.come(kAck, Seq{100}, Seq{200}, {}), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
}

// Who guesses in the name of an address finds nobody who listens: not even where he is right.
TEST(Rfc4987_3_6_Cookies, AnAddressMayBringFewThatAreNone) {
  Bench bench(kCrowded);
  bench.crowd();
  bench.syn();
  const SegmentOut syn_ack = bench.answer();
  const TcpOptions echo = bench.echo();
  const auto bring = [&](uint32_t beside) {
    return bench.come(kAck | kPsh, syn_ack.header.ack, syn_ack.header.seq + 1 + beside, echo, 10);
  };
  for (uint32_t beside = 1'000; beside < 2'000; ++beside) {
    ASSERT_EQ(bring(beside), Action::kDrop);
  }
  EXPECT_EQ(bring(0), Action::kDrop);
  // Another's are tried.
  const Flow mine = bench.flow;
  bench.flow.remote = IpAddress::v4(0x0a000099);
  bench.syn();
  EXPECT_EQ(bench.ack(10), Action::kOpen);
  // It comes again.
  bench.flow = mine;
  bench.now = bench.now + kSecondNs;
  EXPECT_EQ(bring(0), Action::kOpen);
}

// RFC 3168 6.1.1: the bits that say the options come back as the peer likes.
TEST(Rfc4987_3_6_Cookies, GrantNoEcnWhereItIsNotWanted) {
  for (const bool wanted : {false, true}) {
    Bench bench(kCrowded);
    bench.connections.ecn = wanted;
    bench.crowd();
    bench.come(kSyn | kEce | kCwr, kClientIsn, {}, bench.syn_options);
    EXPECT_EQ(bench.answer().header.has(kEce), wanted);
    TcpOptions options = bench.echo();
    options.timestamps->echo |= 32;
    ASSERT_EQ(bench.come(kAck, kClientIsn + 1, bench.answer().header.seq + 1, options),
              Action::kOpen);
    EXPECT_EQ(bench.opening().options.ecn, wanted);
  }
}

// All records are taken: a SYN of each of these flows that comes again is answered by its record,
// another one by a cookie.
TEST(Rfc4987_3_6_Cookies, WhereNoRecordIsLeft) {
  Bench bench({.half_open = {.capacity = 1}});
  ASSERT_EQ(bench.syn(), Action::kAnswerPeer);
  const Seq isn = bench.answer().header.seq;
  EXPECT_EQ(bench.syn(Seq{4'711}), Action::kAnswer);
  EXPECT_EQ(bench.syn(), Action::kAnswerPeer);
  EXPECT_EQ(bench.answer().header.seq, isn);
  bench.flow.remote_port = 1;
  EXPECT_EQ(bench.syn(), Action::kAnswer);
  EXPECT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.listener.half_open(), 1U);
}

// A million forged ACKs a second from anywhere, beside the flood of SYNs: who brings one is heard.
TEST(Rfc4987_3_6_Cookies, AreHeardInAFloodOfForgedAcks) {
  Bench bench({.half_open = {.capacity = 1024}});
  bench.crowd();
  const Flow mine = bench.flow;
  Rng rng(1);
  const auto flood = [&](int ms) {
    for (int i = 0; i < ms; ++i) {
      bench.now = bench.now + kMillisecondNs;
      for (int n = 0; n < 1'000; ++n) {
        bench.flow.remote = IpAddress::v4(0x20000000 + static_cast<uint32_t>(rng.below(1U << 28)));
        bench.flow.remote_port = static_cast<uint16_t>(1'024 + rng.below(60'000));
        const Seq seq{static_cast<uint32_t>(rng.next())};
        const Seq ack{static_cast<uint32_t>(rng.next())};
        bench.come(kAck, seq, ack, {});
      }
    }
  };
  flood(1'000);
  for (uint32_t client = 0; client < 50; ++client) {
    bench.flow = mine;
    bench.flow.remote = IpAddress::v4(0x0b000000 + client);
    bench.syn();
    const SegmentOut syn_ack = bench.answer();
    const TcpOptions echo = bench.echo();
    const Flow flow = bench.flow;
    flood(1);
    bench.flow = flow;
    EXPECT_EQ(bench.come(kAck | kPsh, syn_ack.header.ack, syn_ack.header.seq + 1, echo, 100),
              Action::kOpen)
        << client;
  }
}

}  // namespace
}  // namespace pollux::tcp
