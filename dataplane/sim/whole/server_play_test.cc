// Whole servers on our own TCP, everything by seed. POLLUX_SEED=n: one; POLLUX_SEEDS=n: many.
#include <gtest/gtest.h>

#include <string>

#include "dataplane/sim/net/pcap.h"
#include "dataplane/sim/whole/server_play.h"
#include "src/base/seeds.h"

namespace pollux::tcp {
namespace {

constexpr int kQueues = 4;
// Frames whose flow is another one behind what befell them on their way.
constexpr uint64_t kDamagedMax = 100;

constexpr int workers_of(uint64_t seed) {
  return 1 + static_cast<int>(seed % 3);
}

// The same run again, for whoever looks: where it was captured.
std::string capture(uint64_t seed, const PlaySettings& settings, std::optional<OneNic> nic = {}) {
  ServerPlay play(seed, nic ? kQueues : workers_of(seed), settings, {}, nic);
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

// Four workers behind one address. However their NIC spreads what comes, connections find their
// worker, and nobody is reset by another one.
TEST(ServerPlay, WorkersOfOneNicGiveEachOtherWhatIsTheirs) {
  const Seeds seeds = seeds_to_run(40);
  SteeringCounters all;
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    PlaySettings settings = drawn_settings(seed);
    settings.stack.listener.half_open.capacity = 1'024;
    const OneNic nic{.spreading = static_cast<Spreading>(seed % kSpreadings),
                     .hashes = seed / kSpreadings % 2 == 0};
    ServerPlay play(seed, kQueues, settings, {}, nic);
    const std::string wrong = play.run();
    ASSERT_EQ(wrong, "") << "seed " << seed << "\n"
                         << play.network().report() << capture(seed, settings, nic);
    const SteeringCounters steered = play.steered();
    if (nic.spreading == Spreading::kAsTold) {
      EXPECT_LE(steered.handed_on, kDamagedMax) << "seed " << seed;
    }
    all.handed_on += steered.handed_on;
    all.handed_over += steered.handed_over;
    all.hashed_wrong += steered.hashed_wrong;
    all.hashed_right += steered.hashed_right;
  }
  EXPECT_GT(all.handed_over, 0U);
  EXPECT_GT(all.hashed_wrong, 0U);
  EXPECT_GT(all.hashed_right, 0U);
}

}  // namespace
}  // namespace pollux::tcp
