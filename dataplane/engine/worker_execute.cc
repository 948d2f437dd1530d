// Running requests: in place, on another worker's shard through a cell, for another worker. The
// order of a session's replies and effects is kept here.
#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/engine/member_prefetch.h"
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/time.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

constexpr int64_t kTellAgainMs = 60'000;

// How much output has grown; a session that was closed has none left.
size_t more_than(size_t now, size_t before) { return now > before ? now - before : 0; }

}  // namespace

void Worker::execute_burst() {
  if (burst_.parts.empty()) {
    return;
  }
  if (burst_.items.size() > 1 && !parked_) {
    prefetch_burst();
  }
  for (BurstPart& part : burst_.parts) {
    const size_t consumed = run_part(part);
    finish_part(part, consumed);
  }
  burst_.clear();
}

// Each step asks for memory and looks at what the step before has asked for.
void Worker::prefetch_burst() {
  const auto for_each_here = [this](auto&& ask) {
    for (const BurstPart& part : burst_.parts) {
      for (size_t i = part.first_item; i < part.first_item + part.item_count; ++i) {
        const BurstItem& item = burst_.items[i];
        if (item.place.first_key_hash != 0 && item.place.shard == shard_.id()) {
          ask(part.session->db, item);
        }
      }
    }
  };
  for_each_here([this](int db, const BurstItem& item) {
    shard_.prefetch_bucket(db, item.place.first_key_hash);
  });
  bool members_named = false;
  for_each_here([this, &members_named](int db, const BurstItem& item) {
    shard_.prefetch_entry(db, item.place.first_key_hash);
    members_named |= item.row->member_at != 0;
  });
  if (!members_named) {
    return;
  }
  MemberPrefetch members(shard_);
  for_each_here([this, &members](int db, const BurstItem& item) {
    members.ask_bucket(db, item.place.first_key_hash, *item.row, burst_.args_of(item));
  });
  members.ask_blocks();
}

// Runs the requests of one session until one must wait; returns how many bytes are done with.
size_t Worker::run_part(BurstPart& part) {
  Session& session = *part.session;
  session.out.set_limit(output_bytes_max(session));
  size_t consumed = 0;
  size_t done = 0;
  back_to_back_ = false;
  for (; done < part.item_count && !session.closing; ++done) {
    const BurstItem& item = burst_.items[part.first_item + done];
    if (share_has_cost_enough() && session.stall == Stall::kNone) {
      stall(session, Stall::kTurn);
    }
    request_bytes_ = item.end - consumed;
    if (session.stall != Stall::kNone || !run_item(session, item, burst_.args_of(item))) {
      break;
    }
    consumed = item.end;
  }
  back_to_back_ = false;  // who runs the next command may have waited for it
  if (!session.closed && (!session.out.empty() || session.closing || session.ended)) {
    mark_dirty(session);
    over_output_limit(session);
  }
  if (session.closing) {
    return part.bytes.size();
  }
  return done == part.item_count ? part.parsed : consumed;
}

