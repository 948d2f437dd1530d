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
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_add_epi64(first, second));
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

// The sum of words as they lie in memory, a last odd byte before a 0; not folded, below 2^50 for
// 2^34 bytes and less.
uint64_t sum_words(const uint8_t* at, size_t bytes) {
  uint64_t sum = bytes >= 128 ? sum_blocks(at, bytes) : 0;
  for (; bytes >= 8; bytes -= 8, at += 8) {
    const uint64_t words = load<uint64_t>(at);
    sum += (words & 0xffffffff) + (words >> 32);
  }
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

uint16_t updated_checksum(uint16_t checksum, uint16_t before, uint16_t after) {
  // HC' = ~(~HC + ~m + m'); the shorter HC' = HC - ~m - m' would make 0 of what has to be 0xffff.
  return static_cast<uint16_t>(
      ~Checksum::fold(uint64_t{0xffff} - checksum + 0xffff - before + after));
}

uint16_t updated_checksum(uint16_t checksum, uint32_t before, uint32_t after) {
  const uint64_t half = updated_checksum(checksum, static_cast<uint16_t>(before >> 16),
                                         static_cast<uint16_t>(after >> 16));
  return updated_checksum(static_cast<uint16_t>(half), static_cast<uint16_t>(before),
                          static_cast<uint16_t>(after));
}

}  // namespace pollux::tcp
