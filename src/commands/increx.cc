// INCREX: a counter with bounds and an expiry in one command, as rate limiters want it. Of Redis
// 8.8 and Valkey 9.2, by their documentation.
//
// The reply is the new value and what was added. A sum beyond the bounds changes nothing (0 was
// added) unless SATURATE says that the bound itself will do.
#include <cfloat>
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

struct IncrexOptions {
  SetOptions set;             // expiry, PERSIST, NX and XX
  bool only_without_ttl = false;  // ENX
  bool saturate = false;
  bool by_float = false;
  size_t increment = 0;  // arguments; 0: not given
  size_t lower = 0;
  size_t upper = 0;
};

// An option of this name at `index`, with a value behind it, which `index` is then at.
bool take_value(Args args, size_t& index, std::string_view word, size_t& value) {
  if (!is_word(args[index], word) || index + 1 >= args.size()) {
    return false;
  }
  value = ++index;
  return true;
}

bool take_increment(Args args, size_t& index, IncrexOptions& options) {
  const bool by_float = is_word(args[index], "byfloat");
  if (options.increment != 0 || !take_value(args, index, by_float ? "byfloat" : "byint",
                                            options.increment)) {
    return false;
  }
  options.by_float = by_float;
  return true;
}

bool parse_options(Args args, IncrexOptions& options) {
  SetOptions& set = options.set;
  for (size_t i = 2; i < args.size(); ++i) {
    if (is_word(args[i], "nx") && !set.only_present) {
      set.only_absent = true;
    } else if (is_word(args[i], "xx") && !set.only_absent) {
      set.only_present = true;
    } else if (is_word(args[i], "enx")) {
      options.only_without_ttl = true;
    } else if (is_word(args[i], "saturate")) {
      options.saturate = true;
    } else if (is_word(args[i], "persist") && set.form == ExpiryForm::kNone) {
      set.persist = true;
    } else if (!take_increment(args, i, options) &&
               !take_value(args, i, "lbound", options.lower) &&
               !take_value(args, i, "ubound", options.upper) &&
               !take_expiry_option(args, i, set)) {
      return false;
    }
  }
  return !options.only_without_ttl || set.form != ExpiryForm::kNone;
}

// What INCREX counts in. Integers are those of INCRBY, floats those of INCRBYFLOAT.
struct Integers {
  using Number = int64_t;
  static constexpr Number kMin = std::numeric_limits<int64_t>::min();
  static constexpr Number kMax = std::numeric_limits<int64_t>::max();
  static constexpr std::string_view kNoNumber = error_text::kNotInteger;

  static std::optional<Number> parse(std::string_view text) { return parse_int64(text); }
  static std::optional<Number> value_of(const Entry& entry) {
    char scratch[kInt64TextMax];
    return entry.encoding() == Encoding::kInt ? entry.integer()
                                              : parse_int64(entry.string(scratch));
  }
  // False if it is beyond the type; `sum` is then the end that it is beyond.
  static bool add(Number a, Number b, Number& sum) {
    if (!__builtin_add_overflow(a, b, &sum)) {
      return true;
    }
    sum = b < 0 ? kMin : kMax;
    return false;
  }
  static bool subtract(Number a, Number b, Number& difference) {
    return !__builtin_sub_overflow(a, b, &difference);
  }
  static void store(Edit& edit, Number value) {
    edit.set_int(value);
    edit.notify(KeyEvent::kIncrBy);
  }
  static void reply(Context& ctx, Number value) { ctx.reply.integer(value); }
};

struct Floats {
  using Number = long double;
  static constexpr Number kMin = -LDBL_MAX;
  static constexpr Number kMax = LDBL_MAX;
  static constexpr std::string_view kNoNumber = error_text::kNotFloat;

  static std::optional<Number> parse(std::string_view text) {
    const auto number = parse_long_double(text);
    return number && std::isfinite(*number) ? number : std::nullopt;
  }
  static std::optional<Number> value_of(const Entry& entry) {
    char scratch[kInt64TextMax];
    return parse(entry.string(scratch));
  }
  static bool add(Number a, Number b, Number& sum) {
    sum = a + b;
    if (std::isfinite(sum)) {
      return true;
    }
    sum = b < 0 ? kMin : kMax;
    return false;
  }
  static bool subtract(Number a, Number b, Number& difference) {
    difference = a - b;
    return std::isfinite(difference);
  }
  static void store(Edit& edit, Number value) {
    char text[kLongDoubleTextMax];
    edit.set_text({text, format_long_double(value, text)});
    edit.notify(KeyEvent::kIncrByFloat);
  }
  static void reply(Context& ctx, Number value) {
    char text[kLongDoubleTextMax];
    ctx.reply.real_text({text, format_long_double(value, text)});
  }
};

