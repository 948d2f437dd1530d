// Ethernet II frames, with at most one tag of 802.1Q, without their frame check sequence.
//
//   destination 6 | source 6 | [0x8100 | tag 2] | type 2 | payload
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/fault.h"
#include "src/base/assert.h"

namespace pollux::tcp {

inline constexpr size_t kEthernetBytes = 14;
inline constexpr size_t kVlanTagBytes = 4;

// Any value may stand there; these are spoken here. Below 0x600 it is a length (802.3).
enum class EtherType : uint16_t { kIpv4 = 0x0800, kArp = 0x0806, kVlan = 0x8100, kIpv6 = 0x86dd };

struct VlanTag {
  // Tag control information: priority 3 bits, drop eligible 1, id 12.
  uint16_t tci = 0;
  constexpr uint16_t id() const { return tci & 0xfff; }  // 0: none, only a priority
  constexpr uint8_t priority() const { return static_cast<uint8_t>(tci >> 13); }
  friend bool operator==(const VlanTag&, const VlanTag&) = default;
};

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  std::optional<VlanTag> vlan;
  EtherType type{};  // of the payload, behind a tag
  friend bool operator==(const EthernetHeader&, const EthernetHeader&) = default;
};

struct EthernetFrame {
  EthernetHeader header;
  Bytes payload;  // padding included
};

inline MacAddress load_mac(const uint8_t* at) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), at, mac.bytes.size());
  return mac;
}

// The same as a number, which compares in one instruction; bit 0 says that it is a group's.
inline uint64_t load_mac_word(const uint8_t* at) {
  uint32_t low;
  uint16_t high;
  std::memcpy(&low, at, sizeof low);
  std::memcpy(&high, at + 4, sizeof high);
  return low | uint64_t{high} << 32;
}

inline void store_mac(uint8_t* at, const MacAddress& mac) {
  std::memcpy(at, mac.bytes.data(), mac.bytes.size());
}

// kTruncated. A second tag is left in the payload, with kVlan as its type.
[[nodiscard]] inline Fault parse_ethernet(Bytes frame, EthernetFrame& out) {
  if (frame.size() < kEthernetBytes) {
    return Fault::kTruncated;
  }
  const uint8_t* at = frame.data();
  out.header.destination = load_mac(at);
  out.header.source = load_mac(at + 6);
  out.header.vlan.reset();
  size_t header_bytes = kEthernetBytes;
  out.header.type = static_cast<EtherType>(load16(at + 12));
  if (out.header.type == EtherType::kVlan) {
    header_bytes += kVlanTagBytes;
    if (frame.size() < header_bytes) {
      return Fault::kTruncated;
    }
    out.header.vlan = VlanTag{load16(at + 14)};
    out.header.type = static_cast<EtherType>(load16(at + 16));
  }
  out.payload = frame.subspan(header_bytes);
  return Fault::kNone;
}

constexpr size_t ethernet_bytes(const EthernetHeader& header) {
  return kEthernetBytes + (header.vlan ? kVlanTagBytes : 0);
}

// Writes ethernet_bytes(header) bytes, which `out` must have, and returns how many.
inline size_t write_ethernet(Room out, const EthernetHeader& header) {
  const size_t bytes = ethernet_bytes(header);
  POLLUX_ASSERT(out.size() >= bytes);
  uint8_t* at = out.data();
  store_mac(at, header.destination);
  store_mac(at + 6, header.source);
  if (header.vlan) {
    store16(at + 12, static_cast<uint16_t>(EtherType::kVlan));
    store16(at + 14, header.vlan->tci);
  }
  store16(at + bytes - 2, static_cast<uint16_t>(header.type));
  return bytes;
}

}  // namespace pollux::tcp
