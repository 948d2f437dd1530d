// When requests are due in an open loop: a schedule that the server's answers have no say in. One
// per thread; threads share the rate. The backlog needs no queue: what is due and not sent yet is
// what stands in the schedule between next_ns() and now.
#pragma once

#include <cmath>
#include <cstdint>

#include "src/base/rng.h"

namespace pollux {

enum class Arrivals : uint8_t {
  kFixed,    // evenly spaced; threads take turns
  kPoisson,  // independent of each other, as those of many users are
};

class Pacer {
 public:
  // `rate_per_s` > 0 is the thread's own part of the rate.
  Pacer(Arrivals arrivals, double rate_per_s, int64_t begin_ns, unsigned thread, unsigned threads,
        uint64_t seed)
      : arrivals_(arrivals), interval_ns_(1e9 / rate_per_s), rng_(seed) {
    const double first = arrivals == Arrivals::kFixed
                             ? interval_ns_ * static_cast<double>(thread) / threads
                             : gap_ns();
    origin_ns_ = begin_ns;
    offset_ns_ = first;
    first_ns_ = first;
  }

  // When the next request is due.
  int64_t next_ns() const { return origin_ns_ + static_cast<int64_t>(offset_ns_); }
  void advance() {
    ++passed_;
    if (arrivals_ == Arrivals::kFixed) {
      // Not by adding up, which would add up what was rounded.
      offset_ns_ = first_ns_ + interval_ns_ * static_cast<double>(passed_);
    } else {
      offset_ns_ += gap_ns();
    }
  }
  // How many are due and were not taken: what a fixed schedule has, and a Poisson process on
  // average, so next_ns() says of each whether it is. At least 1 if one is.
  uint64_t due(int64_t now_ns) const {
    const int64_t late_ns = now_ns - next_ns();
    return late_ns < 0 ? 0 : 1 + static_cast<uint64_t>(static_cast<double>(late_ns) / interval_ns_);
  }

 private:
  double gap_ns() { return -std::log1p(-rng_.unit()) * interval_ns_; }

  Arrivals arrivals_;
  double interval_ns_;
  Rng rng_;
  int64_t origin_ns_ = 0;
  double first_ns_ = 0;
  double offset_ns_ = 0;  // from origin; 53 bits are nanoseconds of a hundred days
  uint64_t passed_ = 0;
};

}  // namespace pollux
