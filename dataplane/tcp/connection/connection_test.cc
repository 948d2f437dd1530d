// Opening, closing, and which segments are taken, segment by segment, by section of the RFCs.
#include "dataplane/tcp/connection/connection.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

using Verdict = Connection::Verdict;

// --- RFC 9293 3.5: opening ---

TEST(Rfc9293_3_5_Opening, ActiveOpen) {
  Script t({.our_scale = 7});
  t.open_active();
  t.shows_windows = true;
  EXPECT_EQ(t.go(), "S 0:1(0) win 65535 <mss 1000 sackOK TS wscale 7>");
  EXPECT_EQ(t.state(), TcpState::kSynSent);
  EXPECT_EQ(t.come("S. 0:0(0) ack 1 win 5000 mss 1200 sackOK wscale 3"), Verdict::kTaken);
  EXPECT_EQ(t.state(), TcpState::kEstablished);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 win 2048");
  EXPECT_EQ(t.connection->sender().window_bytes(), 5000U);  // of a SYN: not scaled
  t.come(". 1:1(0) ack 1 win 5000");
  EXPECT_EQ(t.connection->sender().window_bytes(), 40'000U);
}

TEST(Rfc9293_3_5_Opening, WhatWasWrittenBeforeGoesWithTheAck) {
  Script t;
  t.open_active();
  t.write(10);
  EXPECT_EQ(t.go(), "S 0:1(0) <mss 1000 sackOK TS wscale 0>");
  t.come("S. 0:0(0) ack 1 mss 1000");
  EXPECT_EQ(t.go(), "P. 1:11(10) ack 1");
}

TEST(Rfc9293_3_5_Opening, SimultaneousOpen) {
  Script t;
  t.open_active();
  t.go();
  t.come("S 0:0(0) mss 1000 sackOK");
  EXPECT_EQ(t.state(), TcpState::kSynReceived);
  EXPECT_EQ(t.go(), "S. 0:1(0) ack 1 <mss 1000 sackOK>");
  // The peer's SYN-ACK is not acceptable, since its SYN was taken; the ACK of it is.
  t.come("S. 0:0(0) ack 1 mss 1000 sackOK");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1");
  t.come(". 1:1(0) ack 1");
  EXPECT_EQ(t.state(), TcpState::kEstablished);
}

TEST(Rfc9293_3_10_7_3_SynSent, AnAckOfWhatWasNotSentIsReset) {
  Script t;
  t.open_active();
  t.go();
  EXPECT_EQ(t.come(". 0:0(0) ack 5"), Verdict::kReset);
  EXPECT_EQ(t.come("S. 0:0(0) ack 0"), Verdict::kReset);
  EXPECT_EQ(t.come("R. 0:0(0) ack 5"), Verdict::kDropped);
  EXPECT_EQ(t.come("R 0:0(0)"), Verdict::kDropped);
  EXPECT_EQ(t.come(". 0:0(0) ack 1"), Verdict::kDropped);
  EXPECT_EQ(t.state(), TcpState::kSynSent);
  EXPECT_EQ(t.come("R. 0:0(0) ack 1"), Verdict::kTaken);
  EXPECT_EQ(t.connection->end(), TcpEnd::kRefused);
  EXPECT_TRUE(t.connection->is_over());
  EXPECT_EQ(t.go(), "");
}

TEST(Rfc9293_3_10_7_3_SynSent, CloseEndsIt) {
  Script t;
  t.open_active();
  t.go();
  t.connection->finish();
  EXPECT_TRUE(t.connection->is_over());
  EXPECT_EQ(t.go(), "");
}

TEST(Rfc6298_5_7_Syn, IsSentAgainAndGivenUp) {
  Script t;
  t.open_active();
  const std::string syn = "S 0:1(0) <mss 1000 sackOK TS wscale 0>";
  EXPECT_EQ(t.go(), syn);
  for (const int64_t seconds : {1, 2, 4, 8, 16, 32, 60}) {
    const Moment before = t.now;
    EXPECT_EQ(t.tick(), syn);
    EXPECT_EQ(t.now - before, seconds * kSecondNs);
  }
  EXPECT_EQ(t.tick(), "");
  EXPECT_EQ(t.now - kScriptStart, 183 * kSecondNs);
  EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout);
}

