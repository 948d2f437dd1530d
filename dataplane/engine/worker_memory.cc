// Memory limits: the data of all shards against maxmemory, all clients against maxmemory-clients.
//
// Every shard's account stands in the control page, so there is no budget to hand out: whoever
// wants to know sums. Above the upper watermark each worker evicts from its own shard, in slices
// between turns, down to the lower one. Beside the accounts stands how cold each shard's coldest
// candidate is: a worker evicts while its own is the coldest, else it wakes the one whose is. So
// the keys of all shards go in one order, as far as samples tell, however uneven the shards are.
//
// A write that comes while the limit is reached makes room first, from the shard it is for. It is
// refused only if no shard has anything to give. If the others have, and the limit is passed by
// more than the tolerance, it waits for them.
#include <algorithm>
#include <utility>

#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// Below the limit, in shares of it. What is between the limit and the upper watermark takes up the
// writes of a millisecond or so.
constexpr int64_t kUpperShare = 128;
constexpr int64_t kLowerShare = 64;
// The most that a request is taken to need, in shares of the limit; more would empty the cache for
// one value.
constexpr int64_t kNeedShareMax = 16;
// The allocator rounds up by less than a quarter.
constexpr int64_t kRoundingShare = 4;
// What one worker's clients may grow by, in shares of their limit, before the sum is looked at.
constexpr int64_t kClientsShare = 64;
// As in Redis: with less, nobody could connect to set it right again.
constexpr int64_t kClientsBytesMin = 128 << 10;
constexpr int64_t kMakeRoomUs = 100;
constexpr int64_t kFreeSliceUs = 20;
// There are candidates, and their worker has had no reason yet to look at them.
constexpr int64_t kColdnessUnknown = INT64_MAX;

// maxmemory-eviction-tenacity: 10 us a step up to 10, then 15 % more each, no bound at 100.
int64_t slice_us(int64_t tenacity) {
  constexpr int64_t kStepUs = 10;
  if (tenacity >= 100) {
    return INT64_MAX;
  }
  int64_t us = kStepUs * std::min<int64_t>(tenacity, 10);
  for (int64_t step = 10; step < tenacity; ++step) {
    us += us * 15 / 100;
  }
  return us;
}

// What a session takes beside itself: what has come and is not run, and what is known of it, with
// the room for what is to come (its pages may be in memory, left by a request before); what few
// sessions have.
size_t beside_bytes(const Session& session) {
  return session.input.held_bytes() + session.reader.held_bytes() +
         (session.names == nullptr ? 0 : session.names->bytes()) +
         (session.rare == nullptr ? 0 : session.rare->bytes());
}

uint64_t deadline(int64_t us) {
  return us == INT64_MAX ? UINT64_MAX
                         : tsc() + static_cast<uint64_t>(static_cast<double>(us) * tsc_per_us());
}

}  // namespace

// --- what everybody may know of a shard ---

// Requires the hold of the shard.
void Worker::publish_account(ShardId id, int64_t about_to_need) {
  ShardStore& shard = *engine_.shards()[id.value];
  CoreBlock& core = engine_.core(id.value);
  core.data_bytes.set(shard.used_bytes());
  core.mapped_bytes.set(shard.mapped_bytes());
  core.spare_bytes.set(shard.spare_bytes());
  // Whoever has the answer to a write finds it counted, whichever worker has run it.
  core.changes.set(static_cast<int64_t>(shard.stats().changes));
  need_published_ = id == shard_.id() ? about_to_need > 0 : need_published_;
  // Whoever sees that the shard has grown sees that it has something to give, and whoever sees
  // that it has nothing more sees that it has shrunk (out_of_memory).
  // What is only about to be needed refuses nobody either: when the command has run there is more
  // to give, or it is needed no more.
  const bool may_evict =
      about_to_need > 0 || shard.evictor().may_evict(config_->data.eviction);
  if (may_evict && (!evicting_ || core.coldness.get() == Evictor::kNothing)) {
    core.coldness.publish(kColdnessUnknown);
  }
  core.weighed_bytes.publish(shard.weighed_bytes() + about_to_need);
  if (!may_evict) {
    core.coldness.publish(Evictor::kNothing);
  }
}

int64_t Worker::all_weighed_bytes() {
  int64_t total = 0;
  for (int i = 0; i < workers_; ++i) {
    const bool mine = i == id_.value && !parked_;
    total += mine ? shard_.weighed_bytes() : engine_.core(i).weighed_bytes.observe();
  }
  return total;
}