// False if the request must wait (the session is stalled and the request not consumed).
bool Worker::run_item(Session& session, const BurstItem& item, Args args) {
  // Most requests: the key is here, and of all that is asked one by one below, in bar_of and in
  // run_on_shard, nothing can speak against them.
  if (item.place.where == Where::kShard && item.place.shard == shard_.id() && !parked_ &&
      item.problem == BurstItem::Problem::kNone) {
    const CommandRow& row = *item.row;
    const bool plain_session = session.authenticated && !session.in_multi && !session.monitoring &&
                               session.subscriptions == nullptr && session.in_flight_count == 0;
    const bool plain_times =
        !loading() && !paused() && !changes_.enabled() && !side_.waits().any_moves();
    const bool plain_row = (row.flags & kProtected) == 0 && !needs_room(row.flags);
    if (plain_session && plain_times && plain_row &&
        (!minds_saves_ || disk_bar(session, row) == Bar::kNone)) [[likely]] {
      run_here(session, item, args);
      return true;
    }
  }
  // Asked once: other workers' memory and the disk may change its answer at any moment, and who is
  // refused is answered at once, so nothing of the session may be in flight then.
  const bool whole = item.problem == BurstItem::Problem::kNone;
  const Bar bar = whole ? bar_of(session, *item.row) : Bar::kRequest;
  if (session.in_flight_count > 0) {
    // Nothing overtakes a command that may have to wait, which in turn goes alone.
    const bool plain = bar == Bar::kNone && item.place.where == Where::kShard &&
                       (item.row->flags & kBlocking) == 0 && session.waiter == nullptr;
    const bool read = plain && (item.row->flags & kReadonly) != 0;
    const bool same_shard = plain && session.in_flight_one_shard &&
                            session.in_flight_shard == item.place.shard &&
                            item.place.shard != shard_.id();
    const bool may_pass = same_shard || (read && session.in_flight_reads) ||
                          (plain && config_->pipeline_order_relaxed);
    if (!may_pass) {
      stall(session, Stall::kOrder);
      return false;
    }
  }
  if (session.in_multi) {
    return run_in_multi(session, item, bar, args);
  }
  if (bar != Bar::kNone) {
    refuse(session, item, bar, args);
    return true;
  }
  if (paused() && held_back(session, *item.row)) [[unlikely]] {
    session.last_command = item.row;
    stall(session, Stall::kPaused);
    return false;
  }
  if (const Stall why = must_wait(item.row->flags); why != Stall::kNone) {
    stall(session, why);
    return false;
  }
  switch (item.place.where) {
    case Where::kSession:
    case Where::kExec:
      run_here(session, item, args);
      return true;
    case Where::kShard:
      return run_on_shard(session, item, args);
    case Where::kLease:
      stall(session, Stall::kLease);
      return false;
    case Where::kEachShard:
    case Where::kEachWorker:
      back_to_back_ = false;
      start_tour(session, item, args);
      return true;
  }
  return true;
}

// Whether the command may run at all; if not, refuse says why.
Bar Worker::bar_of(const Session& session, const CommandRow& row) {
  if ((row.flags & kProtected) != 0 && !protected_command_allowed(session)) {
    return Bar::kProtected;
  }
  if (!session.authenticated && (row.flags & kNoAuth) == 0) {
    return Bar::kNoAuth;
  }
  if (session.in_multi && barred_in_multi(row)) {
    return Bar::kNotInMulti;
  }
  const bool needs_memory = (row.flags & kDenyOom) != 0 ||
                            (session.in_multi && needs_memory_in_multi(session, row));
  if (needs_memory && !loading() && out_of_memory()) {
    return Bar::kMemory;
  }
  if (const Bar bar = disk_bar(session, row); bar != Bar::kNone) [[unlikely]] {
    return bar;
  }
  if (barred_while_subscribed(session, row)) {
    return Bar::kSubscribed;
  }
  if (barred_while_loading(session, row)) {
    return Bar::kLoading;
  }
  if (session.monitoring && (row.flags & (kReadonly | kWrite)) != 0) {
    return Bar::kMonitoring;
  }
  return disk_is_behind(session, row) ? Bar::kDiskBehind : Bar::kNone;
}

bool Worker::barred_while_subscribed(const Session& session, const CommandRow& row) {
  return session.subscriptions != nullptr && session.protocol == 2 &&
         (row.flags & kWhileSubscribed) == 0;
}

bool Worker::protected_command_allowed(const Session& session) {
  if (config_->debug_command_allowed) {
    return true;
  }
  const PeerInfo& peer = transport_->peer(session.conn);
  return config_->debug_command_local && (peer.loopback || peer.unix_socket);
}

