// Strings by what they are now: DELEX, DELIFEQ, DIGEST; and several at once under a condition:
// MSETEX. (SET IFEQ is SET's.) Of Redis 8.4 and Valkey 9, by their documentation.
#include "src/commands/args.h"
#include "src/commands/command_table.h"
#include "src/commands/families.h"
#include "src/commands/key_extractor.h"
#include "src/commands/rows.h"
#include "src/commands/string_args.h"
#include "src/data/string_digest.h"

namespace pollux {

namespace {

void remove(Context& ctx, Edit& edit) {
  delete_key(ctx, edit, ctx.args[1]);
  ctx.reply.integer(1);
}

// Requires a string.
void remove_if(Context& ctx, Edit& edit, const StringCondition& condition) {
  if (meets(condition, edit.entry())) {
    remove(ctx, edit);
  } else {
    ctx.reply.integer(0);
  }
}

// Of an absent key the condition is not even read.
void delex(Context& ctx) {
  if (ctx.args.size() != 2 && ctx.args.size() != 4) {
    write_wrong_arity(ctx.reply, ctx.row);
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  std::optional<StringCondition> condition;
  size_t at = 2;
  if (edit.entry() == nullptr) {
    ctx.reply.integer(0);
  } else if (ctx.args.size() == 2) {
    remove(ctx, edit);
  } else if (edit.entry()->type() != ValueType::kString) {
    ctx.reply.error("ERR Key should be of string type if conditions are specified");
  } else if (!take_condition(ctx.args, at, condition)) {
    ctx.reply.error("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
  } else if (check_condition(ctx, *condition)) {
    remove_if(ctx, edit, *condition);
  }
}

void delifeq(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.integer(0);
  } else if (check_string(ctx, *edit.entry())) {
    remove_if(ctx, edit, {.by_digest = false, .equal = true, .operand = ctx.args[2]});
  }
}

void digest(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.null();
  } else if (check_string(ctx, *entry)) {
    char scratch[kInt64TextMax];
    const DigestText text = digest_text(entry->string(scratch));
    ctx.reply.bulk({text.data(), text.size()});
  }
}

// --- MSETEX ---

// Behind the pairs.
bool parse_msetex_options(Args args, size_t at, SetOptions& options) {
  for (; at < args.size(); ++at) {
    if (is_word(args[at], "nx") && !options.only_present) {
      options.only_absent = true;
    } else if (is_word(args[at], "xx") && !options.only_absent) {
      options.only_present = true;
    } else if (is_word(args[at], "keepttl") && options.form == ExpiryForm::kNone) {
      options.keep_ttl = true;
    } else if (!take_expiry_option(args, at, options)) {
      return false;
    }
  }
  return true;
}

void msetex(Context& ctx) {
  constexpr std::string_view kNoKeys = "ERR numkeys should be greater than 0";
  int64_t count = 0;
  if (!read_int64(ctx, 1, count, kNoKeys)) {
    return;
  }
  if (count < 1) {
    ctx.reply.error(kNoKeys);
    return;
  }
  if (static_cast<uint64_t>(count) > (ctx.args.size() - 2) / 2) {
    write_wrong_arity(ctx.reply, ctx.row);
    return;
  }
  const size_t end = 2 + 2 * static_cast<size_t>(count);
  SetOptions options;
  if (!parse_msetex_options(ctx.args, end, options)) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  int64_t expire_at_ms = 0;
  const bool expires = options.form != ExpiryForm::kNone;
  if (expires && !read_expiry(ctx, options.form, options.expiry_index, expire_at_ms)) {
    return;
  }
  if (options.only_absent || options.only_present) {
    for (size_t i = 2; i < end; i += 2) {
      if ((ctx.keys.peek(Key::of(ctx.args[i])) != nullptr) != options.only_present) {
        ctx.reply.integer(0);
        return;
      }
    }
  }
  for (size_t i = 2; i < end; i += 2) {
    Edit edit(ctx.keys, Key::of(ctx.args[i]));
    edit.set_string(ctx.args[i + 1]);
    if (!options.keep_ttl) {
      edit.clear_expiry();
    }
    edit.notify(KeyEvent::kSet);
    if (expires) {
      edit.set_expiry(expire_at_ms);
      edit.notify(KeyEvent::kExpire, 0);
    }
    tell_set(ctx, ctx.args[i], ctx.args[i + 1],
             expires ? expire_at_ms : options.keep_ttl ? kTtlKept : kNoTtl);
  }
  ctx.reply.integer(1);
}

// With a condition DELEX reads what it deletes.
std::string_view delex_key_flags(Args args) {
  return args.size() > 2 ? "RW access delete" : "RW delete";
}

constexpr CommandRow kRows[] = {
    {.name = "delex",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclString,
     .handler = delex,
     .keys = {key_at(1, "RW delete variable_flags")},
     .group = "string",
     .since = "8.4.0",
     .summary = "Deletes a key if its string is, or is not, a given one.",
     .complexity = "O(1), O(N) for a digest of N bytes",
     .syntax = "key#0 condition=[IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest|"
               "IFDNE ifdne-digest]",
     .key_flags_of = delex_key_flags},
    {.name = "delifeq",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kAclString,
     .handler = delifeq,
     .keys = {key_at(1, "RW delete")},
     .group = "string",
     .since = "9.0.0",
     .summary = "Deletes a key if its string is a given one.",
     .complexity = "O(1)",
     .syntax = "key#0 value"},
    {.name = "digest",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclString,
     .handler = digest,
     .keys = {key_at(1, "RO access")},
     .group = "string",
     .since = "8.4.0",
     .summary = "Returns the XXH3 digest of a string.",
     .complexity = "O(N) for N bytes",
     .syntax = "key#0"},
    {.name = "msetex",
     .arity = -4,
     .flags = kWrite | kDenyOom | kMovableKeys,
     .acl = kAclString,
     .handler = msetex,
     .keys = {{.first = 2, .step = 2, .flags = "OW update", .numkeys_at = 1}},
     .group = "string",
     .since = "8.4.0",
     .summary = "Stores several strings at once, with one expiry and condition for all.",
     .complexity = "O(N) for N keys",
     .syntax = "numkeys:integer data=(key#0 value)... condition=[NX|XX] expiration=[EX "
               "seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|"
               "PXAT unix-time-milliseconds:unix-time|KEEPTTL]"},
};

}  // namespace

std::span<const CommandRow> conditional_commands() {
  return kRows;
}

}  // namespace pollux
