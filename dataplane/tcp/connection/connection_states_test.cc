// The same segment in every state (RFC 9293 3.10.7.4, 5961), several in one turn, opening by both
// and with less than all options, and how each state ends.
#include "dataplane/tcp/connection/connection.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

using Verdict = Connection::Verdict;

std::string at(uint32_t number, const std::string& flags, const std::string& rest = "") {
  const std::string text = std::to_string(number);
  return flags + " " + text + ":" + text + "(0)" + rest;
}

// --- RFC 5961 ---

TEST(Rfc5961_4_2_Syn, IsChallengedInEveryState) {
  for (const TcpState state : kStatesWithAPeer) {
    for (const uint32_t number : {peer_nxt_of(state), 0U, 5'000U, 1'000'000'000U}) {
      Script t;
      bring_to(t, state);
      EXPECT_EQ(t.come(at(number, "S")), Verdict::kDropped);
      EXPECT_EQ(t.go(), bare_of(state)) << name_of(state) << " " << number;
      EXPECT_EQ(t.state(), state);
    }
  }
}

// A host that came back without them, or with a clock that begins anew.
TEST(Rfc5961_4_2_Syn, IsChallengedWhateverItsTimestamps) {
  for (const char* syn : {"S 5000:5000(0)", "S 5000:5000(0) TS", "S. 5000:5000(0) ack 1 TS"}) {
    Script t({.timestamps = true});
    t.open_passive();
    t.peer_timestamp -= 1'000;
    EXPECT_EQ(t.come(syn), Verdict::kDropped);
    EXPECT_EQ(t.go(), ". 1:1(0) ack 1") << syn;
    EXPECT_EQ(t.come("R 1:1(0)"), Verdict::kTaken);
  }
}

TEST(Rfc5961_7_Limit, ChallengesAreFewWhereverTheSynsLie) {
  Script t({.timestamps = true});
  t.open_passive();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    t.come("S 3000000000:3000000000(0) TS");
    answered += t.go().empty() ? 0 : 1;
  }
  EXPECT_GE(answered, 5);
  EXPECT_LE(answered, 20);
}

TEST(Rfc5961_3_2_Reset, InEveryState) {
  for (const TcpState state : kStatesWithAPeer) {
    Script t;
    bring_to(t, state);
    const uint32_t nxt = peer_nxt_of(state);
    EXPECT_EQ(t.come(at(nxt - 1, "R")), Verdict::kDropped);
    EXPECT_EQ(t.go(), "") << name_of(state);
    EXPECT_EQ(t.come(at(nxt + 1, "R")), Verdict::kDropped);
    EXPECT_EQ(t.go(), bare_of(state)) << name_of(state);
    EXPECT_EQ(t.come(at(nxt, "R")), Verdict::kTaken);
    EXPECT_EQ(t.state(), TcpState::kClosed);
    EXPECT_EQ(t.connection->end(),
              state == TcpState::kSynReceived ? TcpEnd::kRefused : TcpEnd::kReset);
    EXPECT_TRUE(t.connection->is_over());
    EXPECT_EQ(t.go(), "");
  }
}

TEST(Rfc5961_3_2_Reset, WhatItBringsIsNotTaken) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.come("RF. 1:11(10) ack 1"), Verdict::kTaken);
  EXPECT_EQ(t.connection->end(), TcpEnd::kReset);
  EXPECT_EQ(t.got, "");
  EXPECT_FALSE(t.fin);
}

// A FIN before its turn makes no other number the next one.
TEST(Rfc5961_3_2_Reset, AtAFinBeforeItsTurnIsChallenged) {
  for (const char* guess : {"R 11:11(0)", "R 12:12(0)"}) {
    Script t;
    t.open_passive();
    t.come("F. 11:11(0) ack 1");
    EXPECT_EQ(t.go(), ". 1:1(0) ack 1");
    EXPECT_EQ(t.come(guess), Verdict::kDropped);
    EXPECT_EQ(t.go(), ". 1:1(0) ack 1") << guess;
    // Who did send it says so again, where he was asked for it.
    EXPECT_EQ(t.come("R 1:1(0)"), Verdict::kTaken);
    EXPECT_EQ(t.connection->end(), TcpEnd::kReset);
  }
}

