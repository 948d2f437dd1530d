// What one worker notices about the commands of its sessions and its shard: the slow and the large
// ones (SLOWLOG, COMMANDLOG), latency events, hot keys. On the way of every command stand three
// compares and a decrement; the rest happens for the few that are remarkable.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/engine/command_log.h"
#include "dataplane/engine/config.h"
#include "dataplane/engine/hot_keys.h"
#include "dataplane/engine/latency_events.h"
#include "src/abi/control_page.h"
#include "src/base/types.h"
#include "src/commands/command.h"

namespace pollux {

class CommandWatch {
 public:
  // `next_ids`: the numbers of the process' log entries, one for each LogKind.
  using LogIds = std::array<std::atomic<uint64_t>, kLogKinds>;
  CommandWatch(LogIds& next_ids, uint64_t seed) : next_ids_(next_ids), hot_keys_(seed) {}

  // The thresholds of a new configuration version.
  void configure(const WatchConfig& config, double cycles_per_us);

  // True if note has something to do with such a command.
  bool remarkable(const CommandCost& cost) const {
    return cost.cycles >= cycles_min_ || cost.request_bytes >= request_bytes_min_ ||
           cost.reply_bytes >= reply_bytes_min_;
  }
  // Who sent it; views of the caller's.
  struct Client {
    std::string_view address;
    std::string_view name;
  };
  void note(const NotedCommand& command, const Client& client, Instant now);
  // From which size on requests are noted.
  size_t request_bytes_min() const { return request_bytes_min_; }
  // Something else that took `cycles`: kept if that is over the threshold.
  void note_event(LatencyEvent event, uint64_t cycles, Instant now);
  // What the disk has kept since the last call.
  void note_stalls(const DiskStalls& stalls);
  bool keeps_events() const { return event_cycles_min_ != UINT64_MAX; }

  HotKeys& hot_keys() { return hot_keys_; }
  CommandLog& log(LogKind kind) { return logs_[static_cast<size_t>(kind)]; }
  LatencyEvents& events() { return events_; }

 private:
  void add_to_log(LogKind kind, int64_t value, const NotedCommand& command, const Client& client,
                  Instant now);

  LogIds& next_ids_;
  uint64_t cycles_min_ = UINT64_MAX;  // the lower of the next two
  size_t request_bytes_min_ = SIZE_MAX;
  size_t reply_bytes_min_ = SIZE_MAX;
  uint64_t slow_cycles_min_ = UINT64_MAX;
  uint64_t event_cycles_min_ = UINT64_MAX;
  double cycles_per_us_ = 1;
  std::array<size_t, kLogKinds> entries_max_{};
  std::array<CommandLog, kLogKinds> logs_;
  LatencyEvents events_;
  int64_t stalls_seen_ = 0;
  HotKeys hot_keys_;
};

}  // namespace pollux
