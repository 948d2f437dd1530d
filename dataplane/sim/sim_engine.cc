#include "dataplane/sim/sim_engine.h"

#include <new>

#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/commands/families.h"
#include "src/data/keyspace.h"

namespace pollux {

namespace {

constexpr size_t kPageAlign = 64;

}  // namespace

CommandTable& sim_commands() {
  static CommandTable* table = [] {
    auto* made = new CommandTable;
    add_command_families(*made);
    add_engine_families(*made);
    return made;
  }();
  return *table;
}

SimEngine::SimEngine(const SimOptions& options, MemoryTransport::Mode mode, Clock& clock) {
  std::vector<std::unique_ptr<Transport>> transports;
  for (int i = 0; i < options.workers; ++i) {
    auto transport = std::make_unique<MemoryTransport>(
        options.seed * 1000003 + static_cast<uint64_t>(i), mode);
    transport->set_client_host("127.0.0." + std::to_string(1 + i));  // so addresses are unique
    transports_.push_back(transport.get());
    transports.push_back(std::move(transport));
  }
  build(options, std::move(transports), clock);
}

SimEngine::SimEngine(const SimOptions& options, std::vector<std::unique_ptr<Transport>> transports,
                     Clock& clock) {
  build(options, std::move(transports), clock);
}

void SimEngine::build(const SimOptions& options,
                      std::vector<std::unique_ptr<Transport>> transports, Clock& clock) {
  ConfigProblem problem;
  const bool understood = config_.load(options.config, problem);
  POLLUX_ASSERT(understood);
  config_.expect_readers(options.workers);
  const size_t bytes =
      (ControlPage::size_for(options.workers) + kPageAlign - 1) / kPageAlign * kPageAlign;
  // As dataplane/server does: zeroed pages that take memory when they are touched.
  void* page = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  POLLUX_ASSERT(page != MAP_FAILED);
  page_ = {static_cast<ControlPage*>(page), Unmap{bytes}};
  page_->magic = kControlPageMagic;
  page_->version = kControlPageVersion;
  page_->bytes = static_cast<uint32_t>(bytes);
  page_->workers = static_cast<uint32_t>(options.workers);
  page_->started_ms = clock.now().ms();
  page_->tsc_per_us = tsc_per_us();
  config_.change([&options](Config& config) { config.append_only = options.journal != nullptr; });
  engine_ = std::make_unique<Engine>(EngineParts{.workers = options.workers,
                                                 .seed = options.seed,
                                                 .commands = &sim_commands(),
                                                 .config = &config_,
                                                 .page = page_.get(),
                                                 .clock = &clock,
                                                 .journal = options.journal,
                                                 .loads = options.loads,
                                                 .saves = options.saves,
                                                 .appends = options.appends,
                                                 .cells_per_channel = options.cells_per_channel},
                                     std::move(transports));
}

SimEngine::~SimEngine() = default;

int SimEngine::owner_of(std::string_view key) const {
  return shard_of_slot(key_slot(key), static_cast<size_t>(workers())).value;
}

std::string SimEngine::key_on(int worker, std::string_view name) const {
  for (int i = 0;; ++i) {
    std::string key = std::string(name) + std::to_string(i);
    if (owner_of(key) == worker) {
      return key;
    }
  }
}

std::string SimEngine::leaks() {
  std::string found;
  const auto report = [&found](const std::string& what, int64_t amount) {
    if (amount != 0) {
      found += what + ": " + std::to_string(amount) + "; ";
    }
  };
  int64_t listening = 0;
  report("clients", engine_->clients().load(std::memory_order_relaxed));
  for (int i = 0; i < workers(); ++i) {
    Worker& worker = engine_->worker(i);
    const std::string name = "worker " + std::to_string(i);
    int64_t sessions = 0;
    worker.for_each_session([&sessions](Session&) { ++sessions; });
    report(name + " sessions", sessions);
    report(name + " chunk bytes", worker.chunk_bytes());
    report(name + " transaction bytes", worker.transaction_bytes());
    listening += worker.listening_bytes();
    report(name + " watchers", static_cast<int64_t>(worker.side().watches().watchers()));
    report(name + " waiters", static_cast<int64_t>(worker.waiters_in_use()));
    report(name + " waiting bytes", worker.waiting_bytes());
    report(name + " records of waiters",
           static_cast<int64_t>(engine_->side(worker.shard().id()).waits().records()));
    for (int j = 0; j < workers(); ++j) {
      if (i != j) {
        const Channel& channel = engine_->channel(WorkerId{static_cast<uint16_t>(i)},
                                                  WorkerId{static_cast<uint16_t>(j)});
        report(name + " cells to " + std::to_string(j), static_cast<int64_t>(channel.cells_out()));
      }
    }
  }
  report("bytes of subscriptions", listening);
  return found;
}

}  // namespace pollux
