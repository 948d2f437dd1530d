// What spans shards: leases (one command over several shards at once) and tours (one shard or
// worker after the other).
#include <algorithm>
#include <utility>

#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// Requests that run under one lease; the turn's share may end it before. What it saves stands in
// README.md, Leases.
constexpr int kLeasedRequestsMax = 32;
// A request that is longer waits for a lease of its own: whether it is complete is asked after each
// request that ran.
constexpr size_t kRiderBytesMax = 16 * 1024;

}  // namespace

// The owner's side: true if the shard has just come back, or a tour of its lease was here.
bool Worker::check_parked() {
  if (!parked_) {
    return false;
  }
  if (!engine_.leases().released(parked_ticket_)) {
    Tour* tour = engine_.leases().visitor(parked_ticket_, id_);
    if (tour == nullptr) {
      return false;
    }
    learn(engine_.leases().latest_now(parked_ticket_, now_));
    visit_tour(*tour);
    engine_.leases().end_visit(parked_ticket_, now_);
    wake_sleepers();
    return true;
  }
  learn(engine_.leases().latest_now(parked_ticket_, now_));
  receive_invalidations();
  // A snapshot may have been made meanwhile that a history begins with: changes from here on belong
  // to it, and that there is one was published before.
  refresh_config();
  parked_ = false;
  side_.listen();  // as this worker knows it, not as the coordinator did
  retry_tours();
  retry_forgets();
  resume_all(wait_unpark_);
  return true;
}

bool Worker::lease_can_move() {
  switch (lease_.step) {
    case LeaseStep::kNone:
      return anybody_wants_lease();
    case LeaseStep::kClaimed:
      return engine_.leases().may_publish(lease_.ticket);
    case LeaseStep::kPublished:
      return engine_.leases().may_park(lease_.ticket, lease_.shards, lease_.passed);
    case LeaseStep::kParking:
    case LeaseStep::kWithdrawn:
      return engine_.leases().granted(lease_.ticket, lease_.acknowledgements);
    case LeaseStep::kHolding:
      return true;
    case LeaseStep::kExec:
      return leased_exec_can_move();
  }
  return false;
}

// The coordinator's side, as far as it goes now; true if it went at all. One lease at a time per
// worker. Waiting is not work: whoever moves a lease wakes those who sleep.
bool Worker::progress_lease() {
  LeaseRing& leases = engine_.leases();
  for (bool moved = false;; moved = true) {
    switch (lease_.step) {
      case LeaseStep::kNone:
        if (!anybody_wants_lease()) {
          return moved;
        }
        claim_lease();
        break;
      case LeaseStep::kClaimed:
        if (!leases.publish(lease_.ticket, lease_.shards)) {
          return moved;
        }
        lease_.step = LeaseStep::kPublished;
        wake_sleepers();
        break;
      case LeaseStep::kPublished:
        if (!leases.may_park(lease_.ticket, lease_.shards, lease_.passed)) {
          return moved;
        }
        send_parks();
        break;
      case LeaseStep::kParking:
        if (!leases.granted(lease_.ticket, lease_.acknowledgements)) {
          if (!cut_waits_too_long()) {
            return moved;
          }
          leases.withdraw(lease_.ticket);
          lease_.step = LeaseStep::kWithdrawn;
          wake_sleepers();
          break;
        }
        take_hold();
        break;
      case LeaseStep::kWithdrawn:
        if (!leases.granted(lease_.ticket, lease_.acknowledgements)) {
          return moved;
        }
        lease_.step = LeaseStep::kNone;
        leases.release(lease_.ticket, now_);
        wake_sleepers();
        break;
      case LeaseStep::kHolding:
        if (lease_.for_held_cell) {
          run_leased_cell();
        } else if (lease_.session != nullptr || choose_rider()) {
          run_leased(*lease_.session);
        } else {
          end_lease();
        }
        break;
      case LeaseStep::kExec:
        if (!leased_exec_can_move()) {
          return moved;
        }
        go_on_leased_exec();
        break;
    }
  }
}

bool Worker::wants_lease(LeaseFor what) {
  switch (what) {
    case LeaseFor::kSession:
      return !wait_lease_.empty();
    case LeaseFor::kLeftTopics:
      return !left_topics_.empty();
    case LeaseFor::kHeldCell:
      return !held_cells_.empty() && !held_cells_may_go_;
    case LeaseFor::kSnapshot:
      return wants_cut();
    case LeaseFor::kLoad:
      return load_wants_all();
  }
  return false;
}

