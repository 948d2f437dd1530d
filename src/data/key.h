// A key on its way through a command: its bytes and its hash, computed once (src/base/hash.h).
#pragma once

#include <cstdint>
#include <string_view>

#include "src/base/hash.h"

namespace pollux {

struct Key {
  std::string_view bytes;
  uint64_t hash = 0;

  static Key of(std::string_view bytes) { return {bytes, key_hash(bytes)}; }
};

}  // namespace pollux
