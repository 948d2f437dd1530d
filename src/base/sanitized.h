// Whether this build is one of a sanitizer, where all takes several times as long.
#pragma once

#include <cstdint>

namespace pollux {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// Tests that play something again and again by seed do it that many times less often.
inline constexpr uint64_t kSlowness = kSanitized ? 8 : 1;

}  // namespace pollux
