#include "dataplane/engine/command_watch.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace pollux {

namespace {

// A write is told twice, as redis-server does it.
std::initializer_list<LatencyEvent> events_of(DiskEvent event) {
  static constexpr std::initializer_list<LatencyEvent> kWrite = {LatencyEvent::kAofWrite,
                                                                 LatencyEvent::kAofWriteAlone};
  static constexpr std::initializer_list<LatencyEvent> kWriteDuringSync = {
      LatencyEvent::kAofWrite, LatencyEvent::kAofWritePendingFsync};
  static constexpr std::initializer_list<LatencyEvent> kWriteDuringRewrite = {
      LatencyEvent::kAofWrite, LatencyEvent::kAofWriteActiveChild};
  static constexpr std::initializer_list<LatencyEvent> kSync = {LatencyEvent::kAofFsyncAlways};
  static constexpr std::initializer_list<LatencyEvent> kBacklog = {LatencyEvent::kAofBacklog};
  switch (event) {
    case DiskEvent::kWrite:
      return kWrite;
    case DiskEvent::kWriteDuringSync:
      return kWriteDuringSync;
    case DiskEvent::kWriteDuringRewrite:
      return kWriteDuringRewrite;
    case DiskEvent::kSync:
      return kSync;
    case DiskEvent::kBacklog:
      return kBacklog;
  }
  return {};
}

}  // namespace

void CommandWatch::configure(const WatchConfig& config, double cycles_per_us) {
  cycles_per_us_ = cycles_per_us;
  const auto cycles = [&](double us) {
    const double exact = std::ceil(us * cycles_per_us);
    return exact < 1e18 ? static_cast<uint64_t>(exact) : UINT64_MAX;
  };
  const auto bytes = [](int64_t min) { return min < 0 ? SIZE_MAX : static_cast<size_t>(min); };
  slow_cycles_min_ =
      config.slow_us_min < 0 ? UINT64_MAX : cycles(static_cast<double>(config.slow_us_min));
  event_cycles_min_ = config.latency_ms_min == 0
                          ? UINT64_MAX
                          : cycles(static_cast<double>(config.latency_ms_min) * 1000);
  cycles_min_ = std::min(slow_cycles_min_, event_cycles_min_);
  request_bytes_min_ = bytes(config.request_bytes_min);
  reply_bytes_min_ = bytes(config.reply_bytes_min);
  entries_max_ = {static_cast<size_t>(config.slow_entries_max),
                  static_cast<size_t>(config.large_request_entries_max),
                  static_cast<size_t>(config.large_reply_entries_max)};
}

void CommandWatch::note(const NotedCommand& command, const Client& client, Instant now) {
  const CommandCost& cost = command.cost;
  const uint32_t flags = command.row->flags;
  note_event((flags & kFast) != 0 ? LatencyEvent::kFastCommand : LatencyEvent::kCommand,
             cost.cycles, now);
  if ((flags & kSkipSlowlog) != 0) {
    return;
  }
  if (cost.cycles >= slow_cycles_min_) {
    const double us = static_cast<double>(cost.cycles) / cycles_per_us_;
    add_to_log(LogKind::kSlow, static_cast<int64_t>(us), command, client, now);
  }
  if (cost.request_bytes >= request_bytes_min_) {
    add_to_log(LogKind::kLargeRequest, static_cast<int64_t>(cost.request_bytes), command, client,
               now);
  }
  if (cost.reply_bytes >= reply_bytes_min_) {
    add_to_log(LogKind::kLargeReply, static_cast<int64_t>(cost.reply_bytes), command, client, now);
  }
}

void CommandWatch::note_event(LatencyEvent event, uint64_t cycles, Instant now) {
  if (cycles >= event_cycles_min_) {
    const double ms = static_cast<double>(cycles) / cycles_per_us_ / 1000;
    events_[static_cast<size_t>(event)].add({now.ms() / 1000, static_cast<int64_t>(ms)});
  }
}

void CommandWatch::note_stalls(const DiskStalls& stalls) {
  const int64_t count = stalls.count.observe();
  int64_t next = std::max(stalls_seen_, count - DiskStalls::kKept);
  stalls_seen_ = count;
  for (; next < count; ++next) {
    const DiskStalls::Stall& stall = stalls.last[next % DiskStalls::kKept];
    const int64_t us = stall.us.get();
    if (static_cast<double>(us) * cycles_per_us_ < static_cast<double>(event_cycles_min_)) {
      continue;
    }
    for (const LatencyEvent event : events_of(static_cast<DiskEvent>(stall.event.get()))) {
      events_[static_cast<size_t>(event)].add({stall.ended_s.get(), us / 1000});
    }
  }
}

void CommandWatch::add_to_log(LogKind kind, int64_t value, const NotedCommand& command,
                              const Client& client, Instant now) {
  const auto which = static_cast<size_t>(kind);
  LogEntry entry;
  // relaxed: a number of its own is all that is asked of it.
  entry.id = next_ids_[which].fetch_add(1, std::memory_order_relaxed);
  entry.unix_s = now.ms() / 1000;
  entry.value = value;
  entry.args = command.args;
  entry.address = client.address;
  entry.client_name = client.name;
  logs_[which].add(std::move(entry), entries_max_[which]);
}

}  // namespace pollux
