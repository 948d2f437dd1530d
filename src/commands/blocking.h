// What commands that wait share: the timeout, and the end of one that has found nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/commands/context.h"

namespace pollux {

// The timeout in argument `index`, as the moment it ends (Wait::until_ms; 0: never). False, with
// the error answered, if it is none. In seconds, and parts of one; rounded up, so that the shortest
// is not "for ever".
bool read_timeout(Context& ctx, size_t index, int64_t& until_ms);
// The same in whole milliseconds (XREAD BLOCK).
bool read_timeout_ms(Context& ctx, size_t index, int64_t& until_ms);

}  // namespace pollux
