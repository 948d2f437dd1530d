#include "src/data/bits.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/base/assert.h"

namespace pollux {

namespace {

uint64_t load64(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

void store64(char* to, uint64_t word) {
  std::memcpy(to, &word, sizeof(word));
}

// 8 bytes from `byte` on as a big-endian number, with zeros past the end.
uint64_t load_big_endian(std::string_view bytes, uint64_t byte) {
  if (byte >= bytes.size()) {
    return 0;
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data() + byte, std::min<uint64_t>(8, bytes.size() - byte));
  return __builtin_bswap64(word);
}

// The ones of the bits first..last of one byte (0 is the highest).
uint8_t byte_mask(unsigned first, unsigned last) {
  return static_cast<uint8_t>((0xFFU >> first) & (0xFFU << (7 - last)));
}

uint8_t byte_at(std::string_view bytes, uint64_t index) {
  return static_cast<uint8_t>(bytes[index]);
}

// The place of the first one in a byte that is not 0.
int64_t first_one(uint8_t byte) {
  return std::countl_zero(byte);
}

template <typename Fold>
void fold_into(std::span<char> out, std::string_view source, Fold fold) {
  const size_t size = std::min(out.size(), source.size());
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    store64(out.data() + i, fold(load64(out.data() + i), load64(source.data() + i)));
  }
  for (; i < size; ++i) {
    out[i] = static_cast<char>(fold(static_cast<uint8_t>(out[i]), byte_at(source, i)));
  }
}

}  // namespace

uint64_t bit_count(std::string_view bytes) {
  // Four sums, so that the counts do not wait for each other.
  uint64_t sums[4] = {};
  size_t i = 0;
  for (; i + 32 <= bytes.size(); i += 32) {
    for (size_t lane = 0; lane < 4; ++lane) {
      sums[lane] += static_cast<uint64_t>(std::popcount(load64(bytes.data() + i + 8 * lane)));
    }
  }
  uint64_t total = sums[0] + sums[1] + sums[2] + sums[3];
  for (; i < bytes.size(); ++i) {
    total += static_cast<uint64_t>(std::popcount(byte_at(bytes, i)));
  }
  return total;
}

uint64_t bit_count(std::string_view bytes, uint64_t first, uint64_t last) {
  POLLUX_ASSERT(first <= last && last / 8 < bytes.size());
  const uint64_t first_byte = first / 8;
  const uint64_t last_byte = last / 8;
  const auto ones = [&bytes](uint64_t index, unsigned from, unsigned to) {
    return static_cast<uint64_t>(
        std::popcount(static_cast<uint8_t>(byte_at(bytes, index) & byte_mask(from, to))));
  };
  if (first_byte == last_byte) {
    return ones(first_byte, first % 8, last % 8);
  }
  return ones(first_byte, first % 8, 7) + ones(last_byte, 0, last % 8) +
         bit_count(bytes.substr(first_byte + 1, last_byte - first_byte - 1));
}

int64_t bit_position(std::string_view bytes, bool bit, uint64_t first, uint64_t last) {
  POLLUX_ASSERT(first <= last && last / 8 < bytes.size());
  const uint64_t first_byte = first / 8;
  const uint64_t last_byte = last / 8;
  // Searching a zero is searching a one in the complement.
  const uint8_t flip = bit ? 0 : 0xFF;
  uint64_t i = first_byte;
  while (i <= last_byte) {
    uint8_t byte = byte_at(bytes, i) ^ flip;
    if (i == first_byte) {
      byte &= byte_mask(first % 8, 7);
    }
    if (i == last_byte) {
      byte &= byte_mask(0, last % 8);
    }
    if (byte != 0) {
      return static_cast<int64_t>(8 * i) + first_one(byte);
    }
    ++i;
    // Eight bytes at a time over the inner part.
    const uint64_t empty = bit ? 0 : ~uint64_t{0};
    while (i + 8 <= last_byte && load64(bytes.data() + i) == empty) {
      i += 8;
    }
  }
  return -1;
}

namespace {

// What a source shorter than `out` has behind its end.
void zero_behind(std::span<char> out, std::string_view source) {
  if (source.size() < out.size()) {
    std::memset(out.data() + source.size(), 0, out.size() - source.size());
  }
}

void copy_padded(std::span<char> out, std::string_view source) {
  const size_t copied = std::min(out.size(), source.size());
  if (copied > 0) {
    std::memcpy(out.data(), source.data(), copied);
  }
  zero_behind(out, source);
}

// The or of sources after the first, against the first.
void combine_with_others(BitOperation operation, std::span<const std::string_view> sources,
                         std::span<char> out) {
  const std::string_view first = sources[0];
  std::memset(out.data(), 0, out.size());
  for (const std::string_view source : sources.subspan(1)) {
    fold_into(out, source, [](auto a, auto b) { return a | b; });
  }
  if (operation == BitOperation::kDiff1) {
    fold_into(out, first, [](auto a, auto b) { return a & ~b; });
    return;
  }
  if (operation == BitOperation::kDiff) {
    fold_into(out, first, [](auto a, auto b) { return ~a & b; });
  } else {
    fold_into(out, first, [](auto a, auto b) { return a & b; });
  }
  zero_behind(out, first);
}

// In pieces, because what was seen twice has to be kept too.
void exactly_one(std::span<const std::string_view> sources, std::span<char> out) {
  constexpr size_t kPiece = 1024;
  char twice[kPiece];
  for (size_t at = 0; at < out.size(); at += kPiece) {
    const std::span<char> piece = out.subspan(at, std::min(kPiece, out.size() - at));
    std::memset(piece.data(), 0, piece.size());
    std::memset(twice, 0, piece.size());
    for (const std::string_view source : sources) {
      const std::string_view part = source.substr(std::min(at, source.size()), piece.size());
      for (size_t i = 0; i < part.size(); ++i) {
        twice[i] = static_cast<char>(twice[i] | (piece[i] & part[i]));
        piece[i] = static_cast<char>(piece[i] | part[i]);
      }
    }
    fold_into(piece, {twice, piece.size()}, [](auto a, auto b) { return a & ~b; });
  }
}

}  // namespace

void bit_operation(BitOperation operation, std::span<const std::string_view> sources,
                   std::span<char> out) {
  POLLUX_ASSERT(!sources.empty() && (operation != BitOperation::kNot || sources.size() == 1));
  if (out.empty()) {
    return;
  }
  switch (operation) {
    case BitOperation::kDiff:
    case BitOperation::kDiff1:
    case BitOperation::kAndOr:
      combine_with_others(operation, sources, out);
      return;
    case BitOperation::kOne:
      exactly_one(sources, out);
      return;
    default:
      break;
  }
  copy_padded(out, sources[0]);
  if (operation == BitOperation::kNot) {
    for (char& byte : out) {
      byte = static_cast<char>(~byte);
    }
  }
  for (const std::string_view source : sources.subspan(1)) {
    if (operation == BitOperation::kAnd) {
      fold_into(out, source, [](auto a, auto b) { return a & b; });
      zero_behind(out, source);
    } else if (operation == BitOperation::kOr) {
      fold_into(out, source, [](auto a, auto b) { return a | b; });
    } else {
      fold_into(out, source, [](auto a, auto b) { return a ^ b; });
    }
  }
}

bool get_bit(std::string_view bytes, uint64_t offset) {
  const uint64_t byte = offset / 8;
  return byte < bytes.size() && ((byte_at(bytes, byte) >> (7 - offset % 8)) & 1) != 0;
}

bool set_bit(std::span<char> bytes, uint64_t offset, bool value) {
  POLLUX_ASSERT(offset / 8 < bytes.size());
  const uint8_t mask = static_cast<uint8_t>(0x80U >> (offset % 8));
  uint8_t byte = static_cast<uint8_t>(bytes[offset / 8]);
  const bool old = (byte & mask) != 0;
  byte = static_cast<uint8_t>(value ? byte | mask : byte & ~mask);
  bytes[offset / 8] = static_cast<char>(byte);
  return old;
}

uint64_t get_unsigned_field(std::string_view bytes, uint64_t offset, unsigned width) {
  POLLUX_ASSERT(width >= 1 && width <= 64);
  const unsigned shift = offset % 8;
  uint64_t word = load_big_endian(bytes, offset / 8) << shift;
  if (shift != 0 && shift + width > 64) {
    // The field reaches into a ninth byte.
    const uint64_t ninth = offset / 8 + 8;
    const uint64_t more = ninth < bytes.size() ? byte_at(bytes, ninth) : 0;
    word |= more >> (8 - shift);
  }
  return word >> (64 - width);
}

int64_t get_signed_field(std::string_view bytes, uint64_t offset, unsigned width) {
  const uint64_t field = get_unsigned_field(bytes, offset, width) << (64 - width);
  return static_cast<int64_t>(field) >> (64 - width);
}

void set_field(std::span<char> bytes, uint64_t offset, unsigned width, uint64_t value) {
  POLLUX_ASSERT(width >= 1 && width <= 64 && (offset + width + 7) / 8 <= bytes.size());
  unsigned left = width;
  while (left > 0) {
    // As many bits as the present byte takes.
    const unsigned in_byte = offset % 8;
    const unsigned take = std::min(left, 8 - in_byte);
    const uint8_t mask = byte_mask(in_byte, in_byte + take - 1);
    const uint64_t bits = (value >> (left - take)) & (0xFFU >> (8 - take));
    uint8_t byte = static_cast<uint8_t>(bytes[offset / 8]);
    byte = static_cast<uint8_t>((byte & ~mask) | (bits << (8 - in_byte - take)));
    bytes[offset / 8] = static_cast<char>(byte);
    left -= take;
    offset += take;
  }
}

}  // namespace pollux
