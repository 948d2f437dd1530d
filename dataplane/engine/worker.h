// One core's mind: its sessions, its shard, its ends of the rings, and the turn that drives them.
// Everything here is touched by the worker's own thread, or, while its shard is leased, the shard
// (and only the shard) by the coordinator of the lease.
//
// A turn: poll, mailbox, execute, tick, journal, flush, idle. A worker never waits for another:
// what can't go on is parked in a list with the event that will move it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/burst.h"
#include "dataplane/engine/cell.h"
#include "dataplane/engine/change_log.h"
#include "dataplane/engine/command_watch.h"
#include "dataplane/engine/config.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/exec_run.h"
#include "dataplane/engine/lease_under_way.h"
#include "dataplane/engine/load_desk.h"
#include "dataplane/engine/output.h"
#include "dataplane/engine/prefix_table.h"
#include "dataplane/engine/push.h"
#include "dataplane/engine/rates.h"
#include "dataplane/engine/router.h"
#include "dataplane/engine/session.h"
#include "dataplane/engine/shard_side.h"
#include "dataplane/engine/topics.h"
#include "dataplane/engine/tour.h"
#include "dataplane/engine/transport.h"
#include "dataplane/engine/waiter.h"
#include "src/abi/control_page.h"
#include "src/base/intrusive_list.h"
#include "src/base/rng.h"
#include "src/commands/context.h"
#include "src/commands/effects.h"
#include "src/data/keyspace.h"

namespace pollux {

// The steps of a turn; the seeded scheduler interleaves workers step by step.
enum class Phase : uint8_t { kPoll, kMailbox, kLoad, kTick, kFlush, kCount };

class Worker {
 public:
  static constexpr size_t kLocalCells = 64;

  Worker(Engine& engine, WorkerId id, std::unique_ptr<Transport> transport, uint64_t seed);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Threads: the loop, until Engine::stop.
  void run();
  // Scheduler: one phase of a turn, never sleeping. True if it did something.
  bool step(Phase phase);
  // What idle does around the transport's sleep: whether it sleeps, and for how long; woke()
  // behind.
  bool fall_asleep(int64_t& timeout_us);
  void woke() { asleep_.store(false, std::memory_order_relaxed); }
  // Somebody who has ended his turn has left something here, and has woken this worker if it slept.
  bool mail_waiting();
  // A configuration is newer than this worker's. Whom it concerns at once a tour tells of it.
  bool config_waiting() const { return config_->version != engine_.config().current()->version; }
  // True when nothing is under way on this worker (scheduler and shutdown).
  bool quiet() const;

