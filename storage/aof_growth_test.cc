#include "storage/aof_growth.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

TEST(AofGrowth, IsToldInPercent) {
  EXPECT_EQ(aof_growth(200, 100, 100, 0), 100);
  EXPECT_EQ(aof_growth(199, 100, 100, 0), -1);
  EXPECT_EQ(aof_growth(200, 100, 100, 200), -1);  // has to be longer
  EXPECT_EQ(aof_growth(1000, 100, 0, 0), -1);
  EXPECT_EQ(aof_growth(10, 0, 100, 0), 900);
}

TEST(AofGrowth, DelaysDouble) {
  AofRewriteDelay delay;
  Instant now{1'000'000};
  EXPECT_TRUE(delay.allows(2, now));
  for (const int64_t minutes : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_FALSE(delay.allows(3, now));
    EXPECT_EQ(delay.begun_minutes(now), minutes);
    now.us += minutes * 60'000'000 - 1;
    EXPECT_FALSE(delay.allows(3, now));
    EXPECT_EQ(delay.begun_minutes(now), 0);
    ++now.us;
    EXPECT_TRUE(delay.allows(3, now));
  }
  EXPECT_TRUE(delay.allows(0, now));
  EXPECT_FALSE(delay.allows(3, now));
  EXPECT_EQ(delay.begun_minutes(now), 1);
}

}  // namespace
}  // namespace pollux
