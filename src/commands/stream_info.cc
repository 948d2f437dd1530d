// XINFO: what a stream, its groups and their consumers are like.
#include <algorithm>
#include <iterator>

#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/stream_args.h"

namespace pollux {

namespace {

// The stream in argument 2; null with an error answered.
const Stream* find_stream(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(2));
  if (entry == nullptr) {
    ctx.reply.error(error_text::kNoSuchKey);
    return nullptr;
  }
  return check_stream(ctx, *entry) ? &Stream::of(*entry) : nullptr;
}

void reply_number(Reply& reply, std::string_view name, uint64_t value) {
  reply.bulk(name);
  reply.integer(static_cast<int64_t>(value));
}

void reply_id(Reply& reply, std::string_view name, StreamId id) {
  reply.bulk(name);
  reply_stream_id(reply, id);
}

void reply_progress(Reply& reply, const Stream& stream, const StreamGroup& group) {
  reply_id(reply, "last-delivered-id", group.last_id());
  reply.bulk("entries-read");
  if (group.entries_read == StreamGroup::kUnknown) {
    reply.null();
  } else {
    reply.integer(group.entries_read);
  }
  reply.bulk("lag");
  if (const auto lag = stream.lag(group)) {
    reply.integer(*lag);
  } else {
    reply.null();
  }
}

// --- XINFO STREAM ---

// The fields that the short form and the full one begin with: seven.
void reply_head(Reply& reply, const Stream& stream) {
  reply_number(reply, "length", stream.length());
  reply_number(reply, "radix-tree-keys", stream.block_count());
  reply_number(reply, "radix-tree-nodes", stream.index_nodes());
  reply_id(reply, "last-generated-id", stream.last_id());
  reply_id(reply, "max-deleted-entry-id", stream.max_deleted_id());
  reply_number(reply, "entries-added", stream.entries_added());
  reply_id(reply, "recorded-first-entry-id", stream.first_id());
}

void reply_short(Reply& reply, const Stream& stream) {
  reply.map(10);
  reply_head(reply, stream);
  reply_number(reply, "groups", stream.groups().size());
  const bool empty = stream.length() == 0;
  reply.bulk("first-entry");
  if (empty || !reply_entry_of(reply, stream, stream.first_id())) {
    reply.null();
  }
  reply.bulk("last-entry");
  if (empty || !reply_entry_of(reply, stream, stream.last_entry_id())) {
    reply.null();
  }
}

void reply_consumer(Reply& reply, const StreamGroup& group, const StreamConsumer& consumer,
                    uint64_t max) {
  reply.map(5);
  reply.bulk("name");
  reply.bulk(consumer.name());
  reply.bulk("seen-time");
  reply.integer(consumer.seen_ms());
  reply.bulk("active-time");
  reply.integer(consumer.active_ms());
  reply_number(reply, "pel-count", consumer.pending().size());
  reply.bulk("pending");
  uint64_t left = std::min<uint64_t>(consumer.pending().size(), max);
  reply.array(left);
  for (auto at = consumer.pending().first(); left > 0; at.next(), --left) {
    const StreamPending& pending = *group.find(at.key());
    reply.array(3);
    reply_stream_id(reply, at.key());
    reply.integer(pending.delivered_ms());
    reply.integer(static_cast<int64_t>(pending.deliveries()));
  }
}

void reply_group(Reply& reply, const Stream& stream, const StreamGroup& group, uint64_t max) {
  reply.map(7);
  reply.bulk("name");
  reply.bulk(group.name());
  reply_progress(reply, stream, group);
  reply_number(reply, "pel-count", group.pending().size());
  reply.bulk("pending");
  uint64_t left = std::min<uint64_t>(group.pending().size(), max);
  reply.array(left);
  for (auto at = group.pending().first(); left > 0; at.next(), --left) {
    reply.array(4);
    reply_stream_id(reply, at.key());
    reply.bulk(at.value().consumer()->name());
    reply.integer(at.value().delivered_ms());
    reply.integer(static_cast<int64_t>(at.value().deliveries()));
  }
  reply.bulk("consumers");
  reply.array(group.consumers().size());
  for (auto at = group.consumers().first(); !at.at_end(); at.next()) {
    reply_consumer(reply, group, *at.value(), max);
  }
}

// At most `max` of entries, and of what is pending at each place.
void reply_full(Reply& reply, const Stream& stream, uint64_t max) {
  reply.map(9);
  reply_head(reply, stream);
  reply.bulk("entries");
  reply_stream_range(reply, stream, kStreamIdMin, kStreamIdMax, max);
  reply.bulk("groups");
  reply.array(stream.groups().size());
  for (auto at = stream.groups().first(); !at.at_end(); at.next()) {
    reply_group(reply, stream, *at.value(), max);
  }
}

void xinfo_stream(Context& ctx) {
  const Stream* const stream = find_stream(ctx);
  if (stream == nullptr) {
    return;
  }
  const Args args = ctx.args;
  if (args.size() == 3) {
    reply_short(ctx.reply, *stream);
    return;
  }
  const bool counted = args.size() == 6 && is_word(args[4], "count");
  if (!is_word(args[3], "full") || (args.size() != 4 && !counted)) {
    ctx.reply.error(error_text::wrong_subcommand(args[1], "XINFO"));
    return;
  }
  constexpr int64_t kDefaultCount = 10;
  int64_t count = kDefaultCount;
  if (counted && !read_int64(ctx, 5, count)) {
    return;
  }
  count = count < 0 ? kDefaultCount : count;
  reply_full(ctx.reply, *stream, count == 0 ? UINT64_MAX : static_cast<uint64_t>(count));
}

// --- XINFO GROUPS, XINFO CONSUMERS ---

void xinfo_groups(Context& ctx) {
  const Stream* const stream = find_stream(ctx);
  if (stream == nullptr) {
    return;
  }
  ctx.reply.array(stream->groups().size());
  for (auto at = stream->groups().first(); !at.at_end(); at.next()) {
    const StreamGroup& group = *at.value();
    ctx.reply.map(6);
    ctx.reply.bulk("name");
    ctx.reply.bulk(group.name());
    reply_number(ctx.reply, "consumers", group.consumers().size());
    reply_number(ctx.reply, "pending", group.pending().size());
    reply_progress(ctx.reply, *stream, group);
  }
}

void xinfo_consumers(Context& ctx) {
  const Stream* const stream = find_stream(ctx);
  if (stream == nullptr) {
    return;
  }
  const StreamGroup* const group = stream->group(ctx.args[3]);
  if (group == nullptr) {
    reply_no_group_of_key(ctx, ctx.args[2], ctx.args[3]);
    return;
  }
  const int64_t now_ms = ctx.keys.now().ms();
  ctx.reply.array(group->consumers().size());
  for (auto at = group->consumers().first(); !at.at_end(); at.next()) {
    const StreamConsumer& consumer = *at.value();
    ctx.reply.map(4);
    ctx.reply.bulk("name");
    ctx.reply.bulk(consumer.name());
    reply_number(ctx.reply, "pending", consumer.pending().size());
    ctx.reply.bulk("idle");
    ctx.reply.integer(ms_since(consumer.seen_ms(), now_ms));
    ctx.reply.bulk("inactive");
    ctx.reply.integer(consumer.active_ms() == StreamConsumer::kNever
                          ? StreamConsumer::kNever
                          : ms_since(consumer.active_ms(), now_ms));
  }
}

void xinfo_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CONSUMERS <key> <group>",
      "    The consumers of a group.",
      "GROUPS <key>",
      "    The groups of a stream.",
      "STREAM <key> [FULL [COUNT <count>]]",
      "    What the stream is like; with FULL, its first entries and its groups, too.",
      "HELP",
      "    Print this help.",
  };
  reply_lines(ctx.reply, kLines);
}

