// A whole engine on real threads, one per worker, over in-memory transports that block and wake.
// For what stepping can't show: data races, and wake-ups that get lost.
#pragma once

#include <thread>
#include <vector>

#include "dataplane/sim/sim_engine.h"
#include "src/base/time.h"

namespace pollux {

class ThreadedEngine {
 public:
  explicit ThreadedEngine(const SimOptions& options);
  ~ThreadedEngine();
  ThreadedEngine(const ThreadedEngine&) = delete;
  ThreadedEngine& operator=(const ThreadedEngine&) = delete;

  SimEngine& sim() { return sim_; }

  // Waits until all connections are closed; false if they are not within the time.
  bool wait_for_departures(int64_t timeout_ms);
  // Ends the threads and runs what is still under way to its end on this one; sim().leaks() then
  // tells. False if it doesn't end.
  bool stop();

 private:
  SystemClock clock_;
  SimEngine sim_;
  std::vector<std::thread> threads_;
};

}  // namespace pollux
