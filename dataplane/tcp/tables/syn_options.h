// What a SYN offered and a SYN-ACK agreed to, as far as a connection begins with it.
#pragma once

#include <algorithm>
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

  // Of a SYN and the same one come again: what stands in both. Who gets no answer asks for less
  // (RFC 3168 6.1.1.1), and what the last one does not ask for must not be granted.
  friend constexpr SynOptions common(const SynOptions& first, const SynOptions& again) {
    const bool scales = first.scale != kNoScale && again.scale != kNoScale;
    return {.mss = std::min(first.mss, again.mss),
            .scale = scales ? again.scale : kNoScale,
            .sack = first.sack && again.sack,
            .timestamps = first.timestamps && again.timestamps,
            .ecn = first.ecn && again.ecn};
  }
};

}  // namespace pollux::tcp
