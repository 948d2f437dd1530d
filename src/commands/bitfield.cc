// Strings as arrays of integers of any width: BITFIELD and BITFIELD_RO. All operations of a command
// are parsed before the first one runs.
#include <algorithm>
#include <limits>
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

enum class Overflow : uint8_t { kWrap, kSaturate, kFail };
enum class FieldVerb : uint8_t { kGet, kSet, kIncrBy };

struct FieldOperation {
  FieldVerb verb;
  Overflow overflow;
  bool is_signed;
  unsigned width;
  uint64_t offset;
  int64_t operand;
};

// "i8", "u63"; false if it is none that BITFIELD knows.
bool parse_field_type(std::string_view text, FieldOperation& operation) {
  text = up_to_nul(text);
  if (text.empty() || (text.front() != 'i' && text.front() != 'u')) {
    return false;
  }
  operation.is_signed = text.front() == 'i';
  const auto width = parse_int64(text.substr(1));
  if (!width || *width < 1 || *width > (operation.is_signed ? 64 : 63)) {
    return false;
  }
  operation.width = static_cast<unsigned>(*width);
  return true;
}

bool parse_overflow(std::string_view word, Overflow& overflow) {
  if (is_word(word, "wrap")) {
    overflow = Overflow::kWrap;
  } else if (is_word(word, "sat")) {
    overflow = Overflow::kSaturate;
  } else if (is_word(word, "fail")) {
    overflow = Overflow::kFail;
  } else {
    return false;
  }
  return true;
}

bool parse_field_operations(Context& ctx, std::vector<FieldOperation>& operations) {
  const Args args = ctx.args;
  Overflow overflow = Overflow::kWrap;
  for (size_t i = 2; i < args.size();) {
    const size_t behind = args.size() - i - 1;
    FieldOperation operation{};
    if (is_word(args[i], "overflow") && behind >= 1) {
      if (!parse_overflow(args[i + 1], overflow)) {
        ctx.reply.error("ERR Invalid OVERFLOW type specified");
        return false;
      }
      i += 2;
      continue;
    }
    if (is_word(args[i], "get") && behind >= 2) {
      operation.verb = FieldVerb::kGet;
    } else if (is_word(args[i], "set") && behind >= 3) {
      operation.verb = FieldVerb::kSet;
    } else if (is_word(args[i], "incrby") && behind >= 3) {
      operation.verb = FieldVerb::kIncrBy;
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
    operation.overflow = overflow;
    if (!parse_field_type(args[i + 1], operation)) {
      ctx.reply.error(
          "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not "
          "supported but i64 is.");
      return false;
    }
    if (!read_bit_offset(ctx, i + 2, operation.width, operation.offset)) {
      return false;
    }
    if (operation.verb != FieldVerb::kGet && !read_int64(ctx, i + 3, operation.operand)) {
      return false;
    }
    operations.push_back(operation);
    i += operation.verb == FieldVerb::kGet ? 3 : 4;
  }
  return true;
}

// value + delta as a field of `width` bits; false if that overflows and the mode is kFail.
bool add_unsigned(uint64_t value, int64_t delta, unsigned width, Overflow mode, uint64_t& result) {
  const uint64_t max = (uint64_t{1} << width) - 1;  // width is 63 at most
  const __int128 sum = static_cast<__int128>(value) + delta;
  if (sum >= 0 && sum <= static_cast<__int128>(max)) {
    result = static_cast<uint64_t>(sum);
    return true;
  }
  result = mode == Overflow::kWrap ? static_cast<uint64_t>(sum) & max : (sum < 0 ? 0 : max);
  return mode != Overflow::kFail;
}

bool add_signed(int64_t value, int64_t delta, unsigned width, Overflow mode, int64_t& result) {
  const int64_t max = static_cast<int64_t>((uint64_t{1} << (width - 1)) - 1);
  const int64_t min = -max - 1;
  const __int128 sum = static_cast<__int128>(value) + delta;
  // A SET of a value so low that max - value is no int64 saturates upwards in redis-server.
  const bool far_below =
      width < 64 && static_cast<__int128>(max) - value > std::numeric_limits<int64_t>::max();
  if (sum >= min && sum <= max) {
    result = static_cast<int64_t>(sum);
    return true;
  }
  if (mode == Overflow::kWrap) {
    const unsigned unused = 64 - width;
    result = static_cast<int64_t>(static_cast<uint64_t>(sum) << unused) >> unused;
  } else {
    result = sum > max || far_below ? max : min;
  }
  return mode != Overflow::kFail;
}

// The string under the operations of one BITFIELD: read where it lies, made writable at the first
// operation that changes something.
class FieldBuffer {
 public:
  // Makes the string at least `size` bytes at once if it is shorter, as redis-server does.
  FieldBuffer(Edit& edit, size_t size) : edit_(edit) {
    read_ = string_or_empty(edit.entry(), scratch_);
    if (size > read_.size()) {
      make_writable(size);
      grown_ = true;
    }
  }

  std::string_view bytes() const { return read_; }
  bool changed() const { return !write_.empty(); }
  // How many operations have changed something.
  uint64_t written() const { return written_; }

  // An operation that fits: `value` takes the place of `old`.
  void write(const FieldOperation& operation, uint64_t value, uint64_t old) {
    written_ += grown_ || value != old ? 1 : 0;
    if (value == old) {
      return;
    }
    if (write_.empty()) {
      make_writable(read_.size());
    }
    set_field(write_, operation.offset, operation.width, value);
  }

 private:
  void make_writable(size_t size) {
    write_ = edit_.grow_raw(size);
    read_ = {write_.data(), write_.size()};
  }

  Edit& edit_;
  char scratch_[kInt64TextMax];
  std::string_view read_;
  std::span<char> write_;
  bool grown_ = false;
  uint64_t written_ = 0;
};

void reply_field(Context& ctx, const FieldOperation& operation, std::string_view bytes) {
  if (operation.is_signed) {
    ctx.reply.integer(get_signed_field(bytes, operation.offset, operation.width));
  } else {
    ctx.reply.integer(
        static_cast<int64_t>(get_unsigned_field(bytes, operation.offset, operation.width)));
  }
}

void run_write(Context& ctx, const FieldOperation& operation, FieldBuffer& buffer) {
  const bool adds = operation.verb == FieldVerb::kIncrBy;
  const int64_t delta = adds ? operation.operand : 0;
  bool fits = false;
  uint64_t old = 0;
  uint64_t value = 0;
  if (operation.is_signed) {
    const int64_t was = get_signed_field(buffer.bytes(), operation.offset, operation.width);
    int64_t result = 0;
    fits = add_signed(adds ? was : operation.operand, delta, operation.width, operation.overflow,
                      result);
    old = static_cast<uint64_t>(was);
    value = static_cast<uint64_t>(result);
  } else {
    old = get_unsigned_field(buffer.bytes(), operation.offset, operation.width);
    fits = add_unsigned(adds ? old : static_cast<uint64_t>(operation.operand), delta,
                        operation.width, operation.overflow, value);
  }
  if (!fits) {
    ctx.reply.null();
    return;
  }
  buffer.write(operation, value, old);
  ctx.reply.integer(static_cast<int64_t>(adds ? value : old));
}

void run_reads(Context& ctx, const std::vector<FieldOperation>& operations) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry != nullptr && !check_string(ctx, *entry)) {
    return;
  }
  char scratch[kInt64TextMax];
  const std::string_view bytes = string_or_empty(entry, scratch);
  ctx.reply.array(operations.size());
  for (const FieldOperation& operation : operations) {
    reply_field(ctx, operation, bytes);
  }
}

