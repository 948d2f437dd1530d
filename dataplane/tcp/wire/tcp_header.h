// The TCP header (RFC 9293 3.1).
//
//   source 2 | destination 2 | seq 4 | ack 4 | offset 4 bits, reserved 3, flags 9 | window 2 |
//   checksum 2 | urgent 2 | options | payload
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/fault.h"
#include "dataplane/tcp/wire/seq.h"
#include "dataplane/tcp/wire/tcp_options.h"
#include "src/base/assert.h"

namespace pollux::tcp {

inline constexpr size_t kTcpBytes = 20;       // without options
inline constexpr size_t kTcpChecksumAt = 16;  // where a device that finishes it has to write
inline constexpr size_t kTcpHeaderBytesMax = kTcpBytes + kTcpOptionsBytesMax;

using TcpFlags = uint16_t;  // of those below
inline constexpr TcpFlags kFin = 0x001;
inline constexpr TcpFlags kSyn = 0x002;
inline constexpr TcpFlags kRst = 0x004;
inline constexpr TcpFlags kPsh = 0x008;
inline constexpr TcpFlags kAck = 0x010;
inline constexpr TcpFlags kUrg = 0x020;
inline constexpr TcpFlags kEce = 0x040;  // RFC 3168 6.1
inline constexpr TcpFlags kCwr = 0x080;
inline constexpr TcpFlags kAe = 0x100;  // accurate ECN; once NS (RFC 3540)
inline constexpr TcpFlags kTcpFlagsAll = 0x1ff;

struct TcpHeader {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  Seq seq;
  Seq ack;  // means something with kAck
  TcpFlags flags = 0;
  uint16_t window = 0;  // as it stands there, not scaled
  uint16_t urgent = 0;
  bool has(TcpFlags all) const { return (flags & all) == all; }
  friend bool operator==(const TcpHeader&, const TcpHeader&) = default;
};

struct TcpSegment {
  TcpHeader header;
  Bytes options;  // for parse_tcp_options
  Bytes payload;
};

// The fields, of bytes that parse_tcp accepts.
inline TcpHeader read_tcp(const uint8_t* at) {
  return {.source_port = load16(at),
          .destination_port = load16(at + 2),
          .seq = {load32(at + 4)},
          .ack = {load32(at + 8)},
          .flags = static_cast<TcpFlags>(load16(at + 12) & kTcpFlagsAll),
          .window = load16(at + 14),
          .urgent = load16(at + 18)};
}

// kTruncated, kHeaderLength. The reserved bits may be anything (RFC 9293 3.1). Neither checksum nor
// options are looked at.
[[nodiscard]] inline Fault parse_tcp(Bytes bytes, TcpSegment& out) {
  if (bytes.size() < kTcpBytes) {
    return Fault::kTruncated;
  }
  const uint8_t* at = bytes.data();
  const size_t header_bytes = (at[12] >> 4) * 4U;
  if (header_bytes < kTcpBytes) {
    return Fault::kHeaderLength;
  }
  if (header_bytes > bytes.size()) {
    return Fault::kTruncated;
  }
  out.header = read_tcp(at);
  out.options = bytes.subspan(kTcpBytes, header_bytes - kTcpBytes);
  out.payload = bytes.subspan(header_bytes);
  return Fault::kNone;
}

// Writes header and options, with a checksum of 0, and returns their bytes: a multiple of 4, at
// most kTcpHeaderBytesMax, which `out` must have. What comes next is set_tcp_checksum.
inline size_t write_tcp(Room out, const TcpHeader& header, const TcpOptions& options) {
  POLLUX_ASSERT(out.size() >= kTcpBytes);
  POLLUX_ASSERT((header.flags & ~kTcpFlagsAll) == 0);
  const size_t bytes = kTcpBytes + write_tcp_options(out.subspan(kTcpBytes), options);
  uint8_t* at = out.data();
  store16(at, header.source_port);
  store16(at + 2, header.destination_port);
  store32(at + 4, header.seq.value);
  store32(at + 8, header.ack.value);
  store16(at + 12, static_cast<uint16_t>(bytes / 4 << 12 | header.flags));
  store16(at + 14, header.window);
  store16(at + kTcpChecksumAt, 0);
  store16(at + 18, header.urgent);
  return bytes;
}

// Finishes a header: `rest` is the sum of the pseudo-header and then of all pieces of the payload.
// `header` is what write_tcp wrote.
void set_tcp_checksum(Room header, Checksum rest);
// The same, for a device to finish: the sum of the pseudo-header alone stands in the field.
inline void set_tcp_checksum_partial(Room header, const Checksum& pseudo) {
  store16(&header[kTcpChecksumAt], pseudo.partial());
}

}  // namespace pollux::tcp