// The worker that has published the most, this one left out; `least` if none has more.
int64_t Worker::highest_elsewhere(Counter CoreBlock::*counter, int64_t least, int& worker) {
  int64_t highest = least;
  for (int i = 0; i < workers_; ++i) {
    const int64_t theirs = (engine_.core(i).*counter).observe();
    if (i != id_.value && theirs > highest) {
      highest = theirs;
      worker = i;
    }
  }
  return highest;
}

// The worker whose shard has the coldest candidate; kNothing if none has any.
int64_t Worker::coldest_elsewhere(int& worker) {
  return highest_elsewhere(&CoreBlock::coldness, Evictor::kNothing, worker);
}

// --- before a command ---

// Near the limit every write sums the shards; with room left, a small grant (gone at the next turn)
// spares that. All grants of one turn are 1/256 of the limit.
int64_t Worker::room(int64_t need) {
  const int64_t used = parked_ ? core_.weighed_bytes.get() : shard_.weighed_bytes();
  if (used + need < memory_grant_) {
    return INT64_MAX;
  }
  const int64_t room = data_limit() - all_weighed_bytes();
  if (room > 0) {
    memory_grant_ = used + std::min(room, data_limit() / 256) / workers_;
  }
  return room - need;
}

// True if the limit is reached and nothing can be done about it.
bool Worker::out_of_memory() {
  if (data_limit() == 0 || room(0) >= 0) {
    return false;
  }
  if (!parked_) {
    publish_account(shard_.id());
  }
  int other = 0;
  return core_.coldness.get() == Evictor::kNothing &&
         coldest_elsewhere(other) == Evictor::kNothing && room(0) < 0;
}

// True if a command with these flags must wait until other shards have made room.
bool Worker::must_wait_for_memory(uint32_t flags) {
  if (!needs_room(flags)) {
    return false;
  }
  const int64_t tolerated = -(data_limit() / kToleranceShare);
  if (room(0) >= tolerated || out_of_memory()) {
    return false;
  }
  if (!parked_) {
    evict_from(shard_, 0, deadline(kMakeRoomUs));
    serve_waiters();
    if (room(0) >= tolerated) {
      return false;
    }
  }
  int other = 0;
  if (coldest_elsewhere(other) == Evictor::kNothing) {
    return false;  // what can be done is this shard's to do, a slice for each command
  }
  wake_if_asleep(engine_.worker(other));
  return true;
}

// Before the first command of a transaction, and before its watches are looked at: they hear of it
// if a watched key goes.
void Worker::make_room_for(const ExecRun& run) {
  if (needs_room(run.transaction->flags())) {
    bind_keys(run);
    make_room(static_cast<int64_t>(run.transaction->bytes()));
  }
}

// In the shards that keys_ is bound to, which this thread holds.
void Worker::make_room(int64_t bytes) {
  const int64_t need = std::min(bytes + bytes / kRoundingShare, data_limit() / kNeedShareMax);
  if (room(need) == INT64_MAX) {
    return;
  }
  // Before the sum is looked at once more: of two that come at the same time at least one sees the
  // other. It stands until the end of the turn, or until the next command that asks for room.
  if (!parked_) {
    publish_account(shard_.id(), need);
  }
  const uint64_t until = deadline(kMakeRoomUs);
  // What is deleted is no reason to refuse anything, but it still takes its room.
  const auto free_dead = [&](ShardStore& shard) {
    while (shard.has_dead() && room(need + shard.dying_bytes()) < 0) {
      shard.free_some(kFreeSliceUs);
      if (tsc() >= until) {
        break;
      }
    }
  };
  keys_.for_each_store(free_dead);
  keys_.for_each_store([&](ShardStore& shard) {
    evict_from(shard, need, until);
    free_dead(shard);
  });
}

// Evicts from a shard that this worker holds until there is room for `need`. It is nobody's doing:
// the client whose command needs the room is told, too, if it tracks a key that goes. One key goes
// even if time is over, so that every write at the limit brings it nearer.
void Worker::evict_from(ShardStore& shard, int64_t need, uint64_t until) {
  int64_t missing = -room(need);
  if (missing <= 0) {
    return;
  }
  const ClientRef actor = std::exchange(actor_, {});
  while (missing > 0) {
    const int64_t before = shard.weighed_bytes();
    if (!shard.evictor().evict(config_->data.eviction, now_)) {
      break;
    }
    missing -= before - shard.weighed_bytes();
    if (tsc() >= until) {
      break;
    }
  }
  actor_ = actor;
  publish_account(shard.id(), shard.id() == shard_.id() ? need : 0);
}

// --- between turns ---