void run_operations(Context& ctx, const std::vector<FieldOperation>& operations, size_t size) {
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() != nullptr && !check_string(ctx, *edit.entry())) {
    return;
  }
  FieldBuffer buffer(edit, size);
  ctx.reply.array(operations.size());
  for (const FieldOperation& operation : operations) {
    if (operation.verb == FieldVerb::kGet) {
      reply_field(ctx, operation, buffer.bytes());
    } else {
      run_write(ctx, operation, buffer);
    }
  }
  if (buffer.written() > 0) {
    edit.notify(KeyEvent::kSetBit, buffer.written());
  } else if (buffer.changed()) {
    edit.notify(KeyEvent::kUntold, 0);  // it has grown, and then nothing fitted
  } else {
    make_raw(edit);
  }
}

void bitfield_generic(Context& ctx, bool reads_only) {
  std::vector<FieldOperation> operations;
  if (!parse_field_operations(ctx, operations)) {
    return;
  }
  uint64_t bits = 0;  // the string must have, for all that is written
  for (const FieldOperation& operation : operations) {
    if (operation.verb != FieldVerb::kGet) {
      bits = std::max(bits, operation.offset + operation.width);
    }
  }
  if (bits == 0) {
    run_reads(ctx, operations);
  } else if (reads_only) {
    ctx.reply.error("ERR BITFIELD_RO only supports the GET subcommand");
  } else {
    run_operations(ctx, operations, (bits + 7) / 8);
  }
}

void bitfield(Context& ctx) {
  bitfield_generic(ctx, false);
}
void bitfield_ro(Context& ctx) {
  bitfield_generic(ctx, true);
}

constexpr std::string_view kFieldOperations =
    "key#0 operation=[GET encoding_offset=(encoding offset:integer)|"
    "write=(wrap_sat_fail=[OVERFLOW (WRAP|SAT|FAIL)] write_operation=("
    "SET encoding_offset_value=(encoding offset:integer value:integer)|"
    "INCRBY encoding_offset_increment=(encoding offset:integer increment:integer)))]...";

// Only GETs, all complete, are a read.
std::string_view bitfield_key_flags(Args args) {
  for (size_t i = 2; i < args.size();) {
    const size_t more = args.size() - i - 1;
    if (is_word(args[i], "get") && more >= 2) {
      i += 3;
    } else if (is_word(args[i], "overflow") && more >= 1) {
      i += 2;
    } else {
      return "RW access update";
    }
  }
  return "RO access";
}

constexpr CommandRow kRows[] = {
    {.name = "bitfield",
     .arity = -2,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclBitmap,
     .handler = bitfield,
     .keys = {key_at(1, "RW access update variable_flags",
                     "This command allows both access and modification of the key")},
     .group = "bitmap",
     .since = "3.2.0",
     .summary = "Reads, sets and adds to integers of any width inside a string.",
     .complexity = "O(1) for each operation",
     .syntax = kFieldOperations,
     .key_flags_of = bitfield_key_flags},
    {.name = "bitfield_ro",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclBitmap,
     .handler = bitfield_ro,
     .keys = {key_at(1, "RO access")},
     .group = "bitmap",
     .since = "6.0.0",
     .summary = "Reads integers of any width inside a string.",
     .complexity = "O(1) for each operation",
     .syntax = "key#0 [GET encoding_offset=(encoding offset:integer)]&..."},
};

}  // namespace

std::span<const CommandRow> bitfield_commands() {
  return kRows;
}

}  // namespace pollux
