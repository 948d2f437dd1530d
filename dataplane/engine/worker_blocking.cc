// Commands that wait for keys: how a session comes to wait, who serves it, and how it goes on.
//
// A command that finds nothing registers its waiter on all of its keys under the hold it runs with,
// so no write slips between the look and the registration. It leaves no answer; its session stands
// still at home (Stall::kBlocked). A change of a key that somebody waits for makes the key ready;
// behind the command that made the change (or all of its EXEC) its thread, which still holds the
// shards, runs the waiters' commands again, in the order the keys became ready and the waiters
// came. Each answer goes home in the queue of pushes, so it stands behind whatever was caused
// before.
//
// A command that moves elements on (BLMOVE) needs the shard of its target when it is served. So a
// write to a key that such a one waits for runs under a lease on that shard, too, and on all shards
// where what it moves could go from there. This is looked at before the write begins, again when
// the lease is there, and the set grows until nothing more is needed.
#include <algorithm>
#include <utility>

#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/base/time.h"
#include "src/commands/key_extractor.h"
#include "src/protocol/error_text.h"

namespace pollux {

bool EngineHost::wait(Context& ctx, const Wait& wait) {
  return worker->wait_for(ctx, wait);
}

// --- a command comes to wait ---

// For the session's command, before it goes to another worker, or when it begins to wait here.
Waiter& Worker::new_waiter(Session& session, const CommandRow& row, Args args) {
  POLLUX_ASSERT(session.waiter == nullptr);
  Waiter& waiter = waiters_.take(engine_.next_record_id());
  session.waiter = &waiter;
  waiter.session = &session;
  waiter.row = &row;
  waiter.db = session.db;
  waiter.protocol = session.protocol;
  waiter.touching = !session.no_touch;
  waiter.client = ref_of(session);
  waiter.request_bytes = request_bytes_;
  waiter.reply.set_limit(output_bytes_max(session));
  waiter.set_args(args);
  return waiter;
}

bool Worker::wait_for(Context& ctx, const Wait& wait) {
  if (serving_) {
    host_.waits = true;  // it waits on, as it is registered
    host_.again_ms = wait.again_ms;
    return true;
  }
  if (host_.in_exec) {
    return false;
  }
  const bool at_home = host_.session != nullptr;
  Waiter& waiter = at_home ? new_waiter(*host_.session, ctx.row, ctx.args) : *host_.waiter;
  Want want{.type = wait.type,
            .gone_too = wait.gone_too,
            .target = std::nullopt,
            .again_ms = wait.again_ms};
  if (wait.target != 0) {
    want.target = ctx.keys.store_of(ctx.key(wait.target)).id();
  }
  for (size_t i = wait.first_key; i < wait.first_key + wait.key_count; ++i) {
    const Key key = ctx.key(i);
    const ShardId shard = ctx.keys.store_of(key).id();
    waiter.shards.add(shard);
    waiter.record_bytes +=
        engine_.side(shard).wait(waiter, ctx.keys.db(), key, static_cast<uint32_t>(i), want);
  }
  for (const Wait::Rewritten& argument : wait.rewritten) {
    waiter.rewrite(argument.index, argument.text);
  }
  waiter.until_ms = wait.until_ms;
  waiter.arm();
  host_.waits = true;
  return true;
}

// Behind a handler that ran here for the session and has set host_.waits.
void Worker::begin_wait(Session& session, bool muted) {
  host_.waits = false;
  session.waiter->muted = muted;
  stand_still(session);
}

// From here to end_wait.
void Worker::stand_still(Session& session) {
  Waiter& waiter = *session.waiter;
  session.StallNode::unlink();
  stall(session, Stall::kBlocked);
  if (waiter.until_ms > 0) {
    deadlines_.add(waiter);
    core_.timed_clients.set(static_cast<int64_t>(deadlines_.size()));
  }
  waiter.counted_bytes = static_cast<int64_t>(waiter.bytes());
  waiting_bytes_ += waiter.counted_bytes;
  weigh(session);
  if (waiter.for_disk) {
    wait_for_disk(session);
  }
}

// The cell of a command that might have had to wait is back: with the answer, or the command waits,
// or it has even been served meanwhile.
void Worker::take_waiter_cell(Cell& cell) {
  Waiter& waiter = *cell.waiter;
  Session* session = cell.session;
  waiter.with_cell = false;
  waiter.muted = cell.muted;
  const bool waits = cell.waits;
  const bool came_home = waiter.came_home;
  if (session == nullptr) {
    release_cell(cell);
  } else {
    if (waits) {
      stand_still(*session);
    } else {
      session->waiter = nullptr;
    }
    cell.answered = true;
    deliver(*session);  // perhaps too much for its client
  }
  if (!waits) {
    waiters_.give_back(waiter);
  } else if (came_home) {
    end_wait(waiter);
  } else if (session == nullptr) {
    give_up(waiter);
  }
}

// --- it is served: by the thread that holds the shards ---

// A key that somebody waits for has changed.
void Worker::serve_later(ShardSide& side, WaitTable::Queue& queue) {
  ready_.push_back({&side, &queue});
}

// What is served may make more keys ready (BLMOVE): they come last.
void Worker::serve_waiters() {
  if (ready_.empty()) [[likely]] {
    return;
  }
  in_service_ = true;
  for (size_t i = 0; i < ready_.size(); ++i) {
    const ReadyKey ready = ready_[i];
    serve_key(*ready.side, *ready.queue);
  }
  in_service_ = false;
  ready_.clear();
  retry_forgets();
}

void Worker::serve_key(ShardSide& side, WaitTable::Queue& queue) {
  const Key key{queue.key.bytes, queue.key.hash};
  queue.records.for_each_while([&](WaitTable::Record& record) {
    bind_held(queue.key.db, /*touching=*/false);
    const Entry* entry = keys_.peek(key);
    if (!queue.wants(entry)) {
      return false;
    }
    if (record.wants(entry)) {
      serve(side, record);
    }
    return true;
  });
  side.waits().end_service(queue);
  side.listen();
}

void Worker::serve(ShardSide& side, WaitTable::Record& record) {
  Waiter& waiter = *record.waiter;
  if (!waiter.claim(record.id)) {
    if (waiter.goes_on(record.id)) {
      // Who holds another of its shards runs it now, and may find nothing for it.
      side.waits().set_again(record, now_.ms() + 1);
    } else {
      side.waits().drop(record);
    }
    return;
  }
  if (!run_again(waiter, record.argument)) {
    side.waits().set_again(record, host_.again_ms);
    waiter.unclaim();
    return;
  }
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (waiter.shards.has(shard) && is_held(shard)) {
      engine_.side(shard).forget(waiter.id());
      waiter.forgotten.add(shard);
    }
  }
  waiter.now = now_;
  push(waiter.client.worker, waiter);  // from here on it is home's
  end_of_cause();
}

