#include "src/base/time.h"

#include <cpuid.h>
#include <sys/resource.h>
#include <time.h>

namespace pollux {

namespace {

int64_t clock_ns(clockid_t clock) {
  timespec ts;
  clock_gettime(clock, &ts);
  return static_cast<int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

// Both clocks at one moment: of several readings the one that took the shortest. A thread that is
// stopped between two readings would have the counter wrong by as much.
struct Moments {
  uint64_t tsc = 0;
  int64_t ns = 0;
};

Moments read_both() {
  Moments best;
  uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < 20; ++i) {
    const uint64_t before = tsc();
    const int64_t ns = monotonic_ns();
    const uint64_t took = tsc() - before;
    if (took < shortest) {
      shortest = took;
      best = {before + took / 2, ns};
    }
  }
  return best;
}

double measure_tsc_per_us() {
  constexpr int64_t kMeasureNs = 10'000'000;
  const Moments start = read_both();
  while (monotonic_ns() - start.ns < kMeasureNs) {
  }
  const Moments end = read_both();
  return static_cast<double>(end.tsc - start.tsc) * 1000.0 / static_cast<double>(end.ns - start.ns);
}

// Runs at one rate, in every state of the processor (AMD and Intel: CPUID 80000007H, EDX bit 8).
bool tsc_is_invariant() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
}

}  // namespace

Instant SystemClock::now() {
  return Instant{clock_ns(CLOCK_REALTIME) / 1000};
}

double tsc_per_us() {
  static const double rate = measure_tsc_per_us();
  return rate;
}

int64_t monotonic_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}

TscClock::TscClock() {
  if (tsc_is_invariant()) {
    const Moments now = read_both();
    begin_ = now.tsc;
    begin_ns_ = now.ns;
    scale_ = static_cast<uint64_t>(1000.0 / tsc_per_us() * 0x1p32);
  }
}

const TscClock& TscClock::get() {
  static const TscClock clock;
  return clock;
}

int64_t thread_cpu_ns() {
  return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void thread_cpu_us(int64_t& user_us, int64_t& system_us) {
  const auto us = [](const timeval& time) {
    return int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
  };
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  user_us = us(usage.ru_utime);
  system_us = us(usage.ru_stime);
}

}  // namespace pollux