bool Worker::anybody_wants_lease() {
  return wants_lease(LeaseFor::kSession) || wants_lease(LeaseFor::kLeftTopics) ||
         wants_lease(LeaseFor::kHeldCell) || wants_lease(LeaseFor::kSnapshot) ||
         wants_lease(LeaseFor::kLoad);
}

// For the first session: reads its request again, this time only for its keys; or for topics that
// clients have left, or for a request of another worker that is held back, or for the cut of a
// snapshot, or for commands that are loaded. They take turns.
// No lease is claimed if the session's request would by now be refused, or has been paused; or if
// nobody wants one any more: the storage thread may just have given its snapshot up.
void Worker::claim_lease() {
  int asked = 0;
  do {
    if (asked++ == kLeaseFors) {
      return;
    }
    lease_.purpose = static_cast<LeaseFor>((static_cast<int>(lease_.purpose) + 1) % kLeaseFors);
  } while (!wants_lease(lease_.purpose));
  if (lease_.purpose == LeaseFor::kLeftTopics || lease_.purpose == LeaseFor::kSnapshot ||
      lease_.purpose == LeaseFor::kLoad) {
    lease_.shards = ShardSet::all(workers_);
  } else if (lease_.purpose == LeaseFor::kHeldCell) {
    lease_.for_held_cell = true;
    lease_.shards = own_shard_;  // its keys are on it
    lease_.shards.add(held_cells_.front().more_shards);
  } else {
    Session& session = wait_lease_.front();
    const bool there = read_again(session);
    POLLUX_ASSERT(there);
    if (!admissible(session, *leased_item_.row)) {  // it was, before it had to wait
      session.reader.reset();
      resume(session);
      execute_burst();
      return;
    }
    if (paused() && held_back(session, *leased_item_.row)) {
      session.StallNode::unlink();
      stall(session, Stall::kPaused);
      return;
    }
    lease_.session = &session;
    lease_.shards = shards_of_leased(session);
  }
  lease_.requests_left = kLeasedRequestsMax;
  lease_.ticket = engine_.leases().claim();
  lease_.passed = engine_.leases().first_rival(lease_.ticket);
  lease_.step = LeaseStep::kClaimed;
  lease_.since_tsc = tsc();
}

// The shards that the request in leased_item_ needs.
ShardSet Worker::shards_of_leased(const Session& session) const {
  ShardSet shards = leased_item_.row->route == Route::kExec
                        ? session.transaction->shards()
                        : lease_set(*leased_item_.row, scratch_args_, workers_);
  if (session.rare != nullptr) {
    shards.add(session.rare->more_shards);
  }
  return shards;
}

// Parses the request at the front of the session's input into scratch_args_ and leased_item_, if it
// is in the first `bytes_max` bytes. It was within the limits when it was first read; those of
// today (CONFIG SET) don't hold for it.
bool Worker::read_again(Session& session, size_t bytes_max) {
  constexpr ReadLimits kNoLimits{.bulk_bytes_max = INT64_MAX};
  session.reader.reset();
  size_t begin = 0;
  for (;;) {
    size_t consumed = 0;
    const std::string_view unread = session.unread().substr(0, bytes_max);
    const ReadStatus status =
        session.reader.read(unread.substr(begin), kNoLimits, scratch_args_, consumed);
    begin += consumed;
    if (status == ReadStatus::kEmpty) {
      continue;
    }
    if (status != ReadStatus::kRequest) {
      return false;
    }
    break;
  }
  leased_item_ = {};
  leased_item_.end = begin;
  resolve(leased_item_, scratch_args_);
  return leased_item_.problem == BurstItem::Problem::kNone;
}

void Worker::send_parks() {
  lease_.acknowledgements = 0;
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (i == id_.value || !lease_.shards.has(shard)) {
      continue;
    }
    Channel& channel = engine_.channel(id_, WorkerId{shard.value});
    Cell& cell = channel.park_cell();
    cell.lease_ticket = lease_.ticket;
    cell.now = now_;
    channel.send(cell);
    ++lease_.acknowledgements;
  }
  lease_.step = LeaseStep::kParking;
}

