#include "src/base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pollux {

namespace {

constexpr uint64_t kSteps = uint64_t{1} << Histogram::kSubBits;

// Values below kSteps have a bucket each; from there every power of two has kSteps of them.
size_t bucket_of(uint64_t value) {
  if (value < kSteps) {
    return value;
  }
  const int shift = std::bit_width(value) - 1 - Histogram::kSubBits;
  return ((static_cast<size_t>(shift) + 1) << Histogram::kSubBits) +
         ((value >> shift) & (kSteps - 1));
}

uint64_t upper_edge(size_t bucket) {
  if (bucket < kSteps) {
    return bucket;
  }
  const auto shift = (bucket >> Histogram::kSubBits) - 1;
  // In the last bucket this wraps to 0 and then to the largest value, which is right.
  return ((kSteps + (bucket & (kSteps - 1)) + 1) << shift) - 1;
}

}  // namespace

void Histogram::record(uint64_t value) {
  ++counts_[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) {
    counts_[i] += other.counts_[i];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

void Histogram::reset() {
  *this = Histogram{};
}

uint64_t Histogram::percentile(double percent) const {
  if (count_ == 0) {
    return 0;
  }
  const double exact = std::ceil(static_cast<double>(count_) * percent / 100.0);
  const uint64_t rank =
      std::clamp<uint64_t>(exact < 1.0 ? 1 : static_cast<uint64_t>(exact), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      return std::min(upper_edge(i), max_);
    }
  }
  return max_;
}

}  // namespace pollux