  // --- for families of the engine, on this worker's thread ---
  WorkerId id() const { return id_; }
  Engine& engine() { return engine_; }
  const Config& config() const { return *config_; }
  CoreBlock& core() { return core_; }
  ShardStore& shard() { return shard_; }
  ChangeLog& changes() { return changes_; }
  bool gates() const { return gates_; }
  // All that the session has changed or seen (WAITAOF).
  bool is_on_disk(const Session& session) const;
  Transport& transport() { return *transport_; }
  Instant now() const { return now_; }
  Rng& rng() { return rng_; }
  // Calls fn(Session&) for every open session (not those already closed).
  template <typename Fn>
  void for_each_session(Fn fn) {
    for (auto& session : sessions_) {
      if (session && !session->closed) {
        fn(*session);
      }
    }
  }
  // Ends a session now, or, if it is the one whose command runs, after its reply.
  void kill(Session& session);
  // Takes the newest configuration version (the top of every turn does so too).
  void refresh_config();
  // Listens where `config` says, if that is new. Empty on success.
  std::string listen(const Config& config);
  // Bytes of sessions, what they have sent and was not run, and chunks.
  int64_t client_bytes() const;
  // Bytes of this worker's chunks that hold replies, here or on other workers.
  int64_t chunk_bytes() {
    chunks_.take_returned();
    return chunks_.used_bytes();
  }
  int64_t session_bytes(const Session& session) const;
  // Bytes of subscriptions. What one worker adds to a shard's topics another may take away: only
  // the sum over all workers means something.
  int64_t listening_bytes() const { return audience_.bytes() + topic_bytes_; }
  // What its shard remembers of reads, all clients' prefixes' worker, and sessions of their own.
  int64_t tracking_bytes() const {
    return core_.tracked_bytes.get() + prefixes_.bytes() + own_tracking_bytes_;
  }
  // Bytes that sessions have queued for EXEC or watch.
  int64_t transaction_bytes() const { return transaction_bytes_; }
  const ShardSide& side() const { return side_; }
  // MULTI; its end without EXEC, watches too; a transaction with an id for WATCH; UNWATCH.
  void begin_transaction(Session& session);
  void drop_transaction(Session& session);
  Transaction& watching_transaction(Session& session);
  void unwatch(Session& session);
  void count_watches(Session& session, const Watching& added);
  void set_name(Session& session, std::string ClientNames::*which, std::string_view name);
  void reset_stats();
  // Any thread, behind the publication of what the worker is to see.
  static void wake_if_asleep(Worker& worker);
  static void wake_for_disk(Worker& worker);  // the same behind news of the disk
  // The open session of that CLIENT ID, if it is this worker's; else null.
  Session* find_by_id(uint64_t id);
  // CLIENT PAUSE holds some commands back: data must not change by itself either.
  bool paused() const { return pause_mode_ != PauseMode::kOff; }
  // Files are being loaded, as far as this worker has heard.
  bool loading() const { return load_ != nullptr; }
  // From now on that is so. True once nothing that began before is still to run.
  bool take_up_load();
  // What a save is ordered with.
  SaveDesk::Order save_order() const;
  // Takes the pause that the configuration says, as it stands now.
  void note_pause();
  // Nothing that this worker began before its pause is still to run, here or elsewhere.
  bool pause_settled() const;

  // --- pushes (worker_push.cc), on this worker's thread ---
  // A payload to be filled, then sent by exactly `pushes` calls of push, each with the next of
  // payload.take_push(...).
  Payload& make_payload(size_t size, uint32_t pushes) {
    return chunks_.payloads().make(size, pushes);
  }
  // Sends it to worker `to` (this one too). For everybody who sees its cause (the shard's later
  // commands, who gets the command's answer, who holds the shard next) it is under way on return.
  void push(WorkerId to, Push& push);

  // --- CLIENT TRACKING (worker_tracking.cc), on this worker's thread ---
  // In the handler of the session's command: what it asked for holds from its reply on.
  void start_tracking(Session& session, Tracking tracking);
  // At any time.
  void stop_tracking(Session& session);
  // Somebody does, as far as this worker has heard.
  bool anybody_tracks() const { return anybody_tracks_; }
  // For ShardSide, with the shard held: a key, or all keys of some database, changes now.
  void invalidate(ShardId shard, std::string_view key);
  void invalidate_all(ShardId shard);

  // --- commands that wait for keys (worker_blocking.cc) ---
  // See Host::wait.
  bool wait_for(Context& ctx, const Wait& wait);
  // For ShardSide, with the shard held: the key of the queue has become ready.
  void serve_later(ShardSide& side, WaitTable::Queue& queue);
  // CLIENT UNBLOCK, for a session of this worker.
  Unblocked unblock(Session& session, UnblockAs as);
  size_t waiters_in_use() const { return waiters_.in_use(); }
  int64_t waiting_bytes() const { return waiting_bytes_; }

  CommandWatch& watch() { return watch_; }
  // What this worker has used up since its start (or CONFIG RESETSTAT).
  HotKeysUsage usage() const;