// All shards are held from here on.
void Worker::take_hold() {
  LeaseRing& leases = engine_.leases();
  learn(leases.latest_now(lease_.ticket, now_));
  receive_invalidations();
  // An older lease of this worker's own shard is over (may_park waited for it), though perhaps not
  // yet noticed here.
  POLLUX_ASSERT(!parked_ || !lease_.shards.has(shard_.id()) || leases.released(parked_ticket_));
  core_.leases.add(1);
  core_.lease_wait_cycles.add(static_cast<int64_t>(tsc() - lease_.since_tsc));
  if (lease_.purpose == LeaseFor::kLeftTopics) {
    drop_some_left_topics();
  }
  if (lease_.purpose == LeaseFor::kSnapshot) {
    make_cut();
  }
  const bool empties = lease_.purpose == LeaseFor::kLoad && load_->desk.wants_empty();
  if (lease_.purpose == LeaseFor::kLoad && !empties) {
    replay_for_all();
  }
  // What was pushed before the lease comes before its command: a message before the confirmation
  // that there will be no more. A client over its limits is gone then.
  deliver_what_came();
  hold_leased(true);
  if (empties) {
    empty_all();
  }
  lease_.step = LeaseStep::kHolding;
  if (lease_.session != nullptr) {  // its client has not left, and there was one
    const bool there = read_again(*lease_.session);
    POLLUX_ASSERT(there);
  }
}

// Others whose requests need no more than the shards that are held may run theirs now: first the
// session that was served, if it has pipelined another, then the one that waits longest for a lease
// of its own. So a pipeline of MSETs, or many clients of the same few keys, pay for one lease
// together. There is a limit, since whoever needs a parked shard waits.
bool Worker::choose_rider() {
  Session* const before = std::exchange(lease_.before, nullptr);
  if (lease_.requests_left <= 0 || share_has_cost_enough()) {
    return false;
  }
  for (Session* session : {before, wait_lease_.empty() ? nullptr : &wait_lease_.front()}) {
    if (session != nullptr && !session->unread().empty() && may_ride(*session)) {
      core_.lease_riders.add(1);
      lease_.session = session;
      return true;
    }
  }
  return false;
}

// Reads the session's next request into scratch_args_ and leased_item_. What changes whom messages
// go to needs a look at those under way (take_hold), and what visits other workers takes time:
// neither rides.
bool Worker::may_ride(Session& session) {
  bool rides = !session.closing && read_again(session, kRiderBytesMax) &&
               !(paused() && held_back(session, *leased_item_.row)) &&
               admissible(session, *leased_item_.row);
  if (rides && session.in_multi) {
    const Transaction& transaction = *session.transaction;
    rides = leased_item_.place.where == Where::kExec && !transaction.failed() &&
            !transaction.at_home() && !transaction.needs_lease() &&
            must_wait(transaction.flags()) == Stall::kNone;
  } else if (rides) {
    rides = leased_item_.place.where == Where::kLease &&
            leased_item_.row->route != Route::kListen &&
            must_wait(leased_item_.row->flags) == Stall::kNone;
  }
  rides = rides && lease_.shards.has(shards_of_leased(session)) &&
          !needs_more(session, *leased_item_.row, scratch_args_, lease_.shards);
  if (!rides) {
    session.reader.reset();
  }
  return rides;
}

void Worker::run_leased(Session& session) {
  if (needs_more(session, *leased_item_.row, scratch_args_, lease_.shards)) {
    // It stands first in the queue still, and comes again with a larger set.
    lease_.session = nullptr;
    lease_.requests_left = 0;
    return;
  }
  if (leased_item_.row->route == Route::kExec) {
    start_leased_exec(session);
    return;
  }
  run_over_shards(session);
  finish_leased(session);
}

// Whom changes of the leased shards are told to.
void Worker::hold_leased(bool mine) {
  POLLUX_ASSERT(ready_.empty());
  holds_leased_ = mine;
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (!lease_.shards.has(shard)) {
      continue;
    }
    engine_.side(shard).set_holder(mine ? *this : engine_.worker(i));
    if (mine) {
      engine_.side(shard).listen();
    }
    if (!mine && i != id_.value) {
      // The owners publish their account when the shard is theirs again; until then ours is newer.
      publish_account(shard);
    }
  }
}

