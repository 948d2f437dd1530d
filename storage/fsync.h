// When what is appended to the history is on disk (appendfsync).
#pragma once

#include <cstdint>

namespace pollux {

// In the order of the option's choices.
enum class Fsync : uint8_t { kEverysec, kAlways, kNo };

}  // namespace pollux
