#include "src/base/time.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

namespace pollux {
namespace {

TEST(TimeTest, TheSystemClockIsTheWallClock) {
  SystemClock clock;
  const Instant now = clock.now();
  EXPECT_NEAR(static_cast<double>(now.ms()), static_cast<double>(::time(nullptr)) * 1000, 2000);
}

TEST(TimeTest, AManualClockMovesByHandOnly) {
  ManualClock clock(Instant{5'000});
  EXPECT_EQ(clock.now().us, 5'000);
  clock.advance_ms(2);
  clock.advance_us(3);
  EXPECT_EQ(clock.now().us, 7'003);
  EXPECT_EQ(clock.now().ms(), 7);
}

TEST(TimeTest, TheStopwatchesRun) {
  EXPECT_GT(tsc_per_us(), 100.0);
  EXPECT_EQ(tsc_per_us(), tsc_per_us());
  const uint64_t before = tsc();
  EXPECT_GT(tsc(), before);
  EXPECT_GT(thread_cpu_ns(), 0);
}

// A rate that is off by one in a thousand would be seen; noise of a busy host is not.
TEST(TimeTest, TheCounterInNanosecondsKeepsPaceWithTheClock) {
  const TscClock& clock = TscClock::get();
  EXPECT_EQ(&clock, &TscClock::get());
  // The offset between the two, at its least of many readings: a pause between them adds to it.
  const auto offset = [&] {
    int64_t least = INT64_MAX;
    for (int i = 0; i < 1000; ++i) {
      const int64_t by_counter = clock.now_ns();
      least = std::min(least, monotonic_ns() - by_counter);
    }
    return least;
  };
  const int64_t before = offset();
  const int64_t begin = monotonic_ns();
  while (monotonic_ns() - begin < 20'000'000) {
  }
  EXPECT_NEAR(static_cast<double>(offset() - before), 0, 20'000);
}

TEST(TimeTest, TheCounterInNanosecondsNeverGoesBack) {
  const TscClock& clock = TscClock::get();
  int64_t last = clock.now_ns();
  for (int i = 0; i < 100'000; ++i) {
    const int64_t now = clock.now_ns();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace pollux
