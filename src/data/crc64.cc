#include "src/data/crc64.h"

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace pollux {

static_assert(std::endian::native == std::endian::little, "a word's first byte is its lowest");

namespace {

// 0xad93d23594c935a9 with its bits in reverse.
constexpr uint64_t kPolynomial = 0x95ac9329ac4bc9b5;
constexpr size_t kSlices = 16;

// tables[n][b]: what byte b adds to the CRC if n bytes follow it.
using Tables = std::array<std::array<uint64_t, 256>, kSlices>;

constexpr Tables make_tables() {
  Tables tables = {};
  for (size_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    }
    tables[0][byte] = crc;
  }
  for (size_t n = 1; n < kSlices; ++n) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t crc = tables[n - 1][byte];
      tables[n][byte] = (crc >> 8) ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}

alignas(64) constexpr Tables kTables = make_tables();

uint64_t load64(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// What the 8 bytes of `word` add, with `behind` bytes following the last of them.
template <size_t behind>
uint64_t slice(uint64_t word) {
  const auto part = [word](size_t byte) {
    return kTables[behind + 7 - byte][(word >> (8 * byte)) & 0xFF];
  };
  return (part(0) ^ part(1)) ^ (part(2) ^ part(3)) ^ ((part(4) ^ part(5)) ^ (part(6) ^ part(7)));
}

// x^n modulo the polynomial. Reflected: bit 63 is 1, bit 0 is x^63.
constexpr uint64_t power_of_x(size_t n) {
  uint64_t power = uint64_t{1} << 63;
  for (size_t i = 0; i < n; ++i) {
    power = (power >> 1) ^ ((power & 1) != 0 ? kPolynomial : 0);
  }
  return power;
}

// 16 bytes as a polynomial: the first 8, its upper half, are the low word of the register.
constexpr size_t kLaneBytes = sizeof(__m128i);
// Lanes worked on side by side, as a multiplication takes longer than until the next may start.
constexpr size_t kLanes = 4;
constexpr size_t kStepBytes = kLanes * kLaneBytes;
// Below, the tables are as fast.
constexpr size_t kFoldBytesMin = kStepBytes;

[[gnu::target("pclmul")]] inline __m128i load_lane(const char* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

// Brings `lane` forward onto `next`, which stands `bytes` behind it: what comes out leaves the
// remainder that both leave together. The lower half moves up by so much, the upper one by 64 bits
// more. A product of two reflected words stands in the register as if multiplied by x, hence one
// power less.
template <size_t bytes>
[[gnu::target("pclmul")]] inline __m128i fold(__m128i lane, __m128i next) {
  constexpr uint64_t kUpper = power_of_x(8 * bytes + 64 - 1);
  constexpr uint64_t kLower = power_of_x(8 * bytes - 1);
  const __m128i by = _mm_set_epi64x(static_cast<int64_t>(kLower), static_cast<int64_t>(kUpper));
  const __m128i upper = _mm_clmulepi64_si128(lane, by, 0x00);
  const __m128i lower = _mm_clmulepi64_si128(lane, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(upper, lower), next);
}

// Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction", 2009) down to 16 bytes with the same sum; these and what does not fill a lane go
// by the tables. `bytes`: kFoldBytesMin at least.
[[gnu::target("pclmul")]] uint64_t crc64_by_folding(std::string_view bytes, uint64_t crc) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  __m128i lanes[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    lanes[i] = load_lane(at + i * kLaneBytes);
  }
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128(static_cast<int64_t>(crc)));
  for (at += kStepBytes; static_cast<size_t>(end - at) >= kStepBytes; at += kStepBytes) {
    for (size_t i = 0; i < kLanes; ++i) {
      lanes[i] = fold<kStepBytes>(lanes[i], load_lane(at + i * kLaneBytes));
    }
  }
  __m128i sum = lanes[0];
  for (size_t i = 1; i < kLanes; ++i) {
    sum = fold<kLaneBytes>(sum, lanes[i]);
  }
  for (; static_cast<size_t>(end - at) >= kLaneBytes; at += kLaneBytes) {
    sum = fold<kLaneBytes>(sum, load_lane(at));
  }
  char last[kLaneBytes];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(last), sum);
  return crc64_by_tables({at, end}, crc64_by_tables({last, kLaneBytes}));
}

}  // namespace

uint64_t crc64(std::string_view bytes, uint64_t crc) {
  if (bytes.size() >= kFoldBytesMin && __builtin_cpu_supports("pclmul")) {
    return crc64_by_folding(bytes, crc);
  }
  return crc64_by_tables(bytes, crc);
}

// Slicing (Kounavis, Berry 2005): the bytes of a step are looked up side by side.
uint64_t crc64_by_tables(std::string_view bytes, uint64_t crc) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  for (; end - at >= 16; at += 16) {
    crc = slice<8>(crc ^ load64(at)) ^ slice<0>(load64(at + 8));
  }
  if (end - at >= 8) {
    crc = slice<0>(crc ^ load64(at));
    at += 8;
  }
  for (; at < end; ++at) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint8_t>(*at)) & 0xFF];
  }
  return crc;
}

}  // namespace pollux
