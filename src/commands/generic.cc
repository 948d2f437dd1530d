// Keys whatever their type: deleting, naming, moving and copying them, asking what there is, whole
// databases, and OBJECT.
#include <iterator>
#include <limits>

#include "src/base/glob.h"
#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

constexpr std::string_view kSameObject = "ERR source and destination objects are the same";

// --- several keys ---

void del(Context& ctx) {
  int64_t removed = 0;
  for_each_key(ctx, 1, 1, [&](size_t, const Key& key) {
    Edit edit(ctx.keys, key);
    if (edit.entry() != nullptr) {
      edit.remove();
      edit.notify(KeyEvent::kDel);
      ++removed;
    }
  });
  ctx.reply.integer(removed);
}

void exists(Context& ctx) {
  int64_t found = 0;
  for_each_key(ctx, 1, 1, [&](size_t, const Key& key) {
    found += find_untouched(ctx, key) != nullptr ? 1 : 0;
  });
  ctx.reply.integer(found);
}

void touch(Context& ctx) {
  ctx.keys.touch_all();  // also for a client that otherwise leaves no trace
  int64_t found = 0;
  for_each_key(ctx, 1, 1,
               [&](size_t, const Key& key) { found += ctx.keys.find(key) != nullptr ? 1 : 0; });
  ctx.reply.integer(found);
}

void type(Context& ctx) {
  const Entry* entry = find_untouched(ctx, ctx.key(1));
  ctx.reply.simple(entry == nullptr ? "none" : type_name(entry->type()));
}

// --- moving and copying ---

void rename_generic(Context& ctx, bool only_absent) {
  Edit from(ctx.keys, ctx.key(1));
  if (from.entry() == nullptr) {
    ctx.reply.error(error_text::kNoSuchKey);
    return;
  }
  const bool same = ctx.args[1] == ctx.args[2];
  if (!same) {
    Edit to(ctx.keys, Key::of(ctx.args[2]));
    if (only_absent && to.entry() != nullptr) {
      ctx.reply.integer(0);
      return;
    }
    to.take(from);
    from.notify(KeyEvent::kRenameFrom, 0);
    to.notify(KeyEvent::kRenameTo);
  }
  if (only_absent) {
    ctx.reply.integer(same ? 0 : 1);
  } else {
    ctx.reply.ok();
  }
}

void rename(Context& ctx) {
  rename_generic(ctx, false);
}
void renamenx(Context& ctx) {
  rename_generic(ctx, true);
}

