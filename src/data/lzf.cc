#include "src/data/lzf.h"

#include <liblzf/lzf.h>  // not <lzf.h>: that would be this room's

#include <limits>

namespace pollux {

namespace {

// A match is 3 bytes at least, so nothing shorter gets shorter; liblzf reads two bytes unasked.
constexpr size_t kPackMin = 4;

bool fits(size_t bytes) {
  return bytes <= std::numeric_limits<unsigned>::max();
}

}  // namespace

size_t lzf_pack(std::string_view bytes, std::span<char> out) {
  if (bytes.size() < kPackMin || out.empty() || !fits(bytes.size()) || !fits(out.size())) {
    return 0;
  }
  return lzf_compress(bytes.data(), static_cast<unsigned>(bytes.size()), out.data(),
                      static_cast<unsigned>(out.size()));
}

bool lzf_unpack(std::string_view packed, std::span<char> out) {
  // Empty input is read by one byte, and empty output looks like an error.
  if (packed.empty() || out.empty() || !fits(packed.size()) || !fits(out.size())) {
    return false;
  }
  return lzf_decompress(packed.data(), static_cast<unsigned>(packed.size()), out.data(),
                        static_cast<unsigned>(out.size())) == out.size();
}

}  // namespace pollux
