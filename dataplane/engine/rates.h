// How much goes through a worker at the moment, for INFO.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "src/abi/control_page.h"

namespace pollux {

// Commands and bytes per second, sampled ten times a second and averaged over the last 16 samples.
class Rates {
 public:
  void sample(int64_t now_ms, CoreBlock& core);

 private:
  static constexpr size_t kSamples = 16;
  struct Point {
    int64_t ms = 0, commands = 0, input = 0, output = 0;
  };
  std::array<Point, kSamples> points_{};
  size_t next_ = 0;
};

}  // namespace pollux
