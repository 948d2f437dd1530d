// The retransmission timer by the steps of RFC 6298 5, with and without SACK, what a round trip is
// measured by, and how long a peer is waited for.
#include "dataplane/tcp/connection/connection.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

// Of a peer without SACK: there is no probe of the tail, the timer is all.
ScriptOptions without_sack() {
  return {.sack = false};
}

TEST(Rfc6298_5_1_Timer, RunsFromTheFirstSegmentAndNoOtherPutsItOff) {
  Script t(without_sack());
  t.open_passive();
  t.write(100);
  t.go();
  t.pass(4 * kMillisecondNs);
  t.write(100);
  EXPECT_EQ(t.go(), "P. 101:201(100) ack 1");
  EXPECT_EQ(t.tick(), "P. 1:201(200) ack 1");  // what is overdue, too, in one segment
  EXPECT_EQ(t.now - kScriptStart, 5 * kMillisecondNs);
}

TEST(Rfc6298_5_2_Timer, StopsWhenAllIsAcknowledged) {
  Script t(without_sack());
  t.shared.config.keepalive_idle_ns = 0;
  t.open_passive();
  t.write(100);
  t.go();
  t.come(". 1:1(0) ack 101");
  t.go();
  EXPECT_EQ(t.connection->deadline(t.shared), kNever);
}

TEST(Rfc6298_5_3_Timer, BeginsAnewWithAnAckOfSomethingNew) {
  Script t(without_sack());
  t.open_passive();
  t.write(200);
  t.go();
  t.pass(4 * kMillisecondNs);
  t.come(". 1:1(0) ack 101");
  EXPECT_EQ(t.go(), "");
  const Moment acked = t.now;
  EXPECT_EQ(t.tick(), "P. 101:201(100) ack 1");
  EXPECT_GE(t.now - acked, 5 * kMillisecondNs);
}

