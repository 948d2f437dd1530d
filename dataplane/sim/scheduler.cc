#include "dataplane/sim/scheduler.h"

#include <algorithm>

#include "src/base/assert.h"

namespace pollux {

namespace {

constexpr Instant kStart{1'700'000'000'000'000};
// Any; not what Rng spreads its own seeds by.
constexpr uint64_t kSleepSeed = 0x5bf0'3635'dcf2'a1c9;

}  // namespace

void step_turn(Worker& worker) {
  for (int phase = 0; phase < static_cast<int>(Phase::kCount); ++phase) {
    worker.step(static_cast<Phase>(phase));
  }
}

Scheduler::Scheduler(const SimOptions& options)
    : seed_(options.seed),
      sleeps_(options.sleeps),
      rng_(options.seed),
      sleep_rng_(options.seed ^ kSleepSeed),
      clock_(kStart, options.workers),
      sim_(options, MemoryTransport::Mode::kStepped, clock_) {
  turns_.resize(static_cast<size_t>(options.workers));
  for (int i = 0; i < options.workers; ++i) {
    const auto off = static_cast<int64_t>(rng_.below(2 * SkewedClock::kSkewMaxUs + 1));
    clock_.set_skew_us(i, off - SkewedClock::kSkewMaxUs);
  }
  for (Turn& turn : turns_) {
    // Some seeds have workers that hardly ever run.
    turn.weight = uint64_t{1} << rng_.below(5);
    weights_ += turn.weight;
  }
}

void Scheduler::step() {
  if (phases_left_ == 0) {
    choose_worker();
  }
  --phases_left_;
  ++phases_;
  Turn& turn = turns_[static_cast<size_t>(worker_)];
  if (turn.asleep) {
    look_for_forgotten();  // what others than workers have left
    if (!wakes(turn)) {
      phases_left_ = 0;
      return;
    }
  }
  step_phase(worker_);
  if (sleeps_ && turn.next == Phase::kPoll) {
    if (sleep_rng_.below(2) == 0) {
      fall_asleep(turn);
    }
    look_for_forgotten();
  }
}

void Scheduler::step_phase(int worker) {
  Turn& turn = turns_[static_cast<size_t>(worker)];
  clock_.set_worker(worker);
  engine().worker(worker).step(turn.next);
  const auto next = static_cast<uint8_t>(turn.next) + 1U;
  const bool done = next == static_cast<uint8_t>(Phase::kCount);
  turn.next = done ? Phase::kPoll : static_cast<Phase>(next);
  turn.done += done ? 1 : 0;
}

Worker& Scheduler::in_a_turn(int worker) {
  Turn& turn = turns_[static_cast<size_t>(worker)];
  if (turn.next == Phase::kPoll) {
    rouse(worker);
    step_phase(worker);
  }
  return engine().worker(worker);
}

void Scheduler::fall_asleep(Turn& turn) {
  int64_t timeout_us = 0;
  turn.asleep = engine().worker(worker_).fall_asleep(timeout_us);
  turn.until_us = clock_.base().us + timeout_us;
}

bool Scheduler::wakes(Turn& turn) {
  MemoryTransport& transport = sim_.transport(worker_);
  if (!transport.take_woken() && transport.idle() && clock_.base().us < turn.until_us) {
    return false;
  }
  rouse(worker_);
  return true;
}

void Scheduler::rouse(int worker) {
  engine().worker(worker).woke();
  turns_[static_cast<size_t>(worker)].asleep = false;
}

// Who is in the middle of a turn wakes others at its end, so this is asked between turns alone. A
// new configuration needs no wake: the tour that tells of it is mail.
void Scheduler::look_for_forgotten() {
  if (!between_turns()) {
    return;
  }
  for (int i = 0; i < sim_.workers(); ++i) {
    const MemoryTransport& transport = sim_.transport(i);
    forgot_a_wake_ =
        forgot_a_wake_ || (turns_[static_cast<size_t>(i)].asleep && !transport.woken() &&
                           transport.idle() && engine().worker(i).mail_waiting());
  }
}

bool Scheduler::between_turns() const {
  return std::all_of(turns_.begin(), turns_.end(),
                     [](const Turn& turn) { return turn.next == Phase::kPoll; });
}

void Scheduler::run_turns(uint64_t turns) {
  std::vector<uint64_t> until;
  for (const Turn& turn : turns_) {
    const bool under_way = turn.next != Phase::kPoll;
    until.push_back(turn.done + turns + (under_way ? 1 : 0));
  }
  const bool all = run_until([&] {
    return std::equal(turns_.begin(), turns_.end(), until.begin(),
                      [](const Turn& turn, uint64_t least) { return turn.done >= least; });
  });
  POLLUX_ASSERT(all);
}

void Scheduler::choose_worker() {
  uint64_t pick = rng_.below(weights_);
  worker_ = 0;
  while (pick >= turns_[static_cast<size_t>(worker_)].weight) {
    pick -= turns_[static_cast<size_t>(worker_)].weight;
    ++worker_;
  }
  phases_left_ = 1 + (rng_.below(4) == 0 ? rng_.below(20) : rng_.below(4));
  if (rng_.below(4) == 0) {
    clock_.advance_us(static_cast<int64_t>(rng_.below(400)));
  }
}

bool Scheduler::quiet() {
  for (int i = 0; i < sim_.workers(); ++i) {
    if (!engine().worker(i).quiet() || !sim_.transport(i).idle()) {
      return false;
    }
  }
  return true;
}

bool Scheduler::run_until_quiet(size_t phases_max) {
  return run_until([this] { return phases_left_ == 0 && quiet(); }, phases_max);
}

}  // namespace pollux
