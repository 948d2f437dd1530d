// What a phase of load has come to: counted by each thread for itself, added up behind it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "src/base/histogram.h"

namespace pollux {

// Durations in nanoseconds, with their exact mean beside the histogram.
struct Durations {
  FineHistogram histogram;
  double sum_ns = 0;

  void record(int64_t ns) {
    const int64_t known = std::max<int64_t>(ns, 0);
    histogram.record(static_cast<uint64_t>(known));
    sum_ns += static_cast<double>(known);
  }
  void merge(const Durations& other) {
    histogram.merge(other.histogram);
    sum_ns += other.sum_ns;
  }
  uint64_t count() const { return histogram.count(); }
  double mean_ns() const { return count() == 0 ? 0 : sum_ns / static_cast<double>(count()); }
};

// Of one kind of request.
struct KindTally {
  Durations latency;    // those that were answered
  // Answered by an error (or with one inside); of the warm-up, too: it is news whenever it comes.
  uint64_t errors = 0;
  uint64_t nulls = 0;   // answered by null: misses of GET
};

// "Requests" are those that were due (open loop) or sent (closed loop) within the measured window:
// from the end of the warm-up to the end of the load. Each is in exactly one of: the latency of its
// kind, lost, unanswered, unsent.
struct Tally {
  std::vector<KindTally> kinds;
  // The two parts of the latency of an open loop: from due to sent, from sent to answered. The
  // second alone is what a generator would report that waits for answers before it sends.
  Durations late;
  Durations service;
  // Requests without an answer at the end of the drain, and due ones that were never sent: how long
  // they had waited by then, which is a lower bound.
  Durations unanswered;
  Durations unsent;
  uint64_t lost = 0;                // their connection broke
  uint64_t answered_in_window = 0;  // of what was sent at any time: the throughput
  uint64_t answered = 0;            // of all the phase, with its warm-up and its drain
  // Of the window, all threads together: how long there was something to do, of how long.
  int64_t busy_ns = 0;
  int64_t looked_ns = 0;
  uint64_t bytes_out = 0;
  uint64_t bytes_in = 0;
  uint64_t pushes = 0;
  uint64_t ends = 0;  // connections that broke
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  std::string first_error;
  std::string first_end;
  std::string fatal;  // why the phase was given up; empty: it was not

  // Of all kinds and fates but lost: what a user of the service has seen.
  Durations all() const {
    Durations sum = unanswered;
    sum.merge(unsent);
    for (const KindTally& kind : kinds) {
      sum.merge(kind.latency);
    }
    return sum;
  }
  // All of them.
  uint64_t due() const {
    uint64_t sum = unanswered.count() + unsent.count() + lost;
    for (const KindTally& kind : kinds) {
      sum += kind.latency.count();
    }
    return sum;
  }
  double seconds() const { return static_cast<double>(end_ns - begin_ns) / 1e9; }
  double achieved_per_s() const {
    return end_ns > begin_ns ? static_cast<double>(answered_in_window) / seconds() : 0;
  }
  // Of the generator. Near 100 it is the generator that is measured.
  double busy_percent() const {
    return looked_ns > 0 ? 100 * static_cast<double>(busy_ns) / static_cast<double>(looked_ns) : 0;
  }
  uint64_t errors() const {
    uint64_t sum = 0;
    for (const KindTally& kind : kinds) {
      sum += kind.errors;
    }
    return sum;
  }

  // Both are of the same kinds.
  void merge(const Tally& other);
};

}  // namespace pollux
