// The histograms of commands (control page) read for INFO latencystats and LATENCY HISTOGRAM: over
// all cores, from cycles to microseconds. For any thread; what is read is not all of one moment.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "src/abi/control_page.h"

namespace pollux {

class CommandLatency {
 public:
  // Of the command with this row number.
  CommandLatency(const ControlPage& page, int row);
  // Of something else, counted in microseconds.
  explicit CommandLatency(const LatencyHistogram& histogram);

  uint64_t count() const { return count_; }
  // 0 to 100; in microseconds.
  double percentile_us(double percent) const;
  // How many runs took no longer than a bound: (bound in microseconds, runs), bounds doubling,
  // those left out at which nothing is added. Bounds are redis-server's: 1, 2, 4, 8, 16, 33, 66,
  // ...
  std::vector<std::pair<int64_t, int64_t>> cumulative() const;

 private:
  double edge_us(size_t bucket) const;
  void add(const LatencyHistogram& histogram);

  double cycles_per_us_;
  uint64_t count_ = 0;
  std::vector<uint64_t> counts_ = std::vector<uint64_t>(LatencyHistogram::kBuckets);
};

}  // namespace pollux
