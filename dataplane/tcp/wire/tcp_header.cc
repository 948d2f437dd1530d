#include "dataplane/tcp/wire/tcp_header.h"

namespace pollux::tcp {

void set_tcp_checksum(Room header, Checksum rest) {
  // The header comes behind the payload here, at what may be an odd place: so it is summed apart.
  Checksum sum;
  sum.add(header);
  sum.add16(rest.partial());
  store16(&header[kTcpChecksumAt], sum.value());
}

}  // namespace pollux::tcp
