// Bits of a string value as Redis numbers them: bit 0 is the highest bit of byte 0. Pure functions
// over bytes, without an idea of keys (BITCOUNT, BITPOS, BITOP, SETBIT, BITFIELD stand on them).
// Bits past the end of the bytes read as 0; what writes needs the bytes to be there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pollux {

// The number of ones.
uint64_t bit_count(std::string_view bytes);
// The number of ones among the bits first..last, both inclusive.
// Requires first <= last < 8 * bytes.size().
uint64_t bit_count(std::string_view bytes, uint64_t first, uint64_t last);

// The first bit at or after `first` and not after `last` that equals `bit`; -1 if there is none.
// Requires first <= last < 8 * bytes.size().
int64_t bit_position(std::string_view bytes, bool bit, uint64_t first, uint64_t last);

enum class BitOperation : uint8_t {
  kAnd,
  kOr,
  kXor,
  kNot,
  kDiff,   // in the first and no other
  kDiff1,  // in another and not in the first
  kAndOr,  // in the first and another
  kOne,    // in exactly one
};

// Combines `sources` into `out`, bit by bit; a source shorter than `out` counts as padded with
// zeros, one that is longer is cut. kNot takes one source. Requires a source; `out` overlaps none.
void bit_operation(BitOperation operation, std::span<const std::string_view> sources,
                   std::span<char> out);

// 0 past the end.
bool get_bit(std::string_view bytes, uint64_t offset);
// Returns the bit as it was. Requires offset < 8 * bytes.size().
bool set_bit(std::span<char> bytes, uint64_t offset, bool value);

// The `width` bits from bit `offset` as a big-endian integer, for signed in two's complement.
// Bits past the end are 0. Requires 1 <= width <= 64 (BITFIELD itself allows u63 at most).
uint64_t get_unsigned_field(std::string_view bytes, uint64_t offset, unsigned width);
int64_t get_signed_field(std::string_view bytes, uint64_t offset, unsigned width);
// Writes the low `width` bits of `value`. Requires offset + width <= 8 * bytes.size().
void set_field(std::span<char> bytes, uint64_t offset, unsigned width, uint64_t value);

}  // namespace pollux
