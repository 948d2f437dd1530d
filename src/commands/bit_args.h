// What SETBIT's family and BITFIELD share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/commands/context.h"

namespace pollux {

// A bit offset; "#n", where `width` is not 0, counts in steps of `width` bits. Answers the error
// and returns false if it is no number, negative, or beyond proto-max-bulk-len.
bool read_bit_offset(Context& ctx, size_t index, unsigned width, uint64_t& offset);

inline std::string_view string_or_empty(const Entry* entry, char (&scratch)[kInt64TextMax]) {
  return entry == nullptr ? std::string_view() : entry->string(scratch);
}

// A write that changes no bit turns the string to encoding raw all the same; of one that is raw
// already nothing is heard. (redis-server names no event in either case.) Requires an entry.
void make_raw(Edit& edit);

}  // namespace pollux
