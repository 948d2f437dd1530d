// The latency monitor: for each kind of event the moments when it took longer than
// latency-monitor-threshold. One worker's, put together by a tour (merge). Off unless the threshold
// is set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pollux {

// In the order of kLatencyEventNames.
enum class LatencyEvent : uint8_t {
  kCommand,        // a command without the flag "fast"
  kFastCommand,    // one with it
  kExpireCycle,    // a slice of active expiry
  kEvictionCycle,  // a slice of eviction
  // Of the disk, which keeps nobody but by what waits for it. By redis-server's names:
  kAofWrite,  // any
  kAofWriteAlone,
  kAofWritePendingFsync,
  kAofWriteActiveChild,
  kAofFsyncAlways,
  kAofBacklog,  // writers waited, or were refused
};
inline constexpr std::string_view kLatencyEventNames[] = {
    "command",
    "fast-command",
    "expire-cycle",
    "eviction-cycle",
    "aof-write",
    "aof-write-alone",
    "aof-write-pending-fsync",
    "aof-write-active-child",
    "aof-fsync-always",
    "aof-backlog",
};
inline constexpr size_t kLatencyEvents = std::size(kLatencyEventNames);

// Any case.
std::optional<LatencyEvent> find_latency_event(std::string_view name);

struct LatencySample {
  int64_t unix_s = 0;
  int64_t ms = 0;
};

// Samples of one event, oldest first: one a second at most, the highest of it.
class LatencySeries {
 public:
  static constexpr size_t kSamplesMax = 160;

  void add(LatencySample sample);
  // Adds what another worker has seen of the same event.
  void merge(const LatencySeries& other);
  void clear();
  bool empty() const { return samples_.empty(); }
  const std::vector<LatencySample>& samples() const { return samples_; }
  int64_t all_time_ms() const { return all_time_ms_; }

 private:
  std::vector<LatencySample> samples_;
  int64_t all_time_ms_ = 0;
};

using LatencyEvents = std::array<LatencySeries, kLatencyEvents>;

}  // namespace pollux