// --- the table ---

constexpr CommandRow kInfoRows[] = {
    {.name = "stream",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclStream,
     .handler = xinfo_stream,
     .keys = {key_at(2, "RO access")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Tells what a stream is like.",
     .complexity = "O(1); with FULL O(N) where N is the number of what is shown",
     .syntax = "key#0 [FULL full=([COUNT count:integer])]",
     .history = "6.0.0 FULL;7.0.0 More fields: what was deleted and added, what groups have read;"
                "7.2.0 active-time, and seen-time is that of the last attempt"},
    {.name = "consumers",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclStream,
     .handler = xinfo_consumers,
     .keys = {key_at(2, "RO access")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Lists the consumers of a group.",
     .complexity = "O(N) where N is the number of consumers",
     .syntax = "key#0 groupname",
     .tips = "nondeterministic_output",
     .history = "7.2.0 inactive, and idle is since the last attempt"},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclStream,
     .handler = xinfo_help,
     .route = Route::kSession,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "groups",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclStream,
     .handler = xinfo_groups,
     .keys = {key_at(2, "RO access")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Lists the consumer groups of a stream.",
     .complexity = "O(N) where N is the number of groups",
     .syntax = "key#0",
     .history = "7.0.0 What groups have read, and how much is left"},
};

constexpr CommandRow kRows[] = {
    {.name = "xinfo",
     .arity = -2,
     .flags = 0,
     .acl = 0,
     .handler = nullptr,
     .subcommands = kInfoRows,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Holds the commands that tell about streams.",
     .complexity = "That of the subcommand"},
};

}  // namespace

std::span<const CommandRow> stream_info_commands() {
  return kRows;
}

}  // namespace pollux