// A slice of eviction; true if this worker should go on at once.
bool Worker::evict_slice() {
  const int64_t limit = data_limit();
  const EvictionRules& rules = config_->data.eviction;
  int64_t total = limit == 0 ? 0 : all_weighed_bytes();
  count_exceeded_time(limit > 0 && total > limit);
  const int64_t watermark = limit - limit / (evicting_ ? kLowerShare : kUpperShare);
  if (limit == 0 || total <= watermark || !shard_.evictor().may_evict(rules)) {
    evicting_ = false;
    return false;
  }
  evicting_ = true;
  const uint64_t began = tsc();
  int other = 0;
  const int64_t elsewhere = coldest_elsewhere(other);
  const uint64_t until = deadline(slice_us(config_->eviction_tenacity));
  const int64_t lower = limit - limit / kLowerShare;
  if (rules.random()) {
    shard_.evictor().set_race(race());
  }
  int64_t coldness = shard_.evictor().coldness(rules, now_);
  // Behind time nobody waits for anybody.
  while (total > lower && (coldness >= elsewhere || total > limit) && tsc() < until) {
    const int64_t before = shard_.weighed_bytes();
    if (!shard_.evictor().evict(rules, now_)) {
      break;
    }
    total -= before - shard_.weighed_bytes();
    coldness = shard_.evictor().coldness(rules, now_);
  }
  // Large values: what is deleted and not freed is memory in use, too.
  while (shard_.has_dead() && total + shard_.dying_bytes() > limit && tsc() < until) {
    shard_.free_some(kFreeSliceUs);
  }
  watch_.note_event(LatencyEvent::kEvictionCycle, tsc() - began, now_);
  publish_account(shard_.id());
  core_.coldness.publish(coldness);
  publish_evictions();
  evicting_ = total > lower;
  if (evicting_ && elsewhere > coldness) {
    wake_if_asleep(engine_.worker(other));
  }
  return shard_.has_dead() ||
         (evicting_ && coldness != Evictor::kNothing && (coldness >= elsewhere || total > limit));
}

// For random policies; the others' counts are of their last turns.
Race Worker::race() {
  const EvictionRules& rules = config_->data.eviction;
  Race race{shard_.evictor().evictions(), shard_.evictor().keys_in_question(rules)};
  for (int i = 0; i < workers_; ++i) {
    if (i != id_.value) {
      const CoreBlock& core = engine_.core(i);
      const Counter& keys = rules.only_volatile() ? core.keys_with_expiry : core.keys;
      race.evictions += static_cast<uint64_t>(core.evictions.get());
      race.keys += static_cast<uint64_t>(keys.get());
    }
  }
  return race;
}

void Worker::publish_evictions() {
  core_.evicted_keys.set(static_cast<int64_t>(shard_.stats().evicted_keys));
  core_.evictions.set(static_cast<int64_t>(shard_.evictor().evictions()));
}

// For how long the limit has been passed; every worker sees nearly the same.
void Worker::count_exceeded_time(bool exceeded) {
  const int64_t since_us = core_.over_limit_since_us.get();
  if (exceeded && since_us == 0) {
    core_.over_limit_since_us.set(now_.us);
  } else if (!exceeded && since_us != 0) {
    core_.over_limit_us.add(now_.us - since_us);
    core_.over_limit_since_us.set(0);
  }
}

// --- clients ---

int64_t Worker::session_bytes(const Session& session) const {
  return static_cast<int64_t>(
             sizeof(Session) + beside_bytes(session) + session.out.size() +
             (session.subscriptions == nullptr ? 0 : session.subscriptions->bytes())) +
         (session.tracking == nullptr ? 0 : session.tracking->bytes_everywhere) +
         (session.transaction == nullptr
              ? 0
              : static_cast<int64_t>(sizeof(Transaction) + session.transaction->bytes() +
                                     session.transaction->watching.bytes)) +
         (session.stall == Stall::kBlocked ? session.waiter->counted_bytes : 0);
}

// Brings the account of what stands beside sessions up to date with this one.
void Worker::count_beside(Session& session) {
  const size_t bytes = beside_bytes(session);
  beside_bytes_ += static_cast<int64_t>(bytes) - static_cast<int64_t>(session.beside_counted);
  session.beside_counted = bytes;
  weigh(session);
}

RareState& Worker::rare_of(Session& session) {
  if (session.rare == nullptr) {
    session.rare = std::make_unique<RareState>(session);
    count_beside(session);
  }
  return *session.rare;
}

