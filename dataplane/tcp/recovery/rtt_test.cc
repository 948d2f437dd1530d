#include "dataplane/tcp/recovery/rtt.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr RttConfig kExact{.rto_min_ns = 1, .granularity_ns = 1};

TEST(RttTest, Rfc6298_2_1_OneSecondBeforeTheFirstSample) {
  RttEstimator rtt;
  EXPECT_FALSE(rtt.has_sample());
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), kSecondNs);
  EXPECT_EQ(rtt.min_rtt_ns(), RttEstimator::kNoMinRtt);
}

TEST(RttTest, Rfc6298_2_2_FirstSample) {
  RttEstimator rtt;
  rtt.sample(80 * kMillisecondNs, {0});
  EXPECT_EQ(rtt.srtt_ns(), 80 * kMillisecondNs);
  EXPECT_EQ(rtt.rttvar_ns(), 40 * kMillisecondNs);
  EXPECT_EQ(rtt.rto_ns(kExact), 240 * kMillisecondNs);
}

TEST(RttTest, Rfc6298_2_3_LaterSamplesByTheFormulas) {
  Rng rng(7);
  RttEstimator rtt;
  long double srtt = 0;
  long double rttvar = 0;
  for (int i = 0; i < 2000; ++i) {
    const uint64_t spread = i % 100 == 99 ? 40'000'000 : 9'000;
    const auto sample = static_cast<int64_t>(14'000 + rng.below(spread));
    if (i == 0) {
      srtt = static_cast<long double>(sample);
      rttvar = srtt / 2;
    } else {
      rttvar = 0.75L * rttvar + 0.25L * std::abs(srtt - static_cast<long double>(sample));
      srtt = 0.875L * srtt + 0.125L * static_cast<long double>(sample);
    }
    rtt.sample(sample, {i * kMillisecondNs});
    ASSERT_NEAR(static_cast<double>(rtt.srtt_ns()), static_cast<double>(srtt), 10);
    ASSERT_NEAR(static_cast<double>(rtt.rttvar_ns()), static_cast<double>(rttvar), 20);
    ASSERT_EQ(rtt.rto_ns(kExact), rtt.srtt_ns() + std::max<int64_t>(1, 4 * rtt.rttvar_ns()));
  }
}

TEST(RttTest, Rfc6298_2_4_FloorCeilingAndGranularity) {
  RttEstimator rtt;
  for (int i = 0; i < 200; ++i) {
    rtt.sample(20'000, {i});
  }
  EXPECT_LT(rtt.rttvar_ns(), 10);
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), 5 * kMillisecondNs);
  EXPECT_EQ(rtt.rto_ns(kWanRtt), 200 * kMillisecondNs);
  EXPECT_EQ(rtt.rto_ns({.rto_min_ns = 1}), 20'000 + 64 * kMicrosecondNs);
  for (int i = 0; i < 200; ++i) {
    rtt.sample(100 * kSecondNs, {i});
  }
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), 60 * kSecondNs);
  EXPECT_EQ(RttEstimator::kNoMinRtt, UINT32_MAX);
}

TEST(RttTest, Rfc6298_5_5_BackoffDoublesAndASampleEndsIt) {
  RttEstimator rtt;
  rtt.sample(10'000, {0});
  for (int64_t expected = 5; expected < 60'000; expected *= 2) {
    EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), expected * kMillisecondNs);
    rtt.back_off();
  }
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), 60 * kSecondNs);
  for (int i = 0; i < 100; ++i) {
    rtt.back_off();
  }
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), 60 * kSecondNs);
  rtt.sample(10'000, {1});
  EXPECT_EQ(rtt.backoffs(), 0U);
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), 5 * kMillisecondNs);
}

TEST(RttTest, Rfc6298_5_7_ThreeSecondsAfterALostSyn) {
  RttEstimator rtt;
  rtt.syn_was_lost();
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), 3 * kSecondNs);
  rtt.sample(10'000, {0});
  EXPECT_EQ(rtt.rto_ns(kDataCentreRtt), 5 * kMillisecondNs);
}

TEST(RttTest, Rfc7323_G_ManySamplesInOneRttCountForTheirPart) {
  RttEstimator often;
  RttEstimator once;
  often.sample(100'000, {0});
  once.sample(100'000, {0});
  for (int i = 0; i < 50; ++i) {
    often.sample(200'000, {i}, 50);
  }
  once.sample(200'000, {1});
  EXPECT_NEAR(static_cast<double>(often.srtt_ns()), static_cast<double>(once.srtt_ns()), 1'500);
  EXPECT_NEAR(static_cast<double>(often.rttvar_ns()), static_cast<double>(once.rttvar_ns()),
              3'500);
}

TEST(RttTest, Rfc7323_4_1_SamplesOfTheTickAreNoMinimum) {
  RttEstimator rtt;
  rtt.sample(50'000, {0});
  rtt.back_off();
  rtt.sample_by_timestamps(0);  // within one tick of 1 ms
  EXPECT_EQ(rtt.srtt_ns(), 43'750);
  EXPECT_EQ(rtt.backoffs(), 0U);
  EXPECT_EQ(rtt.min_rtt_ns(), 50'000);
}

TEST(RttTest, MinimumIsForgottenAfterAWhile) {
  RttEstimator rtt;
  const auto at = [](int64_t ms) { return Moment{kSecondNs * 3600 + ms * kMillisecondNs}; };
  rtt.sample_min(10'000, at(0));
  rtt.sample_min(30'000, at(4'900));
  EXPECT_EQ(rtt.min_rtt_ns(), 10'000);
  rtt.sample_min(40'000, at(5'100));
  EXPECT_EQ(rtt.min_rtt_ns(), 10'000);  // of the half before
  rtt.sample_min(50'000, at(10'200));
  EXPECT_EQ(rtt.min_rtt_ns(), 40'000);
  rtt.sample_min(60'000, at(60'000));
  EXPECT_EQ(rtt.min_rtt_ns(), 60'000);
  rtt.sample_min(100 * kSecondNs, at(80'000));
  EXPECT_EQ(rtt.min_rtt_ns(), RttEstimator::kNoMinRtt);
  EXPECT_FALSE(rtt.has_sample());
}

}  // namespace
}  // namespace pollux::tcp
