#include <ctime>

#include "dataplane/sim/stack/stack_play.h"
#include "perf/sim_tcp/scenarios.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

}  // namespace

void plays(uint64_t seed, Figures& figures) {
  constexpr uint64_t kPlays = 200;
  figures.heading("Whole stacks while everything goes wrong (sim_stack_test)");
  const double began = cpu_seconds();
  uint64_t frames = 0;
  for (uint64_t i = 0; i < kPlays; ++i) {
    const uint64_t number = seed * 1'000'000 + i;
    StackPlay play(number, wide_settings(number));
    const std::string wrong = play.run();
    POLLUX_ASSERT(wrong.empty());
    for (size_t host = 0; host < play.network().machines(); ++host) {
      frames += play.network().machine(host).transmitted();
    }
  }
  const double seconds = cpu_seconds() - began;
  figures.add("seeds a second of CPU time", "1/s", static_cast<double>(kPlays) / seconds);
  figures.add("frames sent a second of CPU time", "1/s", static_cast<double>(frames) / seconds);
}

}  // namespace pollux::tcp
