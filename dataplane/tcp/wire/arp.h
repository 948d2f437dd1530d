// ARP (RFC 826) for IPv4 over Ethernet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/fault.h"

namespace pollux::tcp {

inline constexpr size_t kArpBytes = 28;

enum class ArpOperation : uint16_t { kRequest = 1, kReply = 2 };

// Both IP addresses are of IPv4. A probe (RFC 5227) has a sender of 0.0.0.0; a gratuitous one has
// the same sender and target.
struct ArpPacket {
  ArpOperation operation = ArpOperation::kRequest;
  MacAddress sender_mac;
  IpAddress sender_ip = IpAddress::v4(0);
  MacAddress target_mac;  // of requests: anything
  IpAddress target_ip = IpAddress::v4(0);
  friend bool operator==(const ArpPacket&, const ArpPacket&) = default;
};

// What is behind the 28 bytes is padding. kTruncated; kUnspoken: other hardware, another protocol,
// another operation.
[[nodiscard]] Fault parse_arp(Bytes bytes, ArpPacket& out);

// Writes kArpBytes, which `out` must have, and returns that.
size_t write_arp(Room out, const ArpPacket& packet);

}  // namespace pollux::tcp
