// What the tools for tests of files share: they say what is wrong and end, read files as a whole,
// and write bytes in hex.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace pollux {

[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

inline std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    fail("can't open " + path);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 0xf];
  }
  return text.empty() ? "-" : text;
}

}  // namespace pollux