std::string Worker::refusal(Bar bar, const CommandRow& row) const {
  switch (bar) {
    case Bar::kNone:
    case Bar::kRequest:
      break;
    case Bar::kProtected:
      return std::string(error_text::kDebugNotAllowed);
    case Bar::kNoAuth:
      return std::string(error_text::kNoAuth);
    case Bar::kNotInMulti:
      return std::string(error_text::kNotInMulti);
    case Bar::kSubscribed: {
      // Redis gives no code to what EXEC quotes if it has just put it together.
      std::string text = row.route == Route::kExec ? "Can't execute '" : "ERR Can't execute '";
      append_full_name(text, row);
      text += '\'';
      text += error_text::kNotWhileSubscribed;
      return text;
    }
    case Bar::kLoading:
      return std::string(error_text::kLoading);
    case Bar::kMonitoring:
      return std::string(error_text::kMonitorHasNoKeys);
    case Bar::kMemory:
      return std::string(error_text::kOutOfMemory);
    case Bar::kSavesFail:
      return std::string(error_text::kSavesFail);
    case Bar::kDiskFails: {
      const auto error = static_cast<int>(engine_.page().aof.last_error.get());
      return error == 0 ? "MISCONF The append-only file is made anew, and until that is done "
                          "nothing can be written. Look at the log, and try again in a moment"
                        : std::string("MISCONF Errors writing to the AOF file: ") +
                              std::strerror(error);
    }
    case Bar::kDiskBehind:
      return std::string(error_text::kDiskBehind);
  }
  POLLUX_ASSERT(false);
  return {};
}

// Answers what is wrong with a request that will not run, in Redis' order of checks.
void Worker::refuse(Session& session, const BurstItem& item, Bar bar, Args args) {
  const bool known = item.problem == BurstItem::Problem::kNone ||
                     item.problem == BurstItem::Problem::kArity;
  POLLUX_ASSERT(session.in_flight_count == 0);  // its replies would come behind this one
  session.last_command = known ? item.row : nullptr;
  const bool muted = begin_command(session);
  Reply reply(muted ? discard_ : session.out, session.protocol);
  switch (item.problem) {
    case BurstItem::Problem::kProtocol:
      core_.protocol_errors.add(1);
      reply.error(session.reader.error());
      session.closing = true;
      break;
    case BurstItem::Problem::kWebRequest:
      if (now_.ms() - web_request_told_ms_ >= kTellAgainMs) {
        web_request_told_ms_ = now_.ms();
        log_line(LogLevel::kWarning,
                 "Closing %s: it sent POST or Host:, so it may be a browser that a web page uses "
                 "to attack this server (each worker tells once a minute)",
                 transport_->peer(session.conn).address.c_str());
      }
      end_command(session, muted);
      kill(session);  // replies that wait go with it, as in Redis
      return;
    case BurstItem::Problem::kUnknown:
      write_unknown_command(reply, args);
      break;
    case BurstItem::Problem::kUnknownSub:
      write_unknown_subcommand(reply, *item.row, args);
      break;
    case BurstItem::Problem::kArity:
      if (item.row->route == Route::kExec) {
        refuse_exec(session, reply, "wrong number of arguments for 'exec' command");
      } else {
        write_wrong_arity(reply, *item.row);
      }
      break;
    case BurstItem::Problem::kNone:
      if (item.row->route == Route::kExec) {
        refuse_exec(session, reply, refusal(bar, *item.row));
      } else {
        reply.error(refusal(bar, *item.row));
      }
      break;
  }
  count_error(reply.error_code());
  if (item.row != nullptr) {
    counters_of(*item.row).rejected.add(1);
    if (item.row->route == Route::kExec && engine_.monitors().any() && !loading()) {
      host_.session = &session;
      tell_monitors(*item.row, args, session.db);  // who saw MULTI sees that it is over
    }
  }
  used_caching(session, item.row);
  end_command(session, muted);
}

// True if the reply of the command that begins now is not to be sent (CLIENT REPLY).
bool Worker::begin_command(Session& session) {
  if (session.reply_mode == ReplyMode::kSkipNext) {
    session.reply_mode = ReplyMode::kSkipping;
  }
  return session.reply_mode != ReplyMode::kOn;
}

void Worker::end_command(Session& session, bool muted) {
  if (session.reply_mode == ReplyMode::kSkipping) {
    session.reply_mode = ReplyMode::kOn;
  }
  if (muted) {
    discard_.clear();
  }
}

