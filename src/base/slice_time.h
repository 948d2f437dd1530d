// When a slice of background work is over. Any thread.
#pragma once

#include <cstdint>

#include "src/base/time.h"

namespace pollux {

// `until`: of the time stamp counter; UINT64_MAX: never, and nobody looks.
inline bool out_of_time(uint64_t until) { return until != UINT64_MAX && tsc() >= until; }

}  // namespace pollux
