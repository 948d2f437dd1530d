#include "dataplane/engine/latency_stats.h"

#include <algorithm>
#include <cmath>

namespace pollux {

CommandLatency::CommandLatency(const ControlPage& page, int row)
    : cycles_per_us_(page.tsc_per_us) {
  for (int core = 0; core < static_cast<int>(page.workers); ++core) {
    if (page.cores[core].per_command[row].calls.get() == 0) {
      continue;  // its histogram has no memory yet, and reading it would give it some
    }
    add(page.latencies(core)[row]);
  }
}

CommandLatency::CommandLatency(const LatencyHistogram& histogram) : cycles_per_us_(1) {
  add(histogram);
}

void CommandLatency::add(const LatencyHistogram& histogram) {
  for (size_t i = 0; i < counts_.size(); ++i) {
    const auto count = static_cast<uint64_t>(histogram.counts[i].get());
    counts_[i] += count;
    count_ += count;
  }
}

double CommandLatency::edge_us(size_t bucket) const {
  return static_cast<double>(Histogram::upper_edge(bucket)) / cycles_per_us_;
}

double CommandLatency::percentile_us(double percent) const {
  const double exact = std::ceil(static_cast<double>(count_) * percent / 100);
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(exact), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      return edge_us(i);
    }
  }
  return 0;
}

std::vector<std::pair<int64_t, int64_t>> CommandLatency::cumulative() const {
  // redis-server counts in nanoseconds, 1,024 to 2^30, and says the end of its bucket that begins
  // there: 1/128 more, from 32 us on to be seen in whole microseconds.
  constexpr int64_t kFirstNs = 1024;
  constexpr int64_t kLastNs = int64_t{1} << 30;
  std::vector<std::pair<int64_t, int64_t>> bounds;
  uint64_t seen = 0;
  size_t next = 0;
  for (int64_t ns = kFirstNs; seen < count_; ns = ns * 2) {
    const bool last = ns == kLastNs;
    const uint64_t before = seen;
    while (next < counts_.size() && (last || edge_us(next) * 1000 <= static_cast<double>(ns))) {
      seen += counts_[next++];
    }
    if (seen > before) {
      bounds.emplace_back((last ? ns : ns + ns / 128 - 1) / 1000, seen);
    }
  }
  return bounds;
}

}  // namespace pollux
