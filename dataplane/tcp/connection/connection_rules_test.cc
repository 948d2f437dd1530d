// Rules of RFC 9293 that hold in every state, or of every segment that goes out: what is looked at
// in which order, which options stand where, what the application may ask when.
#include "dataplane/tcp/connection/connection.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

using Verdict = Connection::Verdict;

std::string segment_at(uint32_t number, const std::string& flags, const std::string& rest) {
  const std::string text = std::to_string(number);
  return flags + " " + text + ":" + text + "(0)" + rest;
}

constexpr TcpState kSynchronized[] = {TcpState::kEstablished, TcpState::kFinWait1,
                                      TcpState::kFinWait2,    TcpState::kCloseWait,
                                      TcpState::kClosing,     TcpState::kLastAck};

// --- 3.10.7.4, what is looked at first ---

TEST(Rfc9293_3_10_7_4_Sequence, OutsideTheWindowIsAnsweredInEveryState) {
  for (const TcpState state : kSynchronized) {
    for (const uint32_t off : {70'000U, static_cast<uint32_t>(-2'000)}) {
      Script t;
      bring_to(t, state);
      const std::string from = std::to_string(peer_nxt_of(state) + off);
      const std::string to = std::to_string(peer_nxt_of(state) + off + 10);
      EXPECT_EQ(t.come("P. " + from + ":" + to + "(10) ack 1"), Verdict::kDropped);
      const std::string answer = t.go();
      EXPECT_EQ(answer.substr(0, answer.find(" <")), bare_of(state)) << name_of(state) << off;
      EXPECT_EQ(t.state(), state);
      EXPECT_EQ(t.got, "");
    }
  }
}

// The numbers are looked at before ACK, FIN and RST are: none of these counts from outside.
TEST(Rfc9293_3_10_7_4_Sequence, NothingElseOfSuchASegmentCounts) {
  for (const TcpState state : kSynchronized) {
    Script t;
    bring_to(t, state);
    const Seq una = t.connection->sender().una();
    const std::string far = std::to_string(peer_nxt_of(state) + 70'000);
    EXPECT_EQ(t.come("F. " + far + ":" + far + "(0) ack " + std::to_string(nxt_of(state))),
              Verdict::kDropped);
    EXPECT_EQ(t.come("R. " + far + ":" + far + "(0) ack 1"), Verdict::kDropped);
    EXPECT_EQ(t.connection->sender().una(), una) << name_of(state);
    EXPECT_EQ(t.state(), state);
  }
}

TEST(Rfc9293_3_10_7_4_Ack, WithoutItNothingCountsInAnyState) {
  for (const TcpState state : kStatesWithAPeer) {
    Script t;
    bring_to(t, state);
    const uint32_t next = peer_nxt_of(state);
    EXPECT_EQ(t.come(segment_at(next, "F", " win 1")), Verdict::kDropped) << name_of(state);
    EXPECT_EQ(t.come("P " + std::to_string(next) + ":" + std::to_string(next + 5) + "(5)"),
              Verdict::kDropped);
    EXPECT_EQ(t.state(), state);
    EXPECT_EQ(t.got, "");
  }
}

TEST(Rfc5961_5_2_Ack, OfWhatWasNeverSentIsChallengedInEveryState) {
  for (const TcpState state : kSynchronized) {
    Script t;
    bring_to(t, state);
    const std::string ack = " ack " + std::to_string(nxt_of(state) + 1'000);
    EXPECT_EQ(t.come(segment_at(peer_nxt_of(state), ".", ack)), Verdict::kDropped);
    EXPECT_EQ(t.go(), bare_of(state)) << name_of(state);
    EXPECT_EQ(t.state(), state);
  }
}

// RFC 5961 5: an attacker who guesses the number has to guess the ACK, too.
TEST(Rfc5961_5_2_Ack, DataBesideAWrongOneIsNotTaken) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.come("P. 1:11(10) ack 5000"), Verdict::kDropped);
  EXPECT_EQ(t.come("P. 1:11(10) ack 3000000000"), Verdict::kDropped);
  EXPECT_EQ(t.got, "");
  EXPECT_EQ(t.come("P. 1:11(10) ack 1"), Verdict::kTaken);
  EXPECT_EQ(t.got, peer_text(1, 10));
}

