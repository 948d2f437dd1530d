// Streams as logs: appending, ranges, deleting and trimming. (Reading what is new:
// stream_read.cc; groups: stream_group.cc, stream_claim.cc; XINFO: stream_info.cc.)
#include <algorithm>
#include <optional>

#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/stream_args.h"

namespace pollux {

namespace {

// --- what XADD and XTRIM have in common ---

struct AddOptions {
  StreamTrim trim;
  bool make = true;                  // a stream that is not there
  std::optional<StreamIdPattern> id;  // none: "*"
  size_t fields_at = 0;
};

// The trimming that a client has asked for with MAXLEN or MINID in argument `at`, which moves on to
// the threshold.
bool read_threshold(Context& ctx, size_t& at, StreamTrim& trim) {
  if (trim.by != StreamTrim::By::kNothing) {
    ctx.reply.error(
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
    return false;
  }
  const bool by_length = is_word(ctx.args[at], "maxlen");
  ++at;
  const bool has_more = at + 1 < ctx.args.size();
  const std::string_view sign = up_to_nul(ctx.args[at]);
  trim.approximate = has_more && sign == "~";
  at += has_more && (sign == "~" || sign == "=") ? 1 : 0;
  if (!by_length) {
    trim.by = StreamTrim::By::kMinId;
    return read_stream_id(ctx, at, trim.min_id);
  }
  int64_t length = 0;
  if (!read_int64(ctx, at, length)) {
    return false;
  }
  if (length < 0) {
    ctx.reply.error("ERR The MAXLEN argument must be >= 0.");
    return false;
  }
  trim.by = StreamTrim::By::kLength;
  trim.length = static_cast<uint64_t>(length);
  return true;
}

// Where no LIMIT is given, an approximate trim ends after a hundred blocks.
uint64_t default_limit(const EncodingLimits& limits) {
  constexpr int64_t kBlocks = 100;
  constexpr int64_t kUnlimited = 10'000;
  constexpr int64_t kMax = 1'000'000;
  const int64_t entries = limits.stream_node_entries;
  return static_cast<uint64_t>(entries <= 0             ? kUnlimited
                               : entries > kMax / kBlocks ? kMax
                                                          : kBlocks * entries);
}

bool finish_options(Context& ctx, StreamTrim& trim, const std::optional<int64_t>& limit,
                    bool adding) {
  if (limit.value_or(0) != 0 && trim.by == StreamTrim::By::kNothing) {
    ctx.reply.error(
        "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
    return false;
  }
  if (!adding && trim.by == StreamTrim::By::kNothing) {
    ctx.reply.error("ERR syntax error, XTRIM must be called with a trimming strategy");
    return false;
  }
  if (limit && !trim.approximate) {
    ctx.reply.error("ERR syntax error, LIMIT cannot be used without the special ~ option");
    return false;
  }
  trim.limit = limit ? static_cast<uint64_t>(*limit)
                     : trim.approximate ? default_limit(ctx.config.encoding) : 0;
  return true;
}

// Options, and for XADD the id behind them.
bool read_options(Context& ctx, bool adding, AddOptions& options) {
  std::optional<int64_t> limit;
  bool refs_given = false;
  size_t at = 2;
  for (; at < ctx.args.size(); ++at) {
    const std::string_view arg = ctx.args[at];
    const bool has_more = at + 1 < ctx.args.size();
    if (adding && up_to_nul(arg) == "*") {
      break;
    }
    if (has_more && (is_word(arg, "maxlen") || is_word(arg, "minid"))) {
      if (!read_threshold(ctx, at, options.trim)) {
        return false;
      }
    } else if (has_more && is_word(arg, "limit")) {
      int64_t value = 0;
      if (!read_int64(ctx, ++at, value)) {
        return false;
      }
      if (value < 0) {
        ctx.reply.error("ERR The LIMIT argument must be >= 0.");
        return false;
      }
      limit = value;
    } else if (adding && is_word(arg, "nomkstream")) {
      options.make = false;
    } else if (!refs_given && is_refs_word(arg, options.trim.refs)) {
      refs_given = true;
    } else if (adding) {
      options.id = parse_stream_id_pattern(arg);
      if (!options.id) {
        ctx.reply.error(kInvalidStreamId);
        return false;
      }
      break;
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  options.fields_at = at + 1;
  return finish_options(ctx, options.trim, limit, adding);
}

// --- appending ---

// The id of the next entry; none if what the client has asked for is not behind the last one.
std::optional<StreamId> next_id(const std::optional<StreamIdPattern>& asked, StreamId last,
                                Instant now) {
  if (!asked) {
    const auto ms = static_cast<uint64_t>(now.ms());
    return ms > last.ms ? StreamId{ms, 0} : next_stream_id(last);
  }
  StreamId id = asked->id;
  if (asked->any_seq && id.ms == last.ms) {
    if (last.seq == UINT64_MAX) {
      return std::nullopt;
    }
    id.seq = last.seq + 1;
  }
  return id > last ? std::optional(id) : std::nullopt;
}

// What goes by a trim of the stream in argument 1: its first entries, and, by ACKED, some behind
// those that stay; and what was pending of them.
void tell_trimmed(Context& ctx, const Stream& stream, uint64_t removed,
                  const StreamLosses& losses) {
  if (ctx.effects == nullptr) {
    return;
  }
  std::span<const StreamId> behind = losses.entries;
  while (!behind.empty() && (stream.length() == 0 || behind.front() < stream.first_id())) {
    behind = behind.subspan(1);
  }
  if (removed > behind.size()) {
    ctx.effects->add({"XTRIM", ctx.args[1], "MAXLEN", "=",
                      NumberText(uint64_t{stream.length() + behind.size()})});
  }
  tell_deleted(ctx, ctx.args[1], behind);
  tell_unreferenced(ctx, ctx.args[1], losses);
}

// The words do, unless they leave something open: the id, or where exactly the trim ended.
void tell_added(Context& ctx, const AddOptions& options, StreamId id, const Stream& stream,
                uint64_t removed, const StreamLosses& losses) {
  const bool trims = options.trim.by != StreamTrim::By::kNothing;
  const bool plain = options.trim.refs == StreamRefs::kKeep;
  if (ctx.effects == nullptr || (options.id && !options.id->any_seq && plain &&
                                 !(trims && options.trim.approximate))) {
    return;
  }
  {
    EffectWords xadd(*ctx.effects, {"XADD", ctx.args[1]});
    if (plain && removed > 0) {
      xadd.word("MAXLEN");
      xadd.word("=");
      xadd.word(NumberText(stream.length()));
    }
    xadd.word(StreamIdText(id));
    for (const std::string_view word : ctx.args.subspan(options.fields_at)) {
      xadd.word(word);
    }
  }
  if (!plain) {
    tell_trimmed(ctx, stream, removed, losses);
  }
}

void xadd(Context& ctx) {
  AddOptions options;
  if (!read_options(ctx, /*adding=*/true, options)) {
    return;
  }
  const StreamFields fields =
      ctx.args.subspan(std::min(options.fields_at, ctx.args.size()));
  if (fields.size() < 2 || fields.size() % 2 == 1) {
    reply_error_quoting(ctx.reply, "ERR wrong number of arguments for '", ctx.row.name,
                        "' command");
    return;
  }
  if (options.id && !options.id->any_seq && options.id->id == kStreamIdMin) {
    ctx.reply.error("ERR The ID specified in XADD must be greater than 0-0");
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  StreamId last;
  if (edit.entry() != nullptr) {
    if (!check_stream(ctx, *edit.entry())) {
      return;
    }
    last = Stream::of(*edit.entry()).last_id();
  } else if (!options.make) {
    ctx.reply.null();
    return;
  }
  if (last == kStreamIdMax) {
    ctx.reply.error(
        "ERR The stream has exhausted the last possible ID, unable to add more items");
    return;
  }
  const std::optional<StreamId> id = next_id(options.id, last, ctx.keys.now());
  if (!id) {
    ctx.reply.error(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item");
    return;
  }
  if (!Stream::fits(fields)) {
    ctx.reply.error("ERR Elements are too large to be stored");
    return;
  }
  Stream& stream = make_stream(edit);
  stream.append(*id, fields, ctx.config.encoding);
  reply_stream_id(ctx.reply, *id);
  edit.notify(KeyEvent::kXAdd);
  StreamLosses losses;
  options.trim.losses = ctx.effects != nullptr ? &losses : nullptr;
  uint64_t removed = 0;
  if (options.trim.by != StreamTrim::By::kNothing) {
    removed = stream.trim(options.trim);
    if (removed > 0) {
      edit.notify(KeyEvent::kXTrim, 0);
    }
  }
  tell_added(ctx, options, *id, stream, removed, losses);
}

// --- reading ---

void xlen(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.integer(0);
  } else if (check_stream(ctx, *entry)) {
    ctx.reply.integer(static_cast<int64_t>(Stream::of(*entry).length()));
  }
}

// COUNT among the arguments from number 4 on; a negative one is 0.
bool read_count(Context& ctx, std::optional<int64_t>& count) {
  for (size_t i = 4; i < ctx.args.size(); i += 2) {
    int64_t value = 0;
    if (!is_word(ctx.args[i], "count") || i + 1 == ctx.args.size()) {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
    if (!read_int64(ctx, i + 1, value)) {
      return false;
    }
    count = std::max<int64_t>(value, 0);
  }
  return true;
}

// The two bounds come in the order in which they are read.
bool read_xrange(Context& ctx, bool backward, StreamId& from, StreamId& to,
                 std::optional<int64_t>& count) {
  return read_range_start(ctx, backward ? 3 : 2, from) &&
         read_range_end(ctx, backward ? 2 : 3, to) && read_count(ctx, count);
}

void range(Context& ctx, bool backward) {
  StreamId from;
  StreamId to;
  std::optional<int64_t> count;
  if (!read_xrange(ctx, backward, from, to, count)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.array(0);
    return;
  }
  if (!check_stream(ctx, *entry)) {
    return;
  }
  if (count == 0) {
    ctx.reply.null_array();
    return;
  }
  const Stream& stream = Stream::of(*entry);
  const uint64_t max = count ? static_cast<uint64_t>(*count) : UINT64_MAX;
  if (!backward) {
    reply_stream_range(ctx.reply, stream, from, to, max);
    return;
  }
  uint64_t left = stream.count(from, to, max);
  ctx.reply.array(left);
  if (left > 0) {
    stream.walk_back(from, to, [&](const StreamEntry& item) {
      reply_stream_entry(ctx.reply, item);
      return --left > 0;
    });
  }
}

void xrange(Context& ctx) {
  range(ctx, /*backward=*/false);
}
void xrevrange(Context& ctx) {
  range(ctx, /*backward=*/true);
}

// --- removing ---

void xdel(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  if (!check_stream(ctx, *edit.entry()) || !check_stream_ids(ctx, 2)) {
    return;
  }
  Stream& stream = writable_stream(edit);
  int64_t deleted = 0;
  for (const std::string_view arg : ctx.args.subspan(2)) {
    deleted += stream.erase(checked_stream_id(arg)) ? 1 : 0;
  }
  if (deleted > 0) {
    edit.notify(KeyEvent::kXDel, static_cast<uint64_t>(deleted));
  } else {
    edit.keep_quiet();
  }
  ctx.reply.integer(deleted);
}

void xtrim(Context& ctx) {
  AddOptions options;
  if (!read_options(ctx, /*adding=*/false, options)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  if (!check_stream(ctx, *edit.entry())) {
    return;
  }
  StreamLosses losses;
  options.trim.losses = ctx.effects != nullptr ? &losses : nullptr;
  Stream& stream = writable_stream(edit);
  const uint64_t removed = stream.trim(options.trim);
  if (removed > 0) {
    edit.notify(KeyEvent::kXTrim, removed);
  } else {
    edit.keep_quiet();
  }
  if (options.trim.approximate || options.trim.refs != StreamRefs::kKeep) {
    tell_trimmed(ctx, stream, removed, losses);
  }
  ctx.reply.integer(static_cast<int64_t>(removed));
}

// --- XSETID ---

struct SetIdOptions {
  StreamId last;
  StreamId max_deleted;  // 0-0: not given
  std::optional<int64_t> added;
};

bool read_setid_options(Context& ctx, SetIdOptions& options) {
  if (!read_stream_id(ctx, 2, options.last)) {
    return false;
  }
  for (size_t i = 3; i < ctx.args.size(); i += 2) {
    const bool has_more = i + 1 < ctx.args.size();
    if (has_more && is_word(ctx.args[i], "entriesadded")) {
      int64_t added = 0;
      if (!read_int64(ctx, i + 1, added)) {
        return false;
      }
      if (added < 0) {
        ctx.reply.error("ERR entries_added must be positive");
        return false;
      }
      options.added = added;
    } else if (has_more && is_word(ctx.args[i], "maxdeletedid")) {
      if (!read_stream_id(ctx, i + 1, options.max_deleted)) {
        return false;
      }
      if (options.last < options.max_deleted) {
        ctx.reply.error(
            "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        return false;
      }
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  return true;
}

// What the stream is must allow it.
bool check_setid(Context& ctx, const Stream& stream, const SetIdOptions& options) {
  if (stream.length() == 0) {
    return true;
  }
  if (options.last < stream.last_entry_id()) {
    ctx.reply.error("ERR The ID specified in XSETID is smaller than the target stream top item");
    return false;
  }
  if (options.added && static_cast<uint64_t>(*options.added) < stream.length()) {
    ctx.reply.error(
        "ERR The entries_added specified in XSETID is smaller than the target stream length");
    return false;
  }
  return true;
}

void xsetid(Context& ctx) {
  SetIdOptions options;
  if (!read_setid_options(ctx, options)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.error(error_text::kNoSuchKey);
    return;
  }
  if (!check_stream(ctx, *edit.entry()) ||
      !check_setid(ctx, Stream::of(*edit.entry()), options)) {
    return;
  }
  Stream& stream = writable_stream(edit);
  stream.set_last_id(options.last);
  if (options.added) {
    stream.set_entries_added(static_cast<uint64_t>(*options.added));
  }
  if (options.max_deleted != kStreamIdMin) {
    stream.set_max_deleted_id(options.max_deleted);
  }
  ctx.reply.ok();
  edit.notify(KeyEvent::kXSetId);
}

// --- the table ---

constexpr std::string_view kRangeCost =
    "O(log B + N) where B is the number of blocks and N that of entries returned";

constexpr CommandRow kRows[] = {
    {.name = "xadd",
     .arity = -5,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclStream,
     .handler = xadd,
     .keys = {key_at(1, "RW update",
                     "UPDATE instead of INSERT because of the optional trimming feature")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Appends an entry to a stream.",
     .complexity = "O(1); with trimming O(N) where N is the number of entries that go",
     .syntax = "key#0 [NOMKSTREAM]@6.2.0 [condition=(KEEPREF|DELREF|ACKED)]@8.2.0 "
               "[trim=(strategy=(MAXLEN|MINID@6.2.0) [operator=(equal==|approximately=~)] "
               "threshold [LIMIT count:integer]@6.2.0)] id-or-auto=(auto-id=*|id) "
               "field-value=(field value)...",
     .tips = "nondeterministic_output",
     .history = "6.2.0 NOMKSTREAM, MINID and LIMIT;7.0.0 Ids of the form `ms-*`"},
    {.name = "xlen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclStream,
     .handler = xlen,
     .keys = {key_at(1, "RO")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Says how many entries a stream has.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "xrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclStream,
     .handler = xrange,
     .keys = {key_at(1, "RO access")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Returns the entries of a stream between two ids.",
     .complexity = kRangeCost,
     .syntax = "key#0 start end [COUNT count:integer]",
     .history = "6.2.0 Bounds that are not in the range themselves"},
    {.name = "xrevrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclStream,
     .handler = xrevrange,
     .keys = {key_at(1, "RO access")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Returns the entries of a stream between two ids, the last one first.",
     .complexity = kRangeCost,
     .syntax = "key#0 end start [COUNT count:integer]",
     .history = "6.2.0 Bounds that are not in the range themselves"},
    {.name = "xdel",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclStream,
     .handler = xdel,
     .keys = {key_at(1, "RW delete")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Deletes entries of a stream by their ids.",
     .complexity = "O(log B) for each id where B is the number of blocks",
     .syntax = "key#0 id..."},
    {.name = "xtrim",
     .arity = -4,
     .flags = kWrite | kLong,
     .acl = kAclStream,
     .handler = xtrim,
     .keys = {key_at(1, "RW delete")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Deletes the first entries of a stream, down to a length or up to an id.",
     .complexity = "O(N) where N is the number of entries that go; whole blocks go at once",
     .syntax = "key#0 trim=(strategy=(MAXLEN|MINID@6.2.0) [operator=(equal==|approximately=~)] "
               "threshold [LIMIT count:integer]@6.2.0 "
               "[condition=(KEEPREF|DELREF|ACKED)]@8.2.0)",
     .tips = "nondeterministic_output",
     .history = "6.2.0 MINID and LIMIT"},
    {.name = "xsetid",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclStream,
     .handler = xsetid,
     .keys = {key_at(1, "RW update")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Sets what a stream says its last id is, for those who rebuild one.",
     .complexity = "O(1)",
     .syntax = "key#0 last-id [ENTRIESADDED entries_added:integer]@7.0.0 "
               "[MAXDELETEDID max_deleted_entry_id]@7.0.0",
     .history = "7.0.0 ENTRIESADDED and MAXDELETEDID"},
};

}  // namespace

std::span<const CommandRow> stream_commands() {
  return kRows;
}

}  // namespace pollux
