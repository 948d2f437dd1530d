// What a SYN offered and a SYN-ACK agreed to, as far as a connection begins with it.
#pragma once

#include <cstdint>

namespace pollux::tcp {

struct SynOptions {
  static constexpr uint8_t kNoScale = 15;  // RFC 7323 2.3 allows 14 at most

  uint16_t mss = 536;        // the peer's, or the default of RFC 9293 3.7.1
  uint8_t scale = kNoScale;  // the peer's window scale; kNoScale: no scaling, of either side
  bool sack = false;         // RFC 2018
  bool timestamps = false;   // RFC 7323
  bool ecn = false;          // RFC 3168
  friend bool operator==(const SynOptions&, const SynOptions&) = default;
};

}  // namespace pollux::tcp