void copy(Context& ctx) {
  int to_db = ctx.keys.db();
  bool replace = false;
  for (size_t i = 3; i < ctx.args.size(); ++i) {
    if (is_word(ctx.args[i], "replace")) {
      replace = true;
    } else if (is_word(ctx.args[i], "db") && i + 1 < ctx.args.size()) {
      if (!read_database(ctx, ++i, to_db)) {
        return;
      }
    } else {
      ctx.reply.error(error_text::kSyntax);
      return;
    }
  }
  if (to_db == ctx.keys.db() && ctx.args[1] == ctx.args[2]) {
    ctx.reply.error(kSameObject);
    return;
  }
  const Key from = ctx.key(1);
  if (ctx.keys.find(from) == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  Edit to(ctx.keys, to_db, Key::of(ctx.args[2]));
  if (to.entry() != nullptr && !replace) {
    ctx.reply.integer(0);
    return;
  }
  // Looked up again: the target's Edit may have removed an expired key of the same shard.
  to.copy(*ctx.keys.peek(from));
  to.notify(KeyEvent::kCopyTo);
  ctx.reply.integer(1);
}

void move(Context& ctx) {
  int to_db = 0;
  if (!read_database(ctx, 2, to_db)) {
    return;
  }
  if (to_db == ctx.keys.db()) {
    ctx.reply.error(kSameObject);
    return;
  }
  const Key key = ctx.key(1);
  Edit from(ctx.keys, key);
  if (from.entry() == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  Edit to(ctx.keys, to_db, key);
  if (to.entry() != nullptr) {
    ctx.reply.integer(0);
    return;
  }
  to.take(from);
  from.notify(KeyEvent::kMoveFrom, 0);
  to.notify(KeyEvent::kMoveTo);
  ctx.reply.integer(1);
}

// --- what there is ---

void dbsize_of_shard(Context& ctx) {
  ctx.keys.for_each_store([&ctx](ShardStore& store) {
    ctx.gather->integer += static_cast<int64_t>(store.key_count(ctx.keys.db()));
  });
}

void dbsize(Context& ctx) {
  ctx.reply.integer(ctx.gather->integer);
}

void keys_of_shard(Context& ctx) {
  const std::string_view pattern = ctx.args[1];
  const bool all = pattern == "*";
  Reply body(*ctx.gather->body, ctx.reply.protocol());
  ctx.keys.for_each_store([&](ShardStore& store) {
    store.for_each(ctx.keys.db(), ctx.keys.now(), [&](const Entry& entry) {
      if (all || glob_match(pattern, entry.key())) {
        body.bulk(entry.key());
        ++ctx.gather->elements;
      }
    });
  });
}

void keys(Context& ctx) {
  ctx.reply.array(ctx.gather->elements);
}

// Each shard in turn replaces the key chosen so far with the probability that makes every key of
// all shards equally likely: its share of the keys seen.
void randomkey_of_shard(Context& ctx) {
  Gather& gather = *ctx.gather;
  ctx.keys.for_each_store([&](ShardStore& store) {
    const Entry* entry = store.random(ctx.keys.db(), ctx.rng, ctx.keys.now());
    if (entry == nullptr) {
      return;
    }
    const uint64_t count = store.key_count(ctx.keys.db());
    gather.integer += static_cast<int64_t>(count);
    if (ctx.rng.below(static_cast<uint64_t>(gather.integer)) < count) {
      gather.text = entry->key();
    }
  });
}

void randomkey(Context& ctx) {
  if (ctx.gather->integer == 0) {
    ctx.reply.null();
  } else {
    ctx.reply.bulk(ctx.gather->text);
  }
}

// --- whole databases ---

// Both modes are the same here: a flush empties at once and frees in slices. Answers the error.
bool check_flush_mode(Context& ctx) {
  const size_t count = ctx.args.size();
  if (count == 1 ||
      (count == 2 && (is_word(ctx.args[1], "sync") || is_word(ctx.args[1], "async")))) {
    return true;
  }
  ctx.reply.error(error_text::kSyntax);
  return false;
}

void flushdb(Context& ctx) {
  if (check_flush_mode(ctx)) {
    ctx.keys.for_each_store([&ctx](ShardStore& store) { store.flush(ctx.keys.db()); });
    ctx.reply.ok();
  }
}

void flushall(Context& ctx) {
  if (!check_flush_mode(ctx)) {
    return;
  }
  ctx.keys.for_each_store([&ctx](ShardStore& store) {
    for (int db = 0; db < ctx.keys.databases(); ++db) {
      store.flush(db);
    }
  });
  ctx.host.emptied_all();
  ctx.reply.ok();
}

void swapdb(Context& ctx) {
  int first = 0;
  int second = 0;
  if (!read_int32(ctx, 1, first, "ERR invalid first DB index") ||
      !read_int32(ctx, 2, second, "ERR invalid second DB index")) {
    return;
  }
  const int count = ctx.keys.databases();
  if (first < 0 || first >= count || second < 0 || second >= count) {
    ctx.reply.error(error_text::kDbIndexRange);
    return;
  }
  ctx.keys.swap_databases(first, second);
  ctx.reply.ok();
}

// --- OBJECT ---

// The entry that OBJECT asks about; null is answered if there is none, and no event tells of it.
const Entry* object_entry(Context& ctx) {
  const Entry* entry = ctx.keys.peek(ctx.key(2));
  KeyspaceStats& stats = ctx.keys.stats();
  ++(entry != nullptr ? stats.hits : stats.misses);
  if (entry == nullptr) {
    ctx.reply.null();
  }
  return entry;
}

void object_encoding(Context& ctx) {
  if (const Entry* entry = object_entry(ctx)) {
    ctx.reply.bulk(encoding_name(entry->encoding()));
  }
}

void object_freq(Context& ctx) {
  const Entry* entry = object_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  if (!ctx.config.eviction.lfu()) {
    ctx.reply.error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
        "that when switching between policies at runtime LRU and LFU data will take some time to "
        "adjust.");
    return;
  }
  ctx.reply.integer(lfu_count(entry->stamp(), ctx.config.eviction.access, ctx.keys.now()));
}

void object_idletime(Context& ctx) {
  const Entry* entry = object_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  if (ctx.config.eviction.lfu()) {
    ctx.reply.error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
        "switching between policies at runtime LRU and LFU data will take some time to adjust.");
    return;
  }
  ctx.reply.integer(
      idle_seconds(entry->stamp(), ctx.config.eviction.access.kind, ctx.keys.now()));
}

