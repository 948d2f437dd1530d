// The only place that asks a clock. Everything above takes `now` as an argument, so that tests
// and the seeded scheduler decide what time it is.
#pragma once

#include <cstdint>

#include "src/base/types.h"

namespace pollux {

// The port: a worker reads it once a turn.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() = 0;
};

// CLOCK_REALTIME. Any thread.
class SystemClock final : public Clock {
 public:
  Instant now() override;
};

// A clock that a test moves by hand. One thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant start) : now_(start) {}
  Instant now() override { return now_; }
  void advance_ms(int64_t ms) { now_.us += ms * 1000; }
  void advance_us(int64_t us) { now_.us += us; }

 private:
  Instant now_;
};

// Cycles of the time stamp counter: a stopwatch for statistics, never a source of decisions.
inline uint64_t tsc() { return __builtin_ia32_rdtsc(); }
// Measured once at start against CLOCK_MONOTONIC (takes about 10 ms the first time).
double tsc_per_us();

// CLOCK_MONOTONIC in nanoseconds: for measuring how long something took.
int64_t monotonic_ns();

// CPU time of the calling thread in nanoseconds (CLOCK_THREAD_CPUTIME_ID).
int64_t thread_cpu_ns();
// The same in microseconds, in its own code and in the kernel's.
void thread_cpu_us(int64_t& user_us, int64_t& system_us);

}  // namespace pollux