// Before the first name there is no block of them.
void Worker::set_name(Session& session, std::string ClientNames::*which, std::string_view name) {
  if (session.names == nullptr) {
    if (name.empty()) {
      return;
    }
    session.names = std::make_unique<ClientNames>();
  }
  std::string(name).swap((*session.names).*which);  // with no memory of a longer one
  if (session.names->empty()) {
    session.names.reset();
  }
  count_beside(session);
}

int64_t Worker::client_bytes() const {
  return static_cast<int64_t>(session_count_ * sizeof(Session)) + beside_bytes_ +
         transaction_bytes_ + waiting_bytes_ + listening_bytes() + tracking_bytes() +
         chunks_.used_bytes();
}

int64_t Worker::client_bytes_limit() const {
  return config_->clients_bytes_max > 0 ? std::max(config_->clients_bytes_max, kClientsBytesMin)
                                        : config_->clients_bytes_default;
}

// Brings the sum over all clients up to date with this one. The limit is about this sum and not
// about client_bytes, which is in chunks of several workers and shared payloads: what a client
// weighs leaves the sum when it is closed, so none is closed for memory that is on its way back.
void Worker::weigh(Session& session) {
  const int64_t bytes = session.closed ? 0 : session_bytes(session);
  clients_weight_ += bytes - session.weight;
  session.weight = bytes;
  if (!session.no_evict) {
    largest_weight_ = std::max(largest_weight_, bytes);
  }
}

int64_t Worker::weight_of_all_clients() {
  int64_t total = clients_weight_;
  for (int i = 0; i < workers_; ++i) {
    total += i == id_.value ? 0 : engine_.core(i).clients_weight.observe();
  }
  return total;
}

// The one to be closed first, null if none may be. Looks at all sessions of this worker.
Session* Worker::largest_client() {
  Session* largest = nullptr;
  largest_weight_ = 0;
  for_each_session([&](Session& session) {
    // An EXEC that has begun is done to its end.
    if (!session.no_evict && session.weight > largest_weight_ && !exec_under_way(session)) {
      largest = &session;
      largest_weight_ = session.weight;
    }
  });
  return largest;
}

// Whoever sees that a client has become larger sees it in largest_client_bytes too; see the end of
// evict_clients for the other direction.
void Worker::publish_clients() {
  core_.client_bytes.set(client_bytes());
  core_.largest_client_bytes.publish(largest_weight_);
  core_.clients_weight.publish(clients_weight_);
}

// By so much since evict_clients looked that many small ones might be over the limit by now.
bool Worker::clients_grow() {
  weight_looked_at_ = std::min(weight_looked_at_, clients_weight_);
  return clients_weight_ - weight_looked_at_ > client_bytes_limit() / kClientsShare;
}

// At the end of a turn: closes the largest clients until all together are within their limit, this
// worker's while its largest is the largest of all, else it wakes the worker whose is.
void Worker::evict_clients() {
  const int64_t limit = client_bytes_limit();
  const uint64_t until = deadline(kMakeRoomUs);
  weigh_clients_ = false;
  if (asked_to_evict_clients_.load(std::memory_order_relaxed)) {
    // What whoever asks has published before is seen below.
    asked_to_evict_clients_.exchange(false, std::memory_order_acquire);
  }
  weight_looked_at_ = clients_weight_;
  if (limit == 0) {
    return;
  }
  publish_clients();
  while (weight_of_all_clients() > limit) {
    int other = 0;
    const int64_t elsewhere = highest_elsewhere(&CoreBlock::largest_client_bytes, -1, other);
    const auto another_goes_first = [&] {
      return elsewhere > largest_weight_ || (elsewhere == largest_weight_ && other < id_.value);
    };
    Session* largest = another_goes_first() ? nullptr : largest_client();
    if (largest == nullptr || another_goes_first()) {
      core_.largest_client_bytes.publish(largest_weight_);
      if (elsewhere > 0) {
        engine_.worker(other).asked_to_evict_clients_.store(true, std::memory_order_seq_cst);
        wake_if_asleep(engine_.worker(other));
      }
      return;
    }
    // Once more: another's largest may be what it is because it was closed just now.
    if (weight_of_all_clients() <= limit) {
      return;
    }
    core_.evicted_clients.add(1);
    log_line(LogLevel::kNotice,
             "Closing client %s, the largest with %lld bytes: all clients together are over "
             "maxmemory-clients (by default an eighth of the machine's memory)",
             transport_->peer(largest->conn).address.c_str(),
             static_cast<long long>(largest->weight));
    kill(*largest);
    // Before largest_client_bytes falls, at the next round.
    core_.clients_weight.publish(clients_weight_);
    if (tsc() >= until) {
      weigh_clients_ = true;
      return;
    }
  }
}

}  // namespace pollux
