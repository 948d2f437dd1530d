#include "src/rdb/rdb_reader.h"

#include <cstring>
#include <limits>

#include "src/data/lzf.h"
#include "src/rdb/rdb_format.h"

namespace pollux {

namespace {

// 3 bytes of LZF, the longest match, stand for 264.
constexpr uint64_t kLzfExpansionMax = 88;

uint64_t from_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) {
    value = value << 8 | static_cast<uint8_t>(c);
  }
  return value;
}

}  // namespace

bool RdbReader::covers(uint64_t count, size_t each) {
  if (count <= rest_.size() / each) {
    return true;
  }
  const uint64_t all = count <= std::numeric_limits<uint64_t>::max() / each
                           ? count * each
                           : std::numeric_limits<uint64_t>::max();
  lacking_ = all - rest_.size();
  return false;
}

bool RdbReader::bytes(size_t size, std::string_view& out) {
  if (!covers(size, 1)) {
    return false;
  }
  out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool RdbReader::byte(uint8_t& value) {
  std::string_view one;
  if (!bytes(1, one)) {
    return false;
  }
  value = static_cast<uint8_t>(one[0]);
  return true;
}

bool RdbReader::length(uint64_t& value) {
  uint8_t first = 0;
  std::string_view more;
  if (!byte(first)) {
    return false;
  }
  if (first < kRdbLength14) {
    value = first;
    return true;
  }
  if (first < kRdbLength32) {
    if (!bytes(1, more)) {
      return false;
    }
    value = uint64_t{first & 0x3fU} << 8 | static_cast<uint8_t>(more[0]);
    return true;
  }
  const size_t size = first == kRdbLength32 ? 4 : first == kRdbLength64 ? 8 : 0;
  if (size == 0 || !bytes(size, more)) {
    return false;
  }
  value = from_big_endian(more);
  return true;
}

bool RdbReader::stored_integer(size_t size, int64_t& value) {
  std::string_view number;
  if (!bytes(size, number)) {
    return false;
  }
  uint64_t raw = 0;
  std::memcpy(&raw, number.data(), size);
  const unsigned unused_bits = static_cast<unsigned>(64 - 8 * size);
  value = static_cast<int64_t>(raw << unused_bits) >> unused_bits;
  return true;
}

bool RdbReader::stored(Stored& out) {
  if (!covers(1, 1)) {
    return false;
  }
  const auto first = static_cast<uint8_t>(rest_[0]);
  uint64_t size = 0;
  if (first < kRdbEncodedString) {
    out.kind = Stored::kPlain;
    return length(size) && size <= text_bytes_max_ && bytes(size, out.bytes);
  }
  rest_.remove_prefix(1);
  switch (static_cast<RdbEncoded>(first & 0x3f)) {
    case RdbEncoded::kInt8:
      out.kind = Stored::kInteger;
      return stored_integer(1, out.integer);
    case RdbEncoded::kInt16:
      out.kind = Stored::kInteger;
      return stored_integer(2, out.integer);
    case RdbEncoded::kInt32:
      out.kind = Stored::kInteger;
      return stored_integer(4, out.integer);
    case RdbEncoded::kLzf:
      out.kind = Stored::kPacked;
      // What is wrong is told before bytes are asked for.
      return length(size) && length(out.unpacked_bytes) && size <= text_bytes_max_ &&
             out.unpacked_bytes <= text_bytes_max_ &&
             out.unpacked_bytes / kLzfExpansionMax <= size && bytes(size, out.bytes);
  }
  return false;
}

bool RdbReader::text(RdbText& text) {
  Stored found;
  if (!stored(found)) {
    return false;
  }
  switch (found.kind) {
    case Stored::kPlain:
      text.set_outside(found.bytes);
      return true;
    case Stored::kInteger:
      text.set_integer(found.integer);
      return true;
    default:
      return lzf_unpack(found.bytes, text.make_own(found.unpacked_bytes));
  }
}

bool RdbReader::skip_text() {
  Stored ignored;
  return stored(ignored);
}

template <typename Number>
bool RdbReader::number(Number& value) {
  std::string_view stored;
  if (!bytes(sizeof value, stored)) {
    return false;
  }
  std::memcpy(&value, stored.data(), sizeof value);
  return true;
}

bool RdbReader::real(double& value) {
  return number(value);
}

bool RdbReader::time(int64_t& value) {
  return number(value);
}

bool RdbReader::real_text(double& value) {
  constexpr uint8_t kNan = 253;
  constexpr uint8_t kInfinity = 254;
  constexpr uint8_t kNegativeInfinity = 255;
  using Limits = std::numeric_limits<double>;
  uint8_t size = 0;
  if (!byte(size)) {
    return false;
  }
  switch (size) {
    case kNan:
      value = Limits::quiet_NaN();
      return true;
    case kInfinity:
      value = Limits::infinity();
      return true;
    case kNegativeInfinity:
      value = -Limits::infinity();
      return true;
    default:
      break;
  }
  std::string_view text;
  if (!bytes(size, text)) {
    return false;
  }
  const std::optional<double> number = parse_double(text);
  value = number.value_or(0);
  return number.has_value();
}

}  // namespace pollux
