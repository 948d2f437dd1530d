// That a connection does what recovery/ says: how much goes out while losses are repaired and
// behind it, what a window is worth that is not used, when a segment is lost, what the probe of the
// tail tells, what a round trip is measured by.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "dataplane/tcp/connection/connection_recovery_test_support.h"
#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

constexpr int64_t kPatienceNs = kRttNs + kRttNs / 4;      // RACK's (RFC 8985 6.2.4)
constexpr int64_t kWidePatienceNs = kRttNs + kRttNs / 2;  // the same behind a D-SACK

// --- RFC 9937, 6582: the window in fast recovery, and behind it ---

// The first of ten is lost. Two of them are SACKed, too few to judge by at once, so RACK's timer
// begins recovery; eight are in flight then. More stands ready.
void lose_the_first_of_ten(Script& t) {
  open(t);
  send(t, 10'000);
  t.come(ack(1) + " sack 1001:3001");
  EXPECT_EQ(t.go(), "");
  t.write(20'000);
  const Moment before = t.now;
  EXPECT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
  EXPECT_EQ(t.now - before, kPatienceNs - kRttNs);
  ASSERT_EQ(counters(t).recoveries, 1U);
  ASSERT_EQ(congestion(t).ssthresh_bytes(), 5'000U);
}

// RecoverFS is of before the ACK that begins recovery: what that delivers is the first of what
// recovery delivers. Of ten, three arrive with it: 1.5 may go out.
TEST(Rfc9937_6_1_Recovery, CountsWhatTheAckThatBeginsItDelivers) {
  Script t;
  open(t);
  send(t, 10'000);
  t.write(20'000);
  t.come(ack(1) + sack(1'001, 4'001));
  EXPECT_EQ(congestion(t).cwnd_bytes(), 7'500U);
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
}

TEST(Rfc9937_6_2_Recovery, RacksTimerSendsTheFastRetransmitAlone) {
  Script t;
  lose_the_first_of_ten(t);
  EXPECT_EQ(congestion(t).cwnd_bytes(), 8'000U);  // seven in flight, and it
}

// Five go out for eight that arrive, the fast retransmit being one of them.
TEST(Rfc9937_6_2_Recovery, TheWindowComesDownInProportion) {
  Script t;
  lose_the_first_of_ten(t);
  const struct {
    const char* sacked;
    uint32_t cwnd_bytes;
    const char* goes;
  } steps[] = {
      {"1001:4001", 7'000, ""},  // 625 of 1000
      {"1001:5001", 6'250, ""},  // 1250
      {"1001:6001", 5'000, ""},  // five are in flight: from here on what arrives goes out
      {"1001:7001", 5'000, ". 10001:11001(1000) ack 1"},
      {"1001:8001", 5'000, ". 11001:12001(1000) ack 1"},
  };
  for (const auto& step : steps) {
    t.pass(kMicrosecondNs);
    t.come(ack(1) + " sack " + step.sacked);
    EXPECT_EQ(congestion(t).cwnd_bytes(), step.cwnd_bytes) << step.sacked;
    EXPECT_EQ(t.go(), step.goes) << step.sacked;
  }
  EXPECT_EQ(counters(t).recoveries, 1U);
  EXPECT_EQ(counters(t).retransmissions, 1U);
}

TEST(Rfc9937_6_2_Recovery, EndsWithTheWindowThatTheLossLeft) {
  Script t;
  lose_the_first_of_ten(t);
  t.come(ack(1) + " sack 1001:4001");
  ASSERT_EQ(congestion(t).cwnd_bytes(), 7'000U);
  t.pass(kRttNs);
  t.come(ack(10'001));
  EXPECT_FALSE(t.connection->sender().in_recovery());
  EXPECT_EQ(congestion(t).cwnd_bytes(), 5'000U);
  EXPECT_EQ(t.go(),
            ". 10001:11001(1000) ack 1\n. 11001:12001(1000) ack 1\n. 12001:13001(1000) ack 1\n"
            ". 13001:14001(1000) ack 1\n. 14001:15001(1000) ack 1");
}

// Three of ten arrive, so all before them are lost: for three that arrived three go out, and one
// more where an ACK shows progress and no new loss.
TEST(Rfc9937_6_2_Recovery, BelowTheThresholdAnAckOfProgressIsWorthOneMore) {
  Script t;
  open(t);
  send(t, 10'000);
  t.come(ack(1) + sack(7'001, 10'001));
  EXPECT_EQ(congestion(t).cwnd_bytes(), 3'000U);
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1\nP. 1001:2001(1000) ack 1\nP. 2001:3001(1000) ack 1");
  t.pass(kRttNs);
  t.come(ack(1'001) + sack(7'001, 10'001));
  EXPECT_EQ(congestion(t).cwnd_bytes(), 4'000U);
  EXPECT_EQ(t.go(), "P. 3001:4001(1000) ack 1\nP. 4001:5001(1000) ack 1");
}

TEST(Rfc9937_6_2_Recovery, AnAckThatTellsOfALossIsNone) {
  Script t;
  open(t);
  send(t, 10'000);
  t.come(ack(1'001) + sack(7'001, 10'001));
  EXPECT_EQ(congestion(t).ssthresh_bytes(), 4'500U);
  EXPECT_EQ(congestion(t).cwnd_bytes(), 4'000U);
}

// RFC 6675 6: what goes again has its time anew.
TEST(Rfc6675_6_Recovery, TheTimerRunsFromTheRetransmission) {
  Script t;
  lose_the_first_of_ten(t);
  EXPECT_EQ(t.connection->deadline(t.shared), t.now + 5 * kMillisecondNs);
}

// --- RFC 7661: a window that is not used ---

TEST(Rfc7661_4_4_1_UnusedWindow, DoesNotGrowWhereTheApplicationHasNoMore) {
  Script t;
  open(t);
  for (uint32_t i = 1; i <= 100; ++i) {
    send(t, 1'000);
    t.come(ack(1 + i * 1'000));
    ASSERT_EQ(congestion(t).cwnd_bytes(), 10'000U) << i;
  }
}

TEST(Rfc7661_4_4_1_UnusedWindow, DoesNotGrowWhereThePeersIsFull) {
  Script t;
  t.shared.sender.config.congestion = CongestionAlgorithm::kNewReno;
  t.open_passive(5'000);
  t.write(100'000);
  for (uint32_t i = 1; i <= 10; ++i) {
    t.go();
    ASSERT_EQ(t.connection->sender().nxt(), kOurIsn + 1 + i * 5'000);
    t.pass(kRttNs);
    t.come(ack(1 + i * 5'000) + " win 5000");
    ASSERT_EQ(congestion(t).cwnd_bytes(), 10'000U) << i;
  }
}

// So many segments are remembered, and no more go out.
TEST(Rfc7661_4_4_1_UnusedWindow, DoesNotGrowWhereTheQueueIsFull) {
  Script t({.mss = 88, .scale = 7, .our_scale = 7});
  open(t);
  t.write(3'000'000);
  const Sender& sender = t.connection->sender();
  uint32_t acked = 1;
  for (t.go(); sender.queue().size() < 4'096; t.go()) {
    ASSERT_EQ(t.come(ack(acked += 88)), Connection::Verdict::kTaken);
  }
  const uint32_t before = congestion(t).cwnd_bytes();
  for (int i = 0; i < 100; ++i) {
    t.come(ack(acked += 88));
    t.go();
    ASSERT_EQ(sender.queue().size(), 4'096U);
  }
  EXPECT_GT(sender.unsent_bytes(), 0U);
  EXPECT_EQ(congestion(t).cwnd_bytes(), before);
}

TEST(Rfc7661_4_4_3_UnusedWindow, IsHalvedAfterFiveMinutesButNotBelowTheFirst) {
  Script t;
  open(t);
  t.write(70'000);
  for (uint32_t i = 1; i <= 70; ++i) {
    t.go();
    t.come(ack(1 + i * 1'000));
  }
  ASSERT_EQ(t.connection->unacknowledged_bytes(), 0U);
  ASSERT_EQ(congestion(t).cwnd_bytes(), 40'000U);
  uint32_t acked = 70'001;
  for (const auto& [idle_s, cwnd_bytes] :
       {std::pair{299, 40'000U}, {1, 20'000U}, {299, 20'000U}, {1, 10'000U}, {600, 10'000U}}) {
    t.pass(idle_s * kSecondNs);
    t.write(1'000);
    EXPECT_NE(t.go(), "");
    EXPECT_EQ(congestion(t).cwnd_bytes(), cwnd_bytes);
    t.come(ack(acked += 1'000));
  }
}

// --- RFC 8985 6.2.4: D-SACKs and the reordering window ---

// After how long the first of two is lost if the second has arrived, a round trip later. It goes
// again, and is acknowledged.
int64_t patience_ns(Script& t) {
  const Sender& sender = t.connection->sender();
  EXPECT_TRUE(sender.all_acked());
  const uint32_t first = sender.nxt() - kOurIsn;
  const uint64_t recoveries = counters(t).recoveries;
  const Moment sent = t.now;
  send(t, 2'000);
  t.come(ack(first) + sack(first + 1'000, first + 2'000));
  EXPECT_EQ(t.go(), "");
  EXPECT_NE(t.tick(), "");
  EXPECT_EQ(counters(t).recoveries, recoveries + 1);
  const int64_t patience_ns = t.now - sent;
  t.come(ack(first + 2'000));
  return patience_ns;
}

TEST(Rfc8985_6_2_4_Dsack, WidensTheReorderingWindow) {
  for (const bool outstanding : {false, true}) {
    Script t;
    open(t);
    send(t, 2'000);
    t.come(ack(outstanding ? 1'001 : 2'001));
    t.come(ack(outstanding ? 1'001 : 2'001) + " sack 1:1001");
    t.come(ack(2'001));
    EXPECT_EQ(patience_ns(t), kWidePatienceNs) << outstanding;
  }
  Script without;
  open(without);
  send(without, 2'000);
  without.come(ack(2'001));
  EXPECT_EQ(patience_ns(without), kPatienceNs);
}

TEST(Rfc8985_6_2_4_Dsack, IsForgottenBehindSixteenRecoveries) {
  Script t;
  open(t);
  send(t, 1'000);
  t.come(ack(1'001));
  t.come(ack(1'001) + " sack 1:1001");
  for (int i = 0; i < 16; ++i) {
    ASSERT_EQ(patience_ns(t), kWidePatienceNs) << i;
  }
  EXPECT_EQ(patience_ns(t), kPatienceNs);
}

TEST(Rfc8985_6_2_4_Dsack, OfANeedlessProbeDoesNot) {
  Script t;
  open(t);
  send(t, 1'000);
  EXPECT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
  ASSERT_EQ(counters(t).tail_probes, 1U);
  t.come(ack(1'001));
  t.come(ack(1'001) + " sack 1:1001");
  EXPECT_FALSE(probe(t).probing());
  EXPECT_EQ(patience_ns(t), kPatienceNs);
}

// Two are lost at the end of five, and the probe of the second tells of the first. The ACK that
// SACKs it echoes what came before the gap (RFC 7323 4.3), which is a tick of the clock older.
TEST(Rfc8985_6_2_2_Rack, ASackedRetransmissionIsBelievedWhateverTheEcho) {
  Script t({.timestamps = true});  // 988 bytes a segment
  open(t);
  t.pass(900 * kMicrosecondNs);
  send(t, 5 * 988);
  t.echo = t.last.options.timestamps->value;
  t.come(ack(2'965));
  EXPECT_EQ(t.tick(), "P. 3953:4941(988) ack 1");
  t.pass(kRttNs);
  t.come(ack(2'965) + sack(3'953, 4'941));
  EXPECT_EQ(t.go(), "P. 2965:3953(988) ack 1");
  EXPECT_EQ(counters(t).recoveries, 1U);
}

// --- RFC 8985 7: the probe of the tail ---

// The last two of five are lost: the probe repeats the last, and shows that the other is missing.
TEST(Rfc8985_7_1_TailProbe, ALossThatItShowsIsChargedOnce) {
  Script t;
  open(t);
  send(t, 5'000);
  t.come(ack(3'001));
  EXPECT_EQ(t.tick(), "P. 4001:5001(1000) ack 1");
  t.pass(kRttNs);
  t.come(ack(3'001) + " sack 4001:5001");
  EXPECT_EQ(t.go(), "P. 3001:4001(1000) ack 1");
  ASSERT_EQ(counters(t).recoveries, 1U);
  t.pass(kRttNs);
  t.come(ack(5'001));
  const uint32_t reduced = congestion(t).cwnd_bytes();
  send(t, 1'000);
  t.come(ack(6'001));
  EXPECT_EQ(counters(t).repaired, 0U);
  EXPECT_EQ(congestion(t).cwnd_bytes(), reduced);
}

// All of a flight is lost, the probe, too.
TEST(Rfc8985_7_1_TailProbe, ALossThatTheTimerRepairedIsChargedOnce) {
  Script t;
  open(t);
  send(t, 10'000);
  EXPECT_EQ(t.tick(), "P. 9001:10001(1000) ack 1");
  EXPECT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
  ASSERT_EQ(counters(t).timeouts, 1U);
  t.come(ack(10'001));
  ASSERT_EQ(congestion(t).ssthresh_bytes(), 5'000U);
  send(t, 1'000);
  t.come(ack(11'001));
  EXPECT_EQ(counters(t).repaired, 0U);
  EXPECT_EQ(congestion(t).ssthresh_bytes(), 5'000U);
}

TEST(Rfc8985_7_4_TailProbe, ALossThatItRepairedIsCharged) {
  Script t({.ecn = true});
  open(t);
  send(t, 10'000);
  EXPECT_EQ(t.tick(), "P. 9001:10001(1000) ack 1");
  t.pass(kRttNs);
  t.come(ack(10'001));
  send(t, 1'000);
  EXPECT_FALSE(t.last.header.has(kCwr));
  t.come(ack(11'001));
  EXPECT_EQ(counters(t).repaired, 1U);
  EXPECT_LT(congestion(t).cwnd_bytes(), 10'000U);
  t.write(1'000);
  EXPECT_EQ(t.go(), "P.W 11001:12001(1000) ack 1");
}

// A probe, if the RTT was measured since the last one; then the timer.
TEST(Rfc8985_7_2_TailProbe, IsSentAgainOnlyIfTheRttWasMeasuredMeanwhile) {
  for (const bool measured : {false, true}) {
    Script t;
    open(t);
    send(t, 2'000);
    EXPECT_EQ(t.tick(), "P. 1001:2001(1000) ack 1");
    t.come(ack(2'001));
    t.come(ack(2'001) + sack(1'001, 2'001));
    uint32_t acked = 2'001;
    if (measured) {
      send(t, 2'000);
      t.come(ack(acked += 2'000));
    }
    t.write(2'000);
    t.go();
    t.tick();
    EXPECT_EQ(counters(t).tail_probes, measured ? 2U : 1U);
    EXPECT_EQ(counters(t).timeouts, measured ? 0U : 1U);
  }
}

TEST(Rfc8985_7_2_TailProbe, ByTimestampsTheProbeItselfMeasuresIt) {
  Script t({.timestamps = true});
  open(t);
  send(t, 100);
  EXPECT_EQ(t.tick(), "P. 1:101(100) ack 1");
  t.echo = t.last.options.timestamps->value;
  t.pass(kRttNs);
  t.come(ack(101) + sack(1, 101));
  t.write(100);
  t.go();
  EXPECT_EQ(t.tick(), "P. 101:201(100) ack 1");
  EXPECT_EQ(counters(t).tail_probes, 2U);
}

// The second was SACKed shortly before the probe of the third was due, so RACK is to judge: 25 us
// behind the 340 that it took.
TEST(Rfc8985_7_2_TailProbe, NoneWhereSomethingIsSacked) {
  Script t;
  open(t);
  t.write(2'000);
  t.go();
  t.pass(150 * kMicrosecondNs);
  t.write(1'000);
  t.go();
  t.pass(190 * kMicrosecondNs);
  t.come(ack(1) + sack(1'001, 2'001));
  EXPECT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
  EXPECT_EQ(t.now - kScriptStart, 365 * kMicrosecondNs);
  EXPECT_EQ(counters(t).recoveries, 1U);
  EXPECT_EQ(counters(t).tail_probes, 0U);
}

// Though the RTT was measured, by the echo of what the timer has sent.
TEST(Rfc8985_7_2_TailProbe, NoneWhileTheTimersLossIsRepaired) {
  Script t({.timestamps = true});
  open(t);
  t.write(2 * 988);
  t.go();
  EXPECT_EQ(time_out(t), "P. 1:989(988) ack 1");
  t.echo = t.last.options.timestamps->value;
  t.pass(kRttNs);
  t.come(ack(989));
  EXPECT_EQ(t.go(), "P. 989:1977(988) ack 1");
  ASSERT_EQ(t.connection->sender().rtt().backoffs(), 0U);
  ASSERT_TRUE(t.connection->sender().in_recovery());
  EXPECT_EQ(t.tick(), "P. 989:1977(988) ack 1");
  EXPECT_EQ(counters(t).tail_probes, 1U);
  EXPECT_EQ(counters(t).timeouts, 2U);
}

TEST(Rfc8985_7_3_TailProbe, TheTimerRunsFromWhenItWentOut) {
  Script t;
  open(t);
  send(t, 2'000);
  t.room = 0;
  EXPECT_EQ(t.tick(), "");
  t.pass(kMillisecondNs);
  t.room = SIZE_MAX;
  EXPECT_EQ(t.go(), "P. 1001:2001(1000) ack 1");
  EXPECT_EQ(t.connection->deadline(t.shared), t.now + 5 * kMillisecondNs);
}

// Of a peer that sends no D-SACKs a duplicate ACK tells it (RFC 5681 2), and nothing that may have
// another cause.
TEST(Rfc8985_7_4_2_TailProbe, WhatMayHaveAnotherCauseIsNoDuplicateAck) {
  for (const auto& [text, is_duplicate] : {std::pair{". 1:1(0) ack 101", true},
                                           {"P. 1:11(10) ack 101", false},
                                           {". 1:1(0) ack 101 win 50000", false}}) {
    Script t;
    open(t);
    send(t, 100);
    t.tick();
    t.come(ack(101));
    ASSERT_TRUE(probe(t).probing());
    t.come(text);
    EXPECT_NE(probe(t).probing(), is_duplicate) << text;
  }
}

TEST(Rfc8985_7_4_2_TailProbe, TheEchoOfTheOriginalTellsItAtOnce) {
  for (const bool original : {true, false}) {
    Script t({.timestamps = true});
    open(t);
    t.pass(900 * kMicrosecondNs);
    send(t, 100);
    const uint32_t of_the_original = t.last.options.timestamps->value;
    t.tick();
    const uint32_t of_the_probe = t.last.options.timestamps->value;
    ASSERT_EQ(of_the_probe, of_the_original + 1);
    t.echo = original ? of_the_original : of_the_probe;
    t.come(ack(101));
    EXPECT_EQ(probe(t).probing(), !original);
  }
}

// Nobody has kept an ACK of ten segments back; so how long a lone one is waited for stays.
TEST(Rfc8985_7_4_2_TailProbe, ANeedlessOneOfALongerFlightIsNotOfAnAckKeptBack) {
  Script t;
  open(t);
  send(t, 10'000);
  EXPECT_EQ(t.tick(), "P. 9001:10001(1000) ack 1");
  t.come(ack(10'001));
  t.come(ack(10'001) + " sack 9001:10001");
  EXPECT_FALSE(probe(t).probing());
  EXPECT_EQ(counters(t).repaired, 0U);
  EXPECT_EQ(probe(t).longest_rtt_ns(), 0);
}

// --- RFC 7323 4.1: what a round trip is measured by ---

// The ACK comes behind the retransmission, and speaks of the original.
TEST(Rfc7323_4_1_Rttm, WhatWentTwiceIsNotMeasuredByTheEchoOfTheFirst) {
  Script t({.sack = false, .timestamps = true});
  open(t);
  t.write(100);
  t.go();
  t.echo = t.last.options.timestamps->value;
  time_out(t);
  t.pass(3 * kMillisecondNs);
  t.come(ack(101));
  EXPECT_EQ(t.connection->unacknowledged_bytes(), 0U);
  EXPECT_EQ(t.connection->sender().rtt().srtt_ns(), kRttNs);
  EXPECT_EQ(t.connection->sender().rtt().backoffs(), 1U);
}

TEST(Rfc7323_4_1_Rttm, ASynThatWentTwiceIsNotMeasuredByTheEchoOfTheFirst) {
  Script t;
  t.open_active();
  EXPECT_EQ(t.go(), "S 0:1(0) <mss 1000 sackOK TS wscale 0>");
  t.tick();
  t.pass(kRttNs);
  t.come("S. 0:0(0) ack 1 mss 1000 TS");  // echoes 0, which is before our clock began
  ASSERT_EQ(t.state(), TcpState::kEstablished);
  EXPECT_FALSE(t.connection->sender().rtt().has_sample());
}

// The first of two waits for the second, whose time is the shorter one: that is the smallest.
TEST(Rfc6298_3_Rtt, TheLastOfAnAckIsTheSmallestTheFirstIsSmoothed) {
  Script t;
  open(t);
  t.write(1'000);
  t.go();
  t.pass(80 * kMicrosecondNs);
  t.write(1'000);
  t.go();
  t.pass(20 * kMicrosecondNs);
  t.come(ack(2'001));
  EXPECT_EQ(t.connection->sender().rtt().srtt_ns(), kRttNs);
  EXPECT_EQ(t.connection->sender().rtt().min_rtt_ns(), 20 * kMicrosecondNs);
}

// What a lone segment is waited for is what lone ones took.
TEST(Rfc8985_7_2_TailProbe, OnlyALoneSegmentTellsHowLongItsAckIsKeptBack) {
  Script t;
  open(t);
  send(t, 1'500);
  t.come(ack(1'501));
  EXPECT_EQ(probe(t).longest_rtt_ns(), 0);
  send(t, 1'000);
  t.come(ack(2'501));
  EXPECT_GE(probe(t).longest_rtt_ns(), kRttNs);
  EXPECT_LE(probe(t).longest_rtt_ns(), kRttNs + 2'048);
}

// Which of two was taken is not known.
TEST(Rfc6298_3_Karn, AProbeOfTheWindowIsMeasuredIfItWentOnce) {
  for (const bool once : {true, false}) {
    Script t;
    t.open_passive(1'000);
    send(t, 2'000);
    t.come(ack(1'001) + " win 0");
    t.go();
    EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
    if (!once) {
      EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
    }
    t.pass(900 * kMicrosecondNs);
    t.come(ack(1'002) + " win 1000");
    EXPECT_EQ(t.connection->sender().rtt().srtt_ns(), once ? 2 * kRttNs : kRttNs);
  }
}

// --- RFC 1122 4.2.2.17, 4.2.3.5: a peer that has no room ---

// The window shrank below what is outstanding; each time the peer says so, until it falls silent.
TEST(Rfc1122_4_2_2_17_ZeroWindow, WhatShrankAwayIsAskedForFourTimesInThatTimeAtLeast) {
  Script t;
  t.open_passive(1'000);
  t.write(1'000);
  t.go();
  t.come(ack(1) + " win 0");
  int64_t longest_ns = 0;
  for (int i = 0; i < 30; ++i) {
    const Moment before = t.now;
    ASSERT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
    longest_ns = std::max(longest_ns, t.now - before);
    t.come(ack(1) + " win 0");
  }
  EXPECT_EQ(longest_ns, 25 * kSecondNs);
  int asked = 0;
  while (t.tick() == "P. 1:1001(1000) ack 1") {
    ++asked;
  }
  EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout);
  EXPECT_GE(asked, 4);
}

TEST(Rfc1122_4_2_3_5_Patience, NorIsAKeepaliveAQuestionAboutAWindow) {
  Script t;
  t.open_passive(1'000);
  t.write(1'000);
  t.go();
  t.come(ack(1'001) + " win 0");
  EXPECT_EQ(t.tick(), ". 1000:1000(0) ack 1");
  t.pass(99 * kSecondNs);
  t.write(100);
  EXPECT_EQ(t.go(), "");
  t.pass(2 * kSecondNs);
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  EXPECT_EQ(t.connection->end(), TcpEnd::kNone);
}

// --- a probe that is due while the ring is full ---

TEST(Rfc8985_7_1_TailProbe, OneThatHadNoRoomIsNotSentInRecovery) {
  Script t;
  open(t);
  t.write(5'000);
  t.go();
  t.room = 0;
  EXPECT_EQ(t.tick(), "");
  t.pass(10 * kMicrosecondNs);
  t.room = SIZE_MAX;
  t.come(ack(1) + sack(1'001, 5'001));
  EXPECT_EQ(counters(t).recoveries, 1U);
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
  EXPECT_EQ(counters(t).tail_probes, 0U);
  t.pass(kRttNs);
  t.come(ack(5'001));
  const uint32_t cwnd = congestion(t).cwnd_bytes();
  send(t, 1'000);
  t.come(ack(6'001));
  EXPECT_EQ(counters(t).repaired, 0U);
  EXPECT_GE(congestion(t).cwnd_bytes(), cwnd);
}

TEST(Rfc8985_7_2_TailProbe, OneThatHadNoRoomIsPutOffByAnAck) {
  Script t;
  open(t);
  t.write(5'000);
  t.go();
  t.room = 0;
  EXPECT_EQ(t.tick(), "");
  t.room = SIZE_MAX;
  t.come(ack(4'001));
  EXPECT_EQ(t.go(), "");
}

}  // namespace
}  // namespace pollux::tcp
