#include "dataplane/tcp/wire/icmp.h"

#include <algorithm>

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ip.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

// Types by IcmpKind. The one of kPacketTooBig is, in IPv4, that of kUnreachable.
constexpr uint8_t kTypes4[] = {0, 8, 3, 3, 11, 12};
constexpr uint8_t kTypes6[] = {129, 128, 1, 2, 3, 4};

std::optional<IcmpKind> kind_of(uint8_t type, std::span<const uint8_t> types) {
  const auto found = std::find(types.begin(), types.end(), type);
  if (found == types.end()) {
    return std::nullopt;
  }
  return static_cast<IcmpKind>(found - types.begin());
}

bool is_echo(IcmpKind kind) {
  return kind == IcmpKind::kEchoRequest || kind == IcmpKind::kEchoReply;
}

// Id and sequence number have the same place in both versions.
void read_echo(const uint8_t* at, IcmpMessage& out) {
  out.id = load16(at + 4);
  out.sequence = load16(at + 6);
}

// What both versions write alike; `quote_max` of the body, if it is quoted. Returns all bytes.
size_t write_common(Room out, uint8_t type, const IcmpMessage& message, size_t quote_max) {
  const bool echo = is_echo(message.kind);
  const Bytes body =
      echo ? message.body : message.body.first(std::min(message.body.size(), quote_max));
  POLLUX_ASSERT(out.size() >= kIcmpBytes + body.size());
  uint8_t* at = out.data();
  at[0] = type;
  at[1] = message.code;
  store16(at + 2, 0);
  store16(at + 4, echo ? message.id : 0);
  store16(at + 6, echo ? message.sequence : 0);
  std::copy(body.begin(), body.end(), at + kIcmpBytes);
  return kIcmpBytes + body.size();
}

// `transport` is what stands behind an IP header of the quoted packet.
std::optional<QuotedSegment> quoted_segment(const IpAddress& source, const IpAddress& destination,
                                            IpProtocol protocol, Bytes transport) {
  if (protocol != IpProtocol::kTcp || transport.size() < 8) {
    return std::nullopt;
  }
  return QuotedSegment{.flow = {.local = source,
                                .remote = destination,
                                .local_port = load16(&transport[0]),
                                .remote_port = load16(&transport[2])},
                       .seq = {load32(&transport[4])}};
}

std::optional<QuotedSegment> quoted_in_ipv4(Bytes body) {
  if (body.size() < kIpv4Bytes) {
    return std::nullopt;
  }
  const size_t header_bytes = (body[0] & 15U) * 4;
  const bool first_piece = (load16(&body[6]) & 0x1fff) == 0;
  if (header_bytes < kIpv4Bytes || header_bytes > body.size() || !first_piece) {
    return std::nullopt;
  }
  return quoted_segment(load_v4(&body[12]), load_v4(&body[16]), static_cast<IpProtocol>(body[9]),
                        body.subspan(header_bytes));
}

std::optional<QuotedSegment> quoted_in_ipv6(Bytes body) {
  if (body.size() < kIpv6Bytes || is_mapped(&body[8]) || is_mapped(&body[24])) {
    return std::nullopt;
  }
  const Bytes payload = body.subspan(kIpv6Bytes);
  UpperLayer upper{.protocol = static_cast<IpProtocol>(body[6])};
  if (skip_extensions(payload, upper) != Fault::kNone || upper.fragment.offset != 0) {
    return std::nullopt;
  }
  return quoted_segment(load_v6(&body[8]), load_v6(&body[24]), upper.protocol,
                        payload.subspan(upper.at));
}

}  // namespace

Fault parse_icmp4(Bytes bytes, IcmpMessage& out) {
  if (bytes.size() < kIcmpBytes) {
    return Fault::kTruncated;
  }
  const uint8_t* at = bytes.data();
  const auto kind = kind_of(at[0], kTypes4);
  if (!kind) {
    return Fault::kUnspoken;
  }
  out = {.kind = *kind, .code = at[1], .body = bytes.subspan(kIcmpBytes)};
  if (is_echo(out.kind)) {
    read_echo(at, out);
  } else if (out.kind == IcmpKind::kUnreachable && out.code == kIcmp4FragmentationNeeded) {
    out.kind = IcmpKind::kPacketTooBig;
    out.mtu = load16(at + 6);
  } else if (out.kind == IcmpKind::kParameterProblem) {
    out.pointer = at[4];
  }
  return Fault::kNone;
}

Fault parse_icmp6(Bytes bytes, IcmpMessage& out) {
  if (bytes.size() < kIcmpBytes) {
    return Fault::kTruncated;
  }
  const uint8_t* at = bytes.data();
  const auto kind = kind_of(at[0], kTypes6);
  if (!kind) {
    return Fault::kUnspoken;
  }
  out = {.kind = *kind, .code = at[1], .body = bytes.subspan(kIcmpBytes)};
  if (is_echo(out.kind)) {
    read_echo(at, out);
  } else if (out.kind == IcmpKind::kPacketTooBig) {
    out.mtu = load32(at + 4);
  } else if (out.kind == IcmpKind::kParameterProblem) {
    out.pointer = load32(at + 4);
  }
  return Fault::kNone;
}

size_t write_icmp4(Room out, const IcmpMessage& message) {
  const size_t bytes =
      write_common(out, kTypes4[static_cast<size_t>(message.kind)], message, kIcmp4QuoteMax);
  uint8_t* at = out.data();
  if (message.kind == IcmpKind::kPacketTooBig) {
    POLLUX_ASSERT(message.mtu <= 65535);
    at[1] = kIcmp4FragmentationNeeded;
    store16(at + 6, static_cast<uint16_t>(message.mtu));
  } else if (message.kind == IcmpKind::kParameterProblem) {
    POLLUX_ASSERT(message.pointer <= 255);
    at[4] = static_cast<uint8_t>(message.pointer);
  }
  store16(at + 2, checksum(out.first(bytes)));
  return bytes;
}

size_t write_icmp6(Room out, const IcmpMessage& message, const IpAddress& source,
                   const IpAddress& destination) {
  const size_t bytes =
      write_common(out, kTypes6[static_cast<size_t>(message.kind)], message, kIcmp6QuoteMax);
  uint8_t* at = out.data();
  if (message.kind == IcmpKind::kPacketTooBig) {
    store32(at + 4, message.mtu);
  } else if (message.kind == IcmpKind::kParameterProblem) {
    store32(at + 4, message.pointer);
  }
  Checksum sum = pseudo_header(source, destination, static_cast<uint8_t>(IpProtocol::kIcmp6),
                               static_cast<uint32_t>(bytes));
  sum.add(out.first(bytes));
  store16(at + 2, sum.value());
  return bytes;
}

std::optional<QuotedSegment> parse_quoted_segment(Bytes body) {
  if (body.empty()) {
    return std::nullopt;
  }
  switch (body[0] >> 4) {
    case 4:
      return quoted_in_ipv4(body);
    case 6:
      return quoted_in_ipv6(body);
    default:
      return std::nullopt;
  }
}

}  // namespace pollux::tcp
