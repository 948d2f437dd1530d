// Time to live: EXPIRE and its kin (NX XX GT LT), TTL and its kin, PERSIST. Times are Unix ms
// inside; a time that has passed deletes the key at once, with event "del".
#include "src/commands/args.h"
#include "src/commands/expire_args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

bool parse_conditions(Context& ctx, ExpireConditions& conditions) {
  for (size_t i = 3; i < ctx.args.size(); ++i) {
    if (!conditions.take(ctx.args[i])) {
      reply_error_quoting(ctx.reply, "ERR Unsupported option ", ctx.args[i]);
      return false;
    }
  }
  if (conditions.absent && (conditions.present || conditions.greater || conditions.less)) {
    ctx.reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (conditions.greater && conditions.less) {
    ctx.reply.error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

// `unit_ms` is the unit of the argument, `base_ms` what it counts from.
void expire_generic(Context& ctx, int64_t unit_ms, int64_t base_ms) {
  ExpireConditions conditions;
  int64_t at_ms = 0;
  if (!parse_conditions(ctx, conditions) || !read_int64(ctx, 2, at_ms)) {
    return;
  }
  if (__builtin_mul_overflow(at_ms, unit_ms, &at_ms) ||
      __builtin_add_overflow(at_ms, base_ms, &at_ms)) {
    reply_invalid_expire(ctx);
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  const Entry* entry = edit.entry();
  if (entry == nullptr || !conditions.hold(entry->expiry_ms(), at_ms)) {
    ctx.reply.integer(0);
    return;
  }
  expire_key(ctx, edit, at_ms);
  ctx.reply.integer(1);
}

void expire(Context& ctx) {
  expire_generic(ctx, 1000, ctx.keys.now().ms());
}
void pexpire(Context& ctx) {
  expire_generic(ctx, 1, ctx.keys.now().ms());
}
void expireat(Context& ctx) {
  expire_generic(ctx, 1000, 0);
}
void pexpireat(Context& ctx) {
  expire_generic(ctx, 1, 0);
}

// Answers the expiry less `base_ms`, at least 0, in `unit_ms` rounded to the nearest; -1 if the
// key has none, -2 if there is no key.
void ttl_generic(Context& ctx, int64_t unit_ms, int64_t base_ms) {
  const Entry* entry = find_untouched(ctx, ctx.key(1));
  if (entry == nullptr || !entry->has_expiry()) {
    ctx.reply.integer(entry == nullptr ? -2 : -1);
    return;
  }
  const int64_t ms = entry->expiry_ms() - base_ms;
  // In uint64, because expiry may be the greatest int64.
  const uint64_t rounded =
      ms <= 0 ? 0 : static_cast<uint64_t>(ms) + static_cast<uint64_t>(unit_ms) / 2;
  ctx.reply.integer(static_cast<int64_t>(rounded / static_cast<uint64_t>(unit_ms)));
}

void ttl(Context& ctx) {
  ttl_generic(ctx, 1000, ctx.keys.now().ms());
}
void pttl(Context& ctx) {
  ttl_generic(ctx, 1, ctx.keys.now().ms());
}
void expiretime(Context& ctx) {
  ttl_generic(ctx, 1000, 0);
}
void pexpiretime(Context& ctx) {
  ttl_generic(ctx, 1, 0);
}

void persist(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr || !edit.clear_expiry()) {
    ctx.reply.integer(0);
    return;
  }
  edit.notify(KeyEvent::kPersist);
  ctx.reply.integer(1);
}

constexpr uint32_t kWriteFast = kWrite | kFast;
constexpr uint32_t kReadFast = kReadonly | kFast;
constexpr std::string_view kConditionsCame = "7.0.0 NX, XX, GT and LT came in";
constexpr std::string_view kMinusTwoCame = "2.8.0 -2 for a key that is absent";

constexpr CommandRow kRows[] = {
    {.name = "expire",
     .arity = -3,
     .flags = kWriteFast,
     .acl = kAclKeyspace,
     .handler = expire,
     .keys = {key_at(1, "RW update")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Lets a key expire after some seconds.",
     .complexity = "O(1)",
     .syntax = "key#0 seconds:integer condition=[NX|XX|GT|LT]@7.0.0",
     .history = kConditionsCame},
    {.name = "pexpire",
     .arity = -3,
     .flags = kWriteFast,
     .acl = kAclKeyspace,
     .handler = pexpire,
     .keys = {key_at(1, "RW update")},
     .group = "generic",
     .since = "2.6.0",
     .summary = "Lets a key expire after some milliseconds.",
     .complexity = "O(1)",
     .syntax = "key#0 milliseconds:integer condition=[NX|XX|GT|LT]@7.0.0",
     .history = kConditionsCame},
    {.name = "expireat",
     .arity = -3,
     .flags = kWriteFast,
     .acl = kAclKeyspace,
     .handler = expireat,
     .keys = {key_at(1, "RW update")},
     .group = "generic",
     .since = "1.2.0",
     .summary = "Lets a key expire at a Unix time in seconds.",
     .complexity = "O(1)",
     .syntax = "key#0 unix-time-seconds:unix-time condition=[NX|XX|GT|LT]@7.0.0",
     .history = kConditionsCame},
    {.name = "pexpireat",
     .arity = -3,
     .flags = kWriteFast,
     .acl = kAclKeyspace,
     .handler = pexpireat,
     .keys = {key_at(1, "RW update")},
     .group = "generic",
     .since = "2.6.0",
     .summary = "Lets a key expire at a Unix time in milliseconds.",
     .complexity = "O(1)",
     .syntax = "key#0 unix-time-milliseconds:unix-time condition=[NX|XX|GT|LT]@7.0.0",
     .history = kConditionsCame},
    {.name = "ttl",
     .arity = 2,
     .flags = kReadFast,
     .acl = kAclKeyspace,
     .handler = ttl,
     .keys = {key_at(1, "RO access")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Returns the seconds a key has to live.",
     .complexity = "O(1)",
     .syntax = "key#0",
     .tips = "nondeterministic_output",
     .history = kMinusTwoCame},
    {.name = "pttl",
     .arity = 2,
     .flags = kReadFast,
     .acl = kAclKeyspace,
     .handler = pttl,
     .keys = {key_at(1, "RO access")},
     .group = "generic",
     .since = "2.6.0",
     .summary = "Returns the milliseconds a key has to live.",
     .complexity = "O(1)",
     .syntax = "key#0",
     .tips = "nondeterministic_output",
     .history = kMinusTwoCame},
    {.name = "expiretime",
     .arity = 2,
     .flags = kReadFast,
     .acl = kAclKeyspace,
     .handler = expiretime,
     .keys = {key_at(1, "RO access")},
     .group = "generic",
     .since = "7.0.0",
     .summary = "Returns the Unix time in seconds at which a key expires.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "pexpiretime",
     .arity = 2,
     .flags = kReadFast,
     .acl = kAclKeyspace,
     .handler = pexpiretime,
     .keys = {key_at(1, "RO access")},
     .group = "generic",
     .since = "7.0.0",
     .summary = "Returns the Unix time in milliseconds at which a key expires.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "persist",
     .arity = 2,
     .flags = kWriteFast,
     .acl = kAclKeyspace,
     .handler = persist,
     .keys = {key_at(1, "RW update")},
     .group = "generic",
     .since = "2.2.0",
     .summary = "Lets a key live for ever.",
     .complexity = "O(1)",
     .syntax = "key#0"},
};

}  // namespace

std::span<const CommandRow> expire_commands() {
  return kRows;
}

}  // namespace pollux
