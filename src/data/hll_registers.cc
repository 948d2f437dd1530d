#include "src/data/hll_registers.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

namespace pollux {

namespace {

constexpr double kRegisters = kHllRegisters;
constexpr double kAlpha = 0.721347520444481703680;  // 1 / (2 ln 2)
// Registers are 32 at a time below: 24 bytes packed.
constexpr size_t kStep = 32;
constexpr size_t kStepBytes = kStep * kHllRegisterBits / 8;

// Ertl's sigma: what the registers at 0 add. 0 <= x <= 1.
double sigma(double x) {
  if (x == 1.0) {
    return std::numeric_limits<double>::infinity();
  }
  double y = 1;
  double z = x;
  double before;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}

// Ertl's tau: what the registers at the top add. 0 <= x <= 1.
double tau(double x) {
  if (x == 0.0 || x == 1.0) {
    return 0.0;
  }
  double y = 1;
  double z = 1 - x;
  double before;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  } while (z != before);
  return z / 3;
}

// `sum`: of 2^-register over the registers that are not 0, as Ertl counts them.
int64_t estimate_of(double sum, uint32_t zeros) {
  const double z = sum + kRegisters * sigma(zeros / kRegisters);
  const double estimate = kAlpha * kRegisters * kRegisters / z;
  constexpr double kTooMuch = 9223372036854775808.0;  // 2^63
  return estimate < kTooMuch ? std::llround(estimate) : std::numeric_limits<int64_t>::min();
}

// Two registers in each 16 bits, from the 12 bits that hold them: 3 bytes become 4 registers. The
// order of the two differs by the kernel; they say which they need.
struct Packed32 {
  // 32 registers in the order 1, 0, 3, 2: one operation less than in their own.
  static __m256i load_swapped(const char* from) {
    // No byte outside of the 24 is read: bytes 0..15, of which 12 count, and 8..23, of which 12.
    const __m256i bytes = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))),
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 8)), 1);
    // Of three bytes 0 1 2, the pairs 0 1 and 1 2: two registers lie in each.
    const __m256i pairs = _mm256_shuffle_epi8(
        bytes, _mm256_setr_epi8(0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11,  //
                                4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11, 12, 13, 14, 14, 15));
    // Multiplications as shifts that differ between neighbours: the upper register of a pair
    // (bits 6..11, 10..15) comes down to bits 0..5, the lower (0..5, 4..9) goes up to 8..13.
    const __m256i upper = _mm256_mulhi_epu16(
        _mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xFC000FC0))),
        _mm256_set1_epi32((1 << 6) << 16 | 1 << 10));
    const __m256i lower = _mm256_mullo_epi16(_mm256_and_si256(pairs, _mm256_set1_epi32(0x03F0003F)),
                                             _mm256_set1_epi32((1 << 4) << 16 | 1 << 8));
    return _mm256_or_si256(upper, lower);
  }

  static __m256i load(const char* from) {
    return _mm256_shuffle_epi8(
        load_swapped(from),
        _mm256_setr_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14,  //
                         1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
  }
};

__m256i load_spread(const uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

uint64_t sum_of_lanes(__m256i v) {
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(half)) +
         static_cast<uint64_t>(_mm_extract_epi64(half, 1));
}

struct Sums {
  double sum;
  uint32_t zeros;
};

// The sum of 2^-register and the number of zeros without a histogram, if that is exact; else
// nothing, and the histogram has to be counted.
//
// Up to register 39 the sum is a multiple of 2^-39 below 2^14: 53 bits. No step of Ertl's loop over
// the histogram rounds then, and an integer sum in any order comes to the same double.
//
// The registers of one HyperLogLog lie close together: all but a few within 16 values. For those,
// 2^-register is a look-up by the low 4 bits (two of them, as a byte has room for 8 powers), added
// up by psadbw. The few others are taken one by one; if they are many, this is not the way.
template <typename Load>
std::optional<Sums> exact_sums(Load load) {
  constexpr unsigned kExactMax = 39;
  constexpr unsigned kWindow = 16;
  constexpr unsigned kOutsideMax = 512;

  // The window begins 4 below the average of the first registers: among 16384 with a mean of m,
  // 0.03 are expected below m - 4, and some 5 over m + 11.
  const __m256i none = _mm256_setzero_si256();
  const unsigned average =
      static_cast<unsigned>((sum_of_lanes(_mm256_sad_epu8(load(0), none)) +
                             sum_of_lanes(_mm256_sad_epu8(load(kStep), none))) / (2 * kStep));
  const unsigned base = average < 4 ? 0 : average - 4;
  if (base + kWindow - 1 > kExactMax) {
    return std::nullopt;
  }

  // A register of 0 adds nothing here: the first power is left out if the window begins there.
  const char first = base == 0 ? 0 : static_cast<char>(128);
  const __m256i coarse = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(first, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i fine = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, static_cast<char>(128), 64, 32, 16, 8, 4, 2, 1));
  const __m256i base_bytes = _mm256_set1_epi8(static_cast<char>(base));
  // What is outside of the window, on either side, gets the high bit: pshufb looks up 0 for it.
  const __m256i to_high_bit = _mm256_set1_epi8(0x80 - kWindow);
  __m256i coarse_sum = none;
  __m256i fine_sum = none;
  uint64_t outside_sum = 0;  // in units of 2^-39
  uint32_t zeros = 0;
  unsigned outside_count = 0;
  for (size_t i = 0; i < kHllRegisters; i += kStep) {
    const __m256i registers = load(i);
    const __m256i place = _mm256_adds_epu8(_mm256_sub_epi8(registers, base_bytes), to_high_bit);
    coarse_sum = _mm256_add_epi64(coarse_sum,
                                  _mm256_sad_epu8(_mm256_shuffle_epi8(coarse, place), none));
    fine_sum = _mm256_add_epi64(fine_sum, _mm256_sad_epu8(_mm256_shuffle_epi8(fine, place), none));
    zeros += static_cast<uint32_t>(std::popcount(static_cast<uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(registers, none)))));
    uint32_t outside = static_cast<uint32_t>(_mm256_movemask_epi8(place));
    if (outside != 0) [[unlikely]] {
      alignas(32) uint8_t values[kStep];
      _mm256_store_si256(reinterpret_cast<__m256i*>(values), registers);
      for (; outside != 0; outside &= outside - 1) {
        const uint8_t value = values[std::countr_zero(outside)];
        if (value > kExactMax || ++outside_count > kOutsideMax) {
          return std::nullopt;
        }
        outside_sum += value == 0 ? 0 : uint64_t{1} << (kExactMax - value);
      }
    }
  }
  const uint64_t window_sum = (sum_of_lanes(coarse_sum) << 8) + sum_of_lanes(fine_sum);
  const uint64_t sum = (window_sum << (kExactMax - (base + kWindow - 1))) + outside_sum;
  return Sums{std::ldexp(static_cast<double>(sum), -static_cast<int>(kExactMax)), zeros};
}

}  // namespace