// False if there is nothing for it. It counts as redis-server counts it: the call was counted when
// it began to wait, the time is added, MONITOR has shown it.
bool Worker::run_again(Waiter& waiter, uint32_t ready_key) {
  waiter.reply.set_pool(chunks_);
  Reply reply(waiter.reply, waiter.protocol);
  bind_held(waiter.db, waiter.touching);
  host_.session = nullptr;
  host_.tour = nullptr;
  Context ctx{.args = waiter.args(),
              .keys = keys_,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = host_,
              .row = *waiter.row,
              .ready_key = ready_key};
  set_actor(waiter.client, /*tracked=*/false);
  const uint64_t began = tsc();
  serving_ = true;
  ctx.effects = effects_if_kept();
  waiter.row->handler(ctx);
  serving_ = false;
  last_call_tsc_ = tsc();
  if (changes_.enabled()) {
    note_changes(ctx);
  }
  if (std::exchange(host_.waits, false)) {
    POLLUX_ASSERT(waiter.reply.empty());
    return false;
  }
  waiter.served = true;
  waiter.shown = shown_;
  waiter.cycles = last_call_tsc_ - began;
  CommandCounters& counters = counters_of(*waiter.row);
  counters.cycles.add(static_cast<int64_t>(waiter.cycles));
  if (latency_tracking_) {
    latencies_[waiter.row->id].record(waiter.cycles);
  }
  if (reply.failed()) {
    counters.failed.add(1);
    count_error(reply.error_code());
  }
  return true;
}

bool Worker::is_held(ShardId shard) const {
  return holds_leased_ ? lease_.shards.has(shard) : shard == shard_.id();
}

