#include "dataplane/tcp/wire/address.h"

#include <arpa/inet.h>

#include <algorithm>

namespace pollux::tcp {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  copy[text.copy(copy, sizeof copy)] = '\0';
  IpAddress address;
  if (in_addr four; inet_pton(AF_INET, copy, &four) == 1) {
    return v4(ntohl(four.s_addr));
  }
  if (inet_pton(AF_INET6, copy, address.bytes.data()) == 1) {
    return address;
  }
  return std::nullopt;
}

bool IpAddress::is_multicast() const {
  return is_v4() ? v4() >> 28 == 0xe : bytes[0] == 0xff;
}

bool IpAddress::is_unspecified() const { return *this == v4(0) || *this == IpAddress{}; }

bool IpAddress::is_loopback() const {
  IpAddress one;
  one.bytes[15] = 1;
  return is_v4() ? v4() >> 24 == 127 : *this == one;
}

bool IpAddress::is_link_local() const {
  return is_v4() ? v4() >> 16 == 0xa9fe : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN];
  const bool four = is_v4();
  inet_ntop(four ? AF_INET : AF_INET6, bytes.data() + (four ? 12 : 0), out, sizeof out);
  return out;
}

}  // namespace pollux::tcp
