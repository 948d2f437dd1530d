// The history, on one worker: what a command did is recorded behind it, and with appendfsync always
// a reply that shows a change leaves when that is on disk (design: an acknowledgement is a
// comparison of tickets). A write waits, or is refused, while the disk does not keep up.
#include "dataplane/engine/worker.h"
#include "src/commands/key_extractor.h"

namespace pollux {

// How the history is kept, as the configuration says it from now on.
void Worker::note_history() {
  keep_changes();
  if (id_.value == 0 && engine_.aof_desk() != nullptr) {
    engine_.aof_desk()->tell(*config_);
  }
  const bool gates = changes_.enabled() && config_->keeps_history() &&
                     config_->aof.fsync == FsyncPolicy::kAlways;
  if (gates_ && !gates) {
    gated_.for_each([](Session& session) { session.gate.clear(); });
    open_gates();
  }
  gates_ = gates;
}

// With appendonly no, what is recorded is still recorded until nobody appends it any more: workers
// hear of the option each at its own time, and who appends may hear of yes before it has heard of no.
void Worker::keep_changes() {
  const Journal* const journal = engine_.journal();
  changes_.keep(config_->keeps_history() ||
                (changes_.enabled() && journal != nullptr && journal->is_kept()));
}

// Behind a command: records what it has changed, and finds what its reply shows (shown_). What was
// changed by one of administration that says nothing (DEBUG POPULATE) is in the next snapshot, and
// not in the history, as in Redis. One that only reads may change something, too: PFCOUNT.
void Worker::note_changes(const Context& ctx) {
  bool changed = changes_.dirty();
  const auto db = static_cast<uint32_t>(ctx.keys.db());
  if (effects_.said()) {
    changed = changed || effects_.count() > 0;
    changes_.record(db, effects_.bytes(), now_);
    effects_.clear();
  } else if (changed && (ctx.row.flags & (kWrite | kAdmin)) != kAdmin) {
    changes_.record(db, ctx.args, now_);
  } else if (changed) {
    changes_.leave_out();
  }
  shown_ = shown_by(ctx, changed);
}

// --- what is not on disk yet ---

// The last change that the reply of the command that has just run shows.
Ticket Worker::shown_by(const Context& ctx, bool changed) {
  const Ticket own = changed ? changes_.ticket() : Ticket{};
  if (!gates_) {
    return own;
  }
  if (ctx.first_key_hash != 0 && ctx.row.keys[0].last == ctx.row.keys[0].first &&
      ctx.row.keys[1].first == 0) {
    return std::max(own, engine_.side(ShardId{static_cast<uint16_t>(ctx.shard_index)})
                             .last_change(ctx.first_key_hash));
  }
  KeyIndices keys;
  if (!extract_keys(ctx.row, ctx.args, keys)) {
    return std::max(own, shown_by_held());
  }
  Ticket shown = own;
  for (size_t i = 0; i < keys.size(); ++i) {
    const Key key = Key::of(ctx.args[keys[i]]);
    const ShardId shard = shard_of_slot(key_slot(key.bytes), static_cast<size_t>(workers_));
    shown = std::max(shown, engine_.side(shard).last_change(key.hash));
  }
  return shown;
}

// Of any key of the shards that are held.
Ticket Worker::shown_by_held() const {
  Ticket shown;
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (is_held(shard)) {
      shown = std::max(shown, engine_.side(shard).last_change());
    }
  }
  return shown;
}

// How many bytes of the session's output may be sent now. The session is looked at again when more
// is on disk.
size_t Worker::may_be_sent(Session& session) {
  const Ticket durable = engine_.journal()->durable();
  session.gate.note(session.out.size(), session.shown, durable);
  const size_t open = session.gate.open(durable);
  if (open != SIZE_MAX && !session.GateNode::linked()) {
    gated_.push_back(session);
    waits_for_disk_.store(true, std::memory_order_relaxed);  // seen with asleep_
  }
  return open;
}

bool Worker::gates_may_open() const {
  return !gated_.empty() && engine_.journal()->durable() != durable_seen_;
}

void Worker::wake_for_disk(Worker& worker) {
  if (worker.waits_for_disk_.load(std::memory_order_relaxed)) {
    wake_if_asleep(worker);
  }
}

void Worker::open_gates() {
  durable_seen_ = engine_.journal()->durable();
  while (!gated_.empty()) {
    mark_dirty(gated_.pop_front());
  }
  waits_for_disk_.store(!wait_journal_.empty(), std::memory_order_relaxed);
}

// --- a disk that does not keep up ---

// Why a command with these flags can't run now, though it may later.
Stall Worker::must_wait(uint32_t flags) {
  if ((flags & kWrite) != 0 && changes_.enabled() && !config_->aof.refuses_when_full &&
      engine_.journal()->is_full()) {
    return Stall::kJournal;
  }
  return must_wait_for_memory(flags) ? Stall::kMemory : Stall::kNone;
}

// Whether commands that change something are refused.
bool Worker::disk_refuses() const {
  return config_->aof.refuses_when_full && changes_.enabled() && engine_.journal()->is_full();
}

bool Worker::disk_has_caught_up() const {
  return !wait_journal_.empty() && !engine_.journal()->is_full();
}

}  // namespace pollux