TEST(Rfc6298_5_7_Syn, OneThatWasLostMakesACarefulBegin) {
  Script t;
  t.open_active();
  t.go();
  t.tick();
  t.come("S. 0:0(0) ack 1 mss 1000 sackOK");
  t.write(10'000);
  EXPECT_EQ(t.go(), ". 1:1001(1000) ack 1");
  EXPECT_EQ(t.connection->sender().rtt().rto_ns({}), 3 * kSecondNs);
}

TEST(Rfc5927_4_1_Icmp, UnreachableEndsOnlyWhatIsBeingOpened) {
  Script t;
  t.open_active();
  t.go();
  t.connection->on_unreachable();
  EXPECT_EQ(t.connection->end(), TcpEnd::kRefused);
  Script open;
  open.open_passive();
  open.connection->on_unreachable();
  EXPECT_EQ(open.state(), TcpState::kEstablished);
}

// --- RFC 9293 3.4: which segments are taken ---

TEST(Rfc9293_3_10_7_4_Sequence, WhatLiesOutsideTheWindowIsAnsweredByAnAck) {
  for (const char* segment :
       {". 4294967000:4294967000(0) ack 1", "P. 70001:70011(10) ack 1", ". 65536:65536(0) ack 1"}) {
    Script t;
    t.open_passive();
    EXPECT_EQ(t.come(segment), Verdict::kDropped) << segment;
    EXPECT_EQ(t.got, "");
    EXPECT_EQ(t.go(), ". 1:1(0) ack 1") << segment;
  }
}

TEST(Rfc9293_3_10_7_4_Sequence, WithoutAckItIsDropped) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.come("P 1:11(10)"), Verdict::kDropped);
  EXPECT_EQ(t.got, "");
}

TEST(Rfc9293_3_10_7_4_Sequence, WhatIsKnownOfASegmentIsCutOff) {
  Script t;
  t.open_passive();
  t.come("P. 1:11(10) ack 1");
  t.come("P. 6:16(10) ack 1");
  EXPECT_EQ(t.got, peer_text(1, 15));
  EXPECT_EQ(t.go(), ". 1:1(0) ack 16 <sack 6:11>");  // RFC 2883
}

TEST(Rfc9293_3_10_7_4_Sequence, WhatLiesBeyondTheWindowIsCutOff) {
  Script t;
  t.shared.config.receive.buffer_bytes = 500;
  t.reads = false;
  t.open_passive();
  t.come("P. 1:401(400) ack 1");
  t.go();
  t.come("PF. 401:65600(65199) ack 1");
  EXPECT_EQ(t.got.size(), 65'535U);  // as the SYN-ACK offered
  EXPECT_FALSE(t.fin);
}

// RFC 5961 4.2, 3.2
TEST(Rfc5961_4_2_Syn, IsChallenged) {
  Script t;
  t.open_passive();
  for (const char* syn : {"S 1:1(0)", "S. 1:1(0) ack 1", "S 70000:70000(0)"}) {
    EXPECT_EQ(t.come(syn), Verdict::kDropped);
    EXPECT_EQ(t.go(), ". 1:1(0) ack 1") << syn;
    EXPECT_EQ(t.state(), TcpState::kEstablished);
  }
}

TEST(Rfc5961_3_2_Reset, OnlyExactlyTheNextOneIsBelieved) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.come("R 2:2(0)"), Verdict::kDropped);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1");
  EXPECT_EQ(t.come("R 70000:70000(0)"), Verdict::kDropped);
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.come("R 1:1(0)"), Verdict::kTaken);
  EXPECT_EQ(t.connection->end(), TcpEnd::kReset);
  EXPECT_TRUE(t.connection->is_over());
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.connection->deadline(t.shared), kNever);
}

TEST(Rfc5961_5_2_Ack, OfWhatWasNeverSentIsChallenged) {
  Script t;
  t.open_passive(1000);
  EXPECT_EQ(t.come("P. 1:11(10) ack 2"), Verdict::kDropped);
  EXPECT_EQ(t.got, "");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1");
  EXPECT_EQ(t.come("P. 1:11(10) ack 4294966290"), Verdict::kDropped);  // older than the window
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1");
  EXPECT_EQ(t.come("P. 1:11(10) ack 4294966297"), Verdict::kTaken);
}

