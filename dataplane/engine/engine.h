// The process' data plane as one object: the workers, their shards, the rings between them, the
// leases. Built by dataplane/server (threads) or by the seeded scheduler of dataplane/sim (one
// thread). Nothing here is on the data path; workers reach what they share through it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/engine/aof_desk.h"
#include "dataplane/engine/command_watch.h"
#include "dataplane/engine/config.h"
#include "dataplane/engine/end_under_way.h"
#include "dataplane/engine/errands.h"
#include "dataplane/engine/lease.h"
#include "dataplane/engine/load_desk.h"
#include "dataplane/engine/mailbox.h"
#include "dataplane/engine/monitors.h"
#include "dataplane/engine/save_desk.h"
#include "dataplane/engine/shard_side.h"
#include "dataplane/engine/transport.h"
#include "src/abi/control_page.h"
#include "src/base/page_warmer.h"
#include "src/base/time.h"
#include "src/commands/command_table.h"
#include "src/data/shard_store.h"
#include "storage/journal.h"

namespace pollux {

class ConfigStore;
class Worker;

struct EngineParts {
  int workers = 1;
  uint64_t seed = 1;                 // of everything random below
  CommandTable* commands = nullptr;  // not owned, like the rest
  ConfigStore* config = nullptr;
  ControlPage* page = nullptr;
  Clock* clock = nullptr;
  PageWarmer* warmer = nullptr;      // null: shards touch their memory themselves
  Journal* journal = nullptr;        // null: no tickets are drawn
  Errands* errands = nullptr;        // null: errands run in place
  bool loads = false;                // load_desk's batches come from the start on, until finish
  bool saves = false;                // somebody takes save_desk's orders
  bool appends = false;              // somebody takes what aof_desk has, and reads the journal
  size_t cells_per_channel = 0;      // 0: by the number of workers; tests starve the pools
};

class Engine {
 public:
  // transports: one per worker, owned by the workers from then on.
  Engine(const EngineParts& parts, std::vector<std::unique_ptr<Transport>> transports);
  ~Engine();

  // Of those that keys lie in; null: in none.
  const HugePages* huge_pages() const {
    return parts_.warmer == nullptr ? nullptr : parts_.warmer->huge_pages();
  }
  int worker_count() const { return static_cast<int>(workers_.size()); }
  Worker& worker(int index) { return *workers_[static_cast<size_t>(index)]; }
  std::span<ShardStore* const> shards() const { return shard_pointers_; }
  // What listens to a shard's changes; goes with the hold.
  ShardSide& side(ShardId shard) { return *sides_[shard.value]; }
  Channel& channel(WorkerId from, WorkerId to) {
    return *channels_[from.value * workers_.size() + to.value];
  }
  LeaseRing& leases() { return leases_; }
  Monitors& monitors() { return monitors_; }
  CommandTable& commands() { return *parts_.commands; }
  ConfigStore& config() { return *parts_.config; }
  ControlPage& page() { return *parts_.page; }
  CoreBlock& core(int index) { return parts_.page->cores[index]; }
  // Of a counter, over all cores.
  int64_t sum(Counter CoreBlock::*counter) {
    int64_t total = 0;
    for (int i = 0; i < worker_count(); ++i) {
      total += (core(i).*counter).get();
    }
    return total;
  }
  Clock& clock() { return *parts_.clock; }
  Journal* journal() { return parts_.journal; }
  Errands* errands() { return parts_.errands; }
  LoadDesk& load_desk() { return *load_desk_; }
  // Null if nobody saves.
  SaveDesk* save_desk() { return save_desk_.get(); }
  // Null if nobody can keep a history.
  AofDesk* aof_desk() { return aof_desk_.get(); }
  // More of the history is on disk, or the journal has room again. Any thread, behind that.
  void disk_moved();

  // What records of watches (Watching::id) and waits (Waiter::id) on shards are known by; never 0,
  // never used again.
  uint64_t next_record_id() { return next_record_id_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t next_session_id() { return next_session_id_.fetch_add(1, std::memory_order_relaxed); }
  std::atomic<int64_t>& clients() { return clients_; }
  CommandWatch::LogIds& log_ids() { return log_ids_; }

  // Asks every worker to end: no new connections, replies under way are sent (at most
  // `grace_ms`), then the loops return. Any thread, any number of times.
  void stop(int64_t grace_ms);
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  int64_t grace_ms() const { return grace_ms_.load(std::memory_order_relaxed); }
  // SHUTDOWN, as SIGINT (`interrupt`) or SIGTERM asks for it. Any thread.
  void ask_shutdown(bool interrupt);
  bool shutdown_is_interrupt() const { return interrupted_.load(std::memory_order_relaxed); }
  // It is not begun while another end is under way: should that one not come, this one does.
  bool shutdown_waits(WorkerId worker, const Config& config) const;
  SignalsServed& signals() { return signals_; }
  // Of SHUTDOWN.
  EndUnderWay& end() { return end_; }
  bool shutting_down() const { return end_.is_any(); }
  // Also of one that a signal has asked for and that has not begun. Whoever brings it about has to
  // look at once. False if there is none.
  bool abort_shutdown();
  // The server goes on; nothing, if that end is another's by now.
  void end_shutdown(uint64_t number);
  // What else must happen when SHUTDOWN asks for the end (main waits for it); set before start.
  void set_stop_listener(std::function<void()> listener) { stop_listener_ = std::move(listener); }

  // A worker has closed its sessions; it serves the others until all have done so.
  void worker_done() { done_.fetch_add(1, std::memory_order_acq_rel); }
  bool all_done() const { return done_.load(std::memory_order_acquire) >= worker_count(); }
  // Behind that: its transport is at rest. It goes on till all are, since frames of one may come
  // to another.
  void worker_rested() { rested_.fetch_add(1, std::memory_order_acq_rel); }
  bool all_rested() const { return rested_.load(std::memory_order_acquire) >= worker_count(); }

 private:
  EngineParts parts_;
  std::vector<std::unique_ptr<ShardStore>> shards_;
  std::vector<ShardStore*> shard_pointers_;
  std::vector<std::unique_ptr<ShardSide>> sides_;
  std::vector<std::unique_ptr<Channel>> channels_;
  LeaseRing leases_;
  Monitors monitors_;
  std::unique_ptr<LoadDesk> load_desk_;
  std::unique_ptr<SaveDesk> save_desk_;
  std::unique_ptr<AofDesk> aof_desk_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<uint64_t> next_session_id_{1};
  std::atomic<uint64_t> next_record_id_{1};
  std::atomic<int64_t> clients_{0};
  CommandWatch::LogIds log_ids_{};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> interrupted_{false};
  SignalsServed signals_;
  EndUnderWay end_;
  std::atomic<int> done_{0};
  std::atomic<int> rested_{0};
  std::atomic<int64_t> grace_ms_{0};
  std::function<void()> stop_listener_;
};

}  // namespace pollux
