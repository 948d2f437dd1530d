// Log-linear histograms of non-negative integers: 2^sub_bits linear steps per power of two. Of the
// 16 of Histogram a percentile is at most 6.25 % off, of the 256 of FineHistogram (116 KiB) 0.4 %.
// Fixed size, single writer, mergeable.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace pollux {

template <int sub_bits>
class BasicHistogram {
 public:
  static constexpr int kSubBits = sub_bits;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  // Values below 2^kSubBits have a bucket each; from there every power of two has as many of them.
  static size_t bucket_of(uint64_t value) {
    constexpr uint64_t kSteps = uint64_t{1} << kSubBits;
    if (value < kSteps) {
      return value;
    }
    const int shift = std::bit_width(value) - 1 - kSubBits;
    return ((static_cast<size_t>(shift) + 1) << kSubBits) + ((value >> shift) & (kSteps - 1));
  }
  // The largest value of a bucket.
  static uint64_t upper_edge(size_t bucket);

  void record(uint64_t value) {
    ++counts_[bucket_of(value)];
    ++count_;
    max_ = value > max_ ? value : max_;
  }
  void merge(const BasicHistogram& other);
  void reset();
  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  uint64_t count_of(size_t bucket) const { return counts_[bucket]; }
  // The upper edge of the bucket that holds the given percentile (0..100], or max() if that is
  // less; 0 if empty.
  uint64_t percentile(double percent) const;

 private:
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

// Their code is in histogram.cc.
extern template class BasicHistogram<4>;
extern template class BasicHistogram<8>;
using Histogram = BasicHistogram<4>;
using FineHistogram = BasicHistogram<8>;

}  // namespace pollux
