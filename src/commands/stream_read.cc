// Reading what is new in streams: XREAD, and XREADGROUP for a consumer of a group.
//
// A request is served in two steps. First every stream is looked up and all errors are found; then
// those that have something are served, one after the other. If none has, and BLOCK was asked for,
// it waits, and is run again for each stream that changes (Context::ready_key).
//
// XREADGROUP CLAIM, as Redis 8.4 has it, takes first what has been pending for long, whoever had
// it; such a wait is looked at again when the next entry has been pending for so long.
#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "src/commands/blocking.h"
#include "src/commands/families.h"
#include "src/commands/key_extractor.h"
#include "src/commands/rows.h"
#include "src/commands/stream_args.h"

namespace pollux {

namespace {

// What a client has asked for. Of stream number i, the key is in argument keys_at + i and its id
// streams arguments behind.
struct ReadRequest {
  bool grouped = false;  // XREADGROUP
  bool has_group = false;
  std::string_view group;
  std::string_view consumer;
  bool no_ack = false;
  bool claims = false;      // CLAIM: also what has been pending
  int64_t min_idle_ms = 0;  // for so long
  uint64_t count = UINT64_MAX;
  bool block = false;
  int64_t until_ms = 0;  // Wait::until_ms
  size_t keys_at = 0;
  size_t streams = 0;
};

// How one stream is to be read.
struct StreamRead {
  // ">" of a group stands for what nobody has got yet. It is the largest id, which as an id would
  // ask for nothing.
  static constexpr StreamId kNew = kStreamIdMax;

  StreamId after;       // what comes behind it is asked for
  bool serves = false;  // there is something to answer
  // CLAIM: what is taken over, the oldest delivery first, and what was met on the way that is
  // pending, but gone from the stream.
  std::vector<StreamId> claimed;
  std::vector<StreamId> gone;
};

// One for each stream; of a few streams they need no memory.
class StreamReads {
 public:
  explicit StreamReads(size_t count)
      : more_(count > few_.size() ? std::make_unique<StreamRead[]>(count) : nullptr) {}
  StreamRead& operator[](size_t i) { return more_ != nullptr ? more_[i] : few_[i]; }

