// liblzf's own compressor, for tests: what lzf_pack() has to give, byte for byte.
#pragma once

#include <liblzf/lzf.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace pollux {

// Zeros where the next function called has its variables.
[[gnu::noinline]] inline void clear_stack() {
  std::array<char, size_t{384} << 10> room{};
  asm volatile("" : : "r"(room.data()) : "memory");
}

// liblzf does not clear its table of 256 KiB. What an earlier text left there lets it find a match
// now and then that it would else have passed by (one whose start lies within another match).
[[gnu::noinline]] inline size_t plain_lzf_pack(std::string_view bytes, std::span<char> out) {
  if (bytes.size() < 4) {
    return 0;
  }
  clear_stack();
  return lzf_compress(bytes.data(), static_cast<unsigned>(bytes.size()), out.data(),
                      static_cast<unsigned>(out.size()));
}

}  // namespace pollux
