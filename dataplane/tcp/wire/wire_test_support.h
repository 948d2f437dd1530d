// What the tests of this room share: golden frames as bytes, blocks of the exact size, and random
// parts of packets.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/golden_test_support.h"
#include "src/base/rng.h"

namespace pollux::tcp {

using ByteVector = std::vector<uint8_t>;

inline ByteVector from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  ByteVector bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return bytes;
}

inline ByteVector golden(std::string_view name) {
  for (const GoldenFrame& frame : kGoldenFrames) {
    if (frame.name == name) {
      return from_hex(frame.hex);
    }
  }
  ADD_FAILURE() << "no frame " << name;
  return {};
}

// A copy that ends where its block does, so that a sanitizer sees who reads further.
class ExactBytes {
 public:
  explicit ExactBytes(Bytes from) : bytes_(new uint8_t[from.size()]), size_(from.size()) {
    if (!from.empty()) {
      std::memcpy(bytes_.get(), from.data(), from.size());
    }
  }
  Bytes get() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
};

inline IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

// Some of everything, drawn from a seed.
class RandomParts {
 public:
  explicit RandomParts(uint64_t seed) : rng_(seed) {}

  Rng& rng() { return rng_; }
  bool coin() { return rng_.below(2) == 1; }
  uint8_t u8() { return static_cast<uint8_t>(rng_.next()); }
  uint16_t u16() { return static_cast<uint16_t>(rng_.next()); }
  uint32_t u32() { return static_cast<uint32_t>(rng_.next()); }
  ByteVector bytes(size_t size) {
    ByteVector out(size);
    for (uint8_t& byte : out) {
      byte = u8();
    }
    return out;
  }
  MacAddress mac() {
    MacAddress out;
    for (uint8_t& byte : out.bytes) {
      byte = u8();
    }
    return out;
  }
  IpAddress v4() { return IpAddress::v4(u32()); }
  IpAddress v6() {
    IpAddress out;
    for (uint8_t& byte : out.bytes) {
      byte = u8();
    }
    out.bytes[0] |= 1;  // so that it is none of IPv4
    return out;
  }

 private:
  Rng rng_;
};

}  // namespace pollux::tcp
