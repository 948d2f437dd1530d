// Strings as wholes: SET and GET with their kin. (Parts: substring.cc; LCS: lcs.cc; numbers:
// counter.cc; bits: bitmap.cc, bitfield.cc.) GET, MGET and SET without options allocate nothing
// here.
#include <span>

#include "src/commands/args.h"
#include "src/commands/command_table.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/string_args.h"

namespace pollux {

namespace {

// --- options of SET and GETEX ---

bool parse_set_options(Args args, SetOptions& options) {
  for (size_t i = 3; i < args.size(); ++i) {
    const std::string_view word = args[i];
    if (is_word(word, "nx") && !options.only_present) {
      options.only_absent = true;
    } else if (is_word(word, "xx") && !options.only_absent) {
      options.only_present = true;
    } else if (is_word(word, "get")) {
      options.get = true;
    } else if (is_word(word, "keepttl") && options.form == ExpiryForm::kNone) {
      options.keep_ttl = true;
    } else if (!take_condition(args, i, options.condition) &&
               !take_expiry_option(args, i, options)) {
      return false;
    }
  }
  return !options.condition || !(options.only_absent || options.only_present);
}

bool parse_getex_options(Args args, SetOptions& options) {
  for (size_t i = 2; i < args.size(); ++i) {
    if (is_word(args[i], "persist") && options.form == ExpiryForm::kNone) {
      options.persist = true;
    } else if (!take_expiry_option(args, i, options)) {
      return false;
    }
  }
  return true;
}

// --- SET ---

// Answers the value of `entry` or null; false if it is no string.
bool reply_old_value(Context& ctx, const Entry* entry) {
  count_read(ctx, ctx.key(1), entry);
  if (entry == nullptr) {
    ctx.reply.null();
    return true;
  }
  if (!check_string(ctx, *entry)) {
    return false;
  }
  reply_string(ctx, *entry);
  return true;
}

void set_value(Edit& edit, std::string_view value) {
  edit.set_string(value);
  edit.clear_expiry();
  edit.notify(KeyEvent::kSet);
}

void set_with_options(Context& ctx) {
  SetOptions options;
  if (!parse_set_options(ctx.args, options)) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  int64_t expire_at_ms = 0;
  const bool expires = options.form != ExpiryForm::kNone;
  if (expires && !read_expiry(ctx, options.form, options.expiry_index, expire_at_ms)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  const bool found = edit.entry() != nullptr;
  if (options.condition && found &&
      (!check_string(ctx, *edit.entry()) || !check_condition(ctx, *options.condition))) {
    return;
  }
  if (options.get && !reply_old_value(ctx, edit.entry())) {
    return;
  }
  if ((options.only_absent && found) || (options.only_present && !found) ||
      (options.condition && !meets(*options.condition, edit.entry()))) {
    if (!options.get) {
      ctx.reply.null();
    }
    return;
  }
  edit.set_string(ctx.args[2]);
  if (!options.keep_ttl) {
    edit.clear_expiry();
  }
  edit.notify(KeyEvent::kSet);
  if (expires) {
    edit.set_expiry(expire_at_ms);
    edit.notify(KeyEvent::kExpire, 0);
  }
  tell_set(ctx, ctx.args[1], ctx.args[2],
           expires ? expire_at_ms : options.keep_ttl ? kTtlKept : kNoTtl);
  if (!options.get) {
    ctx.reply.ok();
  }
}

void set(Context& ctx) {
  if (ctx.args.size() > 3) {
    set_with_options(ctx);
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  set_value(edit, ctx.args[2]);
  ctx.reply.ok();
}

void setnx(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() != nullptr) {
    ctx.reply.integer(0);
    return;
  }
  set_value(edit, ctx.args[2]);
  ctx.reply.integer(1);
}

void set_expiring(Context& ctx, ExpiryForm form) {
  int64_t expire_at_ms = 0;
  if (!read_expiry(ctx, form, 2, expire_at_ms)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  set_value(edit, ctx.args[3]);
  edit.set_expiry(expire_at_ms);
  edit.notify(KeyEvent::kExpire, 0);
  tell_set(ctx, ctx.args[1], ctx.args[3], expire_at_ms);
  ctx.reply.ok();
}

void setex(Context& ctx) {
  set_expiring(ctx, ExpiryForm::kEx);
}
void psetex(Context& ctx) {
  set_expiring(ctx, ExpiryForm::kPx);
}

void getset(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (reply_old_value(ctx, edit.entry())) {
    set_value(edit, ctx.args[2]);
    tell_set(ctx, ctx.args[1], ctx.args[2], kNoTtl);
  }
}

// --- GET ---

void get(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.null();
  } else if (check_string(ctx, *entry)) {
    reply_string(ctx, *entry);
  }
}

void getdel(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (reply_old_value(ctx, edit.entry()) && edit.entry() != nullptr) {
    delete_key(ctx, edit, ctx.args[1]);
  }
}

void getex(Context& ctx) {
  SetOptions options;
  if (!parse_getex_options(ctx.args, options)) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  const Key key = ctx.key(1);
  const Entry* entry = ctx.keys.find(key);
  if (entry == nullptr) {
    ctx.reply.null();
    return;
  }
  if (!check_string(ctx, *entry)) {
    return;
  }
  int64_t expire_at_ms = 0;
  const bool expires = options.form != ExpiryForm::kNone;
  if (expires && !read_expiry(ctx, options.form, options.expiry_index, expire_at_ms)) {
    return;
  }
  reply_string(ctx, *entry);
  if (!expires && !options.persist) {
    return;
  }
  Edit edit(ctx.keys, key);
  if (options.persist) {
    if (edit.clear_expiry()) {
      edit.notify(KeyEvent::kPersist);
      if (ctx.effects != nullptr) {
        ctx.effects->add({"PERSIST", ctx.args[1]});
      }
    }
  } else {
    expire_key(ctx, edit, expire_at_ms);
  }
}

// --- several keys ---

void mget(Context& ctx) {
  ctx.reply.array(ctx.args.size() - 1);
  for_each_key(ctx, 1, 1, [&ctx](size_t, const Key& key) {
    const Entry* entry = ctx.keys.find(key);
    if (entry == nullptr || entry->type() != ValueType::kString) {
      ctx.reply.null();
    } else {
      reply_string(ctx, *entry);
    }
  });
}

bool check_pairs(Context& ctx) {
  if (ctx.args.size() % 2 == 1) {
    return true;
  }
  write_wrong_arity(ctx.reply, ctx.row);
  return false;
}

void set_pairs(Context& ctx) {
  for_each_key(ctx, 1, 2, [&ctx](size_t index, const Key& key) {
    Edit edit(ctx.keys, key);
    set_value(edit, ctx.args[index + 1]);
  });
}

void mset(Context& ctx) {
  if (check_pairs(ctx)) {
    set_pairs(ctx);
    ctx.reply.ok();
  }
}

void msetnx(Context& ctx) {
  if (!check_pairs(ctx)) {
    return;
  }
  for (size_t i = 1; i < ctx.args.size(); i += 2) {
    if (ctx.keys.peek(ctx.key(i)) != nullptr) {
      ctx.reply.integer(0);
      return;
    }
  }
  set_pairs(ctx);
  ctx.reply.integer(1);
}

// SET reads the old value only to return it, or to compare it.
std::string_view set_key_flags(Args args) {
  std::optional<StringCondition> condition;
  for (size_t i = 3; i < args.size(); ++i) {
    if (is_word(args[i], "get") || take_condition(args, i, condition)) {
      return "RW access update";
    }
  }
  return "OW update";
}

constexpr uint32_t kWriteOom = kWrite | kDenyOom;

constexpr CommandRow kRows[] = {
    {.name = "set",
     .arity = -3,
     .flags = kWriteOom,
     .acl = kAclString,
     .handler = set,
     .keys = {key_at(1, "RW access update variable_flags",
                     "RW and ACCESS due to the optional `GET` argument")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Stores a string under a key.",
     .complexity = "O(1)",
     .syntax = "key#0 value condition=[NX@2.6.12|XX@2.6.12|IFEQ ifeq-value@8.4.0|"
               "IFNE ifne-value@8.4.0|IFDEQ ifdeq-digest@8.4.0|IFDNE ifdne-digest@8.4.0] "
               "[GET]@6.2.0 expiration=[EX seconds:integer"
               "@2.6.12|PX milliseconds:integer@2.6.12|EXAT unix-time-seconds:unix-time@6.2.0|"
               "PXAT unix-time-milliseconds:unix-time@6.2.0|KEEPTTL@6.0.0]",
     .history = "2.6.12 EX, PX, NX and XX came in;6.0.0 KEEPTTL came in;"
                "6.2.0 GET, EXAT and PXAT came in;7.0.0 NX may stand beside GET",
     .key_flags_of = set_key_flags},
    {.name = "setnx",
     .arity = 3,
     .flags = kWriteOom | kFast,
     .acl = kAclString,
     .handler = setnx,
     .keys = {key_at(1, "OW insert")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Stores a string if the key is absent.",
     .complexity = "O(1)",
     .syntax = "key#0 value"},
    {.name = "setex",
     .arity = 4,
     .flags = kWriteOom,
     .acl = kAclString,
     .handler = setex,
     .keys = {key_at(1, "OW update")},
     .group = "string",
     .since = "2.0.0",
     .summary = "Stores a string that lives some seconds.",
     .complexity = "O(1)",
     .syntax = "key#0 seconds:integer value"},
    {.name = "psetex",
     .arity = 4,
     .flags = kWriteOom,
     .acl = kAclString,
     .handler = psetex,
     .keys = {key_at(1, "OW update")},
     .group = "string",
     .since = "2.6.0",
     .summary = "Stores a string that lives some milliseconds.",
     .complexity = "O(1)",
     .syntax = "key#0 milliseconds:integer value"},
    {.name = "get",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclString,
     .handler = get,
     .keys = {key_at(1, "RO access")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Returns the string of a key.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "getex",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclString,
     .handler = getex,
     .keys = {key_at(1, "RW access update", "RW and UPDATE because it changes the TTL")},
     .group = "string",
     .since = "6.2.0",
     .summary = "Returns the string of a key and may change its expiry.",
     .complexity = "O(1)",
     .syntax = "key#0 expiration=[EX seconds:integer|PX milliseconds:integer|"
               "EXAT unix-time-seconds:unix-time|PXAT unix-time-milliseconds:unix-time|PERSIST]"},
    {.name = "getdel",
     .arity = 2,
     .flags = kWrite | kFast,
     .acl = kAclString,
     .handler = getdel,
     .keys = {key_at(1, "RW access delete")},
     .group = "string",
     .since = "6.2.0",
     .summary = "Returns the string of a key and deletes it.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "getset",
     .arity = 3,
     .flags = kWriteOom | kFast,
     .acl = kAclString,
     .handler = getset,
     .keys = {key_at(1, "RW access update")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Stores a string and returns the one that was there.",
     .complexity = "O(1)",
     .syntax = "key#0 value",
     .deprecated_since = "6.2.0",
     .replaced_by = "`SET` with the `!GET` argument"},
    {.name = "mget",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclString,
     .handler = mget,
     .keys = {keys_from(1, -1, 1, "RO access")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Returns the strings of several keys.",
     .complexity = "O(N) for N keys",
     .syntax = "key#0...",
     .tips = "request_policy:multi_shard"},
    {.name = "mset",
     .arity = -3,
     .flags = kWriteOom,
     .acl = kAclString,
     .handler = mset,
     .keys = {keys_from(1, -1, 2, "OW update")},
     .group = "string",
     .since = "1.0.1",
     .summary = "Stores several strings at once.",
     .complexity = "O(N) for N keys",
     .syntax = "key_value=(key#0 value)...",
     .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {.name = "msetnx",
     .arity = -3,
     .flags = kWriteOom,
     .acl = kAclString,
     .handler = msetnx,
     .keys = {keys_from(1, -1, 2, "OW insert")},
     .group = "string",
     .since = "1.0.1",
     .summary = "Stores several strings at once if all keys are absent.",
     .complexity = "O(N) for N keys",
     .syntax = "key_value=(key#0 value)...",
     .tips = "request_policy:multi_shard response_policy:agg_min"},
};

}  // namespace

std::span<const CommandRow> string_commands() {
  return kRows;
}

}  // namespace pollux
