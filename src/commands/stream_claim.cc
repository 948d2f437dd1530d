// Taking over what is pending with other consumers: XCLAIM and XAUTOCLAIM.
#include <algorithm>
#include <limits>
#include <vector>

#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/stream_args.h"

namespace pollux {

namespace {

// The stream and the group in arguments 1 and 2, to be changed.
struct Target {
  Stream* stream;
  StreamGroup* group;
};

// False with an error answered if they are not there.
bool find_target(Context& ctx, Edit& edit, Target& target) {
  if (edit.entry() != nullptr && !check_stream(ctx, *edit.entry())) {
    return false;
  }
  if (edit.entry() == nullptr ||
      Stream::of(*edit.entry()).group(ctx.args[2]) == nullptr) {
    reply_no_group(ctx, ctx.args[1], ctx.args[2]);
    return false;
  }
  target.stream = &writable_stream(edit);
  target.group = target.stream->group(ctx.args[2]);
  edit.keep_quiet();  // until something changes
  return true;
}

bool read_min_idle(Context& ctx, int64_t& ms, std::string_view sentence) {
  if (!read_int64(ctx, 4, ms, sentence)) {
    return false;
  }
  ms = std::max<int64_t>(ms, 0);
  return true;
}

// The consumer in argument 3, made when the first entry becomes its own. One that is there is seen,
// whether it gets anything or not.
class Claimer {
 public:
  Claimer(Context& ctx, Edit& edit, StreamGroup& group)
      : ctx_(ctx), edit_(edit), group_(group), consumer_(group.consumer(ctx.args[3])) {
    if (consumer_ != nullptr) {
      group_.set_seen(*consumer_, ctx_.keys.now().ms());
    }
  }

  // For an entry that becomes its own.
  StreamConsumer& get() {
    const int64_t now_ms = ctx_.keys.now().ms();
    if (consumer_ == nullptr) {
      consumer_ = &group_.add_consumer(ctx_.args[3], now_ms);
      edit_.notify(KeyEvent::kXGroupCreateConsumer);
    }
    group_.set_active(*consumer_, now_ms);
    return *consumer_;
  }

