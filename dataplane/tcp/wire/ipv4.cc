#include "dataplane/tcp/wire/ipv4.h"

#include "dataplane/tcp/wire/checksum.h"
#include "src/base/assert.h"

namespace pollux::tcp {

bool ipv4_checksum_ok(Bytes bytes) {
  return checksum(bytes.first((bytes[0] & 15U) * 4)) == 0;
}

size_t write_ipv4(Room out, const Ipv4Header& header, size_t payload_bytes) {
  const size_t total_bytes = kIpv4Bytes + payload_bytes;
  const Fragment& fragment = header.fragment;
  POLLUX_ASSERT(out.size() >= kIpv4Bytes);
  POLLUX_ASSERT(fragment.offset + total_bytes <= kDatagramBytesMax && fragment.offset % 8 == 0);
  POLLUX_ASSERT(header.source.is_v4() && header.destination.is_v4());
  uint8_t* at = out.data();
  at[0] = 0x45;
  at[1] = header.traffic_class.byte;
  store16(at + 2, static_cast<uint16_t>(total_bytes));
  store16(at + 4, static_cast<uint16_t>(fragment.id));
  store16(at + 6, static_cast<uint16_t>((header.dont_fragment ? 0x4000 : 0) |
                                        (fragment.more ? 0x2000 : 0) | fragment.offset / 8));
  at[8] = header.ttl;
  at[9] = static_cast<uint8_t>(header.protocol);
  store16(at + 10, 0);
  store_v4(at + 12, header.source);
  store_v4(at + 16, header.destination);
  store16(at + 10, checksum(out.first(kIpv4Bytes)));
  return kIpv4Bytes;
}

}  // namespace pollux::tcp