 private:
  std::array<StreamRead, 4> few_{};
  std::unique_ptr<StreamRead[]> more_;
};

// --- arguments ---

// The argument with the first key; 0 if there is none. Whatever read_request takes as options is
// passed over here, so that both find the same keys.
size_t find_keys(Args args) {
  for (size_t at = 1; at < args.size(); ++at) {
    if (is_word(args[at], "block") || is_word(args[at], "count") || is_word(args[at], "claim")) {
      at += 1;
    } else if (is_word(args[at], "group")) {
      at += 2;
    } else if (is_word(args[at], "streams")) {
      return at + 1 < args.size() ? at + 1 : 0;
    } else if (!is_word(args[at], "noack")) {
      return 0;
    }
  }
  return 0;
}

bool extract_stream_keys(Args args, KeyIndices& keys) {
  const size_t first = find_keys(args);
  if (first == 0 || (args.size() - first) % 2 != 0) {
    return false;
  }
  for (size_t i = first; i < first + (args.size() - first) / 2; ++i) {
    keys.append(i, 0);
  }
  return true;
}

bool set_streams(Context& ctx, size_t first, ReadRequest& request) {
  const size_t left = ctx.args.size() - first;
  if (left % 2 != 0) {
    ctx.reply.error(
        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "
        "specified.");
    return false;
  }
  request.keys_at = first;
  request.streams = left / 2;
  return true;
}

// The min-idle-time of CLAIM.
bool read_min_idle(Context& ctx, size_t index, ReadRequest& request) {
  request.claims = true;
  if (!read_int64(ctx, index, request.min_idle_ms, "ERR min-idle-time is not an integer")) {
    return false;
  }
  if (request.min_idle_ms < 0) {
    ctx.reply.error("ERR min-idle-time must be a positive integer");
    return false;
  }
  return true;
}

// One option of a group; false if it is none, or, with the error answered, not allowed.
bool read_group_option(Context& ctx, size_t& at, ReadRequest& request) {
  const size_t more = ctx.args.size() - at - 1;
  const std::string_view name = is_word(ctx.args[at], "group") && more >= 2   ? "GROUP"
                                : is_word(ctx.args[at], "claim") && more >= 1 ? "CLAIM"
                                : is_word(ctx.args[at], "noack")              ? "NOACK"
                                                                              : "";
  if (name.empty()) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  if (!request.grouped) {
    ctx.reply.error("ERR The " + std::string(name) +
                    " option is only supported by XREADGROUP. You called XREAD instead.");
    return false;
  }
  if (name == "GROUP") {
    request.has_group = true;
    request.group = ctx.args[at + 1];
    request.consumer = ctx.args[at + 2];
    at += 2;
  } else if (name == "NOACK") {
    request.no_ack = true;
  } else if (!read_min_idle(ctx, ++at, request)) {
    return false;
  }
  return true;
}

bool read_request(Context& ctx, ReadRequest& request) {
  const Args args = ctx.args;
  for (size_t at = 1; at < args.size() && request.streams == 0; ++at) {
    const bool has_more = at + 1 < args.size();
    if (has_more && is_word(args[at], "block")) {
      request.block = true;
      if (!read_timeout_ms(ctx, ++at, request.until_ms)) {
        return false;
      }
    } else if (has_more && is_word(args[at], "count")) {
      int64_t count = 0;
      if (!read_int64(ctx, ++at, count)) {
        return false;
      }
      request.count = count > 0 ? static_cast<uint64_t>(count) : UINT64_MAX;
    } else if (has_more && is_word(args[at], "streams")) {
      if (!set_streams(ctx, at + 1, request)) {
        return false;
      }
    } else if (!read_group_option(ctx, at, request)) {
      return false;
    }
  }
  if (request.streams == 0) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  if (request.grouped && !request.has_group) {
    ctx.reply.error("ERR Missing GROUP option for XREADGROUP");
    return false;
  }
  return true;
}

// "$" stands for what comes behind all that was ever there, "+" (Redis 7.4) for the last entry.
bool is_end_of_stream(std::string_view arg) { return arg == "$" || arg == "+"; }

// `stream` may be null.
StreamId last_id_of(const Stream* stream) {
  return stream == nullptr ? kStreamIdMin : stream->last_id();
}
StreamId before_last_entry_of(const Stream* stream) {
  return stream == nullptr || stream->length() == 0
             ? kStreamIdMin
             : previous_stream_id(stream->last_entry_id()).value_or(kStreamIdMin);
}

// The id that stream number `i` is read from. `stream` may be null.
bool read_after(Context& ctx, const ReadRequest& request, const Stream* stream, size_t i,
                StreamId& after) {
  const size_t index = request.keys_at + request.streams + i;
  const std::string_view arg = up_to_nul(ctx.args[index]);
  if (is_end_of_stream(arg)) {
    if (request.grouped) {
      const std::string id = "The " + std::string(arg) + " ID ";
      ctx.reply.error("ERR " + id +
                      "is meaningless in the context of XREADGROUP: you want to read the history "
                      "of this consumer by specifying a proper ID, or use the > ID to get new "
                      "messages. " +
                      id + "would just return an empty result set.");
      return false;
    }
    after = arg == "$" ? last_id_of(stream) : before_last_entry_of(stream);
    return true;
  }
  if (arg == ">") {
    if (!request.grouped) {
      ctx.reply.error(
          "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
          "<consumer> option.");
      return false;
    }
    after = StreamRead::kNew;
    return true;
  }
  return read_stream_id(ctx, index, after);
}

// --- looking up ---

// How many earlier streams of the request have the same key and ask for what is new, too: those are
// served first, and leave less. With CLAIM, the first of them takes over what has been pending.
struct Repetition {
  size_t before = 0;
  size_t first = 0;  // if there is one before
};

// One for each stream. Empty if there can be none.
std::vector<Repetition> repetitions(Context& ctx, const ReadRequest& request, StreamReads& reads) {
  if (request.streams < 2 || !request.grouped) {
    return {};
  }
  std::vector<Repetition> all(request.streams);
  std::vector<size_t> order(request.streams);
  std::iota(order.begin(), order.end(), 0);
  const Args keys = ctx.args.subspan(request.keys_at);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return keys[a] < keys[b]; });
  Repetition now;
  for (size_t n = 0; n < order.size(); ++n) {
    if (n == 0 || keys[order[n]] != keys[order[n - 1]]) {
      now = {};
    }
    all[order[n]] = now;
    if (reads[order[n]].after == StreamRead::kNew) {
      now.first = now.before == 0 ? order[n] : now.first;
      ++now.before;
    }
  }
  return all;
}

