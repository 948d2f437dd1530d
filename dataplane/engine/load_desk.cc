#include "dataplane/engine/load_desk.h"

#include <utility>

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

LoadDesk::LoadDesk(Engine& engine, size_t shards) : engine_(engine) {
  for (size_t i = 0; i < shards; ++i) {
    inboxes_.push_back(std::make_unique<Batches>());
  }
}

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
    waker_();
  }
}

void LoadDesk::finish() {
  over_.store(true, std::memory_order_seq_cst);  // then the flags of sleepers
  for (int i = 0; i < engine_.worker_count(); ++i) {
    Worker::wake_if_asleep(engine_.worker(i));
  }
}

}  // namespace pollux
