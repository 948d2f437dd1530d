// Whole servers on our own TCP, everything by seed. POLLUX_SEED=n: one; POLLUX_SEEDS=n: many.
#include <gtest/gtest.h>

#include <string>

#include "dataplane/sim/net/pcap.h"
#include "dataplane/sim/whole/server_play.h"
#include "src/base/seeds.h"

namespace pollux::tcp {
namespace {

constexpr int workers_of(uint64_t seed) {
  return 1 + static_cast<int>(seed % 3);
}

// The same run again, for whoever looks: where it was captured.
std::string capture(uint64_t seed, const PlaySettings& settings) {
  ServerPlay play(seed, workers_of(seed), settings, {});
  PcapWriter writer;
  for (uint32_t i = 0; i < play.network().links(); ++i) {
    writer.tap(play.network().link(i));
  }
  play.run();
  const std::string path = testing::TempDir() + "server_play_" + std::to_string(seed) + ".pcapng";
  return (writer.save(path) ? "capture: " : "no capture: ") + path + "\n";
}

TEST(ServerPlay, ClientsGetRightAnswersWhateverGoesWrong) {
  const Seeds seeds = seeds_to_run(100);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    PlaySettings settings = drawn_settings(seed);
    settings.stack.listener.half_open.capacity = 1'024;  // none is given up early
    ServerPlay play(seed, workers_of(seed), settings, {});
    const std::string wrong = play.run();
    ASSERT_EQ(wrong, "") << "seed " << seed << "\n"
                         << play.network().report() << capture(seed, settings);
  }
}

}  // namespace
}  // namespace pollux::tcp