// Whether a stream has more to read than `taken`, which is what will be read before.
bool has_new(const Stream& stream, StreamId after, uint64_t taken) {
  if (after >= stream.last_id() || stream.length() == 0 || stream.last_entry_id() <= after) {
    return false;
  }
  return taken == 0 || stream.count(*next_stream_id(after), kStreamIdMax, taken + 1) > taken;
}

uint64_t times(uint64_t count, size_t n) {
  uint64_t product = 0;
  return __builtin_mul_overflow(count, uint64_t{n}, &product) ? UINT64_MAX - 1 : product;
}

// Of entries that are gone from their stream, a look at what is pending forgets at most so many;
// there may be millions (XADD MAXLEN beside a consumer that died).
constexpr size_t kGoneMax = 4096;

// Finds what is to be claimed, the oldest delivery first. Changes nothing.
void find_claims(Context& ctx, const ReadRequest& request, const Stream& stream, StreamRead& read) {
  const int64_t until_ms =
      request.min_idle_ms == 0 ? INT64_MAX : ctx.keys.now().ms() - request.min_idle_ms;
  for (StreamGroup::ByTime at = stream.group(request.group)->by_time();
       read.gone.size() < kGoneMax && read.claimed.size() < request.count && !at.at_end() &&
       at.key().delivered_ms <= until_ms;
       at.next()) {
    (stream.contains(at.key().id) ? read.claimed : read.gone).push_back(at.key().id);
  }
}

// The group of a stream, or the stream, is not there; perhaps not any more.
void reply_group_missing(Context& ctx, const ReadRequest& request, size_t i, const Entry* entry) {
  if (ctx.ready_key == 0) {
    reply_no_group(ctx, ctx.args[request.keys_at + i], request.group,
                   " in XREADGROUP with GROUP option");
  } else if (entry == nullptr || entry->type() != ValueType::kStream) {
    ctx.reply.error("UNBLOCKED the stream key no longer exists");
  } else {
    ctx.reply.error("NOGROUP the consumer group this client was blocked on no longer exists");
  }
}

// Finds all errors, and which streams are served. False if an error was answered.
bool look_up(Context& ctx, const ReadRequest& request, StreamReads& reads, size_t& served) {
  for (size_t i = 0; i < request.streams; ++i) {
    if (!ctx.looks_at(request.keys_at + i)) {
      continue;
    }
    const Entry* entry = ctx.keys.find(ctx.key(request.keys_at + i));
    const bool is_stream = entry != nullptr && entry->type() == ValueType::kStream;
    if (entry != nullptr && ctx.ready_key == 0 && !check_stream(ctx, *entry)) {
      return false;
    }
    const Stream* stream = is_stream ? &Stream::of(*entry) : nullptr;
    if (request.grouped && (stream == nullptr || stream->group(request.group) == nullptr)) {
      reply_group_missing(ctx, request, i, entry);
      return false;
    }
    if (!read_after(ctx, request, stream, i, reads[i].after)) {
      return false;
    }
  }
  const std::vector<Repetition> repeated = repetitions(ctx, request, reads);
  served = 0;
  for (size_t i = 0; i < request.streams; ++i) {
    const Entry* entry = ctx.looks_at(request.keys_at + i)
                             ? ctx.keys.find(ctx.key(request.keys_at + i))
                             : nullptr;
    if (entry == nullptr || entry->type() != ValueType::kStream) {
      continue;
    }
    const Stream& stream = Stream::of(*entry);
    const bool for_new = request.grouped && reads[i].after == StreamRead::kNew;
    const StreamId after = for_new ? stream.group(request.group)->last_id() : reads[i].after;
    uint64_t taken = 0;
    if (!repeated.empty() && repeated[i].before > 0) {
      taken = times(request.count, repeated[i].before) - reads[repeated[i].first].claimed.size();
    } else if (for_new && request.claims) {
      find_claims(ctx, request, stream, reads[i]);
    }
    reads[i].serves = (request.grouped && !for_new) || !reads[i].claimed.empty() ||
                      has_new(stream, after, taken);
    served += reads[i].serves ? 1 : 0;
  }
  return true;
}

