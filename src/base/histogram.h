// A log-linear histogram of non-negative integers: 16 linear steps per power of two, so a
// percentile is at most 6.25 % off. Fixed size, single writer, mergeable.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace pollux {

class Histogram {
 public:
  static constexpr int kSubBits = 4;
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

  void record(uint64_t value);
  void merge(const Histogram& other);
  void reset();
  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  // The upper edge of the bucket that holds the given percentile (0..100], or max() if that is
  // less; 0 if empty.
  uint64_t percentile(double percent) const;

 private:
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace pollux
