#include "dataplane/tcp/recovery/tlp.h"

#include <gtest/gtest.h>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

RttEstimator steady(int64_t rtt_ns) {
  RttEstimator rtt;
  for (int i = 0; i < 100; ++i) {
    rtt.sample(rtt_ns, {i});
  }
  return rtt;
}

// With the retransmission timer begun at the same moment.
int64_t pto_ns(const TailLossProbe& probe, const RttEstimator& rtt, bool lone) {
  const Moment now{kSecondNs};
  const Moment rto_at = now + probe.rto_ns(rtt, kDataCentreRtt, lone);
  return probe.probe_at(now, rto_at, rtt, kDataCentreRtt, lone) - now;
}

// As they are kept.
constexpr int64_t kUnitNs = 2'048;
constexpr int64_t kept(int64_t ns) {
  return (ns + kUnitNs - 1) / kUnitNs * kUnitNs;
}
constexpr int64_t kLateNs = kept(40'020'000);
constexpr int64_t kLatestNs = kept(200'020'000);

constexpr Seq kEnd{0x00000010};  // behind the wrap
const RttEstimator kQuick = steady(20'000);
using Verdict = TailLossProbe::Verdict;

TEST(TlpTest, Rfc8985_7_2_TwoSrttButNoLongerThanTheRto) {
  const TailLossProbe probe;
  EXPECT_EQ(pto_ns(probe, steady(100'000), false), 200'000);
  EXPECT_EQ(pto_ns(probe, steady(20'000), false), 64'000);  // the timers' step
  EXPECT_EQ(pto_ns(probe, steady(4'000'000), false), 5'000'000);
  EXPECT_EQ(pto_ns(probe, RttEstimator{}, false), kSecondNs);
}

TEST(TlpTest, Rfc8985_7_2_NoLaterThanTheTimerThatRuns) {
  const TailLossProbe probe;
  const Moment now{kSecondNs};
  EXPECT_EQ(probe.probe_at(now, now + 150'000, steady(100'000), kDataCentreRtt, false),
            now + 150'000);
}

TEST(TlpTest, Rfc8985_7_2_OneProbeUntilTheRttIsMeasuredAgain) {
  TailLossProbe probe;
  EXPECT_TRUE(probe.may_probe());
  probe.on_sent(kEnd, false, true);
  EXPECT_FALSE(probe.may_probe());
  EXPECT_EQ(probe.on_ack({.ack = kEnd}, kQuick), Verdict::kNothing);  // new data: done
  EXPECT_FALSE(probe.probing());
  EXPECT_FALSE(probe.may_probe());
  probe.on_rtt_sample();
  EXPECT_TRUE(probe.may_probe());
}

TEST(TlpTest, Rfc8985_7_4_ALossThatTheProbeRepaired) {
  TailLossProbe probe;
  probe.on_sent(kEnd, true, true);
  EXPECT_EQ(probe.on_ack({.ack = kEnd - 1}, kQuick), Verdict::kNothing);
  EXPECT_EQ(probe.on_ack({.ack = kEnd}, kQuick), Verdict::kNothing);
  EXPECT_EQ(probe.on_ack({.ack = kEnd + 1}, kQuick), Verdict::kLossRepaired);
  EXPECT_EQ(probe.on_ack({.ack = kEnd + 2}, kQuick), Verdict::kNothing);
  EXPECT_EQ(probe.longest_rtt_ns(), 0);
}

TEST(TlpTest, Rfc8985_7_4_NoLossByDsackDuplicateOrTimestamp) {
  const TailLossProbe::Ack proofs[] = {
      {.ack = kEnd, .dsack = SeqRange{kEnd - 100, kEnd}},
      {.ack = kEnd, .duplicate = true},
      {.ack = kEnd, .echoes_before_probe = true},
  };
  for (const auto& proof : proofs) {
    TailLossProbe probe;
    probe.on_sent(kEnd, true, true);
    EXPECT_EQ(probe.on_ack(proof, kQuick), Verdict::kSpurious);
    EXPECT_FALSE(probe.probing());
  }
  TailLossProbe probe;
  probe.on_sent(kEnd, true, true);
  EXPECT_EQ(probe.on_ack({.ack = kEnd, .dsack = SeqRange{kEnd - 300, kEnd - 200}}, kQuick),
            Verdict::kNothing);
}

TEST(TlpTest, PatienceRisesByStepsAndSparesTheLoneSegment) {
  TailLossProbe probe;
  const RttEstimator rtt = steady(20'000);
  EXPECT_EQ(pto_ns(probe, rtt, true), 64'000);
  const auto spurious = [&] {
    probe.on_sent(kEnd, true, true);
    probe.on_ack({.ack = kEnd, .duplicate = true}, rtt);
  };
  for (const int64_t step_ns : TailLossProbe::kStepsNs) {
    spurious();
    const int64_t longest_ns = kept(20'000 + step_ns);
    EXPECT_EQ(probe.longest_rtt_ns(), longest_ns);
    // No peer waits for longer than the last step.
    const int64_t patience_ns = std::min(longest_ns, 20'000 + TailLossProbe::kLastStepNs) * 5 / 4;
    EXPECT_EQ(pto_ns(probe, rtt, true), patience_ns);
    EXPECT_EQ(probe.rto_ns(rtt, kDataCentreRtt, true), std::max(5 * kMillisecondNs, patience_ns));
    EXPECT_EQ(pto_ns(probe, rtt, false), 64'000);  // more in flight: as before
    EXPECT_EQ(probe.rto_ns(rtt, kDataCentreRtt, false), 5 * kMillisecondNs);
  }
  spurious();
  EXPECT_EQ(probe.longest_rtt_ns(), kLatestNs);
}

// A step that is no longer than what was waited for in vain teaches nothing.
TEST(TlpTest, TheFirstStepIsAboveWhatWasWaitedFor) {
  TailLossProbe probe;
  const RttEstimator rtt = steady(4'000'000);
  probe.on_sent(kEnd, true, true);
  probe.on_ack({.ack = kEnd, .duplicate = true}, rtt);  // behind 8 ms
  EXPECT_EQ(probe.longest_rtt_ns(), kept(12'000'000));
  TailLossProbe by_rto;
  RttEstimator quick = steady(20'000);
  quick.back_off();                               // it has expired
  by_rto.on_needless_rto(quick, kDataCentreRtt);  // behind 5 ms
  EXPECT_EQ(by_rto.longest_rtt_ns(), kept(8'020'000));
}

// Half of its ACKs 200 ms late: twice the SRTT is beyond all steps, and a quarter more than the
// last is beyond that.
TEST(TlpTest, AtLeastTheLastStepIsTaken) {
  TailLossProbe probe;
  RttEstimator rtt;
  for (int i = 0; i < 50; ++i) {
    rtt.sample((i % 2 == 0 ? 20 : 215) * kMillisecondNs, {i});
  }
  ASSERT_GT(2 * rtt.srtt_ns(), 220 * kMillisecondNs);
  probe.on_sent(kEnd, true, true);
  probe.on_ack({.ack = kEnd, .duplicate = true}, rtt);
  EXPECT_EQ(probe.longest_rtt_ns(), kept(220'000'000));
}

// Five segments behind which the peer stood still for longer than two RTTs say nothing of how long
// it keeps the ACK of one back.
TEST(TlpTest, ANeedlessProbeOfALongerFlightTeachesNothing) {
  TailLossProbe probe;
  for (int i = 0; i < 4; ++i) {
    probe.on_sent(kEnd, true, false);
    EXPECT_EQ(probe.on_ack({.ack = kEnd, .duplicate = true}, kQuick), Verdict::kSpurious);
  }
  EXPECT_EQ(probe.longest_rtt_ns(), 0);
  EXPECT_EQ(pto_ns(probe, kQuick, true), 64'000);
  probe.on_sent(kEnd, true, true);  // behind a second: no RTT was measured yet
  EXPECT_EQ(probe.on_ack({.ack = kEnd, .duplicate = true}, RttEstimator{}), Verdict::kSpurious);
  EXPECT_EQ(probe.longest_rtt_ns(), 0);
}

// Each is late, so the smoothed RTT and the smallest are, too: that is not waited for twice.
TEST(TlpTest, OfAPeerThatIsAlwaysLateAQuarterMoreIsWaitedFor) {
  TailLossProbe probe;
  const RttEstimator rtt = steady(40'000'000);
  probe.on_lone_rtt(40'000'000);
  EXPECT_EQ(pto_ns(probe, rtt, true), kept(40'000'000) * 5 / 4);
  EXPECT_EQ(probe.rto_ns(rtt, kDataCentreRtt, true), kept(40'000'000) * 5 / 4);
  probe.on_needless_rto(rtt, kDataCentreRtt);
  EXPECT_EQ(pto_ns(probe, rtt, true), kept(80'000'000) * 5 / 4);
  EXPECT_EQ(probe.rto_ns(rtt, kDataCentreRtt, true), kept(80'000'000) * 5 / 4);
}

// RFC 6298 5.5: the RTO doubles; the patience is beside it once.
TEST(TlpTest, PatienceIsNotDoubled) {
  TailLossProbe probe;
  RttEstimator rtt = steady(20'000);
  probe.on_lone_rtt(40'000'000);
  for (const int64_t rto_ms : {50, 55, 65, 85}) {
    EXPECT_EQ(probe.rto_ns(rtt, kDataCentreRtt, true),
              (rto_ms - 50) * kMillisecondNs + kept(40'000'000) * 5 / 4);
    rtt.back_off();
  }
}

TEST(TlpTest, ClaimsOneDsackOfItsOwn) {
  const SeqRange twice{kEnd - 100, kEnd};
  TailLossProbe probe;
  EXPECT_FALSE(probe.claims(SeqRange{Seq{} - 1, Seq{}}));
  probe.on_sent(kEnd, false, true);
  EXPECT_FALSE(probe.claims(twice));  // new data
  probe.on_sent(kEnd, true, true);
  probe.cancel();
  EXPECT_FALSE(probe.claims(std::nullopt));
  EXPECT_FALSE(probe.claims(SeqRange{kEnd - 200, kEnd - 100}));
  EXPECT_TRUE(probe.claims(twice));
  EXPECT_FALSE(probe.claims(twice));  // it went out again later
}

TEST(TlpTest, PatienceIsWhatIsSeen) {
  TailLossProbe probe;
  probe.on_lone_rtt(20'000);
  EXPECT_EQ(probe.longest_rtt_ns(), 10 * kUnitNs);
  probe.on_lone_rtt(40'020'000);
  EXPECT_EQ(probe.longest_rtt_ns(), kLateNs);
  probe.on_lone_rtt(20 * kSecondNs);
  EXPECT_EQ(probe.longest_rtt_ns(), ((1 << 19) - 1) * kUnitNs);
  EXPECT_EQ(pto_ns(probe, steady(20'000), true), 250'025'000);  // no peer waits for so long
}

TEST(TlpTest, AStallIsForgottenBehindQuickAnswers) {
  TailLossProbe probe;
  probe.on_lone_rtt(40'020'000);
  const RttEstimator rtt = steady(20'000);
  for (int i = 0; i < 255; ++i) {
    probe.on_lone_rtt(20'000);
    ASSERT_GT(pto_ns(probe, rtt, true), 40'020'000) << i;
  }
  for (int i = 0; i < 70; ++i) {
    probe.on_lone_rtt(20'000);
  }
  EXPECT_LT(pto_ns(probe, rtt, true), 100'000);
}

// A needless probe behind them has it that the peer is late again.
TEST(TlpTest, ANeedlessProbeCountsQuickAnswersAnew) {
  TailLossProbe probe;
  const RttEstimator rtt = steady(20'000);
  const auto spurious = [&] {
    probe.on_sent(kEnd, true, true);
    probe.on_ack({.ack = kEnd, .duplicate = true}, rtt);
  };
  spurious();
  const auto answer_quickly = [&] {
    for (int i = 0; i < 255; ++i) {
      probe.on_lone_rtt(20'000);
    }
  };
  answer_quickly();
  spurious();
  answer_quickly();
  EXPECT_EQ(probe.longest_rtt_ns(), kept(20'000 + TailLossProbe::kStepsNs[1]));
  probe.on_lone_rtt(20'000);
  EXPECT_LT(probe.longest_rtt_ns(), kept(20'000 + TailLossProbe::kStepsNs[1]));
}

// It is late with every two hundredth, and none of these is asked for in vain.
TEST(TlpTest, OneThatIsLateNowAndThenIsWaitedFor) {
  TailLossProbe probe;
  const RttEstimator rtt = steady(20'000);
  probe.on_lone_rtt(40'020'000);
  for (int i = 1; i < 100'000; ++i) {
    ASSERT_GT(pto_ns(probe, rtt, true), 40'020'000) << i;
    probe.on_lone_rtt(i % 200 == 0 ? 40'020'000 : 20'000);
  }
}

// Nor of one whose answers take any time up to there.
TEST(TlpTest, OneThatIsUnsteadyIsWaitedFor) {
  TailLossProbe probe;
  Rng rng(1);
  const RttEstimator rtt = steady(20'000);
  int needless = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto rtt_ns = static_cast<int64_t>(50'000 + rng.below(20'000'000));
    needless += i > 1'000 && pto_ns(probe, rtt, true) < rtt_ns;
    probe.on_lone_rtt(rtt_ns);
  }
  EXPECT_LT(needless, 100);
}

}  // namespace
}  // namespace pollux::tcp