// Of a peer that does not count its FIN (macOS): that is below the window, so nothing happens, but
// the next thing that goes to him is answered by a RST in its place.
TEST(Rfc5961_3_2_Reset, AtTheFinThatWasTakenIsDropped) {
  Script t;
  t.open_passive();
  t.come("F. 11:11(0) ack 1");
  t.come("P. 1:11(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 12");
  ASSERT_TRUE(t.fin);
  EXPECT_EQ(t.come("R 11:11(0)"), Verdict::kDropped);
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.state(), TcpState::kCloseWait);
  t.write(5);
  EXPECT_EQ(t.go(), "P. 1:6(5) ack 12");
  EXPECT_EQ(t.come("R 12:12(0)"), Verdict::kTaken);
  EXPECT_EQ(t.connection->end(), TcpEnd::kReset);
}

TEST(Rfc5961_5_2_Ack, HalfOfTheNumbersAwayIsOld) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.come("P. 1:11(10) ack 2147483649"), Verdict::kDropped);
  EXPECT_EQ(t.got, "");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1");
}

// --- RFC 9293 3.10.7.4, first: sequence numbers ---

TEST(Rfc9293_3_10_7_4_Sequence, DataOutsideTheWindowIsAnsweredEachTime) {
  Script t;
  t.open_passive();
  for (int i = 0; i < 5; ++i) {
    t.come("P. 70001:70011(10) ack 1");
    EXPECT_EQ(t.go(), ". 1:1(0) ack 1") << i;
  }
}

// Where nothing of the peer's can be: no mirror for strangers, and no D-SACK as they like it.
TEST(Rfc9293_3_10_7_4_Sequence, ButNotFarFromIt) {
  for (const char* segment : {"P. 1000000001:1000000011(10) ack 1",
                              "P. 3000000001:3000000011(10) ack 1"}) {
    Script t;
    t.open_passive();
    int answered = 0;
    for (int i = 0; i < 20; ++i) {
      t.come(segment);
      const std::string out = t.go();
      answered += out.empty() ? 0 : 1;
      EXPECT_TRUE(out.empty() || out == ". 1:1(0) ack 1") << out;
    }
    EXPECT_GE(answered, 1);
    EXPECT_LE(answered, 2);
  }
}

TEST(Rfc9293_3_10_7_4_Sequence, AtTheEdgeOfTheWindow) {
  Script t;  // it is 65535 wide, so 65535 is the last number in it
  t.open_passive();
  EXPECT_EQ(t.come("P. 65535:65545(10) ack 1"), Verdict::kTaken);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 <sack 65535:65536>");
  EXPECT_EQ(t.come("P. 65536:65546(10) ack 1"), Verdict::kDropped);
  Script last;
  last.open_passive();
  EXPECT_EQ(last.come("F. 65535:65535(0) ack 1"), Verdict::kTaken);
  EXPECT_EQ(last.come("P. 1:65535(65534) ack 1"), Verdict::kTaken);
  EXPECT_TRUE(last.fin);
  Script beyond;
  beyond.open_passive();
  EXPECT_EQ(beyond.come("F. 65536:65536(0) ack 1"), Verdict::kDropped);
  EXPECT_EQ(beyond.come("F. 65535:65536(1) ack 1"), Verdict::kTaken);
  EXPECT_EQ(beyond.come("P. 1:65535(65534) ack 1"), Verdict::kTaken);
  EXPECT_FALSE(beyond.fin) << "it is the number behind the last one";
}

TEST(Rfc9293_3_10_7_4_Urgent, IsDataLikeAnyOther) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.come("PU. 1:11(10) ack 1"), Verdict::kTaken);
  EXPECT_EQ(t.got, peer_text(1, 10));
}

