// Every play over many seeds on the scheduler: each seed is another interleaving.
#include <gtest/gtest.h>

#include "src/base/log.h"
#include "src/base/seeds.h"
#include "tests/sim/play.h"

namespace pollux {
namespace {

// Two and a half minutes on one core; POLLUX_SEEDS=5000, as before a release, ten.
constexpr uint64_t kSeedsPerPlay = 1'250;

class SteppedTest : public testing::TestWithParam<Play> {};

TEST_P(SteppedTest, NothingImpossibleIsSeen) {
  log_open("/dev/null");
  const Seeds seeds = seeds_to_run(kSeedsPerPlay);
  uint64_t phases = 0;
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    uint64_t phases_here = 0;
    const std::string wrong = play_stepped(GetParam(), seed, phases_here);
    phases += phases_here;
    ASSERT_EQ(wrong, "") << "replay with POLLUX_SEED=" << seed;
  }
  RecordProperty("phases", std::to_string(phases));
}

INSTANTIATE_TEST_SUITE_P(Plays, SteppedTest, testing::ValuesIn(plays().begin(), plays().end()),
                         [](const auto& play) { return std::string(play.param.name); });

}  // namespace
}  // namespace pollux
