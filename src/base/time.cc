#include "src/base/time.h"

#include <sys/resource.h>
#include <time.h>

namespace pollux {

namespace {

int64_t clock_ns(clockid_t clock) {
  timespec ts;
  clock_gettime(clock, &ts);
  return static_cast<int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

double measure_tsc_per_us() {
  constexpr int64_t kMeasureNs = 10'000'000;
  const int64_t start_ns = monotonic_ns();
  const uint64_t start = tsc();
  int64_t elapsed_ns = 0;
  while (elapsed_ns < kMeasureNs) {
    elapsed_ns = monotonic_ns() - start_ns;
  }
  return static_cast<double>(tsc() - start) * 1000.0 / static_cast<double>(elapsed_ns);
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
