#include "dataplane/sim/net/stream_check.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "dataplane/sim/net/chance.h"

namespace pollux::tcp {

namespace {

// Eight bytes are another place's by chance once in 2^64; of fewer one can't tell.
constexpr size_t kBytesToTell = 8;
constexpr uint64_t kNearBytes = 1 << 18;

}  // namespace

StreamBytes::StreamBytes(uint64_t seed, uint64_t connection)
    : key_(mixed(mixed(seed) + connection)) {}

uint64_t StreamBytes::word(uint64_t index) const {
  return mixed_at(key_, index);
}

uint8_t StreamBytes::at(uint64_t offset) const {
  return static_cast<uint8_t>(word(offset / 8) >> offset % 8 * 8);
}

void StreamBytes::fill(std::span<uint8_t> out, uint64_t offset) const {
  size_t i = 0;
  for (; i < out.size() && (offset + i) % 8 != 0; ++i) {
    out[i] = at(offset + i);
  }
  for (; i + 8 <= out.size(); i += 8) {
    const uint64_t eight = word((offset + i) / 8);
    std::memcpy(out.data() + i, &eight, 8);  // x86-64: the lowest byte comes first
  }
  for (; i < out.size(); ++i) {
    out[i] = at(offset + i);
  }
}

std::optional<size_t> StreamBytes::mismatch(std::span<const uint8_t> bytes, uint64_t offset) const {
  uint8_t expected[512];
  for (size_t i = 0; i < bytes.size(); i += sizeof expected) {
    const size_t size = std::min(bytes.size() - i, sizeof expected);
    fill({expected, size}, offset + i);
    if (std::memcmp(expected, bytes.data() + i, size) != 0) {
      const auto wrong = std::mismatch(expected, expected + size, bytes.data() + i).first;
      return i + static_cast<size_t>(wrong - expected);
    }
  }
  return std::nullopt;
}

bool StreamCheck::take(std::span<const uint8_t> bytes) {
  if (!error_.empty()) {
    return false;
  }
  const std::optional<size_t> wrong = bytes_.mismatch(bytes, taken_);
  taken_ += wrong.value_or(bytes.size());
  if (!wrong) {
    return true;
  }
  const std::span<const uint8_t> rest = bytes.subspan(*wrong);
  char text[128];
  std::snprintf(text, sizeof text, "connection %llu: byte %llu is 0x%02x, not 0x%02x",
                static_cast<unsigned long long>(connection_),
                static_cast<unsigned long long>(taken_), rest[0], bytes_.at(taken_));
  error_ = text;
  if (const std::optional<uint64_t> place = find(rest)) {
    error_ += "; these are the bytes of " + std::to_string(*place) + " on";
  }
  return false;
}

std::optional<uint64_t> StreamCheck::find(std::span<const uint8_t> bytes) const {
  if (bytes.size() < kBytesToTell) {
    return std::nullopt;
  }
  const uint64_t first = taken_ - std::min(taken_, kNearBytes);
  for (uint64_t place = first; place < taken_ + kNearBytes; ++place) {
    if (bytes_.at(place) == bytes[0] && !bytes_.mismatch(bytes.first(kBytesToTell), place)) {
      return place;
    }
  }
  return std::nullopt;
}

}  // namespace pollux::tcp
