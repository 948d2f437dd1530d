#include "dataplane/engine/latency_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

namespace pollux {

namespace {

constexpr size_t kColumns = 80;
constexpr size_t kRows = 4;
constexpr std::string_view kSteps = "_o#";  // a column's top, from low to high within its row
constexpr char kFilling = '|';

std::string age_text(int64_t seconds) {
  if (seconds < 60) {
    return std::to_string(seconds) + "s";
  }
  if (seconds < 3600) {
    return std::to_string(seconds / 60) + "m";
  }
  return seconds < 86400 ? std::to_string(seconds / 3600) + "h"
                         : std::to_string(seconds / 86400) + "d";
}

// Rows from top to bottom, then a blank one, then the ages, written downwards.
void draw(std::span<const LatencySample> samples, int64_t low, int64_t high, int64_t now_s,
          std::string& out) {
  const auto range = static_cast<double>(high == low ? 1 : high - low);
  const size_t steps = kRows * kSteps.size();
  std::vector<std::string> ages;
  size_t longest = 0;
  for (const LatencySample& sample : samples) {
    ages.push_back(age_text(now_s - sample.unix_s));
    longest = std::max(longest, ages.back().size());
  }
  for (size_t row = 0; row < kRows; ++row) {
    const size_t floor = (kRows - row - 1) * kSteps.size();
    for (const LatencySample& sample : samples) {
      const double part = static_cast<double>(sample.ms - low) * static_cast<double>(steps) / range;
      const size_t step = std::min(static_cast<size_t>(part), steps - 1);
      out += step < floor ? ' ' : step - floor < kSteps.size() ? kSteps[step - floor] : kFilling;
    }
    out += '\n';
  }
  out += std::string(samples.size(), ' ') + '\n';
  for (size_t row = 0; row < longest; ++row) {
    for (const std::string& age : ages) {
      out += row < age.size() ? age[row] : ' ';
    }
    out += '\n';
  }
}

struct Summary {
  double average = 0;
  double deviation = 0;  // mean absolute
  double period_s = 0;   // between samples
};

Summary summary_of(const LatencySeries& series) {
  const std::vector<LatencySample>& samples = series.samples();
  const auto count = static_cast<double>(samples.size());
  Summary summary;
  for (const LatencySample& sample : samples) {
    summary.average += static_cast<double>(sample.ms) / count;
  }
  for (const LatencySample& sample : samples) {
    summary.deviation += std::fabs(static_cast<double>(sample.ms) - summary.average) / count;
  }
  summary.period_s =
      static_cast<double>(samples.back().unix_s - samples.front().unix_s) / count;
  return summary;
}

std::string advice_for(LatencyEvent event, const WatchConfig& config) {
  switch (event) {
    case LatencyEvent::kCommand:
    case LatencyEvent::kFastCommand: {
      std::string text =
          "SLOWLOG GET shows which commands they were. Commands that walk a whole database or a "
          "big value (KEYS, big ranges) are better asked in pieces (SCAN, bounded ranges).";
      if (config.slow_us_min < 0 || config.slow_us_min > config.latency_ms_min * 1000) {
        text += " The slow log has a higher threshold than the latency monitor: CONFIG SET "
                "slowlog-log-slower-than " +
                std::to_string(config.latency_ms_min * 1000) + " makes it show all of them.";
      }
      return text;
    }
    case LatencyEvent::kExpireCycle:
      return "Many keys expire in the same moment. A random part in their TTLs spreads the work.";
    case LatencyEvent::kEvictionCycle:
      return "Eviction frees big values or a lot of memory at once. Raise maxmemory, or split the "
             "values.";
    case LatencyEvent::kAofWrite:
    case LatencyEvent::kAofWriteAlone:
    case LatencyEvent::kAofWritePendingFsync:
    case LatencyEvent::kAofWriteActiveChild:
    case LatencyEvent::kAofFsyncAlways:
      return "The disk of the append-only file is slow (option dir). With appendfsync always each "
             "reply that shows a change waits for it; with everysec nobody does, until the backlog "
             "is full. See what else writes to this disk (iostat), or give dir a disk of its own.";
    case LatencyEvent::kAofBacklog:
      return "Commands that write waited, or were refused (aof-backlog), because the disk did not "
             "keep up. A larger aof-backlog-max takes up longer stalls, a faster disk ends them.";
  }
  return {};
}

}  // namespace

std::string latency_graph(std::string_view event, const LatencySeries& series, int64_t now_s) {
  std::span<const LatencySample> samples = series.samples();
  samples = samples.last(std::min(samples.size(), kColumns));
  int64_t low = samples.front().ms;
  int64_t high = low;
  for (const LatencySample& sample : samples) {
    low = std::min(low, sample.ms);
    high = std::max(high, sample.ms);
  }
  std::string out = std::string(event) + " - high " + std::to_string(high) + " ms, low " +
                    std::to_string(low) + " ms (all time high " +
                    std::to_string(series.all_time_ms()) + " ms)\n";
  out += std::string(kColumns, '-') + '\n';
  draw(samples, low, high, now_s, out);
  return out;
}

std::string latency_advice(const LatencyEvents& events, const WatchConfig& config) {
  std::string out;
  std::string advice;
  int number = 0;
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    const LatencySeries& series = events[i];
    if (series.empty()) {
      continue;
    }
    const Summary summary = summary_of(series);
    char line[256];
    std::snprintf(line, sizeof line,
                  "%d. %s: %zu latency spikes (average %.0fms, mean deviation %.0fms, period %.2f "
                  "sec). Worst all time event %lldms.\n",
                  ++number, std::string(kLatencyEventNames[i]).c_str(), series.samples().size(),
                  summary.average, summary.deviation, summary.period_s,
                  static_cast<long long>(series.all_time_ms()));
    out += line;
    const std::string text = advice_for(static_cast<LatencyEvent>(i), config);
    if (advice.find(text) == std::string::npos) {
      advice += "- " + text + "\n";
    }
  }
  if (number > 0) {
    return "Latency spikes were observed:\n\n" + out + "\nWhat to do:\n\n" + advice;
  }
  if (config.latency_ms_min == 0) {
    return "The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> turns "
           "it on: from then on whatever takes longer is kept and shown here.\n";
  }
  return "No latency spike was observed: nothing has taken " +
         std::to_string(config.latency_ms_min) + " ms or longer.\n";
}

}  // namespace pollux
