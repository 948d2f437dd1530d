#include "src/base/histogram.h"

#include <algorithm>
#include <cmath>

namespace pollux {

template <int sub_bits>
uint64_t BasicHistogram<sub_bits>::upper_edge(size_t bucket) {
  constexpr size_t kSteps = size_t{1} << kSubBits;
  if (bucket < kSteps) {
    return bucket;
  }
  const auto shift = (bucket >> kSubBits) - 1;
  // In the last bucket this wraps to 0 and then to the largest value, which is right.
  return ((kSteps + (bucket & (kSteps - 1)) + 1) << shift) - 1;
}

template <int sub_bits>
void BasicHistogram<sub_bits>::merge(const BasicHistogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) {
    counts_[i] += other.counts_[i];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

template <int sub_bits>
void BasicHistogram<sub_bits>::reset() {
  *this = BasicHistogram{};
}

template <int sub_bits>
uint64_t BasicHistogram<sub_bits>::percentile(double percent) const {
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

template class BasicHistogram<4>;
template class BasicHistogram<8>;

}  // namespace pollux
