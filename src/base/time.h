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

// Nanoseconds by the time stamp counter, for what reads the time at every packet: a third of what
// monotonic_ns() costs. Shows CLOCK_MONOTONIC's time when the process first asks for it, and is the
// same for all threads; from there the two drift apart by some ppm (microseconds a second), so
// durations are taken from one of them. Where the counter does not run evenly it is
// CLOCK_MONOTONIC.
class TscClock {
 public:
  // Measures the counter the first time, which takes about 20 ms. Any thread.
  static const TscClock& get();
  int64_t now_ns() const {
    if (scale_ == 0) [[unlikely]] {
      return monotonic_ns();
    }
    const auto product = static_cast<unsigned __int128>(tsc() - begin_) * scale_;
    return begin_ns_ + static_cast<int64_t>(product >> 32);
  }

 private:
  TscClock();

  uint64_t begin_ = 0;
  uint64_t scale_ = 0;  // nanoseconds of a cycle, 2^32 times; 0: the counter is not to be trusted
  int64_t begin_ns_ = 0;
};

// CPU time of the calling thread in nanoseconds (CLOCK_THREAD_CPUTIME_ID).
int64_t thread_cpu_ns();
// The same in microseconds, in its own code and in the kernel's.
void thread_cpu_us(int64_t& user_us, int64_t& system_us);

}  // namespace pollux
