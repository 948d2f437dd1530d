#include "dataplane/engine/save_desk.h"

#include <algorithm>
#include <utility>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"

namespace pollux {

SaveDesk::SaveDesk(Engine& engine) : engine_(engine) {
  for (ShardStore* store : engine.shards()) {
    parts_.push_back(std::make_unique<Part>(*this, *store, store->id().value));
  }
}

SaveDesk::~SaveDesk() {
  while (SaveBatch* batch = take(/*wake=*/false)) {
    if (batch->is_extra) {
      delete batch;
    }
  }
}

// --- orders ---

uint64_t SaveDesk::order(const Order& order) {
  Orders none = Orders::kNone;
  if (!orders_.compare_exchange_strong(none, Orders::kWriting, std::memory_order_acq_rel)) {
    return 0;
  }
  order_ = order;
  ordered_us_.store(order.at.us, std::memory_order_relaxed);
  aof_base_.store(order.aof_base, std::memory_order_relaxed);
  const uint64_t number = ended() + 1;  // none ends now
  number_.store(number, std::memory_order_relaxed);
  orders_.store(Orders::kOrdered, std::memory_order_seq_cst);
  waker_();
  tell_history();
  return number;
}

bool SaveDesk::give_up() {
  const uint64_t number = number_.load(std::memory_order_relaxed);
  if (number == 0) {
    return false;
  }
  give_up(number);
  return true;
}

void SaveDesk::give_up(uint64_t number) {
  uint64_t given_up = given_up_.load(std::memory_order_relaxed);
  while (given_up < number &&
         !given_up_.compare_exchange_weak(given_up, number, std::memory_order_release,
                                          std::memory_order_relaxed)) {
  }
  waker_();
}

const SaveDesk::Order* SaveDesk::take_order() {
  if (orders_.load(std::memory_order_acquire) != Orders::kOrdered) {
    return nullptr;
  }
  orders_.store(Orders::kTaken, std::memory_order_release);
  return &order_;
}

void SaveDesk::finish(bool saved) {
  POLLUX_ASSERT(at_end());
  if (saved && !order_.aof_base) {
    changes_saved_.store(changes_at_cut_, std::memory_order_relaxed);
  }
  stage_.store(Stage::kNone, std::memory_order_relaxed);
  number_.store(0, std::memory_order_relaxed);
  const uint64_t outcomes = outcomes_.load(std::memory_order_relaxed);
  constexpr uint64_t kAll = (uint64_t{1} << kRemembered) - 1;
  const uint64_t remembered = (outcomes << 1 | (saved ? 1 : 0)) & kAll;
  outcomes_.store((ended() + 1) << kRemembered | remembered, std::memory_order_release);
  orders_.store(Orders::kNone, std::memory_order_seq_cst);  // then the flags of sleepers
  for (int i = 0; i < engine_.worker_count(); ++i) {
    Worker::wake_if_asleep(engine_.worker(i));
  }
  tell_history();
}

// Its syncs may rest while a save is under way.
void SaveDesk::tell_history() {
  if (engine_.aof_desk() != nullptr) {
    engine_.aof_desk()->wake();
  }
}

void SaveDesk::close() {
  Orders none = Orders::kNone;
  while (!orders_.compare_exchange_strong(none, Orders::kClosed, std::memory_order_acq_rel)) {
    if (take_order() != nullptr) {
      finish(/*saved=*/false);
    }
    none = Orders::kNone;  // it may be about to be ordered
  }
}

void SaveDesk::workers_ended() {
  workers_ended_.store(true, std::memory_order_release);
  waker_();
}

SaveDesk::Outcome SaveDesk::outcome(uint64_t number) const {
  const uint64_t outcomes = outcomes_.load(std::memory_order_acquire);
  const uint64_t ended = outcomes >> kRemembered;
  if (number > ended) {
    return Outcome::kUnderWay;
  }
  const uint64_t since = ended - number;
  return since < kRemembered && (outcomes >> since & 1) != 0 ? Outcome::kSaved : Outcome::kNot;
}

// --- the storage thread ---

void SaveDesk::ask() {
  cut_ = {};
  cancelled_.store(false, std::memory_order_relaxed);
  shards_left_.store(static_cast<uint32_t>(parts_.size()), std::memory_order_relaxed);
  stage_.store(Stage::kAsked, std::memory_order_seq_cst);
  Worker::wake_if_asleep(engine_.worker(0));
}

const SnapshotCut* SaveDesk::cut() {
  return stage_.load(std::memory_order_acquire) == Stage::kCut ? &cut_ : nullptr;
}

uint32_t SaveDesk::lanes() const {
  return static_cast<uint32_t>(RecordOut::kLanes * parts_.size());
}

SaveBatch* SaveDesk::take(bool wake) {
  if (taken_ == nullptr && wake) {
    wanted_.store(true, std::memory_order_seq_cst);
    if (filled_.empty()) {
      return nullptr;
    }
  }
  if (taken_ == nullptr) {
    for (SaveBatch* newest = filled_.take(); newest != nullptr;) {
      SaveBatch* const batch = std::exchange(newest, newest->next_batch);
      batch->next_batch = std::exchange(taken_, batch);
    }
  }
  return taken_ == nullptr ? nullptr : std::exchange(taken_, taken_->next_batch);
}

void SaveDesk::give_back(SaveBatch& batch) {
  if (batch.is_extra) {
    extra_batches_.fetch_sub(1, std::memory_order_relaxed);
    delete &batch;
    return;
  }
  const uint32_t lane = batch.lane;
  pool(lane).returned.push(batch);
  if (pool(lane).starved.load(std::memory_order_seq_cst)) {
    Worker::wake_if_asleep(engine_.worker(static_cast<int>(lane / RecordOut::kLanes)));
  }
}

bool SaveDesk::at_end() {
  const Stage stage = stage_.load(std::memory_order_acquire);
  // A cut may be made when other workers have left already, and they don't walk any more.
  const bool nobody_walks = shards_left_.load(std::memory_order_seq_cst) == 0 ||
                            (workers_ended_.load(std::memory_order_acquire) &&
                             cancelled_.load(std::memory_order_relaxed));
  return (stage == Stage::kNone || stage == Stage::kCut) && nobody_walks && taken_ == nullptr &&
         filled_.empty();
}

// Who has not begun with the cut finds then that nobody asks.
void SaveDesk::cancel() {
  cancelled_.store(true, std::memory_order_release);
  Stage asked = Stage::kAsked;
  if (stage_.compare_exchange_strong(asked, Stage::kNone, std::memory_order_acq_rel)) {
    shards_left_.store(0, std::memory_order_relaxed);
    return;
  }
  for (int i = 0; i < engine_.worker_count(); ++i) {
    Worker::wake_if_asleep(engine_.worker(i));
  }
}

void SaveDesk::tell_storage() {
  if (wanted_.load(std::memory_order_seq_cst) &&
      wanted_.exchange(false, std::memory_order_relaxed)) {
    waker_();
  }
}

// --- the cut ---

bool SaveDesk::begin_cut() {
  Stage asked = Stage::kAsked;
  return stage_.compare_exchange_strong(asked, Stage::kCutting, std::memory_order_acq_rel);
}

void SaveDesk::make_cut(const ShardSnapshot::Options& options, Ticket ticket) {
  cut_.at = options.at;
  cut_.ticket = ticket;
  const std::span<ShardStore* const> stores = engine_.shards();
  for (int db = 0; db < stores.front()->databases(); ++db) {
    SnapshotCut::Database of{.number = static_cast<uint32_t>(db), .keys = 0, .expires = 0};
    for (const ShardStore* store : stores) {
      const DbCounts counts = store->counts(db);
      of.keys += counts.keys;
      of.expires += counts.keys_with_expiry;
      cut_.field_ttls = cut_.field_ttls || counts.keys_with_field_ttls > 0;
    }
    if (of.keys > 0) {
      cut_.keys += of.keys;
      cut_.databases.push_back(of);
    }
  }
  changes_at_cut_ = 0;
  for (const ShardStore* store : stores) {
    changes_at_cut_ += static_cast<int64_t>(store->stats().changes);
  }
  cut_.used_memory_bytes = static_cast<uint64_t>(engine_.sum(&CoreBlock::data_bytes));
  for (const std::unique_ptr<Part>& part : parts_) {
    for (Pool& pool : part->pools) {
      pool.starved.store(false, std::memory_order_relaxed);
    }
    part->snapshot.begin(options);
    part->under_way.store(true, std::memory_order_relaxed);
  }
  stage_.store(Stage::kCut, std::memory_order_seq_cst);
  tell_storage();
}

// --- the walk ---

bool SaveDesk::may_walk(ShardId shard) const {
  const Part& part = *parts_[shard.value];
  if (!part.under_way.load(std::memory_order_relaxed)) {
    return false;
  }
  // What the other lane lacks may come back only when this one's record has ended.
  const Pool& pool = part.pools[static_cast<size_t>(part.snapshot.next_lane())];
  return cancelled_.load(std::memory_order_acquire) ||
         !pool.starved.load(std::memory_order_relaxed) || !pool.returned.empty();
}

bool SaveDesk::walk(ShardId shard, uint64_t until) {
  Part& part = *parts_[shard.value];
  if (!part.under_way.load(std::memory_order_relaxed)) [[likely]] {
    return false;
  }
  if (cancelled_.load(std::memory_order_acquire)) {
    part.snapshot.cancel();
  }
  const bool worked = part.snapshot.walk(until);
  if (part.snapshot.is_over()) {
    part.under_way.store(false, std::memory_order_relaxed);
    part.lanes.finish();
    shards_left_.fetch_sub(1, std::memory_order_seq_cst);
    tell_storage();
  }
  return worked;
}

void SaveDesk::rest(ShardId shard) {
  Part& part = *parts_[shard.value];
  for (Pool& pool : part.pools) {
    if (part.under_way.load(std::memory_order_relaxed) || pool.all.empty()) {
      continue;
    }
    pool.starved.store(false, std::memory_order_relaxed);
    for (SaveBatch* batch = pool.returned.take(); batch != nullptr;) {
      SaveBatch* const next = batch->next_batch;
      batch->next_batch = std::exchange(pool.free, batch);
      batch = next;
    }
    size_t home = 0;
    for (const SaveBatch* batch = pool.free; batch != nullptr; batch = batch->next_batch) {
      ++home;
    }
    if (home == pool.all.size()) {
      pool.free = nullptr;
      pool.all.clear();
    }
  }
}

// --- batches ---

SaveBatch* SaveDesk::take_free(uint32_t lane) {
  Pool& from = pool(lane);
  if (from.free == nullptr) {
    from.free = from.returned.take();
  }
  if (from.free == nullptr && from.all.size() == kBatchesEach) {
    from.starved.store(true, std::memory_order_seq_cst);
    if (from.returned.empty()) {
      return nullptr;
    }
    from.free = from.returned.take();
  }
  from.starved.store(false, std::memory_order_relaxed);
  if (from.free == nullptr) {
    return from.all.emplace_back(std::make_unique<SaveBatch>()).get();
  }
  return std::exchange(from.free, from.free->next_batch);
}

SaveBatch& SaveDesk::take_extra() {
  auto* const batch = new SaveBatch();
  batch->is_extra = true;
  extra_batches_.fetch_add(1, std::memory_order_relaxed);
  return *batch;
}

void SaveDesk::put_back(uint32_t lane, SaveBatch& batch) {
  if (batch.is_extra) {
    extra_batches_.fetch_sub(1, std::memory_order_relaxed);
    delete &batch;
    return;
  }
  batch.next_batch = std::exchange(pool(lane).free, &batch);
}

void SaveDesk::send(SaveBatch& batch) {
  filled_.push(batch);
  tell_storage();
}

}  // namespace pollux