  // --- who listens to what (worker_listen.cc) ---
  // Before a handler changes who listens: all pushes up to now go to those who listened then, the
  // messages of the same EXEC, too.
  void deliver_what_came();
  // In a handler of Route::kListen only: the shards of the topic are held.
  void subscribe(Session& session, TopicKind kind, std::string_view name);
  void unsubscribe(Session& session, TopicKind kind, std::string_view name);
  // False if it monitors already.
  bool start_monitor(Session& session);
  // At any time: the session gets no more messages and lines; who counts listeners sees it soon.
  void stop_listening(Session& session);
  // Error replies by code word ("ERR", "WRONGTYPE", ...), for INFO errorstats.
  struct ErrorCount {
    std::string code;
    int64_t count = 0;
  };
  const std::vector<ErrorCount>& error_counts() const { return error_counts_; }

 private:
  friend class Engine;

  // The rings to the others, once all workers exist.
  void connect();

  // worker.cc: the turn
  bool poll_phase();
  void begin_share();
  bool share_is_used() const {
    return commands_begun_ >= share_commands_end_ || share_has_cost_enough();
  }
  // Looked at between two commands of a burst too: what was parsed waits.
  bool share_has_cost_enough() const {
    return chunks_.used_bytes() >= share_bytes_end_ || last_call_tsc_ >= share_tsc_end_ ||
           (any_pushed_ && crowded());
  }
  void resume_next_turn();
  void on_event(const TransportEvent& event);
  bool mailbox_phase();
  bool tick_phase();
  bool tick();
  bool flush_phase();
  void idle(bool worked);
  bool stays_awake(bool worked);
  void learn(Instant theirs);
  void measure_turn();
  void publish_counters();
  void publish_key_counts();
  void sweep_sessions();
  void cron();
  bool may_leave();

  // worker_sessions.cc: connections, bytes in, bytes out
  void on_open(ConnId conn);
  std::string_view refusal_of(const PeerInfo& peer, int64_t clients);
  void tell_denied(const PeerInfo& peer);
  void on_data(Session& session, std::string_view bytes);
  void on_sent(Session& session, size_t bytes);
  void on_end(Session& session);
  void on_closed(ConnId conn);
  Session* find_session(ConnId conn);
  void feed(Session& session, std::string_view bytes, bool from_input);
  bool parse_part(BurstPart& part);
  void add_item(BurstPart& part, size_t consumed);
  void resolve(BurstItem& item, Args args);
  void finish_part(BurstPart& part, size_t consumed);
  void drop_used_input(Session& session);
  void release_input(Session& session);
  void go_on_receiving(Session& session);
  bool over_input_limit(Session& session);
  void resume(Session& session);
  void resume_all(IntrusiveList<Session, StallNode>& list);
  void stall(Session& session, Stall why);
  void mark_dirty(Session& session);
  void start_send(Session& session);
  bool over_output_limit(Session& session);
  size_t output_bytes_max(const Session& session) const;
  void close_if_done(Session& session);

  // worker_execute.cc: running requests
  void execute_burst();
  void prefetch_burst();
  size_t run_part(BurstPart& part);
  bool run_item(Session& session, const BurstItem& item, Args args);
  Bar bar_of(const Session& session, const CommandRow& row);
  bool admissible(const Session& s, const CommandRow& row) { return bar_of(s, row) == Bar::kNone; }
  static bool barred_while_subscribed(const Session& session, const CommandRow& row);
  bool barred_while_loading(const Session& session, const CommandRow& row) const;
  bool protected_command_allowed(const Session& session);
  std::string refusal(Bar bar, const CommandRow& row) const;
  void refuse(Session& session, const BurstItem& item, Bar bar, Args args);
  bool run_on_shard(Session& session, const BurstItem& item, Args args);
  void run_here(Session& session, const BurstItem& item, Args args);
  CommandCost run_cell(Cell& cell, Args args);
  bool serve_requests();
  void take_requests();
  bool requests_left() const { return served_next_ < served_.size() || held_cells_may_go_; }
  void serve(Cell& cell);
  void take_answer(Cell& cell);
  void release_cell(Cell& cell);
  void deliver(Session& session);
  uint64_t call(Context& ctx, Handler handler, uint64_t cycles_before = 0);
  void look_if_due(const CommandRow& row, Args args, const CommandCost& cost);
  void note_if_remarkable(const Session* session, const CommandRow& row, Args args,
                          const CommandCost& cost);
  CommandWatch::Client watched_client(const Session* session);
  static void bring_home(std::unique_ptr<std::vector<NotedCommand>>& noted, const CommandRow& row,
                         Args args, const CommandCost& cost);
  void observe_queued(ExecRun& run, const CommandRow& row, const CommandCost& cost);
  void count_error(std::string_view code);
  CommandCounters& counters_of(const CommandRow& row);
  bool begin_command(Session& session);
  void end_command(Session& session, bool muted);
  void enlist(Session& session, Cell& cell, const BurstItem& item, ShardId shard);

