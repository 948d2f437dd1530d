#include "dataplane/tcp/tables/spent_cookies.h"

#include <gtest/gtest.h>

#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

TEST(SpentCookiesTest, TheLatestOfALineStay) {
  SpentCookies spent;
  for (uint64_t id = 1; id <= 100; ++id) {
    EXPECT_FALSE(spent.has(id));
    spent.add(id);  // all in one line
    for (uint64_t before = 1; before <= id; ++before) {
      EXPECT_EQ(spent.has(before), before + SpentCookies::kLineIds > id);
    }
  }
}

// As many as are spent in 137 s, of which the first must be known at the end.
TEST(SpentCookiesTest, FewAreForgottenAtAForeseenRate) {
  for (const auto& [a_second, forgotten_max] : {std::pair{60U, 0.003}, {120U, 0.08}}) {
    Rng rng(a_second);
    SpentCookies spent;
    std::vector<uint64_t> ids(a_second * 137U);
    for (uint64_t& id : ids) {
      id = rng.next();
      spent.add(id);
    }
    size_t forgotten = 0;
    for (const uint64_t id : std::vector(ids.begin(), ids.begin() + 1'000)) {
      forgotten += !spent.has(id);
    }
    EXPECT_LE(static_cast<double>(forgotten) / 1'000, forgotten_max) << a_second;
  }
}

}  // namespace
}  // namespace pollux::tcp
