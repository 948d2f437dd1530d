// Whole servers on our own TCP, everything by seed. POLLUX_SEED=n: one; POLLUX_SEEDS=n: many.
#include <gtest/gtest.h>

#include "dataplane/sim/whole/server_play.h"
#include "src/base/seeds.h"

namespace pollux::tcp {
namespace {

TEST(ServerPlay, ClientsGetRightAnswersWhateverGoesWrong) {
  const Seeds seeds = seeds_to_run(100);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    PlaySettings settings = drawn_settings(seed);
    settings.stack.memory_bytes_max = size_t{1} << 30;
    ServerPlay play(seed, 1 + static_cast<int>(seed % 3), settings, {});
    const std::string wrong = play.run();
    ASSERT_EQ(wrong, "") << "seed " << seed << "\n" << play.network().report();
  }
}

}  // namespace
}  // namespace pollux::tcp
