// Transactions: what is queued between MULTI and EXEC, where EXEC runs, and how records on shards
// (of watches and waits) are let go.
//
// EXEC runs in place if all it needs is this worker's shard, in one cell if it needs one other
// shard and nothing of the session, else under a lease on all its shards at home. Commands that
// gather from every shard run over the leased ones in one go; those that visit every worker (INFO,
// CLIENT LIST, CONFIG SET) make their tour in the middle, while all shards are held, so that nobody
// sees half a transaction and every reply is of its place in the queue.
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/time.h"
#include "src/protocol/error_text.h"

namespace pollux {

// --- between MULTI and EXEC ---

void Worker::begin_transaction(Session& session) {
  transaction_of(session);
  session.in_multi = true;
}

Transaction& Worker::transaction_of(Session& session) {
  if (session.transaction == nullptr) {
    session.transaction = std::make_unique<Transaction>();
  }
  return *session.transaction;
}

Transaction& Worker::watching_transaction(Session& session) {
  Transaction& transaction = transaction_of(session);
  if (transaction.watching.id == 0) {
    transaction.watching.id = engine_.next_record_id();
  }
  return transaction;
}

// What a WATCH has added, as its cell or its handler tells.
void Worker::count_watches(Session& session, const Watching& added) {
  Transaction& transaction = *session.transaction;
  POLLUX_ASSERT(transaction.watching.id == added.id);
  transaction.watching.add(added);
  transaction_bytes_ += static_cast<int64_t>(added.bytes);
}

// A request of a session in MULTI. False if it must wait.
bool Worker::run_in_multi(Session& session, const BurstItem& item, Bar bar, Args args) {
  if (bar != Bar::kNone) {
    session.transaction->fail();
    refuse(session, item, bar, args);
    return true;
  }
  if (paused() && held_back(session, *item.row)) [[unlikely]] {
    session.last_command = item.row;
    stall(session, Stall::kPaused);
    return false;
  }
  if (item.place.where == Where::kExec && !session.transaction->failed()) {
    if (const Stall why = must_wait(session.transaction->flags()); why != Stall::kNone) {
      stall(session, why);
      return false;
    }
    return run_exec(session, item);
  }
  if (item.row->in_multi != InMulti::kQueued) {
    run_here(session, item, args);
    return true;
  }
  session.last_command = item.row;
  Transaction& transaction = *session.transaction;
  if (!transaction.failed()) {  // else EXEC will not look at it
    const size_t before = transaction.bytes();
    transaction.queue(*item.row, args, item.place, workers_);
    transaction_bytes_ += static_cast<int64_t>(transaction.bytes() - before);
  }
  const bool muted = begin_command(session);
  Reply reply(muted ? discard_ : session.out, session.protocol);
  reply.queued();
  end_command(session, muted);
  over_input_limit(session);
  return true;
}

// Against a queue that grows without end, all that is queued needs memory; EXEC does if one of its
// commands does.
bool Worker::needs_memory_in_multi(const Session& session, const CommandRow& row) {
  return row.in_multi != InMulti::kAtOnce ||
         (row.route == Route::kExec && (session.transaction->flags() & kDenyOom) != 0);
}

// EXEC that may not run, and why: the end of the transaction, if there is one, and of watches even
// if there is none.
void Worker::refuse_exec(Session& session, Reply& reply, std::string_view why) {
  drop_transaction(session);
  reply.error("EXECABORT Transaction discarded because of: " + std::string(why));
}

void Worker::drop_transaction(Session& session) {
  session.in_multi = false;
  if (session.transaction != nullptr) {
    transaction_bytes_ -= static_cast<int64_t>(session.transaction->bytes());
    session.transaction->clear();
    unwatch(session);
  }
}

// --- EXEC ---

bool Worker::run_exec(Session& session, const BurstItem& item) {
  const Transaction& transaction = *session.transaction;
  const ShardSet shards = transaction.shards();
  const int count = shards.count();
  const bool here = count == 0 || (count == 1 && shards.first() == shard_.id());
  if (here && !transaction.needs_lease()) {
    if (count > 0 && parked_) {
      stall(session, Stall::kParked);
      return false;
    }
    if (side_.waits().any_moves() && needs_more(session, *item.row, {}, own_shard_)) {
      stall(session, Stall::kLease);
      return false;
    }
    ExecRun run;
    run.out = &session.out;
    start_exec(run, session, *item.row);
    const bool over = go_on_exec(run);
    POLLUX_ASSERT(over);
    session.show(run.shown);
    after_command();
    return true;
  }
  if (count > 1 || transaction.at_home() || transaction.needs_lease()) {
    stall(session, Stall::kLease);
    return false;
  }
  return send_exec(session, item, shards.first());
}

bool Worker::send_exec(Session& session, const BurstItem& item, ShardId shard) {
  Channel& channel = engine_.channel(id_, WorkerId{shard.value});
  Cell* cell = channel.take();
  if (cell == nullptr) {
    stall(session, Stall::kCell);
    return false;
  }
  enlist(session, *cell, item, shard);
  cell->kind = CellKind::kExec;
  cell->first_key_hash = 0;
  cell->transaction = std::move(session.transaction);
  transaction_bytes_ -= static_cast<int64_t>(cell->transaction->bytes() +
                                             cell->transaction->watching.bytes);
  session.in_multi = false;
  used_caching(session, item.row);
  ++cells_under_way_;
  core_.cells_sent.add(1);
  channel.send(*cell);
  return true;
}

// For another worker.
void Worker::run_exec_cell(Cell& cell) {
  cell.reply.set_pool(chunks_);
  host_.peer = cell.peer;
  ExecRun run;
  run.row = cell.row;
  run.transaction = cell.transaction.get();
  run.out = &cell.reply;
  run.db = cell.db;
  run.protocol = cell.protocol;
  run.client = {cell.home, cell.client};
  run.tracked = cell.tracked;
  run.touching = cell.touching;
  run.leased = holds_leased_ ? &lease_.shards : nullptr;
  make_room_for(run);
  check_watches(run);
  const bool over = go_on_exec(run);
  POLLUX_ASSERT(over);
  cell.shown = run.shown;
  after_command();
  cell.noted = std::move(run.noted);
}

// At home: `run.out`, and `run.leased` if there is a lease, are set.
void Worker::start_exec(ExecRun& run, Session& session, const CommandRow& row) {
  begin_command(session);
  session.last_command = &row;
  ++session.commands;
  run.row = &row;
  run.session = &session;
  run.client = ref_of(session);
  run.touching = !session.no_touch;
  run.transaction = session.transaction.get();
  run.skipped = session.reply_mode == ReplyMode::kSkipping;
  transaction_bytes_ -= static_cast<int64_t>(run.transaction->watching.bytes);
  make_room_for(run);
  check_watches(run);
}

// Ends the watches, which are all on shards that are held here, and begins the reply: the array, or
// null if a watched key was touched; then nothing runs.
void Worker::check_watches(ExecRun& run) {
  Transaction& transaction = *run.transaction;
  // One that changes nothing may run while another waits for a tour.
  run.recorded = run.leased != nullptr || transaction.shards().count() > 0;
  if (run.recorded) {
    changes_.begin_transaction();
  }
  bool intact = true;
  for (int i = 0; transaction.watching.id != 0 && i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (transaction.watched.has(shard)) {
      ShardSide& side = engine_.side(shard);
      const uint64_t id = transaction.watching.id;
      intact = intact && side.watches().intact(id, *engine_.shards()[shard.value], now_);
      run.shown = std::max(run.shown, gates_ ? side.last_change() : Ticket{});
      side.forget(id);
    }
  }
  transaction.watching = {};
  transaction.watched = {};
  const bool muted = run.muted();
  Reply reply(muted ? discard_ : *run.out, run.current_protocol());
  if (intact) {
    reply.array(transaction.size());
  } else {
    reply.null_array();
    run.next = transaction.size();
  }
  if (muted) {
    discard_.clear();
  }
}

// Runs what is queued; false if a tour has to come back first.
bool Worker::go_on_exec(ExecRun& run) {
  const uint64_t began = tsc();
  last_call_tsc_ = began;
  Transaction& transaction = *run.transaction;
  running_ = run.session;
  while (run.next < transaction.size() && run_queued(run, transaction[run.next])) {
    ++run.next;
  }
  running_ = nullptr;
  run.cycles += tsc() - began;
  if (run.next < transaction.size()) {
    return false;
  }
  if (run.recorded) {
    run.shown = std::max(run.shown, end_group());
  }
  CommandCounters& counters = counters_of(*run.row);
  counters.calls.add(1);
  counters.cycles.add(static_cast<int64_t>(run.cycles));
  core_.commands.add(1);
  if (latency_tracking_) {
    latencies_[run.row->id].record(run.cycles);
  }
  watch_.note_event(LatencyEvent::kCommand, run.cycles, now_);
  if (engine_.monitors().any()) [[unlikely]] {
    constexpr std::string_view kWords[] = {"EXEC"};
    host_.session = run.session;
    tell_monitors(*run.row, kWords, run.current_db());
  }
  if (run.session != nullptr) {
    transaction_bytes_ -= static_cast<int64_t>(transaction.bytes());
    run.session->in_multi = false;
    used_caching(*run.session, run.row);
    end_command(*run.session, /*muted=*/false);
  }
  transaction.clear();
  return true;
}

// False if it is on its tour.
bool Worker::run_queued(ExecRun& run, const QueuedCommand& command) {
  run.transaction->args_of(command, exec_args_);
  const CommandRow& row = *command.row;
  if (row.route == Route::kEachWorker) {
    return run_queued_tour(run, row);
  }
  const bool muted = run.muted();
  Output& out = muted ? discard_ : *run.out;
  Reply reply(out, run.current_protocol());
  bind_keys(run);
  host_.session = run.session;
  host_.tour = nullptr;
  host_.in_exec = true;
  Context ctx{.args = exec_args_,
              .keys = keys_,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = host_,
              .row = row,
              .first_key_hash = command.place.first_key_hash,
              .shard_index = command.place.shard.value};
  set_actor(run.client, run.session != nullptr ? tracks_reads(*run.session) : run.tracked);
  const size_t out_before = out.size();
  const uint64_t cycles = row.route == Route::kEachShard ? run_over_each(ctx, out)
                                                         : call(ctx, row.handler);
  run.shown = std::max(run.shown, shown_);
  observe_queued(run, row, {cycles, 0, muted ? 0 : out.size() - out_before});
  host_.in_exec = false;
  if (muted) {
    if (!run.muted()) {
      run.out->splice(discard_);  // CLIENT REPLY ON is itself answered
    }
    discard_.clear();
  }
  return true;
}

// What is noticed about a queued command, whose arguments are in exec_args_. Their bytes are
// counted only where some request of the transaction may be large.
void Worker::observe_queued(ExecRun& run, const CommandRow& row, const CommandCost& of_run) {
  CommandCost cost = of_run;
  if (run.transaction->bytes() >= watch_.request_bytes_min()) [[unlikely]] {
    cost.request_bytes += argument_bytes(exec_args_);
  }
  look_if_due(row, exec_args_, cost);
  if (run.session != nullptr) {
    note_if_remarkable(run.session, row, exec_args_, cost);
  } else if (watch_.remarkable(cost)) {
    bring_home(run.noted, row, exec_args_, cost);
  }
}

void Worker::bind_keys(const ExecRun& run) {
  if (run.leased != nullptr) {
    keys_.bind_leased(run.leased->words, run.current_db(), now_, run.touching);
  } else {
    keys_.bind(shard_.id(), run.current_db(), now_, run.touching);
  }
}

// Route::kEachShard with all shards held: no tour, one shard after the other here.
uint64_t Worker::run_over_each(Context& ctx, Output& out) {
  const int db = keys_.db();
  Gather gather;
  Output body(chunks_);
  body.set_limit(out.limit());
  gather.body = &body;
  ctx.gather = &gather;
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    keys_.bind(shard, db, now_);
    ctx.shard_index = shard.value;
    ctx.row.each_shard(ctx);
  }
  keys_.bind(shard_.id(), db, now_);
  const uint64_t cycles = call(ctx, ctx.row.handler);
  shown_ = std::max(shown_, gates_ ? shown_by_held() : Ticket{});
  out.splice(body);
  return cycles;
}

