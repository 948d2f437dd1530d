#include "dataplane/engine/address_list.h"

#include <arpa/inet.h>

#include <algorithm>

#include "src/base/leading_bits.h"
#include "src/base/num.h"

namespace pollux {

namespace {

// Addresses of version 4 among those of version 6.
constexpr std::array<uint8_t, 16> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedBits = 96;

}  // namespace

std::optional<AddressList::Address> AddressList::parse(std::string_view text, bool& is_v4) {
  char name[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof name) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), name);
  Address address{};
  is_v4 = text.find(':') == std::string_view::npos;
  if (is_v4) {
    address[10] = address[11] = 0xff;
    if (inet_pton(AF_INET, name, &address[12]) != 1) {
      return std::nullopt;
    }
  } else if (inet_pton(AF_INET6, name, address.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

bool AddressList::add(std::string_view text) {
  const size_t slash = text.find('/');
  bool is_v4 = false;
  const std::optional<Address> address = parse(text.substr(0, slash), is_v4);
  if (!address) {
    return false;
  }
  const int bits_max = is_v4 ? 32 : 128;
  int64_t bits = bits_max;
  if (slash != std::string_view::npos) {
    const std::optional<int64_t> given = parse_int64(text.substr(slash + 1));
    if (!given || *given < 0 || *given > bits_max) {
      return false;
    }
    bits = *given;
  }
  blocks_.push_back({*address, static_cast<int>(bits) + (is_v4 ? kMappedBits : 0)});
  return true;
}

bool AddressList::contains_peer(std::string_view peer) const {
  const size_t colon = peer.rfind(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  peer = peer.substr(0, colon);
  if (peer.size() >= 2 && peer.front() == '[' && peer.back() == ']') {
    peer = peer.substr(1, peer.size() - 2);
  }
  peer = peer.substr(0, peer.find('%'));  // the interface of a link-local address
  bool is_v4 = false;
  const std::optional<Address> address = parse(peer, is_v4);
  if (!address) {
    return false;
  }
  // An address of version 4, also as a socket of version 6 tells it, lies in blocks of its own
  // version alone: ::/0 is everybody of version 6.
  is_v4 = is_v4 || same_leading_bits(*address, kMapped, kMappedBits);
  return std::any_of(blocks_.begin(), blocks_.end(), [&](const Block& block) {
    return (!is_v4 || block.bits >= kMappedBits) &&
           same_leading_bits(block.address, *address, static_cast<unsigned>(block.bits));
  });
}

}  // namespace pollux
