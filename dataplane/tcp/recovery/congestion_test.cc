#include "dataplane/tcp/recovery/congestion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr uint16_t kMss = 1460;
using Algorithm = CongestionAlgorithm;
using Real = long double;

Real real(uint64_t value) { return static_cast<Real>(value); }

// ACKs of whole windows at an even pace, one segment each.
struct Path {
  Congestion& congestion;
  int64_t rtt_ns;
  Moment now{kSecondNs};
  Seq una{0xfff00000};

  void ack(uint32_t bytes, uint32_t marked = 0, bool app_limited = false) {
    const uint32_t window = congestion.cwnd_bytes();
    una += bytes;
    congestion.on_ack({.now = now,
                       .una = una,
                       .nxt = una + window,
                       .delivered_bytes = bytes,
                       .delivered_in_rtt_bytes = window,
                       .marked_bytes = marked,
                       .rtt_ns = rtt_ns,
                       .srtt_ns = rtt_ns,
                       .app_limited = app_limited});
  }
  void round(uint32_t bytes_an_ack = kMss, bool marked = false) {
    const uint32_t window = congestion.cwnd_bytes();
    const Moment begin = now;
    for (uint32_t bytes = 0; bytes < window; bytes += bytes_an_ack) {
      now = begin + static_cast<int64_t>(real(bytes) / real(window) * static_cast<Real>(rtt_ns));
      ack(bytes_an_ack, marked ? bytes_an_ack : 0);
    }
    now = begin + rtt_ns;
  }
};

TEST(CongestionTest, Rfc6928_InitialWindow) {
  EXPECT_EQ(Congestion(Algorithm::kCubic, 1460).cwnd_bytes(), 14600U);
  EXPECT_EQ(Congestion(Algorithm::kCubic, 536).cwnd_bytes(), 5360U);
  EXPECT_EQ(Congestion(Algorithm::kCubic, 8960).cwnd_bytes(), 17920U);
}

