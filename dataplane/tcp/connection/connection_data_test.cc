// What a connection sends, acknowledges and repeats, segment by segment, by section of the RFCs.
#include "dataplane/tcp/connection/connection.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

using Verdict = Connection::Verdict;

// --- RFC 9293 3.7, 3.8: sending ---

TEST(Sending, AllOfATurnGoesInAsFewSegmentsAsCanBe) {
  Script t;
  t.open_passive();
  for (int i = 0; i < 25; ++i) {
    t.write(100);
  }
  EXPECT_EQ(t.go(), ". 1:1001(1000) ack 1\n. 1001:2001(1000) ack 1\nP. 2001:2501(500) ack 1");
}

TEST(Sending, ADeviceThatCutsGetsOneFrame) {
  Script t({.segmented_bytes_max = 64'000});
  t.open_passive();
  t.write(8'500);
  EXPECT_EQ(t.go(), "P. 1:8501(8500) ack 1 in 1000");
}

TEST(Sending, AFullRingLosesNothing) {
  Script t;
  t.open_passive();
  t.write(3'000);
  t.room = 1;
  EXPECT_EQ(t.go(), ". 1:1001(1000) ack 1");
  t.room = SIZE_MAX;
  EXPECT_EQ(t.go(), ". 1001:2001(1000) ack 1\nP. 2001:3001(1000) ack 1");
}

TEST(Rfc6928_InitialWindow, TenSegments) {
  Script t;
  t.open_passive();
  t.write(100'000);
  t.go();
  EXPECT_EQ(t.connection->sender().nxt(), kOurIsn + 10'001);
}

TEST(Rfc6691_Mss, DoesNotCountOptionsButWhatIsSentDoes) {
  Script t({.timestamps = true});
  t.open_passive();
  t.write(2'000);
  EXPECT_EQ(t.go(), ". 1:989(988) ack 1\n. 989:1977(988) ack 1\nP. 1977:2001(24) ack 1");
}

TEST(Rfc9293_3_7_1_Mss, ATinyOneIsNotTaken) {
  Script t({.mss = 1});
  t.open_passive();
  EXPECT_EQ(t.connection->sender().mss(), 88);
}

TEST(Rfc9293_3_8_6_2_1_SillyWindow, NoSmallSegmentBesideASmallWindow) {
  Script t;
  t.open_passive(2'500);
  t.write(3'000);
  EXPECT_EQ(t.go(), ". 1:1001(1000) ack 1\n. 1001:2001(1000) ack 1");
  t.come(". 1:1(0) ack 2001 win 500");
  EXPECT_EQ(t.go(), "");
  t.come(". 1:1(0) ack 2001 win 1250");  // half of the widest: as much as there is to wait for
  EXPECT_EQ(t.go(), "P. 2001:3001(1000) ack 1");
}

TEST(Rfc9293_3_8_6_WindowShrinks, NothingNewIsSentBeyondIt) {
  Script t;
  t.open_passive(5'000);
  t.write(10'000);
  t.go();
  t.come(". 1:1(0) ack 1001 win 2000");  // 4000 are outstanding
  EXPECT_EQ(t.go(), "");
  t.come(". 1:1(0) ack 5001 win 2000");
  EXPECT_EQ(t.go(), ". 5001:6001(1000) ack 1\n. 6001:7001(1000) ack 1");
}

TEST(Rfc9293_3_8_6_1_ZeroWindow, IsProbedByAByte) {
  Script t;
  t.open_passive(1'000);
  t.write(2'000);
  EXPECT_EQ(t.go(), ". 1:1001(1000) ack 1");
  t.come(". 1:1(0) ack 1001 win 0");
  EXPECT_EQ(t.go(), "");
  for (const int64_t ms : {5, 10, 20, 40}) {
    const Moment before = t.now;
    EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
    EXPECT_EQ(t.now - before, ms * kMillisecondNs);
    t.come(". 1:1(0) ack 1001 win 0");
    EXPECT_EQ(t.go(), "");
  }
  t.come(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(t.go(), "P. 1001:2001(1000) ack 1");
}

TEST(Rfc9293_3_8_6_1_ZeroWindow, AProbeThatIsTakenCounts) {
  Script t;
  t.open_passive(1'000);
  t.write(2'000);
  t.go();
  t.come(". 1:1(0) ack 1001 win 0");
  t.go();
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  t.come(". 1:1(0) ack 1002 win 999");
  EXPECT_EQ(t.go(), "P. 1002:2001(999) ack 1");
}

TEST(Rfc1122_4_2_2_17_ZeroWindow, APeerWhoAnswersIsWaitedForAndOneWhoDoesNotIsNot) {
  Script t;
  t.open_passive(1'000);
  t.write(2'000);
  t.go();
  t.come(". 1:1(0) ack 1001 win 0");
  for (int i = 0; i < 40; ++i) {
    t.go();
    ASSERT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
    t.come(". 1:1(0) ack 1001 win 0");
  }
  EXPECT_GT(t.now - kScriptStart, 600 * kSecondNs);
  // From now on nothing answers. One packet that is lost, or two, end nothing.
  t.go();
  int probes = 0;
  while (t.tick() == "P. 1001:1002(1) ack 1") {
    ++probes;
  }
  EXPECT_EQ(probes, 4);
  EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout);
}

TEST(Rfc9293_3_8_6_1_ZeroWindow, TwoWhoProbeEachOtherGoOn) {
  Script t;
  t.open_passive(1'000);
  t.write(2'000);
  t.go();
  t.come(". 1:1(0) ack 1001 win 0");
  t.go();
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  t.come("P. 1:2(1) ack 1001 win 0");  // the peer's probe, which is taken
  EXPECT_EQ(t.go(), ". 1001:1001(0) ack 2");
  // The peer took ours too, and does not know that its own was: its ACKs begin one below.
  t.come(". 1:1(0) ack 1002 win 1000");
  EXPECT_EQ(t.go(), "P. 1002:2001(999) ack 2");
}

// --- acknowledging ---

TEST(Rfc9293_3_8_6_3_Acks, RideOnTheAnswerOrGoLater) {
  Script t;
  t.shared.config.receive.ack.quick_acks = 0;
  t.open_passive();
  t.come("P. 1:101(100) ack 1");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), ". 1:1(0) ack 101");
  EXPECT_EQ(t.now - kScriptStart, 2 * kMillisecondNs);
  t.come("P. 101:201(100) ack 1");
  t.write(5);
  EXPECT_EQ(t.go(), "P. 1:6(5) ack 201");
  t.come(". 201:1201(1000) ack 6");
  t.come("P. 1201:2201(1000) ack 6");
  EXPECT_EQ(t.go(), ". 6:6(0) ack 2201");
}

TEST(Rfc5681_4_2_Acks, AtOnceOfAGapItsEndAndWhatCameTwice) {
  Script t;
  t.shared.config.receive.ack.quick_acks = 0;
  t.open_passive();
  t.come("P. 11:21(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 <sack 11:21>");
  t.come("P. 1:11(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 21");
  t.come("P. 1:11(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 21 <sack 1:11>");
  t.come("F. 21:21(0) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 22");
}

TEST(Rfc5681_4_2_Acks, OfEverySecondFullSegmentAtOnce) {
  Script t;
  t.shared.config.receive.ack.quick_acks = 0;
  t.open_passive();
  t.come(". 1:1001(1000) ack 1");
  EXPECT_EQ(t.go(), "");
  t.come(". 1001:2001(1000) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 2001");
}

TEST(Rfc2883_4_Dsack, InsideHeldDataTheBlockAroundItIsSecond) {
  Script t;
  t.open_passive();
  t.come("P. 11:31(20) ack 1");
  t.go();
  t.come("P. 11:21(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 <sack 11:21 11:31>");
  // One that waits is not lost because data goes out before it.
  t.come("P. 21:31(10) ack 1");
  t.write(10);
  EXPECT_EQ(t.go(), "P. 1:11(10) ack 1\n. 11:11(0) ack 1 <sack 21:31 11:31>");
}

TEST(Rfc2018_3_Sack, BesideTimestampsThereIsRoomForThreeBlocks) {
  Script t({.timestamps = true});
  t.open_passive();
  for (const char* segment : {"P. 11:12(1) ack 1", "P. 21:22(1) ack 1", "P. 31:32(1) ack 1",
                              "P. 41:42(1) ack 1"}) {
    t.come(segment);
  }
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 <sack 41:42 31:32 21:22>");
}

TEST(Rfc2018_Sack, BlocksTellOfWhatCameBeforeItsTurn) {
  Script t;
  t.open_passive();
  t.come("P. 11:21(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 <sack 11:21>");
  t.come("P. 31:41(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1 <sack 31:41 11:21>");
  t.write(10);
  EXPECT_EQ(t.go(), "P. 1:11(10) ack 1");
  t.come("P. 1:11(10) ack 1");
  EXPECT_EQ(t.got, peer_text(1, 20));
  EXPECT_EQ(t.go(), ". 11:11(0) ack 21 <sack 31:41>");
  t.come("P. 21:31(10) ack 1");
  EXPECT_EQ(t.got, peer_text(1, 40));
  EXPECT_EQ(t.go(), ". 11:11(0) ack 41");
}

TEST(Rfc5681_4_2_WithoutSack, EachSegmentBeforeItsTurnIsADuplicateAck) {
  Script t({.sack = false});
  t.open_passive();
  t.come("P. 11:21(10) ack 1");
  t.come("P. 21:31(10) ack 1");
  t.come("P. 31:41(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 1\n. 1:1(0) ack 1\n. 1:1(0) ack 1");
}

TEST(Rfc9293_3_8_6_2_2_Window, OpensWhenItIsWorthASegment) {
  Script t;
  t.shared.config.receive.buffer_bytes = 4'000;
  t.open_passive();
  t.shows_windows = true;
  t.reads = false;
  // The window of the SYN-ACK was wider, and its edge does not move left.
  for (uint32_t from = 1; from < 65'001; from += 1'000) {
    t.come(". " + std::to_string(from) + ":" + std::to_string(from + 1'000) + "(1000) ack 1");
  }
  EXPECT_EQ(t.go(), ". 1:1(0) ack 65001 win 535");
  t.come("P. 65001:65536(535) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 65536 win 0");
  t.connection->read(62'000);
  EXPECT_EQ(t.go(), "") << "less than two segments";
  t.connection->read(3'000);
  EXPECT_EQ(t.go(), ". 1:1(0) ack 65536 win 3465");
}

TEST(Rfc9293_3_10_7_4_ZeroWindow, AProbeOfOursIsAnsweredAndItsAckCounts) {
  Script t;
  t.shared.config.receive.buffer_bytes = 1'000;
  t.open_passive();
  t.reads = false;
  t.write(100);
  t.go();
  for (uint32_t from = 1; from < 65'001; from += 1'000) {
    t.come(". " + std::to_string(from) + ":" + std::to_string(from + 1'000) + "(1000) ack 1");
  }
  t.come("P. 65001:65536(535) ack 1");
  t.go();
  t.come("P. 65536:65537(1) ack 101");
  EXPECT_EQ(t.got.size(), 65'535U);
  EXPECT_EQ(t.connection->unacknowledged_bytes(), 0U);
  t.shows_windows = true;
  EXPECT_EQ(t.go(), ". 101:101(0) ack 65536 win 0");
}

// --- losses ---

TEST(Rfc8985_7_TailProbe, RepeatsTheEndOfAFlight) {
  Script t;
  t.open_passive();
  t.write(100);
  t.go();
  EXPECT_EQ(t.tick(), "P. 1:101(100) ack 1");
  EXPECT_EQ(t.now - kScriptStart, 200 * kMicrosecondNs);  // 2 * SRTT
  EXPECT_EQ(t.shared.sender.counters.tail_probes, 1U);
  EXPECT_EQ(t.tick(), "P. 1:101(100) ack 1");
  EXPECT_EQ(t.shared.sender.counters.timeouts, 1U);
  t.come(". 1:1(0) ack 101");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.connection->sender().deadline(), kNever);
}

TEST(Rfc8985_6_Rack, ALaterSegmentTellsOfALoss) {
  Script t;
  t.open_passive();
  t.write(5'000);
  t.go();
  t.pass(100 * kMicrosecondNs);
  t.come(". 1:1(0) ack 1 sack 1001:5001");
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
  EXPECT_EQ(t.shared.sender.counters.recoveries, 1U);
}

TEST(Rfc6298_5_Timer, BacksOffAndGivesUp) {
  Script t({.sack = false});
  t.open_passive();
  t.write(100);
  t.go();
  for (const int64_t ms : {5, 10, 20, 40, 80}) {
    const Moment before = t.now;
    EXPECT_EQ(t.tick(), "P. 1:101(100) ack 1");
    EXPECT_EQ(t.now - before, ms * kMillisecondNs);
  }
  while (t.connection->end() == TcpEnd::kNone) {
    t.tick();
  }
  EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout);
  EXPECT_GE(t.now - kScriptStart, 100 * kSecondNs);
  EXPECT_LE(t.now - kScriptStart, 200 * kSecondNs);
}

// --- RFC 7323 ---

TEST(Rfc7323_5_3_Paws, OldSegmentsAreAnsweredAndDropped) {
  Script t({.timestamps = true});
  t.open_passive();
  t.peer_timestamp += 10;
  t.come("P. 1:11(10) ack 1");
  t.go();
  EXPECT_EQ(t.last.options.timestamps->echo, Script::kPeerTimestamp + 10);
  t.peer_timestamp -= 1;
  EXPECT_EQ(t.come("P. 11:21(10) ack 1"), Verdict::kDropped);
  EXPECT_EQ(t.got, peer_text(1, 10));
  EXPECT_EQ(t.go(), ". 1:1(0) ack 11");
  EXPECT_EQ(t.come("R 11:11(0)"), Verdict::kTaken);  // of a RST nothing is asked
  EXPECT_EQ(t.connection->end(), TcpEnd::kReset);
}

TEST(Rfc7323_5_5_Paws, AfterLongSilenceATimestampIsNotOld) {
  Script t({.timestamps = true});
  t.shared.config.keepalive_idle_ns = 0;
  t.open_passive();
  t.pass(int64_t{25} * 24 * 3600 * kSecondNs);
  t.peer_timestamp -= 1'000'000;
  EXPECT_EQ(t.come("P. 1:11(10) ack 1"), Verdict::kTaken);
}

TEST(Rfc7323_4_3_Echo, IsOfTheSegmentThatTheAckAnswers) {
  Script t({.timestamps = true});
  t.shared.config.receive.ack.quick_acks = 0;
  t.open_passive();
  t.come("P. 1:11(10) ack 1");
  t.peer_timestamp += 5;
  t.come("P. 11:21(10) ack 1");  // behind the last ACK: the first of the two is echoed
  t.tick();
  EXPECT_EQ(t.last.options.timestamps->echo, Script::kPeerTimestamp);
}

TEST(Rfc7323_3_2_Timestamps, OnceAgreedToWhatHasNoneIsDropped) {
  Script t({.timestamps = true});
  t.open_passive();
  t.sends_timestamps = false;
  EXPECT_EQ(t.come("P. 1:11(10) ack 1"), Verdict::kDropped);
  EXPECT_EQ(t.got, "");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.come("R 1:1(0)"), Verdict::kTaken);
}

TEST(Rfc7323_4_3_Echo, IsNotOfWhatLiesBehindAGapNorOfWhatIsRefused) {
  Script t({.timestamps = true});
  t.open_passive();
  t.peer_timestamp += 10;
  for (const char* segment :
       {"P. 11:21(10) ack 1", "P. 70001:70011(10) ack 1", "P. 1:11(10) ack 5000"}) {
    t.come(segment);
    EXPECT_NE(t.go(), "") << segment;
    EXPECT_EQ(t.last.options.timestamps->echo, Script::kPeerTimestamp) << segment;
  }
}

TEST(Rfc7323_4_Rtt, IsNotOfAnEchoThatIsMadeUp) {
  for (const uint32_t wrong : {1'000U, 3'000'000'000U, static_cast<uint32_t>(-1'000)}) {
    Script t({.timestamps = true});
    t.open_passive();
    t.write(100);
    t.go();
    t.tick();  // the probe: so the echo decides of which of the two the ACK is
    t.pass(kMillisecondNs);
    t.echo = timestamp_at({.timestamp = kTimestampOffset}, t.now) + wrong;
    t.come(". 1:1(0) ack 101");
    EXPECT_EQ(t.connection->unacknowledged_bytes(), 0U);
    EXPECT_LT(t.connection->sender().rtt().srtt_ns(), kMillisecondNs) << wrong;
  }
}

// --- keepalive ---

TEST(Rfc1122_4_2_3_6_Keepalive, AsksThreeTimes) {
  Script t;
  t.open_passive();
  EXPECT_EQ(t.tick(), ". 0:0(0) ack 1");
  EXPECT_EQ(t.now - kScriptStart, 300 * kSecondNs);
  t.come(". 1:1(0) ack 1");
  EXPECT_EQ(t.go(), "");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(t.tick(), ". 0:0(0) ack 1");
  }
  EXPECT_EQ(t.tick(), "R. 1:1(0) ack 1");
  EXPECT_EQ(t.connection->end(), TcpEnd::kTimeout);
  EXPECT_EQ(t.now - kScriptStart, 900 * kSecondNs);
}

// Linux probes our window by such ones too, five times in the first 6 s.
TEST(Rfc1122_4_2_3_6_Keepalive, OfThePeerIsAnsweredWhateverStrangersSend) {
  Script t;
  t.open_passive();
  for (int i = 0; i < 20; ++i) {
    t.come(". 70000:70000(0) ack 1");
    t.go();
    t.pass(50 * kMillisecondNs);
    t.come(". 0:0(0) ack 1");
    EXPECT_EQ(t.go(), ". 1:1(0) ack 1") << i;
  }
  EXPECT_EQ(t.come(". 0:0(0) ack 5000"), Verdict::kDropped);
}

TEST(Rfc1122_4_2_3_6_Keepalive, OfThePeerShowsThatItLives) {
  Script t;
  t.open_passive();
  t.pass(200 * kSecondNs);
  t.come(". 0:0(0) ack 1");
  t.go();
  EXPECT_EQ(t.tick(), ". 0:0(0) ack 1");
  EXPECT_EQ(t.now - kScriptStart, 500 * kSecondNs);
}

TEST(Rfc1122_4_2_3_6_Keepalive, BehindAStallItAsksAsPatientlyAsEver) {
  Script t;
  t.open_passive();
  t.pass(700 * kSecondNs);  // the process stood still
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(t.tick(), ". 0:0(0) ack 1");
    EXPECT_EQ(t.now - kScriptStart, (700 + 100 * i) * kSecondNs);
  }
  EXPECT_EQ(t.tick(), "R. 1:1(0) ack 1");
}

TEST(Rfc1122_4_2_3_6_Keepalive, OneThatWaitedForRoomIsNotSentBehindData) {
  Script t;
  t.open_passive();
  t.room = 0;
  EXPECT_EQ(t.tick(), "");
  t.room = SIZE_MAX;
  t.come("P. 1:101(100) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 101");
}

TEST(Rfc1122_4_2_3_6_Keepalive, NoneWhileSomethingIsOutstandingNorIfTheyAreOff) {
  Script t;
  t.open_passive();
  t.shared.config.keepalive_idle_ns = 0;
  EXPECT_EQ(t.connection->deadline(t.shared), kNever);
  t.shared.config.keepalive_idle_ns = kMillisecondNs;
  t.write(10);
  t.go();
  t.pass(3 * kMillisecondNs);
  EXPECT_EQ(t.tick(), "P. 1:11(10) ack 1");
}

// --- the path ---

TEST(Rfc1191_PathMtu, WhatWasTooLongGoesAgain) {
  Script t;
  t.open_passive();
  t.write(2'000);
  t.go();
  t.connection->on_path_mss(500);
  EXPECT_EQ(t.connection->sender().mss(), 500);
  EXPECT_EQ(t.go(),
            "P. 1:501(500) ack 1\nP. 501:1001(500) ack 1\nP. 1001:1501(500) ack 1\n"
            "P. 1501:2001(500) ack 1");
}

TEST(Rfc4821_BlackHole, LongSegmentsThatNobodyAnswersBecomeShort) {
  Script t({.mss = 8'000});
  t.open_passive();
  t.write(8'000);
  EXPECT_EQ(t.go(), "P. 1:8001(8000) ack 1");
  std::string out;
  while ((out = t.tick()) == "P. 1:8001(8000) ack 1") {
  }
  EXPECT_EQ(out.substr(0, 21), "P. 1:1221(1220) ack 1");
  // Not at the first stall of a peer, which may be a few timeouts long.
  EXPECT_GT(t.now - kScriptStart, kSecondNs);
  EXPECT_LT(t.now - kScriptStart, 2 * kSecondNs);
}

// What goes again is put together from what went out, so it may be longer than that was.
TEST(Rfc4821_BlackHole, ShortOnesThatBecameALongOneCountToo) {
  Script t({.mss = 8'000});
  t.open_passive();
  t.write(800);
  t.go();
  t.write(3'200);
  EXPECT_EQ(t.go(), "P. 801:4001(3200) ack 1");
  EXPECT_EQ(t.tick(), "P. 801:4001(3200) ack 1") << "the probe";
  std::string out;
  while ((out = t.tick()) == "P. 1:4001(4000) ack 1") {
  }
  EXPECT_EQ(out, "P. 1:801(800) ack 1");
  EXPECT_LT(t.now - kScriptStart, 2 * kSecondNs);
  t.come(". 1:1(0) ack 801");
  EXPECT_EQ(t.go(), "P. 801:2021(1220) ack 1");
}

// With timestamps what every path takes is shorter by them. (A play by seed was given up here, with
// 1,217 bytes.)
TEST(Rfc4821_BlackHole, WhatIsTooLongByItsOptionsAloneBecomesShort) {
  Script t({.mss = 1'440, .timestamps = true});
  t.open_passive();
  t.write(1'217);
  const std::string whole = t.go();
  EXPECT_EQ(whole.substr(0, 21), "P. 1:1218(1217) ack 1");
  std::string out;
  while ((out = t.tick()).substr(0, 21) == whole.substr(0, 21)) {
  }
  EXPECT_EQ(out.substr(0, 21), "P. 1:1209(1208) ack 1");
  EXPECT_LT(t.now - kScriptStart, 2 * kSecondNs);
}

TEST(Rfc4821_BlackHole, ATimerThatHasBackedOffDoesNotHideIt) {
  Script t({.mss = 8'000});
  t.open_passive();
  t.shared.sender.config.rtt.rto_min_ns = 20 * kSecondNs;
  t.write(8'000);
  t.go();
  std::string out;
  while ((out = t.tick()) == "P. 1:8001(8000) ack 1") {
  }
  EXPECT_EQ(out.substr(0, 21), "P. 1:1221(1220) ack 1");
}

// --- ECN ---

TEST(Rfc3168_6_1_Ecn, MarksAreEchoedUntilTheyWereHeard) {
  Script t({.ecn = true});
  t.open_passive();
  t.write(100);
  EXPECT_EQ(t.go(), "P. 1:101(100) ack 1");
  EXPECT_TRUE(t.last.ect);
  t.ce = true;
  t.come("P. 1:11(10) ack 1");
  EXPECT_EQ(t.go(), ".E 101:101(0) ack 11");
  t.ce = false;
  t.come("P. 11:21(10) ack 1");
  EXPECT_EQ(t.go(), ".E 101:101(0) ack 21");
  t.come("PW. 21:31(10) ack 1");
  EXPECT_EQ(t.go(), ". 101:101(0) ack 31");
}

TEST(Rfc3168_6_1_2_Ecn, AnEchoIsAnsweredOnceAWindow) {
  Script t({.ecn = true});
  t.open_passive();
  t.write(10'000);
  t.go();
  const uint32_t before = t.connection->sender().congestion().cwnd_bytes();
  t.write(10'000);
  t.come("E. 1:1(0) ack 1001");
  const uint32_t after = t.connection->sender().congestion().cwnd_bytes();
  EXPECT_LT(after, before);
  t.come("E. 1:1(0) ack 5001");
  EXPECT_GE(t.connection->sender().congestion().cwnd_bytes(), after);
  EXPECT_NE(t.go().find('W'), std::string::npos);
}

}  // namespace
}  // namespace pollux::tcp
