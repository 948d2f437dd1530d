// Bytes of a packet, and numbers of them: the network's order (big-endian) on the wire, the host's
// everywhere else. Only this room calls the functions below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace pollux::tcp {

// Somebody else's bytes, to read or to write. What a parser hands out points into what it was given
// and lives as long as that.
using Bytes = std::span<const uint8_t>;
using Room = std::span<uint8_t>;

inline uint16_t load16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap16(value);
}

inline uint32_t load32(const uint8_t* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

inline void store16(uint8_t* at, uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(at, &value, sizeof value);
}

inline void store32(uint8_t* at, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof value);
}

}  // namespace pollux::tcp