TEST(Rfc9293_3_10_7_4_Options, OfASynCountInASynOnly) {
  Script t({.sack = false});
  t.open_passive();
  t.come(". 1:1(0) ack 1 win 1000 mss 200 wscale 5 sackOK");
  EXPECT_EQ(t.connection->sender().mss(), 1000);
  EXPECT_EQ(t.connection->sender().window_bytes(), 1'000U);
  EXPECT_FALSE(t.connection->uses_sack());
  t.come(". 1:1(0) ack 1");
  t.write(3'000);
  t.go();
  t.come(". 1:1(0) ack 1 sack 1001:3001");
  EXPECT_EQ(t.connection->sender().queue().sacked_bytes(), 0U);
}

// --- behind the peer's FIN ---

TEST(Rfc9293_3_10_7_4_AfterFin, NothingMoreIsTaken) {
  for (const TcpState state : {TcpState::kCloseWait, TcpState::kClosing, TcpState::kLastAck}) {
    Script t;
    bring_to(t, state);
    t.come("P. 2:12(10) ack 1");
    EXPECT_EQ(t.got, "") << name_of(state);
    t.come("F. 5:5(0) ack 1");
    t.come("FP. 1:11(10) ack 1");
    EXPECT_EQ(t.got, "");
    EXPECT_EQ(t.state(), state);
    EXPECT_EQ(t.go().substr(0, bare_of(state).size()), bare_of(state));
  }
}

TEST(Rfc9293_3_10_7_4_Fin, WithDataThatIsKnownInPart) {
  Script t;
  t.open_passive();
  t.come("P. 1:11(10) ack 1");
  t.come("FP. 6:16(10) ack 1");
  EXPECT_EQ(t.got, peer_text(1, 15));
  EXPECT_TRUE(t.fin);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 17 <sack 6:11>");
}

// --- several in one turn ---

TEST(OneTurn, FinAndThenTheAckOfOursIsAcknowledged) {
  Script t;
  t.open_passive();
  t.connection->finish();
  t.go();
  t.come("F. 1:1(0) ack 1");
  t.come(". 2:2(0) ack 2");
  EXPECT_EQ(t.state(), TcpState::kTimeWait);
  EXPECT_FALSE(t.connection->is_over());
  EXPECT_EQ(t.go(), ". 2:2(0) ack 2");
  EXPECT_TRUE(t.connection->is_over());
}

TEST(OneTurn, DataAndFinAndThenAReset) {
  Script t;
  t.open_passive();
  t.come("FP. 1:11(10) ack 1");
  EXPECT_EQ(t.come("R 12:12(0)"), Verdict::kTaken);
  EXPECT_EQ(t.got, peer_text(1, 10));
  EXPECT_EQ(t.connection->end(), TcpEnd::kReset);
  EXPECT_EQ(t.go(), "");
}

TEST(OneTurn, TheLastAckWaitsForRoom) {
  Script t;
  bring_to(t, TcpState::kFinWait2);
  t.room = 0;
  t.come("F. 1:1(0) ack 2");
  EXPECT_EQ(t.go(), "");
  EXPECT_FALSE(t.connection->is_over());
  t.room = 1;
  EXPECT_EQ(t.go(), ". 2:2(0) ack 2");
  EXPECT_TRUE(t.connection->is_over());
}

// --- RFC 9293 3.5: opening, the rarer ways ---

TEST(Rfc9293_3_5_Simultaneous, NothingWasLost) {
  Script t;
  bring_to(t, TcpState::kSynReceived);
  t.come(". 1:1(0) ack 1");
  EXPECT_EQ(t.state(), TcpState::kEstablished);
  t.write(20'000);
  t.go();
  EXPECT_EQ(t.connection->sender().nxt(), kOurIsn + 10'001);  // ten segments, and not one
  EXPECT_EQ(t.connection->sender().rtt().rto_ns({}), kSecondNs);
}

TEST(Rfc9293_3_5_Simultaneous, TheSynAckIsRepeated) {
  Script t;
  bring_to(t, TcpState::kSynReceived);
  EXPECT_EQ(t.tick(), "S. 0:1(0) ack 1 <mss 1000 sackOK>");
  EXPECT_EQ(t.now - kScriptStart, kSecondNs);
}

TEST(Rfc9293_3_10_7_4_SynReceived, AWrongAckIsReset) {
  for (const char* segment : {". 1:1(0) ack 0", ". 1:1(0) ack 2"}) {
    Script t;
    bring_to(t, TcpState::kSynReceived);
    EXPECT_EQ(t.come(segment), Verdict::kReset) << segment;
    EXPECT_EQ(t.state(), TcpState::kSynReceived);
  }
}

TEST(Rfc9293_3_10_7_4_SynReceived, TheAckMayBringDataAndFin) {
  Script t;
  bring_to(t, TcpState::kSynReceived);
  EXPECT_EQ(t.come("FP. 1:11(10) ack 1"), Verdict::kTaken);
  EXPECT_EQ(t.got, peer_text(1, 10));
  EXPECT_EQ(t.state(), TcpState::kCloseWait);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 12");
}

TEST(Rfc9293_3_10_4_SynReceived, FinGoesWhenItIsOpen) {
  Script t;
  bring_to(t, TcpState::kSynReceived);
  t.connection->finish();
  EXPECT_EQ(t.state(), TcpState::kSynReceived);
  EXPECT_EQ(t.go(), "");
  t.come(". 1:1(0) ack 1");
  EXPECT_EQ(t.state(), TcpState::kFinWait1);
  EXPECT_EQ(t.go(), "F. 1:2(0) ack 1");
}

TEST(Rfc9293_3_10_7_3_SynSent, WhatTheSynAckBringsComesAgain) {
  Script t;
  t.open_active();
  t.go();
  EXPECT_EQ(t.come("SF. 0:10(10) ack 1 mss 1000"), Verdict::kTaken);
  EXPECT_EQ(t.state(), TcpState::kEstablished);
  EXPECT_EQ(t.got, "");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1");
}

TEST(Rfc9293_3_7_1_Mss, IsSmallWithoutTheOption) {
  Script t;
  t.open_active();
  t.go();
  t.come("S. 0:0(0) ack 1");
  EXPECT_EQ(t.connection->sender().mss(), 536);
}

TEST(Rfc7323_2_2_WindowScale, OfOneSideIsOfNone) {
  Script t({.our_scale = 7});
  t.open_active();
  t.shows_windows = true;
  t.go();
  t.come("S. 0:0(0) ack 1 mss 1000 sackOK");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 win 65535");
  t.come(". 1:1(0) ack 1 win 5000");
  EXPECT_EQ(t.connection->sender().window_bytes(), 5'000U);
  EXPECT_FALSE(t.connection->uses_timestamps());
  EXPECT_TRUE(t.connection->uses_sack());
}

// --- how they end ---

TEST(Rfc9293_3_10_5_Abort, InEveryState) {
  for (const TcpState state : kStatesWithAPeer) {
    Script t;
    bring_to(t, state);
    const bool fin_is_out = t.connection->sender().data_outstanding();
    t.connection->abort();
    const std::string out = t.go();
    EXPECT_EQ(out.substr(0, out.find('\n')), bare_of(state, "R.")) << name_of(state);
    EXPECT_EQ(out.find('\n') != std::string::npos, fin_is_out) << name_of(state);
    EXPECT_TRUE(t.connection->is_over());
    EXPECT_EQ(t.connection->end(), TcpEnd::kAborted);
  }
  Script t;
  bring_to(t, TcpState::kSynSent);
  t.connection->abort();
  EXPECT_EQ(t.go(), "") << "the peer knows nothing of it";
  EXPECT_TRUE(t.connection->is_over());
}

TEST(Rfc9293_3_10_8_UserTimeout, WhoDoesNotAnswerOurFinIsGone) {
  for (const TcpState state : {TcpState::kFinWait1, TcpState::kClosing, TcpState::kLastAck}) {
    Script t;
    bring_to(t, state);
    while (t.connection->end() == TcpEnd::kNone) {
      t.tick();
    }
    EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout) << name_of(state);
    EXPECT_GE(t.now - kScriptStart, 100 * kSecondNs);
    EXPECT_LE(t.now - kScriptStart, 200 * kSecondNs);
  }
}

TEST(Rfc1122_4_2_2_13_Close, InFinWait2DataIsReset) {
  Script t;
  bring_to(t, TcpState::kFinWait2);
  t.connection->close(t.shared, t.now);
  t.come("P. 1:11(10) ack 2");
  EXPECT_EQ(t.go(), "R. 2:2(0) ack 1");
}

TEST(Rfc1122_4_2_2_13_Close, TwiceIsOnce) {
  Script t;
  t.open_passive();
  t.connection->close(t.shared, t.now);
  const Moment before = t.connection->deadline(t.shared);
  t.go();
  t.pass(kMillisecondNs);
  t.connection->close(t.shared, t.now);
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(before, kScriptStart + t.shared.config.orphan_ns);
  EXPECT_EQ(t.state(), TcpState::kFinWait1);
}

}  // namespace
}  // namespace pollux::tcp