// --- serving ---

// What has been given to a consumer; which ids is of interest only to who keeps a history.
class Delivered {
 public:
  explicit Delivered(const Context& ctx) : noted_(ctx.effects != nullptr) {}
  void note(StreamId id) {
    if (noted_) {
      ids_.push_back(id);
    }
  }
  std::span<const StreamId> ids() const { return ids_; }

 private:
  const bool noted_;
  std::vector<StreamId> ids_;
};

// What a consumer has got and not acknowledged. What is gone from the stream comes without fields.
void reply_history(Context& ctx, const ReadRequest& request, const Stream& stream,
                   StreamGroup& group, StreamConsumer& consumer, StreamId after,
                   Delivered& delivered) {
  const auto first = consumer.pending().from(*next_stream_id(after));
  uint64_t count = 0;
  for (auto at = first; !at.at_end() && count < request.count; at.next()) {
    ++count;
  }
  ctx.reply.array(count);
  for (auto at = first; count > 0; at.next(), --count) {
    const StreamId id = at.key();
    ctx.reply.array(2);
    reply_stream_id(ctx.reply, id);
    bool found = false;
    stream.walk(id, id, [&](const StreamEntry& entry) {
      reply_fields(ctx.reply, entry);
      found = true;
      return false;
    });
    if (!found) {
      ctx.reply.null_array();
      continue;
    }
    StreamPending& pending = *group.find(id);
    group.hand_over(id, pending, consumer, ctx.keys.now().ms());
    group.set_deliveries(id, pending, pending.deliveries() + 1);
    delivered.note(id);
  }
}

// An entry as CLAIM has it: with the time since its last delivery and how often there was one.
void reply_with_past(Reply& reply, const StreamEntry& entry, int64_t idle_ms, uint64_t deliveries) {
  reply.array(4);
  reply_stream_id(reply, entry.id);
  reply_fields(reply, entry);
  reply.integer(idle_ms);
  reply.integer(static_cast<int64_t>(deliveries));
}

void reply_claimed(Context& ctx, const Stream& stream, StreamGroup& group, StreamConsumer& consumer,
                   const std::vector<StreamId>& claimed) {
  const int64_t now_ms = ctx.keys.now().ms();
  for (const StreamId id : claimed) {
    StreamPending& pending = *group.find(id);
    stream.walk(id, id, [&](const StreamEntry& entry) {
      reply_with_past(ctx.reply, entry, pending.idle_ms(now_ms), pending.deliveries());
      return false;
    });
    group.hand_over(id, pending, consumer, now_ms);
    group.set_deliveries(id, pending, pending.deliveries() + 1);
  }
}

// What is claimed, and behind it what nobody has got yet. Only who has something to acknowledge is
// active: not with NOACK, nor by a look at his history.
void reply_new(Context& ctx, const ReadRequest& request, const Stream& stream, StreamGroup& group,
               StreamConsumer& consumer, const std::vector<StreamId>& claimed,
               Delivered& delivered) {
  const int64_t now_ms = ctx.keys.now().ms();
  const StreamId after = group.last_id();
  const uint64_t most = request.count - claimed.size();
  uint64_t count = 0;
  if (most == 1 && claimed.empty()) {
    count = 1;  // there is one, or this stream would not be served
  } else if (most > 0) {
    StreamPlace place = group.place;
    stream.walk_on(after, place, [&](const StreamEntry&) { return ++count < most; });
  }
  ctx.reply.array(claimed.size() + count);
  reply_claimed(ctx, stream, group, consumer, claimed);
  for (const StreamId id : claimed) {
    delivered.note(id);
  }
  if (!claimed.empty() || (count > 0 && !request.no_ack)) {
    group.set_active(consumer, now_ms);
  }
  if (count == 0) {
    return;
  }
  stream.walk_on(after, group.place, [&](const StreamEntry& entry) {
    stream.note_read(group, entry.id);
    if (request.claims) {
      reply_with_past(ctx.reply, entry, 0, 0);
    } else {
      reply_stream_entry(ctx.reply, entry);
    }
    if (!request.no_ack) {
      group.deliver(entry.id, consumer, now_ms);
      delivered.note(entry.id);
    }
    return --count > 0;
  });
}

