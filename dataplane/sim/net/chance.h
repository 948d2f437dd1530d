// Chance as a function, not as a sequence: what falls to the n-th of its kind depends on the seed,
// the kind and n alone. So what befalls frame 17 does not depend on what befell frame 16, nor on
// which other chances there are, nor since when: one that is taken out of a scenario leaves the
// others where they were.
#pragma once

#include <cstdint>

namespace pollux::tcp {

// Chances are of 10,000.
inline constexpr uint32_t kChanceMax = 10'000;

// The output step of SplitMix64 (Steele, Lea, Flood 2014).
constexpr uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// Number `index` of the sequence that begins with `key`: SplitMix64, entered anywhere.
constexpr uint64_t mixed_at(uint64_t key, uint64_t index) {
  return mixed(key + index * 0x9E3779B97F4A7C15);
}

// One kind of chance. Not against enemies.
class Dice {
 public:
  constexpr Dice(uint64_t seed, uint64_t kind)
      : whether_(mixed_at(mixed(seed), 2 * kind)), what_(mixed_at(mixed(seed), 2 * kind + 1)) {}
  // Whether it comes to pass with number n.
  constexpr bool hits(uint64_t n, uint32_t chance) const {
    return chance != 0 && below(mixed_at(whether_, n), kChanceMax) < chance;
  }
  // What it is then: uniform from min to max.
  constexpr int64_t uniform(uint64_t n, int64_t min, int64_t max) const {
    return min +
           static_cast<int64_t>(below(mixed_at(what_, n), static_cast<uint64_t>(max - min) + 1));
  }

 private:
  // Lemire 2019, without the step against a bias that is 2^-40 and less here.
  static constexpr uint64_t below(uint64_t number, uint64_t bound) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(number) * bound >> 64);
  }

  uint64_t whether_;
  uint64_t what_;
};

}  // namespace pollux::tcp