void Worker::run_here(Session& session, const BurstItem& item, Args args) {
  const bool muted = begin_command(session);
  // A command that turns replies on (CLIENT REPLY ON) is itself answered: it may write to `out`
  // though the session was mute, so the choice is made again below.
  Reply reply(muted ? discard_ : session.out, session.protocol);
  session.last_command = item.row;
  ++session.commands;
  keys_.bind(shard_.id(), session.db, now_, !session.no_touch);
  host_.session = &session;
  host_.tour = nullptr;
  Context ctx{.args = args,
              .keys = keys_,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = host_,
              .row = *item.row,
              .first_key_hash = item.place.first_key_hash,
              .shard_index = item.place.shard.value};
  running_ = &session;
  const size_t out_before = session.out.size();
  set_actor(ref_of(session), session.tracking != nullptr && tracks_reads(session));
  const uint64_t cycles = call(ctx, item.row->handler);
  back_to_back_ = true;
  session.show(shown_);
  running_ = nullptr;
  if (session.tracking != nullptr) [[unlikely]] {
    used_caching(session, item.row);
  }
  if (muted && session.reply_mode == ReplyMode::kOn) {
    session.out.splice(discard_);
  }
  const CommandCost cost{cycles, request_bytes_, more_than(session.out.size(), out_before)};
  look_if_due(*item.row, args, cost);
  if (host_.waits) [[unlikely]] {
    begin_wait(session, muted);
  } else if (watch_.remarkable(cost)) [[unlikely]] {
    note_if_remarkable(&session, *item.row, args, cost);
  }
  end_command(session, muted);
  after_command();
}

bool Worker::run_on_shard(Session& session, const BurstItem& item, Args args) {
  const bool here = item.place.shard == shard_.id();
  if (here && parked_) {
    stall(session, Stall::kParked);
    return false;
  }
  if (here && session.in_flight_count == 0) {
    if (side_.waits().any_moves() && needs_more(session, *item.row, args, own_shard_)) {
      stall(session, Stall::kLease);
      return false;
    }
    run_here(session, item, args);
    return true;
  }
  Channel& channel =
      here ? local_cells_
           : engine_.channel(id_, WorkerId{item.place.shard.value});
  Cell* cell = channel.take();
  if (cell == nullptr) {
    stall(session, Stall::kCell);
    return false;
  }
  enlist(session, *cell, item, item.place.shard);
  cell->kind = CellKind::kCommand;
  if (item.row->in_multi == InMulti::kRefused) {  // WATCH: of its kind the one with keys
    Transaction& transaction = watching_transaction(session);
    transaction.watched.add(item.place.shard);
    cell->watching.id = transaction.watching.id;
  }
  if (here) {
    // A read between reads that are elsewhere: it runs now, its reply waits for its turn.
    cell->request_bytes = static_cast<uint32_t>(std::min<size_t>(request_bytes_, UINT32_MAX));
    const CommandCost cost = run_cell(*cell, args);
    // Null: what it was pushed meanwhile was too much for its client.
    note_if_remarkable(cell->session, *cell->row, args, cost);
    cell->answered = true;
    if (cell->session == nullptr) {
      release_cell(*cell);
    }
    return true;
  }
  cell->set_args(args);
  if ((item.row->flags & kBlocking) != 0) {
    cell->waiter = &new_waiter(session, *item.row, args);
    cell->waiter->with_cell = true;
  }
  cell->request_bytes = static_cast<uint32_t>(std::min<size_t>(request_bytes_, UINT32_MAX));
  ++cells_under_way_;
  core_.cells_sent.add(1);
  channel.send(*cell);
  return true;
}

// The session's request goes on its way in the cell, whose kind is the caller's; its reply has its
// place in the order.
void Worker::enlist(Session& session, Cell& cell, const BurstItem& item, ShardId shard) {
  cell.muted = begin_command(session);
  end_command(session, false);
  session.last_command = item.row;
  ++session.commands;
  const bool read = (item.row->flags & kReadonly) != 0;
  const bool first = session.in_flight_count == 0;
  session.in_flight_one_shard =
      first || (session.in_flight_one_shard && session.in_flight_shard == shard);
  session.in_flight_reads = read && (first || session.in_flight_reads);
  session.in_flight_shard = shard;
  ++session.in_flight_count;
  ++session.in_flight_begun;
  session.in_flight.push_back(cell);
  cell.session = &session;
  cell.row = item.row;
  cell.db = session.db;
  cell.protocol = session.protocol;
  cell.touching = !session.no_touch;
  cell.reply.set_limit(output_bytes_max(session));
  cell.tracked = tracks_reads(session);
  cell.client = session.conn;
  used_caching(session, item.row);
  cell.first_key_hash = item.place.first_key_hash;
  cell.shard_index = item.place.shard.value;
  cell.now = now_;
  if (engine_.monitors().any()) [[unlikely]] {
    cell.peer = transport_->peer(session.conn).address;
  }
}

