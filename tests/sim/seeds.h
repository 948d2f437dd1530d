// Which seeds a test runs. POLLUX_SEED=n: that one alone, to replay a failure. POLLUX_SEEDS=n: the
// first n. Else a number that suits the build: sanitized ones are slow.
#pragma once

#include <cstdint>

namespace pollux {

struct Seeds {
  uint64_t first = 1;
  uint64_t count = 1;
};

Seeds seeds_to_run(uint64_t usual_count);

}  // namespace pollux
