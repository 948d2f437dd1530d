// The history, on one worker: what a command did is recorded behind it, and with appendfsync always
// a reply that shows a change leaves when that is on disk (design: an acknowledgement is a
// comparison of tickets). A write waits, or is refused, while the disk does not keep up.
#include <algorithm>
#include <cstring>

#include "dataplane/engine/worker.h"
#include "src/commands/key_extractor.h"
#include "src/protocol/error_text.h"

namespace pollux {

// How the history is kept, as the configuration says it from now on.
void Worker::note_history() {
  keep_changes();
  if (id_.value == 0 && engine_.aof_desk() != nullptr) {
    engine_.aof_desk()->tell(*config_);
  }
  // What waits when this changes goes on to, as it was promised (DurableGate::waits).
  gates_ = changes_.enabled() && config_->keeps_history() && config_->aof.fsync == Fsync::kAlways;
}

// With appendonly no, changes are recorded until nobody appends them any more: workers hear of the
// option each at its own time, and who appends may hear of yes before it has heard of no.
void Worker::keep_changes() {
  const Journal* const journal = engine_.journal();
  const bool recorded = changes_.enabled();
  changes_.keep(config_->keeps_history() ||
                (recorded && journal != nullptr && journal->is_kept()));
  if (recorded && !changes_.enabled()) {
    open_gates();  // for who waits until the history is there
  }
}

// Behind a command: records what it has changed, and finds what its reply shows (shown_). What was
// changed by one of administration that says nothing (DEBUG POPULATE) is in the next snapshot, and
// not in the history, as in Redis. One that only reads may change something, too: PFCOUNT.
void Worker::note_changes(const Context& ctx) {
  bool changed = changes_.dirty();
  const auto db = static_cast<uint32_t>(ctx.keys.db());
  if (effects_.said()) {
    changed = changed || effects_.count() > 0;
    changes_.record(db, effects_, now_);
    effects_.clear();
  } else if (changed && (ctx.row.flags & (kWrite | kAdmin)) != kAdmin) {
    changes_.record(db, ctx.args, now_);
  } else if (changed) {
    changes_.leave_out();
  }
  shown_ = shown_by(ctx, changed);
}

// Behind what had no ticket while it ran (ChangeLog): it has one now. What has changed nothing may
// end while this worker is parked (the answer of a tour): then its shard is another's to touch.
Ticket Worker::end_group() {
  const bool changed = changes_.group_has_changed();
  const Ticket ticket = changes_.end_group(now_);
  for (int i = 0; changed && i < workers_; ++i) {
    if (const ShardId shard{static_cast<uint16_t>(i)}; is_held(shard)) {
      engine_.side(shard).end_group(ticket);
    }
  }
  return ticket;
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
  const bool names_all = ctx.row.route != Route::kCursor &&
                         extract_keys(ctx.row, ctx.args, keys) && !keys.need_all();
  if (!names_all) {
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
  const Ticket durable = all_durable();
  DurableGate& gate = rare_of(session).gate;
  gate.note(session.out.size(), gates_ ? session.shown : Ticket{}, durable);
  const size_t open = gate.open(durable);
  if (open != SIZE_MAX) {
    wait_for_disk(session);
  }
  return open;
}

// Up to where nobody has to wait. With appendfsync no nobody syncs what they would wait for.
Ticket Worker::all_durable() const {
  const Journal& journal = *engine_.journal();
  const bool comes = journal.promises() && config_->aof.fsync != Fsync::kNo;
  return comes ? journal.durable() : Ticket{UINT64_MAX};
}

void Worker::wait_for_disk(Session& session) {
  if (RareState& rare = rare_of(session); !rare.linked()) {
    gated_.push_back(rare);
  }
  note_disk_wait();
}

// A worker is woken for news of the disk if it says here that something waits for them. No news are
// missed, whatever the machine, for all of these are in one order (seq_cst):
//
//   the worker: waits_for_disk_ = true; asleep_ = true; durable() (mail_waiting), then sleeps
//   the disk:   set_durable();          waits_for_disk_?  asleep_?  (wake_for_disk)
//
// A worker that does not see the new durable() has looked before it was set, so before the disk
// looks at the two flags, which it had set before: it is woken. With the first flag relaxed, the
// disk could still read it as it was before its own store was out. The same with is_full() for
// durable(). A flag that is set stays so until the worker has looked again (open_gates), so it is
// stored once for all that wait.
void Worker::note_disk_wait() {
  if (!waits_for_disk_.load(std::memory_order_relaxed)) {  // no other thread writes it
    waits_for_disk_.store(true, std::memory_order_seq_cst);
  }
}

// WAITAOF waits also where no reply does.
bool Worker::gates_may_open() const {
  return !gated_.empty() && (all_durable() != durable_seen_ ||
                             engine_.journal()->durable() != on_disk_seen_);
}

void Worker::open_gates() {
  on_disk_seen_ = engine_.journal()->durable();
  durable_seen_ = all_durable();
  size_t waiting = 0;
  gated_.for_each([&waiting](RareState&) { ++waiting; });
  for (; waiting > 0; --waiting) {
    Session& session = gated_.pop_front().session;
    mark_dirty(session);
    if (session.stall == Stall::kBlocked && session.waiter->for_disk) {
      end_disk_wait(session);
    }
  }
  waits_for_disk_.store(!gated_.empty() || !wait_journal_.empty(), std::memory_order_seq_cst);
}

void Worker::wake_for_disk(Worker& worker) {
  if (worker.waits_for_disk_.load(std::memory_order_seq_cst)) {
    wake_if_asleep(worker);
  }
}

// --- WAITAOF ---

bool Worker::is_on_disk(const Session& session) const {
  return changes_.enabled() && engine_.journal()->promises() &&
         session.shown <= engine_.journal()->durable();
}

// It waits for that, as long as there is a history, or for replicas, which never come.
void Worker::end_disk_wait(Session& session) {
  Waiter& waiter = *session.waiter;
  const bool over = !changes_.enabled() || (is_on_disk(session) && waiter.replicas == 0);
  if (!over || !waiter.cancel()) {
    wait_for_disk(session);
    return;
  }
  end_unserved(waiter, UnblockAs::kTimeout);
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

// Whether the command is refused: what it changes could not be saved. Who asks whether the server
// is well (PING) is told, too, as in Redis.
Bar Worker::disk_bar(const Session& session, const CommandRow& row) const {
  // Asked of the page at each command: the line is written when a save ends, and at no other time.
  const bool saves_fail = minds_saves_ && engine_.page().save.last_failed.get() != 0;
  if (!saves_fail && !changes_.enabled()) [[likely]] {
    return Bar::kNone;
  }
  const bool writes = (flags_of(session, row) & kWrite) != 0;
  if (writes || (row.flags & kTellsOfDisk) != 0) {
    if (saves_fail) {
      return Bar::kSavesFail;
    }
    if (changes_.enabled() && disk_fails()) {
      return Bar::kDiskFails;
    }
  }
  return Bar::kNone;
}

// Whether the command is refused as what it changes could not be saved yet.
bool Worker::disk_is_behind(const Session& session, const CommandRow& row) const {
  return changes_.enabled() && config_->aof.refuses_when_full &&
         (flags_of(session, row) & kWrite) != 0 && engine_.journal()->is_full();
}

bool Worker::disk_fails() const { return engine_.page().aof.last_write_failed.get() != 0; }

bool Worker::disk_has_caught_up() const {
  return !wait_journal_.empty() && !engine_.journal()->is_full();
}

}  // namespace pollux
