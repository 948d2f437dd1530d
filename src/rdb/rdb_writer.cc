#include "src/rdb/rdb_writer.h"

#include <bit>
#include <cstring>
#include <limits>

#include "src/base/num.h"
#include "src/data/lzf.h"
#include "src/rdb/rdb_format.h"

namespace pollux {

namespace {

// The `size` low bytes of `value`, the most significant first.
char* put_big_endian(char* out, uint64_t value, unsigned size) {
  for (unsigned i = size; i-- > 0;) {
    *out++ = static_cast<char>(value >> (8 * i));
  }
  return out;
}

constexpr uint8_t encoded(RdbEncoded kind) {
  return kRdbEncodedString | static_cast<uint8_t>(kind);
}

// Longer texts are no integers of 32 bits.
constexpr size_t kInt32TextMax = 11;

}  // namespace

void RdbWriter::byte(uint8_t value) {
  *sink_.reserve(1) = static_cast<char>(value);
  sink_.commit(1);
}

void RdbWriter::length(uint64_t value) {
  char* const start = sink_.reserve(9);
  char* out = start;
  if (value < 1U << 6) {
    *out++ = static_cast<char>(kRdbLength6 | value);
  } else if (value < 1U << 14) {
    out = put_big_endian(out, uint64_t{kRdbLength14} << 8 | value, 2);
  } else if (value <= std::numeric_limits<uint32_t>::max()) {
    *out++ = static_cast<char>(kRdbLength32);
    out = put_big_endian(out, value, 4);
  } else {
    *out++ = static_cast<char>(kRdbLength64);
    out = put_big_endian(out, value, 8);
  }
  sink_.commit(static_cast<size_t>(out - start));
}

void RdbWriter::text(std::string_view bytes) {
  if (bytes.size() <= kInt32TextMax) {
    if (const std::optional<int64_t> value = parse_int64(bytes)) {
      integer(*value);
      return;
    }
  }
  if (compress_ && bytes.size() >= kLzfWorthBytes && compressed(bytes)) {
    return;
  }
  length(bytes.size());
  sink_.append(bytes);
}

void RdbWriter::listpack(std::string_view bare) {
  framed_.resize(bare.size() + Listpack::kFrameBytes);
  Listpack::write_framed(bare, framed_.data());
  text(framed_);
}

bool RdbWriter::compressed(std::string_view bytes) {
  packed_.resize(bytes.size() - kLzfSavedBytes);
  const size_t size = lzf_pack(bytes, packed_);
  if (size == 0) {
    return false;
  }
  byte(encoded(RdbEncoded::kLzf));
  length(size);
  length(bytes.size());
  sink_.append({packed_.data(), size});
  return true;
}

void RdbWriter::integer(int64_t value) {
  const auto put = [this](RdbEncoded kind, const auto& number) {
    char* const out = sink_.reserve(1 + sizeof number);
    *out = static_cast<char>(encoded(kind));
    std::memcpy(out + 1, &number, sizeof number);
    sink_.commit(1 + sizeof number);
  };
  static_assert(std::endian::native == std::endian::little);
  if (value == static_cast<int8_t>(value)) {
    put(RdbEncoded::kInt8, static_cast<int8_t>(value));
  } else if (value == static_cast<int16_t>(value)) {
    put(RdbEncoded::kInt16, static_cast<int16_t>(value));
  } else if (value == static_cast<int32_t>(value)) {
    put(RdbEncoded::kInt32, static_cast<int32_t>(value));
  } else {
    char digits[kInt64TextMax];
    const size_t size = format_int64(value, digits);
    length(size);
    sink_.append({digits, size});
  }
}

void RdbWriter::real(double value) {
  char* const out = sink_.reserve(sizeof value);
  std::memcpy(out, &value, sizeof value);
  sink_.commit(sizeof value);
}

void RdbWriter::time(int64_t value) {
  bytes({reinterpret_cast<const char*>(&value), sizeof value});
}

}  // namespace pollux