TEST(Rfc5961_7_Limit, ChallengesAreFew) {
  Script t;
  t.open_passive();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    t.come("S 1:1(0)");
    answered += t.go().empty() ? 0 : 1;
  }
  EXPECT_GE(answered, 5);
  EXPECT_LE(answered, 20);
}

TEST(Rfc9293_3_10_7_4_Sequence, AcksOfForeignSegmentsAreFewButOfRepeatedOnesAll) {
  Script t;
  t.open_passive();
  int answered = 0;
  for (int i = 0; i < 20; ++i) {
    t.come(". 70000:70000(0) ack 1");
    answered += t.go().empty() ? 0 : 1;
  }
  EXPECT_GE(answered, 1);
  EXPECT_LE(answered, 2);
  t.come("P. 1:11(10) ack 1");
  t.go();
  for (int i = 0; i < 20; ++i) {
    t.come("P. 1:11(10) ack 1");
    EXPECT_EQ(t.go(), ". 1:1(0) ack 11 <sack 1:11>");
  }
}

// --- RFC 9293 3.6: closing ---

TEST(Rfc9293_3_6_Closing, ByUsFirst) {
  Script t;
  t.open_passive();
  t.write(10);
  t.connection->finish();
  EXPECT_FALSE(t.connection->can_write());
  EXPECT_EQ(t.go(), "FP. 1:12(10) ack 1");
  EXPECT_EQ(t.state(), TcpState::kFinWait1);
  t.come(". 1:1(0) ack 12");
  EXPECT_EQ(t.state(), TcpState::kFinWait2);
  t.come("P. 1:11(10) ack 12");  // the other direction goes on
  EXPECT_EQ(t.got, peer_text(1, 10));
  t.go();
  t.come("F. 11:11(0) ack 12");
  EXPECT_EQ(t.state(), TcpState::kTimeWait);
  EXPECT_FALSE(t.connection->is_over()) << "the ACK is still to go";
  EXPECT_EQ(t.go(), ". 12:12(0) ack 12");
  EXPECT_TRUE(t.connection->is_over());
  EXPECT_EQ(t.connection->end(), TcpEnd::kClosed);
  EXPECT_EQ(t.connection->time_wait().send_next, kOurIsn + 12);
  EXPECT_EQ(t.connection->time_wait().receive_next, kPeerIsn + 12);
}

TEST(Rfc9293_3_6_Closing, ByThePeerFirst) {
  Script t;
  t.open_passive();
  t.come("FP. 1:11(10) ack 1");
  EXPECT_EQ(t.got, peer_text(1, 10));
  EXPECT_TRUE(t.fin);
  EXPECT_EQ(t.state(), TcpState::kCloseWait);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 12");
  t.write(10);
  EXPECT_EQ(t.go(), "P. 1:11(10) ack 12");
  t.connection->finish();
  EXPECT_EQ(t.state(), TcpState::kLastAck);
  EXPECT_EQ(t.go(), "F. 11:12(0) ack 12");
  t.come(". 12:12(0) ack 12");
  EXPECT_TRUE(t.connection->is_over());
  EXPECT_EQ(t.state(), TcpState::kClosed);
  EXPECT_EQ(t.connection->end(), TcpEnd::kClosed);
  EXPECT_EQ(t.go(), "");
}