// Nothing is shared here; redis-server shares the integers below 10,000 and says so.
void object_refcount(Context& ctx) {
  constexpr int64_t kSharedIntegers = 10'000;
  const Entry* entry = object_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  const bool shared = entry->encoding() == Encoding::kInt && entry->integer() >= 0 &&
                      entry->integer() < kSharedIntegers;
  ctx.reply.integer(shared ? std::numeric_limits<int32_t>::max() : 1);
}

void object_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "ENCODING <key>",
      "    The name of the form in which the value is stored.",
      "FREQ <key>",
      "    How often the key is accessed, on the logarithmic scale of the LFU policies.",
      "IDLETIME <key>",
      "    Seconds since the key was last accessed.",
      "REFCOUNT <key>",
      "    The number of references to the value.",
      "HELP",
      "    Print this help.",
  };
  ctx.reply.array(std::size(kLines));
  for (const std::string_view line : kLines) {
    ctx.reply.simple(line);
  }
}

constexpr std::string_view kObjectTips = "nondeterministic_output";

constexpr CommandRow kObjectRows[] = {
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclKeyspace,
     .handler = object_help,
     .route = Route::kSession,
     .group = "generic",
     .since = "6.2.0",
     .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "encoding",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace,
     .handler = object_encoding,
     .keys = {key_at(2, "RO")},
     .group = "generic",
     .since = "2.2.3",
     .summary = "Names the form in which a value is stored.",
     .complexity = "O(1)",
     .syntax = "key#0",
     .tips = kObjectTips},
    {.name = "freq",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace,
     .handler = object_freq,
     .keys = {key_at(2, "RO")},
     .group = "generic",
     .since = "4.0.0",
     .summary = "Returns how often a key is accessed, on a logarithmic scale.",
     .complexity = "O(1)",
     .syntax = "key#0",
     .tips = kObjectTips},
    {.name = "idletime",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace,
     .handler = object_idletime,
     .keys = {key_at(2, "RO")},
     .group = "generic",
     .since = "2.2.3",
     .summary = "Returns the seconds since a key was last accessed.",
     .complexity = "O(1)",
     .syntax = "key#0",
     .tips = kObjectTips},
    {.name = "refcount",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclKeyspace,
     .handler = object_refcount,
     .keys = {key_at(2, "RO")},
     .group = "generic",
     .since = "2.2.3",
     .summary = "Returns the references to a value.",
     .complexity = "O(1)",
     .syntax = "key#0",
     .tips = kObjectTips},
};

constexpr std::string_view kSumTips = "request_policy:multi_shard response_policy:agg_sum";
constexpr std::string_view kFlushTips = "request_policy:all_shards response_policy:all_succeeded";
constexpr std::string_view kFlushHistory = "4.0.0 ASYNC came in;6.2.0 SYNC came in";
constexpr std::string_view kFlushSyntax = "async=[ASYNC@4.0.0|SYNC@6.2.0]";

