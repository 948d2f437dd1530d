#include "dataplane/sim/net/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

using Indices = std::vector<size_t>;

auto needs(const Indices& culprits) {
  return [culprits](const Indices& kept) { return std::ranges::includes(kept, culprits); };
}

TEST(Shrink, FindsOneAndTwoOfAThousand) {
  const Shrunk one = shrink(1'000, needs({417}));
  EXPECT_EQ(one.kept, (Indices{417}));
  EXPECT_TRUE(one.reproduced && one.minimal);
  EXPECT_LE(one.tries, 30U);
  const Shrunk two = shrink(1'000, needs({3, 998}));
  EXPECT_EQ(two.kept, (Indices{3, 998}));
  EXPECT_TRUE(two.minimal);
  EXPECT_LE(two.tries, 200U);
}

TEST(Shrink, NothingOrAllMayBeNeeded) {
  const Shrunk none = shrink(50, needs({}));
  EXPECT_TRUE(none.kept.empty());
  EXPECT_TRUE(none.reproduced && none.minimal);
  EXPECT_TRUE(shrink(0, needs({})).reproduced);
  const Indices all = {0, 1, 2, 3, 4};
  EXPECT_EQ(shrink(5, needs(all)).kept, all);
}

TEST(Shrink, SaysWhenItIsNotTheItems) {
  const Shrunk shrunk = shrink(3, [](const Indices&) { return false; });
  EXPECT_FALSE(shrunk.reproduced);
  EXPECT_EQ(shrunk.kept, (Indices{0, 1, 2}));
  EXPECT_EQ(shrunk.tries, 1U);
}

TEST(Shrink, StopsWhenTriesAreUsedUp) {
  size_t asked = 0;
  const auto fails = [&](const Indices& kept) {
    ++asked;
    return needs({3, 500, 998})(kept);
  };
  const Shrunk shrunk = shrink(1'000, fails, /*tries_max=*/20);
  EXPECT_EQ(asked, 20U);
  EXPECT_EQ(shrunk.tries, 20U);
  EXPECT_FALSE(shrunk.minimal);
  EXPECT_LT(shrunk.kept.size(), 1'000U);
  EXPECT_TRUE(needs({3, 500, 998})(shrunk.kept));
}

// Whatever fails, what is left fails, and none of it can go: also where failing is not monotone.
TEST(Shrink, IsMinimalForAnyPredicate) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    std::vector<Indices> causes;  // any of which is enough
    for (uint64_t i = rng.below(4) + 1; i > 0; --i) {
      Indices cause;
      for (size_t k = 0; k < 40; ++k) {
        if (rng.below(12) == 0) {
          cause.push_back(k);
        }
      }
      causes.push_back(cause);
    }
    const size_t spoiler = rng.below(80);  // with it, an odd number of items hides the failure
    const auto fails = [&](const Indices& kept) {
      const bool hidden =
          kept.size() % 2 == 1 && kept.size() < 39 && std::ranges::binary_search(kept, spoiler);
      return !hidden &&
             std::ranges::any_of(causes, [&](const Indices& cause) { return needs(cause)(kept); });
    };
    const Shrunk shrunk = shrink(40, fails, 100'000);
    ASSERT_TRUE(shrunk.reproduced && shrunk.minimal) << "seed " << seed;
    ASSERT_TRUE(fails(shrunk.kept));
    for (size_t i = 0; i < shrunk.kept.size(); ++i) {
      Indices fewer = shrunk.kept;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
      ASSERT_FALSE(fails(fewer)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
