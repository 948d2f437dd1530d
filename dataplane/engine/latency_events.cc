#include "dataplane/engine/latency_events.h"

#include <algorithm>

#include "src/commands/args.h"

namespace pollux {

std::optional<LatencyEvent> find_latency_event(std::string_view name) {
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    if (is_word(name, kLatencyEventNames[i])) {
      return static_cast<LatencyEvent>(i);
    }
  }
  return std::nullopt;
}

void LatencySeries::add(LatencySample sample) {
  all_time_ms_ = std::max(all_time_ms_, sample.ms);
  if (!samples_.empty() && samples_.back().unix_s == sample.unix_s) {
    samples_.back().ms = std::max(samples_.back().ms, sample.ms);
    return;
  }
  if (samples_.size() == kSamplesMax) {
    samples_.erase(samples_.begin());
  }
  samples_.push_back(sample);
}

void LatencySeries::merge(const LatencySeries& other) {
  std::vector<LatencySample> both = samples_;
  both.insert(both.end(), other.samples_.begin(), other.samples_.end());
  std::stable_sort(both.begin(), both.end(), [](const LatencySample& a, const LatencySample& b) {
    return a.unix_s < b.unix_s;
  });
  samples_.clear();
  for (const LatencySample& sample : both) {
    add(sample);
  }
  all_time_ms_ = std::max(all_time_ms_, other.all_time_ms_);
}

void LatencySeries::clear() {
  samples_.clear();
  all_time_ms_ = 0;
}

}  // namespace pollux