// Runs a cell's command on this worker's shard; the reply stays in the cell.
CommandCost Worker::run_cell(Cell& cell, Args args) {
  cell.reply.set_pool(chunks_);
  Reply reply(cell.reply, cell.protocol);
  bind_held(cell.db, cell.touching);
  host_.session = nullptr;
  host_.tour = nullptr;
  host_.waiter = cell.waiter;
  host_.watching = &cell.watching;
  host_.peer = cell.peer;
  Context ctx{.args = args,
              .keys = keys_,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = host_,
              .row = *cell.row,
              .first_key_hash = cell.first_key_hash,
              .shard_index = cell.shard_index};
  set_actor({cell.home, cell.client}, cell.tracked);
  const uint64_t cycles = call(ctx, cell.row->handler);
  cell.shown = shown_;
  const CommandCost cost{cycles, cell.request_bytes, cell.reply.size()};
  look_if_due(*cell.row, args, cost);
  cell.waits = std::exchange(host_.waits, false);
  after_command();
  return cost;
}

// A request of another worker.
void Worker::serve(Cell& cell) {
  switch (cell.kind) {
    case CellKind::kPark:
      // From here to the release the shard is another's; stored before the coordinator is told.
      POLLUX_ASSERT(ready_.empty());
      parked_ = true;
      parked_ticket_ = cell.lease_ticket;
      publish_account(shard_.id());
      send_broadcasts();
      engine_.leases().acknowledge(cell.lease_ticket, now_);
      wake_if_asleep(engine_.worker(cell.home.value));
      return;
    case CellKind::kTour:
      visit_tour(*cell.tour);
      if (cell.tour->stay) {
        staying_tours_.push_back(cell);
        return;
      }
      break;
    case CellKind::kCommand:
      core_.cells_served.add(1);
      engine_.channel(cell.home, id_).begin_serving(cell);
      if (const CommandCost cost = run_cell(cell, cell.args());
          watch_.remarkable(cost) && !cell.waits) {
        bring_home(cell.noted, *cell.row, cell.args(), cost);
      }
      cell.pack_reply();
      break;
    case CellKind::kExec:
      core_.cells_served.add(1);
      engine_.channel(cell.home, id_).begin_serving(cell);
      run_exec_cell(cell);
      cell.pack_reply();
      break;
    case CellKind::kForget:
      side_.forget(cell.watching.id);
      break;
  }
  cell.now = now_;
  engine_.channel(cell.home, id_).answer(cell);
}

// An answer from another worker.
void Worker::take_answer(Cell& cell) {
  --cells_under_way_;
  if (cell.kind == CellKind::kTour) {
    --tour_cells_;
    Tour& tour = *cell.tour;
    release_cell(cell);
    tour.go_on();
    advance_tour(tour);
    return;
  }
  if (cell.noted != nullptr) {
    for (const NotedCommand& command : *cell.noted) {
      watch_.note(command, watched_client(cell.session), now_);
    }
  }
  if (cell.waiter != nullptr) {
    take_waiter_cell(cell);
    return;
  }
  if (cell.session == nullptr) {
    release_cell(cell);
    return;
  }
  if (cell.watching.keys > 0) {
    count_watches(*cell.session, cell.watching);
  }
  if (cell.transaction != nullptr && cell.session->transaction == nullptr) {
    cell.session->transaction = std::move(cell.transaction);
  }
  cell.answered = true;
  deliver(*cell.session);
}

void Worker::release_cell(Cell& cell) {
  cell.reply.set_pool(chunks_);  // whose thread this is; the chunks know their own home
  Channel& channel = cell.target == id_ ? local_cells_ : engine_.channel(id_, cell.target);
  channel.give_back(cell);
}