void tell_served(Context& ctx, std::string_view key, const StreamGroup& group, StreamId was_at,
                 const Delivered& delivered) {
  if (ctx.effects == nullptr) {
    return;
  }
  ctx.effects->nothing();  // but what follows: a look at a history that is empty is none
  tell_pending(ctx, key, group, delivered.ids());
  if (group.last_id() != was_at) {
    tell_group_read(ctx, key, group);
  }
}

void serve_group(Context& ctx, const ReadRequest& request, size_t i, const StreamRead& read) {
  Edit edit(ctx.keys, ctx.key(request.keys_at + i));
  Stream& stream = writable_stream(edit);
  StreamGroup& group = *stream.group(request.group);
  const int64_t now_ms = ctx.keys.now().ms();
  StreamConsumer* consumer = group.consumer(request.consumer);
  const std::string_view key = ctx.args[request.keys_at + i];
  if (consumer == nullptr) {
    consumer = &group.add_consumer(request.consumer, now_ms);
    edit.notify(KeyEvent::kXGroupCreateConsumer);
    if (ctx.effects != nullptr) {
      ctx.effects->add({"XGROUP", "CREATECONSUMER", key, request.group, request.consumer});
    }
  }
  group.set_seen(*consumer, now_ms);
  const StreamId was_at = group.last_id();
  Delivered delivered(ctx);
  if (read.after == StreamRead::kNew) {
    reply_new(ctx, request, stream, group, *consumer, read.claimed, delivered);
  } else {
    reply_history(ctx, request, stream, group, *consumer, read.after, delivered);
  }
  // As in redis-server who has waited is not counted.
  edit.notify(KeyEvent::kXGroupUse, ctx.ready_key == 0 ? 1 : 0);
  tell_served(ctx, key, group, was_at, delivered);
}

// A consumer who asks is seen where there is nothing for him, too. As in Redis 7.0, he is made only
// when there is something.
void note_attempts(Context& ctx, const ReadRequest& request, StreamReads& reads) {
  for (size_t i = 0; request.grouped && i < request.streams; ++i) {
    if (reads[i].serves || !ctx.looks_at(request.keys_at + i)) {
      continue;
    }
    Edit edit(ctx.keys, ctx.key(request.keys_at + i));
    StreamGroup& group = *writable_stream(edit).group(request.group);
    if (StreamConsumer* const consumer = group.consumer(request.consumer)) {
      group.set_seen(*consumer, ctx.keys.now().ms());
    }
    edit.keep_quiet();
  }
}

// What is gone from a stream is pending no more once somebody has asked for it, as with XAUTOCLAIM.
void forget_gone(Context& ctx, const ReadRequest& request, StreamReads& reads) {
  for (size_t i = 0; i < request.streams; ++i) {
    if (reads[i].gone.empty()) {
      continue;
    }
    Edit edit(ctx.keys, ctx.key(request.keys_at + i));
    StreamGroup& group = *writable_stream(edit).group(request.group);
    for (const StreamId id : reads[i].gone) {
      group.acknowledge(id);
    }
    edit.notify(KeyEvent::kXGroupUse);
    tell_acknowledged(ctx, ctx.args[request.keys_at + i], request.group, reads[i].gone);
  }
}

// When the first entry of a group will have been pending for long enough (Wait::again_ms).
int64_t next_claim_ms(Context& ctx, const ReadRequest& request, StreamReads& reads) {
  int64_t next_ms = 0;
  for (size_t i = 0; request.claims && i < request.streams; ++i) {
    if (reads[i].after != StreamRead::kNew || !ctx.looks_at(request.keys_at + i)) {
      continue;
    }
    const Entry* entry = ctx.keys.peek(ctx.key(request.keys_at + i));
    StreamGroup::ByTime oldest = Stream::of(*entry).group(request.group)->by_time();
    int64_t at_ms = 0;
    if (oldest.at_end() ||
        __builtin_add_overflow(oldest.key().delivered_ms, request.min_idle_ms, &at_ms)) {
      continue;
    }
    at_ms = std::max<int64_t>(at_ms, ctx.keys.now().ms());
    next_ms = next_ms == 0 ? at_ms : std::min(next_ms, at_ms);
  }
  return next_ms;
}

