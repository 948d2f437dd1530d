// Hashes: fields with values under one key.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/hash_args.h"
#include "src/commands/member_scan.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

// --- writing ---

// The number of new fields; nothing if an error was answered.
std::optional<int64_t> set_pairs(Context& ctx) {
  if (ctx.args.size() % 2 != 0) {
    reply_error_quoting(ctx.reply, "ERR wrong number of arguments for '", ctx.row.name,
                        "' command");
    return std::nullopt;
  }
  HashChange change(ctx);
  if (!change.ok()) {
    return std::nullopt;
  }
  int64_t created = 0;
  for (size_t i = 2; i < ctx.args.size(); i += 2) {
    created += change.hash.set(ctx.args[i], ctx.args[i + 1]) ? 1 : 0;
  }
  change.edit.notify(KeyEvent::kHSet, ctx.args.size() / 2 - 1);
  return created;
}

void hset(Context& ctx) {
  if (const auto created = set_pairs(ctx)) {
    ctx.reply.integer(*created);
  }
}

void hmset(Context& ctx) {
  if (set_pairs(ctx)) {
    ctx.reply.ok();
  }
}

void hsetnx(Context& ctx) {
  HashChange change(ctx);
  if (!change.ok()) {
    return;
  }
  if (change.hash.view().contains(ctx.args[2])) {
    ctx.reply.integer(0);
    return;
  }
  change.hash.set(ctx.args[2], ctx.args[3]);
  change.edit.notify(KeyEvent::kHSet);
  ctx.reply.integer(1);
}

void hdel(Context& ctx) {
  HashChange change(ctx);
  if (!change.ok()) {
    return;
  }
  int64_t erased = 0;
  size_t left = change.hash.size();
  for (size_t i = 2; i < ctx.args.size() && left > 0; ++i) {
    if (change.hash.erase(ctx.args[i])) {
      ++erased;
      --left;
    }
  }
  if (erased > 0) {
    change.edit.notify(KeyEvent::kHDel, static_cast<uint64_t>(erased));
    change.remove_if_empty();
  }
  ctx.reply.integer(erased);
}

void hincrby(Context& ctx) {
  int64_t delta = 0;
  if (!read_int64(ctx, 3, delta)) {
    return;
  }
  HashChange change(ctx);
  if (!change.ok()) {
    return;
  }
  int64_t value = 0;
  if (const auto stored = change.hash.view().find(ctx.args[2])) {
    char scratch[kInt64TextMax];
    const auto parsed = stored->is_integer() ? std::optional(stored->integer())
                                             : parse_int64(stored->text(scratch));
    if (!parsed) {
      ctx.reply.error("ERR hash value is not an integer");
      return;
    }
    value = *parsed;
  }
  if (__builtin_add_overflow(value, delta, &value)) {
    ctx.reply.error("ERR increment or decrement would overflow");
    return;
  }
  char text[kInt64TextMax];
  change.hash.set(ctx.args[2], {text, format_int64(value, text)}, HashEditor::Ttl::kKept);
  change.edit.notify(KeyEvent::kHIncrBy);
  ctx.reply.integer(value);
}

void hincrbyfloat(Context& ctx) {
  const std::optional<long double> delta = parse_long_double(ctx.args[3]);
  if (!delta) {
    ctx.reply.error(error_text::kNotFloat);
    return;
  }
  if (!std::isfinite(*delta)) {
    ctx.reply.error("ERR value is NaN or Infinity");
    return;
  }
  HashChange change(ctx);
  if (!change.ok()) {
    return;
  }
  std::optional<long double> value = 0.0L;
  if (const auto stored = change.hash.view().find(ctx.args[2])) {
    char scratch[kInt64TextMax];
    value = parse_long_double(stored->text(scratch));
    if (!value) {
      ctx.reply.error("ERR hash value is not a float");
      return;
    }
  }
  const long double sum = *value + *delta;
  if (!std::isfinite(sum)) {
    ctx.reply.error("ERR increment would produce NaN or Infinity");
    return;
  }
  char text[kLongDoubleTextMax];
  const std::string_view digits(text, format_long_double(sum, text));
  change.hash.set(ctx.args[2], digits, HashEditor::Ttl::kKept);
  change.edit.notify(KeyEvent::kHIncrByFloat);
  tell_fields_set(ctx, change.hash.view(), ctx.args.subspan(2, 1), 1);
  tell_times_kept(ctx, change.hash.view(), ctx.args.subspan(2, 1), 1);
  ctx.reply.bulk(digits);
}

// --- reading ---

void hget(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    reply_field(ctx, *hash, ctx.args[2]);
  }
}

void hmget(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    ctx.reply.array(ctx.args.size() - 2);
    for (const std::string_view field : ctx.args.subspan(2)) {
      reply_field(ctx, *hash, field);
    }
  }
}