  // worker_journal.cc: the history
  void note_history();
  void keep_changes();
  Effects* effects_if_kept() { return changes_.enabled() ? &effects_ : nullptr; }
  void note_changes(const Context& ctx);
  Ticket end_group();
  Ticket shown_by(const Context& ctx, bool changed);
  Ticket shown_by_held() const;
  size_t may_be_sent(Session& session);
  bool gates_may_open() const;
  void open_gates();
  Ticket all_durable() const;
  void wait_for_disk(Session& session);
  void note_disk_wait();
  void end_disk_wait(Session& session);
  bool disk_fails() const;
  Bar disk_bar(const Session& session, const CommandRow& row) const;
  bool disk_is_behind(const Session& session, const CommandRow& row) const;
  bool disk_has_caught_up() const;

  // worker_transaction.cc: MULTI, EXEC, WATCH
  struct Forgotten {
    uint64_t id = 0;  // Watching::id, Waiter::id
    ShardId shard;
  };
  Transaction& transaction_of(Session& session);
  bool run_in_multi(Session& session, const BurstItem& item, Bar bar, Args args);
  static bool needs_memory_in_multi(const Session& session, const CommandRow& row);
  void refuse_exec(Session& session, Reply& reply, std::string_view why);
  bool run_exec(Session& session, const BurstItem& item);
  bool send_exec(Session& session, const BurstItem& item, ShardId shard);
  void run_exec_cell(Cell& cell);
  void start_exec(ExecRun& run, Session& session, const CommandRow& row);
  void check_watches(ExecRun& run);
  bool go_on_exec(ExecRun& run);
  bool run_queued(ExecRun& run, const QueuedCommand& command);
  void bind_keys(const ExecRun& run);
  uint64_t run_over_each(Context& ctx, Output& out);
  bool run_queued_tour(ExecRun& run, const CommandRow& row);
  void start_leased_exec(Session& session);
  bool leased_exec_can_move();
  void go_on_leased_exec();
  bool exec_under_way(const Session& session) const {
    return lease_.step == LeaseStep::kExec && lease_.session == &session;
  }
  void forget(const Forgotten& record);
  bool try_forget(const Forgotten& record);
  void retry_forgets();