// smoltcp once put it off with each ACK that came, so that nothing ever went again.
TEST(Rfc6298_5_3_Timer, AcksOfNothingNewLeaveIt) {
  for (const bool sack : {false, true}) {
    Script t({.sack = sack});
    t.open_passive();
    t.write(3'000);
    t.go();
    const Moment due = t.connection->deadline(t.shared);
    for (int i = 0; i < 4; ++i) {
      t.pass(10 * kMicrosecondNs);
      t.come(i % 2 == 0 ? ". 1:1(0) ack 1" : ". 1:1(0) ack 1 win 50000");  // as is, and the window
      t.go();
    }
    EXPECT_LE(t.connection->deadline(t.shared), due) << sack;
  }
}

TEST(Rfc6298_5_3_Timer, DataOfThePeerLeavesIt) {
  Script t(without_sack());
  t.open_passive();
  t.write(100);
  t.go();
  const Moment due = kScriptStart + 5 * kMillisecondNs;
  t.pass(4 * kMillisecondNs);
  t.come("P. 1:11(10) ack 1");
  t.go();
  EXPECT_EQ(t.tick(), "P. 1:101(100) ack 11");
  EXPECT_EQ(t.now, due);
}

TEST(Rfc6298_5_4_Timer, TheEarliestAloneGoesAgain) {
  Script t(without_sack());
  t.open_passive();
  t.write(3'000);
  t.go();
  EXPECT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
}

// RFC 5681 3.1: the window is one segment then, and opens by what is acknowledged, though nothing
// new is there to be sent.
TEST(Rfc6298_5_4_Timer, TheRestFollowsAsItIsAcknowledged) {
  Script t(without_sack());
  t.open_passive();
  t.write(10'000);
  t.go();
  t.tick();
  EXPECT_EQ(t.connection->sender().congestion().cwnd_bytes(), 1'000U);
  // An ACK a segment; RFC 3465 2.3: one more segment for each.
  uint32_t acked = 1;
  uint64_t on_their_way = 1;
  for (int round = 0; round < 2; ++round) {
    t.pass(200 * kMicrosecondNs);
    const uint64_t before = t.shared.sender.counters.retransmissions;
    for (uint64_t i = 0; i < on_their_way; ++i) {
      acked += 1'000;
      t.come(". 1:1(0) ack " + std::to_string(acked));
      t.go();
    }
    EXPECT_EQ(t.shared.sender.counters.retransmissions - before, on_their_way * 2);
    on_their_way *= 2;
  }
}

TEST(Rfc6298_5_6_Timer, RunsAnewBehindARetransmission) {
  Script t(without_sack());
  t.open_passive();
  t.write(100);
  t.go();
  t.tick();
  const Moment again = t.now;
  t.pass(9 * kMillisecondNs);
  EXPECT_NE(t.connection->deadline(t.shared), kNever);
  t.tick();
  EXPECT_EQ(t.now - again, 10 * kMillisecondNs);
}

// A full ring costs no time: what could not go again goes when there is room.
TEST(Rfc6298_5_4_Timer, WhatHadNoRoomGoesLater) {
  Script t(without_sack());
  t.open_passive();
  t.write(100);
  t.go();
  t.room = 0;
  EXPECT_EQ(t.tick(), "");
  t.room = SIZE_MAX;
  EXPECT_EQ(t.go(), "P. 1:101(100) ack 1");
}

// --- RFC 6298 3: Karn's algorithm ---

TEST(Rfc6298_3_Karn, AnAckOfWhatWentTwiceMeasuresNothing) {
  Script t(without_sack());
  t.open_passive();
  t.write(100);
  t.go();
  const int64_t before = t.connection->sender().rtt().srtt_ns();
  t.tick();
  t.pass(3 * kMillisecondNs);
  t.come(". 1:1(0) ack 101");
  EXPECT_EQ(t.connection->sender().rtt().srtt_ns(), before);
  EXPECT_EQ(t.connection->sender().rtt().backoffs(), 1U);  // and the backoff stays
}

TEST(Rfc6298_3_Karn, AnAckOfWhatWentOnceEndsTheBackoff) {
  Script t(without_sack());
  t.open_passive();
  t.write(100);
  t.go();
  t.tick();
  t.come(". 1:1(0) ack 101");
  t.write(100);
  t.go();
  t.pass(kMillisecondNs);
  t.come(". 1:1(0) ack 201");
  EXPECT_EQ(t.connection->sender().rtt().backoffs(), 0U);
}

TEST(Rfc7323_4_1_Rttm, WithTimestampsWhatWentTwiceIsMeasured) {
  Script t({.sack = false, .timestamps = true});
  t.open_passive();
  t.write(100);
  t.go();
  t.tick();
  t.pass(20 * kMillisecondNs);
  t.echo = t.last.options.timestamps->value;
  t.come(". 1:1(0) ack 101");
  EXPECT_EQ(t.connection->sender().rtt().backoffs(), 0U);
  EXPECT_GT(t.connection->sender().rtt().srtt_ns(), kMillisecondNs);
}

// --- recovery by SACK ---

TEST(Rfc8985_6_Rack, TwoLossesOfAFlightAreRepairedWithoutATimer) {
  Script t;
  t.open_passive();
  t.write(8'000);
  t.go();
  t.pass(200 * kMicrosecondNs);
  t.come(". 1:1(0) ack 1 sack 1001:4001 5001:8001");
  t.go();
  t.pass(200 * kMicrosecondNs);
  t.come(". 1:1(0) ack 4001 sack 5001:8001");
  t.go();
  EXPECT_EQ(t.shared.sender.counters.timeouts, 0U);
  EXPECT_EQ(t.shared.sender.counters.retransmissions, 2U);
  t.come(". 1:1(0) ack 8001");
  EXPECT_FALSE(t.connection->sender().in_recovery());
}

TEST(Rfc8985_6_Rack, WhatIsLostGoesWhenTheRingHasRoom) {
  Script t;
  t.open_passive();
  t.write(5'000);
  t.go();
  t.pass(200 * kMicrosecondNs);
  t.room = 0;
  t.come(". 1:1(0) ack 1 sack 1001:5001");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.shared.sender.counters.retransmissions, 0U);
  t.room = SIZE_MAX;
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
}

// RFC 5681 3.2: the window halves once for a flight, however many of it were lost.
TEST(Rfc6675_5_Recovery, OneReductionForAFlight) {
  Script t;
  t.shared.sender.config.congestion = CongestionAlgorithm::kNewReno;
  t.open_passive();
  t.write(10'000);
  t.go();
  t.pass(200 * kMicrosecondNs);
  t.come(". 1:1(0) ack 1 sack 1001:4001 5001:8001");
  t.go();
  EXPECT_EQ(t.shared.sender.counters.recoveries, 1U);
  EXPECT_EQ(t.connection->sender().congestion().ssthresh_bytes(), 5'000U);
  t.come(". 1:1(0) ack 4001 sack 5001:9001");
  t.go();
  EXPECT_EQ(t.shared.sender.counters.recoveries, 1U);
  EXPECT_EQ(t.connection->sender().congestion().ssthresh_bytes(), 5'000U);
}

TEST(Rfc2018_5_Sack, WhatWasSackedDoesNotGoAgain) {
  Script t;
  t.open_passive();
  t.write(5'000);
  t.go();
  t.pass(200 * kMicrosecondNs);
  t.come(". 1:1(0) ack 1 sack 2001:5001");
  std::string lines = t.go();
  while (t.shared.sender.counters.retransmissions < 2 && t.now - kScriptStart < kSecondNs) {
    lines += "\n" + t.tick();
  }
  EXPECT_NE(lines.find(" 1:1001("), std::string::npos) << lines;
  EXPECT_NE(lines.find(" 1001:2001("), std::string::npos) << lines;
  EXPECT_EQ(lines.find(" 2001:3001("), std::string::npos) << lines;
  EXPECT_EQ(lines.find(" 3001:4001("), std::string::npos) << lines;
}

// RFC 2018 4: blocks of what was never sent, upside down or below all that is outstanding.
TEST(Rfc2018_4_Sack, BlocksThatCannotBeAreNotLookedAt) {
  Script t;
  t.open_passive();
  t.write(3'000);
  t.go();
  t.come(". 1:1(0) ack 1 sack 2001:9001 1001:1001 3001:2001");
  EXPECT_EQ(t.connection->sender().queue().sacked_bytes(), 0U);
  EXPECT_EQ(t.go(), "");
}

// --- RFC 5681 ---

// A peer that acknowledges before it has anything (optimistic ACKs) gets nothing by it.
TEST(Rfc5681_3_1_SlowStart, GrowsByWhatIsAcknowledgedAndNoAckOfTheUnsentCounts) {
  Script t;
  t.open_passive();
  t.write(100'000);
  t.go();
  const uint32_t before = t.connection->sender().congestion().cwnd_bytes();
  EXPECT_EQ(t.come(". 1:1(0) ack 50001"), Connection::Verdict::kDropped);
  EXPECT_EQ(t.connection->sender().congestion().cwnd_bytes(), before);
  t.come(". 1:1(0) ack 2001");
  EXPECT_EQ(t.connection->sender().congestion().cwnd_bytes(), before + 2'000);
}

// RFC 3465 2.1: it counts bytes, so an ACK cut to crumbs grows nothing the faster.
TEST(Rfc3465_2_1_Abc, CrumbsGrowTheWindowByTheirBytes) {
  Script t;
  t.open_passive();
  t.write(10'000);
  t.go();
  const uint32_t before = t.connection->sender().congestion().cwnd_bytes();
  for (int i = 1; i <= 100; ++i) {
    t.come(". 1:1(0) ack " + std::to_string(1 + i * 10));
  }
  EXPECT_LE(t.connection->sender().congestion().cwnd_bytes(), before + 1'000);
}

// --- RFC 1122 4.2.3.5, RFC 9293 3.8.3 ---

TEST(Rfc9293_3_8_3_Failures, TheApplicationHearsOfATimeoutInEveryState) {
  for (const TcpState state : {TcpState::kFinWait1, TcpState::kClosing, TcpState::kLastAck}) {
    Script t;
    bring_to(t, state);
    for (int i = 0; i < 100 && t.connection->end() == TcpEnd::kNone; ++i) {
      t.tick();
    }
    EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout) << name_of(state);
    EXPECT_GE(t.now - kScriptStart, 100 * kSecondNs) << name_of(state);
  }
}

TEST(Rfc9293_3_8_3_Failures, HowLongIsASetting) {
  Script t(without_sack());
  t.shared.sender.config.give_up_ns = 2 * kSecondNs;
  t.open_passive();
  t.write(100);
  t.go();
  for (int i = 0; i < 100 && t.connection->end() == TcpEnd::kNone; ++i) {
    t.tick();
  }
  EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout);
  EXPECT_GE(t.now - kScriptStart, 2 * kSecondNs);
  EXPECT_LE(t.now - kScriptStart, 5 * kSecondNs);
}

// Who is given up hears of it: it may only have been cut off from us in one direction. At both ends
// of what is outstanding, as nobody knows which of it has come.
TEST(Rfc9293_3_8_3_Failures, WhoIsGivenUpGetsAReset) {
  Script t;
  t.open_passive();
  t.write(100);
  t.go();
  std::string last;
  for (int i = 0; i < 100 && !t.connection->is_over(); ++i) {
    last = t.tick();
  }
  EXPECT_EQ(last, "R. 101:101(0) ack 1\nR. 1:1(0) ack 1");
}

TEST(Rfc9293_3_8_3_Failures, AnAckOfSomethingNewBeginsThePatienceAnew) {
  Script t(without_sack());
  t.open_passive();
  t.write(200);
  t.go();
  while (t.now - kScriptStart < 60 * kSecondNs) {
    t.tick();
  }
  t.come(". 1:1(0) ack 101");
  t.go();
  const Moment acked = t.now;
  while (t.connection->end() == TcpEnd::kNone) {
    t.tick();
  }
  EXPECT_GE(t.now - acked, 100 * kSecondNs);
}

// Go's and others' clients ask every 15 s whether we are there, and say nothing else, for weeks.
// Half the space of timestamps later what they say is new nevertheless.
TEST(Rfc7323_5_5_Timestamps, ThoseOfKeepalivesCount) {
  Script t({.timestamps = true});
  t.open_passive();
  t.go();
  for (int i = 0; i < 26 * 432; ++i) {
    t.pass(200 * kSecondNs);
    t.peer_timestamp += 200'000;
    ASSERT_EQ(t.come(". 0:0(0) ack 1"), Connection::Verdict::kTaken) << i;
    t.go();
  }
  EXPECT_EQ(t.come("P. 1:11(10) ack 1"), Connection::Verdict::kTaken);
}

}  // namespace
}  // namespace pollux::tcp
