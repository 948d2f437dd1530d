// How what stands in a file is told in sentences for the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pollux {

// What can't be printed as '.', and no more than 64 bytes.
inline std::string printable(std::string_view bytes) {
  constexpr size_t kShownMax = 64;
  std::string shown(bytes.substr(0, kShownMax));
  for (char& c : shown) {
    c = c >= ' ' && c <= '~' ? c : '.';
  }
  return bytes.size() > kShownMax ? shown + "..." : shown;
}

inline std::string told_key(std::string_view name, uint32_t db) {
  return "key \"" + printable(name) + "\" of database " + std::to_string(db);
}

}  // namespace pollux