// Route::kEachWorker with all shards held. A visit may look at the shard of its worker, because
// here nothing moves until it has ended; it must not change keys.
bool Worker::run_queued_tour(ExecRun& run, const CommandRow& row) {
  if (run.tour == nullptr) {
    run.tour = make_tour(*run.session, row, exec_args_);
    run.tour->muted = run.muted();
    run.tour->in_exec = true;
  }
  Tour& tour = *run.tour;
  if (run.visit_asked) {  // and answered: that is why we are here
    run.visit_asked = false;
    ++tour.next_worker;
  }
  for (; tour.next_worker < workers_ && !tour.done_early; ++tour.next_worker) {
    const WorkerId at{tour.next_worker};
    if (at != id_) {
      run.visit_asked = true;
      changes_.group_is_seen(now_);
      engine_.leases().ask_visit(lease_.ticket, at, tour);
      wake_if_asleep(engine_.worker(at.value));
      return false;
    }
    visit_tour(tour);
  }
  answer_tour(tour, *run.session, *run.out);
  run.tour.reset();
  return true;
}

void Worker::start_leased_exec(Session& session) {
  exec_ = {};
  exec_.leased = &lease_.shards;
  exec_.out = &exec_out_;  // nothing else may come between two parts of the array
  exec_out_.set_limit(output_bytes_max(session));
  start_exec(exec_, session, *leased_item_.row);
  lease_.step = LeaseStep::kExec;
}

