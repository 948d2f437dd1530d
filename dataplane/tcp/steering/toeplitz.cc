#include "dataplane/tcp/steering/toeplitz.h"

#include <algorithm>

namespace pollux::tcp {

// A bit of the input that is set adds the 32 bits of the key that begin at its place.
Toeplitz::Toeplitz(Bytes key) {
  std::array<uint8_t, kToeplitzKeyBytes> bytes{};
  std::copy_n(key.begin(), std::min(key.size(), bytes.size()), bytes.begin());
  const auto bit = [&](size_t at) { return bytes[at / 8] >> (7 - at % 8) & 1U; };
  const auto window = [&](size_t at) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 32; ++i) {
      bits = bits << 1 | bit(at + i);
    }
    return bits;
  };
  for (size_t half = 0; half < parts_.size(); ++half) {
    for (uint32_t value = 0; value < 16; ++value) {
      for (size_t i = 0; i < 4; ++i) {
        if ((value >> (3 - i) & 1) != 0) {
          parts_[half][value] ^= window(4 * half + i);
        }
      }
    }
  }
}

}  // namespace pollux::tcp