TEST(Rfc5961_5_2_Ack, AnOlderOneIsTakenAndMovesNothing) {
  Script t;
  t.open_passive();
  t.write(1'000);
  t.go();
  t.come(". 1:1(0) ack 1001");
  const Seq una = t.connection->sender().una();
  EXPECT_EQ(t.come("P. 1:11(10) ack 501"), Verdict::kTaken);
  EXPECT_EQ(t.connection->sender().una(), una);
  EXPECT_EQ(t.got, peer_text(1, 10));
}

TEST(Rfc9293_3_10_7_4_Data, BehindThePeersEndIsNone) {
  for (const TcpState state : {TcpState::kCloseWait, TcpState::kClosing, TcpState::kLastAck}) {
    Script t;
    bring_to(t, state);
    t.come("P. 2:12(10) ack 1");
    EXPECT_EQ(t.got, "") << name_of(state);
    EXPECT_EQ(t.state(), state);
  }
}

TEST(Rfc9293_3_10_7_4_Data, IsTakenWhileOnlyWeHaveEnded) {
  for (const TcpState state : {TcpState::kFinWait1, TcpState::kFinWait2}) {
    Script t;
    bring_to(t, state);
    const std::string ack = state == TcpState::kFinWait2 ? " ack 2" : " ack 1";
    EXPECT_EQ(t.come("P. 1:11(10)" + ack), Verdict::kTaken);
    EXPECT_EQ(t.got, peer_text(1, 10)) << name_of(state);
    EXPECT_NE(t.tick(kSecondNs).find("ack 11"), std::string::npos);
  }
}

// --- 3.8.6, 3.8.4: ACKs ---

TEST(Rfc9293_3_8_6_3_Acks, OneForAllOfATurn) {
  Script t;
  t.open_passive();
  for (uint32_t from = 1; from < 5'000; from += 1'000) {
    const std::string begin = std::to_string(from);
    t.come(". " + begin + ":" + std::to_string(from + 1'000) + "(1000) ack 1");
  }
  EXPECT_EQ(t.go(), ". 1:1(0) ack 5001");
}

TEST(Rfc9293_3_8_6_3_Acks, AnAckIsNotAnswered) {
  for (const TcpState state : kSynchronized) {
    Script t;
    bring_to(t, state);
    const std::string ack = " ack " + std::to_string(t.connection->sender().una() - kOurIsn);
    t.come(segment_at(peer_nxt_of(state), ".", ack));
    EXPECT_EQ(t.go(), "") << name_of(state);
  }
}

TEST(Rfc9293_3_8_6_3_Acks, WaitLessThanHalfASecond) {
  Script t;
  t.shared.config.receive.ack.quick_acks = 0;
  t.open_passive();
  t.come("P. 1:2(1) ack 1");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(500 * kMillisecondNs), ". 1:1(0) ack 2");
}

// --- windows ---

// MUST-1: not as if half of them were below zero; and 32 bits wide when they are scaled.
TEST(Rfc9293_3_1_Window, IsUnsigned) {
  Script t({.scale = 14, .our_scale = 7});
  t.open_passive(60'000);
  EXPECT_EQ(t.connection->sender().window_bytes(), uint32_t{60'000} << 14);
  t.come(". 1:1(0) ack 1 win 65535");
  EXPECT_EQ(t.connection->sender().window_bytes(), uint32_t{65'535} << 14);
}

// SHLD-14, MUST-34's other side: memory that became short does not take back what was told.
TEST(Rfc9293_3_8_6_Window, IsNotTakenBack) {
  Script t;
  t.shared.config.receive.buffer_bytes = 10'000;
  t.open_passive();
  t.shows_windows = true;
  t.reads = false;
  t.come("P. 1:1001(1000) ack 1");
  t.write(1);
  EXPECT_EQ(t.go(), "P. 1:2(1) ack 1001 win 64535");  // what the SYN-ACK had told
  t.shared.config.receive.buffer_bytes = 2'000;
  t.come("P. 1001:2001(1000) ack 2");
  t.write(1);
  EXPECT_EQ(t.go(), "P. 2:3(1) ack 2001 win 63535");
}

TEST(Rfc9293_3_8_6_Window, ShutsAsItFillsAndOpensWhenItIsRead) {
  Script t;
  t.shared.config.receive.buffer_bytes = 4'000;
  t.open_passive();
  t.shows_windows = true;
  t.reads = false;
  // First the SYN-ACK's window has to be used up.
  for (uint32_t from = 1; from < 65'001; from += 1'000) {
    t.come("P. " + std::to_string(from) + ":" + std::to_string(from + 1'000) + "(1000) ack 1");
    t.connection->read(t.connection->receiver().unread_bytes());
    t.go();
  }
  t.tick(kSecondNs);
  t.come("P. 65001:68001(3000) ack 1");
  t.come("P. 68001:69001(1000) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 69001 win 0");
  t.connection->read(1'000);
  EXPECT_EQ(t.go(), "");  // RFC 9293 3.8.6.2.2: a segment is less than is worth telling
  t.connection->read(1'000);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 69001 win 2000");
}

// --- options ---

TEST(Rfc9293_3_7_1_Mss, StandsOnNoSegmentButSyn) {
  Script t;
  t.open_passive();
  t.write(10);
  t.go();
  EXPECT_FALSE(t.last.options.mss || t.last.options.window_scale);
  EXPECT_FALSE(t.last.options.sack_permitted);
  t.come("P. 1:11(10) ack 11");
  t.go();
  EXPECT_FALSE(t.last.options.mss || t.last.options.window_scale);
  t.connection->finish();
  t.go();
  EXPECT_FALSE(t.last.options.mss || t.last.options.window_scale);
}

TEST(Rfc7323_3_2_Timestamps, StandOnEverySegmentButResets) {
  Script t({.timestamps = true});
  t.open_passive();
  const auto has_them = [&t] { return t.last.options.timestamps.has_value(); };
  t.write(10);
  t.go();
  EXPECT_TRUE(has_them());
  t.come("P. 1:11(10) ack 11");
  t.go();
  EXPECT_TRUE(has_them());
  t.come("S 5000:5000(0)");  // a challenge
  t.go();
  EXPECT_TRUE(has_them());
  t.come(". 11:11(0) ack 11 win 0");
  t.write(10);
  t.go();
  t.tick();  // a probe
  EXPECT_TRUE(t.last.payload.bytes() == 1 && has_them());
  t.come(". 11:11(0) ack 11");
  t.connection->finish();
  t.go();
  EXPECT_TRUE(t.last.header.has(kFin) && has_them());
}

TEST(Rfc7323_3_2_Timestamps, AKeepaliveHasThemToo) {
  Script t({.timestamps = true});
  t.open_passive();
  EXPECT_EQ(t.tick(), ". 0:0(0) ack 1");
  EXPECT_TRUE(t.last.options.timestamps.has_value());
}

// RFC 7323 5.2: whatever the peer has echoed, a clock of ours only goes forward.
TEST(Rfc7323_5_4_Clock, GoesForwardByAMillisecond) {
  Script t({.timestamps = true});
  t.open_passive();
  t.write(1);
  t.go();
  const uint32_t before = t.last.options.timestamps->value;
  t.pass(7 * kMillisecondNs);
  t.write(1);
  t.go();
  EXPECT_EQ(t.last.options.timestamps->value - before, 7U);
}

// What has gone round is newer, not older (RFC 7323 5.3).
TEST(Rfc7323_5_3_Paws, AClockThatWrapsIsNoOldOne) {
  Script t({.timestamps = true});
  t.open_passive();
  t.peer_timestamp = 5;  // from -3
  EXPECT_EQ(t.come("P. 1:11(10) ack 1"), Verdict::kTaken);
  t.go();
  EXPECT_EQ(t.last.options.timestamps->echo, 5U);
  t.peer_timestamp = static_cast<uint32_t>(-1);
  EXPECT_EQ(t.come("P. 11:21(10) ack 1"), Verdict::kDropped);
}

// --- PSH ---

// SHLD-27, MUST-61: on the last of what was written, whatever the writes were.
TEST(Rfc9293_3_9_1_2_Push, IsOnTheLastOfATurn) {
  Script t;
  t.open_passive();
  t.write(700);
  t.write(700);
  t.write(700);
  EXPECT_EQ(t.go(), ". 1:1001(1000) ack 1\n. 1001:2001(1000) ack 1\nP. 2001:2101(100) ack 1");
}

// --- what the application may ask (3.9.1) ---

TEST(Rfc9293_3_10_2_Send, UntilItHasEnded) {
  for (const TcpState state :
       {TcpState::kSynReceived, TcpState::kEstablished, TcpState::kCloseWait}) {
    Script t;
    bring_to(t, state);
    EXPECT_TRUE(t.connection->can_write()) << name_of(state);
  }
  for (const TcpState state :
       {TcpState::kFinWait1, TcpState::kFinWait2, TcpState::kClosing, TcpState::kLastAck}) {
    Script t;
    bring_to(t, state);
    EXPECT_FALSE(t.connection->can_write()) << name_of(state);
  }
}

TEST(Rfc9293_3_10_2_Send, BehindThePeersEndItGoesOn) {
  Script t;
  bring_to(t, TcpState::kCloseWait);
  t.write(10);
  EXPECT_EQ(t.go(), "P. 1:11(10) ack 2");
  t.come(". 2:2(0) ack 11");
  t.connection->finish();
  EXPECT_EQ(t.go(), "F. 11:12(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kLastAck);
  t.come(". 2:2(0) ack 12");
  EXPECT_EQ(t.state(), TcpState::kClosed);
  EXPECT_EQ(t.connection->end(), TcpEnd::kClosed);
}

// 3.10.4: what was written goes before FIN, however slowly.
TEST(Rfc9293_3_10_4_Close, FinWaitsForAllThatWasWritten) {
  Script t;
  t.open_passive(1'000);
  t.write(2'500);
  t.connection->finish();
  EXPECT_EQ(t.state(), TcpState::kFinWait1);
  EXPECT_EQ(t.go(), ". 1:1001(1000) ack 1");
  t.come(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(t.go(), ". 1001:2001(1000) ack 1");
  t.come(". 1:1(0) ack 2001 win 1000");
  EXPECT_EQ(t.go(), "FP. 2001:2502(500) ack 1");
}

TEST(Rfc9293_3_10_4_Close, InSynReceivedGoesWithTheOpening) {
  Script t;
  bring_to(t, TcpState::kSynReceived);
  t.connection->close(t.shared, t.now);
  EXPECT_EQ(t.state(), TcpState::kSynReceived);
  t.come(". 1:1(0) ack 1");
  EXPECT_EQ(t.state(), TcpState::kFinWait1);
  EXPECT_EQ(t.go(), "F. 1:2(0) ack 1");
}

// 3.6: RFC 9293 lets each side end when it likes; the FIN of each is acknowledged.
TEST(Rfc9293_3_6_Closing, EachFinIsAcknowledgedInEveryState) {
  for (const TcpState state : {TcpState::kEstablished, TcpState::kFinWait1, TcpState::kFinWait2}) {
    Script t;
    bring_to(t, state);
    const std::string ack = state == TcpState::kFinWait2 ? " ack 2" : " ack 1";
    t.come("F. 1:1(0)" + ack);
    EXPECT_TRUE(t.fin);
    const std::string answer = t.go();
    EXPECT_NE(answer.find("ack 2"), std::string::npos) << name_of(state) << ": " << answer;
  }
}

TEST(Rfc9293_3_6_Closing, AFinInFinWait2LeadsToTimeWait) {
  Script t;
  bring_to(t, TcpState::kFinWait2);
  t.come("F. 1:1(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kTimeWait);
  EXPECT_EQ(t.go(), ". 2:2(0) ack 2");
  EXPECT_TRUE(t.connection->is_over());
  EXPECT_EQ(t.connection->time_wait().receive_next, kPeerIsn + 2);
  EXPECT_EQ(t.connection->time_wait().send_next, kOurIsn + 2);
}

TEST(Rfc9293_3_10_7_3_SynSent, WhatIsNeitherSynNorResetIsDropped) {
  Script t;
  t.open_active();
  t.go();
  for (const char* text :
       {". 0:0(0) ack 1", "F. 0:0(0) ack 1", "P 0:10(10)", "P. 0:10(10) ack 1"}) {
    EXPECT_EQ(t.come(text), Verdict::kDropped) << text;
    EXPECT_EQ(t.go(), "") << text;
  }
  EXPECT_EQ(t.state(), TcpState::kSynSent);
}

// RFC 6429, and 3.8.6.1: FIN is one of the numbers that a shut window keeps back.
TEST(Rfc9293_3_8_6_1_ZeroWindow, FinAloneIsAskedForToo) {
  Script t;
  t.open_passive(0);
  t.connection->finish();
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(kSecondNs), "F. 1:2(0) ack 1");
  t.come(". 1:1(0) ack 2 win 0");
  EXPECT_EQ(t.state(), TcpState::kFinWait2);
}

// SHLD-30.
TEST(Rfc9293_3_8_6_1_ZeroWindow, ProbesGrowApart) {
  Script t;
  t.open_passive(0);
  t.write(10);
  t.go();
  int64_t gap = 0;
  Moment last = t.now;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(t.tick(), "P. 1:2(1) ack 1");
    EXPECT_GE(t.now - last, gap * 2) << i;
    gap = t.now - last;
    last = t.now;
    t.come(". 1:1(0) ack 1 win 0");
    EXPECT_EQ(t.go(), "");
  }
}

}  // namespace
}  // namespace pollux::tcp