void hlen(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    ctx.reply.integer(static_cast<int64_t>(hash->size()));
  }
}

void hstrlen(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    char scratch[kInt64TextMax];
    const auto value = hash->find(ctx.args[2]);
    ctx.reply.integer(value ? static_cast<int64_t>(value->text(scratch).size()) : 0);
  }
}

void hexists(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    ctx.reply.integer(hash->contains(ctx.args[2]) ? 1 : 0);
  }
}

void hkeys(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    ctx.reply.array(hash->size());
    hash->for_each([&ctx](const HashView::Pair& pair) { reply_packed(ctx.reply, pair.field); });
  }
}

void hvals(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    ctx.reply.array(hash->size());
    hash->for_each([&ctx](const HashView::Pair& pair) { reply_packed(ctx.reply, pair.value); });
  }
}

void reply_pair(Context& ctx, const HashView::Pair& pair) {
  reply_packed(ctx.reply, pair.field);
  reply_packed(ctx.reply, pair.value);
}

void hgetall(Context& ctx) {
  if (const auto hash = find_hash(ctx)) {
    ctx.reply.map(hash->size());
    hash->for_each([&ctx](const HashView::Pair& pair) { reply_pair(ctx, pair); });
  }
}

// --- by chance, and in parts ---

void reply_random_fields(Context& ctx, const HashView& hash, int64_t count, bool with_values) {
  const bool in_pairs = with_values && ctx.reply.protocol() == 3;
  const auto write = [&](const HashView::Pair& pair) {
    if (in_pairs) {
      ctx.reply.array(2);
    }
    reply_packed(ctx.reply, pair.field);
    if (with_values) {
      reply_packed(ctx.reply, pair.value);
    }
  };
  const bool repeated = count < 0;
  uint64_t wanted = static_cast<uint64_t>(repeated ? -count : count);
  if (hash.size() == 0) {
    wanted = 0;
  } else if (!repeated) {
    wanted = std::min<uint64_t>(wanted, hash.size());
  } else if (wanted > static_cast<uint64_t>(kDrawsMax)) {
    ctx.reply.error("ERR value is out of range");
    return;
  }
  ctx.reply.array(wanted * (with_values && !in_pairs ? 2 : 1));
  if (wanted == 0) {
    return;
  }
  if (repeated) {
    hash.draw(wanted, ctx.rng, write);
  } else if (wanted == hash.size()) {
    hash.for_each(write);
  } else {
    hash.sample(wanted, ctx.rng, write);
  }
}

// However many they are: what is drawn by chance must not come upon them.
void remove_ended(Context& ctx) {
  HashChange change(ctx);
  if (change.absent()) {
    return;  // all had ended
  }
  ctx.keys.store_of(ctx.key(1)).stats().expired_fields +=
      change.hash.expire(ctx.keys.now().ms() - 1, SIZE_MAX);
  change.edit.notify(KeyEvent::kHExpired, 0);
}

void hrandfield(Context& ctx) {
  const size_t argc = ctx.args.size();
  int64_t count = 0;
  if (argc > 2) {
    if (!read_draw_count(ctx, 2, count)) {
      return;
    }
    if (argc > 4 || (argc == 4 && !is_word(ctx.args[3], "withvalues"))) {
      ctx.reply.error(error_text::kSyntax);
      return;
    }
    constexpr int64_t kHalf = std::numeric_limits<int64_t>::max() / 2;
    if (argc == 4 && (count < -kHalf || count > kHalf)) {
      ctx.reply.error("ERR value is out of range");
      return;
    }
  }
  auto hash = find_hash(ctx);
  if (!hash) {
    return;
  }
  if (hash->has_hidden()) {
    remove_ended(ctx);  // also in a pause
    hash = HashView(ctx.keys.peek(ctx.key(1)), ctx.keys.ended_ms());
  }
  if (argc > 2) {
    reply_random_fields(ctx, *hash, count, argc == 4);
  } else if (hash->size() == 0) {
    ctx.reply.null();
  } else {
    reply_packed(ctx.reply, hash->random(ctx.rng).field);
  }
}

void hscan(Context& ctx) {
  MemberScan scan;
  const auto cursor = read_member_cursor(ctx);
  if (!cursor) {
    return;
  }
  const auto hash = find_hash(ctx);
  if (!hash) {
    return;
  }
  std::vector<PackedValue> found;
  uint64_t next = 0;
  if (hash->size() > 0) {
    if (!read_member_scan_options(ctx, scan, /*with_values=*/true)) {
      return;
    }
    next = hash->scan(*cursor, scan.count, [&](const HashView::Pair& pair) {
      if (passes(scan, pair.field)) {
        found.push_back(pair.field);
        if (!scan.without_values) {
          found.push_back(pair.value);
        }
      }
    });
  }
  reply_member_scan(ctx, next, found);
}

