// Numbers in strings: INCR and its kin on int64, INCRBYFLOAT on long double.
#include <cmath>
#include <limits>
#include <optional>

#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/string_args.h"

namespace pollux {

namespace {

void add_integer(Context& ctx, int64_t delta) {
  Edit edit(ctx.keys, ctx.key(1));
  const Entry* entry = edit.entry();
  int64_t value = 0;
  if (entry != nullptr) {
    if (!check_string(ctx, *entry)) {
      return;
    }
    if (entry->encoding() == Encoding::kInt) {
      value = entry->integer();
    } else {
      char scratch[kInt64TextMax];
      const auto parsed = parse_int64(entry->string(scratch));
      if (!parsed) {
        ctx.reply.error(error_text::kNotInteger);
        return;
      }
      value = *parsed;
    }
  }
  if (__builtin_add_overflow(value, delta, &value)) {
    ctx.reply.error("ERR increment or decrement would overflow");
    return;
  }
  edit.set_int(value);
  edit.notify(KeyEvent::kIncrBy);
  ctx.reply.integer(value);
}

void incr(Context& ctx) {
  add_integer(ctx, 1);
}
void decr(Context& ctx) {
  add_integer(ctx, -1);
}

void incrby(Context& ctx) {
  int64_t delta = 0;
  if (read_int64(ctx, 2, delta)) {
    add_integer(ctx, delta);
  }
}

void decrby(Context& ctx) {
  int64_t delta = 0;
  if (!read_int64(ctx, 2, delta)) {
    return;
  }
  if (delta == std::numeric_limits<int64_t>::min()) {
    ctx.reply.error("ERR decrement would overflow");
    return;
  }
  add_integer(ctx, -delta);
}

void incrbyfloat(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  const Entry* entry = edit.entry();
  if (entry != nullptr && !check_string(ctx, *entry)) {
    return;
  }
  char scratch[kInt64TextMax];
  const std::optional<long double> value =
      entry == nullptr ? 0.0L : parse_long_double(entry->string(scratch));
  const std::optional<long double> delta = parse_long_double(ctx.args[2]);
  if (!value || !delta) {
    ctx.reply.error(error_text::kNotFloat);
    return;
  }
  const long double sum = *value + *delta;
  if (!std::isfinite(sum)) {
    ctx.reply.error("ERR increment would produce NaN or Infinity");
    return;
  }
  char text[kLongDoubleTextMax];
  const std::string_view digits(text, format_long_double(sum, text));
  edit.set_text(digits);
  edit.notify(KeyEvent::kIncrByFloat);
  tell_set(ctx, ctx.args[1], digits, kTtlKept);
  ctx.reply.bulk(digits);
}

constexpr uint32_t kFlags = kWrite | kDenyOom | kFast;

constexpr CommandRow kRows[] = {
    {.name = "incr",
     .arity = 2,
     .flags = kFlags,
     .acl = kAclString,
     .handler = incr,
     .keys = {key_at(1, "RW access update")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Adds one to the integer in a string.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "decr",
     .arity = 2,
     .flags = kFlags,
     .acl = kAclString,
     .handler = decr,
     .keys = {key_at(1, "RW access update")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Takes one from the integer in a string.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "incrby",
     .arity = 3,
     .flags = kFlags,
     .acl = kAclString,
     .handler = incrby,
     .keys = {key_at(1, "RW access update")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Adds to the integer in a string.",
     .complexity = "O(1)",
     .syntax = "key#0 increment:integer"},
    {.name = "decrby",
     .arity = 3,
     .flags = kFlags,
     .acl = kAclString,
     .handler = decrby,
     .keys = {key_at(1, "RW access update")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Subtracts from the integer in a string.",
     .complexity = "O(1)",
     .syntax = "key#0 decrement:integer"},
    {.name = "incrbyfloat",
     .arity = 3,
     .flags = kFlags,
     .acl = kAclString,
     .handler = incrbyfloat,
     .keys = {key_at(1, "RW access update")},
     .group = "string",
     .since = "2.6.0",
     .summary = "Adds to the number in a string.",
     .complexity = "O(1)",
     .syntax = "key#0 increment:double"},
};

}  // namespace

std::span<const CommandRow> counter_commands() {
  return kRows;
}

}  // namespace pollux
