// DUMP and RESTORE: a value as the bytes that redis-server writes into its files, and back. What
// comes in is hostile until it has been read to its end: then the key is touched, not before.
#include <algorithm>
#include <optional>

#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/rdb/dump_payload.h"
#include "src/rdb/key_meta.h"
#include "src/rdb/value_codec.h"

namespace pollux {

namespace {

void dump(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.null();
    return;
  }
  DumpPayload payload(*entry, ctx.config.rdb_compression);
  ctx.reply.begin_bulk(payload.size());
  payload.write_to(ctx.reply.sink());
  ctx.reply.end_bulk();
}

struct RestoreOptions {
  bool replace = false;
  bool absolute_ttl = false;
  RdbKeyMeta meta;  // without the TTL, which is no option
};

// The number behind an option; answers the error.
template <typename Number>
bool read_option(Context& ctx, size_t index, int64_t max, std::string_view sentence,
                 std::optional<Number>& value) {
  int64_t number = 0;
  if (!read_int64(ctx, index, number)) {
    return false;
  }
  if (number < 0 || number > max) {
    ctx.reply.error(sentence);
    return false;
  }
  value = static_cast<Number>(number);
  return true;
}

bool read_options(Context& ctx, RestoreOptions& options) {
  for (size_t i = 4; i < ctx.args.size(); ++i) {
    const std::string_view word = ctx.args[i];
    const bool more = i + 1 < ctx.args.size();
    if (is_word(word, "replace")) {
      options.replace = true;
    } else if (is_word(word, "absttl")) {
      options.absolute_ttl = true;
    } else if (is_word(word, "idletime") && more && !options.meta.frequency) {
      if (!read_option(ctx, ++i, INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0",
                       options.meta.idle_s)) {
        return false;
      }
    } else if (is_word(word, "freq") && more && !options.meta.idle_s) {
      if (!read_option(ctx, ++i, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255",
                       options.meta.frequency)) {
        return false;
      }
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  return true;
}

// The time in argument 2 as Unix time in ms; 0 if the key is to live on.
bool read_ttl(Context& ctx, bool absolute, int64_t& at_ms) {
  if (!read_int64(ctx, 2, at_ms)) {
    return false;
  }
  if (at_ms < 0) {
    ctx.reply.error("ERR Invalid TTL value, must be >= 0");
    return false;
  }
  // What is beyond the end of time is over, as in redis-server.
  if (at_ms != 0 && !absolute && __builtin_add_overflow(at_ms, ctx.keys.now().ms(), &at_ms)) {
    at_ms = -1;
  }
  return true;
}

// Whether the payload holds one value, and nothing else; answers the error. How it is framed is
// looked at first, so that nothing is built of one that ends too soon.
bool read_payload(Context& ctx, LooseValue& value) {
  const std::optional<std::string_view> body = open_dump_payload(ctx.args[3], ctx.config.dump_sums);
  if (!body) {
    ctx.reply.error("ERR DUMP payload version or checksum are wrong");
    return false;
  }
  const auto text_bytes_max = std::max(static_cast<size_t>(ctx.config.bulk_bytes_max),
                                       RdbReader::kTextBytesMax);
  RdbReader frame(*body, text_bytes_max);
  uint8_t byte = 0;
  const bool typed = frame.byte(byte);
  const auto type = static_cast<RdbType>(byte);
  RdbReader in(frame.rest(), text_bytes_max);
  if (!typed || !skip_rdb_value(type, frame) || !frame.at_end() ||
      !read_rdb_value(type, in, ctx.config.encoding, value)) {
    ctx.reply.error("ERR Bad data format");
    return false;
  }
  return true;
}

// The same words with a time that counts from the start of the Unix clock.
void tell_restored(Context& ctx, int64_t at_ms) {
  if (ctx.effects == nullptr) {
    return;
  }
  EffectWords restore(*ctx.effects, {"RESTORE", ctx.args[1], NumberText(at_ms)});
  for (const std::string_view word : ctx.args.subspan(3)) {
    restore.word(word);
  }
  restore.word("ABSTTL");
}

void restore(Context& ctx) {
  RestoreOptions options;
  if (!read_options(ctx, options)) {
    return;
  }
  const Key key = ctx.key(1);
  if (!options.replace && ctx.keys.peek(key) != nullptr) {
    ctx.reply.error("BUSYKEY Target key name already exists.");
    return;
  }
  int64_t at_ms = 0;
  if (!read_ttl(ctx, options.absolute_ttl, at_ms)) {
    return;
  }
  Edit edit(ctx.keys, key);
  LooseValue value(edit.memory());
  if (!read_payload(ctx, value)) {
    return;
  }
  const bool replaced = edit.entry() != nullptr;
  if (replaced) {
    edit.remove();
  }
  if (at_ms != 0 && ctx.keys.is_over(at_ms)) {
    if (replaced) {
      edit.notify(KeyEvent::kDel);
      if (ctx.effects != nullptr) {
        ctx.effects->add({"DEL", ctx.args[1]});
      }
    }
    ctx.reply.ok();
    return;
  }
  if (at_ms != 0) {
    options.meta.expire_ms = std::max<int64_t>(at_ms, 0);
  }
  give_key(edit, value, options.meta, ctx.config.eviction.access.kind, ctx.keys.now());
  edit.notify(KeyEvent::kRestore);
  if (at_ms != 0 && !options.absolute_ttl) {
    tell_restored(ctx, at_ms);
  }
  ctx.reply.ok();
}

constexpr std::string_view kRestoreSyntax =
    "key#0 ttl:integer serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] "
    "[IDLETIME seconds:integer@5.0.0] [FREQ frequency:integer@5.0.0]";
constexpr std::string_view kRestoreHistory =
    "3.0.0 REPLACE came in;5.0.0 ABSTTL came in;5.0.0 IDLETIME and FREQ came in";
constexpr std::string_view kRestoreComplexity =
    "O(N) for N bytes of payload, O(N*log(N)) for N elements of a sorted set";

constexpr CommandRow kRows[] = {
    {.name = "dump",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclKeyspace,
     .handler = dump,
     .keys = {key_at(1, "RO access")},
     .group = "generic",
     .since = "2.6.0",
     .summary = "Returns a value as bytes that RESTORE takes, here or in a Redis server.",
     .complexity = "O(N) for N bytes of the value",
     .syntax = "key#0",
     .tips = "nondeterministic_output"},
    {.name = "restore",
     .arity = -4,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclKeyspace | kAclDangerous,
     .handler = restore,
     .keys = {key_at(1, "OW update")},
     .group = "generic",
     .since = "2.6.0",
     .summary = "Makes a key of what DUMP has returned.",
     .complexity = kRestoreComplexity,
     .syntax = kRestoreSyntax,
     .history = kRestoreHistory},
    {.name = "restore-asking",
     .arity = -4,
     .flags = kWrite | kDenyOom | kAsking | kLong,
     .acl = kAclKeyspace | kAclDangerous,
     .handler = restore,
     .keys = {key_at(1, "OW update")},
     .group = "server",
     .since = "3.0.0",
     .summary = "The RESTORE that servers of a cluster send to each other.",
     .complexity = kRestoreComplexity,
     .syntax = kRestoreSyntax,
     .history = kRestoreHistory,
     .syscmd = true},
};

}  // namespace

std::span<const CommandRow> dump_commands() {
  return kRows;
}

}  // namespace pollux
