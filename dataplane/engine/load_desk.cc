#include "dataplane/engine/load_desk.h"

#include <utility>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/worker.h"

namespace pollux {

LoadDesk::LoadDesk(Engine& engine, size_t shards) : engine_(engine) {
  for (size_t i = 0; i < shards; ++i) {
    inboxes_.push_back(std::make_unique<Batches>());
  }
}

void LoadDesk::send(ShardId shard, LoadBatch& batch) {
  inboxes_[shard.value]->push(batch);
  Worker::wake_if_asleep(engine_.worker(shard.value));
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
