// A command's name in lower case as numbers, so that the command table compares names in a few
// instructions whatever their length and case. Without branches that depend on the name.
#pragma once

#include <emmintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pollux {

struct FoldedName {
  uint64_t head = 0;  // bytes 0-7, zero padded
  uint64_t tail = 0;  // bytes 8-15
  size_t size = 0;    // of the whole name; what is beyond 16 bytes must be compared apart

  friend bool operator==(const FoldedName&, const FoldedName&) = default;
};

inline constexpr size_t kFoldedBytes = 16;

// 16 bytes from `from` on, of which `size` are the caller's. May read the bytes behind them, but
// never across the end of a page (4,096 bytes at least), where there may be no memory.
inline __m128i load_folded_bytes(const char* from, size_t size) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // No name, no memory: an empty view may end where its page does.
  if ((reinterpret_cast<uintptr_t>(from) & 4095) <= 4096 - kFoldedBytes && size > 0) [[likely]] {
    asm("" : "+r"(from));  // the compiler must not reason about the bytes behind an object
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
#endif
  char copy[kFoldedBytes] = {};
  if (size > 0) {
    std::memcpy(copy, from, std::min(size, kFoldedBytes));
  }
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(copy));
}

inline FoldedName fold_name(std::string_view name) {
  // A window of 16 bytes that begins with as many ones as the name has bytes.
  alignas(32) static constexpr uint8_t kMasks[2 * kFoldedBytes] = {
      255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
  const uint8_t* mask = kMasks + kFoldedBytes - std::min(name.size(), kFoldedBytes);
  const __m128i bytes = _mm_and_si128(load_folded_bytes(name.data(), name.size()),
                                      _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask)));
  // Signed compares: bytes above 127 are negative, so they are no letters.
  const __m128i is_upper = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)),
                                         _mm_cmpgt_epi8(_mm_set1_epi8('Z' + 1), bytes));
  const __m128i folded = _mm_or_si128(bytes, _mm_and_si128(is_upper, _mm_set1_epi8('a' - 'A')));
  return {static_cast<uint64_t>(_mm_cvtsi128_si64(folded)),
          static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(folded, folded))),
          name.size()};
}

}  // namespace pollux