constexpr uint32_t kWriteFlags = kWrite | kDenyOom | kFast;
constexpr uint32_t kReadFlags = kReadonly | kFast;

constexpr CommandRow kRows[] = {
    {.name = "hset",
     .arity = -4,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hset,
     .keys = {key_at(1, "RW update")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "Stores values in fields of a hash.",
     .complexity = "O(N) for N fields",
     .syntax = "key#0 field_value=(field value)...",
     .history = "4.0.0 several fields may be given"},
    {.name = "hsetnx",
     .arity = 4,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hsetnx,
     .keys = {key_at(1, "RW insert")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "Stores a value in a field of a hash that is not there yet.",
     .complexity = "O(1)",
     .syntax = "key#0 field value"},
    {.name = "hmset",
     .arity = -4,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hmset,
     .keys = {key_at(1, "RW update")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "Stores values in fields of a hash.",
     .complexity = "O(N) for N fields",
     .syntax = "key#0 field_value=(field value)...",
     .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with multiple field-value pairs"},
    {.name = "hget",
     .arity = 3,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hget,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "The value of a field of a hash.",
     .complexity = "O(1)",
     .syntax = "key#0 field"},
    {.name = "hmget",
     .arity = -3,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hmget,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "The values of several fields of a hash.",
     .complexity = "O(N) for N fields",
     .syntax = "key#0 field..."},
    {.name = "hdel",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclHash,
     .handler = hdel,
     .keys = {key_at(1, "RW delete")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "Removes fields from a hash; without any left, the key goes.",
     .complexity = "O(N) for N fields",
     .syntax = "key#0 field...",
     .history = "2.4.0 several fields may be given"},
    {.name = "hlen",
     .arity = 2,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hlen,
     .keys = {key_at(1, "RO")},
     .group = "hash",
     .since = "2.0.0",
     .summary = "How many fields a hash has.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "hstrlen",
     .arity = 3,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hstrlen,
     .keys = {key_at(1, "RO")},
     .member_at = 2,
     .group = "hash",
     .since = "3.2.0",
     .summary = "The length of a value in a hash.",
     .complexity = "O(1)",
     .syntax = "key#0 field"},
    {.name = "hexists",
     .arity = 3,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hexists,
     .keys = {key_at(1, "RO")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "Whether a hash has a field.",
     .complexity = "O(1)",
     .syntax = "key#0 field"},
    {.name = "hkeys",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclHash,
     .handler = hkeys,
     .keys = {key_at(1, "RO access")},
     .group = "hash",
     .since = "2.0.0",
     .summary = "All fields of a hash.",
     .complexity = "O(N) for N fields",
     .syntax = "key#0",
     .tips = "nondeterministic_output_order"},
    {.name = "hvals",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclHash,
     .handler = hvals,
     .keys = {key_at(1, "RO access")},
     .group = "hash",
     .since = "2.0.0",
     .summary = "All values of a hash.",
     .complexity = "O(N) for N fields",
     .syntax = "key#0",
     .tips = "nondeterministic_output_order"},
    {.name = "hgetall",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclHash,
     .handler = hgetall,
     .keys = {key_at(1, "RO access")},
     .group = "hash",
     .since = "2.0.0",
     .summary = "All fields of a hash with their values.",
     .complexity = "O(N) for N fields",
     .syntax = "key#0",
     .tips = "nondeterministic_output_order"},
    {.name = "hincrby",
     .arity = 4,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hincrby,
     .keys = {key_at(1, "RW access update")},
     .member_at = 2,
     .group = "hash",
     .since = "2.0.0",
     .summary = "Adds to the integer in a field of a hash.",
     .complexity = "O(1)",
     .syntax = "key#0 field increment:integer"},
    {.name = "hincrbyfloat",
     .arity = 4,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hincrbyfloat,
     .keys = {key_at(1, "RW access update")},
     .member_at = 2,
     .group = "hash",
     .since = "2.6.0",
     .summary = "Adds to the number in a field of a hash.",
     .complexity = "O(1)",
     .syntax = "key#0 field increment:double"},
    {.name = "hrandfield",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclHash,
     .handler = hrandfield,
     .keys = {key_at(1, "RO access")},
     .group = "hash",
     .since = "6.2.0",
     .summary = "Fields of a hash, drawn by chance.",
     .complexity = "O(N) for N fields drawn",
     .syntax = "key#0 options=[count:integer [WITHVALUES]]",
     .tips = "nondeterministic_output"},
    {.name = "hscan",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclHash,
     .handler = hscan,
     .keys = {key_at(1, "RO access")},
     .group = "hash",
     .since = "2.8.0",
     .summary = "Walks over the fields of a hash, some at a time.",
     .complexity = "O(1) a call, O(N) for a walk over N fields",
     .syntax = "key#0 cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [NOVALUES]",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandRow> hash_commands() {
  return kRows;
}

}  // namespace pollux
