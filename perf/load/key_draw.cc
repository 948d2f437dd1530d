#include "perf/load/key_draw.h"

#include <algorithm>
#include <cmath>

namespace pollux {

// h is the integral of x^-s: ((x)^(1-s) - 1) / (1 - s), which for s = 1 is log(x). Written so that
// it stays exact where s comes close to 1.
double KeyDraw::h(double x) const {
  const double log_x = std::log(x);
  const double t = (1 - exponent_) * log_x;
  return std::abs(t) < 1e-8 ? log_x * (1 + t / 2) : std::expm1(t) / (1 - exponent_);
}

double KeyDraw::h_inverse(double y) const {
  const double t = y * (1 - exponent_);
  if (std::abs(t) < 1e-8) {
    return std::exp(y * (1 - t / 2));
  }
  return std::exp(std::log1p(std::max(t, -1.0)) / (1 - exponent_));
}

KeyDraw::KeyDraw(KeyPattern pattern, KeyRange range, double zipf_exponent)
    : pattern_(pattern), range_(range), next_(range.first), exponent_(zipf_exponent) {
  if (pattern == KeyPattern::kZipf) {
    const auto keys = static_cast<double>(range.last - range.first) + 1;
    h_first_ = h(1.5) - 1;
    h_last_ = h(keys + 0.5);
    at_once_ = 2 - h_inverse(h(2.5) - std::pow(2.0, -exponent_));
  }
}

uint64_t KeyDraw::zipf(Rng& rng) const {
  const uint64_t keys = range_.last - range_.first + 1;
  while (true) {
    const double u = h_last_ + rng.unit() * (h_first_ - h_last_);
    const double x = h_inverse(u);
    const auto k = static_cast<uint64_t>(std::clamp(x + 0.5, 1.0, static_cast<double>(keys)));
    const auto rank = static_cast<double>(k);
    if (rank - x <= at_once_ || u >= h(rank + 0.5) - std::pow(rank, -exponent_)) {
      return range_.first + k - 1;
    }
  }
}

uint64_t KeyDraw::next(Rng& rng) {
  switch (pattern_) {
    case KeyPattern::kUniform: {
      const uint64_t keys = range_.last - range_.first + 1;
      return range_.first + rng.below(keys);
    }
    case KeyPattern::kZipf:
      return zipf(rng);
    case KeyPattern::kSequential:
      break;
  }
  const uint64_t key = next_;
  next_ = key == range_.last ? range_.first : key + 1;
  return key;
}

KeyRange part_of(KeyRange range, uint64_t from, uint64_t to, uint64_t of) {
  const uint64_t keys = range.last - range.first + 1;
  const auto edge = [&](uint64_t part) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(keys) * part / of);
  };
  const uint64_t first = edge(from);
  return {range.first + first, range.first + std::max(first + 1, edge(to)) - 1};
}

}  // namespace pollux
