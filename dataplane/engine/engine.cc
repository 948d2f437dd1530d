#include "dataplane/engine/engine.h"

#include <algorithm>

#include "dataplane/engine/config.h"
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"

namespace pollux {

namespace {

// Cells towards each other worker: enough to keep it busy over a round trip, and all pairs together
// a bounded amount of memory (256 workers: 65,280 channels of 16 cells of about 0.6 KiB).
size_t cells_per_channel(const EngineParts& parts) {
  if (parts.cells_per_channel > 0) {
    return parts.cells_per_channel;
  }
  const int workers = parts.workers;
  return static_cast<size_t>(std::clamp(1024 / workers, 16, 256));
}

}  // namespace

Engine::Engine(const EngineParts& parts, std::vector<std::unique_ptr<Transport>> transports)
    : parts_(parts), leases_(parts.workers) {
  POLLUX_ASSERT(parts.workers >= 1 && parts.workers <= kWorkersMax);
  POLLUX_ASSERT(transports.size() == static_cast<size_t>(parts.workers));
  const Config& config = *parts.config->current();
  for (int i = 0; i < parts.workers; ++i) {
    shards_.push_back(
        std::make_unique<ShardStore>(ShardId{static_cast<uint16_t>(i)}, config.databases,
                                                   parts.warmer));
    shard_pointers_.push_back(shards_.back().get());
    sides_.push_back(std::make_unique<ShardSide>(*shards_.back()));
  }
  load_desk_ = std::make_unique<LoadDesk>(*this, shards_.size(), parts.loads);
  if (parts.saves) {
    save_desk_ = std::make_unique<SaveDesk>(*this);
  }
  if (parts.appends) {
    aof_desk_ = std::make_unique<AofDesk>();
  }
  for (int i = 0; i < parts.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, WorkerId{static_cast<uint16_t>(i)},
                                                std::move(transports[static_cast<size_t>(i)]),
                                                parts.seed + static_cast<uint64_t>(i)));
  }
  channels_.resize(workers_.size() * workers_.size());
  for (size_t home = 0; home < workers_.size(); ++home) {
    for (size_t target = 0; target < workers_.size(); ++target) {
      if (home != target) {
        channels_[home * workers_.size() + target] = std::make_unique<Channel>(
            workers_[home]->id(), workers_[target]->id(), cells_per_channel(parts),
            workers_[target]->chunks_);
      }
    }
  }
  for (auto& worker : workers_) {
    worker->connect();
  }
}

// Queues, channels and workers hold chunks and payloads of each other's pools: all are emptied
// before the pools go.
Engine::~Engine() {
  for (auto& worker : workers_) {
    worker->drop_pushes();
    worker->waiters_.drop_replies();
    worker->sessions_.clear();
  }
  channels_.clear();
}

void Engine::ask_shutdown(bool interrupt) {
  interrupted_.store(interrupt, std::memory_order_relaxed);
  signals_.ask();
  Worker::wake_if_asleep(*workers_.front());
}

// NOSAVE is obeyed beside an end that saves, too, whoever says it. One that waits for the history
// would refuse it, and a signal that was refused is gone.
bool Engine::shutdown_waits(WorkerId worker, const Config& config) const {
  if (worker.value != 0 || !signals_.waits()) [[likely]] {
    return false;
  }
  const std::string& words =
      shutdown_is_interrupt() ? config.shutdown_on_sigint : config.shutdown_on_sigterm;
  const EndUnderWay::Step step = end_.step();
  return step == EndUnderWay::Step::kNone ||
         (step != EndUnderWay::Step::kWaits && words.find("nosave") != std::string::npos);
}

bool Engine::abort_shutdown() {
  const bool waits = signals_.waits();
  if (stopping() || (!end_.abort() && !waits)) {
    return false;
  }
  signals_.take();
  signals_.end();
  for (auto& worker : workers_) {
    Worker::wake_if_asleep(*worker);
  }
  return true;
}

void Engine::end_shutdown(uint64_t number) {
  if (end_.is(number)) {
    end_.end(number);
    signals_.end();
  }
}

void Engine::disk_moved() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    Worker::wake_for_disk(*worker);
  }
}

void Engine::stop(int64_t grace_ms) {
  grace_ms_.store(grace_ms, std::memory_order_relaxed);
  stopping_.store(true, std::memory_order_seq_cst);
  for (auto& worker : workers_) {
    worker->transport_->wake();
  }
  if (stop_listener_) {
    stop_listener_();
  }
}

}  // namespace pollux
