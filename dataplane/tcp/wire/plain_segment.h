// The headers of what most segments are, in words: IPv4 and TCP with timestamps as the only option,
// the checksum of TCP left to the device. Written field by field they take three times as long;
// they are the same, which the test looks at.
//
//   45 | class | length | id 0, don't fragment | 64 | TCP | checksum | source | destination |
//   ports | seq | ack | 8, flags | window | checksum | urgent 0 | NOP NOP timestamps
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ip.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/seq.h"
#include "dataplane/tcp/wire/tcp_header.h"
#include "dataplane/tcp/wire/tcp_options.h"
#include "src/base/assert.h"

namespace pollux::tcp {

inline constexpr size_t kPlainTcpBytes = kTcpBytes + kTimestampsWords * 4;
inline constexpr size_t kPlainBytes = kIpv4Bytes + kPlainTcpBytes;

struct PlainHeader {
  Seq seq;
  Seq ack;
  TcpFlags flags = 0;
  uint16_t window = 0;
  Timestamps timestamps;
};

// Before `payload_bytes`, from flow.local to flow.remote, both of IPv4; `out` has kPlainBytes. As
// write_ipv4 (TTL 64, traffic class 0), write_tcp and set_tcp_checksum_partial.
inline void write_plain_segment(Room out, const Flow& flow, const PlainHeader& header,
                                size_t payload_bytes) {
  POLLUX_ASSERT(out.size() >= kPlainBytes && payload_bytes <= kDatagramBytesMax - kPlainBytes);
  uint32_t source;
  uint32_t destination;
  std::memcpy(&source, &flow.local.bytes[12], sizeof source);
  std::memcpy(&destination, &flow.remote.bytes[12], sizeof destination);
  // All words as they lie in memory (little-endian): the first byte is the lowest.
  constexpr uint64_t kVersion = 0x0045;
  constexpr uint64_t kWhole = 0x00400000;  // id, don't fragment
  constexpr uint64_t kLife = 0x0640;       // TTL, protocol
  const auto swap16 = [](uint64_t value) {
    return uint64_t{__builtin_bswap16(static_cast<uint16_t>(value))};
  };
  const auto swap32 = [](uint32_t value) { return uint64_t{__builtin_bswap32(value)}; };
  const uint64_t length = swap16(kPlainBytes + payload_bytes);
  const uint64_t addresses = uint64_t{source} + destination;
  const uint64_t ip_sum = addresses + kVersion + length + (kWhole >> 16) + kLife;
  const uint64_t ip_checksum = static_cast<uint16_t>(~Checksum::fold(ip_sum));
  const uint64_t tcp_sum = Checksum::fold(
      addresses + swap16(static_cast<uint8_t>(IpProtocol::kTcp)) +
      swap16(kPlainTcpBytes + payload_bytes));
  const uint64_t flags = swap16(kPlainTcpBytes / 4 << 12 | header.flags);
  // Each by itself: out of an array GCC copies them in longer ones, which wait for the shorter.
  const auto store = [&](size_t at, uint64_t word) {
    std::memcpy(out.data() + at, &word, sizeof word);
  };
  store(0, kVersion | length << 16 | kWhole << 32);
  store(8, kLife | ip_checksum << 16 | uint64_t{source} << 32);
  store(16, destination | swap16(flow.local_port) << 32 | swap16(flow.remote_port) << 48);
  store(24, swap32(header.seq.value) | swap32(header.ack.value) << 32);
  store(32, flags | swap16(header.window) << 16 | tcp_sum << 32);
  store(40, swap32(kTimestampsHead) | swap32(header.timestamps.value) << 32);
  store32(out.data() + 48, header.timestamps.echo);
}

}  // namespace pollux::tcp