  // worker_blocking.cc: commands that wait for keys
  struct ReadyKey {
    ShardSide* side;
    WaitTable::Queue* queue;
  };
  // A request of another worker that must wait, and what it needs beside this worker's shard.
  struct HeldCell {
    Cell* cell;
    ShardSet more_shards;
  };
  Waiter& new_waiter(Session& session, const CommandRow& row, Args args);
  void begin_wait(Session& session, bool muted);
  void stand_still(Session& session);
  void take_waiter_cell(Cell& cell);
  // A command, or a slice of background work, is over with all it has caused.
  void after_command() {
    end_of_cause();
    // In the middle of an EXEC only what its tour does ends here.
    if (!ready_.empty() && lease_.step != LeaseStep::kExec) [[unlikely]] {
      serve_waiters();
    }
  }
  void serve_waiters();
  void serve_key(ShardSide& side, WaitTable::Queue& queue);
  void serve(ShardSide& side, WaitTable::Record& record);
  bool run_again(Waiter& waiter, uint32_t ready_key);
  bool is_held(ShardId shard) const;
  void bind_held(int db, bool touching);
  void take_waiter(Waiter& waiter);
  void end_wait(Waiter& waiter);
  void leave_wait(Session& session);
  void abandon_wait(Session& session);
  void give_up(Waiter& waiter);
  bool end_waits_in_time();
  void end_unserved(Waiter& waiter, UnblockAs as);
  bool any_moves(const ShardSet& held);
  void add_targets(ShardSet& targets, const CommandRow& row, Args args, const ShardSet& held);
  void add_further_targets(ShardSet& targets, const ShardSet& held);
  bool add_needed(ShardSet& more, const CommandRow& row, Args args,
                  const Transaction* transaction, const ShardSet& held);
  // True if the session's next command, or that of a cell, needs more than `held` to serve who
  // waits for what it writes: that is in their more_shards then.
  bool needs_more(Session& session, const CommandRow& row, Args args, const ShardSet& held);
  bool needs_more(HeldCell& cell, const ShardSet& held);
  bool hold_back(Cell& cell);
  void retry_held_cells();
  void run_leased_cell();

  // worker_listen.cc: topics and monitors
  size_t deliver_message(TopicKind kind, Payload& payload);
  size_t deliver_monitor_line(Payload& payload);
  size_t deliver_to(const std::vector<Session*>& sessions, Payload& payload);
  void change_topic(TopicKind kind, std::string_view name, int64_t by);
  void drop_some_left_topics();
  void tell_monitors(const CommandRow& row, Args args, int db);

  // worker_push.cc: pushes to sessions
  bool deliver_pushes(size_t deliveries_max);
  size_t deliver_push(Push& push);
  void push_to(Session& session, Payload& payload);
  void place_push(Session& session, Payload& payload, uint64_t behind);
  void release_held(Session& session);
  bool crowded() const;
  bool is_behind() const { return pushes_.crowded() || invalidations_.crowded(); }
  void wake_pushed();
  void drop_pushes();

  // worker_tracking.cc: CLIENT TRACKING
  void set_actor(const ClientRef& client, bool tracked) {
    actor_ = client;
    actor_tracked_ = tracked;
  }
  ClientRef ref_of(const Session& session) const { return {id_, session.conn}; }
  static bool tracks_reads(const Session& session);
  static void used_caching(Session& session, const CommandRow* row);
  void remember_reads(const Context& ctx);
  void limit_tracked_keys(ShardId shard);
  void send_invalidation(ShardId shard, std::string_view key);
  void send_invalidation_of_all();
  void send_broadcasts();
  void broadcast_keys(const std::vector<PrefixTable::Listener>& listeners,
                      const PrefixTable::ChangedKeys& keys);
  void post(WorkerId to, Push& push);
  void end_of_cause();
  void receive_invalidations();
  void deliver_tracking(Push& push);
  void deliver_invalidation_of_all(Push& push);
  void hand_over(Session& session, Payload& payload, uint64_t behind);
  void hand_redirected(Session& target, Payload& payload);
  void break_redirect(Session& session);
  void tell_tracker(const Session& session);
  void listen_to_held();
  void take_tracker(const ClientRef& client, std::string_view bytes);
  uint64_t served_by(ShardId shard, WorkerId home) const;
  void publish_tracked(ShardId shard);

