// For tests of an interface: a device that keeps what is sent, frames as neighbors send them, and
// what is in those that are answered.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "dataplane/tcp/interface/interface.h"
#include "dataplane/tcp/interface/tx_queue.h"
#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/icmp.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/ndp.h"
#include "dataplane/tcp/wire/packet.h"
#include "dataplane/tcp/wire/tcp_header.h"

namespace pollux::tcp {

inline constexpr MacAddress kOurs = {{2, 0, 0, 0, 0, 0x10}};
inline constexpr MacAddress kTheirs = {{2, 0, 0, 0, 0, 0x20}};
inline constexpr MacAddress kStranger = {{2, 0, 0, 0, 0, 0x30}};
inline constexpr IpAddress kUs = IpAddress::v4(0x0a000010);
inline constexpr IpAddress kPeer = IpAddress::v4(0x0a000020);
inline constexpr IpAddress kGateway = IpAddress::v4(0x0a0000fe);
inline constexpr IpAddress kFar = IpAddress::v4(0xc0a80101);
inline const IpAddress kUs6 = *IpAddress::parse("fd00::10");
inline const IpAddress kPeer6 = *IpAddress::parse("fd00::20");
inline const IpAddress kAllNodes = *IpAddress::parse("ff02::1");
inline constexpr Moment kStarted{10 * kSecondNs};  // when addresses of IPv6 are usable

using Frame = std::vector<uint8_t>;

// Keeps what is sent.
struct TestDevice : Device {
  explicit TestDevice(uint32_t head_count) : memory(head_count, Frame(kTxHeadBytes)) {
    for (uint64_t i = 0; i < head_count; ++i) {
      free.push_back(i);
    }
  }
  const DeviceCaps& caps() const override { return its_caps; }
  size_t receive(std::span<RxFrame>) override { return 0; }
  void release(std::span<const RxFrame>) override {}
  size_t allocate(std::span<TxHead> heads, TxUse use) override {
    uses.push_back(use);
    size_t count = 0;
    for (; count < heads.size() && !free.empty(); ++count, free.pop_front()) {
      heads[count] = {memory[free.front()].data(), kTxHeadBytes, free.front()};
    }
    return count;
  }
  void drop(std::span<const TxHead> heads) override {
    for (const TxHead& head : heads) {
      free.push_back(head.buffer);
    }
  }
  size_t send(std::span<const TxFrame> frames) override {
    size_t count = 0;
    for (; count < frames.size() && ring_room != 0; ++count, --ring_room) {
      const TxFrame& frame = frames[count];
      sent.emplace_back(frame.head.bytes, frame.head.bytes + frame.head_bytes);
      free.push_back(frame.head.buffer);
    }
    return count;
  }
  size_t reap(std::span<uint64_t>, bool) override { return 0; }

  DeviceCaps its_caps{.mac = kOurs};
  std::vector<Frame> memory;
  std::deque<uint64_t> free;
  std::vector<Frame> sent;
  std::vector<TxUse> uses;
  size_t ring_room = SIZE_MAX;
};

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Who sends a frame, to whom.
struct FrameLink {
  MacAddress to = kOurs;
  MacAddress from = kTheirs;
  std::optional<VlanTag> vlan = {};
};

template <typename Write>
Frame frame_with(const FrameLink& link, EtherType type, Write write) {
  Frame frame(2048);
  const size_t at = write_ethernet(
      frame, {.destination = link.to, .source = link.from, .vlan = link.vlan, .type = type});
  frame.resize(at + write(Room(frame).subspan(at)));
  return frame;
}

inline Frame arp_frame(const ArpPacket& packet, const FrameLink& link = {.to = kBroadcast}) {
  return frame_with(link, EtherType::kArp, [&](Room room) { return write_arp(room, packet); });
}

// "who has `target`", asked by the peer.
inline ArpPacket who_has(const IpAddress& target) {
  return {.operation = ArpOperation::kRequest,
          .sender_mac = kTheirs,
          .sender_ip = kPeer,
          .target_ip = target};
}

inline Frame icmp4_frame(const IcmpMessage& message, const IpAddress& from = kPeer,
                         const IpAddress& to = kUs, const FrameLink& link = {}) {
  return frame_with(link, EtherType::kIpv4, [&](Room room) {
    const size_t bytes = write_icmp4(room.subspan(kIpv4Bytes), message);
    write_ipv4(room, {.source = from, .destination = to, .protocol = IpProtocol::kIcmp}, bytes);
    return kIpv4Bytes + bytes;
  });
}

// A message of ICMPv6, written by `write(room)`.
template <typename Write>
Frame icmp6_frame(const IpAddress& from, const IpAddress& to, uint8_t hop_limit,
                  const FrameLink& link, Write write) {
  return frame_with(link, EtherType::kIpv6, [&](Room room) {
    const size_t bytes = write(room.subspan(kIpv6Bytes));
    write_ipv6(
        room,
        {.source = from, .destination = to, .protocol = IpProtocol::kIcmp6, .hop_limit = hop_limit},
        bytes);
    return kIpv6Bytes + bytes;
  });
}

inline Frame ndp_frame(const NdpMessage& message, const IpAddress& from, const IpAddress& to,
                       uint8_t hop_limit = kNdpHopLimit) {
  const MacAddress mac = to.is_multicast() ? multicast_mac(to) : kOurs;
  return icmp6_frame(from, to, hop_limit, {.to = mac},
                     [&](Room room) { return write_ndp(room, message, from, to); });
}

// A SYN, with its checksums.
inline Frame syn_frame(const IpAddress& from = kPeer, const IpAddress& to = kUs,
                       const FrameLink& link = {}) {
  const bool is_v4 = from.is_v4();
  return frame_with(link, is_v4 ? EtherType::kIpv4 : EtherType::kIpv6, [&](Room room) {
    const size_t at =
        is_v4 ? write_ipv4(room, {.source = from, .destination = to, .protocol = IpProtocol::kTcp},
                           kTcpBytes)
              : write_ipv6(room, {.source = from, .destination = to, .protocol = IpProtocol::kTcp},
                           kTcpBytes);
    uint8_t* tcp = room.data() + at;
    std::fill_n(tcp, kTcpBytes, uint8_t{0});
    tcp[0] = 0x30;  // ports
    tcp[2] = 0x18;
    tcp[12] = 0x50;
    tcp[13] = 2;
    Checksum sum = pseudo_header(from, to, 6, kTcpBytes);
    sum.add({tcp, kTcpBytes});
    tcp[16] = static_cast<uint8_t>(sum.value() >> 8);
    tcp[17] = static_cast<uint8_t>(sum.value());
    return at + kTcpBytes;
  });
}

inline ArpPacket arp_of(const Frame& frame) {
  const Packet packet = parse_packet(frame);
  ArpPacket arp;
  EXPECT_EQ(packet.kind, PacketKind::kArp);
  EXPECT_EQ(parse_arp(packet.network(), arp), Fault::kNone);
  return arp;
}

inline NdpMessage ndp_of(const Frame& frame) {
  const Packet packet = parse_packet(frame);
  EXPECT_EQ(packet.kind, PacketKind::kIcmp6);
  EXPECT_TRUE(transport_checksum_ok(packet));
  Ipv6Packet ip;
  NdpMessage message;
  EXPECT_EQ(parse_ipv6(packet.network(), ip), Fault::kNone);
  EXPECT_EQ(parse_ndp(ip.header, packet.transport(), message), Fault::kNone);
  return message;
}

inline NdpMessage solicitation(const IpAddress& target) {
  return {.kind = NdpKind::kNeighborSolicitation, .target = target};
}

}  // namespace pollux::tcp
