// Prefixes of addresses: how many bits two of them share from the front.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace pollux {

// Whether the first `bits` (at most 128) of two addresses of 16 bytes agree.
inline bool same_leading_bits(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b,
                              unsigned bits) {
  const unsigned whole = bits / 8;
  const unsigned rest = bits % 8;
  return std::memcmp(a.data(), b.data(), whole) == 0 &&
         (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

}  // namespace pollux
