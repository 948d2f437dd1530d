// How many completions a sleeping worker should wait for. Going to sleep and being woken costs ten
// times what a small request costs, so a worker that is woken by every single one of a crowd burns
// its core on waking up. Under a crowd it pays to sleep through the first few arrivals: fewer
// sleeps, more requests per turn, and no less throughput. Few clients, and those who come after a
// pause, are served at once. README.md has the figures.
//
// A pure gauge, without a clock of its own. Times are in nanoseconds, of a monotonic clock.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pollux {

class ArrivalGauge {
 public:
  // No request waits longer than `limit_us` for company; 0 switches gathering off.
  explicit ArrivalGauge(unsigned limit_us) : limit_ns_(int64_t{limit_us} * 1'000) {}

  // A connection brought bytes. `last_window` is its own, kept here between its arrivals.
  void on_arrival(uint32_t& last_window) {
    ++arrivals_;
    if (last_window != window_) {
      last_window = window_;
      ++crowd_;
    }
  }
  // Another thread rang: it waits for an answer, and a wake counts as one completion only.
  void on_wake() { woken_ = true; }

  // What to wait for in a sleep that begins now: a sixth of the connections that were active of
  // late, so that clients never wait for each other, if so many are likely to come in half of the
  // limit; at least 1.
  unsigned count(int64_t now_ns) {
    int64_t elapsed_ns = now_ns - window_start_ns_;
    if (elapsed_ns >= kWindowNs) {
      int64_t expected = arrivals_ * limit_ns_ / 2 / elapsed_ns;
      int64_t wanted = woken_ ? 1 : std::min(expected, crowd_ / kCrowdShare);
      count_ = static_cast<unsigned>(std::clamp<int64_t>(wanted, 1, kCountMax));
      window_start_ns_ = now_ns;
      ++window_;
      arrivals_ = 0;
      crowd_ = 0;
      woken_ = false;
    }
    return woken_ ? 1 : count_;
  }

 private:
  static constexpr int64_t kWindowNs = 1'000'000;
  static constexpr int64_t kCrowdShare = 6;
  static constexpr int64_t kCountMax = 8;

  int64_t limit_ns_;
  int64_t window_start_ns_ = 0;
  uint32_t window_ = 1;
  int64_t arrivals_ = 0;
  int64_t crowd_ = 0;  // connections among them
  unsigned count_ = 1;
  bool woken_ = false;
};

}  // namespace pollux
