#include "dataplane/engine/tracking.h"

namespace pollux {

size_t Tracking::bytes() const {
  constexpr size_t kNode = 80;  // of the set, with the allocator's rounding
  size_t bytes = sizeof(Tracking);
  for (const std::string& prefix : prefixes) {
    bytes += kNode + prefix.size();
  }
  return bytes;
}

}  // namespace pollux
