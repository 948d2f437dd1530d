#include "src/base/time.h"

#include <gtest/gtest.h>
#include <time.h>

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

}  // namespace
}  // namespace pollux
