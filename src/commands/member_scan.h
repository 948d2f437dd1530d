// What HSCAN, SSCAN and ZSCAN share: cursor, options, the shape of the reply.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "src/commands/args.h"
#include "src/data/listpack.h"

namespace pollux {

struct MemberScan {
  uint64_t cursor = 0;
  std::string_view pattern;
  bool has_pattern = false;
  uint64_t count = 10;
  bool without_values = false;  // NOVALUES
};

// The cursor in args[2]. Otherwise nothing, with the error answered.
std::optional<uint64_t> read_member_cursor(Context& ctx);
// The options behind it; NOVALUES is one where members have values. False with the error answered.
bool read_member_scan_options(Context& ctx, MemberScan& scan, bool with_values = false);

// Whether the pattern lets this element through.
bool passes(const MemberScan& scan, std::string_view element);
bool passes(const MemberScan& scan, const PackedValue& element);

// The cursor to go on with; so many elements follow.
void reply_member_scan(Context& ctx, uint64_t next, size_t found);
// The same with what was found.
void reply_member_scan(Context& ctx, uint64_t next, std::span<const PackedValue> found);

}  // namespace pollux