constexpr CommandRow kRows[] = {
    {.name = "del",
     .arity = -2,
     .flags = kWrite,
     .acl = kAclKeyspace,
     .handler = del,
     .keys = {keys_from(1, -1, 1, "RM delete")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Deletes keys.",
     .complexity = "O(N) for N keys; big values are freed later",
     .syntax = "key#0...",
     .tips = kSumTips},
    {.name = "unlink",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace,
     .handler = del,
     .keys = {keys_from(1, -1, 1, "RM delete")},
     .group = "generic",
     .since = "4.0.0",
     .summary = "Deletes keys; the same as DEL here.",
     .complexity = "O(N) for N keys; big values are freed later",
     .syntax = "key#0...",
     .tips = kSumTips},
    {.name = "exists",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace,
     .handler = exists,
     .keys = {keys_from(1, -1, 1, "RO")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Counts which of the keys exist.",
     .complexity = "O(N) for N keys",
     .syntax = "key#0...",
     .tips = kSumTips,
     .history = "3.0.3 several keys may be given"},
    {.name = "type",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace,
     .handler = type,
     .keys = {key_at(1, "RO")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Names the type of a key's value.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "rename",
     .arity = 3,
     .flags = kWrite,
     .acl = kAclKeyspace,
     .handler = rename,
     .keys = {key_at(1, "RW access delete"), key_at(2, "OW update")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Gives a key another name.",
     .complexity = "O(1)",
     .syntax = "key#0 newkey#1"},
    {.name = "renamenx",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace,
     .handler = renamenx,
     .keys = {key_at(1, "RW access delete"), key_at(2, "OW insert")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Gives a key another name that is free.",
     .complexity = "O(1)",
     .syntax = "key#0 newkey#1",
     .history = "3.2.0 the same name twice is no error"},
    {.name = "copy",
     .arity = -3,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclKeyspace,
     .handler = copy,
     .keys = {key_at(1, "RO access"), key_at(2, "OW update")},
     .group = "generic",
     .since = "6.2.0",
     .summary = "Copies a value to another key.",
     .complexity = "O(N) for N elements, O(1) for strings",
     .syntax = "source#0 destination#1 [DB destination-db:integer] [REPLACE]"},
    {.name = "move",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace,
     .handler = move,
     .keys = {key_at(1, "RW access update")},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Moves a key to another database.",
     .complexity = "O(1)",
     .syntax = "key#0 db:integer"},
    {.name = "touch",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace,
     .handler = touch,
     .keys = {keys_from(1, -1, 1, "RO")},
     .group = "generic",
     .since = "3.2.1",
     .summary = "Marks keys as accessed, and counts them.",
     .complexity = "O(N) for N keys",
     .syntax = "key#0...",
     .tips = kSumTips},
    {.name = "keys",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclKeyspace | kAclDangerous,
     .handler = keys,
     .route = Route::kEachShard,
     .each_shard = keys_of_shard,
     .group = "generic",
     .since = "1.0.0",
     .summary = "Returns all keys that match a pattern.",
     .complexity = "O(N) for N keys of the database",
     .syntax = "pattern:pattern",
     .tips = "request_policy:all_shards nondeterministic_output_order"},
    {.name = "randomkey",
     .arity = 1,
     .flags = kReadonly,
     .acl = kAclKeyspace,
     .handler = randomkey,
     .route = Route::kEachShard,
     .each_shard = randomkey_of_shard,
     .group = "generic",
     .since = "1.0.0",
     .summary = "Returns any key.",
     .complexity = "O(1)",
     .tips = "request_policy:all_shards nondeterministic_output"},
    {.name = "dbsize",
     .arity = 1,
     .flags = kReadonly | kFast,
     .acl = kAclKeyspace,
     .handler = dbsize,
     .route = Route::kEachShard,
     .each_shard = dbsize_of_shard,
     .group = "server",
     .since = "1.0.0",
     .summary = "Counts the keys of the database.",
     .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:agg_sum"},
    {.name = "object",
     .arity = -2,
     .flags = 0,
     .acl = 0,
     .handler = nullptr,
     .subcommands = kObjectRows,
     .group = "generic",
     .since = "2.2.3",
     .summary = "Tells how a value is stored.",
     .complexity = "Depends on the subcommand."},
    {.name = "swapdb",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kAclKeyspace | kAclDangerous,
     .handler = swapdb,
     .route = Route::kAllShards,
     .group = "server",
     .since = "4.0.0",
     .summary = "Exchanges two databases.",
     .complexity = "O(1)",
     .syntax = "index1:integer index2:integer"},
    {.name = "flushdb",
     .arity = -1,
     .flags = kWrite,
     .acl = kAclKeyspace | kAclDangerous,
     .handler = flushdb,
     .route = Route::kAllShards,
     .group = "server",
     .since = "1.0.0",
     .summary = "Deletes all keys of the database.",
     .complexity = "O(1); the memory is freed later",
     .syntax = kFlushSyntax,
     .tips = kFlushTips,
     .history = kFlushHistory},
    {.name = "flushall",
     .arity = -1,
     .flags = kWrite,
     .acl = kAclKeyspace | kAclDangerous,
     .handler = flushall,
     .route = Route::kAllShards,
     .group = "server",
     .since = "1.0.0",
     .summary = "Deletes all keys of all databases.",
     .complexity = "O(1); the memory is freed later",
     .syntax = kFlushSyntax,
     .tips = kFlushTips,
     .history = kFlushHistory},
};

}  // namespace

std::span<const CommandRow> generic_commands() {
  return kRows;
}

}  // namespace pollux
