// The digest by which DIGEST, IFDEQ and IFDNE compare strings: XXH3 with 64 bits, as 16 hexadecimal
// digits in lower case (Redis 8.4; clients compute it too). Not for secrets. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace pollux {

inline constexpr size_t kDigestTextBytes = 16;
using DigestText = std::array<char, kDigestTextBytes>;

DigestText digest_text(std::string_view bytes);

}  // namespace pollux
