// A whole engine over in-memory transports, with everything it needs to stand: configuration,
// control page, clock, commands. The scheduler steps it on one thread, ThreadedEngine runs it.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/config.h"
#include "dataplane/engine/engine.h"
#include "dataplane/sim/memory_transport.h"
#include "src/abi/control_page.h"
#include "src/base/time.h"
#include "src/commands/command_table.h"
#include "storage/journal.h"

namespace pollux {

struct SimOptions {
  int workers = 3;
  uint64_t seed = 1;
  std::string config = {};        // lines of a configuration file
  size_t cells_per_channel = 4;   // few: pools that run dry are the interesting case
  Journal* journal = nullptr;     // not owned
  bool sleeps = false;            // workers with nothing to do sleep now and then, until woken
  bool loads = false;             // Engine::load_desk() is there, and to be finished
  bool saves = false;             // Engine::save_desk() is there, and to be served
  bool appends = false;           // Engine::aof_desk() is there, and to be served
};

class SimEngine {
 public:
  // `clock` is not owned.
  SimEngine(const SimOptions& options, MemoryTransport::Mode mode, Clock& clock);
  // Over other transports, one for each worker; transport() has none then.
  SimEngine(const SimOptions& options, std::vector<std::unique_ptr<Transport>> transports,
            Clock& clock);
  ~SimEngine();
  SimEngine(const SimEngine&) = delete;
  SimEngine& operator=(const SimEngine&) = delete;

  Engine& engine() { return *engine_; }
  ConfigStore& config() { return config_; }
  MemoryTransport& transport(int worker) { return *transports_[static_cast<size_t>(worker)]; }
  int workers() const { return engine_->worker_count(); }

  // The worker that owns `key`'s shard.
  int owner_of(std::string_view key) const;
  // "name0", "name1", ...: the first of these keys that lies on that worker's shard.
  std::string key_on(int worker, std::string_view name) const;

  // What is wrong with an engine on which nothing is under way and all clients are gone: sessions,
  // cells or chunks that did not come home. Empty if nothing is.
  std::string leaks();

 private:
  struct Unmap {
    size_t bytes;
    void operator()(ControlPage* page) const { munmap(page, bytes); }
  };

  void build(const SimOptions& options, std::vector<std::unique_ptr<Transport>> transports,
             Clock& clock);

  ConfigStore config_;
  std::unique_ptr<ControlPage, Unmap> page_{nullptr, Unmap{0}};
  std::vector<MemoryTransport*> transports_;  // owned by the workers
  std::unique_ptr<Engine> engine_;
};

// All commands of the process, built once.
CommandTable& sim_commands();

}  // namespace pollux
