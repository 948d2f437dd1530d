// Strings as arrays of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. (BITFIELD: bitfield.cc.) The
// arithmetic on bytes is src/data/bits.h; here are arguments, limits and replies.
#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/bit_args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/data/bits.h"

namespace pollux {

namespace {

void setbit(Context& ctx) {
  uint64_t offset = 0;
  if (!read_bit_offset(ctx, 2, 0, offset)) {
    return;
  }
  const auto bit = parse_int64(ctx.args[3]);
  if (!bit || (*bit != 0 && *bit != 1)) {
    ctx.reply.error("ERR bit is not an integer or out of range");
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  const Entry* entry = edit.entry();
  if (entry != nullptr && !check_string(ctx, *entry)) {
    return;
  }
  char scratch[kInt64TextMax];
  const std::string_view bytes = string_or_empty(entry, scratch);
  const bool old = get_bit(bytes, offset);
  const size_t size = offset / 8 + 1;
  if (size <= bytes.size() && old == (*bit == 1)) {
    make_raw(edit);
  } else {
    set_bit(edit.grow_raw(std::max(size, bytes.size())), offset, *bit == 1);
    edit.notify(KeyEvent::kSetBit);
  }
  ctx.reply.integer(old ? 1 : 0);
}

void getbit(Context& ctx) {
  uint64_t offset = 0;
  if (!read_bit_offset(ctx, 2, 0, offset)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry != nullptr && !check_string(ctx, *entry)) {
    return;
  }
  char scratch[kInt64TextMax];
  ctx.reply.integer(get_bit(string_or_empty(entry, scratch), offset) ? 1 : 0);
}

// --- BITCOUNT, BITPOS ---

// BYTE or BIT at `index`, if there is such an argument.
bool read_unit(Context& ctx, size_t index, bool& bits) {
  bits = false;
  if (index >= ctx.args.size() || is_word(ctx.args[index], "byte")) {
    return true;
  }
  if (is_word(ctx.args[index], "bit")) {
    bits = true;
    return true;
  }
  ctx.reply.error(error_text::kSyntax);
  return false;
}

// Positions start..end of bytes, or of bits, as bits first..last. False if they are empty.
bool clamp_bits(int64_t start, int64_t end, bool bits, size_t bytes, uint64_t& first,
                uint64_t& last) {
  if (!clamp_range(start, end, bits ? bytes * 8 : bytes, first, last)) {
    return false;
  }
  if (!bits) {
    first *= 8;
    last = last * 8 + 7;
  }
  return true;
}

void bitcount(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  if (!check_string(ctx, *entry)) {
    return;
  }
  char scratch[kInt64TextMax];
  const std::string_view bytes = entry->string(scratch);
  if (ctx.args.size() == 2) {
    ctx.reply.integer(static_cast<int64_t>(bit_count(bytes)));
    return;
  }
  if (ctx.args.size() != 4 && ctx.args.size() != 5) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  int64_t start = 0;
  int64_t end = 0;
  bool bits = false;
  if (!read_int64(ctx, 2, start) || !read_int64(ctx, 3, end)) {
    return;
  }
  if (backwards_from_end(start, end)) {
    ctx.reply.integer(0);  // before the unit is looked at, as redis-server does
    return;
  }
  if (!read_unit(ctx, 4, bits)) {
    return;
  }
  uint64_t first = 0;
  uint64_t last = 0;
  if (!clamp_bits(start, end, bits, bytes.size(), first, last)) {
    ctx.reply.integer(0);
    return;
  }
  ctx.reply.integer(static_cast<int64_t>(bit_count(bytes, first, last)));
}

void bitpos(Context& ctx) {
  int64_t bit = 0;
  if (!read_int64(ctx, 2, bit)) {
    return;
  }
  if (bit != 0 && bit != 1) {
    ctx.reply.error("ERR The bit argument must be 1 or 0.");
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.integer(bit == 1 ? -1 : 0);
    return;
  }
  if (!check_string(ctx, *entry)) {
    return;
  }
  if (ctx.args.size() > 6) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  const bool has_end = ctx.args.size() > 4;
  int64_t start = 0;
  int64_t end = std::numeric_limits<int64_t>::max();
  bool bits = false;
  if ((ctx.args.size() > 3 && !read_int64(ctx, 3, start)) || !read_unit(ctx, 5, bits) ||
      (has_end && !read_int64(ctx, 4, end))) {
    return;
  }
  char scratch[kInt64TextMax];
  const std::string_view bytes = entry->string(scratch);
  uint64_t first = 0;
  uint64_t last = 0;
  if (!clamp_bits(start, end, bits, bytes.size(), first, last)) {
    ctx.reply.integer(-1);
    return;
  }
  int64_t position = bit_position(bytes, bit == 1, first, last);
  if (position < 0 && bit == 0 && !has_end) {
    // A string without an end goes on with zeros.
    position = static_cast<int64_t>(bytes.size()) * 8;
  }
  ctx.reply.integer(position);
}

// --- BITOP ---

struct OperationRow {
  std::string_view word;
  BitOperation operation;
  // How many sources it takes, and what is said if they are not as many.
  size_t sources_min = 1;
  size_t sources_max = SIZE_MAX;
  std::string_view sentence = {};
};
constexpr OperationRow kOperations[] = {
    {"and", BitOperation::kAnd},
    {"or", BitOperation::kOr},
    {"xor", BitOperation::kXor},
    {"not", BitOperation::kNot, 1, 1, "ERR BITOP NOT must be called with a single source key."},
    {"diff", BitOperation::kDiff, 2, SIZE_MAX,
     "ERR BITOP DIFF must be called with at least two source keys."},
    {"diff1", BitOperation::kDiff1, 2, SIZE_MAX,
     "ERR BITOP DIFF1 must be called with at least two source keys."},
    {"andor", BitOperation::kAndOr, 2, SIZE_MAX,
     "ERR BITOP ANDOR must be called with at least two source keys."},
    {"one", BitOperation::kOne},
};

void store_result(Context& ctx, std::string_view result) {
  Edit edit(ctx.keys, ctx.key(2));
  if (!result.empty()) {
    edit.set_raw(result);
    edit.clear_expiry();
    edit.notify(KeyEvent::kSet);
  } else if (edit.entry() != nullptr) {
    edit.remove();
    edit.notify(KeyEvent::kDel);
  }
  ctx.reply.integer(static_cast<int64_t>(result.size()));
}

void bitop(Context& ctx) {
  const auto row = std::find_if(
      std::begin(kOperations), std::end(kOperations),
      [&ctx](const OperationRow& one) { return is_word(ctx.args[1], one.word); });
  if (row == std::end(kOperations)) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  struct Scratch {
    char text[kInt64TextMax];
  };
  const size_t count = ctx.args.size() - 3;
  if (count < row->sources_min || count > row->sources_max) {
    ctx.reply.error(row->sentence);
    return;
  }
  std::vector<Scratch> scratches(count);
  std::vector<std::string_view> sources;
  sources.reserve(count);
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) {
    const Entry* entry = ctx.keys.find(Key::of(ctx.args[i + 3]));
    if (entry != nullptr && !check_string(ctx, *entry)) {
      return;
    }
    sources.push_back(string_or_empty(entry, scratches[i].text));
    size = std::max(size, sources.back().size());
  }
  // The target may be one of the sources, so the result is made beside it.
  const auto result = std::make_unique_for_overwrite<char[]>(size + 1);
  if (size > 0) {
    bit_operation(row->operation, sources, {result.get(), size});
  }
  store_result(ctx, {result.get(), size});
}

constexpr CommandRow kRows[] = {
    {.name = "setbit",
     .arity = 4,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclBitmap,
     .handler = setbit,
     .keys = {key_at(1, "RW access update")},
     .group = "bitmap",
     .since = "2.2.0",
     .summary = "Sets one bit of a string.",
     .complexity = "O(1)",
     .syntax = "key#0 offset:integer value:integer"},
    {.name = "getbit",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclBitmap,
     .handler = getbit,
     .keys = {key_at(1, "RO access")},
     .group = "bitmap",
     .since = "2.2.0",
     .summary = "Returns one bit of a string.",
     .complexity = "O(1)",
     .syntax = "key#0 offset:integer"},
    {.name = "bitcount",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclBitmap,
     .handler = bitcount,
     .keys = {key_at(1, "RO access")},
     .group = "bitmap",
     .since = "2.6.0",
     .summary = "Counts the ones of a string or a part of it.",
     .complexity = "O(N) for N bytes",
     .syntax = "key#0 index=[start:integer end:integer index_unit=[BYTE|BIT]@7.0.0]",
     .history = "7.0.0 BYTE and BIT came in"},
    {.name = "bitpos",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclBitmap,
     .handler = bitpos,
     .keys = {key_at(1, "RO access")},
     .group = "bitmap",
     .since = "2.8.7",
     .summary = "Finds the first one or zero of a string.",
     .complexity = "O(N) for N bytes",
     .syntax = "key#0 bit:integer index=[start:integer end_index=[end:integer "
               "index_unit=[BYTE|BIT]@7.0.0]]",
     .history = "7.0.0 BYTE and BIT came in"},
    {.name = "bitop",
     .arity = -4,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclBitmap,
     .handler = bitop,
     .keys = {key_at(2, "OW update"), keys_from(3, -1, 1, "RO access")},
     .group = "bitmap",
     .since = "2.6.0",
     .summary = "Combines strings bit by bit and stores the result.",
     .complexity = "O(N) for N bytes of all strings",
     .syntax = "operation destkey#0 key#1...",
     .history = "8.2.0 DIFF, DIFF1, ANDOR and ONE came in"},
};

}  // namespace

std::span<const CommandRow> bitmap_commands() {
  return kRows;
}

}  // namespace pollux