// Moves the replies that are next in order behind the session's output.
void Worker::deliver(Session& session) {
  while (!session.in_flight.empty() && session.in_flight.front().answered) {
    Cell& cell = session.in_flight.pop_front();
    --session.in_flight_count;
    session.show(cell.shown);
    if (!cell.muted) {  // a command that waits has left nothing in it
      session.out.append(cell.packed_reply());
      session.out.splice(cell.reply);
    }
    release_cell(cell);
    release_held(session);
  }
  mark_dirty(session);
  if (over_output_limit(session)) {
    return;
  }
  if (session.in_flight_count == 0 && session.stall == Stall::kOrder) {
    resume(session);
  }
}

CommandCounters& Worker::counters_of(const CommandRow& row) {
  return core_.per_command[row.id];
}

// Runs the handler and counts; returns how long the command took, with what it took before
// (cycles_before: the visits of a tour).
uint64_t Worker::call(Context& ctx, Handler handler, uint64_t cycles_before) {
  // In a transaction it is done before the first: what that has written, nothing takes away before
  // the end.
  if (needs_room(ctx.row.flags) && !host_.in_exec) {
    make_room(static_cast<int64_t>(argument_bytes(ctx.args)));
    back_to_back_ = false;
  }
  // In EXEC and in a pipeline one command begins where the one before it ended: reading the counter
  // costs 13 ns.
  const uint64_t began = host_.in_exec || back_to_back_ ? last_call_tsc_ : tsc();
  back_to_back_ = false;
  const bool alone = may_take_long(ctx.row.flags) && changes_.begin_command();
  ctx.effects = effects_if_kept();
  handler(ctx);
  last_call_tsc_ = tsc();
  if (alone) {
    end_group();
  }
  if (changes_.enabled()) [[unlikely]] {
    note_changes(ctx);
  }
  const uint64_t cycles = last_call_tsc_ - began + cycles_before;
  if (actor_tracked_ && (ctx.row.flags & kReadonly) != 0) [[unlikely]] {
    remember_reads(ctx);
  }
  CommandCounters& counters = counters_of(ctx.row);
  counters.calls.add(1);
  counters.cycles.add(static_cast<int64_t>(cycles));
  if (latency_tracking_ && !host_.waits) {
    latencies_[ctx.row.id].record(cycles);
  }
  core_.commands.add(1);
  if (engine_.monitors().any()) [[unlikely]] {
    tell_monitors(ctx.row, ctx.args, ctx.keys.db());
  }
  if (ctx.reply.failed()) {
    counters.failed.add(1);
    count_error(ctx.reply.error_code());
  }
  return cycles;
}

// The worker that ran a command samples its keys.
void Worker::look_if_due(const CommandRow& row, Args args, const CommandCost& cost) {
  if (watch_.hot_keys().due()) [[unlikely]] {
    watch_.hot_keys().look(row, args, cost);
  }
}

// The worker of the session keeps the logs. The session is null if it has left.
void Worker::note_if_remarkable(const Session* session, const CommandRow& row, Args args,
                                const CommandCost& cost) {
  if (!watch_.remarkable(cost)) [[likely]] {
    return;
  }
  watch_.note({&row, logged_args(row, args), cost}, watched_client(session), now_);
}

CommandWatch::Client Worker::watched_client(const Session* session) {
  if (session == nullptr) {
    return {};
  }
  return {transport_->peer(session->conn).address, session->name()};
}

void Worker::bring_home(std::unique_ptr<std::vector<NotedCommand>>& noted, const CommandRow& row,
                        Args args, const CommandCost& cost) {
  if (noted == nullptr) {
    noted = std::make_unique<std::vector<NotedCommand>>();
  }
  noted->push_back({&row, logged_args(row, args), cost});
}

void Worker::count_error(std::string_view code) {
  core_.error_replies.add(1);
  const auto known = std::find_if(error_counts_.begin(), error_counts_.end(),
                                  [code](const ErrorCount& row) { return row.code == code; });
  if (known != error_counts_.end()) {
    ++known->count;
  } else if (error_counts_.size() < kErrorRowsMax) {
    error_counts_.push_back({std::string(code), 1});
  }
}

}  // namespace pollux
