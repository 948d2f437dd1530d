#include "dataplane/engine/load_desk.h"

#include <algorithm>
#include <utility>

#include "dataplane/engine/config.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/router.h"
#include "dataplane/engine/worker.h"

namespace pollux {

namespace {

// Some are no writes and yet do, by a side effect: what they do with a key tells it (PFCOUNT).
bool changes_keys(const CommandRow& row) {
  return (row.flags & kWrite) != 0 || row.keys[0].flags.starts_with("RW");
}

}  // namespace

RdbFileSplitter::Options rdb_format_of(const Config& config) {
  RdbFileSplitter::Options format;
  format.checksum = config.rdb_checksum && config.data.dump_sums;
  format.databases = static_cast<uint32_t>(config.databases);
  format.text_bytes_max =
      std::max(static_cast<size_t>(config.data.bulk_bytes_max), RdbReader::kTextBytesMax);
  return format;
}

LoadDesk::LoadDesk(Engine& engine, size_t shards, bool loads)
    : engine_(engine), state_(loads ? State::kLoading : State::kLoaded) {
  for (size_t i = 0; i < shards; ++i) {
    inboxes_.push_back(std::make_unique<Batches>());
  }
}

// --- orders ---

bool LoadDesk::begin() {
  if (!over() || unsettled_) {
    return false;
  }
  whole_.store(true, std::memory_order_relaxed);
  number_.fetch_add(1, std::memory_order_release);
  state_.store(State::kLoading, std::memory_order_release);
  return true;
}

void LoadDesk::order(const Order& order) {
  unsettled_ = true;
  order_ = order;
  whole_.store(false, std::memory_order_relaxed);
  emptying_.store(Emptying::kNo, std::memory_order_relaxed);
  ordered_.store(ordered_of(order.source), std::memory_order_release);
  waker_of(order.source)();
}

void LoadDesk::end(State state) {
  State loading = State::kLoading;
  state_.compare_exchange_strong(loading, state, std::memory_order_seq_cst);  // then who sleeps
  for (int i = 0; i < engine_.worker_count(); ++i) {
    Worker::wake_if_asleep(engine_.worker(i));
  }
}

const LoadDesk::Order* LoadDesk::take_order(Source source) {
  if (ordered_.load(std::memory_order_acquire) != ordered_of(source)) {
    return nullptr;
  }
  ordered_.store(Ordered::kNo, std::memory_order_relaxed);
  return &order_;
}

void LoadDesk::ask_to_empty() {
  emptying_.store(Emptying::kAsked, std::memory_order_seq_cst);
  Worker::wake_if_asleep(engine_.worker(0));
}

void LoadDesk::emptied() {
  emptying_.store(Emptying::kDone, std::memory_order_release);
  waker_of(order_.source)();
}

// --- batches ---

// The commands that change keys run. The families of the engine have none of these, so a handler
// needs no more than a Host.
LoadPlace LoadDesk::place(std::span<const std::string_view> args) const {
  const CommandRow* row = engine_.commands().find(args[0]);
  if (row != nullptr && !row->subcommands.empty() && args.size() > 1) {
    row = CommandTable::find_sub(*row, args[1]);
  }
  if (row == nullptr) {
    return {.kind = LoadPlace::Kind::kUnknown};
  }
  if (!arity_fits(*row, args.size())) {
    return {.kind = LoadPlace::Kind::kArity};
  }
  const bool on_keys = row->route == Route::kKeys || row->route == Route::kAllShards;
  if (!on_keys || !changes_keys(*row)) {
    return {.kind = LoadPlace::Kind::kNowhere};
  }
  const Placement where = pollux::place(*row, args, static_cast<int>(shards()));
  return {.kind = where.where == Where::kLease ? LoadPlace::Kind::kAll : LoadPlace::Kind::kShard,
          .shard = where.shard,
          .row = row,
          .hash = where.first_key_hash};
}

void LoadDesk::send(ShardId shard, LoadBatch& batch) {
  inboxes_[shard.value]->push(batch);
  Worker::wake_if_asleep(engine_.worker(shard.value));
}

void LoadDesk::send_to_all(LoadBatch& batch) {
  for_all_.store(&batch, std::memory_order_seq_cst);
  Worker::wake_if_asleep(engine_.worker(0));
}

LoadBatch* LoadDesk::take_back(bool wake) {
  if (home_ == nullptr) {
    home_ = done_.take();
  }
  if (home_ == nullptr && wake) {
    wanted_.store(true, std::memory_order_seq_cst);
    if (done_.empty()) {
      return nullptr;
    }
    wanted_.store(false, std::memory_order_relaxed);  // at worst it is woken for nothing
    home_ = done_.take();
  }
  return home_ == nullptr ? nullptr : std::exchange(home_, home_->next_batch);
}

void LoadDesk::give_back(LoadBatch& batch) {
  done_.push(batch);
  if (wanted_.load(std::memory_order_seq_cst) &&
      wanted_.exchange(false, std::memory_order_relaxed)) {
    waker_of(order_.source)();
  }
}

}  // namespace pollux
