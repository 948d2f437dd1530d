#include "src/base/rng.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>

#include "src/base/assert.h"

namespace pollux {

namespace {

// SplitMix64 (Steele, Lea, Flood 2014): what the authors of xoshiro advise for its first state.
uint64_t splitmix(uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(uint64_t seed) {
  for (uint64_t& word : s_) {
    word = splitmix(seed);
  }
}

uint64_t Rng::next() {
  const uint64_t result = std::rotl(s_[1] * 5, 7) * 9;
  const uint64_t t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = std::rotl(s_[3], 45);
  return result;
}

uint64_t Rng::below(uint64_t bound) {
  POLLUX_ASSERT(bound > 0);
  unsigned __int128 product = static_cast<unsigned __int128>(next()) * bound;
  if (static_cast<uint64_t>(product) < bound) {
    // 2^64 mod bound: draws whose low half falls below it would make small results likelier.
    const uint64_t threshold = -bound % bound;
    while (static_cast<uint64_t>(product) < threshold) {
      product = static_cast<unsigned __int128>(next()) * bound;
    }
  }
  return static_cast<uint64_t>(product >> 64);
}

double Rng::unit() {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

uint64_t entropy64() {
  uint64_t value = 0;
  ssize_t got = 0;
  do {
    got = getrandom(&value, sizeof(value), 0);
  } while (got < 0 && errno == EINTR);
  POLLUX_ASSERT(got == sizeof(value));
  return value;
}

}  // namespace pollux