// The shards that this thread holds at this moment, for a command of database `db`.
void Worker::bind_held(int db, bool touching) {
  if (holds_leased_) {
    keys_.bind_leased(lease_.shards.words, db, now_, touching);
  } else {
    keys_.bind(shard_.id(), db, now_, touching);
  }
}

// --- the end of a wait, at home ---

// A waiter that was served comes home.
void Worker::take_waiter(Waiter& waiter) {
  learn(waiter.now);
  receive_invalidations();
  waiter.settle();
  if (waiter.with_cell) {
    waiter.came_home = true;
  } else {
    end_wait(waiter);
  }
}

// Nobody else has it, and its answer, if somebody is there to get it, is in it. The session goes on
// in the next turn, because this may be the middle of anything.
void Worker::end_wait(Waiter& waiter) {
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (waiter.shards.has(shard) && !waiter.forgotten.has(shard)) {
      forget({waiter.id(), shard});
    }
  }
  Session* session = waiter.session;
  if (session == nullptr) {
    std::erase(given_up_, &waiter);
    waiters_.give_back(waiter);
    return;
  }
  leave_wait(*session);
  if (waiter.served) {
    note_if_remarkable(session, *waiter.row, waiter.args(),
                       {waiter.cycles, waiter.request_bytes, waiter.reply.size()});
  }
  waiter.reply.set_pool(chunks_);
  session->show(waiter.shown);
  if (!waiter.muted) {
    session->out.splice(waiter.reply);
  }
  waiters_.give_back(waiter);
  core_.blocked_clients.add(-1);
  session->stall = Stall::kNone;
  if (session->closing || session->unread().empty()) {
    go_on_receiving(*session);
  } else {
    stall(*session, Stall::kTurn);
  }
  mark_dirty(*session);
  over_output_limit(*session);
}

void Worker::leave_wait(Session& session) {
  Waiter& waiter = *std::exchange(session.waiter, nullptr);
  waiter.session = nullptr;
  waiting_bytes_ -= std::exchange(waiter.counted_bytes, 0);
  deadlines_.remove(waiter);
  core_.timed_clients.set(static_cast<int64_t>(deadlines_.size()));
}

// The session's client has left.
void Worker::abandon_wait(Session& session) {
  if (session.waiter == nullptr) {
    return;
  }
  Waiter& waiter = *session.waiter;
  leave_wait(session);
  session.stall = Stall::kNone;
  if (!waiter.with_cell) {
    give_up(waiter);
  }
}

// Now, or if somebody is about to serve it, as soon as that is decided.
void Worker::give_up(Waiter& waiter) {
  if (waiter.cancel()) {
    end_wait(waiter);
  } else {
    given_up_.push_back(&waiter);
  }
}

bool Worker::end_waits_in_time() {
  for (size_t i = 0; i < given_up_.size();) {
    if (given_up_[i]->cancel()) {
      end_wait(*given_up_[i]);  // takes it out of the list
    } else {
      ++i;
    }
  }
  bool any = false;
  for (Waiter* waiter = deadlines_.first();
       waiter != nullptr && waiter->until_ms <= now_.ms() && waiter->cancel();
       waiter = deadlines_.first()) {
    any = true;
    end_unserved(*waiter, UnblockAs::kTimeout);
  }
  return any;
}

Unblocked Worker::unblock(Session& session, UnblockAs as) {
  if (session.stall != Stall::kBlocked) {
    return Unblocked::kNotWaiting;
  }
  if (!session.waiter->cancel()) {
    return Unblocked::kClaimed;
  }
  end_unserved(*session.waiter, as);
  return Unblocked::kDone;
}

// It was cancelled.
void Worker::end_unserved(Waiter& waiter, UnblockAs as) {
  waiter.reply.set_pool(chunks_);
  Reply reply(waiter.reply, waiter.protocol);
  if (as == UnblockAs::kError) {
    reply.error(error_text::kUnblocked);
    counters_of(*waiter.row).failed.add(1);
    count_error(reply.error_code());
  } else if (waiter.for_disk) {
    reply_waitaof(reply, is_on_disk(*waiter.session));
  } else if (!waiter.waits_for_keys()) {
    reply.integer(0);  // WAIT: so many replicas
  } else {
    reply.null_array();
  }
  end_wait(waiter);
}

