// Consumer groups of streams: XGROUP, XACK, XPENDING. (Reading: stream_read.cc; taking over what is
// pending: stream_claim.cc.)
#include <algorithm>
#include <iterator>
#include <optional>

#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/stream_args.h"

namespace pollux {

namespace {

// --- XGROUP ---

constexpr std::string_view kStreamMissing =
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use "
    "the MKSTREAM option to create an empty stream automatically.";

struct GroupOptions {
  bool make_stream = false;
  int64_t entries_read = StreamGroup::kUnknown;
};

// MKSTREAM, where it is `creating`, and ENTRIESREAD, from argument 5 on.
bool read_group_options(Context& ctx, bool creating, GroupOptions& options) {
  for (size_t at = 5; at < ctx.args.size(); ++at) {
    if (creating && is_word(ctx.args[at], "mkstream")) {
      options.make_stream = true;
    } else if (is_word(ctx.args[at], "entriesread") && at + 1 < ctx.args.size()) {
      if (!read_int64(ctx, ++at, options.entries_read)) {
        return false;
      }
      if (options.entries_read < 0 && options.entries_read != StreamGroup::kUnknown) {
        ctx.reply.error("ERR value for ENTRIESREAD must be positive or -1");
        return false;
      }
    } else {
      ctx.reply.error(error_text::wrong_subcommand(ctx.args[1], "XGROUP"));
      return false;
    }
  }
  return true;
}

// The stream must be there; an error is answered.
bool check_stream_there(Context& ctx, const Edit& edit) {
  if (edit.entry() == nullptr) {
    ctx.reply.error(kStreamMissing);
    return false;
  }
  return check_stream(ctx, *edit.entry());
}

// The group in argument 3, with its stream; null with an error answered.
StreamGroup* find_group(Context& ctx, const Edit& edit) {
  if (!check_stream_there(ctx, edit)) {
    return nullptr;
  }
  StreamGroup* const group = Stream::of(*edit.entry()).group(ctx.args[3]);
  if (group == nullptr) {
    reply_no_group_of_key(ctx, ctx.args[2], ctx.args[3]);
  }
  return group;
}

void xgroup_create(Context& ctx) {
  GroupOptions options;
  if (!read_group_options(ctx, /*creating=*/true, options)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(2));
  const bool is_new = edit.entry() == nullptr && options.make_stream;
  if (!is_new && !check_stream_there(ctx, edit)) {
    return;
  }
  if (ctx.args.size() > 8) {
    ctx.reply.error(error_text::wrong_subcommand(ctx.args[1], "XGROUP"));
    return;
  }
  StreamId id;
  if (up_to_nul(ctx.args[4]) == "$") {
    id = is_new ? kStreamIdMin : Stream::of(*edit.entry()).last_id();
  } else if (!read_stream_id(ctx, 4, id)) {
    return;
  }
  if (!is_new && Stream::of(*edit.entry()).group(ctx.args[3]) != nullptr) {
    ctx.reply.error("BUSYGROUP Consumer Group name already exists");
    return;
  }
  make_stream(edit).add_group(ctx.args[3], id, options.entries_read);
  if (is_new) {
    edit.notify(KeyEvent::kUnnamed, 0);
  }
  edit.notify(KeyEvent::kXGroupCreate);
  ctx.reply.ok();
}

void xgroup_setid(Context& ctx) {
  GroupOptions options;
  if (!read_group_options(ctx, /*creating=*/false, options)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(2));
  StreamGroup* const group = find_group(ctx, edit);
  if (group == nullptr) {
    return;
  }
  if (ctx.args.size() != 5 && ctx.args.size() != 7) {
    ctx.reply.error(error_text::wrong_subcommand(ctx.args[1], "XGROUP"));
    return;
  }
  std::optional<StreamId> id;
  if (up_to_nul(ctx.args[4]) == "$") {
    id = Stream::of(*edit.entry()).last_id();
  } else {
    id = parse_stream_bound(ctx.args[4], 0);
  }
  if (!id) {
    ctx.reply.error(kInvalidStreamId);
    return;
  }
  writable_stream(edit);
  group->set_last_id(*id);
  group->entries_read = options.entries_read;
  edit.notify(KeyEvent::kXGroupSetId);
  ctx.reply.ok();
}

void xgroup_destroy(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(2));
  if (!check_stream_there(ctx, edit)) {
    return;
  }
  StreamGroup* const group = Stream::of(*edit.entry()).group(ctx.args[3]);
  if (group == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  writable_stream(edit).remove_group(*group);
  edit.notify(KeyEvent::kXGroupDestroy);
  ctx.reply.integer(1);
}

void xgroup_createconsumer(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(2));
  StreamGroup* const group = find_group(ctx, edit);
  if (group == nullptr) {
    return;
  }
  if (group->consumer(ctx.args[4]) != nullptr) {
    ctx.reply.integer(0);
    return;
  }
  writable_stream(edit);
  group->add_consumer(ctx.args[4], ctx.keys.now().ms());
  edit.notify(KeyEvent::kXGroupCreateConsumer);
  ctx.reply.integer(1);
}

void xgroup_delconsumer(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(2));
  StreamGroup* const group = find_group(ctx, edit);
  if (group == nullptr) {
    return;
  }
  StreamConsumer* const consumer = group->consumer(ctx.args[4]);
  if (consumer == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  writable_stream(edit);
  ctx.reply.integer(static_cast<int64_t>(group->remove_consumer(*consumer)));
  edit.notify(KeyEvent::kXGroupDelConsumer);
}

void xgroup_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
      "    A group that reads what comes behind the id. MKSTREAM makes the stream if there is",
      "    none, ENTRIESREAD says how many entries the group is thought to have read.",
      "CREATECONSUMER <key> <group> <consumer>",
      "    A consumer in a group.",
      "DELCONSUMER <key> <group> <consumer>",
      "    Remove a consumer, and what is pending with it.",
      "DESTROY <key> <group>",
      "    Remove a group.",
      "SETID <key> <group> <id|$> [ENTRIESREAD <n>]",
      "    Let the group go on reading behind the id.",
      "HELP",
      "    Print this help.",
  };
  reply_lines(ctx.reply, kLines);
}

