// Steps a whole engine on one thread. A seed decides which worker runs its next phase, how many
// phases before another gets its turn, what time it is for each of them, and (through the
// transports) when bytes arrive. The same seed and the same calls give the same run.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/engine/worker.h"
#include "dataplane/sim/memory_transport.h"
#include "dataplane/sim/sim_engine.h"
#include "src/base/rng.h"
#include "src/base/time.h"

namespace pollux {

// Time as the workers of a simulation see it: one that is moved by hand, plus what each worker's
// own clock is off by, within +-kSkewMaxUs. Far more than real clocks differ, so that a worker
// whose clock is behind lives on what it learns from others.
class SkewedClock final : public Clock {
 public:
  static constexpr int64_t kSkewMaxUs = 10'000;

  SkewedClock(Instant start, int workers) : now_(start), skews_us_(static_cast<size_t>(workers)) {}
  Instant now() override { return {now_.us + skews_us_[static_cast<size_t>(worker_)]}; }
  // Without what any worker is off by.
  Instant base() const { return now_; }
  void set_worker(int worker) { worker_ = worker; }
  void set_skew_us(int worker, int64_t us) { skews_us_[static_cast<size_t>(worker)] = us; }
  void advance_us(int64_t us) { now_.us += us; }

 private:
  Instant now_;
  std::vector<int64_t> skews_us_;
  int worker_ = 0;
};

// One whole turn of a worker that is stepped by hand.
void step_turn(Worker& worker);

class Scheduler {
 public:
  // A run that is not over after this many phases hangs: the scenarios take some thousands.
  static constexpr size_t kPhasesMax = 400'000;

  explicit Scheduler(const SimOptions& options);

  Engine& engine() { return sim_.engine(); }
  SimEngine& sim() { return sim_; }
  SkewedClock& clock() { return clock_; }
  Rng& rng() { return rng_; }
  uint64_t seed() const { return seed_; }
  uint64_t phases() const { return phases_; }

  MemoryClient connect(int worker) { return sim_.transport(worker).connect(); }

  // One phase of one worker.
  void step();
  // The worker, in the middle of a turn: for what a test does to it that commands do.
  Worker& in_a_turn(int worker);
  // Steps until done() holds, which is asked between phases; false if it never does.
  template <typename Done>
  bool run_until(Done done, size_t phases_max = kPhasesMax) {
    return run_until(done, [this] { step(); }, phases_max);
  }
  // The same where more than workers are stepped.
  template <typename Done, typename Step>
  static bool run_until(Done done, Step step, size_t steps_max = kPhasesMax) {
    for (size_t i = 0; i < steps_max; ++i) {
      if (done()) {
        return true;
      }
      step();
    }
    return done();
  }
  // Steps until each worker has had so many whole turns: for what only time sets in motion. How
  // many phases that takes differs from seed to seed by a factor of 16.
  void run_turns(uint64_t turns);
  // Steps until no worker has anything under way and no transport anything to deliver.
  bool run_until_quiet(size_t phases_max = kPhasesMax);
  bool quiet();
  // All workers are between two turns, or sleep: what they had to tell each other is told.
  bool between_turns() const;
  // At such a moment a worker slept (SimOptions::sleeps) and had mail: somebody has not woken it.
  bool forgot_a_wake() const { return forgot_a_wake_; }

 private:
  struct Turn {
    Phase next = Phase::kPoll;
    bool asleep = false;
    int64_t until_us = 0;
    uint64_t weight = 1;  // how often this worker is chosen
    uint64_t done = 0;    // turns
  };

  void choose_worker();
  void step_phase(int worker);
  void rouse(int worker);
  void fall_asleep(Turn& turn);
  bool wakes(Turn& turn);
  void look_for_forgotten();

  const uint64_t seed_;
  const bool sleeps_;
  Rng rng_;
  Rng sleep_rng_;
  SkewedClock clock_;
  SimEngine sim_;
  std::vector<Turn> turns_;
  uint64_t weights_ = 0;
  int worker_ = 0;
  uint64_t phases_left_ = 0;
  uint64_t phases_ = 0;
  bool forgot_a_wake_ = false;
};

}  // namespace pollux