// False if it must not wait.
bool wait_for_streams(Context& ctx, const ReadRequest& request, StreamReads& reads) {
  if (!request.block) {
    return false;
  }
  // "$" and "+" are what a stream ends with now, not when something comes.
  std::vector<std::string> ids;
  std::vector<Wait::Rewritten> rewritten;
  ids.reserve(request.streams);
  for (size_t i = 0; i < request.streams; ++i) {
    const size_t index = request.keys_at + request.streams + i;
    if (ctx.ready_key == 0 && is_end_of_stream(up_to_nul(ctx.args[index]))) {
      char text[kStreamIdTextMax];
      rewritten.push_back({index, ids.emplace_back(text, format_stream_id(reads[i].after, text))});
    }
  }
  return ctx.host.wait(ctx, {.first_key = request.keys_at,
                             .key_count = request.streams,
                             .type = ValueType::kStream,
                             .gone_too = request.grouped,
                             .until_ms = request.until_ms,
                             .again_ms = next_claim_ms(ctx, request, reads),
                             .rewritten = rewritten});
}

// Answers the streams that have something, of which there are `served`.
void serve(Context& ctx, const ReadRequest& request, StreamReads& reads, size_t served) {
  if (ctx.reply.protocol() == 2) {
    ctx.reply.array(served);
  } else {
    ctx.reply.map(served);
  }
  for (size_t i = 0; i < request.streams; ++i) {
    if (!reads[i].serves) {
      continue;
    }
    if (ctx.reply.protocol() == 2) {
      ctx.reply.array(2);
    }
    ctx.reply.bulk(ctx.args[request.keys_at + i]);
    if (request.grouped) {
      serve_group(ctx, request, i, reads[i]);
      continue;
    }
    const Entry* entry = ctx.keys.peek(ctx.key(request.keys_at + i));
    reply_stream_range(ctx.reply, Stream::of(*entry), *next_stream_id(reads[i].after),
                       kStreamIdMax, request.count);
  }
}

void read_streams(Context& ctx, bool grouped) {
  ReadRequest request;
  request.grouped = grouped;
  if (!read_request(ctx, request)) {
    return;
  }
  StreamReads reads(request.streams);
  size_t served = 0;
  if (!look_up(ctx, request, reads, served)) {
    return;
  }
  forget_gone(ctx, request, reads);
  note_attempts(ctx, request, reads);
  if (served > 0) {
    serve(ctx, request, reads, served);
  } else if (!wait_for_streams(ctx, request, reads)) {
    ctx.reply.null_array();
  }
}

void xread(Context& ctx) {
  read_streams(ctx, /*grouped=*/false);
}
void xreadgroup(Context& ctx) {
  read_streams(ctx, /*grouped=*/true);
}

// --- the table ---

constexpr KeySpec keys_behind_streams(int16_t from) {
  return {.first = from,
          .last = -1,
          .flags = "RO access",
          .limit = 2,
          .keyword = "STREAMS"};
}

constexpr CommandRow kRows[] = {
    {.name = "xread",
     .arity = -4,
     .flags = kReadonly | kBlocking | kMovableKeys,
     .acl = kAclStream,
     .handler = xread,
     .keys = {keys_behind_streams(1)},
     .key_finder = extract_stream_keys,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Returns the entries of streams that come behind given ids.",
     .complexity = "O(N) where N is the number of entries returned",
     .syntax = "[COUNT count:integer] [BLOCK milliseconds:integer] "
               "STREAMS streams=(key#0... id...)",
     .history = "7.4.0 The id `+` for the last entry"},
    {.name = "xreadgroup",
     .arity = -7,
     .flags = kWrite | kBlocking | kMovableKeys,
     .acl = kAclStream,
     .handler = xreadgroup,
     .keys = {keys_behind_streams(4)},
     .key_finder = extract_stream_keys,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Returns entries of streams that no consumer of a group has got yet, or those that "
                "one has got and not acknowledged.",
     .complexity = "O(N) where N is the number of entries returned",
     .syntax = "GROUP group_consumer=(group consumer) [COUNT count:integer] "
               "[BLOCK milliseconds:integer] [CLAIM min-idle-time:integer]@8.4.0 [NOACK] "
               "STREAMS streams=(key#0... id...)",
     .history = "8.4.0 CLAIM: what has been pending for long comes first"},
};

}  // namespace

std::span<const CommandRow> stream_read_commands() {
  return kRows;
}

}  // namespace pollux