// --- XACK ---

void xack(Context& ctx) {
  const Key key = ctx.key(1);
  Edit edit(ctx.keys, key);
  count_read(ctx, key, edit.entry());
  if (edit.entry() != nullptr && !check_stream(ctx, *edit.entry())) {
    return;
  }
  StreamGroup* const group =
      edit.entry() == nullptr ? nullptr : Stream::of(*edit.entry()).group(ctx.args[2]);
  if (group == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  if (!check_stream_ids(ctx, 3)) {
    return;
  }
  writable_stream(edit);
  int64_t count = 0;
  for (const std::string_view arg : ctx.args.subspan(3)) {
    count += group->acknowledge(checked_stream_id(arg)) ? 1 : 0;
  }
  if (count > 0) {
    edit.notify(KeyEvent::kXGroupUse, static_cast<uint64_t>(count));
  } else {
    edit.keep_quiet();
  }
  ctx.reply.integer(count);
}

// --- XPENDING ---

struct PendingRange {
  int64_t min_idle_ms = 0;
  StreamId start;
  StreamId end;
  uint64_t count = 0;
  size_t consumer_at = 0;  // its argument; 0: of all consumers
};

// [IDLE ms] start end count [consumer]
bool read_pending_range(Context& ctx, PendingRange& range) {
  size_t at = 3;
  if (is_word(ctx.args[3], "idle")) {
    if (!read_int64(ctx, 4, range.min_idle_ms)) {
      return false;
    }
    if (ctx.args.size() < 8) {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
    at = 5;
  }
  int64_t count = 0;
  if (!read_int64(ctx, at + 2, count) || !read_range_start(ctx, at, range.start) ||
      !read_range_end(ctx, at + 1, range.end)) {
    return false;
  }
  range.count = static_cast<uint64_t>(std::max<int64_t>(count, 0));
  range.consumer_at = at + 3 < ctx.args.size() ? at + 3 : 0;
  return true;
}

void reply_pending_summary(Reply& reply, const StreamGroup& group) {
  reply.array(4);
  reply.integer(static_cast<int64_t>(group.pending().size()));
  if (group.pending().empty()) {
    reply.null();
    reply.null();
    reply.null_array();
    return;
  }
  reply_stream_id(reply, group.pending().first().key());
  reply_stream_id(reply, group.pending().last().key());
  size_t busy = 0;
  for (auto at = group.consumers().first(); !at.at_end(); at.next()) {
    busy += at.value()->pending().empty() ? 0 : 1;
  }
  reply.array(busy);
  for (auto at = group.consumers().first(); !at.at_end(); at.next()) {
    if (!at.value()->pending().empty()) {
      reply.array(2);
      reply.bulk(at.key());
      reply.bulk_int64(static_cast<int64_t>(at.value()->pending().size()));
    }
  }
}

// visit(id, StreamPending) for what the range names, until it says false. `consumer` may be null.
template <typename Visit>
void walk_pending(const StreamGroup& group, const StreamConsumer* consumer,
                  const PendingRange& range, int64_t now_ms, Visit visit) {
  const auto look = [&](StreamId id, const StreamPending& pending) {
    const int64_t idle = pending.idle_ms(now_ms);
    return (range.min_idle_ms != 0 && idle < range.min_idle_ms) || visit(id, pending);
  };
  if (consumer == nullptr) {
    for (auto at = group.pending().from(range.start); !at.at_end() && at.key() <= range.end;
         at.next()) {
      if (!look(at.key(), at.value())) {
        return;
      }
    }
    return;
  }
  for (auto at = consumer->pending().from(range.start); !at.at_end() && at.key() <= range.end;
       at.next()) {
    if (!look(at.key(), *group.find(at.key()))) {
      return;
    }
  }
}

void reply_pending_range(Context& ctx, const StreamGroup& group, const PendingRange& range) {
  const StreamConsumer* consumer = nullptr;
  if (range.consumer_at != 0) {
    consumer = group.consumer(ctx.args[range.consumer_at]);
    if (consumer == nullptr) {
      ctx.reply.array(0);
      return;
    }
  }
  const int64_t now_ms = ctx.keys.now().ms();
  uint64_t count = 0;
  if (range.count > 0) {
    walk_pending(group, consumer, range, now_ms, [&](StreamId, const StreamPending&) {
      return ++count < range.count;
    });
  }
  ctx.reply.array(count);
  if (count == 0) {
    return;
  }
  walk_pending(group, consumer, range, now_ms, [&](StreamId id, const StreamPending& pending) {
    ctx.reply.array(4);
    reply_stream_id(ctx.reply, id);
    ctx.reply.bulk(pending.consumer()->name());
    ctx.reply.integer(pending.idle_ms(now_ms));
    ctx.reply.integer(static_cast<int64_t>(pending.deliveries()));
    return --count > 0;
  });
}

void xpending(Context& ctx) {
  const size_t args = ctx.args.size();
  const bool summary = args == 3;
  if (!summary && (args < 6 || args > 9)) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  PendingRange range;
  if (!summary && !read_pending_range(ctx, range)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry != nullptr && !check_stream(ctx, *entry)) {
    return;
  }
  const StreamGroup* const group =
      entry == nullptr ? nullptr : Stream::of(*entry).group(ctx.args[2]);
  if (group == nullptr) {
    reply_no_group(ctx, ctx.args[1], ctx.args[2]);
  } else if (summary) {
    reply_pending_summary(ctx.reply, *group);
  } else {
    reply_pending_range(ctx, *group, range);
  }
}

// --- the table ---

constexpr CommandRow kGroupRows[] = {
    {.name = "create",
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .acl = kAclStream,
     .handler = xgroup_create,
     .keys = {key_at(2, "RW insert")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Makes a consumer group.",
     .complexity = "O(log N) where N is the number of groups",
     .syntax = "key#0 groupname id=(id|new_id=$) [MKSTREAM] [ENTRIESREAD entries_read:integer]",
     .history = "7.0.0 ENTRIESREAD"},
    {.name = "delconsumer",
     .arity = 5,
     .flags = kWrite,
     .acl = kAclStream,
     .handler = xgroup_delconsumer,
     .keys = {key_at(2, "RW delete")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Removes a consumer from a group.",
     .complexity = "O(N) where N is the number of entries that are pending with it",
     .syntax = "key#0 groupname consumername"},
    {.name = "createconsumer",
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .acl = kAclStream,
     .handler = xgroup_createconsumer,
     .keys = {key_at(2, "RW insert")},
     .group = "stream",
     .since = "6.2.0",
     .summary = "Makes a consumer in a group.",
     .complexity = "O(log N) where N is the number of consumers",
     .syntax = "key#0 groupname consumername"},
    {.name = "destroy",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclStream,
     .handler = xgroup_destroy,
     .keys = {key_at(2, "RW delete")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Removes a consumer group.",
     .complexity = "O(1): its memory is freed later",
     .syntax = "key#0 groupname"},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclStream,
     .handler = xgroup_help,
     .route = Route::kSession,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "setid",
     .arity = -5,
     .flags = kWrite,
     .acl = kAclStream,
     .handler = xgroup_setid,
     .keys = {key_at(2, "RW update")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Sets the id behind which a group goes on reading.",
     .complexity = "O(log N) where N is the number of groups",
     .syntax = "key#0 groupname id=(id|new_id=$) [ENTRIESREAD entries_read:integer]",
     .history = "7.0.0 ENTRIESREAD"},
};

constexpr CommandRow kRows[] = {
    {.name = "xgroup",
     .arity = -2,
     .flags = 0,
     .acl = 0,
     .handler = nullptr,
     .subcommands = kGroupRows,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Holds the commands that make, change and remove consumer groups.",
     .complexity = "That of the subcommand"},
    {.name = "xack",
     .arity = -4,
     .flags = kWrite | kFast,
     .acl = kAclStream,
     .handler = xack,
     .keys = {key_at(1, "RW update")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Acknowledges entries of a stream for a group: they are pending no more.",
     .complexity = "O(log N) for each id where N is the number of pending entries",
     .syntax = "key#0 group id..."},
    {.name = "xpending",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclStream,
     .handler = xpending,
     .keys = {key_at(1, "RO access")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Tells which entries of a stream were delivered to a group and not acknowledged.",
     .complexity = "O(log N + M) where N is the number of pending entries and M that of those "
                   "looked at",
     .syntax = "key#0 group [filters=([IDLE min-idle-time:integer]@6.2.0 start end "
               "count:integer [consumer])]",
     .tips = "nondeterministic_output",
     .history = "6.2.0 IDLE, and bounds that are not in the range themselves"},
};

}  // namespace

std::span<const CommandRow> stream_group_commands() {
  return kRows;
}

}  // namespace pollux
