#include "dataplane/sim/net/frame.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pollux::tcp {

uint64_t hash_of(FrameView bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace pollux::tcp
