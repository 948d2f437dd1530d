// Randomness as a port: a worker owns one, seeded at start from the kernel or, in tests, by hand.
#pragma once

#include <cstdint>

namespace pollux {

// xoshiro256** (Blackman, Vigna 2018). Not for secrets. One thread.
class Rng {
 public:
  explicit Rng(uint64_t seed);
  uint64_t next();
  // Uniform in [0, bound); bound > 0 (Lemire 2019, without bias).
  uint64_t below(uint64_t bound);
  // Uniform in [0, 1).
  double unit();

 private:
  uint64_t s_[4];
};

// 64 bits from getrandom(2): seeds and ids. Any thread.
uint64_t entropy64();

}  // namespace pollux
