// Timeouts and recoveries that were for nothing: how it is learned (Eifel, RFC 3522; D-SACKs, 3708;
// F-RTO, 5682), what is given back then (4015), and what of it raises the patience with a lone
// segment. And the threshold, if one timeout follows another (5681 3.1).
#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_recovery_test_support.h"
#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

// --- Eifel, and D-SACKs ---

// Timeouts 5 and 15 ms behind the original, and then an ACK.
TEST(Rfc3522_3_Eifel, OfTwoTimeoutsTheOriginalsEchoAloneUndoes) {
  for (const bool original : {true, false}) {
    Script t({.sack = false, .timestamps = true});
    open(t);
    t.write(988);
    t.go();
    const uint32_t of_the_original = t.last.options.timestamps->value;
    time_out(t);
    const uint32_t of_the_first_again = t.last.options.timestamps->value;
    time_out(t);
    ASSERT_EQ(t.now - kScriptStart, 15 * kMillisecondNs);
    t.pass(kMillisecondNs);
    t.echo = original ? of_the_original : of_the_first_again;
    t.come(ack(989));
    EXPECT_EQ(counters(t).undone, original ? 1U : 0U);
    // All that the first of them took away.
    EXPECT_EQ(congestion(t).cwnd_bytes(), original ? 9'880U : 988U);
  }
}

// The first of five is lost, and the last was probed without need: one went again for the loss, and
// one is reported.
TEST(Rfc3708_3_Undo, TheDsackOfANeedlessProbeUndoesNoRecovery) {
  Script t;
  open(t);
  send(t, 5'000);
  EXPECT_EQ(t.tick(), "P. 4001:5001(1000) ack 1");
  t.pass(50 * kMicrosecondNs);
  t.come(ack(1) + " sack 1001:5001");
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
  ASSERT_EQ(counters(t).recoveries, 1U);
  t.come(ack(1) + " sack 4001:5001 1001:5001");
  EXPECT_TRUE(t.connection->sender().in_recovery());
  EXPECT_EQ(counters(t).undone, 0U);
}

// --- RFC 5682 3.1: F-RTO ---

// Ten segments go out, and the timer expires; ten more stand ready.
void time_out_of_ten(Script& t) {
  open(t);
  t.write(10'000);
  t.go();
  EXPECT_EQ(time_out(t), "P. 1:1001(1000) ack 1");
  ASSERT_EQ(congestion(t).cwnd_bytes(), 1'000U);
  t.write(10'000);
  EXPECT_EQ(t.go(), "");
}

constexpr const char* kTwoNew = ". 10001:11001(1000) ack 1\n. 11001:12001(1000) ack 1";
constexpr const char* kTwoAgain = "P. 1001:2001(1000) ack 1\nP. 2001:3001(1000) ack 1";

// All have arrived, late.
TEST(Rfc5682_3_1_Frto, NeedlessIfWhatWentOnceIsAcknowledged) {
  Script t;
  time_out_of_ten(t);
  t.come(ack(1'001));
  EXPECT_EQ(t.go(), kTwoNew);
  t.come(ack(2'001));
  EXPECT_EQ(counters(t).undone, 1U);
  EXPECT_FALSE(t.connection->sender().in_recovery());
  EXPECT_EQ(congestion(t).cwnd_bytes(), 10'000U);
  EXPECT_EQ(congestion(t).ssthresh_bytes(), Congestion::kNoThreshold);
  EXPECT_EQ(t.go(), "") << "so much is in flight";
  for (uint32_t acked = 3'001; acked <= 20'001; acked += 1'000) {
    t.come(ack(acked));
    t.go();
  }
  EXPECT_EQ(t.connection->unacknowledged_bytes(), 0U);
  EXPECT_EQ(counters(t).retransmissions, 2U) << "the probe, and the first";
}

TEST(Rfc5682_3_1_Frto, ALossIfOnlyWhatIsNewArrives) {
  Script t;
  time_out_of_ten(t);
  t.come(ack(1'001));
  EXPECT_EQ(t.go(), kTwoNew);
  t.come(ack(1'001) + sack(10'001, 11'001));
  EXPECT_EQ(counters(t).undone, 0U);
  EXPECT_EQ(t.go(), kTwoAgain);
}

TEST(Rfc5682_3_1_Frto, WithoutAnythingNewTheRestGoesAgain) {
  Script t;
  open(t);
  t.write(10'000);
  t.go();
  time_out(t);
  t.come(ack(1'001));
  EXPECT_EQ(t.go(), kTwoAgain);
  t.come(ack(1'001) + sack(5'001, 6'001));  // which says no more than it does
  EXPECT_EQ(counters(t).undone, 0U);
}

TEST(Rfc5682_3_1_Frto, ASecondTimeoutIsBelieved) {
  Script t;
  time_out_of_ten(t);
  t.come(ack(1'001));
  EXPECT_EQ(t.go(), kTwoNew);
  EXPECT_EQ(time_out(t), "P. 1001:2001(1000) ack 1");
  t.come(ack(2'001));
  EXPECT_EQ(t.go(), "P. 2001:3001(1000) ack 1\nP. 3001:4001(1000) ack 1");
}

TEST(Rfc5682_3_1_Frto, IsOnceForWhatIsOutstanding) {
  Script t;
  time_out_of_ten(t);
  t.come(ack(1'001));
  t.go();
  t.come(ack(2'001));
  ASSERT_EQ(counters(t).undone, 1U);
  EXPECT_EQ(time_out(t), "P. 2001:3001(1000) ack 1");
  t.come(ack(3'001));
  EXPECT_EQ(t.go(), "P. 3001:4001(1000) ack 1\nP. 4001:5001(1000) ack 1");
  t.come(ack(6'001));
  EXPECT_EQ(counters(t).undone, 1U);
}

TEST(Rfc5682_3_1_Frto, NotWithoutSack) {
  Script t({.sack = false});
  time_out_of_ten(t);
  t.come(ack(1'001));
  EXPECT_EQ(t.go(), kTwoAgain);
}

// Who takes SACKs back has lost what it had.
TEST(Rfc5682_3_1_Frto, NotBehindReneging) {
  Script t;
  open(t);
  send(t, 8'000);
  t.come(ack(1) + sack(1'001, 8'001));
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
  t.come(ack(1'001));
  EXPECT_EQ(time_out(t), "P. 1001:2001(1000) ack 1");
  ASSERT_EQ(counters(t).reneged, 1U);
  t.write(10'000);
  EXPECT_EQ(t.go(), "");
  t.come(ack(2'001));
  EXPECT_EQ(t.go(), "P. 2001:3001(1000) ack 1\nP. 3001:4001(1000) ack 1");
}

// --- timeouts that were for nothing: how long a lone segment is waited for ---

// The RTO of 5 ms was too short, the first step above it is 8.
TEST(Rfc3708_Undo, OfALoneSegmentsTimeoutRaisesItsTime) {
  Script t;
  open(t);
  t.write(100);
  t.go();
  time_out(t);
  t.come(ack(101));
  t.come(ack(101) + " sack 1:101");  // the probe's
  t.come(ack(101) + " sack 1:101");
  ASSERT_EQ(counters(t).undone, 1U);
  const int64_t longest_ns = probe(t).longest_rtt_ns();
  EXPECT_GE(longest_ns, kRttNs + 8 * kMillisecondNs);
  EXPECT_LE(longest_ns, kRttNs + 8 * kMillisecondNs + 2'048);
  // The next one's is the RTO, which is doubled, and what is missing of the patience to 5 ms.
  const Moment before = t.now;
  t.write(100);
  t.go();
  EXPECT_EQ(t.tick(), "P. 101:201(100) ack 1");
  EXPECT_EQ(t.now - before, 5 * kMillisecondNs + longest_ns + longest_ns / 4);
}

TEST(Rfc3708_Undo, OfALongerFlightsTimeoutDoesNot) {
  Script t;
  open(t);
  t.write(10'000);
  t.go();
  time_out(t);
  t.come(ack(10'001));
  t.come(ack(10'001) + " sack 1:1001");
  ASSERT_EQ(counters(t).undone, 1U);
  EXPECT_EQ(congestion(t).cwnd_bytes(), 10'000U);
  EXPECT_EQ(probe(t).longest_rtt_ns(), 0);
}

// Two small segments that overtook each other: no timer was waited for, but perhaps for one before.
TEST(Rfc3708_Undo, OfAFastRecoveryDoesNot) {
  for (const bool behind_a_timeout : {false, true}) {
    Script t;
    open(t);
    uint32_t first = 1;
    if (behind_a_timeout) {
      t.write(100);
      t.go();
      time_out(t);
      t.come(ack(101));
      first = 101;
    }
    const uint64_t again = counters(t).retransmissions;
    t.write(100);
    t.go();
    send(t, 100);
    t.come(ack(first) + sack(first + 100, first + 200));
    while (counters(t).recoveries == 0) {
      ASSERT_NE(t.tick(), "nothing");
    }
    ASSERT_EQ(counters(t).retransmissions, again + 1);
    t.come(ack(first + 200));
    t.come(ack(first + 200) + sack(first, first + 100));
    ASSERT_EQ(counters(t).undone, 1U);
    EXPECT_LT(probe(t).longest_rtt_ns(), kMillisecondNs) << behind_a_timeout;
  }
}

// --- RFC 5681 3.1: the timer of one segment, again and again ---

TEST(Rfc5681_3_1_Timeout, TheThresholdStaysOnlyForASegmentThatTheTimerHasResent) {
  Script t;
  open(t);
  t.write(10'000);
  t.go();
  for (int i = 0; i < 3; ++i) {
    time_out(t);
    EXPECT_EQ(congestion(t).ssthresh_bytes(), 5'000U) << i;
    EXPECT_EQ(congestion(t).cwnd_bytes(), 1'000U) << i;
  }
  t.come(ack(4'001));
  t.go();
  for (int i = 0; i < 2; ++i) {  // of the fifth, in a window of two
    time_out(t);
    EXPECT_EQ(congestion(t).ssthresh_bytes(), 2'000U) << i;
  }
}

}  // namespace
}  // namespace pollux::tcp
