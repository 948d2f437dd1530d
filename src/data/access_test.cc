#include "src/data/access.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

constexpr int64_t kMinuteUs = 60'000'000;
constexpr Instant kStart{1'700'000'000'000'000};

Instant after_us(int64_t us) { return Instant{kStart.us + us}; }

TEST(Access, AnLruStampTellsTheIdleTimeForHalfAYear) {
  const uint32_t stamp = lru_stamp(kStart);
  EXPECT_EQ(idle_seconds(stamp, AccessKind::kLru, kStart), 0U);
  EXPECT_EQ(idle_ticks(stamp, AccessKind::kLru, after_us(250'000)), 4U);
  EXPECT_EQ(idle_seconds(stamp, AccessKind::kLru, after_us(7'000'000)), 7U);
  EXPECT_EQ(idle_seconds(stamp, AccessKind::kLru, after_us(190 * 1440 * kMinuteUs)),
            190U * 86'400);
}

TEST(Access, AnLfuCounterGrowsWithTheLogarithmOfUses) {
  AccessStamps stamps;
  stamps.set_rules({AccessKind::kLfu, 10, 1});
  stamps.set_now(kStart);
  uint32_t stamp = stamps.first();
  EXPECT_EQ(lfu_count(stamp, stamps.rules(), kStart), 5U);
  // Figures of redis.conf for a factor of 10: 10 after 100 uses, 18 after 1,000, 142 after
  // 100,000.
  struct Row {
    int uses;
    uint32_t least;
    uint32_t most;
  };
  int uses = 0;
  for (const Row& row : {Row{100, 7, 14}, Row{1'000, 14, 24}, Row{100'000, 120, 165}}) {
    for (; uses < row.uses; ++uses) {
      stamp = stamps.next(stamp);
    }
    const uint32_t count = lfu_count(stamp, stamps.rules(), kStart);
    EXPECT_GE(count, row.least) << row.uses;
    EXPECT_LE(count, row.most) << row.uses;
  }
}

TEST(Access, AnLfuCounterDecaysWithTheMinutes) {
  AccessRules rules{AccessKind::kLfu, 0, 1};
  AccessStamps stamps;
  stamps.set_rules(rules);
  stamps.set_now(kStart);
  uint32_t stamp = stamps.first();
  for (int i = 0; i < 300; ++i) {
    stamp = stamps.next(stamp);
  }
  EXPECT_EQ(lfu_count(stamp, rules, kStart), 255U) << "a factor of 0 counts every use";
  EXPECT_EQ(lfu_count(stamp, rules, after_us(55 * kMinuteUs)), 200U);
  EXPECT_EQ(lfu_count(stamp, rules, after_us(1000 * kMinuteUs)), 0U);
  stamps.set_now(after_us(55 * kMinuteUs));
  EXPECT_EQ(lfu_count(stamps.next(stamp), rules, after_us(55 * kMinuteUs)), 201U);
  rules.lfu_decay_minutes = 10;
  EXPECT_EQ(lfu_count(stamp, rules, after_us(55 * kMinuteUs)), 250U);
  rules.lfu_decay_minutes = 0;
  EXPECT_EQ(lfu_count(stamp, rules, after_us(1000 * kMinuteUs)), 255U);
}

TEST(Access, S3FifoCountsToThreeBesideTheTime) {
  AccessStamps stamps;
  stamps.set_rules({AccessKind::kS3Fifo, 10, 1});
  stamps.set_now(kStart);
  uint32_t stamp = stamps.first();
  EXPECT_EQ(s3fifo_uses(stamp), 0U);
  stamps.set_now(after_us(3'000'000));
  for (const uint32_t uses : {1U, 2U, 3U, 3U}) {
    stamp = stamps.next(stamp);
    EXPECT_EQ(s3fifo_uses(stamp), uses);
  }
  EXPECT_EQ(idle_seconds(stamp, AccessKind::kS3Fifo, after_us(8'000'000)), 5U);
}

}  // namespace
}  // namespace pollux