bool Worker::leased_exec_can_move() {
  return !exec_.visit_asked || engine_.leases().visited(lease_.ticket);
}

// While a tour is away the turn goes on, and this worker's own shard is as untouchable as those of
// the others: it counts as parked by this worker's own lease. What waited for it meanwhile goes on
// when check_parked sees the release.
void Worker::go_on_leased_exec() {
  learn(engine_.leases().latest_now(lease_.ticket, now_));
  if (exec_.waited) {
    parked_ = false;
  }
  const bool over = go_on_exec(exec_);
  if (!over) {
    exec_.waited = true;
    parked_ticket_ = lease_.ticket;
  }
  parked_ = parked_ || exec_.waited;
  if (over) {
    Session& session = *lease_.session;
    session.show(exec_.shown);
    session.out.splice(exec_out_);
    end_of_cause();
    serve_waiters();
    release_held(session);
    finish_leased(session);
    if (exec_.waited) {  // long enough
      lease_.requests_left = 0;
    }
  }
}

// --- letting records go ---

void Worker::unwatch(Session& session) {
  Transaction* transaction = session.transaction.get();
  if (transaction == nullptr || transaction->watching.id == 0) {
    return;
  }
  transaction_bytes_ -= static_cast<int64_t>(transaction->watching.bytes);
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (transaction->watched.has(shard)) {
      forget({transaction->watching.id, shard});
    }
  }
  transaction->watching = {};
  transaction->watched = {};
}

// Now or as soon as it can be.
void Worker::forget(const Forgotten& record) {
  if (!try_forget(record)) {
    waiting_forgets_.push_back(record);
  }
}

// False if it can't be done or sent now.
bool Worker::try_forget(const Forgotten& record) {
  if (record.shard == shard_.id()) {
    const bool now = !parked_ && !in_service_;
    if (now) {
      side_.forget(record.id);
    }
    return now;
  }
  Channel& channel = engine_.channel(id_, WorkerId{record.shard.value});
  Cell* cell = channel.take();
  if (cell == nullptr) {
    return false;
  }
  cell->kind = CellKind::kForget;
  cell->watching.id = record.id;
  cell->now = now_;
  ++cells_under_way_;
  channel.send(*cell);
  return true;
}

void Worker::retry_forgets() {
  std::erase_if(waiting_forgets_, [this](const Forgotten& record) { return try_forget(record); });
}

}  // namespace pollux
