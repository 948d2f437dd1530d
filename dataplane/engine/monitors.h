// MONITOR: which workers have clients that see every command, and the line that they see. A worker
// that runs a command looks at one word; if it isn't 0 it pushes a line to each of those workers,
// right behind the command: so lines stand in the order of execution of each key's commands and of
// each client's.
//
// Monitors: any worker. A MONITOR begins under a lease on all shards, so every command that a shard
// runs later is seen, except one that was already on its way to another worker when it began.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/types.h"
#include "src/commands/command.h"

namespace pollux {

class Monitors {
 public:
  // relaxed, all of it: a worker that runs a shard's command sees a MONITOR that had the shard
  // before, by the release of its lease.
  bool any() const { return clients_.load(std::memory_order_relaxed) != 0; }
  bool on(int worker) const {
    return by_worker_[static_cast<size_t>(worker)].load(std::memory_order_relaxed) != 0;
  }
  void change(WorkerId worker, int32_t by) {
    clients_.fetch_add(by, std::memory_order_relaxed);
    by_worker_[worker.value].fetch_add(by, std::memory_order_relaxed);
  }

 private:
  std::atomic<int32_t> clients_{0};
  std::array<std::atomic<int32_t>, kWorkersMax> by_worker_{};
};

// "+seconds.micros [db address] "NAME" "arg"...\r\n", secrets left out.
std::string monitor_line(const CommandRow& row, Args args, Instant now, int db,
                         std::string_view address);

}  // namespace pollux
