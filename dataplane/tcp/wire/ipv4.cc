#include "dataplane/tcp/wire/ipv4.h"

#include "dataplane/tcp/wire/checksum.h"

namespace pollux::tcp {

Fault check_ipv4_options(Bytes options) {
  enum Kind : uint8_t { kEnd = 0, kNop = 1, kLooseRoute = 131, kStrictRoute = 137 };
  while (!options.empty() && options[0] != kEnd) {
    if (options[0] == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) {
      return Fault::kOption;
    }
    const size_t bytes = options[1];
    if (options[0] == kLooseRoute || options[0] == kStrictRoute) {
      if (bytes < 3) {
        return Fault::kOption;
      }
      // The pointer, from 1 on: behind the option if no stop is left (RFC 791 3.1). A host that
      // does not forward drops it (RFC 1122 3.3.5).
      if (options[2] <= bytes) {
        return Fault::kRouting;
      }
    }
    options = options.subspan(bytes);
  }
  return Fault::kNone;
}

bool ipv4_checksum_ok(Bytes bytes) {
  return checksum(bytes.first((bytes[0] & 15U) * 4)) == 0;
}

}  // namespace pollux::tcp