  // worker_load.cc: loading at the start
  void note_loading();
  bool load_waits() const;
  bool load_phase();
  bool load_group(LoadWork& load);
  void ask_for_keys(LoadBatch& batch, LoadWork::Group& group);
  bool build_group(LoadWork& load, const LoadWork::Group& group);
  void ask_for_commands(LoadBatch& batch, LoadWork::Group& group);
  void run_group(LoadWork& load, const LoadWork::Group& group);
  bool load_wants_all() const { return load_ != nullptr && load_->desk.wants_all(id_); }
  void replay_for_all();
  void empty_all();
  void replay(LoadWork& load, LoadBatch& batch, const LoadCommand& command);
  LoadBatch::Refusal build(Keyspace& keys, const LoadRecord& record);

  // worker_save.cc: snapshots, the end
  bool cut_waits() const;
  bool cut_waits_too_long();
  void save_if_due();
  void publish_held();
  void start_shutdown(bool interrupt);
  bool wants_cut() const;
  void make_cut();
  bool save_waits() const;
  bool save_slice();

  // worker_pause.cc: CLIENT PAUSE
  static uint32_t flags_of(const Session& session, const CommandRow& row);
  bool held_back(const Session& session, const CommandRow& row) const;
  bool release_paused();
  UnderWay under_way() const;
  bool settled(const UnderWay& before) const;

  // worker_memory.cc: limits of memory
  void publish_account(ShardId id, int64_t about_to_need = 0);
  // What the data is limited to, 0 for nothing. Everything about the limit asks here, so while this
  // says 0 (CLIENT PAUSE, loading) nothing is evicted, nothing waits and nothing is refused.
  // What it may be passed by, where others are late to make room, is taken off maxmemory.
  static constexpr int64_t kToleranceShare = 128;
  int64_t data_limit() const {
    return paused() || loading() ? 0 : config_->maxmemory - config_->maxmemory / kToleranceShare;
  }
  // Of a command or of all commands of a transaction, by their flags.
  bool needs_room(uint32_t flags) const { return (flags & kDenyOom) != 0 && data_limit() != 0; }
  int64_t all_weighed_bytes();
  int64_t highest_elsewhere(Counter CoreBlock::*counter, int64_t least, int& worker);
  int64_t coldest_elsewhere(int& worker);
  int64_t room(int64_t need);
  bool out_of_memory();
  bool must_wait_for_memory(uint32_t flags);
  Stall must_wait(uint32_t flags);
  void make_room_for(const ExecRun& run);
  void make_room(int64_t bytes);
  void evict_from(ShardStore& shard, int64_t need, uint64_t until);
  bool evict_slice();
  Race race();
  void publish_evictions();
  void count_exceeded_time(bool exceeded);
  void count_beside(Session& session);
  RareState& rare_of(Session& session);
  void weigh(Session& session);
  int64_t client_bytes_limit() const;
  int64_t weight_of_all_clients();
  Session* largest_client();
  bool clients_grow();
  void evict_clients();
  void publish_clients();

  // worker_lease.cc: leases and tours
  bool wants_lease(LeaseFor what);
  bool anybody_wants_lease();
  bool progress_lease();
  void claim_lease();
  void send_parks();
  void run_leased(Session& session);
  void hold_leased(bool mine);
  void run_over_shards(Session& session);
  void take_hold();
  bool choose_rider();
  bool may_ride(Session& session);
  ShardSet shards_of_leased(const Session& session) const;
  void finish_leased(Session& session);
  bool read_again(Session& session, size_t bytes_max = SIZE_MAX);
  void end_lease();
  bool check_parked();
  bool lease_can_move();
  void wake_sleepers();
  std::unique_ptr<Tour> make_tour(Session& session, const CommandRow& row, Args args);
  void start_tour(Session& session, const BurstItem& item, Args args);
  void advance_tour(Tour& tour);
  void retry_tours();
  void visit_tour(Tour& tour);
  void visit_shard(Tour& tour);
  void revisit_tours();
  void finish_tour(Tour& tour);
  void answer_tour(Tour& tour, Session& session, Output& out);
  bool send_on_errand(Tour& tour);
  bool take_errands();

