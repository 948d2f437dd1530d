// SHA-1 (FIPS 180-4). Not for secrets: it is how DEBUG DIGEST sums up data and how scripts are
// named, because Redis does so.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pollux {

using Sha1Digest = std::array<uint8_t, 20>;

Sha1Digest sha1(std::string_view bytes);

}  // namespace pollux
