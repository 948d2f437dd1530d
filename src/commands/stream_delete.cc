// Deleting entries of streams with a say in what becomes of groups' references to them, as Redis
// 8.2 has it: XDELEX, and XACKDEL, which acknowledges them for a group first.
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/stream_args.h"

namespace pollux {

namespace {

// What is said of each id.
constexpr int64_t kNoSuchId = -1;
constexpr int64_t kDeleted = 1;
constexpr int64_t kStillReferenced = 2;

struct DeleteOptions {
  StreamRefs refs = StreamRefs::kKeep;
  Args ids;
};

// IDS n id ... in argument `at`, which moves on to the last id.
bool read_ids(Context& ctx, size_t& at, DeleteOptions& options) {
  const auto count = parse_int64(ctx.args[at + 1]);
  if (!count || *count < 1) {
    ctx.reply.error("ERR Number of IDs must be a positive integer");
    return false;
  }
  const size_t first = at + 2;
  if (static_cast<uint64_t>(*count) > ctx.args.size() - first) {
    ctx.reply.error("ERR The `numids` parameter must match the number of arguments");
    return false;
  }
  options.ids = ctx.args.subspan(first, static_cast<size_t>(*count));
  at = first + options.ids.size() - 1;
  return true;
}

// From argument `first` on: one of the words for references at most, and the ids, in any order.
bool read_delete_options(Context& ctx, size_t first, DeleteOptions& options) {
  bool refs_given = false;
  for (size_t at = first; at < ctx.args.size(); ++at) {
    if (!refs_given && is_refs_word(ctx.args[at], options.refs)) {
      refs_given = true;
    } else if (is_word(ctx.args[at], "ids") && at + 1 < ctx.args.size()) {
      if (!read_ids(ctx, at, options)) {
        return false;
      }
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  if (options.ids.empty()) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  for (const std::string_view id : options.ids) {
    if (!parse_stream_id(id, 0)) {
      ctx.reply.error(kInvalidStreamId);
      return false;
    }
  }
  return true;
}

void reply_none(Context& ctx, size_t count) {
  ctx.reply.array(count);
  for (size_t i = 0; i < count; ++i) {
    ctx.reply.integer(kNoSuchId);
  }
}

// What was done to the stream and its groups, to be told once.
struct Changes {
  explicit Changes(const Context& ctx) : noted(ctx.effects != nullptr) {}

  const bool noted;  // what went is of interest
  uint64_t entries = 0;
  bool groups = false;
  StreamLosses losses;

  void tell(Context& ctx, Edit& edit) const {
    if (entries > 0) {
      edit.notify(KeyEvent::kXDel, entries);
    } else if (groups) {
      edit.notify(KeyEvent::kXGroupUse);
    } else {
      edit.keep_quiet();
    }
    tell_unreferenced(ctx, ctx.args[1], losses);
    tell_deleted(ctx, ctx.args[1], losses.entries);
  }
};

int64_t delete_entry(Stream& stream, StreamId id, StreamRefs refs, Changes& changes) {
  if (refs == StreamRefs::kDelete) {
    changes.groups =
        stream.forget(id, changes.noted ? &changes.losses : nullptr) || changes.groups;
  } else if (refs == StreamRefs::kAcked && stream.is_referenced(id)) {
    return stream.contains(id) ? kStillReferenced : kNoSuchId;
  }
  const bool deleted = stream.erase(id);
  if (deleted) {
    ++changes.entries;
    if (changes.noted) {
      changes.losses.entries.push_back(id);
    }
  }
  return deleted ? kDeleted : kNoSuchId;
}

void xdelex(Context& ctx) {
  DeleteOptions options;
  if (!read_delete_options(ctx, 2, options)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    reply_none(ctx, options.ids.size());
    return;
  }
  if (!check_stream(ctx, *edit.entry())) {
    return;
  }
  Stream& stream = writable_stream(edit);
  Changes changes(ctx);
  ctx.reply.array(options.ids.size());
  for (const std::string_view id : options.ids) {
    ctx.reply.integer(delete_entry(stream, checked_stream_id(id), options.refs, changes));
  }
  changes.tell(ctx, edit);
}

// An entry that was pending is deleted if it may be, and if it is still there.
int64_t acknowledge_and_delete(Stream& stream, StreamGroup& group, StreamId id, StreamRefs refs,
                               Changes& changes) {
  if (!group.acknowledge(id)) {
    return kNoSuchId;
  }
  changes.groups = true;
  if (changes.noted) {
    changes.losses.references.push_back({&group, id});
  }
  const int64_t result = delete_entry(stream, id, refs, changes);
  return result == kNoSuchId ? kDeleted : result;
}

void xackdel(Context& ctx) {
  DeleteOptions options;
  if (!read_delete_options(ctx, 3, options)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() != nullptr && !check_stream(ctx, *edit.entry())) {
    return;
  }
  StreamGroup* const group =
      edit.entry() == nullptr ? nullptr : Stream::of(*edit.entry()).group(ctx.args[2]);
  if (group == nullptr) {
    reply_none(ctx, options.ids.size());
    return;
  }
  Stream& stream = writable_stream(edit);
  Changes changes(ctx);
  ctx.reply.array(options.ids.size());
  for (const std::string_view id : options.ids) {
    ctx.reply.integer(
        acknowledge_and_delete(stream, *group, checked_stream_id(id), options.refs, changes));
  }
  changes.tell(ctx, edit);
}

// --- the table ---

constexpr CommandRow kRows[] = {
    {.name = "xdelex",
     .arity = -5,
     .flags = kWrite | kFast,
     .acl = kAclStream,
     .handler = xdelex,
     .keys = {key_at(1, "RW delete")},
     .group = "stream",
     .since = "8.2.0",
     .summary = "Deletes entries of a stream, with their references in groups or if there is none.",
     .complexity = "O(log B + G log P) for each id where B is the number of blocks, G that of "
                   "groups, P that of entries pending in one",
     .syntax = "key#0 [condition=(KEEPREF|DELREF|ACKED)] IDS ids=(numids:integer id...)"},
    {.name = "xackdel",
     .arity = -6,
     .flags = kWrite | kFast,
     .acl = kAclStream,
     .handler = xackdel,
     .keys = {key_at(1, "RW update delete")},
     .group = "stream",
     .since = "8.2.0",
     .summary = "Acknowledges entries of a stream for a group, and deletes them.",
     .complexity = "O(log B + G log P) for each id where B is the number of blocks, G that of "
                   "groups, P that of entries pending in one",
     .syntax = "key#0 group [condition=(KEEPREF|DELREF|ACKED)] IDS ids=(numids:integer id...)"},
};

}  // namespace

std::span<const CommandRow> stream_delete_commands() {
  return kRows;
}

}  // namespace pollux
