#include "dataplane/sim/threaded_engine.h"

#include <chrono>

#include "dataplane/engine/worker.h"

namespace pollux {

ThreadedEngine::ThreadedEngine(const SimOptions& options)
    : sim_(options, MemoryTransport::Mode::kThreaded, clock_) {
  for (int i = 0; i < sim_.workers(); ++i) {
    threads_.emplace_back([this, i] { sim_.engine().worker(i).run(); });
  }
}

ThreadedEngine::~ThreadedEngine() { stop(); }

bool ThreadedEngine::wait_for_departures(int64_t timeout_ms) {
  for (int64_t waited_ms = 0; waited_ms < timeout_ms; ++waited_ms) {
    if (sim_.engine().clients().load(std::memory_order_relaxed) == 0) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

bool ThreadedEngine::stop() {
  if (threads_.empty()) {
    return true;
  }
  sim_.engine().stop(/*grace_ms=*/1000);
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
  constexpr int kTurnsMax = 10'000;
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    bool quiet = true;
    for (int i = 0; i < sim_.workers(); ++i) {
      Worker& worker = sim_.engine().worker(i);
      for (const Phase phase : {Phase::kPoll, Phase::kMailbox, Phase::kFlush}) {
        worker.step(phase);
      }
      quiet = quiet && worker.quiet() && sim_.transport(i).idle();
    }
    if (quiet) {
      return true;
    }
  }
  return false;
}

}  // namespace pollux
