#include "src/base/rng.h"

#include <gtest/gtest.h>

#include <array>

namespace pollux {
namespace {

TEST(RngTest, ASeedNamesItsSequence) {
  Rng a(42);
  Rng b(42);
  Rng other(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.next();
    EXPECT_EQ(value, b.next());
    differs |= value != other.next();
  }
  EXPECT_TRUE(differs);
}

TEST(RngTest, BelowStaysBelowAndIsEven) {
  Rng rng(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) {
    ++counts.at(rng.below(7));
  }
  for (const int count : counts) {
    EXPECT_NEAR(count, 10'000, 500);
  }
  EXPECT_EQ(rng.below(1), 0U);
}

TEST(RngTest, BelowTakesHugeBounds) {
  Rng rng(2);
  const uint64_t bound = (uint64_t{1} << 63) + 1;  // rejects almost half of the draws
  int upper_half = 0;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t value = rng.below(bound);
    ASSERT_LT(value, bound);
    upper_half += value >= bound / 2 ? 1 : 0;
  }
  EXPECT_NEAR(upper_half, 5'000, 300);
}

TEST(RngTest, UnitIsInZeroToOne) {
  Rng rng(3);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = rng.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 0.01);
}

TEST(RngTest, EntropyIsNotConstant) {
  EXPECT_NE(entropy64(), entropy64());
}

}  // namespace
}  // namespace pollux