  Engine& engine_;
  const WorkerId id_;
  const int workers_;
  std::unique_ptr<Transport> transport_;
  ShardStore& shard_;
  ShardSide& side_;
  CoreBlock& core_;
  LatencyHistogram* const latencies_;  // by row number
  const Config* config_;
  ReadLimits read_limits_;
  Rng rng_;
  Instant now_;
  Keyspace keys_;
  ChangeLog changes_;

  // buffers
  ChunkPool chunks_;
  Output discard_;  // where muted replies go
  std::array<TransportEvent, 256> events_;
  size_t event_next_ = 0;   // of those, what this worker has still to look at
  size_t event_count_ = 0;
  uint64_t commands_begun_ = 0;
  uint64_t share_commands_end_ = 0;  // see begin_share
  int64_t share_bytes_end_ = 0;
  uint64_t share_tsc_end_ = UINT64_MAX;
  uint64_t share_cycles_max_ = UINT64_MAX;  // stepped by hand, a turn must not depend on the clock
  uint64_t last_call_tsc_ = 0;              // the end of the newest command
  bool back_to_back_ = false;  // the next command of this part begins there
  Burst burst_;
  std::string_view kept_rest_;  // what feed goes on with after execute_burst
  std::vector<std::string_view> scratch_args_;

  // sessions
  std::vector<std::unique_ptr<Session>> sessions_;  // by ConnId.index
  size_t session_count_ = 0;
  IntrusiveList<Session, DirtyNode> dirty_;
  IntrusiveList<RareState, GateNode> gated_;  // of sessions whose replies wait for the disk
  IntrusiveList<Session, StallNode> wait_unpark_;
  IntrusiveList<Session, StallNode> wait_cell_;
  IntrusiveList<Session, StallNode> wait_lease_;
  IntrusiveList<Session, StallNode> wait_pause_;
  IntrusiveList<Session, StallNode> wait_turn_;
  IntrusiveList<Session, StallNode> wait_memory_;
  IntrusiveList<Session, StallNode> wait_journal_;
  Session* running_ = nullptr;  // whose command runs now

  // other workers
  std::vector<Channel*> outgoing_;  // by target; null for this worker
  std::vector<Channel*> incoming_;  // by home
  std::vector<Cell*> answers_;      // scratch of mailbox_phase
  std::vector<Cell*> served_;       // requests taken from the rings
  size_t served_next_ = 0;          // of those, what is still to be served
  size_t serve_first_ = 0;          // whose requests are taken first this time
  Channel local_cells_;             // cells for reads that run here between requests elsewhere
  uint64_t cells_under_way_ = 0;
  ShardSet pushed_;  // workers that were pushed to and are to be woken, or are behind with it
  bool any_pushed_ = false;
  PushQueue pushes_;
  PushQueue invalidations_;  // what may not wait: see receive_invalidations

  // topics
  Audience audience_;
  std::vector<Session*> monitors_;
  std::vector<LeftTopic> left_topics_;  // of clients that are gone; their shards still count them
  int64_t topic_bytes_ = 0;  // of left_topics_, and by which this worker made shards' topics grow
  alignas(64) std::atomic<bool> asleep_{false};
  // Something here waits for the disk (gated_, wait_journal_).
  std::atomic<bool> waits_for_disk_{false};
  // By another worker, over the limit: this one's client goes first.
  std::atomic<bool> asked_to_evict_clients_{false};

  // leases
  LeaseUnderWay lease_;
  // Whose requests have run under the lease; they go on when it is over.
  IntrusiveList<Session, StallNode> served_sessions_;
  BurstItem leased_item_;
  bool parked_ = false;  // this worker's shard is another's
  uint64_t parked_ticket_ = 0;
  IntrusiveList<Tour> waiting_tours_;  // for a free cell, or for the own shard
  CellList staying_tours_;             // of other workers, whose visit here is not over
  uint64_t tours_under_way_ = 0;
  uint64_t tour_cells_ = 0;            // of cells_under_way_
  Inbox<Tour, &Tour::next_back> back_from_errands_;  // when it has done with them

