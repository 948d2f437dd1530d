#include "tests/sim/seeds.h"

#include <cstdlib>

namespace pollux {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSlowness = 4;
#else
constexpr uint64_t kSlowness = 1;
#endif

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
