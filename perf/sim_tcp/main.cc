// Figures of our TCP stack in the simulated network: the same for the same seeds, whatever the host
// that runs it (but for `plays`).
//
//   sim_tcp [--seeds N] [--only bulk|replies|acks|flood|plays]...
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "perf/sim_tcp/scenarios.h"

namespace pollux::tcp {
namespace {

struct Scenario {
  std::string_view name;
  void (*run)(uint64_t seed, Figures& figures);
};
constexpr std::array<Scenario, 5> kScenarios = {{{"bulk", bulk},
                                                 {"replies", lost_replies},
                                                 {"acks", delayed_acks},
                                                 {"flood", flood},
                                                 {"plays", plays}}};

int usage() {
  std::fputs("usage: sim_tcp [--seeds N] [--only bulk|replies|acks|flood|plays]...\n", stderr);
  return 2;
}

int run(int argc, char** argv) {
  uint64_t seeds = 5;
  std::vector<std::string_view> only;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if (i + 1 == argc) {
      return usage();
    }
    if (option == "--seeds") {
      seeds = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (option == "--only") {
      only.emplace_back(argv[i + 1]);
    } else {
      return usage();
    }
  }
  Figures figures;
  bool any = false;
  for (const Scenario& scenario : kScenarios) {
    bool wanted = only.empty();
    for (const std::string_view name : only) {
      wanted |= name == scenario.name;
    }
    for (uint64_t seed = 1; wanted && seed <= seeds; ++seed) {
      scenario.run(seed, figures);
      any = true;
    }
  }
  if (!any) {
    return usage();
  }
  std::printf("seeds 1 to %llu\n", static_cast<unsigned long long>(seeds));
  return figures.print() ? 0 : 1;
}

}  // namespace
}  // namespace pollux::tcp

int main(int argc, char** argv) {
  return pollux::tcp::run(argc, argv);
}