void Worker::run_over_shards(Session& session) {
  session.out.set_limit(output_bytes_max(session));
  const bool muted = begin_command(session);
  Reply reply(muted ? discard_ : session.out, session.protocol);
  session.last_command = leased_item_.row;
  ++session.commands;
  keys_.bind_leased(lease_.shards.words, session.db, now_, !session.no_touch);
  host_.session = &session;
  host_.tour = nullptr;
  Context ctx{.args = scratch_args_,
              .keys = keys_,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = host_,
              .row = *leased_item_.row};
  running_ = &session;
  const size_t out_before = session.out.size();
  set_actor(ref_of(session), tracks_reads(session));
  const uint64_t cycles = call(ctx, leased_item_.row->handler);
  session.show(shown_);
  running_ = nullptr;
  used_caching(session, leased_item_.row);
  const size_t out_after = std::max(session.out.size(), out_before);
  const CommandCost cost{cycles, leased_item_.end, out_after - out_before};
  look_if_due(*leased_item_.row, scratch_args_, cost);
  if (host_.waits) [[unlikely]] {
    begin_wait(session, muted);
  } else {
    note_if_remarkable(&session, *leased_item_.row, scratch_args_, cost);
  }
  end_command(session, muted);
  after_command();
}

// The leased request has run; there may be another.
void Worker::finish_leased(Session& session) {
  session.input.use(leased_item_.end);
  session.reader.reset();  // words of a request with quotes, as in finish_part
  if (session.rare != nullptr) {
    session.rare->more_shards = {};
  }
  drop_used_input(session);
  mark_dirty(session);
  if (session.stall != Stall::kBlocked) {
    session.StallNode::unlink();
    served_sessions_.push_back(session);
    lease_.before = &session;
  }
  --lease_.requests_left;
  lease_.session = nullptr;
  lease_.step = LeaseStep::kHolding;
}

void Worker::end_lease() {
  hold_leased(false);
  lease_.step = LeaseStep::kNone;
  send_broadcasts();
  engine_.leases().release(lease_.ticket, now_);
  changes_.learned();
  wake_sleepers();
  while (!served_sessions_.empty()) {
    Session& session = served_sessions_.pop_front();
    if (session.kill_after_exec) {
      kill(session);
    }
    over_output_limit(session);
    resume(session);
  }
}

void Worker::wake_sleepers() {
  for (int i = 0; i < workers_; ++i) {
    if (i != id_.value) {
      wake_if_asleep(engine_.worker(i));
    }
  }
}

std::unique_ptr<Tour> Worker::make_tour(Session& session, const CommandRow& row, Args args) {
  auto tour = std::make_unique<Tour>(chunks_);
  tour->row = &row;
  tour->args_bytes.assign(args.begin(), args.end());
  tour->args.assign(tour->args_bytes.begin(), tour->args_bytes.end());
  tour->db = session.db;
  tour->protocol = session.protocol;
  tour->session = &session;
  tour->session_id = session.id;
  tour->now = now_;
  tour->gather.body = &tour->body;
  tour->body.set_limit(output_bytes_max(session));
  tour->errand_due = row.errand != nullptr;
  return tour;
}

void Worker::start_tour(Session& session, const BurstItem& item, Args args) {
  std::unique_ptr<Tour> tour = make_tour(session, *item.row, args);
  tour->muted = begin_command(session);
  tour->request_bytes = request_bytes_;
  end_command(session, false);
  session.tour = tour.get();
  session.last_command = item.row;
  ++session.commands;
  stall(session, Stall::kTour);
  ++tours_under_way_;
  advance_tour(*tour.release());
}

// Takes the tour as far as it goes without waiting. It is freed when it ends.
void Worker::advance_tour(Tour& tour) {
  while (tour.next_worker < workers_ && !tour.done_early) {
    if (tour.next_worker == id_.value) {
      if (parked_) {  // many visits look at the shard (INFO's do); none is in a hurry
        waiting_tours_.push_back(tour);
        return;
      }
      visit_tour(tour);
      if (tour.stay) {
        waiting_tours_.push_back(tour);
        return;
      }
      tour.go_on();
      continue;
    }
    Channel& channel = engine_.channel(id_, WorkerId{tour.next_worker});
    Cell* cell = channel.take();
    if (cell == nullptr) {
      waiting_tours_.push_back(tour);
      return;
    }
    cell->kind = CellKind::kTour;
    cell->tour = &tour;
    cell->now = now_;
    cell->first_key_hash = 0;
    ++cells_under_way_;
    ++tour_cells_;
    channel.send(*cell);
    return;
  }
  if (!tour.errand_due || !send_on_errand(tour)) {
    finish_tour(tour);
  }
}

