// Streams whose every byte is known from its place: byte o of connection c is a function of seed, c
// and o. Whoever is to send asks for bytes; whoever receives checks each, however they are cut; and
// a byte that is lost, doubled, moved or another connection's is noticed at once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace pollux::tcp {

class StreamBytes {
 public:
  StreamBytes(uint64_t seed, uint64_t connection);

  uint8_t at(uint64_t offset) const;
  // Those from `offset` on.
  void fill(std::span<uint8_t> out, uint64_t offset) const;
  // Where in `bytes` the first wrong one stands, if they should be those from `offset` on.
  std::optional<size_t> mismatch(std::span<const uint8_t> bytes, uint64_t offset) const;

 private:
  uint64_t word(uint64_t index) const;  // of 8 bytes
  uint64_t key_;
};

// The receiving end of one stream.
class StreamCheck {
 public:
  StreamCheck(uint64_t seed, uint64_t connection)
      : bytes_(seed, connection), connection_(connection) {}

  // The next bytes, in order. False, now and ever after, once one was wrong.
  bool take(std::span<const uint8_t> bytes);
  uint64_t taken() const { return taken_; }  // good ones
  // "connection 3: byte 1460 is 0x12, not 0x34; these are the bytes of 2920 on". "" if all is well.
  const std::string& error() const { return error_; }

 private:
  // Where else in the stream these would be right, if they are enough to tell and it is near.
  std::optional<uint64_t> find(std::span<const uint8_t> bytes) const;

  StreamBytes bytes_;
  uint64_t connection_;
  uint64_t taken_ = 0;
  std::string error_;
};

}  // namespace pollux::tcp
