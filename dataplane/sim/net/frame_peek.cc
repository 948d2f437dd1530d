#include "dataplane/sim/net/frame_peek.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace pollux::tcp {

namespace {

constexpr uint16_t kEtherVlan = 0x8100;
constexpr uint16_t kEtherQinQ = 0x88a8;
constexpr uint8_t kEcnCe = 3;

uint16_t be16(FrameView bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

uint32_t be32(FrameView bytes, size_t at) {
  return static_cast<uint32_t>(be16(bytes, at)) << 16 | be16(bytes, at + 2);
}

IpAddress v6_at(FrameView bytes, size_t at) {
  IpAddress address;
  std::memcpy(address.bytes.data(), bytes.data() + at, 16);
  return address;
}

std::optional<IpPeek> peek_v4(FrameView frame, uint32_t offset) {
  const FrameView ip = frame.subspan(offset);
  if (ip.size() < 20 || ip[0] >> 4 != 4) {
    return std::nullopt;
  }
  const uint32_t header = (ip[0] & 15U) * 4;
  if (header < 20 || header > ip.size()) {
    return std::nullopt;
  }
  const uint32_t total = std::min<uint32_t>(be16(ip, 2), static_cast<uint32_t>(ip.size()));
  return IpPeek{.from = IpAddress::v4(be32(ip, 12)),
                .to = IpAddress::v4(be32(ip, 16)),
                .protocol = ip[9],
                .ecn = static_cast<uint8_t>(ip[1] & 3),
                .offset = offset,
                .payload_offset = offset + header,
                .payload_bytes = total > header ? total - header : 0,
                .is_later_fragment = (be16(ip, 6) & 0x1fff) != 0};
}

std::optional<IpPeek> peek_v6(FrameView frame, uint32_t offset) {
  const FrameView ip = frame.subspan(offset);
  if (ip.size() < 40 || ip[0] >> 4 != 6) {
    return std::nullopt;
  }
  return IpPeek{
      .from = v6_at(ip, 8),
      .to = v6_at(ip, 24),
      .protocol = ip[6],
      .ecn = static_cast<uint8_t>(ip[1] >> 4 & 3),
      .offset = offset,
      .payload_offset = offset + 40,
      .payload_bytes = std::min<uint32_t>(be16(ip, 4), static_cast<uint32_t>(ip.size()) - 40)};
}

}  // namespace

std::optional<EtherPeek> peek_ether(FrameView frame) {
  if (frame.size() < 14) {
    return std::nullopt;
  }
  EtherPeek peek;
  std::copy_n(frame.data(), 6, peek.to.bytes.data());
  std::copy_n(frame.data() + 6, 6, peek.from.bytes.data());
  peek.header_bytes = 14;
  peek.type = be16(frame, 12);
  while (peek.type == kEtherVlan || peek.type == kEtherQinQ) {
    if (frame.size() < peek.header_bytes + 4) {
      return std::nullopt;
    }
    peek.type = be16(frame, peek.header_bytes + 2);
    peek.header_bytes += 4;
  }
  return peek;
}

std::optional<IpPeek> peek_ip(FrameView frame) {
  const std::optional<EtherPeek> ether = peek_ether(frame);
  if (!ether) {
    return std::nullopt;
  }
  switch (ether->type) {
    case kEtherIpv4:
      return peek_v4(frame, ether->header_bytes);
    case kEtherIpv6:
      return peek_v6(frame, ether->header_bytes);
    default:
      return std::nullopt;
  }
}

std::optional<TcpPeek> peek_tcp(FrameView frame) {
  const std::optional<IpPeek> ip = peek_ip(frame);
  if (!ip || ip->protocol != 6 || ip->is_later_fragment || ip->payload_bytes < 20) {
    return std::nullopt;
  }
  const FrameView tcp = frame.subspan(ip->payload_offset, ip->payload_bytes);
  const uint32_t header = (tcp[12] >> 4) * 4U;
  if (header < 20 || header > tcp.size()) {
    return std::nullopt;
  }
  const uint8_t flags = tcp[13];
  return TcpPeek{.ip = *ip,
                 .from_port = be16(tcp, 0),
                 .to_port = be16(tcp, 2),
                 .seq = {be32(tcp, 4)},
                 .ack = {be32(tcp, 8)},
                 .window = be16(tcp, 14),
                 .payload_bytes = static_cast<uint32_t>(tcp.size()) - header,
                 .fin = (flags & 0x01) != 0,
                 .syn = (flags & 0x02) != 0,
                 .rst = (flags & 0x04) != 0,
                 .psh = (flags & 0x08) != 0,
                 .has_ack = (flags & 0x10) != 0,
                 .ece = (flags & 0x40) != 0,
                 .cwr = (flags & 0x80) != 0};
}

uint32_t packet_bytes(FrameView frame) {
  const std::optional<EtherPeek> ether = peek_ether(frame);
  return ether ? static_cast<uint32_t>(frame.size()) - ether->header_bytes : 0;
}

bool mark_ce(Frame& frame) {
  const std::optional<IpPeek> ip = peek_ip(frame);
  if (!ip || ip->ecn == 0) {
    return false;
  }
  uint8_t* header = frame.data() + ip->offset;
  if (header[0] >> 4 == 6) {
    header[1] |= kEcnCe << 4;
    return true;
  }
  const uint16_t before = be16(frame, ip->offset);
  header[1] |= kEcnCe;
  const uint16_t after = be16(frame, ip->offset);
  // RFC 1624 3: HC' = ~(~HC + ~m + m').
  uint32_t sum = static_cast<uint16_t>(~be16(frame, ip->offset + 10));
  sum += static_cast<uint16_t>(~before);
  sum += after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  header[10] = static_cast<uint8_t>(~sum >> 8);
  header[11] = static_cast<uint8_t>(~sum);
  return true;
}

namespace {

std::string text(const MacAddress& mac) {
  char out[24];
  std::snprintf(out, sizeof out, "%02x:%02x:%02x:%02x:%02x:%02x", mac.bytes[0], mac.bytes[1],
                mac.bytes[2], mac.bytes[3], mac.bytes[4], mac.bytes[5]);
  return out;
}

std::string text(const TcpPeek& tcp) {
  std::string flags;
  for (const auto& [set, letter] : {std::pair{tcp.syn, 'S'},
                                    {tcp.fin, 'F'},
                                    {tcp.rst, 'R'},
                                    {tcp.psh, 'P'},
                                    {tcp.ece, 'E'},
                                    {tcp.cwr, 'W'},
                                    {tcp.has_ack, '.'}}) {
    if (set) {
      flags += letter;
    }
  }
  char out[256];
  std::snprintf(out, sizeof out, "%s:%u > %s:%u [%s] seq %u ack %u win %u len %u%s",
                tcp.ip.from.text().c_str(), tcp.from_port, tcp.ip.to.text().c_str(), tcp.to_port,
                flags.c_str(), tcp.seq.value, tcp.ack.value, tcp.window, tcp.payload_bytes,
                tcp.ip.ecn == kEcnCe ? " CE" : "");
  return out;
}

}  // namespace

std::string describe(FrameView frame) {
  if (const std::optional<TcpPeek> tcp = peek_tcp(frame)) {
    return text(*tcp);
  }
  if (const std::optional<IpPeek> ip = peek_ip(frame)) {
    return ip->from.text() + " > " + ip->to.text() + " protocol " + std::to_string(ip->protocol) +
           " len " + std::to_string(ip->payload_bytes);
  }
  const std::optional<EtherPeek> ether = peek_ether(frame);
  if (!ether) {
    return "no Ethernet header";
  }
  char type[16];
  std::snprintf(type, sizeof type, " type %04x", ether->type);
  return text(ether->from) + " > " + text(ether->to) + type;
}

}  // namespace pollux::tcp