// --- writes that need more than their keys' shards ---

bool Worker::any_moves(const ShardSet& held) {
  bool any = false;
  for (int i = 0; i < workers_ && !any; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    any = held.has(shard) && engine_.side(shard).waits().any_moves();
  }
  return any;
}

// Adds where elements may be moved from the keys that the command may write. Of shards that are not
// held nothing is known yet.
void Worker::add_targets(ShardSet& targets, const CommandRow& row, Args args,
                         const ShardSet& held) {
  KeyIndices keys;
  if ((row.flags & kWrite) == 0 || !extract_keys(row, args, keys)) {
    return;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Key key = Key::of(args[keys[i]]);
    const ShardId shard = shard_of_slot(key_slot(key.bytes), static_cast<size_t>(workers_));
    if (held.has(shard)) {
      targets.add(engine_.side(shard).waits().targets_of(key));
    }
  }
}

// What is moved there may be moved on, by whomever: so with each shard come all targets from there.
void Worker::add_further_targets(ShardSet& targets, const ShardSet& held) {
  for (bool grown = true; grown;) {
    grown = false;
    for (int i = 0; i < workers_; ++i) {
      const ShardId shard{static_cast<uint16_t>(i)};
      if (!targets.has(shard) || !held.has(shard)) {
        continue;
      }
      const ShardSet& more = engine_.side(shard).waits().targets();
      grown = grown || !targets.has(more);
      targets.add(more);
    }
  }
}

// Adds to `more` what the command, or the transaction, needs beyond `held`; true if there is any.
bool Worker::add_needed(ShardSet& more, const CommandRow& row, Args args,
                        const Transaction* transaction, const ShardSet& held) {
  if (!any_moves(held)) {
    return false;
  }
  ShardSet targets;
  if (transaction == nullptr) {
    add_targets(targets, row, args, held);
  } else {
    for (size_t i = 0; i < transaction->size(); ++i) {
      transaction->args_of((*transaction)[i], exec_args_);
      add_targets(targets, *(*transaction)[i].row, exec_args_, held);
    }
  }
  add_further_targets(targets, held);
  if (held.has(targets)) {
    return false;
  }
  more.add(targets);
  return true;
}

bool Worker::needs_more(Session& session, const CommandRow& row, Args args,
                        const ShardSet& held) {
  const bool exec = row.route == Route::kExec;
  ShardSet more = session.rare == nullptr ? ShardSet() : session.rare->more_shards;
  if (!add_needed(more, row, args, exec ? session.transaction.get() : nullptr, held)) {
    return false;
  }
  rare_of(session).more_shards = more;
  return true;
}

bool Worker::needs_more(HeldCell& held_cell, const ShardSet& held) {
  const Cell& cell = *held_cell.cell;
  return add_needed(held_cell.more_shards, *cell.row, cell.args(), cell.transaction.get(), held);
}

// True if the request of another worker must wait: it needs more than this shard, or it came behind
// one that does. A worker's requests stay in their order; parks and the like may pass them.
bool Worker::hold_back(Cell& cell) {
  if (!cell.is_request()) {
    return false;
  }
  const ShardId home{cell.home.value};
  HeldCell held_cell{&cell, {}};
  if (!held_homes_.has(home) && !needs_more(held_cell, own_shard_)) {
    return false;
  }
  held_homes_.add(home);
  held_cells_.push_back(held_cell);
  return true;
}

// Behind a lease for one of them: those that need none may run, each up to the next that does.
void Worker::retry_held_cells() {
  held_cells_may_go_ = false;
  held_homes_ = {};
  for (size_t waiting = held_cells_.size(); waiting > 0; --waiting) {
    Cell& cell = *held_cells_.front().cell;
    held_cells_.pop_front();
    if (!hold_back(cell)) {
      serve(cell);
    }
  }
}

// All that it needs is held, as far as was known.
void Worker::run_leased_cell() {
  lease_.for_held_cell = false;
  HeldCell& first = held_cells_.front();
  if (needs_more(first, lease_.shards)) {
    lease_.requests_left = 0;  // it comes again, with a larger set
    return;
  }
  Cell& cell = *first.cell;
  held_cells_.pop_front();
  held_cells_may_go_ = true;
  serve(cell);
}

}  // namespace pollux