 private:
  Context& ctx_;
  Edit& edit_;
  StreamGroup& group_;
  StreamConsumer* consumer_;  // null: not made yet
};

void reply_claimed(Context& ctx, const Stream& stream, const std::vector<StreamId>& ids,
                   bool just_ids) {
  ctx.reply.array(ids.size());
  for (const StreamId id : ids) {
    if (just_ids) {
      reply_stream_id(ctx.reply, id);
    } else {
      reply_entry_of(ctx.reply, stream, id);
    }
  }
}

// --- XCLAIM ---

struct ClaimOptions {
  int64_t min_idle_ms = 0;
  size_t ids_end = 5;       // the ids are arguments 5 up to here
  int64_t delivered_ms = -1;  // -1: now
  int64_t deliveries = -1;    // -1: not given
  bool force = false;
  bool just_ids = false;
  StreamId last_id;
};

// One option in argument `at`, which moves on to the last one of it.
bool read_claim_option(Context& ctx, size_t& at, ClaimOptions& options) {
  const std::string_view arg = ctx.args[at];
  const bool has_more = at + 1 < ctx.args.size();
  if (is_word(arg, "force")) {
    options.force = true;
    return true;
  }
  if (is_word(arg, "justid")) {
    options.just_ids = true;
    return true;
  }
  if (has_more && is_word(arg, "idle")) {
    if (!read_int64(ctx, ++at, options.delivered_ms,
                    "ERR Invalid IDLE option argument for XCLAIM")) {
      return false;
    }
    // What is out of range is set to now, below.
    if (__builtin_sub_overflow(ctx.keys.now().ms(), options.delivered_ms, &options.delivered_ms)) {
      options.delivered_ms = std::numeric_limits<int64_t>::min();
    }
    return true;
  }
  if (has_more && is_word(arg, "time")) {
    return read_int64(ctx, ++at, options.delivered_ms,
                      "ERR Invalid TIME option argument for XCLAIM");
  }
  if (has_more && is_word(arg, "retrycount")) {
    return read_int64(ctx, ++at, options.deliveries,
                      "ERR Invalid RETRYCOUNT option argument for XCLAIM");
  }
  if (has_more && is_word(arg, "lastid")) {
    return read_stream_id(ctx, ++at, options.last_id);
  }
  reply_error_quoting(ctx.reply, "ERR Unrecognized XCLAIM option '", arg, "'");
  return false;
}

bool read_claim(Context& ctx, ClaimOptions& options) {
  if (!read_min_idle(ctx, options.min_idle_ms,
                     "ERR Invalid min-idle-time argument for XCLAIM")) {
    return false;
  }
  while (options.ids_end < ctx.args.size() && parse_stream_id(ctx.args[options.ids_end], 0)) {
    ++options.ids_end;
  }
  for (size_t at = options.ids_end; at < ctx.args.size(); ++at) {
    if (!read_claim_option(ctx, at, options)) {
      return false;
    }
  }
  // Clients compute times by their own clocks, so one that can't be is no error.
  const int64_t now_ms = ctx.keys.now().ms();
  if (options.delivered_ms < 0 || (options.delivered_ms > now_ms && !ctx.keys.replaying())) {
    options.delivered_ms = now_ms;
  }
  return true;
}

// Whether the consumer has got this entry. What is pending and `gone` from the stream is forgotten.
bool claim(Context& ctx, const Target& target, const ClaimOptions& options, StreamId id,
           Claimer& claimer, std::vector<StreamId>& gone) {
  StreamPending* pending = target.group->find(id);
  if (!target.stream->contains(id)) {
    if (target.group->acknowledge(id)) {
      gone.push_back(id);
    }
    return false;
  }
  if (pending == nullptr && !options.force) {
    return false;
  }
  if (pending == nullptr) {
    StreamConsumer& consumer = claimer.get();
    pending = &target.group->add(id, {options.delivered_ms, 1, &consumer});
  } else if (options.min_idle_ms != 0 &&
             pending->idle_ms(ctx.keys.now().ms()) < options.min_idle_ms) {
    return false;
  } else {
    target.group->hand_over(id, *pending, claimer.get(), options.delivered_ms);
  }
  if (options.deliveries >= 0) {
    target.group->set_deliveries(id, *pending, static_cast<uint64_t>(options.deliveries));
  } else if (!options.just_ids) {
    target.group->set_deliveries(id, *pending, pending->deliveries() + 1);
  }
  return true;
}

void xclaim(Context& ctx) {
  const Key key = ctx.key(1);
  Edit edit(ctx.keys, key);
  count_read(ctx, key, edit.entry());
  Target target{};
  ClaimOptions options;
  if (!find_target(ctx, edit, target) || !read_claim(ctx, options)) {
    return;
  }
  const bool moved = options.last_id > target.group->last_id();
  if (moved) {
    target.group->set_last_id(options.last_id);
  }
  Claimer claimer(ctx, edit, *target.group);
  std::vector<StreamId> claimed;
  std::vector<StreamId> gone;
  for (const std::string_view arg : ctx.args.subspan(5, options.ids_end - 5)) {
    const StreamId id = checked_stream_id(arg);
    if (claim(ctx, target, options, id, claimer, gone)) {
      claimed.push_back(id);
    }
  }
  if (moved || !claimed.empty() || !gone.empty()) {
    // That the group has moved on stands with the first that is claimed.
    edit.notify(KeyEvent::kXGroupUse,
                claimed.size() + gone.size() + (moved && claimed.empty() ? 1 : 0));
    tell_acknowledged(ctx, ctx.args[1], ctx.args[2], gone);
    tell_pending(ctx, ctx.args[1], *target.group, claimed);
    if (moved && claimed.empty()) {
      tell_group_read(ctx, ctx.args[1], *target.group);
    }
  }
  reply_claimed(ctx, *target.stream, claimed, options.just_ids);
}

// --- XAUTOCLAIM ---

struct AutoClaimOptions {
  int64_t min_idle_ms = 0;
  StreamId start;
  int64_t count = 100;
  bool just_ids = false;
};

// Of pending entries, so many are looked at for each one that may be claimed.
constexpr int64_t kLooksPerClaim = 10;

bool read_auto_claim(Context& ctx, AutoClaimOptions& options) {
  if (!read_min_idle(ctx, options.min_idle_ms,
                     "ERR Invalid min-idle-time argument for XAUTOCLAIM") ||
      !read_range_start(ctx, 5, options.start)) {
    return false;
  }
  for (size_t at = 6; at < ctx.args.size(); ++at) {
    if (is_word(ctx.args[at], "justid")) {
      options.just_ids = true;
    } else if (is_word(ctx.args[at], "count") && at + 1 < ctx.args.size()) {
      constexpr std::string_view kSentence = "ERR COUNT must be > 0";
      constexpr int64_t kMax = std::numeric_limits<int64_t>::max() / 16;  // bytes of an id
      if (!read_int64(ctx, ++at, options.count, kSentence)) {
        return false;
      }
      if (options.count < 1 || options.count > kMax) {
        ctx.reply.error(kSentence);
        return false;
      }
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  return true;
}

struct AutoClaimed {
  std::vector<StreamId> claimed;
  std::vector<StreamId> gone;  // from the stream
  StreamId next;               // where the next call begins; 0-0: at the end
};

AutoClaimed auto_claim(Context& ctx, Edit& edit, const Target& target,
                       const AutoClaimOptions& options) {
  AutoClaimed result;
  Claimer claimer(ctx, edit, *target.group);
  const int64_t now_ms = ctx.keys.now().ms();
  int64_t left = options.count;
  int64_t looks = options.count * kLooksPerClaim;
  auto at = target.group->pending().from(options.start);
  while (!at.at_end() && left > 0 && looks-- > 0) {
    const StreamId id = at.key();
    StreamPending& pending = at.value();
    if (!target.stream->contains(id)) {
      target.group->acknowledge(id);
      result.gone.push_back(id);
      --left;
      at = target.group->pending().from(id);
      continue;
    }
    if (options.min_idle_ms == 0 || pending.idle_ms(now_ms) >= options.min_idle_ms) {
      target.group->hand_over(id, pending, claimer.get(), now_ms);
      target.group->set_deliveries(id, pending,
                                   pending.deliveries() + (options.just_ids ? 0 : 1));
      result.claimed.push_back(id);
      --left;
    }
    at.next();
  }
  result.next = at.at_end() ? kStreamIdMin : at.key();
  return result;
}

void xautoclaim(Context& ctx) {
  const Key key = ctx.key(1);
  Edit edit(ctx.keys, key);
  count_read(ctx, key, edit.entry());
  Target target{};
  AutoClaimOptions options;
  if (!read_auto_claim(ctx, options) || !find_target(ctx, edit, target)) {
    return;
  }
  const AutoClaimed result = auto_claim(ctx, edit, target, options);
  if (!result.claimed.empty() || !result.gone.empty()) {
    edit.notify(KeyEvent::kXGroupUse, result.claimed.size() + result.gone.size());
    tell_acknowledged(ctx, ctx.args[1], ctx.args[2], result.gone);
    tell_pending(ctx, ctx.args[1], *target.group, result.claimed);
  }
  ctx.reply.array(3);
  reply_stream_id(ctx.reply, result.next);
  reply_claimed(ctx, *target.stream, result.claimed, options.just_ids);
  ctx.reply.array(result.gone.size());
  for (const StreamId id : result.gone) {
    reply_stream_id(ctx.reply, id);
  }
}

// --- the table ---

constexpr CommandRow kRows[] = {
    {.name = "xclaim",
     .arity = -6,
     .flags = kWrite | kFast,
     .acl = kAclStream,
     .handler = xclaim,
     .keys = {key_at(1, "RW update")},
     .group = "stream",
     .since = "5.0.0",
     .summary = "Makes pending entries those of another consumer.",
     .complexity = "O(log N) for each id where N is the number of pending entries",
     .syntax = "key#0 group consumer min-idle-time id... [IDLE ms:integer] "
               "[TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] "
               "[JUSTID] [LASTID id]",
     .tips = "nondeterministic_output"},
    {.name = "xautoclaim",
     .arity = -6,
     .flags = kWrite | kFast,
     .acl = kAclStream,
     .handler = xautoclaim,
     .keys = {key_at(1, "RW delete")},
     .group = "stream",
     .since = "6.2.0",
     .summary = "Makes entries that have been pending for long those of another consumer.",
     .complexity = "O(COUNT)",
     .syntax = "key#0 group consumer min-idle-time start [COUNT count:integer] [JUSTID]",
     .tips = "nondeterministic_output",
     .history = "7.0.0 Ids that are gone from the stream come as a third element"},
};

}  // namespace

std::span<const CommandRow> stream_claim_commands() {
  return kRows;
}

}  // namespace pollux
