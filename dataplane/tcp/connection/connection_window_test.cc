// A peer that has no room, and for how long one is waited for: RFC 9293 3.8.6, 1122 4.2.2.17 and
// 4.2.3.5.
#include "dataplane/tcp/connection/connection.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

using Verdict = Connection::Verdict;

// The peer has taken 1000 bytes, and then its window is shut.
void shut(Script& t, uint32_t unsent) {
  t.open_passive(1'000);
  t.write(1'000 + unsent);
  t.go();
  t.come(". 1:1(0) ack 1001 win 0");
  t.go();
}

// --- how long ---

TEST(Rfc1122_4_2_3_5_Patience, SilenceBeforeTheFirstQuestionDoesNotCount) {
  Script t;
  shut(t, 0);
  t.pass(150 * kSecondNs);
  t.write(100);
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  EXPECT_EQ(t.connection->end(), TcpEnd::kNone);
  EXPECT_LT(t.now - kScriptStart, 151 * kSecondNs);
}

TEST(Rfc1122_4_2_3_5_Patience, NorDoesItBeforeASillyWindow) {
  Script t;
  t.open_passive(60'000);
  t.write(1'000);
  t.go();
  t.come(". 1:1(0) ack 1001 win 500");
  t.pass(150 * kSecondNs);
  t.write(1'000);
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), ". 1001:1501(500) ack 1");
}

TEST(Rfc1122_4_2_3_5_Patience, WhoStoodStillHasNotAsked) {
  Script t;
  shut(t, 100);
  t.pass(200 * kSecondNs);  // the process, behind the first sleep
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  Script outstanding;
  outstanding.open_passive();
  outstanding.write(100);
  outstanding.go();
  outstanding.pass(200 * kSecondNs);
  EXPECT_EQ(outstanding.tick(), "P. 1:101(100) ack 1");
  EXPECT_EQ(outstanding.tick(), "P. 1:101(100) ack 1");
  EXPECT_EQ(outstanding.connection->end(), TcpEnd::kNone);
}

TEST(Rfc1122_4_2_3_5_Patience, AKeepaliveWithoutAnswerIsNoQuestionAboutData) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.tick(), ". 0:0(0) ack 1");
  t.pass(99 * kSecondNs);
  t.write(100);
  t.go();
  t.pass(2 * kSecondNs);
  EXPECT_EQ(t.tick(), "P. 1:101(100) ack 1");
  EXPECT_EQ(t.tick(), "P. 1:101(100) ack 1");
}

// Of each second answer one is lost.
TEST(Rfc1122_4_2_2_17_ZeroWindow, WhatShrankAwayIsAskedForAsLongAsItIsAnswered) {
  Script t;
  t.open_passive(1'000);
  t.write(1'000);
  t.go();
  t.come(". 1:1(0) ack 1 win 0");
  while (t.now - kScriptStart < 1000 * kSecondNs) {
    ASSERT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
    ASSERT_EQ(t.tick(), "P. 1:1001(1000) ack 1");
    t.come(". 1:1(0) ack 1 win 0");
  }
  // It opens: nothing waits for a timer that has backed off meanwhile.
  t.come(". 1:1(0) ack 1 win 1000");
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
  t.come(". 1:1(0) ack 1 win 0");
  t.come(". 1:1(0) ack 1 win 1000");
  EXPECT_EQ(t.go(), "") << "once is enough";
  t.come(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(t.connection->unacknowledged_bytes(), 0U);
}

// --- FIN takes a number too (RFC 9293 3.8.6 SHLD-17) ---

TEST(Rfc9293_3_8_6_Fin, WaitsForTheWindow) {
  Script t;
  shut(t, 0);
  t.connection->finish();
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), "F. 1001:1002(0) ack 1");
  EXPECT_EQ(t.now - kScriptStart, 5 * kMillisecondNs);
  while (t.now - kScriptStart < 150 * kSecondNs) {
    t.come(". 1:1(0) ack 1001 win 0");
    t.go();
    ASSERT_EQ(t.tick(), "F. 1001:1002(0) ack 1");
  }
  t.come(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(t.go(), "F. 1001:1002(0) ack 1");
  t.come(". 1:1(0) ack 1002 win 1000");
  EXPECT_EQ(t.state(), TcpState::kFinWait2);
}

TEST(Rfc9293_3_8_6_Fin, DoesNotGoBeyondTheEdgeWithData) {
  Script t;
  t.open_passive(1'000);
  t.write(1'000);
  t.connection->finish();
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
  t.come(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(t.go(), "F. 1001:1002(0) ack 1");
}

TEST(Rfc9293_3_8_6_Fin, ATurnLaterIfTheWindowWasTooNarrow) {
  Script t;
  shut(t, 500);
  t.connection->finish();
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  t.come(". 1:1(0) ack 1002 win 499");
  EXPECT_EQ(t.go(), "P. 1002:1501(499) ack 1");
  t.come(". 1:1(0) ack 1501 win 1");
  EXPECT_EQ(t.go(), "F. 1501:1502(0) ack 1");
}

// --- probes ---

TEST(Rfc9293_3_8_6_1_ZeroWindow, AProbeIsHeardOfThoughTheWindowOpenedBeforeItCame) {
  Script t;
  shut(t, 2'000);
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  t.come(". 1:1(0) ack 1001 win 100");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.come("P. 1:11(10) ack 1002 win 99"), Verdict::kTaken);
  EXPECT_EQ(t.connection->acknowledged(), kOurIsn + 1002);
  EXPECT_EQ(t.got, peer_text(1, 10));
}

TEST(Rfc9293_3_8_6_1_ZeroWindow, AByteThatWasNotProbedIsNotAcknowledged) {
  Script t;
  shut(t, 2'000);
  EXPECT_EQ(t.come("P. 1:11(10) ack 1002 win 0"), Verdict::kDropped);
  EXPECT_EQ(t.connection->acknowledged(), kOurIsn + 1001);
}

TEST(Rfc5961_3_2_Reset, BehindAProbeBothNumbersAreTold) {
  Script t;
  shut(t, 2'000);
  t.tick();
  t.connection->abort();
  EXPECT_EQ(t.go(), "R. 1001:1001(0) ack 1\nR. 1002:1002(0) ack 1");
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc9293_3_8_6_2_1_SillyWindow, OneThatStaysIsFilled) {
  Script t;
  t.open_passive(60'000);
  t.write(1'000);
  t.go();
  t.come(". 1:1(0) ack 1001 win 500");
  t.write(2'000);
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), ". 1001:1501(500) ack 1");
  t.come(". 1:1(0) ack 1501 win 500");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), ". 1501:2001(500) ack 1");
  EXPECT_EQ(t.shared.sender.counters.window_probes, 0U);
}

TEST(Rfc9293_3_8_6_WindowShrinks, AnAckGoesFromWithinIt) {
  Script t;
  t.open_passive(5'000);
  t.write(5'000);
  t.go();
  t.come("P. 1:11(10) ack 1 win 2000");
  EXPECT_EQ(t.go(), ". 2001:2001(0) ack 11");
}

// --- our own window, wider than a SYN-ACK can tell ---

// One frame less of each connection that asks once.
TEST(Rfc7323_2_2_WindowOfTheSyn, WhatItCanNotTellWaitsForAReasonToSaySo) {
  Script t({.our_scale = 7});
  t.shared.config.receive.buffer_bytes = 256U << 10;
  t.open_passive();
  t.shows_windows = true;
  EXPECT_EQ(t.go(), "");
  t.come("P. 1:101(100) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 101 win 2048");
}

// --- our own window, shut ---

// All that our SYN-ACK offered has come, and nothing is read.
void fill(Script& t) {
  t.shared.config.receive.buffer_bytes = 1'000;
  t.open_passive();
  t.reads = false;
  t.shows_windows = true;
  t.write(100);
  t.go();
  for (uint32_t from = 1; from < 65'001; from += 1'000) {
    t.come(". " + std::to_string(from) + ":" + std::to_string(from + 1'000) + "(1000) ack 1");
  }
  t.come("P. 65001:65536(535) ack 1");
  EXPECT_EQ(t.go(), ". 101:101(0) ack 65536 win 0");
}

TEST(Rfc9293_3_10_7_4_ZeroWindow, OfDataThatBeginsBelowItTheAckCounts) {
  Script t;
  fill(t);
  EXPECT_EQ(t.come("FP. 65531:65546(15) ack 101"), Verdict::kTaken);
  EXPECT_EQ(t.got.size(), 65'535U);
  EXPECT_FALSE(t.fin);
  EXPECT_EQ(t.connection->unacknowledged_bytes(), 0U);
  EXPECT_EQ(t.go(), ". 101:101(0) ack 65536 win 0");
}

TEST(Rfc9293_3_10_7_4_ZeroWindow, OfABareSegmentBesideItNothingCounts) {
  Script t;
  fill(t);
  EXPECT_EQ(t.come(". 65537:65537(0) ack 101"), Verdict::kDropped);
  EXPECT_EQ(t.connection->unacknowledged_bytes(), 100U);
  EXPECT_EQ(t.come(". 65536:65536(0) ack 101"), Verdict::kTaken);
  EXPECT_EQ(t.connection->unacknowledged_bytes(), 0U);
}

TEST(Rfc9293_3_10_7_4_ZeroWindow, AResetIsTakenWhateverItBrings) {
  for (const char* reset : {"R 65536:65536(0)", "R 65536:65546(10)"}) {
    Script t;
    fill(t);
    EXPECT_EQ(t.come("R 65537:65537(0)"), Verdict::kDropped);
    EXPECT_EQ(t.come(reset), Verdict::kTaken);
    EXPECT_EQ(t.connection->end(), TcpEnd::kReset);
  }
}

// --- nobody waits any more (RFC 6429 2) ---

// The peer answers all that it is asked, and takes nothing.
int64_t answered_until_the_end(Script& t, const std::string& answer) {
  std::string out;
  while (t.connection->end() == TcpEnd::kNone && t.now - kScriptStart < 3600 * kSecondNs) {
    t.come(answer);
    t.go();
    out = t.tick();
  }
  EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout);
  EXPECT_EQ(out.substr(0, 2), "R.");
  EXPECT_TRUE(t.connection->is_over());
  return t.now - kScriptStart;
}

TEST(Rfc6429_2_Closed, WhoTakesNothingIsReset) {
  Script t;
  shut(t, 1'000);
  t.connection->close(t.shared, t.now);
  EXPECT_EQ(answered_until_the_end(t, ". 1:1(0) ack 1001 win 0"), 100 * kSecondNs);
}

TEST(Rfc6429_2_Closed, NotEvenOurFin) {
  for (const TcpState state : {TcpState::kFinWait1, TcpState::kClosing, TcpState::kLastAck}) {
    Script t;
    bring_to(t, state);
    t.connection->close(t.shared, t.now);
    const std::string nxt = std::to_string(peer_nxt_of(state));
    EXPECT_EQ(answered_until_the_end(t, ". " + nxt + ":" + nxt + "(0) ack 1 win 0"),
              100 * kSecondNs);
  }
}

TEST(Rfc6429_2_Closed, WhoGoesOnTakingIsNot) {
  Script t;
  t.open_passive();
  t.write(200'000);
  t.connection->close(t.shared, t.now);
  std::string ack;
  while (t.connection->acknowledged() < kOurIsn + 100'000) {
    t.go();
    ack = ". 1:1(0) ack " + std::to_string(t.connection->sender().nxt() - kOurIsn);
    t.come(ack);
  }
  t.go();
  EXPECT_EQ(answered_until_the_end(t, ack + " win 0"), 200 * kSecondNs);
}

TEST(Rfc6429_2_Closed, WhileTheApplicationIsThereItIsItsToEnd) {
  Script t;
  shut(t, 1'000);
  t.connection->finish();
  while (t.now - kScriptStart < 3600 * kSecondNs) {
    t.come(". 1:1(0) ack 1001 win 0");
    t.go();
    ASSERT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  }
}

}  // namespace
}  // namespace pollux::tcp
