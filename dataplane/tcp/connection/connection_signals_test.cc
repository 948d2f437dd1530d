// What the peer says of losses and congestion: ECN (RFC 3168, 8257), D-SACKs (2883, 8985), Eifel
// (3522), SACKs that are taken back (2018 8). All of it is the peer's to say, so also what it may
// cost.
#include "dataplane/tcp/connection/connection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {
namespace {

const Congestion& congestion(const Script& t) { return t.connection->sender().congestion(); }

std::string acks(Seq number, const std::string& flags = ".") {
  return flags + " 1:1(0) ack " + std::to_string(number.value - kOurIsn.value);
}

// --- ECN ---

TEST(Rfc3168_6_1_1_Ecn, IsAgreedToByEceAlone) {
  for (const auto& [syn_ack, agreed] : {std::pair{"SE. 0:0(0) ack 1 mss 1000", true},
                                        {"SEW. 0:0(0) ack 1 mss 1000", false},
                                        {"S. 0:0(0) ack 1 mss 1000", false}}) {
    Script t({.ecn = true});
    t.open_active();
    EXPECT_EQ(t.go(), "SEW 0:1(0) <mss 1000 sackOK TS wscale 0>");
    t.come(syn_ack);
    EXPECT_EQ(t.connection->uses_ecn(), agreed) << syn_ack;
    t.go();
    t.write(10);
    t.go();
    EXPECT_EQ(t.last.ect, agreed);
  }
}

TEST(Rfc3168_6_1_1_Ecn, WhenBothOpenAtOnceBySynsOfBoth) {
  Script t({.ecn = true});
  t.open_active();
  t.go();
  t.come("SEW 0:0(0) mss 1000 sackOK");
  EXPECT_EQ(t.go(), "S.E 0:1(0) ack 1 <mss 1000 sackOK>");
  EXPECT_TRUE(t.connection->uses_ecn());
}

TEST(Rfc3168_6_1_2_Ecn, CwrIsOnTheNextNewDataOnce) {
  Script t({.ecn = true});
  t.open_passive();
  t.write(10'000);
  t.go();
  t.come("E. 1:1(0) ack 9001");
  t.write(2'000);
  EXPECT_EQ(t.go(), ".W 10001:11001(1000) ack 1\nP. 11001:12001(1000) ack 1");
}

// A request and its answer: each flight ends with the ACK that brings the mark.
TEST(Rfc3168_6_1_2_Ecn, TheAckOfAllCountsToo) {
  Script t({.ecn = true});
  t.open_passive();
  t.write(8'000);
  t.go();
  const uint32_t before = congestion(t).cwnd_bytes();
  t.come("E. 1:1(0) ack 8001");
  EXPECT_LT(congestion(t).cwnd_bytes(), before);
  t.write(100);
  EXPECT_EQ(t.go(), "P.W 8001:8101(100) ack 1");
}

TEST(Rfc3168_6_1_2_Ecn, BesideALossThereIsOneReductionAndCwr) {
  Script t({.ecn = true});
  t.open_passive();
  t.write(10'000);
  t.go();
  t.pass(100 * kMicrosecondNs);
  t.come("E. 1:1(0) ack 1 sack 1001:6001");
  ASSERT_TRUE(t.connection->sender().in_recovery());
  const uint32_t reduced = congestion(t).ssthresh_bytes();
  t.write(5'000);
  const std::string out = t.go();
  EXPECT_EQ(std::ranges::count(out, 'W'), out.find("10001:") == std::string::npos ? 0 : 1);
  const Seq nxt = t.connection->sender().nxt();
  t.come("E. 1:1(0) ack 10001");
  EXPECT_FALSE(t.connection->sender().in_recovery());
  EXPECT_EQ(congestion(t).ssthresh_bytes(), reduced);
  if (nxt == kOurIsn + 10'001) {
    EXPECT_NE(t.go().find('W'), std::string::npos);
  }
}

TEST(Rfc3168_6_1_2_Ecn, ATimeoutIsToldOfToo) {
  Script t({.ecn = true});
  t.open_passive();
  t.write(100);
  t.go();
  t.tick();
  t.tick();
  ASSERT_EQ(t.shared.sender.counters.timeouts, 1U);
  EXPECT_FALSE(t.last.ect) << "it goes again (6.1.5)";
  EXPECT_FALSE(t.last.header.has(kCwr));
  t.come(". 1:1(0) ack 101");
  t.write(100);
  EXPECT_EQ(t.go(), "P.W 101:201(100) ack 1");
}

TEST(Rfc3168_6_1_Ecn, WithoutItNoFlagTells) {
  Script t;
  t.open_passive();
  t.write(100);
  t.go();
  t.tick();
  t.tick();
  t.come("E. 1:1(0) ack 101");
  t.write(100);
  EXPECT_EQ(t.go(), "P. 101:201(100) ack 1");
}

TEST(Rfc3168_6_1_2_Ecn, MarksCountAfterGigabytesWithoutAny) {
  Script t({.scale = 7, .our_scale = 7, .ecn = true, .segmented_bytes_max = 64'000});
  t.open_passive();
  const auto send = [&t](uint32_t bytes) {
    t.write(bytes);
    while (t.connection->sender().unsent_bytes() != 0) {
      t.go();
      t.come(acks(t.connection->sender().nxt()));
    }
  };
  for (int i = 0; i < (1 << 11) + 1; ++i) {
    send(1U << 20);
  }
  t.write(100'000);
  t.go();
  const uint32_t before = congestion(t).cwnd_bytes();
  t.come(acks(t.connection->sender().nxt(), "E."));
  EXPECT_LT(congestion(t).cwnd_bytes(), before);
}

TEST(Rfc3168_6_1_5_Ecn, AProbeOfTheWindowIsNotMarked) {
  Script t({.ecn = true});
  t.open_passive(1'000);
  t.write(2'000);
  t.go();
  t.come(". 1:1(0) ack 1001 win 0");
  t.go();
  EXPECT_EQ(t.tick(), "P. 1001:1002(1) ack 1");
  EXPECT_FALSE(t.last.ect);
}

TEST(Rfc3168_6_1_3_Ecn, AMarkBesideCwrIsANewOne) {
  Script t({.ecn = true});
  t.open_passive();
  t.ce = true;
  t.come("P. 1:11(10) ack 1");
  t.come("PW. 11:21(10) ack 1");
  EXPECT_EQ(t.go(), ".E 1:1(0) ack 21");
}

// A peer that knows no DCTCP hears of a mark once at least.
TEST(Rfc8257_3_2_Echo, OfOneMarkInABurstIsNotLost) {
  Script t({.ecn = true});
  t.shared.sender.config.congestion = CongestionAlgorithm::kDctcp;
  t.open_passive();
  t.ce = true;
  t.come("P. 1:11(10) ack 1");
  t.ce = false;
  t.come("P. 11:21(10) ack 1");
  EXPECT_EQ(t.go(), ".E 1:1(0) ack 21");
  t.come("P. 21:31(10) ack 1");
  EXPECT_EQ(t.go(), ". 1:1(0) ack 31");
  t.ce = true;
  t.come("P. 31:41(10) ack 1");
  EXPECT_EQ(t.go(), ".E 1:1(0) ack 41");
}

// --- D-SACKs that come when all is acknowledged ---

TEST(Rfc8985_7_4_2_TailProbe, ANeedlessOneOfALoneReplyIsNoLoss) {
  for (const bool timestamps : {false, true}) {
    Script t({.timestamps = timestamps});
    t.open_passive();
    t.write(100);
    t.go();
    EXPECT_EQ(t.tick(), "P. 1:101(100) ack 1");
    t.come(". 1:1(0) ack 101");
    t.come(". 1:1(0) ack 101 sack 1:101");
    EXPECT_FALSE(t.connection->sender().probe().probing());
    EXPECT_GE(t.connection->sender().probe().longest_rtt_ns(), TailLossProbe::kStepsNs[0]);
    const uint32_t before = congestion(t).cwnd_bytes();
    t.write(100);
    t.go();
    t.come(". 1:1(0) ack 201");
    EXPECT_EQ(t.shared.sender.counters.repaired, 0U);
    EXPECT_GE(congestion(t).cwnd_bytes(), before);
  }
}

TEST(Rfc8985_7_4_2_TailProbe, OfAPeerWithoutDsackADuplicateAckTellsIt) {
  Script t;
  t.open_passive();
  t.write(100);
  t.go();
  t.tick();
  t.come(". 1:1(0) ack 101");
  t.come(". 1:1(0) ack 101");
  EXPECT_FALSE(t.connection->sender().probe().probing());
}

TEST(Rfc3708_Undo, OfANeedlessTimeoutOfALoneReply) {
  Script t;
  t.open_passive();
  t.write(100);
  t.go();
  const uint32_t before = congestion(t).cwnd_bytes();
  t.tick();
  t.tick();
  ASSERT_EQ(t.shared.sender.counters.timeouts, 1U);
  t.come(". 1:1(0) ack 101");
  EXPECT_LT(congestion(t).cwnd_bytes(), before);
  t.come(". 1:1(0) ack 101 sack 1:101");  // the probe's
  t.come(". 1:1(0) ack 101 sack 1:101");
  EXPECT_EQ(t.shared.sender.counters.undone, 1U);
  EXPECT_EQ(congestion(t).cwnd_bytes(), before);
}

TEST(Rfc2883_Dsack, OfWhatCannotBeOnItsWayIsNotBelieved) {
  Script t;
  t.open_passive(1'000);
  t.write(100);
  t.go();
  t.tick();
  t.come(". 1:1(0) ack 101 win 1000");
  t.come(". 1:1(0) ack 101 win 1000 sack 4294965000:101");
  EXPECT_TRUE(t.connection->sender().probe().probing());
}

// --- SACKs that are taken back ---

TEST(Rfc2018_8_Reneging, WaitsForTheTimerAndIsBorneOnce) {
  Script t;
  t.open_passive();
  t.write(8'000);
  t.go();
  t.pass(100 * kMicrosecondNs);
  t.come(". 1:1(0) ack 1 sack 1001:8001");
  EXPECT_EQ(t.go(), "P. 1:1001(1000) ack 1");
  t.come(". 1:1(0) ack 1001");
  EXPECT_EQ(t.go(), "") << "not for each such ACK";
  EXPECT_EQ(t.tick(), "P. 1001:2001(1000) ack 1");
  EXPECT_EQ(t.shared.sender.counters.reneged, 1U);
  t.come(". 1:1(0) ack 1001 sack 2001:8001");
  t.come(". 1:1(0) ack 2001");
  EXPECT_EQ(t.go(), "");
  EXPECT_EQ(t.tick(), "P. 2001:3001(1000) ack 1");
  EXPECT_EQ(t.shared.sender.counters.reneged, 2U);
  t.come(". 1:1(0) ack 2001 sack 3001:8001");
  EXPECT_EQ(t.connection->sender().queue().sacked_bytes(), 0U) << "it had its chance";
  EXPECT_TRUE(t.connection->uses_sack()) << "what it sends is SACKed all the same";
}

// What an attacker makes of it: a round for each ACK, and all goes out again.
TEST(Rfc2018_8_Reneging, DoesNotMultiply) {
  Script t({.mss = 88});
  t.open_passive(60'000);
  t.write(1U << 20);
  for (int i = 0; i < 9; ++i) {  // so that much is outstanding
    t.go();
    t.come(acks(t.connection->sender().nxt()));
  }
  t.go();
  const uint64_t before = t.shared.sender.counters.retransmissions;
  for (int i = 0; i < 100; ++i) {
    const Sender& sender = t.connection->sender();
    const uint32_t una = sender.una() - kOurIsn;
    const uint32_t nxt = sender.nxt() - kOurIsn;
    t.come(". 1:1(0) ack " + std::to_string(una) + " sack " + std::to_string(una + 88) + ":" +
           std::to_string(nxt));
    t.come(". 1:1(0) ack " + std::to_string(una + 88));
    t.go();
  }
  EXPECT_LE(t.shared.sender.counters.retransmissions - before, 200U);
}

// --- undo ---

TEST(Rfc4015_Undo, IsOnceForWhatIsOutstanding) {
  Script t({.timestamps = true});  // 988 bytes a segment
  t.open_passive();
  t.write(5 * 988);
  t.go();
  const uint32_t of_the_originals = timestamp_at({.timestamp = kTimestampOffset}, t.now);
  t.pass(2 * kMillisecondNs);
  t.come(". 1:1(0) ack 1 sack 1977:4941");
  EXPECT_NE(t.go(), "");
  ASSERT_EQ(t.shared.sender.counters.recoveries, 1U);
  t.echo = of_the_originals;
  t.come(". 1:1(0) ack 989 sack 1977:4941");
  EXPECT_EQ(t.shared.sender.counters.undone, 1U);
  // Once more, before all of that is acknowledged.
  t.pass(kMillisecondNs);
  t.write(5 * 988);
  t.go();
  t.pass(2 * kMillisecondNs);
  t.come(". 1:1(0) ack 989 sack 1977:9881");
  t.go();
  ASSERT_EQ(t.shared.sender.counters.recoveries, 2U);
  t.come(". 1:1(0) ack 1977 sack 1977:9881");
  EXPECT_EQ(t.shared.sender.counters.undone, 1U);
}

// --- what is kept ---

TEST(Memory, OfABurstIsNotKept) {
  Script t;
  t.open_passive(60'000);
  t.write(1U << 20);
  size_t most = 0;
  while (t.connection->sender().unsent_bytes() != 0) {
    t.go();
    most = std::max(most, t.connection->sender().queue().memory_bytes());
    t.come(acks(t.connection->sender().nxt()));
  }
  EXPECT_GT(most, 1'000U);
  EXPECT_LT(t.connection->sender().queue().memory_bytes(), 500U);
}

TEST(Memory, OfBytesBeforeTheirTurnIsCountedAsItIs) {
  Script t;
  t.open_passive();
  for (uint32_t i = 0; i < 512; ++i) {
    const uint32_t from = 11 + 2 * i;
    t.come("P. " + std::to_string(from) + ":" + std::to_string(from + 1) + "(1) ack 1");
  }
  const uint32_t held = t.connection->held_bytes();
  EXPECT_EQ(held % 128, 0U);  // so many may stand alone
  EXPECT_GE(held / 128, 32U + 24 + 12);  // what malloc and two vectors take for one, at least
  EXPECT_LE(held / 128, 128U);
  EXPECT_EQ(t.connection->drop_held(), held);
  EXPECT_EQ(t.connection->held_bytes(), 0U);
}

// One for each segment before its turn; those that find no room go later, and none twice.
TEST(Rfc5681_4_2_DuplicateAcks, ComeToAnEndThroughAFullRing) {
  Script t({.sack = false});
  t.open_passive();
  t.go();
  for (int i = 0; i < 60; ++i) {
    const int from = 101 + 10 * i;
    t.come("P. " + std::to_string(from) + ":" + std::to_string(from + 10) + "(10) ack 1");
  }
  int sent = 0;
  for (int turn = 0; turn < 10; ++turn) {
    t.room = 20;
    const std::string lines = t.go();
    sent += lines.empty() ? 0 : 1 + static_cast<int>(std::count(lines.begin(), lines.end(), '\n'));
  }
  EXPECT_EQ(sent, 60);
}

}  // namespace
}  // namespace pollux::tcp
