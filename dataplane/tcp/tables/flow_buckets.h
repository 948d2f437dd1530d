// The memory of a table of flows: buckets of one cache line. It is mapped directly, comes cleared
// by the kernel page by page, and can be given back in slices: to free 8 to 32 MB at once took
// jemalloc 0.5 to 4 ms, a slice takes 15 to 20 us (CPU time, medians of a table of 3 million flows
// that fills and empties; Xeon 2.8 GHz, 2 shared virtual cores, November 2026). Belongs to one
// core.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace pollux::tcp {

// A cache line of entries. Free ones have the tag 0.
struct alignas(64) FlowBucket {
  static constexpr unsigned kEntries = 10;

  uint16_t tags[kEntries];
  uint32_t passed;  // entries of this home or of one before that stand in a bucket after this one
  uint32_t indices[kEntries];

  // The entries with this tag, two bits each, of which the lower is set.
  unsigned match(uint16_t tag) const {
    const __m256i line = _mm256_load_si256(reinterpret_cast<const __m256i*>(tags));
    const __m256i same = _mm256_cmpeq_epi16(line, _mm256_set1_epi16(static_cast<short>(tag)));
    return static_cast<unsigned>(_mm256_movemask_epi8(same)) & kEachEntry;
  }
  static constexpr unsigned kEachEntry = 0x55555;
};
static_assert(sizeof(FlowBucket) == 64 && offsetof(FlowBucket, tags) == 0);

class FlowBuckets {
 public:
  static constexpr size_t kSliceBytes = size_t{128} << 10;

  FlowBuckets() = default;
  // `count` > 0 buckets without entries; asserts that there is memory. `resident`: now, instead of
  // when they are first touched.
  FlowBuckets(size_t count, bool resident);
  ~FlowBuckets() { shrink_to(0); }
  FlowBuckets(FlowBuckets&& other) noexcept
      : buckets_(std::exchange(other.buckets_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  FlowBuckets& operator=(FlowBuckets&& other) noexcept {
    std::swap(buckets_, other.buckets_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  FlowBucket& operator[](size_t at) { return buckets_[at]; }
  const FlowBucket& operator[](size_t at) const { return buckets_[at]; }
  size_t bytes() const { return bytes_; }  // whole pages

  // Gives back the last kSliceBytes, or what is left.
  void give_back_slice() { shrink_to(bytes_ > kSliceBytes ? bytes_ - kSliceBytes : 0); }

 private:
  void shrink_to(size_t bytes);

  FlowBucket* buckets_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace pollux::tcp
