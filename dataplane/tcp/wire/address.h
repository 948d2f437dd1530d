// Who speaks to whom: addresses of the link and of IP, and the four words that name a connection.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace pollux::tcp {

static_assert(std::endian::native == std::endian::little);

struct MacAddress {
  std::array<uint8_t, 6> bytes{};
  constexpr bool is_group() const { return (bytes[0] & 1) != 0; }  // broadcast included
  friend auto operator<=>(const MacAddress&, const MacAddress&) = default;
  // As words: GCC 12 makes calls of memcmp of ==, for addresses of IP too, a hundred instructions a
  // segment.
  friend constexpr bool operator==(const MacAddress& a, const MacAddress& b) {
    using Words = std::array<uint16_t, 3>;
    const auto x = std::bit_cast<Words>(a.bytes);
    const auto y = std::bit_cast<Words>(b.bytes);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2])) == 0;
  }
};
inline constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// Of either version: one of IPv4 is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that all that
// compares, hashes and stores has one type to do with.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  static constexpr IpAddress v4(uint32_t host_order) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, static_cast<uint8_t>(host_order >> 24),
             static_cast<uint8_t>(host_order >> 16), static_cast<uint8_t>(host_order >> 8),
             static_cast<uint8_t>(host_order)}};
  }
  // "10.0.0.1", "fe80::1"; nothing if it is no address. Without zones (%eth0).
  static std::optional<IpAddress> parse(std::string_view text);

  constexpr bool is_v4() const {
    const auto words = std::bit_cast<std::array<uint64_t, 2>>(bytes);  // little-endian
    return words[0] == 0 && static_cast<uint32_t>(words[1]) == 0xffff0000;
  }
  constexpr uint32_t v4() const {  // host order, of one of IPv4
    return static_cast<uint32_t>(bytes[12]) << 24 | static_cast<uint32_t>(bytes[13]) << 16 |
           static_cast<uint32_t>(bytes[14]) << 8 | bytes[15];
  }
  bool is_multicast() const;
  bool is_unspecified() const;  // 0.0.0.0 or ::
  bool is_loopback() const;
  bool is_link_local() const;
  std::string text() const;  // IPv6 as RFC 5952 says

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    using Words = std::array<uint64_t, 2>;
    const auto x = std::bit_cast<Words>(a.bytes);
    const auto y = std::bit_cast<Words>(b.bytes);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
  }
};

// As this stack sees it. Ports in host order.
struct Flow {
  IpAddress local;
  IpAddress remote;
  uint16_t local_port = 0;
  uint16_t remote_port = 0;
  friend auto operator<=>(const Flow&, const Flow&) = default;
};

}  // namespace pollux::tcp