TEST(Rfc9293_3_6_Closing, BothAtOnce) {
  Script t;
  t.open_passive();
  t.connection->finish();
  EXPECT_EQ(t.go(), "F. 1:2(0) ack 1");
  t.come("F. 1:1(0) ack 1");
  EXPECT_EQ(t.state(), TcpState::kClosing);
  EXPECT_EQ(t.go(), ". 2:2(0) ack 2");
  t.come(". 2:2(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kTimeWait);
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc9293_3_6_Closing, FinThatAcksOurs) {
  Script t;
  t.open_passive();
  t.connection->finish();
  t.go();
  t.come("F. 1:1(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kTimeWait);
  EXPECT_EQ(t.go(), ". 2:2(0) ack 2");
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc9293_3_6_Closing, FinBeforeItsTurn) {
  Script t;
  t.open_passive();
  t.come("FP. 11:21(10) ack 1");
  EXPECT_EQ(t.state(), TcpState::kEstablished);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 <sack 11:21>");
  t.come("P. 1:11(10) ack 1");
  EXPECT_EQ(t.got, peer_text(1, 20));
  EXPECT_EQ(t.state(), TcpState::kCloseWait);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 22");
}

// Of a peer that lies: what it has sent was told as behind the end, and the end never.
TEST(Rfc9293_3_6_Closing, AFinBeforeWhatHasComeIsNone) {
  Script t;
  t.open_passive();
  t.come("P. 21:31(10) ack 1");
  t.go();
  t.come("FP. 1:11(10) ack 1");
  EXPECT_EQ(t.state(), TcpState::kEstablished);
  t.come("P. 11:21(10) ack 1");
  EXPECT_EQ(t.got, peer_text(1, 30));
  EXPECT_EQ(t.state(), TcpState::kEstablished);
}

TEST(Rfc9293_3_6_Closing, FinIsSentAgain) {
  Script t;
  t.open_passive();
  t.connection->finish();
  t.go();
  EXPECT_EQ(t.tick(), "F. 1:2(0) ack 1");
  EXPECT_EQ(t.tick(), "F. 1:2(0) ack 1");
  t.come(". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kFinWait2);
}

TEST(Rfc9293_3_6_Closing, FinComesAgain) {
  Script t;
  t.open_passive();
  t.come("F. 1:1(0) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 2");
  t.come("F. 1:1(0) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kCloseWait);
}

// Taken or not: nothing is owed behind the end.
TEST(Rfc9293_3_6_Closing, AnAckOneBelowEndsItToo) {
  Script t;
  t.open_passive();
  t.come("F. 1:1(0) ack 1");
  t.connection->finish();
  EXPECT_EQ(t.go(), "F. 1:2(0) ack 2");
  t.come(". 1:1(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kClosed);
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc9293_3_6_Closing, HalfClosedMayLastButAfterCloseItMayNot) {
  Script t;
  t.open_passive();
  t.connection->finish();
  t.go();
  t.come(". 1:1(0) ack 2");
  t.shared.config.keepalive_idle_ns = 0;
  EXPECT_EQ(t.connection->deadline(t.shared), kNever);
  t.connection->close(t.shared, t.now);
  EXPECT_EQ(t.tick(), "");
  EXPECT_EQ(t.now - kScriptStart, 60 * kSecondNs);
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc1122_4_2_2_13_Close, DataAfterItIsReset) {
  Script t;
  t.open_passive();
  t.connection->close(t.shared, t.now);
  EXPECT_EQ(t.go(), "F. 1:2(0) ack 1");
  t.come("P. 1:11(10) ack 2");
  EXPECT_EQ(t.got, "");
  EXPECT_EQ(t.go(), "R. 2:2(0) ack 1");
  EXPECT_EQ(t.connection->end(), TcpEnd::kAborted);
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc1122_4_2_2_13_Close, WhatWasNotReadIsReset) {
  Script t;
  t.open_passive();
  t.reads = false;
  t.come("P. 1:11(10) ack 1");
  t.connection->close(t.shared, t.now);
  EXPECT_FALSE(t.connection->is_over());
  EXPECT_EQ(t.go(), "R. 1:1(0) ack 11");
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc9293_3_10_5_Abort, SendsAReset) {
  Script t;
  t.open_passive();
  t.write(10);
  t.go();
  t.connection->abort();
  t.room = 0;
  EXPECT_EQ(t.go(), "");
  EXPECT_FALSE(t.connection->is_over()) << "there was no room";
  t.room = 2;
  EXPECT_EQ(t.go(), "R. 11:11(0) ack 1\nR. 1:1(0) ack 1");
  EXPECT_TRUE(t.connection->is_over());
  EXPECT_EQ(t.come("P. 1:11(10) ack 11"), Verdict::kDropped);
}

// A peer that lacks what is outstanding believes only the number where that begins.
TEST(Rfc5961_3_2_Reset, BothEndsOfWhatIsOutstandingAreTold) {
  Script t;
  t.open_passive();
  t.write(3'000);
  t.go();
  t.come(". 1:1(0) ack 1001");
  t.go();
  t.connection->abort();
  EXPECT_EQ(t.go(), "R. 3001:3001(0) ack 1\nR. 1001:1001(0) ack 1");
  EXPECT_TRUE(t.connection->is_over());
}

}  // namespace
}  // namespace pollux::tcp