TEST(CongestionTest, Rfc5681_3_1_SlowStartDoublesInARound) {
  for (const Algorithm algorithm : {Algorithm::kNewReno, Algorithm::kCubic, Algorithm::kDctcp}) {
    Congestion congestion(algorithm, kMss);
    Path path{congestion, 100'000};
    path.round();
    EXPECT_EQ(congestion.cwnd_bytes(), 20U * kMss);
    path.round(2 * kMss);
    EXPECT_EQ(congestion.cwnd_bytes(), 40U * kMss);
    path.ack(30 * kMss);  // a stretch ACK counts as eight segments
    EXPECT_EQ(congestion.cwnd_bytes(), 48U * kMss);
  }
}

TEST(CongestionTest, Rfc3465_2_1_OneMssForEachWindowInAvoidance) {
  Congestion congestion(Algorithm::kNewReno, kMss);
  congestion.on_loss(40 * kMss);
  EXPECT_EQ(congestion.ssthresh_bytes(), 5U * kMss);
  congestion.set_cwnd(5 * kMss);
  Path path{congestion, 100'000};
  for (uint32_t segments = 6; segments < 30; ++segments) {
    path.round(kMss / 2);
    EXPECT_NEAR(congestion.cwnd_bytes(), segments * kMss, kMss);
  }
}

TEST(CongestionTest, Rfc5681_4_HalfOfTheFlightAndNoLessThanTwo) {
  Congestion congestion(Algorithm::kNewReno, kMss);
  congestion.on_loss(8 * kMss);
  EXPECT_EQ(congestion.ssthresh_bytes(), 4U * kMss);
  congestion.on_loss(kMss);
  EXPECT_EQ(congestion.ssthresh_bytes(), 2U * kMss);
}

TEST(CongestionTest, Rfc5681_3_1_RtoOneSegmentAndThresholdOnce) {
  Congestion congestion(Algorithm::kNewReno, kMss);
  congestion.on_rto(10 * kMss, false);
  EXPECT_EQ(congestion.cwnd_bytes(), kMss);
  EXPECT_EQ(congestion.ssthresh_bytes(), 5U * kMss);
  congestion.on_rto(kMss, true);
  EXPECT_EQ(congestion.ssthresh_bytes(), 5U * kMss);
  // RFC 3465 2.3: L = 1 after an RTO.
  Path path{congestion, 100'000};
  path.ack(4 * kMss);
  EXPECT_EQ(congestion.cwnd_bytes(), 2U * kMss);
}

TEST(CongestionTest, Rfc4015_UndoBringsBackWhatWas) {
  for (const Algorithm algorithm : {Algorithm::kNewReno, Algorithm::kCubic, Algorithm::kDctcp}) {
    Congestion congestion(algorithm, kMss);
    congestion.on_undo();
    EXPECT_EQ(congestion.cwnd_bytes(), 14600U);
    congestion.on_loss(10 * kMss);
    congestion.on_undo();
    EXPECT_EQ(congestion.cwnd_bytes(), 14600U);
    EXPECT_EQ(congestion.ssthresh_bytes(), Congestion::kNoThreshold);
    congestion.on_rto(10 * kMss, false);
    congestion.on_rto(kMss, true);
    congestion.on_undo();
    EXPECT_EQ(congestion.cwnd_bytes(), 14600U);
    EXPECT_TRUE(congestion.in_slow_start());
  }
}

TEST(CongestionTest, ASmallerMssMakesNoMorePacketsOfTheWindow) {
  Congestion congestion(Algorithm::kNewReno, 8960);
  congestion.set_cwnd(20 * 8960);
  congestion.set_mss(1460);
  EXPECT_EQ(congestion.cwnd_bytes(), 20U * 1460);
  EXPECT_TRUE(congestion.in_slow_start());
  congestion.set_mss(8960);
  EXPECT_EQ(congestion.cwnd_bytes(), 20U * 1460);  // and a larger one no more bytes
}

TEST(CongestionTest, InRecoveryTheWindowIsPrrs) {
  Congestion congestion(Algorithm::kNewReno, kMss);
  congestion.on_ack({.delivered_bytes = kMss, .in_recovery = true});
  EXPECT_EQ(congestion.cwnd_bytes(), 14600U);
  congestion.set_cwnd(0);
  EXPECT_EQ(congestion.cwnd_bytes(), kMss);
}

// --- RFC 7661 -----------------------------------------------------------------------------------

TEST(CongestionTest, Rfc7661_4_4_1_AnUnusedWindowDoesNotGrow) {
  Congestion congestion(Algorithm::kCubic, kMss);
  Path path{congestion, 100'000};
  path.ack(kMss, 0, true);
  EXPECT_EQ(congestion.cwnd_bytes(), 14600U);
}

AckSample small_reply(int64_t ms) {
  return {.now = {ms * kMillisecondNs},
          .delivered_bytes = 100,
          .delivered_in_rtt_bytes = 100,
          .srtt_ns = 100'000,
          .app_limited = true};
}

TEST(CongestionTest, Rfc7661_4_4_2_ALossInAnUnusedWindowIsMeasuredByWhatWasUsed) {
  Congestion congestion(Algorithm::kNewReno, kMss);
  Path path{congestion, 100'000};
  path.round();
  path.round();
  EXPECT_EQ(congestion.cwnd_bytes(), 40U * kMss);
  EXPECT_TRUE(congestion.validated());
  congestion.on_ack(small_reply(1'010));
  congestion.on_ack(small_reply(1'900));  // pipeACK of 20 segments is remembered a while
  EXPECT_GE(congestion.pipe_ack_bytes(), 20U * kMss);
  for (int64_t ms = 5'000; ms < 8'000; ms += 100) {
    congestion.on_ack(small_reply(ms));
  }
  EXPECT_FALSE(congestion.validated());
  EXPECT_EQ(congestion.pipe_ack_bytes(), 100U);
  congestion.on_loss(12 * kMss);
  EXPECT_EQ(congestion.ssthresh_bytes(), 6U * kMss);
}

TEST(CongestionTest, Rfc7661_4_4_3_HalvedAfterFiveMinutes) {
  Congestion congestion(Algorithm::kNewReno, kMss);
  Path path{congestion, 100'000};
  for (int i = 0; i < 3; ++i) {
    path.round();
  }
  EXPECT_EQ(congestion.cwnd_bytes(), 80U * kMss);
  congestion.on_idle_end(path.now + 299 * kSecondNs);
  EXPECT_EQ(congestion.cwnd_bytes(), 80U * kMss);
  congestion.on_idle_end(path.now + 301 * kSecondNs);
  EXPECT_EQ(congestion.cwnd_bytes(), 40U * kMss);
  congestion.on_idle_end(path.now + 3 * 301 * kSecondNs);
  EXPECT_EQ(congestion.cwnd_bytes(), 10U * kMss);  // IW
  congestion.on_idle_end(path.now + 100'000 * kSecondNs);
  EXPECT_EQ(congestion.cwnd_bytes(), 10U * kMss);
  EXPECT_EQ(congestion.ssthresh_bytes(), Congestion::kNoThreshold);
}

// --- CUBIC --------------------------------------------------------------------------------------

TEST(CubeRootTest, RoundsDown) {
  Rng rng(3);
  for (uint64_t root = 0; root < 1000; ++root) {
    EXPECT_EQ(cube_root(root * root * root), root);
    EXPECT_EQ(cube_root(root * root * root + 3 * root * root + 3 * root), root);
  }
  for (int i = 0; i < 1000; ++i) {
    const uint64_t root = rng.next() >> 24;
    const auto wide = static_cast<unsigned __int128>(root);
    EXPECT_EQ(cube_root(wide * wide * wide), root);
    EXPECT_EQ(cube_root(wide * wide * wide - 1), root - 1);
  }
}

// RFC 9438 4 as written, in segments and seconds.
struct CubicModel {
  Real cwnd, ssthresh = 0, w_max = 0, w_est = 0, cwnd_prior = 0, k = 0, epoch = -1;

  void loss() {
    w_max = cwnd < w_max ? cwnd * 1.7L / 2 : cwnd;
    cwnd_prior = cwnd;
    ssthresh = std::max(cwnd * 0.7L, Real{2});
    cwnd = ssthresh;
    epoch = -1;
  }
  Real w(Real t) const { return 0.4L * std::pow(t - k, 3) + w_max; }
  void ack(Real now, Real rtt, Real segments) {
    if (epoch < 0) {
      epoch = now;
      w_est = cwnd;
      k = cwnd < w_max ? std::cbrt((w_max - cwnd) / 0.4L) : 0;
      w_max = std::max(w_max, cwnd);
    }
    const Real t = now - epoch;
    w_est += (w_est >= cwnd_prior ? 1 : 0.9L / 1.7L) * segments / cwnd;
    if (w(t) < w_est) {
      cwnd = std::max(cwnd, w_est);
    } else {
      cwnd += (std::clamp(w(t + rtt), cwnd, 1.5L * cwnd) - cwnd) / cwnd * segments;
    }
  }
};

struct CubicRun {
  int64_t rtt_ns;
  uint32_t segments;  // of the window at the first loss
  int rounds;
};

class CubicTest : public ::testing::TestWithParam<CubicRun> {};

TEST_P(CubicTest, Rfc9438_4_FollowsTheFormulas) {
  const CubicRun& run = GetParam();
  Congestion congestion(Algorithm::kCubic, kMss);
  congestion.set_cwnd(run.segments * kMss);
  CubicModel model{.cwnd = real(run.segments)};
  Path path{congestion, run.rtt_ns};
  for (int loss = 0; loss < 3; ++loss) {
    congestion.on_loss(congestion.cwnd_bytes());
    model.loss();
    EXPECT_NEAR(congestion.ssthresh_bytes(), static_cast<double>(model.ssthresh * kMss), 3 * kMss);
    for (int i = 0; i < run.rounds; ++i) {
      const uint32_t window = congestion.cwnd_bytes();
      const Moment begin = path.now;
      for (uint32_t bytes = 0; bytes < window; bytes += kMss) {
        path.now = begin + static_cast<int64_t>(uint64_t{bytes} * path.rtt_ns / window);
        path.ack(kMss);
        model.ack(static_cast<Real>(path.now.ns) / 1e9L, static_cast<Real>(path.rtt_ns) / 1e9L, 1);
      }
      path.now = begin + path.rtt_ns;
      const auto expected = static_cast<double>(model.cwnd * kMss);
      ASSERT_NEAR(congestion.cwnd_bytes(), expected, expected * 0.01 + 2 * kMss)
          << "loss " << loss << " round " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, CubicTest,
                         ::testing::Values(CubicRun{50 * kMicrosecondNs, 40, 200},
                                           CubicRun{kMillisecondNs, 100, 200},
                                           CubicRun{100 * kMillisecondNs, 100, 120},
                                           CubicRun{100 * kMillisecondNs, 2000, 60},
                                           CubicRun{400 * kMillisecondNs, 500, 60}));

TEST(CongestionTest, Rfc9438_4_2_PlateauAfterKSeconds) {
  Congestion congestion(Algorithm::kCubic, kMss);
  congestion.set_cwnd(1000 * kMss);
  congestion.on_loss(1000 * kMss);
  EXPECT_EQ(congestion.ssthresh_bytes(), 700U * kMss);
  Path path{congestion, 100 * kMillisecondNs};
  const Real k = std::cbrt(300 / 0.4L);  // 9.09 s
  const Moment begin = path.now;
  while (static_cast<Real>(path.now - begin) / 1e9L < k) {
    path.round();
  }
  EXPECT_NEAR(congestion.cwnd_bytes(), 1000.0 * kMss, 5.0 * kMss);
}

TEST(CongestionTest, Rfc9438_5_8_TimeStandsStillWhileTheApplicationLimits) {
  Congestion congestion(Algorithm::kCubic, kMss);
  congestion.set_cwnd(1000 * kMss);
  congestion.on_loss(1000 * kMss);
  Path path{congestion, 100 * kMillisecondNs};
  path.round();
  const uint32_t before = congestion.cwnd_bytes();
  path.now = path.now + 9 * kSecondNs;
  path.ack(kMss, 0, true);
  path.now = path.now + 9 * kSecondNs;
  for (int i = 0; i < 20; ++i) {
    path.ack(kMss);
  }
  EXPECT_LT(congestion.cwnd_bytes(), before + 3 * kMss);
}

TEST(CongestionTest, Rfc9438_4_8_AfterAnRtoTheCurveBeginsOnItsPlateau) {
  Congestion congestion(Algorithm::kCubic, kMss);
  congestion.set_cwnd(200 * kMss);
  congestion.on_loss(200 * kMss);
  congestion.set_cwnd(100 * kMss);
  congestion.on_rto(100 * kMss, false);
  EXPECT_EQ(congestion.ssthresh_bytes(), 70U * kMss);
  Path path{congestion, 100 * kMillisecondNs};
  while (congestion.in_slow_start()) {
    path.round();
  }
  EXPECT_EQ(congestion.cwnd_bytes(), 70U * kMss);
  path.round();
  EXPECT_LE(congestion.cwnd_bytes(), 72U * kMss);
}

// In the Reno-friendly region, 20 rounds: 20 segments with alpha = 1, 10.6 with 9/17.
void expect_growth_of_reno(Congestion& congestion, Path& path) {
  ASSERT_FALSE(congestion.in_slow_start());
  const uint32_t before = congestion.cwnd_bytes();
  for (int i = 0; i < 20; ++i) {
    path.round();
  }
  EXPECT_NEAR(congestion.cwnd_bytes(), before + 20.0 * kMss, 2.0 * kMss);
}

TEST(CongestionTest, Rfc9438_4_3_RenosPaceBehindAnUndo) {
  Congestion congestion(Algorithm::kCubic, kMss);
  congestion.set_cwnd(40 * kMss);
  congestion.on_loss(40 * kMss);
  congestion.on_loss(28 * kMss);
  congestion.on_undo();
  Path path{congestion, 100'000};
  expect_growth_of_reno(congestion, path);
}

TEST(CongestionTest, Rfc9438_4_3_RenosPaceWhereHystartEndedSlowStart) {
  Congestion congestion(Algorithm::kCubic, kMss, true);
  Path path{congestion, 5 * kMillisecondNs};
  path.round();
  path.rtt_ns = 10 * kMillisecondNs;
  for (int i = 0; i < 10 && congestion.in_slow_start(); ++i) {
    path.round();
  }
  expect_growth_of_reno(congestion, path);
}

// A window's worth, the last segment of it when nothing more is to be sent.
TEST(CongestionTest, Rfc9438_4_3_BurstsThatEndForWantOfDataGrowTheWindow) {
  Congestion congestion(Algorithm::kCubic, kMss);
  congestion.set_cwnd(20 * kMss);
  congestion.on_loss(20 * kMss);
  Path path{congestion, 100'000};
  const uint32_t before = congestion.cwnd_bytes();
  for (int burst = 0; burst < 20; ++burst) {
    for (uint32_t bytes = 0; bytes + kMss < congestion.cwnd_bytes(); bytes += kMss) {
      path.ack(kMss);
    }
    path.ack(kMss, 0, true);
    path.now = path.now + kMillisecondNs;
  }
  EXPECT_GE(congestion.cwnd_bytes(), before + 8 * kMss);
  EXPECT_LE(congestion.cwnd_bytes(), before + 20 * kMss);
}

// --- HyStart++ ----------------------------------------------------------------------------------

TEST(CongestionTest, Rfc9406_4_2_ARisingRttLeavesSlowStartInFiveRounds) {
  Congestion congestion(Algorithm::kCubic, kMss, true);
  Path path{congestion, 20 * kMillisecondNs};
  path.round();
  path.round();
  EXPECT_EQ(congestion.cwnd_bytes(), 40U * kMss);
  path.rtt_ns = 25 * kMillisecondNs;  // more than max(4 ms, 20 ms / 8)
  path.round();
  const uint32_t conservative = congestion.cwnd_bytes();
  EXPECT_LT(conservative, 70U * kMss);
  EXPECT_TRUE(congestion.in_slow_start());
  int rounds = 0;
  for (; congestion.in_slow_start() && rounds < 10; ++rounds) {
    path.round();
  }
  EXPECT_NEAR(rounds, 6, 1);
  EXPECT_FALSE(congestion.in_slow_start());
  EXPECT_LT(congestion.cwnd_bytes(), conservative * 4);  // 1.25^5 = 3.05
}

TEST(CongestionTest, Rfc9406_4_2_JitterResumesSlowStart) {
  Congestion congestion(Algorithm::kNewReno, kMss, true);
  Path path{congestion, 20 * kMillisecondNs};
  path.round();
  path.rtt_ns = 25 * kMillisecondNs;
  path.round();
  path.rtt_ns = 20 * kMillisecondNs;
  path.round();
  const uint32_t before = congestion.cwnd_bytes();
  path.round();
  EXPECT_EQ(congestion.cwnd_bytes(), 2 * before);
}

TEST(CongestionTest, Rfc9406_ADataCentreRttIsNoReason) {
  Congestion congestion(Algorithm::kCubic, kMss, true);
  Path path{congestion, 50 * kMicrosecondNs};
  for (int i = 0; i < 5; ++i) {
    path.round();
    path.rtt_ns += 400 * kMicrosecondNs;  // less than 4 ms
  }
  EXPECT_EQ(congestion.cwnd_bytes(), 320U * kMss);
}

// --- DCTCP --------------------------------------------------------------------------------------

TEST(CongestionTest, Rfc8257_3_3_AlphaFollowsTheMarkedPart) {
  Congestion congestion(Algorithm::kDctcp, kMss);
  EXPECT_EQ(congestion.dctcp_alpha(), Congestion::kAlphaOne);
  Rng rng(5);
  Real alpha = 1;
  Seq una{0xffff0000};
  Seq round_end{};
  Real delivered = 0;
  Real marked = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto bytes = static_cast<uint32_t>(1 + rng.below(2 * kMss));
    const uint32_t ce = rng.below(i < 10'000 ? 3 : 50) == 0 ? bytes : 0;
    una += bytes;
    const Seq nxt = una + 10 * kMss;
    congestion.on_ack({.una = una,
                       .nxt = nxt,
                       .delivered_bytes = bytes,
                       .marked_bytes = ce,
                       .app_limited = true});
    round_end = i == 0 ? nxt : round_end;
    delivered += bytes;
    marked += ce;
    if (una >= round_end) {
      alpha += (marked / delivered - alpha) / 16;
      delivered = marked = 0;
      round_end = nxt;
    }
    ASSERT_NEAR(congestion.dctcp_alpha(), static_cast<double>(alpha * Congestion::kAlphaOne), 40);
  }
  EXPECT_LT(alpha, 0.1L);
}

TEST(CongestionTest, Rfc8257_3_4_ReducesByHalfOfAlpha) {
  Congestion congestion(Algorithm::kDctcp, kMss);
  congestion.set_cwnd(100 * kMss);
  congestion.on_ecn(100 * kMss);  // alpha is 1 at first
  EXPECT_EQ(congestion.cwnd_bytes(), 50U * kMss);
  Path path{congestion, 50'000};
  for (int i = 0; i < 100; ++i) {
    path.round();
  }
  EXPECT_LT(congestion.dctcp_alpha(), Congestion::kAlphaOne / 500);
  congestion.set_cwnd(100 * kMss);
  congestion.on_ecn(100 * kMss);
  EXPECT_GT(congestion.cwnd_bytes(), 99U * kMss);
  congestion.on_loss(100 * kMss);  // 3.5: a loss is a loss
  EXPECT_NEAR(congestion.cwnd_bytes(), 50.0 * kMss, kMss);
}

TEST(CongestionTest, Rfc3168_6_1_2_EcnIsALossForTheOthers) {
  Congestion reno(Algorithm::kNewReno, kMss);
  reno.on_ecn(10 * kMss);
  EXPECT_EQ(reno.cwnd_bytes(), 5U * kMss);
  Congestion cubic(Algorithm::kCubic, kMss);
  cubic.on_ecn(10 * kMss);
  EXPECT_EQ(cubic.cwnd_bytes(), 7U * kMss);
}

TEST(CongestionTest, Rfc3168_6_1_2_MarksBringTheWindowDownToOneSegment) {
  for (const Algorithm algorithm : {Algorithm::kNewReno, Algorithm::kCubic, Algorithm::kDctcp}) {
    Congestion congestion(algorithm, kMss);
    for (int i = 0; i < 10; ++i) {
      congestion.on_ecn(congestion.cwnd_bytes());
    }
    EXPECT_EQ(congestion.cwnd_bytes(), kMss);
    EXPECT_EQ(congestion.ssthresh_bytes(), 2U * kMss);  // RFC 5681 (4)
    congestion.on_loss(kMss);
    EXPECT_EQ(congestion.cwnd_bytes(), kMss);  // not raised by a loss
  }
}

TEST(CongestionTest, Rfc4015_3_2_WhatEcnTookIsNotGivenBack) {
  for (const Algorithm algorithm : {Algorithm::kNewReno, Algorithm::kCubic, Algorithm::kDctcp}) {
    Congestion congestion(algorithm, kMss);
    congestion.on_ecn(10 * kMss);
    const uint32_t after_mark = congestion.cwnd_bytes();
    EXPECT_LT(after_mark, 10U * kMss);
    congestion.on_undo();
    EXPECT_EQ(congestion.cwnd_bytes(), after_mark);
    congestion.on_loss(after_mark);
    EXPECT_LT(congestion.cwnd_bytes(), after_mark);
    congestion.on_undo();
    EXPECT_EQ(congestion.cwnd_bytes(), after_mark);
    congestion.on_loss(after_mark);
    congestion.on_ecn(after_mark);
    const uint32_t after_both = congestion.cwnd_bytes();
    congestion.on_undo();
    EXPECT_EQ(congestion.cwnd_bytes(), after_both);
  }
}

TEST(CongestionTest, WindowsStayWithinTheirBounds) {
  for (const Algorithm algorithm : {Algorithm::kNewReno, Algorithm::kCubic, Algorithm::kDctcp}) {
    Rng rng(11);
    Congestion congestion(algorithm, kMss, true);
    Moment now{0};
    for (int i = 0; i < 200'000; ++i) {
      const int64_t pause_ns = rng.below(100) == 0 ? 400 * kSecondNs : kMillisecondNs;
      now = now + static_cast<int64_t>(rng.below(static_cast<uint64_t>(pause_ns)));
      const auto bytes = static_cast<uint32_t>(rng.below(1U << 30));
      switch (rng.below(200)) {
        case 0:
          congestion.on_loss(bytes);
          break;
        case 1:
          congestion.on_rto(bytes, rng.below(2) == 0);
          break;
        case 2:
          congestion.on_ecn(bytes);
          break;
        case 3:
          congestion.on_undo();
          break;
        case 4:
          congestion.on_idle_end(now);
          break;
        case 5:
          congestion.set_cwnd(bytes);
          break;
        case 6:
          congestion.set_mss(static_cast<uint16_t>(500 + rng.below(9000)));
          break;
        default:
          congestion.on_ack({.now = now,
                             .una = Seq{static_cast<uint32_t>(rng.next())},
                             .nxt = Seq{static_cast<uint32_t>(rng.next())},
                             .delivered_bytes = bytes >> rng.below(30),
                             .delivered_in_rtt_bytes = bytes,
                             .marked_bytes = bytes,
                             .rtt_ns = static_cast<int64_t>(rng.below(kSecondNs * 10)) - 1,
                             .srtt_ns = static_cast<int64_t>(rng.below(kSecondNs * 10)),
                             .app_limited = rng.below(4) == 0});
      }
      ASSERT_GE(congestion.cwnd_bytes(), 500U);
      ASSERT_LE(congestion.cwnd_bytes(), Congestion::kWindowMax);
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
