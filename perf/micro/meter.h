// How long items take: CPU time of this thread (the machine may have others to serve), and the same
// in cycles of the time stamp counter. As counters "ns", "tsc" and "tsc_GHz".
#pragma once

#include <benchmark/benchmark.h>
#include <time.h>
#include <x86intrin.h>

#include <chrono>
#include <cstdint>

namespace pollux {

inline double thread_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Of the time stamp counter, against the steady clock.
inline double tsc_ghz() {
  static const double ghz = [] {
    const auto start = std::chrono::steady_clock::now();
    const uint64_t cycles = __rdtsc();
    std::chrono::duration<double, std::nano> ns{};
    while (ns.count() < 5e7) {
      ns = std::chrono::steady_clock::now() - start;
    }
    return static_cast<double>(__rdtsc() - cycles) / ns.count();
  }();
  return ghz;
}

// Counts time and items from here to its end, but for what is left out.
class Meter {
 public:
  explicit Meter(benchmark::State& state) : state_(state) {
    tsc_ghz();
    start_ns_ = thread_ns();
  }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  ~Meter() {
    const double ns = (thread_ns() - start_ns_ - left_out_ns_) / static_cast<double>(items_);
    state_.counters["ns"] = ns;
    state_.counters["tsc"] = ns * tsc_ghz();
    state_.counters["tsc_GHz"] = tsc_ghz();
  }

  void items(uint64_t count) { items_ += count; }
  // What `work` takes does not count.
  template <typename Work>
  void leave_out(Work work) {
    const double began = thread_ns();
    work();
    left_out_ns_ += thread_ns() - began;
  }

 private:
  benchmark::State& state_;
  double start_ns_ = 0;
  double left_out_ns_ = 0;
  uint64_t items_ = 0;
};

}  // namespace pollux