  // commands that wait
  WaiterPool waiters_;           // of this worker's sessions
  WaiterDeadlines deadlines_;
  std::vector<Waiter*> given_up_;  // whose clients left while somebody had claimed them
  int64_t waiting_bytes_ = 0;
  std::vector<ReadyKey> ready_;  // keys of held shards; empty between commands
  bool in_service_ = false;      // records of waits are walked over: none but the walk drops any
  bool serving_ = false;         // the handler that runs has waited
  ShardSet own_shard_;
  std::deque<HeldCell> held_cells_;  // hold_back
  ShardSet held_homes_;          // whose they are
  bool held_cells_may_go_ = false;

  // tracking
  ClientRef actor_;             // whose command runs, or ran last
  bool actor_tracked_ = false;  // and whether its reads are remembered
  bool anybody_tracks_ = false;
  bool all_changed_ = false;    // the command has emptied a database
  bool holds_leased_ = false;   // the shards of lease_ are this worker's
  PrefixTable prefixes_;
  std::vector<ClientRef> readers_;   // scratch
  std::vector<Push*> posted_here_;   // to sessions of this worker, until the end of their cause
  std::unique_ptr<LoadWork> load_;   // null: nothing is loaded
  // the pause
  PauseMode pause_mode_ = PauseMode::kOff;
  bool pause_lessened_ = false;  // some that wait in wait_pause_ may run
  UnderWay before_pause_;
  // transactions
  ExecRun exec_;     // LeaseStep::kExec
  Output exec_out_;  // its reply
  std::vector<std::string_view> exec_args_;
  std::vector<Forgotten> waiting_forgets_;  // for a free cell, or for the own shard
  int64_t transaction_bytes_ = 0;
  // the loop
  uint64_t last_work_tsc_ = 0, spin_cycles_ = 0, turn_began_tsc_ = 0;
  int64_t last_tick_ms_ = 0, next_cron_ms_ = 0;
  bool tick_more_ = false, config_known_ = false;
  ListenOn listening_;
  int64_t turn_began_cpu_ns_ = -1;  // -1: not measured
  enum class Leaving : uint8_t { kNo, kClosing, kDone, kRested } leaving_ = Leaving::kNo;
  int64_t leave_by_ms_ = 0, save_tried_ms_ = 0;
  bool minds_saves_ = false;  // writes are refused while saves fail
  Effects effects_;          // of the command that runs
  bool gates_ = false;       // replies wait until what they show is on disk
  Ticket shown_, pushed_shown_;  // the last change that the last reply, or push, shows
  Ticket durable_seen_, on_disk_seen_;  // when gates were last opened
  Rates rates_;
  int64_t memory_grant_ = 0;
  bool need_published_ = false;  // with the account of the own shard, to the end of the turn
  bool evicting_ = false;  // between the watermarks, on the way down
  int64_t beside_bytes_ = 0, own_tracking_bytes_ = 0;  // of all sessions: beside them, Tracking
  int64_t clients_weight_ = 0;  // sum of Session::weight
  int64_t largest_weight_ = 0;  // no session that may be evicted has more
  int64_t weight_looked_at_ = 0;  // the least that clients_weight_ was since evict_clients
  bool weigh_clients_ = false;  // evict_clients is due, whatever largest_weight_ is
  size_t sweep_at_ = 0;
  int64_t web_request_told_ms_ = 0;
  std::vector<ErrorCount> error_counts_;
  CommandWatch watch_;
  size_t request_bytes_ = 0;  // of the request that run_part runs
  bool latency_tracking_ = true;
  int64_t denied_told_ms_ = 0, denied_untold_ = 0;
  EngineHost host_;
};

}  // namespace pollux
