// The turn: what a worker does, in which order, and when it sleeps.
#include "dataplane/engine/worker.h"

#include <algorithm>

#include "dataplane/engine/config.h"
#include "dataplane/engine/figures.h"
#include "dataplane/engine/member_prefetch.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/time.h"

namespace pollux {

namespace {

constexpr int64_t kTickBudgetUs = 50;
constexpr int64_t kCronMs = 100;
// A turn stops taking events after this many commands (about 70 us of small ones), so that replies
// leave and other workers are heard however deep the pipelines are.
constexpr uint64_t kTurnCommandsMax = 256;
constexpr size_t kServeMax = 256;  // requests of other workers in one mailbox phase
// Bytes of replies that a phase makes before the rest waits for the next turn: some milliseconds of
// copying, however many big values are asked for at once.
constexpr int64_t kShareBytesMax = 4 << 20;
// While a client is so large, the limit of all clients is looked at each turn, else when they have
// grown, and ten times a second.
constexpr int64_t kLargeClientBytes = 1 << 20;
constexpr size_t kDeliveriesMax = 4096;  // of pushes to sessions, in one mailbox phase
// Time after which a phase begins no further command: 256 commands take longer than planned where
// each is dear, or where memory is touched for the first time.
constexpr double kShareUs = 50;

}  // namespace

Worker::Worker(Engine& engine, WorkerId id, std::unique_ptr<Transport> transport, uint64_t seed)
    : engine_(engine),
      id_(id),
      workers_(static_cast<int>(engine.shards().size())),
      transport_(std::move(transport)),
      shard_(*engine.shards()[id.value]),
      side_(engine.side(ShardId{id.value})),
      core_(engine.core(id.value)),
      latencies_(engine.page().latencies(id.value)),
      config_(engine.config().current()),
      rng_(seed),
      now_(engine.clock().now()),
      keys_(engine.shards()),
      changes_(engine.journal(), id),
      discard_(chunks_),
      local_cells_(id, id, kLocalCells, chunks_),
      waiters_(chunks_),
      exec_out_(chunks_),
      watch_(engine.log_ids(), seed) {
  burst_.items.reserve(Burst::kItemsMax);
  burst_.args.reserve(Burst::kItemsMax * 4);
  own_shard_.add(shard_.id());
  host_.engine = &engine;
  host_.worker = this;
  discard_.set_limit(1);  // one chunk, for the reply of CLIENT REPLY ON
  side_.set_holder(*this);
  side_.listen();
  refresh_config();
  if (!engine.load_desk().over()) {
    load_ = std::make_unique<LoadWork>(engine.load_desk(), engine.shards());
  }
}

Worker::~Worker() = default;

void Worker::connect() {
  for (int i = 0; i < workers_; ++i) {
    const WorkerId other{static_cast<uint16_t>(i)};
    if (other == id_) {
      continue;
    }
    outgoing_.push_back(&engine_.channel(id_, other));
    incoming_.push_back(&engine_.channel(other, id_));
  }
}

void Worker::run() {
  share_cycles_max_ = static_cast<uint64_t>(kShareUs * tsc_per_us());
  while (!may_leave()) {
    bool worked = poll_phase();
    worked |= mailbox_phase();
    worked |= load_phase();
    worked |= tick_phase();
    measure_turn();
    worked |= flush_phase();
    idle(worked);
  }
  flush_phase();
  transport_->end();
}

bool Worker::step(Phase phase) {
  switch (phase) {
    case Phase::kPoll:
      return poll_phase();
    case Phase::kMailbox:
      return mailbox_phase();
    case Phase::kLoad:
      return load_phase();
    case Phase::kTick:
      return tick_phase();
    case Phase::kFlush: {
      const bool worked = flush_phase();
      transport_->flush();
      return worked;
    }
    case Phase::kCount:
      break;
  }
  return false;
}

bool Worker::poll_phase() {
  turn_began_tsc_ = tsc();
  refresh_config();
  if (load_ != nullptr) {
    note_loading();
  }
  if (event_next_ == event_count_) {
    event_next_ = 0;
    event_count_ = transport_->poll(events_);
  }
  now_ = std::max(now_, engine_.clock().now());
  note_pause();
  if (!parked_ && engine_.shutdown_waits(id_, *config_)) {
    engine_.signals().take();
    start_shutdown(engine_.shutdown_is_interrupt());
  }
  memory_grant_ = 0;
  turn_began_cpu_ns_ = config_->turn_cpu_stats ? thread_cpu_ns() : -1;
  if (event_next_ == event_count_ && wait_turn_.empty()) {
    return false;
  }
  changes_.learned();
  receive_invalidations();
  // What is left over is with the worker, so it comes first in the next turn; its bytes live until
  // the next poll.
  resume_next_turn();
  begin_share();
  while (event_next_ < event_count_ && !share_is_used()) {
    on_event(events_[event_next_++]);
  }
  execute_burst();
  return true;
}

// What a phase may begin from here on. Sessions that have more go on in the next turn.
void Worker::begin_share() {
  share_commands_end_ = commands_begun_ + kTurnCommandsMax;
  share_bytes_end_ = chunks_.used_bytes() + kShareBytesMax;
  share_tsc_end_ = share_cycles_max_ == UINT64_MAX ? UINT64_MAX : tsc() + share_cycles_max_;
}

// Those that used up a share before go on, each as long as this one lasts, and in a circle.
void Worker::resume_next_turn() {
  if (wait_turn_.empty()) {
    return;
  }
  begin_share();
  size_t waiting = 0;
  wait_turn_.for_each([&](Session&) { ++waiting; });
  for (; waiting > 0 && !wait_turn_.empty() && !share_is_used(); --waiting) {
    resume(wait_turn_.front());
    execute_burst();
  }
}

void Worker::on_event(const TransportEvent& event) {
  if (event.kind == TransportEvent::Kind::kOpen) {
    on_open(event.conn);
    return;
  }
  if (event.kind == TransportEvent::Kind::kClosed) {
    on_closed(event.conn);
    return;
  }
  Session* session = find_session(event.conn);
  if (session == nullptr) {
    return;
  }
  switch (event.kind) {
    case TransportEvent::Kind::kData:
      on_data(*session, event.bytes);
      break;
    case TransportEvent::Kind::kSent:
      on_sent(*session, event.sent);
      break;
    default:
      on_end(*session);
      break;
  }
}

bool Worker::mailbox_phase() {
  pushes_.take();
  begin_share();
  bool worked = check_parked();
  answers_.clear();
  for (Channel* channel : outgoing_) {
    while (Cell* cell = channel->receive_answer()) {
      answers_.push_back(cell);
    }
  }
  worked |= !invalidations_.empty();
  receive_invalidations();
  for (Cell* cell : answers_) {
    worked = true;
    learn(cell->now);
    take_answer(*cell);
  }
  if (worked) {
    retry_tours();  // first, or pipelines would take every cell that comes back
    retry_forgets();
    resume_all(wait_cell_);
  }
  worked |= deliver_pushes(kDeliveriesMax);
  worked |= end_waits_in_time();
  worked |= serve_requests();
  if (disk_has_caught_up()) {
    resume_all(wait_journal_);
  }
  worked |= progress_lease();
  worked |= take_errands();
  worked |= release_paused();
  revisit_tours();
  execute_burst();
  return worked;
}

// Requests of other workers for this shard, as a burst. A parked shard serves nobody, and what
// comes behind a park request waits in its ring.
bool Worker::serve_requests() {
  if (parked_ || incoming_.empty()) {
    return false;
  }
  if (served_next_ == served_.size()) {
    take_requests();
  }
  receive_invalidations();
  bool worked = held_cells_may_go_;
  if (held_cells_may_go_) {
    retry_held_cells();
  }
  for (; served_next_ < served_.size() && !share_has_cost_enough(); worked = true) {
    Cell& cell = *served_[served_next_++];
    learn(cell.now);
    if ((!held_cells_.empty() || side_.waits().any_moves()) && hold_back(cell)) [[unlikely]] {
      continue;
    }
    serve(cell);
  }
  return worked;
}

// Each time another worker is the first, so that the busiest can't keep the others out.
void Worker::take_requests() {
  served_.clear();
  served_next_ = 0;
  serve_first_ = (serve_first_ + 1) % incoming_.size();
  for (size_t i = 0; i < incoming_.size(); ++i) {
    Channel* channel = incoming_[(serve_first_ + i) % incoming_.size()];
    while (served_.size() < kServeMax) {
      Cell* cell = channel->receive_request();
      if (cell == nullptr) {
        break;
      }
      served_.push_back(cell);
      if (cell->kind == CellKind::kPark) {
        break;
      }
    }
    if (!served_.empty() && served_.back()->kind == CellKind::kPark) {
      break;
    }
  }
  for (const Cell* cell : served_) {
    if (cell->kind == CellKind::kCommand && cell->first_key_hash != 0) {
      shard_.prefetch_bucket(cell->db, cell->first_key_hash);
    }
  }
  for (const Cell* cell : served_) {
    if (cell->kind == CellKind::kCommand && cell->first_key_hash != 0) {
      shard_.prefetch_entry(cell->db, cell->first_key_hash);
    }
  }
  MemberPrefetch members(shard_);
  for (const Cell* cell : served_) {
    if (cell->kind == CellKind::kCommand && cell->first_key_hash != 0) {
      members.ask_bucket(cell->db, cell->first_key_hash, *cell->row, cell->args());
    }
  }
  members.ask_blocks();
}

bool Worker::tick_phase() {
  if (now_.ms() >= next_cron_ms_) {
    cron();
  }
  if (parked_) {
    return false;
  }
  const bool ticked = tick();
  return save_slice() || ticked;
}

bool Worker::tick() {
  shard_.set_active_expiry(config_->active_expiry && !paused() && !loading());
  if (now_.ms() == last_tick_ms_ && !tick_more_ && wait_memory_.empty()) {
    return false;
  }
  last_tick_ms_ = now_.ms();
  const uint64_t began = tsc();
  set_actor({}, false);
  tick_more_ = shard_.tick(now_, kTickBudgetUs);
  limit_tracked_keys(shard_.id());
  changes_.leave_out();  // what is gone by itself is recorded
  after_command();
  const uint64_t cycles = tsc() - began;
  core_.tick_cycles.add(static_cast<int64_t>(cycles));
  core_.ticks_cut_short.add(tick_more_ ? 1 : 0);
  watch_.note_event(LatencyEvent::kExpireCycle, cycles, now_);
  tick_more_ |= evict_slice();
  if (!paused()) {
    side_.look_again(now_);
  }
  serve_waiters();
  if (!wait_memory_.empty()) {
    resume_all(wait_memory_);
  }
  return tick_more_;
}

bool Worker::flush_phase() {
  if (weigh_clients_ || largest_weight_ >= kLargeClientBytes || clients_grow() ||
      asked_to_evict_clients_.load(std::memory_order_relaxed)) {
    evict_clients();
  }
  POLLUX_ASSERT(!changes_.dirty() || lease_.step == LeaseStep::kExec);
  changes_.push();
  if (changes_.enabled() && !config_->keeps_history() && !changes_.dirty()) {
    keep_changes();
  }
  send_broadcasts();
  if (gates_may_open()) {
    open_gates();
  }
  bool worked = false;
  while (!dirty_.empty()) {
    Session& session = dirty_.pop_front();
    worked = true;
    start_send(session);
    close_if_done(session);
  }
  for (Channel* channel : outgoing_) {
    if (channel->requests_staged()) {
      channel->publish_requests();
      wake_if_asleep(engine_.worker(channel->target().value));
      worked = true;
    }
  }
  for (Channel* channel : incoming_) {
    if (channel->answers_staged()) {
      if (!parked_) {
        // First: who hears that a key is gone may ask for its room.
        publish_account(shard_.id());
      }
      channel->publish_answers();
      wake_if_asleep(engine_.worker(channel->home().value));
      worked = true;
    }
  }
  wake_pushed();
  if (worked) {
    core_.turns.add(1);
    publish_counters();
  } else if (need_published_) {  // by commands of somebody who wants no answers
    publish_account(shard_.id());
  }
  return worked;
}

// The end of the turn. (What the call that sleeps does is not in what the worker was busy with.)
void Worker::idle(bool worked) {
  const bool sleeps = !stays_awake(worked);
  int64_t timeout_us = 0;
  const bool falls_asleep = sleeps && fall_asleep(timeout_us);
  if (!falls_asleep) {
    transport_->flush();
  }
  if (worked) {
    core_.busy_cycles.add(static_cast<int64_t>(tsc() - turn_began_tsc_));
  }
  if (falls_asleep) {
    core_.sleeps.add(1);
    transport_->sleep(timeout_us);
    woke();
  } else if (!sleeps && config_->poll_mode != PollMode::kBusy) {
    __builtin_ia32_pause();
  }
}

bool Worker::stays_awake(bool worked) {
  // While it loads, or saves before it ends, a worker that waits leaves its processor to the
  // storage thread, which may have no other.
  if (loading() || engine_.shutting_down()) {
    return false;
  }
  if (config_->poll_mode == PollMode::kBusy) {
    return true;
  }
  if (spin_cycles_ == 0) {
    return false;
  }
  const uint64_t at = tsc();
  last_work_tsc_ = worked ? at : last_work_tsc_;
  return at - last_work_tsc_ < spin_cycles_;
}

bool Worker::fall_asleep(int64_t& timeout_us) {
  if (tick_more_ || weigh_clients_ || event_next_ < event_count_ || !wait_turn_.empty() ||
      !wait_memory_.empty() || requests_left() || !given_up_.empty() || cut_waits()) {
    return false;
  }
  const bool may_expire = !parked_ && !loading();
  int64_t wake_ms =
      std::min(next_cron_ms_, may_expire ? shard_.next_expiry_ms() : INT64_MAX);
  if (paused()) {
    wake_ms = std::min(wake_ms, config_->pause.next_end_ms(now_.ms()));
  } else if (!parked_) {
    wake_ms = std::min(wake_ms, side_.next_again_ms());
  }
  if (deadlines_.size() > 0) {
    wake_ms = std::min(wake_ms, deadlines_.first()->until_ms);
  }
  if (id_.value == 0 && engine_.save_desk() != nullptr &&
      engine_.save_desk()->cut_is_put_off(now_)) {
    wake_ms = std::min(wake_ms, now_.ms() + 1);
  }
  timeout_us = std::max<int64_t>(wake_ms * 1000 - now_.us, 0);
  // seq_cst: "flag, then look" here against "store, then look at the flag" of whoever has mail.
  asleep_.store(true, std::memory_order_seq_cst);
  if (mail_waiting() || config_waiting()) {
    woke();
    return false;
  }
  return true;
}

bool Worker::mail_waiting() {
  const bool may_rest = leaving_ == Leaving::kDone && engine_.all_done() && transport_->at_rest();
  if ((engine_.stopping() && leaving_ == Leaving::kNo) || may_rest || engine_.all_rested() ||
      pause_lessened_ || asked_to_evict_clients_) {
    return true;
  }
  if (!pushes_.empty() || !invalidations_.empty() ||
      (!parked_ && (load_waits() || save_waits() || engine_.shutdown_waits(id_, *config_)))) {
    return true;
  }
  if (gates_may_open() || disk_has_caught_up()) {
    return true;
  }
  if (!back_from_errands_.empty()) {
    return true;
  }
  for (const Channel* channel : outgoing_) {
    if (!channel->answers_empty()) {
      return true;
    }
  }
  if (parked_ && (engine_.leases().released(parked_ticket_) ||
                  engine_.leases().visitor(parked_ticket_, id_) != nullptr)) {
    return true;
  }
  for (const Channel* channel : incoming_) {
    if (!parked_ && !channel->requests_empty()) {
      return true;
    }
  }
  return lease_can_move();
}

void Worker::learn(Instant theirs) {
  now_ = std::max(now_, theirs);
  changes_.learned();
}

void Worker::wake_if_asleep(Worker& worker) {
  if (worker.asleep_.load(std::memory_order_seq_cst)) {
    worker.transport_->wake();
  }
}

void Worker::refresh_config() {
  if (engine_.config().current() == config_ && config_known_) {
    return;
  }
  config_ = &engine_.config().pick_up(id_);
  if (!config_known_) {
    config_known_ = true;
    listening_ = listen_on(*config_);
  } else if (const std::string problem = listen(*config_); !problem.empty()) {
    log_line(LogLevel::kWarning, "worker %d keeps its old addresses: %s", id_.value,
             problem.c_str());
  }
  spin_cycles_ = static_cast<uint64_t>(static_cast<double>(config_->poll_spin_us) * tsc_per_us());
  read_limits_.bulk_bytes_max = config_->data.bulk_bytes_max;
  keys_.set_access(config_->data.eviction.access);
  latency_tracking_ = config_->watch.latency_tracking;
  watch_.configure(config_->watch, tsc_per_us());
  minds_saves_ = config_->stop_writes_on_save_error && !config_->save_points.empty();
  note_history();
  if (!parked_) {
    side_.listen();  // else when the shard comes back
  }
}

std::string Worker::listen(const Config& config) {
  ListenOn wanted = listen_on(config);
  if (wanted == listening_) {
    return {};
  }
  // Worker 0 makes configuration versions, so it is the first on a new port.
  const bool taken_is_error = id_.value == 0 && wanted.port != listening_.port;
  std::string problem = transport_->listen(wanted, taken_is_error);
  if (problem.empty()) {
    listening_ = std::move(wanted);
  }
  return problem;
}

// From the end of the poll to the end of the tick, also where all came by mail, or nothing did:
// what somebody's request could have waited for.
void Worker::measure_turn() {
  if (turn_began_cpu_ns_ < 0) {
    return;
  }
  const int64_t spent = thread_cpu_ns() - turn_began_cpu_ns_;
  if (spent > core_.longest_turn_cpu_ns.get()) {
    core_.longest_turn_cpu_ns.set(spent);
  }
}

void Worker::publish_counters() {
  const KeyspaceStats& stats = keys_.stats();
  core_.keyspace_hits.set(static_cast<int64_t>(stats.hits));
  core_.keyspace_misses.set(static_cast<int64_t>(stats.misses));
  publish_clients();
  core_.tickets.set(static_cast<int64_t>(changes_.tickets()));
  if (!parked_) {
    publish_account(shard_.id());
    publish_evictions();
    core_.moved_blocks.set(static_cast<int64_t>(shard_.stats().moved_blocks));
    core_.dead_objects.set(static_cast<int64_t>(shard_.dead_objects()));
    core_.freed_objects.set(static_cast<int64_t>(shard_.stats().freed_objects));
    core_.expired_keys.set(static_cast<int64_t>(shard_.stats().expired_keys));
    core_.expired_fields.set(static_cast<int64_t>(shard_.stats().expired_fields));
  }
  const int64_t bytes = core_.data_bytes.get() + core_.client_bytes.get();
  if (bytes > core_.memory_peak_bytes.get()) {
    core_.memory_peak_bytes.set(bytes);
  }
}

HotKeysUsage Worker::usage() const {
  HotKeysUsage usage;
  for (const CommandCounters& row : core_.per_command) {
    usage.cycles += row.cycles.get();
  }
  usage.net_bytes = core_.net_input_bytes.get() + core_.net_output_bytes.get();
  thread_cpu_us(usage.user_us, usage.system_us);
  return usage;
}

// Ten times a second: rates, idle clients, soft limits.
void Worker::cron() {
  next_cron_ms_ = now_.ms() + kCronMs;
  if (!parked_) {
    publish_key_counts();
    shard_.memory().arena().tidy();
  }
  chunks_.take_returned();  // or the account of clients would still hold them
  rates_.sample(now_.ms(), core_);
  publish_counters();
  publish_figures(*transport_, core_);
  save_if_due();
  if (id_.value == 0) {
    watch_.note_stalls(engine_.page().aof.stalls);
  }
  watch_.hot_keys().fade_if_due(now_);
  if (watch_.hot_keys().over(now_)) {
    watch_.hot_keys().stop(now_, usage());
  }
  sweep_sessions();
  if (largest_weight_ >= kLargeClientBytes) {
    largest_client();  // it may have become smaller
  }
  weigh_clients_ = true;
}

void Worker::publish_key_counts() {
  int64_t keys = 0;
  int64_t with_expiry = 0;
  for (int db = 0; db < config_->databases; ++db) {
    const DbCounts counts = shard_.counts(db);
    keys += static_cast<int64_t>(counts.keys);
    with_expiry += static_cast<int64_t>(counts.keys_with_expiry);
  }
  core_.overhead_bytes.set(static_cast<int64_t>(shard_.overhead_bytes()));
  core_.keys.set(keys);
  core_.keys_with_expiry.set(with_expiry);
}

// CONFIG RESETSTAT, on each worker.
void Worker::reset_stats() {
  for (Counter* counter :
       {&core_.commands, &core_.connections_received, &core_.connections_rejected,
        &core_.connections_denied,
        &core_.net_input_bytes, &core_.net_output_bytes, &core_.reads, &core_.writes,
        &core_.protocol_errors, &core_.output_limit_closes, &core_.query_limit_closes,
        &core_.timeouts, &core_.error_replies, &core_.tick_cycles,
        &core_.ticks_cut_short, &core_.turns, &core_.busy_cycles, &core_.sleeps,
        &core_.longest_turn_cpu_ns, &core_.cells_sent, &core_.cells_served, &core_.leases,
        &core_.lease_riders, &core_.lease_wait_cycles, &core_.evicted_clients,
        &core_.over_limit_us}) {
    counter->set(0);
  }
  for (int i = 0; i < kCommandRowsMax; ++i) {
    if (core_.per_command[i].calls.get() > 0) {  // the others' have no memory yet
      for (Counter& count : latencies_[i].counts) {
        count.set(0);
      }
    }
  }
  for (CommandCounters& row : core_.per_command) {
    row.calls.set(0);
    row.cycles.set(0);
    row.rejected.set(0);
    row.failed.set(0);
  }
  error_counts_.clear();
  keys_.stats() = {};
  // What save points count by goes on.
  shard_.stats() = {.changes = shard_.stats().changes};
  rates_ = {};
  publish_counters();
}

bool Worker::quiet() const {
  bool quiet = dirty_.empty() && lease_.step == LeaseStep::kNone && wait_lease_.empty() &&
               waiting_tours_.empty() && staying_tours_.empty() && waiting_forgets_.empty() &&
               tours_under_way_ == 0 && cells_under_way_ == 0 && pushes_.empty() &&
               invalidations_.empty() && left_topics_.empty() && held_cells_.empty() &&
               given_up_.empty() && !pause_lessened_ && !parked_ &&
               wait_unpark_.empty() && wait_cell_.empty() && wait_turn_.empty() &&
               wait_memory_.empty() && wait_journal_.empty() && gated_.empty() &&
               !requests_left() && local_cells_.cells_out() == 0 && !load_waits() &&
               !load_wants_all() && !save_waits() && changes_.pushed();
  for (const Channel* channel : incoming_) {
    quiet = quiet && channel->requests_empty();
  }
  return quiet;
}

// A worker that has closed its sessions goes on serving the others until all have.
bool Worker::may_leave() {
  if (!engine_.stopping()) {
    return false;
  }
  if (leaving_ == Leaving::kNo) {
    leaving_ = Leaving::kClosing;
    leave_by_ms_ = now_.ms() + engine_.grace_ms();
    transport_->stop_accepting();
    for_each_session([this](Session& session) {
      session.closing = true;
      mark_dirty(session);
    });
  }
  // A tour whose session has left is still on its way, and freed when it comes home.
  const bool empty = session_count_ == 0 && tours_under_way_ == 0;
  const bool is_late = now_.ms() >= leave_by_ms_;
  if (leaving_ == Leaving::kClosing && (empty || is_late)) {
    leaving_ = Leaving::kDone;
    engine_.worker_done();
    wake_sleepers();
  }
  if (leaving_ == Leaving::kDone && engine_.all_done() && (transport_->at_rest() || is_late)) {
    leaving_ = Leaving::kRested;
    engine_.worker_rested();
    wake_sleepers();
  }
  return engine_.all_rested() || now_.ms() >= leave_by_ms_ + kCronMs;
}

}  // namespace pollux
