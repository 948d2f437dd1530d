#include "dataplane/tcp/wire/ipv6.h"

#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

constexpr uint8_t kPad1 = 0;
constexpr uint8_t kPadN = 1;

// Of a hop-by-hop or destination options header, without its first two bytes.
Fault check_options(Bytes options) {
  size_t count = 0;
  size_t padding = 0;
  while (!options.empty()) {
    size_t bytes = 1;
    if (options[0] != kPad1) {  // it alone has no length
      if (options.size() < 2 || options.size() - 2 < options[1]) {
        return Fault::kExtensionOption;
      }
      bytes = 2U + options[1];
    }
    if (options[0] == kPad1 || options[0] == kPadN) {
      padding += bytes;
    } else {
      padding = 0;
      ++count;
    }
    // RFC 8504 5.3: a packet of nothing but options is work for whoever steps over them.
    if (count > kExtensionOptionsMax || padding > kExtensionPaddingMax) {
      return Fault::kExtensions;
    }
    // RFC 8200 4.2: unless the two highest bits are 0, who does not know it drops the packet. None
    // of that kind is known here.
    if (options[0] >> 6 != 0) {
      return Fault::kExtensionOption;
    }
    options = options.subspan(bytes);
  }
  return Fault::kNone;
}

// `header` begins with one of protocol `upper.protocol`, which has options or a route, and goes on
// behind it. Moves `upper` there.
Fault skip_one(Bytes header, UpperLayer& upper) {
  if (header.size() < 8) {
    return Fault::kTruncated;
  }
  const size_t bytes = 8 + header[1] * size_t{8};
  if (header.size() < bytes) {
    return Fault::kTruncated;
  }
  if (upper.protocol == IpProtocol::kRouting) {
    // Who is addressed and finds segments left would have to send it on, or, of a type that it does
    // not know, to drop it; type 0, which can do harm, is as unknown (RFC 5095 3).
    if (header[3] != 0) {
      return Fault::kRouting;
    }
  } else if (const Fault fault = check_options(header.subspan(2, bytes - 2));
             fault != Fault::kNone) {
    return fault;
  }
  upper.protocol = static_cast<IpProtocol>(header[0]);
  upper.at += bytes;
  return Fault::kNone;
}

Fault read_fragment(Bytes header, UpperLayer& upper) {
  constexpr size_t kBytes = 8;
  if (header.size() < kBytes) {
    return Fault::kTruncated;
  }
  const uint16_t offset_and_more = load16(&header[2]);
  const auto offset = static_cast<uint16_t>(offset_and_more & 0xfff8);
  // RFC 8200 4.5: dropped, if the whole would be longer than a datagram can be. (With extension
  // headers in front of the fragment's it may be by their length, which only whoever puts it
  // together would know.)
  if (offset + (header.size() - kBytes) > kDatagramBytesMax) {
    return Fault::kLength;
  }
  upper.has_fragment_header = true;
  upper.fragment = {.id = load32(&header[4]), .offset = offset, .more = (offset_and_more & 1) != 0};
  upper.protocol = static_cast<IpProtocol>(header[0]);
  upper.at += kBytes;
  return Fault::kNone;
}

}  // namespace

Fault skip_extensions(Bytes payload, UpperLayer& upper) {
  for (size_t headers = 0; is_extension(upper.protocol); ++headers) {
    if (headers == kExtensionHeadersMax) {
      return Fault::kExtensions;
    }
    // RFC 8200 4.1: right behind the fixed header or not at all.
    if (upper.protocol == IpProtocol::kHopByHop && headers != 0) {
      return Fault::kExtensions;
    }
    const Bytes rest = payload.subspan(upper.at);
    const Fault fault = upper.protocol == IpProtocol::kFragment ? read_fragment(rest, upper)
                                                                : skip_one(rest, upper);
    if (fault != Fault::kNone) {
      return fault;
    }
    if (!upper.fragment.whole()) {
      break;
    }
  }
  return Fault::kNone;
}

size_t write_ipv6(Room out, const Ipv6Header& header, size_t payload_bytes) {
  POLLUX_ASSERT(out.size() >= kIpv6Bytes);
  POLLUX_ASSERT(payload_bytes <= 65535 && header.flow_label >> 20 == 0);
  POLLUX_ASSERT(!header.source.is_v4() && !header.destination.is_v4());
  uint8_t* at = out.data();
  store32(at, 6U << 28 | uint32_t{header.traffic_class.byte} << 20 | header.flow_label);
  store16(at + 4, static_cast<uint16_t>(payload_bytes));
  at[6] = static_cast<uint8_t>(header.protocol);
  at[7] = header.hop_limit;
  store_v6(at + 8, header.source);
  store_v6(at + 24, header.destination);
  return kIpv6Bytes;
}

}  // namespace pollux::tcp
