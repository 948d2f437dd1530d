// A key of a numbered database, as tables beside the store look for it. The bytes are somebody
// else's, who outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pollux {

struct DbKey {
  int db;
  std::string_view bytes;
  uint64_t hash;  // of the bytes
  bool operator==(const DbKey& other) const { return db == other.db && bytes == other.bytes; }
};

struct DbKeyHash {
  size_t operator()(const DbKey& key) const {
    return key.hash ^ (static_cast<uint64_t>(key.db) * 0x9E3779B97F4A7C15ULL);
  }
};

}  // namespace pollux
