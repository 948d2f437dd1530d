#include "dataplane/dpdk/network_options.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace pollux::dpdk {

using tcp::InterfaceConfig;
using tcp::IpAddress;
using tcp::LinkPrefix;

namespace {

constexpr uint8_t kV4Bits = 32;
constexpr uint8_t kV6Bits = 128;
constexpr uint32_t kMtuMinV6 = 1280;
// What a flow of IPv6 takes, and the longest that NICs have (i40e, ice).
constexpr size_t kRssKeyBytesMin = 40;
constexpr size_t kRssKeyBytesMax = 52;
constexpr std::string_view kGiveOurs =
    ". Give the address that this server is to have, with the "
    "prefix of its network, as in 10.0.0.5/24 or fd00::5/64";

// "address/bits"; without bits it is one address.
std::optional<LinkPrefix> parse_prefix(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  const uint8_t most = address->is_v4() ? kV4Bits : kV6Bits;
  uint8_t bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bits);
    if (error != std::errc() || end != digits.end() || bits > most) {
      return std::nullopt;
    }
  }
  return LinkPrefix{*address, bits};
}

// Whether all bits behind the prefix are `one`. Not asked of prefixes that leave less than two:
// there every address is a host's (RFC 3021, RFC 6164).
bool host_bits_are(const LinkPrefix& prefix, bool one) {
  const int first = (prefix.address.is_v4() ? kV6Bits - kV4Bits : 0) + prefix.bits;
  if (first > kV6Bits - 2) {
    return false;
  }
  for (int bit = first; bit < kV6Bits; ++bit) {
    const uint8_t byte = prefix.address.bytes[static_cast<size_t>(bit / 8)];
    if (((byte >> (7 - bit % 8)) & 1) != (one ? 1 : 0)) {
      return false;
    }
  }
  return true;
}

// Why no host can have it; empty if one can.
std::string_view no_host(const IpAddress& address) {
  if (address.is_unspecified()) {
    return "stands for no address";
  }
  if (address.is_loopback()) {
    return "is loopback, which no network has: this host's own clients come by the kernel anyway";
  }
  if (address.is_multicast()) {
    return "is a group's (multicast)";
  }
  if (address.is_v4() && (address.v4() >> 24 == 0 || address.v4() >> 28 == 0xf)) {
    return "is reserved (RFC 1122, RFC 1112)";
  }
  return {};
}

std::string_view no_host_in(const LinkPrefix& prefix) {
  if (const std::string_view why = no_host(prefix.address); !why.empty()) {
    return why;
  }
  if (host_bits_are(prefix, false)) {
    return prefix.address.is_v4() ? "is the network itself"
                                  : "is the one of all routers of its network (RFC 4291 2.6.1)";
  }
  if (prefix.address.is_v4() && host_bits_are(prefix, true)) {
    return "is the broadcast address of its network";
  }
  return {};
}

std::string read_gateway(const std::string& text, InterfaceConfig& into) {
  const std::string subject = "net-gateway " + text + ": ";
  const std::optional<IpAddress> address = IpAddress::parse(text);
  if (!address) {
    return subject + "not an address";
  }
  std::optional<IpAddress>& gateway = address->is_v4() ? into.gateway_v4 : into.gateway_v6;
  if (gateway) {
    return subject + "a second one of this version of IP";
  }
  const auto has = [&](auto&& condition) { return std::ranges::any_of(into.addresses, condition); };
  std::string_view why = no_host(*address);
  const bool is_near = has([&](const LinkPrefix& ours) { return tcp::is_within(*address, ours); });
  for (const LinkPrefix& ours : into.addresses) {  // it may be a host's in one, and not in another
    if (why.empty() && tcp::is_within(*address, ours)) {
      why = no_host_in({*address, ours.bits});
    }
  }
  if (has([&](const LinkPrefix& ours) { return ours.address == *address; })) {
    why = "is one of net-address, this server's own";
  } else if (why.empty() && !has([&](const LinkPrefix& ours) {
               return ours.address.is_v4() == address->is_v4();
             })) {
    why = "is of a version of IP that no net-address has, so nobody is reached by it";
  } else if (why.empty() && !is_near && (address->is_v4() || !address->is_link_local())) {
    why = "is in the network of no net-address, so there is no way to it";
  }
  if (!why.empty()) {
    return subject + "this " + std::string(why) +
           ". Give the address of the router, as this network sees it";
  }
  gateway = *address;
  return {};
}

}  // namespace

std::string check_options(const NetworkOptions& options) {
  InterfaceConfig unused;
  std::vector<uint8_t> unused_key;
  const std::string problem = read_rss_key(options.rss_key, unused_key);
  return problem.empty() ? read_options(options, unused) : problem;
}

std::string read_rss_key(const std::string& text, std::vector<uint8_t>& into) {
  into.clear();
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    uint8_t byte = 0;
    const char* const end = text.data() + at + 2;
    if (std::from_chars(text.data() + at, end, byte, 16).ptr != end) {
      break;
    }
    into.push_back(byte);
  }
  if (into.size() * 2 != text.size() ||
      (!text.empty() && (into.size() < kRssKeyBytesMin || into.size() > kRssKeyBytesMax))) {
    return "net-rss-key has " + std::to_string(text.size()) + " characters: give " +
           std::to_string(2 * kRssKeyBytesMin) + " to " + std::to_string(2 * kRssKeyBytesMax) +
           " hexadecimal digits, two for each byte, or leave it empty for one that is drawn";
  }
  return {};
}

std::string read_options(const NetworkOptions& options, InterfaceConfig& into) {
  if (options.port.empty()) {
    return "transport dpdk needs dpdk-port: a PCI address (0000:03:00.0) or a device that "
           "dpdk-args make, as in net_tap0";
  }
  if (options.addresses.empty()) {
    return "transport dpdk needs net-address, as in 10.0.0.5/24 or fd00::5/64";
  }
  for (const std::string& text : options.addresses) {
    const std::string subject = "net-address " + text + ": ";
    const std::optional<LinkPrefix> prefix = parse_prefix(text);
    if (!prefix) {
      return subject + "not an address with its prefix, as in 10.0.0.5/24";
    }
    if (const std::string_view why = no_host_in(*prefix); !why.empty()) {
      return subject + "this " + std::string(why) + std::string(kGiveOurs);
    }
    if (std::ranges::any_of(into.addresses, [&](const LinkPrefix& other) {
          return other.address == prefix->address;
        })) {
      return subject + "stands there twice";
    }
    if (!prefix->address.is_v4() && options.mtu < kMtuMinV6) {
      return subject + "IPv6 needs an MTU of 1280 (RFC 8200 5), and net-mtu is " +
             std::to_string(options.mtu) + ". Raise net-mtu, or give addresses of IPv4 alone";
    }
    into.addresses.push_back(*prefix);
  }
  for (const std::string& text : options.gateways) {
    if (std::string problem = read_gateway(text, into); !problem.empty()) {
      return problem;
    }
  }
  into.vlan = options.vlan;
  return {};
}

}  // namespace pollux::dpdk
