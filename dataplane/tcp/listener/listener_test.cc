#include "dataplane/tcp/listener/listener.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/listener/listener_test_support.h"

namespace pollux::tcp {
namespace {

using Action = Listener::Action;
using Bench = ListenerBench;

TEST(ListenerTest, AHandshake) {
  Bench bench;
  ASSERT_EQ(bench.syn(), Action::kAnswerPeer);
  const SegmentOut syn_ack = bench.answer();
  EXPECT_EQ(syn_ack.header.flags, kSyn | kAck);
  EXPECT_EQ(syn_ack.header.ack, kClientIsn + 1);
  EXPECT_EQ(syn_ack.header.window, UINT16_MAX);
  EXPECT_EQ(syn_ack.options.mss, 1'460);
  EXPECT_EQ(syn_ack.options.window_scale, bench.connections.window_scale);
  EXPECT_TRUE(syn_ack.options.sack_permitted);
  EXPECT_EQ(syn_ack.options.timestamps->echo, kClientTimestamp);
  bench.now = bench.now + 3 * kMillisecondNs;
  ASSERT_EQ(bench.ack(), Action::kOpen);
  const PassiveOpening& opening = bench.opening();
  EXPECT_EQ(opening.our_isn, syn_ack.header.seq);
  EXPECT_EQ(opening.peer_isn, kClientIsn);
  EXPECT_EQ(opening.our_window, UINT16_MAX);
  EXPECT_EQ(opening.options, (SynOptions{1'400, 9, true, true, false}));
  EXPECT_EQ(opening.peer_timestamp, kClientTimestamp);
  EXPECT_EQ(opening.rtt_ns, 4 * kMillisecondNs);
  EXPECT_EQ(bench.listener.half_open(), 0U);
}

TEST(ListenerTest, WhatThePeerDoesNotOfferIsNotAgreed) {
  Bench bench;
  bench.syn_options = {};
  ASSERT_EQ(bench.syn(), Action::kAnswerPeer);
  EXPECT_EQ(bench.answer().options, (TcpOptions{.mss = 1'460}));
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().options, (SynOptions{.mss = 536}));
  EXPECT_EQ(bench.opening().rtt_ns, Sender::kRttUnknown);
}

// Whoever listened has stopped: what was half open is nobody's any more.
TEST(Rfc9293_3_10_7_1_Closed, RefusesWhatWasHalfOpen) {
  Bench bench;
  ASSERT_EQ(bench.syn(), Action::kAnswerPeer);
  bench.listens = false;
  ASSERT_EQ(bench.ack(), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.listener.half_open(), 0U);
  bench.listens = true;
  EXPECT_EQ(bench.syn(kClientIsn + 5), Action::kAnswerPeer);
}

TEST(Rfc3168_6_1_1_Ecn, IsGrantedIfItIsWantedHere) {
  for (const bool wanted : {false, true}) {
    Bench bench;
    bench.connections.ecn = wanted;
    bench.come(kSyn | kEce | kCwr, kClientIsn, {}, bench.syn_options);
    EXPECT_EQ(bench.answer().header.has(kEce), wanted);
    EXPECT_FALSE(bench.answer().header.has(kCwr));
    ASSERT_EQ(bench.ack(), Action::kOpen);
    EXPECT_EQ(bench.opening().options.ecn, wanted);
  }
}

TEST(Rfc6298_5_SynAck, IsSentAgainAndForgotten) {
  Bench bench;
  bench.syn();
  const SegmentOut first = bench.answer();
  int sent = 0;
  for (int second = 1; second <= 70; ++second) {
    for (const SegmentOut& again : bench.advance(kSecondNs)) {
      EXPECT_EQ(again.header, first.header);
      EXPECT_EQ(again.options.mss, 1'460);
      ++sent;
    }
  }
  EXPECT_EQ(sent, 5);
  EXPECT_EQ(bench.listener.half_open(), 0U);
  EXPECT_EQ(bench.listener.counters().expired, 1U);
  EXPECT_EQ(bench.listener.next_deadline(), kNever);
}

TEST(Rfc6298_5_7_SynAck, ThatWasSentAgainMakesACarefulBegin) {
  Bench bench;
  bench.syn();
  EXPECT_EQ(bench.advance(2 * kSecondNs).size(), 1U);
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().rtt_ns, Sender::kNoRtt);
}

TEST(ListenerTest, ASynThatComesAgainIsAnsweredAsBefore) {
  Bench bench;
  bench.syn();
  const Seq isn = bench.answer().header.seq;
  bench.now = bench.now + kSecondNs / 2;
  EXPECT_EQ(bench.syn(), Action::kAnswerPeer);
  EXPECT_EQ(bench.answer().header.seq, isn);
  EXPECT_EQ(bench.listener.half_open(), 1U);
}

// RFC 6298 5.1: by the same clock as ours, so it comes right when the record would be forgotten,
// and its ACK after that. The simulated network found that.
TEST(Rfc6298_5_SynAck, IsRememberedForTheAckOfASynThatComesAgain) {
  Bench bench({.half_open = {.capacity = 8, .retransmits = 0}});
  bench.syn();
  bench.advance(kSecondNs - kMillisecondNs);
  ASSERT_EQ(bench.syn(), Action::kAnswerPeer);
  bench.advance(10 * kMillisecondNs);
  EXPECT_EQ(bench.ack(), Action::kOpen);
}

// RFC 3168 6.1.1.1, RFC 7323 3.2: who gets no answer asks for less.
TEST(Rfc9293_3_10_7_4_SynReceived, ASynThatComesAgainMayOfferLess) {
  Bench bench;
  bench.connections.ecn = true;
  bench.come(kSyn | kEce | kCwr, kClientIsn, {}, bench.syn_options);
  EXPECT_TRUE(bench.answer().header.has(kEce));
  EXPECT_EQ(bench.syn(), Action::kAnswerPeer);
  EXPECT_FALSE(bench.answer().header.has(kEce));
  EXPECT_TRUE(bench.answer().options.timestamps);
  bench.syn_options = {.mss = 1'400};
  EXPECT_EQ(bench.syn(), Action::kAnswerPeer);
  EXPECT_EQ(bench.answer().options, (TcpOptions{.mss = 1'460}));
  for (const SegmentOut& again : bench.advance(2 * kSecondNs)) {
    EXPECT_EQ(again.options, (TcpOptions{.mss = 1'460}));
  }
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().options, (SynOptions{.mss = 1'400}));
}

// Who forges a SYN of a flow that is being opened ends nothing, and who began anew is served.
TEST(ListenerTest, AnotherSynGetsACookieAndTheRecordStays) {
  Bench bench;
  bench.syn();
  const SegmentOut first = bench.answer();
  EXPECT_EQ(bench.syn(Seq{4'711}), Action::kAnswer);
  EXPECT_NE(bench.answer().header.seq, first.header.seq);
  EXPECT_EQ(bench.answer().header.ack, Seq{4'712});
  EXPECT_EQ(bench.listener.half_open(), 1U);
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().peer_isn, Seq{4'711});
  EXPECT_EQ(bench.listener.half_open(), 0U);
}

TEST(Rfc9293_3_10_7_1_Closed, IsAnsweredByAReset) {
  Bench bench;
  bench.listens = false;
  ASSERT_EQ(bench.syn(), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst | kAck);
  EXPECT_EQ(bench.answer().header.seq, Seq{0});
  EXPECT_EQ(bench.answer().header.ack, kClientIsn + 1);
  ASSERT_EQ(bench.come(kFin, Seq{100}, {}, {}, 20), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.ack, Seq{121});
  ASSERT_EQ(bench.come(kAck | kPsh, Seq{100}, Seq{200}, {}, 20), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.answer().header.seq, Seq{200});
  EXPECT_EQ(bench.come(kRst, Seq{100}, Seq{200}, {}), Action::kDrop);
  EXPECT_EQ(bench.come(kRst | kAck, Seq{100}, Seq{200}, {}), Action::kDrop);
}

TEST(Rfc9293_3_10_7_1_Closed, ResetsAreLimitedByAddress) {
  Bench bench;
  bench.listens = false;
  int answered = 0;
  for (int i = 0; i < 10'000; ++i) {
    answered += bench.syn() == Action::kAnswer ? 1 : 0;
  }
  EXPECT_GE(answered, 50);
  EXPECT_LE(answered, 200);
  EXPECT_EQ(bench.listener.counters().resets_withheld, 10'000U - static_cast<unsigned>(answered));
}

TEST(Rfc9293_3_10_7_2_Listen, StraysAreRefused) {
  Bench bench;
  EXPECT_EQ(bench.come(kAck, Seq{1}, Seq{2}, {}), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.come(kSyn | kAck, Seq{1}, Seq{2}, {}), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.come(0, Seq{1}, Seq{2}, {}, 10), Action::kDrop);
  EXPECT_EQ(bench.come(kFin, Seq{1}, Seq{2}, {}), Action::kDrop);
}

TEST(ListenerTest, WithoutRoomNothingIsRefusedButNothingTaken) {
  Bench bench;
  bench.has_room = false;
  EXPECT_EQ(bench.syn(), Action::kDrop);
  bench.has_room = true;
  bench.syn();
  bench.has_room = false;
  EXPECT_EQ(bench.ack(), Action::kDrop);
  bench.has_room = true;
  EXPECT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.listener.counters().no_room, 2U);
}

// The caller may find that there is none after all.
TEST(ListenerTest, WhereNoConnectionWasMadeTheAckComesAgain) {
  for (const bool by_cookie : {false, true}) {
    Bench bench({.half_open = {.capacity = 8}});
    if (by_cookie) {
      bench.crowd();
    }
    const size_t others = bench.listener.half_open();
    bench.syn();
    bench.opens = false;
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(bench.ack(100), Action::kOpen);
    }
    EXPECT_EQ(bench.listener.half_open(), others + (by_cookie ? 0 : 1));
    EXPECT_EQ(bench.listener.counters().opened, 0U);
    bench.opens = true;
    ASSERT_EQ(bench.ack(100), Action::kOpen);
    EXPECT_EQ(bench.listener.half_open(), others);
    EXPECT_EQ(bench.listener.counters().opened, 1U);
    EXPECT_NE(bench.ack(100), Action::kOpen);
  }
}

// One that lies in the window but is not exact gets no challenge: the SYN-ACK goes again, which is
// one (README, Deviations).
TEST(Rfc5961_3_2_Reset, OfAHalfOpenOneMustBeExact) {
  Bench bench;
  bench.syn();
  EXPECT_EQ(bench.come(kRst, kClientIsn, {}, {}), Action::kDrop);
  EXPECT_EQ(bench.come(kRst, kClientIsn + 2, {}, {}), Action::kDrop);
  EXPECT_EQ(bench.come(kRst | kAck, kClientIsn + 2, bench.answer().header.seq + 1, {}),
            Action::kDrop);
  EXPECT_EQ(bench.listener.half_open(), 1U);
  EXPECT_EQ(bench.advance(2 * kSecondNs).size(), 1U);
  EXPECT_EQ(bench.come(kRst, kClientIsn + 1, {}, {}), Action::kDrop);
  EXPECT_EQ(bench.listener.half_open(), 0U);
}

TEST(Rfc9293_3_10_7_4_SynReceived, OnlyWhatIsAcceptableIsLookedAt) {
  Bench bench;
  bench.syn();
  const Seq ack = bench.answer().header.seq + 1;
  const Seq next = kClientIsn + 1;
  TcpOptions options;
  options.timestamps = {kClientTimestamp, 0};
  TcpOptions old;
  old.timestamps = {kClientTimestamp - 1, 0};
  // A right ACK opens nothing, and a wrong one is not refused.
  for (const Seq acked : {ack, ack + 1}) {
    EXPECT_EQ(bench.come(kAck, next - 1, acked, options), Action::kDrop);
    EXPECT_EQ(bench.come(kAck, next + 65'535, acked, options), Action::kDrop);
    EXPECT_EQ(bench.come(kAck, next + 70'000, acked, options), Action::kDrop);
    EXPECT_EQ(bench.come(kAck, next, acked, {}), Action::kDrop);   // RFC 7323 3.2
    EXPECT_EQ(bench.come(kAck, next, acked, old), Action::kDrop);  // 5.3
  }
  EXPECT_EQ(bench.come(kSyn | kAck, next, ack, options), Action::kDrop);
  EXPECT_EQ(bench.come(kPsh, next, {}, options, 10), Action::kDrop);
  EXPECT_EQ(bench.listener.half_open(), 1U);
  // Acceptable, but not ours.
  EXPECT_EQ(bench.come(kAck, next, ack + 1, options), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.answer().header.seq, ack + 1);
  EXPECT_EQ(bench.listener.half_open(), 1U);
}

TEST(Rfc9293_3_10_7_4_SynReceived, WhatLiesInTheWindowOpens) {
  const struct {
    TcpFlags flags;
    uint32_t ahead;
    uint32_t bytes;
  } kOpening[] = {{kAck, 0, 0},
                  {kAck | kPsh, 0, 100},
                  {kAck | kFin, 0, 0},  // the end is the connection's to look at
                  {kAck | kPsh, 500, 100},
                  {kAck, 65'534, 0},
                  {kAck | kPsh, 65'534, 100}};
  for (const auto& segment : kOpening) {
    Bench bench;
    bench.syn();
    const Seq ack = bench.answer().header.seq + 1;
    EXPECT_EQ(
        bench.come(segment.flags, kClientIsn + 1 + segment.ahead, ack, bench.echo(), segment.bytes),
        Action::kOpen);
    EXPECT_EQ(bench.opening().peer_isn, kClientIsn);
    EXPECT_EQ(bench.listener.half_open(), 0U);
  }
}

// RFC 9293 3.10.7.2, third: a SYN whatever else it says; what comes with it comes again.
TEST(Rfc9293_3_10_7_2_Listen, ASynWithFinOrDataIsASyn) {
  Bench bench;
  ASSERT_EQ(bench.come(kSyn | kFin, kClientIsn, {}, bench.syn_options, 10), Action::kAnswerPeer);
  EXPECT_EQ(bench.answer().header.flags, kSyn | kAck);
  EXPECT_EQ(bench.answer().header.ack, kClientIsn + 1);
  EXPECT_EQ(bench.ack(10), Action::kOpen);
}

// RFC 7323 4: the SYN-ACK went a second ago at most; what is said to answer an older one is not
// believed, nor what answers one that is still to come.
TEST(Rfc7323_4_Rttm, AnEchoOfNoSynAckMeasuresNothing) {
  for (const uint32_t before : {1'500U, 63'000U, 1U << 30, static_cast<uint32_t>(-100)}) {
    Bench bench;
    bench.syn();
    const SegmentOut syn_ack = bench.answer();
    TcpOptions options = bench.echo();
    options.timestamps->echo -= before;
    ASSERT_EQ(bench.come(kAck, kClientIsn + 1, syn_ack.header.seq + 1, options), Action::kOpen);
    EXPECT_EQ(bench.opening().rtt_ns, Sender::kRttUnknown) << before;
  }
}

}  // namespace
}  // namespace pollux::tcp
