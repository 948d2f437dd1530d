#include "src/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

TEST(HistogramTest, EmptyHasZeroes) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.percentile(99), 0U);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (uint64_t value = 0; value < 16; ++value) {
    histogram.record(value);
  }
  EXPECT_EQ(histogram.percentile(50), 7U);
  EXPECT_EQ(histogram.percentile(100), 15U);
  EXPECT_EQ(histogram.percentile(0.1), 0U);
}

TEST(HistogramTest, TheLargestValueFits) {
  Histogram histogram;
  histogram.record(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(histogram.percentile(100), std::numeric_limits<uint64_t>::max());
}

template <typename Tested>
void expect_percentiles_of_a_sorted_list(double step) {
  Rng rng(3);
  Tested histogram;
  std::vector<uint64_t> all;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t value = rng.next() >> rng.below(64);
    histogram.record(value);
    all.push_back(value);
  }
  std::sort(all.begin(), all.end());
  for (const double percent : {0.01, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<size_t>(std::ceil(20'000 * percent / 100.0));
    const uint64_t exact = all[std::max<size_t>(rank, 1) - 1];
    const uint64_t got = histogram.percentile(percent);
    EXPECT_GE(got, exact);
    EXPECT_LE(static_cast<double>(got), static_cast<double>(exact) * (1 + step)) << percent;
  }
}

TEST(HistogramTest, PercentilesAreWithinOneStepOfASortedList) {
  expect_percentiles_of_a_sorted_list<Histogram>(0.0625);
  expect_percentiles_of_a_sorted_list<FineHistogram>(0.004);
}

TEST(HistogramTest, BucketsCountWhatIsBetweenTheirEdges) {
  FineHistogram histogram;
  histogram.record(511);
  histogram.record(512);
  histogram.record(513);
  EXPECT_EQ(histogram.count_of(FineHistogram::bucket_of(511)), 1U);
  EXPECT_EQ(histogram.count_of(FineHistogram::bucket_of(512)), 2U);
  EXPECT_EQ(FineHistogram::upper_edge(FineHistogram::bucket_of(512)), 513U);
}

TEST(HistogramTest, MergeEqualsRecordingBoth) {
  Rng rng(4);
  Histogram a;
  Histogram b;
  Histogram both;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = rng.below(1'000'000);
    (i % 3 == 0 ? a : b).record(value);
    both.record(value);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.max(), both.max());
  for (int percent = 1; percent <= 100; ++percent) {
    EXPECT_EQ(a.percentile(percent), both.percentile(percent));
  }
  a.reset();
  EXPECT_EQ(a.count(), 0U);
}

}  // namespace
}  // namespace pollux
