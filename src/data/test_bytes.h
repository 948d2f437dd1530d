// For tests that hold bytes captured from redis-server.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pollux {

// The bytes that pairs of hexadecimal digits stand for.
inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

}  // namespace pollux
