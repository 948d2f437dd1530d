#include "dataplane/tcp/wire/ipv4.h"

#include "dataplane/tcp/wire/checksum.h"
#include "src/base/assert.h"

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

size_t write_ipv4(Room out, const Ipv4Header& header, size_t payload_bytes) {
  const size_t total_bytes = kIpv4Bytes + payload_bytes;
  const Fragment& fragment = header.fragment;
  POLLUX_ASSERT(out.size() >= kIpv4Bytes);
  POLLUX_ASSERT(fragment.offset + total_bytes <= kDatagramBytesMax && fragment.offset % 8 == 0);
  POLLUX_ASSERT(header.source.is_v4() && header.destination.is_v4());
  const uint32_t length =
      0x45U << 24 | uint32_t{header.traffic_class.byte} << 16 | static_cast<uint32_t>(total_bytes);
  const uint32_t piece = (fragment.id & 0xffff) << 16 | (header.dont_fragment ? 0x4000U : 0) |
                         (fragment.more ? 0x2000U : 0) | fragment.offset / 8U;
  const uint32_t life = uint32_t{header.ttl} << 24 | static_cast<uint32_t>(header.protocol) << 16;
  // Summed before it is written: reading back in long words what was just written in shorter ones
  // stalls.
  Checksum sum;
  sum.add32(length);
  sum.add32(piece);
  sum.add32(life);
  sum.add(header.source);
  sum.add(header.destination);
  uint8_t* at = out.data();
  store32(at, length);
  store32(at + 4, piece);
  store32(at + 8, life | sum.value());
  store_v4(at + 12, header.source);
  store_v4(at + 16, header.destination);
  return kIpv4Bytes;
}

}  // namespace pollux::tcp