// An argument as a number, or `otherwise` if it is not given. False with the error answered.
template <typename Kind>
bool read_number(Context& ctx, size_t index, typename Kind::Number otherwise,
                 typename Kind::Number& number) {
  const auto parsed = index == 0 ? std::optional(otherwise) : Kind::parse(ctx.args[index]);
  if (!parsed) {
    ctx.reply.error(Kind::kNoNumber);
    return false;
  }
  number = *parsed;
  return true;
}

void apply_expiry(Edit& edit, const IncrexOptions& options, int64_t at_ms) {
  if (options.set.persist) {
    if (edit.clear_expiry()) {
      edit.notify(KeyEvent::kPersist, 0);
    }
  } else if (options.set.form != ExpiryForm::kNone &&
             !(options.only_without_ttl && edit.entry()->has_expiry())) {
    edit.set_expiry(at_ms);
    edit.notify(KeyEvent::kExpire, 0);
  }
}

template <typename Kind>
void count(Context& ctx, const IncrexOptions& options, int64_t expire_at_ms) {
  using Number = typename Kind::Number;
  Number increment = 0;
  Number lower = 0;
  Number upper = 0;
  if (!read_number<Kind>(ctx, options.increment, 1, increment) ||
      !read_number<Kind>(ctx, options.lower, Kind::kMin, lower) ||
      !read_number<Kind>(ctx, options.upper, Kind::kMax, upper)) {
    return;
  }
  if (lower > upper) {
    ctx.reply.error("ERR LBOUND can't be greater than UBOUND");
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  const Entry* entry = edit.entry();
  if (entry != nullptr && !check_string(ctx, *entry)) {
    return;
  }
  const bool found = entry != nullptr;
  if ((options.set.only_absent && found) || (options.set.only_present && !found)) {
    ctx.reply.null();
    return;
  }
  const std::optional<Number> value = found ? Kind::value_of(*entry) : Number{0};
  if (!value) {
    ctx.reply.error(Kind::kNoNumber);
    return;
  }
  Number sum = 0;
  bool within = Kind::add(*value, increment, sum);
  within = within && sum >= lower && sum <= upper;
  Number added = increment;
  if (!within && options.saturate) {
    sum = sum < lower ? lower : sum > upper ? upper : sum;
    if (!Kind::subtract(sum, *value, added)) {
      ctx.reply.error("ERR increment or decrement would overflow");
      return;
    }
  }
  ctx.reply.array(2);
  if (!within && !options.saturate) {
    Kind::reply(ctx, *value);
    Kind::reply(ctx, 0);
    return;
  }
  Kind::store(edit, sum);
  apply_expiry(edit, options, expire_at_ms);
  char scratch[kInt64TextMax];
  tell_set(ctx, ctx.args[1], edit.entry()->string(scratch), edit.entry()->expiry_ms());
  Kind::reply(ctx, sum);
  Kind::reply(ctx, added);
}

void increx(Context& ctx) {
  IncrexOptions options;
  if (!parse_options(ctx.args, options)) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  int64_t expire_at_ms = 0;
  if (options.set.form != ExpiryForm::kNone &&
      !read_expiry(ctx, options.set.form, options.set.expiry_index, expire_at_ms)) {
    return;
  }
  if (options.by_float) {
    count<Floats>(ctx, options, expire_at_ms);
  } else {
    count<Integers>(ctx, options, expire_at_ms);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "increx",
     .arity = -2,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclString,
     .handler = increx,
     .keys = {key_at(1, "RW access update")},
     .group = "string",
     .since = "8.8.0",
     .summary = "Adds to the number in a string, within bounds, and may set its expiry.",
     .complexity = "O(1)",
     .syntax = "key#0 condition=[NX|XX] increment=[BYFLOAT float:double|BYINT integer:integer] "
               "[SATURATE] [LBOUND lowerbound] [UBOUND upperbound] expiration=[EX "
               "seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|"
               "PXAT unix-time-milliseconds:unix-time|PERSIST] [ENX]"},
};

}  // namespace

std::span<const CommandRow> increx_commands() {
  return kRows;
}

}  // namespace pollux
