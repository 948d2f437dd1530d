#include "src/data/crc64.h"

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

}  // namespace

// Slicing (Kounavis, Berry 2005): the bytes of a step are looked up side by side.
uint64_t crc64(std::string_view bytes, uint64_t crc) {
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
