// A log-linear histogram of non-negative integers: 16 linear steps per power of two, so a
// percentile is at most 6.25 % off. Fixed size, single writer, mergeable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pollux {

class Histogram {
 public:
  static constexpr int kSubBits = 4;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

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
