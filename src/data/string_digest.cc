#include "src/data/string_digest.h"

#include <xxhash.h>

#include <cstdint>

namespace pollux {

DigestText digest_text(std::string_view bytes) {
  uint64_t digest = XXH3_64bits(bytes.data(), bytes.size());
  DigestText text;
  for (size_t i = text.size(); i-- > 0; digest >>= 4) {
    text[i] = "0123456789abcdef"[digest & 15];
  }
  return text;
}

}  // namespace pollux
