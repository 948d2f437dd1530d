// The hash by which NICs spread flows over their queues ("Toeplitz", Microsoft's specification of
// receive-side scaling): of addresses and ports in the network's order, under a key. Linear, so no
// protection from anybody; what it is for is to know what a NIC will do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"

namespace pollux::tcp {

// Of a flow of IPv6, two addresses and two ports, and 32 bits more.
inline constexpr size_t kToeplitzKeyBytes = 40;

class Toeplitz {
 public:
  // Of a longer key the front counts, a shorter one goes on with zeroes.
  explicit Toeplitz(Bytes key);

  // Of what the peer sends: from `remote` to `local`.
  uint32_t of(const Flow& flow) const {
    uint32_t hash = 0;
    size_t at = 0;
    const auto add = [&](uint8_t byte) {
      hash ^= parts_[at][byte >> 4] ^ parts_[at + 1][byte & 0xf];
      at += 2;
    };
    const size_t from = flow.remote.is_v4() ? 12 : 0;  // as ::ffff:a.b.c.d
    for (const IpAddress* address : {&flow.remote, &flow.local}) {
      for (size_t i = from; i < address->bytes.size(); ++i) {
        add(address->bytes[i]);
      }
    }
    for (const uint16_t port : {flow.remote_port, flow.local_port}) {
      add(static_cast<uint8_t>(port >> 8));
      add(static_cast<uint8_t>(port));
    }
    return hash;
  }

 private:
  static constexpr size_t kInputBytesMax = 36;
  // What each value of each half of a byte adds. By bytes it would be 36 KB, more than there is in
  // the first cache beside the work; this is 4.6, of which IPv4 takes a third.
  std::array<std::array<uint32_t, 16>, 2 * kInputBytesMax> parts_{};
};

}  // namespace pollux::tcp