// Hands the tour to the thread that may block; it comes back through an inbox. False if there is
// no such thread and the errand has been run here.
bool Worker::send_on_errand(Tour& tour) {
  tour.errand_due = false;
  if (engine_.errands() == nullptr) {
    tour.row->errand(tour);
    return false;
  }
  engine_.errands()->run([this, &tour] {
    tour.row->errand(tour);
    back_from_errands_.push(tour);
    wake_if_asleep(*this);
  });
  return true;
}

bool Worker::take_errands() {
  bool any = false;
  back_from_errands_.take_each([&](Tour& tour) {
    any = true;
    finish_tour(tour);
  });
  return any;
}

// Those that could not go on; each is tried once.
void Worker::retry_tours() {
  size_t waiting = 0;
  waiting_tours_.for_each([&](Tour&) { ++waiting; });
  for (; waiting > 0; --waiting) {
    advance_tour(waiting_tours_.pop_front());
  }
}

// Those whose visit here was not over: of other workers and of this one.
void Worker::revisit_tours() {
  size_t staying = 0;
  staying_tours_.for_each([&](Cell&) { ++staying; });
  for (; staying > 0; --staying) {
    serve(staying_tours_.pop_front());
  }
  retry_tours();
}

// On the visited worker's thread.
void Worker::visit_tour(Tour& tour) {
  tour.stay = false;
  set_actor({}, false);
  tour.now = std::max(tour.now, now_);
  // INFO shows no data, and is needed when the disk is full.
  if (gates_ && (tour.row->flags & (kReadonly | kWrite)) != 0) {
    tour.shown = std::max(tour.shown, side_.last_change());
  }
  tour.body.set_pool(chunks_);
  const uint64_t began = tsc();
  if (tour.row->each_worker != nullptr) {
    tour.row->each_worker(*this, tour);
  } else {
    visit_shard(tour);
  }
  tour.cycles += tsc() - began;
}

void Worker::visit_shard(Tour& tour) {
  Reply reply(tour.body, tour.protocol);
  keys_.bind(shard_.id(), tour.db, now_);
  host_.session = nullptr;
  host_.tour = &tour;
  Context ctx{.args = tour.args,
              .keys = keys_,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = host_,
              .row = *tour.row,
              .gather = &tour.gather,
              .shard_index = shard_.id().value};
  const bool alone = may_take_long(tour.row->flags) && changes_.begin_command();
  tour.row->each_shard(ctx);
  changes_.leave_out();  // what is gone by itself is recorded
  if (alone) {
    tour.shown = std::max(tour.shown, end_group());
  }
  end_of_cause();
}

void Worker::finish_tour(Tour& tour_at_end) {
  const std::unique_ptr<Tour> tour(&tour_at_end);
  --tours_under_way_;
  Session* session = tour->session;
  if (session == nullptr) {
    tour->body.set_pool(chunks_);
    // A signal's, as nobody else asks without a session.
    if (tour->session_id == 0 && !engine_.stopping() && !engine_.shutting_down()) {
      engine_.signals().end();
    }
    return;
  }
  session->tour = nullptr;
  running_ = session;
  answer_tour(*tour, *session, session->out);
  running_ = nullptr;
  used_caching(*session, tour->row);
  mark_dirty(*session);
  if (!over_output_limit(*session)) {
    resume(*session);
  }
}

// Home's part: the handler, and behind what it writes what was gathered.
void Worker::answer_tour(Tour& tour, Session& session, Output& out) {
  tour.body.set_pool(chunks_);
  Reply reply(tour.muted ? discard_ : out, session.protocol);
  host_.session = &session;
  host_.tour = &tour;
  keys_.bind(shard_.id(), tour.db, now_);
  Context ctx{.args = tour.args,
              .keys = keys_,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = host_,
              .row = *tour.row,
              .gather = &tour.gather};
  const size_t out_before = out.size();
  set_actor(ref_of(session), false);
  const uint64_t cycles = call(ctx, tour.row->handler, tour.cycles);
  session.show(tour.shown);
  if (tour.muted) {
    discard_.clear();
  } else {
    out.splice(tour.body);
  }
  const size_t out_after = std::max(out.size(), out_before);
  note_if_remarkable(&session, *tour.row, tour.args,
                     {cycles, tour.request_bytes, out_after - out_before});
}

}  // namespace pollux
