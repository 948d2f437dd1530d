// Why bytes are no packet. One byte, so that it is an index of counters; a sentence for people is
// made where it is shown.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pollux::tcp {

enum class Fault : uint8_t {
  kNone,
  kTruncated,        // ends before its header does, or before the length that it states
  kVersion,          // IP of another version than the frame says
  kHeaderLength,     // a header that says it is shorter than its fixed part
  kLength,           // a length that cannot be: less than the header, a fragment beyond 65535
  kExtensions,       // IPv6: too many headers, options in one or bytes of padding (ipv6.h), or
                     // hop-by-hop not in front
  kExtensionOption,  // IPv6: an option that must not be skipped (RFC 8200 4.2), or is cut off
  kRouting,          // not at its last stop: a source route of IPv4 (RFC 1122 3.3.5), or a routing
                     // header of IPv6 with segments left (RFC 8200 4.4, RFC 5095)
  kMappedAddress,    // IPv6: ::ffff:a.b.c.d on the wire, which would pass for one of IPv4
  kUnspoken,         // well-formed perhaps, but of a type that nobody here speaks
  kHopLimit,         // NDP: not 255, so it came through a router (RFC 4861 7.1)
  kCode,             // NDP: not 0
  kOption,           // IPv4, NDP: an option of a length that cannot be, or not allowed here
  kAddress,          // NDP: a source, destination or target that the rules exclude
  kCount,            // how many there are
};

inline constexpr std::array<std::string_view, static_cast<size_t>(Fault::kCount)> kFaultNames = {
    "none",           "truncated",  "version",          "header_length",
    "length",         "extensions", "extension_option", "routing",
    "mapped_address", "unspoken",   "hop_limit",        "code",
    "option",         "address"};
static_assert(!kFaultNames.back().empty(), "a fault without a name");

constexpr std::string_view fault_name(Fault fault) {
  return kFaultNames[static_cast<size_t>(fault)];
}

// Where in a packet.
enum class Layer : uint8_t { kLink, kNetwork, kTransport };

}  // namespace pollux::tcp
