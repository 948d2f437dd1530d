#include "tests/sim/seeds.h"

#include <cstdlib>

#include "src/base/sanitized.h"

namespace pollux {

namespace {

uint64_t number_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

}  // namespace

Seeds seeds_to_run(uint64_t usual_count) {
  if (const uint64_t one = number_in("POLLUX_SEED"); one != 0) {
    return {one, 1};
  }
  if (const uint64_t count = number_in("POLLUX_SEEDS"); count != 0) {
    return {1, count};
  }
  return {1, usual_count / kSlowness};
}

}  // namespace pollux
