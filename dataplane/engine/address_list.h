// Addresses that may connect (`allow-from`): IPv4 and IPv6, each with the number of leading bits
// that count. A plain value inside a configuration version.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pollux {

class AddressList {
 public:
  // "10.0.0.0/8", "192.168.1.7", "fd00::/8"; bits behind the prefix are ignored. False if it is
  // none of these.
  bool add(std::string_view text);
  bool empty() const { return blocks_.empty(); }
  // `peer` as in PeerInfo: "10.1.2.3:50312", "[fd00::1]:50312". An IPv4 address that comes mapped
  // into IPv6 is the IPv4 address. False for what is no address.
  bool contains_peer(std::string_view peer) const;

  // IPv4 as ::ffff:a.b.c.d, so that there is one form of an address.
  using Address = std::array<uint8_t, 16>;
  struct Block {
    Address address;
    int bits;  // of 128
    friend bool operator==(const Block&, const Block&) = default;
  };
  const std::vector<Block>& blocks() const { return blocks_; }
  friend bool operator==(const AddressList&, const AddressList&) = default;

 private:
  static std::optional<Address> parse(std::string_view text, bool& is_v4);

  std::vector<Block> blocks_;
};

}  // namespace pollux
