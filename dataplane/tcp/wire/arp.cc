#include "dataplane/tcp/wire/arp.h"

#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/ip.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

constexpr uint32_t kEthernetIpv4 = 0x00010800;  // hardware 1, protocol as EtherType
constexpr uint16_t kAddressBytes = 0x0604;      // of each

}  // namespace

Fault parse_arp(Bytes bytes, ArpPacket& out) {
  if (bytes.size() < kArpBytes) {
    return Fault::kTruncated;
  }
  const uint8_t* at = bytes.data();
  const auto operation = static_cast<ArpOperation>(load16(at + 6));
  if (load32(at) != kEthernetIpv4 || load16(at + 4) != kAddressBytes ||
      (operation != ArpOperation::kRequest && operation != ArpOperation::kReply)) {
    return Fault::kUnspoken;
  }
  out = {.operation = operation,
         .sender_mac = load_mac(at + 8),
         .sender_ip = load_v4(at + 14),
         .target_mac = load_mac(at + 18),
         .target_ip = load_v4(at + 24)};
  return Fault::kNone;
}

size_t write_arp(Room out, const ArpPacket& packet) {
  POLLUX_ASSERT(out.size() >= kArpBytes);
  POLLUX_ASSERT(packet.sender_ip.is_v4() && packet.target_ip.is_v4());
  uint8_t* at = out.data();
  store32(at, kEthernetIpv4);
  store16(at + 4, kAddressBytes);
  store16(at + 6, static_cast<uint16_t>(packet.operation));
  store_mac(at + 8, packet.sender_mac);
  store_v4(at + 14, packet.sender_ip);
  store_mac(at + 18, packet.target_mac);
  store_v4(at + 24, packet.target_ip);
  return kArpBytes;
}

}  // namespace pollux::tcp
