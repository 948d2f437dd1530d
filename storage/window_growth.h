// How long the next window of a splitter has to be when the present one ends inside of a part.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace pollux {

// Where it is not known how many bytes follow a window.
inline constexpr uint64_t kFollowingUnknown = std::numeric_limits<uint64_t>::max();

// `rest`: bytes of the part that are there. `lacking`: what it claims to have beyond them, which is
// not more than what follows, and is believed only as far as there are bytes.
inline size_t next_window_bytes(size_t rest, uint64_t lacking, uint64_t following) {
  // More than doubling small windows costs no memory worth a thought.
  constexpr size_t kSmallWindowBytes = 4 << 10;
  const size_t more = static_cast<size_t>(std::min<uint64_t>(lacking, rest + kSmallWindowBytes));
  // Half as much again, so that what is gone over twice adds up to three times the part.
  const size_t bytes = rest + std::max(more, rest / 2);
  return following == kFollowingUnknown ? bytes : std::min<size_t>(bytes, rest + following);
}

}  // namespace pollux
