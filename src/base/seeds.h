// Which seeds a test runs. POLLUX_SEED=n: that one alone, to replay a failure. POLLUX_SEEDS=n: the
// first n. Both: so many from that one on. Else a number that suits the build: sanitized ones are
// slow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "src/base/sanitized.h"

namespace pollux {

struct Seeds {
  uint64_t first = 1;
  uint64_t count = 1;
};

inline Seeds seeds_to_run(uint64_t usual_count) {
  const auto number_in = [](const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? uint64_t{0} : std::strtoull(text, nullptr, 10);
  };
  const uint64_t first = number_in("POLLUX_SEED");
  const uint64_t count = number_in("POLLUX_SEEDS");
  if (first != 0 || count != 0) {
    return {std::max<uint64_t>(1, first), std::max<uint64_t>(1, count)};
  }
  return {1, std::max<uint64_t>(1, usual_count / kSlowness)};
}

}  // namespace pollux