int64_t hll_estimate(const HllHistogram& histogram) {
  double sum =
      kRegisters * tau((kRegisters - histogram[kHllRankMax]) / kRegisters);
  for (unsigned value = kHllRankMax - 1; value >= 1; --value) {
    sum += histogram[value];
    sum *= 0.5;
  }
  return estimate_of(sum, histogram[0]);
}

HllHistogram hll_histogram_packed(const char* packed) {
  HllHistogram histogram = {};
  for (uint32_t i = 0; i < kHllRegisters; ++i) {
    ++histogram[hll_get_packed(packed, i)];
  }
  return histogram;
}

HllHistogram hll_histogram_spread(const uint8_t* spread) {
  HllHistogram histogram = {};
  for (uint32_t i = 0; i < kHllRegisters; ++i) {
    ++histogram[spread[i]];
  }
  return histogram;
}

int64_t hll_estimate_packed(const char* packed) {
  const auto sums = exact_sums([packed](size_t i) {
    return Packed32::load_swapped(packed + i / kStep * kStepBytes);
  });
  return sums ? estimate_of(sums->sum, sums->zeros) : hll_estimate(hll_histogram_packed(packed));
}

int64_t hll_estimate_spread(const uint8_t* spread) {
  const auto sums = exact_sums([spread](size_t i) { return load_spread(spread + i); });
  return sums ? estimate_of(sums->sum, sums->zeros) : hll_estimate(hll_histogram_spread(spread));
}

void hll_raise(uint8_t* spread, const char* packed) {
  for (size_t i = 0; i < kHllRegisters; i += kStep, packed += kStepBytes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(spread + i),
                        _mm256_max_epu8(load_spread(spread + i), Packed32::load(packed)));
  }
}

void hll_pack(const uint8_t* spread, char* packed) {
  for (size_t i = 0; i < kHllRegisters; i += kStep, packed += kStepBytes) {
    // Registers to pairs of 12 bits, pairs to 24 bits, and the empty fourth bytes out.
    const __m256i pairs = _mm256_maddubs_epi16(load_spread(spread + i),
                                               _mm256_set1_epi16(1 << (8 + kHllRegisterBits) | 1));
    const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << (16 + 12) | 1));
    const __m256i close = _mm256_shuffle_epi8(
        fours, _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,  //
                                -1, -1, -1, -1, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14));
    // Bytes 0..11 from the lower half, 12..23 from the upper: 16 and then 8, with no byte beyond.
    const __m128i lower = _mm256_castsi256_si128(close);
    const __m128i upper = _mm256_extracti128_si256(close, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(packed), lower);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(packed + 8),
                     _mm_or_si128(_mm_srli_si128(lower, 8), upper));
  }
}

uint8_t hll_get_packed(const char* packed, uint32_t index) {
  const uint32_t bit = index * kHllRegisterBits;
  uint32_t both = static_cast<uint8_t>(packed[bit / 8]);
  if (bit % 8 > 8 - kHllRegisterBits) {  // the last register ends with its byte
    both |= static_cast<uint32_t>(static_cast<uint8_t>(packed[bit / 8 + 1])) << 8;
  }
  return (both >> (bit % 8)) & kHllRegisterMax;
}

void hll_set_packed(char* packed, uint32_t index, uint8_t value) {
  const uint32_t bit = index * kHllRegisterBits;
  const uint32_t mask = static_cast<uint32_t>(kHllRegisterMax) << (bit % 8);
  const uint32_t bits = static_cast<uint32_t>(value & kHllRegisterMax) << (bit % 8);
  char* at = packed + bit / 8;
  at[0] = static_cast<char>((static_cast<uint8_t>(at[0]) & ~mask) | bits);
  if (mask > 0xFF) {
    at[1] = static_cast<char>((static_cast<uint8_t>(at[1]) & ~(mask >> 8)) | (bits >> 8));
  }
}

}  // namespace pollux
