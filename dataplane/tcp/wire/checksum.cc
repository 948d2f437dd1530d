#include "dataplane/tcp/wire/checksum.h"

#include <immintrin.h>

namespace pollux::tcp {
namespace {

template <typename T>
uint64_t load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

__m256i add_halves(__m256i sum, __m256i words) {
  const __m256i low = _mm256_blend_epi32(words, _mm256_setzero_si256(), 0xaa);
  return _mm256_add_epi64(sum, _mm256_add_epi64(low, _mm256_srli_epi64(words, 32)));
}

// Of blocks of 64 bytes; moves `at` and `bytes` behind them. Each lane of 64 bits takes numbers of
// 32, so none overflows.
uint64_t sum_blocks(const uint8_t*& at, size_t& bytes) {
  __m256i first = _mm256_setzero_si256();
  __m256i second = first;
  for (; bytes >= 64; bytes -= 64, at += 64) {
    const auto* block = reinterpret_cast<const __m256i*>(at);
    first = add_halves(first, _mm256_loadu_si256(block));
    second = add_halves(second, _mm256_loadu_si256(block + 1));
  }
  const __m256i all = _mm256_add_epi64(first, second);
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

// Below it vectors are not worth their start: 128 bytes take 7 ns by words and 4 in vectors, 96
// take 6 and 7, 1460 take 56 and 27 (best of 10 runs, 2 shared cores at 2.8 GHz).
constexpr size_t kVectorsFrom = 128;

// The sum of words as they lie in memory, a last odd byte before a 0. Below 2^34, so that many can
// be added up without looking for carries.
uint64_t sum_words(const uint8_t* at, size_t bytes) {
  __extension__ unsigned __int128 wide = bytes >= kVectorsFrom ? sum_blocks(at, bytes) : 0;
  for (; bytes >= 32; bytes -= 32, at += 32) {
    wide += load<uint64_t>(at);
    wide += load<uint64_t>(at + 8);
    wide += load<uint64_t>(at + 16);
    wide += load<uint64_t>(at + 24);
  }
  for (; bytes >= 8; bytes -= 8, at += 8) {
    wide += load<uint64_t>(at);
  }
  const auto low = static_cast<uint64_t>(wide);
  uint64_t sum = (low & 0xffffffff) + (low >> 32) + static_cast<uint64_t>(wide >> 64);
  if ((bytes & 4) != 0) {
    sum += load<uint32_t>(at);
    at += 4;
  }
  if ((bytes & 2) != 0) {
    sum += load<uint16_t>(at);
    at += 2;
  }
  return sum + ((bytes & 1) != 0 ? *at : 0);
}

}  // namespace

void Checksum::add(Bytes piece) {
  const uint64_t sum = sum_words(piece.data(), piece.size());
  if (odd_) {
    // Its first byte is the second one of a word: all its words lie with their bytes swapped.
    sum_ += __builtin_bswap16(Checksum::fold(sum));
  } else {
    sum_ += sum;
  }
  odd_ ^= (piece.size() & 1) != 0;
}

uint16_t checksum(Bytes bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace pollux::tcp
