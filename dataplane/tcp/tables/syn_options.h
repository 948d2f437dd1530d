// What a SYN offered and a SYN-ACK agreed to, as far as a connection begins with it.
#pragma once

#include <cstdint>

#include "dataplane/tcp/wire/address.h"

namespace pollux::tcp {

struct SynOptions {
  static constexpr uint8_t kNoScale = 15;  // RFC 7323 2.3 allows 14 at most

  // Of a peer who says none: what 576 and 1280 bytes have room for (RFC 9293 3.7.1).
  static constexpr uint16_t default_mss(const IpAddress& remote) {
    return remote.is_v4() ? 536 : 1220;
  }

  uint16_t mss = 536;        // the peer's, or default_mss
  uint8_t scale = kNoScale;  // the peer's window scale; kNoScale: no scaling, of either side
  bool sack = false;         // RFC 2018
  bool timestamps = false;   // RFC 7323
  bool ecn = false;          // RFC 3168
  friend bool operator==(const SynOptions&, const SynOptions&) = default;
};

}  // namespace pollux::tcp
