#include "dataplane/tcp/wire/tcp_header.h"

#include "src/base/assert.h"

namespace pollux::tcp {

size_t write_tcp(Room out, const TcpHeader& header, const TcpOptions& options) {
  POLLUX_ASSERT(out.size() >= kTcpBytes);
  POLLUX_ASSERT((header.flags & ~kTcpFlagsAll) == 0);
  const size_t bytes = kTcpBytes + write_tcp_options(out.subspan(kTcpBytes), options);
  uint8_t* at = out.data();
  store16(at, header.source_port);
  store16(at + 2, header.destination_port);
  store32(at + 4, header.seq.value);
  store32(at + 8, header.ack.value);
  store16(at + 12, static_cast<uint16_t>(bytes / 4 << 12 | header.flags));
  store16(at + 14, header.window);
  store16(at + kTcpChecksumAt, 0);
  store16(at + 18, header.urgent);
  return bytes;
}

void set_tcp_checksum(Room header, Checksum rest) {
  // The header comes behind the payload here, at what may be an odd place: so it is summed apart.
  Checksum sum;
  sum.add(header);
  sum.add16(rest.partial());
  store16(&header[kTcpChecksumAt], sum.value());
}

void set_tcp_checksum_partial(Room header, const Checksum& pseudo) {
  store16(&header[kTcpChecksumAt], pseudo.partial());
}

}  // namespace pollux::tcp
