#include "dataplane/engine/tracking.h"

#include "dataplane/engine/prefix_table.h"

namespace pollux {

void Tracking::set_bytes(int workers) {
  constexpr size_t kNode = 80;  // of the set, with the allocator's rounding
  own_bytes = sizeof(Tracking);
  bytes_everywhere = 0;
  for (const std::string& prefix : prefixes) {
    own_bytes += static_cast<int64_t>(kNode + prefix.size());
    bytes_everywhere += workers * PrefixTable::bytes_of(prefix);
  }
  bytes_everywhere += own_bytes;
}

}  // namespace pollux
