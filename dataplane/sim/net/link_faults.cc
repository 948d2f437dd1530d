#include "dataplane/sim/net/link_faults.h"

#include <array>

namespace pollux::tcp {

std::string text(const Fault& fault) {
  constexpr std::array<const char*, 6> kNames = {"lose",    "duplicate", "delay",
                                                 "corrupt", "truncate",  "mark CE"};
  return "link " + std::to_string(fault.link) + " frame " + std::to_string(fault.frame) + ": " +
         kNames[static_cast<size_t>(fault.kind)] + " " + std::to_string(fault.value);
}

}  // namespace pollux::tcp
