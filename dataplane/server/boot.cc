#include "dataplane/server/boot.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <thread>

#include "dataplane/dpdk/eal.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/version.h"
#include "dataplane/engine/worker.h"
#include "dataplane/kernel/listener.h"
#include "dataplane/kernel/uring_transport.h"
#include "dataplane/server/admin_thread.h"
#include "dataplane/server/aof_thread.h"
#include "dataplane/server/control_page_map.h"
#include "dataplane/server/daemon.h"
#include "dataplane/server/load_thread.h"
#include "dataplane/server/memory_boot.h"
#include "dataplane/server/network_boot.h"
#include "dataplane/server/network_watch.h"
#include "dataplane/server/save_thread.h"
#include "dataplane/server/signals.h"
#include "dataplane/server/thread.h"
#include "src/base/arena.h"
#include "src/base/assert.h"
#include "src/base/cpu.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/commands/families.h"

namespace pollux {

namespace {

// Descriptors beside those of clients: per worker a ring, its buffers, a listener per address, an
// event; and the process' own.
constexpr size_t kFilesReserved = 64;
constexpr size_t kFilesPerWorker = 8;
// How often, and how long apart, a taken address is tried at the start: half a second in all.
constexpr int kAddressTries = 25;
constexpr std::chrono::milliseconds kAddressPause{20};
// Whoever insists waits so long at most until files are removed.
constexpr unsigned kRemoveUsMax = 200'000;

// A failure of the start: to the log, and to the terminal if the log is elsewhere.
bool fail(const Config& config, const std::string& sentence) {
  log_line(LogLevel::kWarning, "%s", sentence.c_str());
  if (!config.log_file.empty()) {
    std::fprintf(stderr, "pollux-server: %s\n", sentence.c_str());
  }
  return false;
}

// Sets an option as if it stood last in the configuration.
void override_option(ConfigStore& store, const std::string& line) {
  ConfigProblem problem;
  const bool good = store.load(line, problem);
  POLLUX_ASSERT(good);
}

std::string random_hex(size_t digits) {
  std::string text;
  while (text.size() < digits) {
    char word[17];
    std::snprintf(word, sizeof word, "%016llx", static_cast<unsigned long long>(entropy64()));
    text += word;
  }
  return text.substr(0, digits);
}

std::string absolute_path(const std::string& path) {
  char absolute[PATH_MAX];
  return !path.empty() && realpath(path.c_str(), absolute) != nullptr ? absolute : path;
}

// Empty once the addresses are free. The kernel undoes the rings of a process that was killed some
// milliseconds after its end, and a restart must not fail by that.
std::string wait_for_addresses(const UringOptions& options) {
  std::string taken = check_addresses_free(options);
  for (int tries = kAddressTries; !taken.empty() && tries > 0; --tries) {
    std::this_thread::sleep_for(kAddressPause);
    taken = check_addresses_free(options);
  }
  return taken;
}

class Boot {
 public:
  Boot(const CommandLine& line, ConfigStore& store) : line_(line), store_(store) {}

  int run() {
    if (!prepare() || !build() || !start_threads()) {
      remove_files();
      return 1;
    }
    wait_for_end();
    if (network_ != nullptr) {
      network_->stop();
    }
    remove_files();
    if (load_failed_) {
      return 1;
    }
    log_line(LogLevel::kNotice, "Pollux is now ready to exit, bye bye...");
    return 0;
  }

 private:
  // Until threads run. From then on the main thread, which is no reader of the store, goes by
  // settled_: workers may free any version under its eyes.
  const Config& config() const { return *store_.current(); }

  bool prepare();
  bool enter_background();
  void choose_workers();
  void fit_clients();
  void look_for_file();
  void warn();
  bool build();
  bool rename_commands();
  bool make_transports(std::vector<std::unique_ptr<Transport>>& transports);
  bool fail_thread(int error);
  bool prepare_load();
  bool prepare_save();
  bool start_threads();
  bool may_run();
  void tell_ready();
  void look_at_load();
  void join_threads();
  void work(int index);
  void wait_for_end();
  void take_signal();
  [[noreturn]] void end_at_once();
  void remove_files();
  bool make_network();
  bool choose_memory();
  UringOptions transport_options() const;

  const CommandLine& line_;
  ConfigStore& store_;
  std::string config_file_;  // absolute: the directory changes later
  Config settled_;  // as at the start; for options that can't be changed later
  int workers_ = 1;
  std::vector<int> cpus_;
  Signals signals_;
  std::unique_ptr<CrashStack> crash_stack_;  // the main thread's
  ControlPageMap page_map_;
  std::unique_ptr<dpdk::Network> network_;  // transport dpdk; outlives the engine, who uses it
  std::unique_ptr<NetworkWatch> network_watch_;  // beside it
  CommandTable commands_;
  SystemClock clock_;
  HugePages huge_pages_;
  PageWarmer warmer_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<AdminThread> admin_;  // after the engine, whose workers its errands go home to
  // Threads that the workers may wake.
  std::unique_ptr<RdbThread> rdb_;
  std::unique_ptr<AofThread> aof_;
  LoadThread* load_ = nullptr;      // of these, the one that loads; null if nothing is loaded
  std::array<LoadThread*, 2> load_threads() const { return {rdb_.get(), aof_.get()}; }
  std::unique_ptr<SaveThread> save_;
  bool load_over_ = false;
  bool load_failed_ = false;
  UniqueFd unix_listener_;
  std::deque<Thread> threads_;  // which stay where they are
  Thread warmer_thread_;
  enum class Gate : unsigned char { kClosed, kOpen, kGiveUp };
  std::atomic<Gate> gate_{Gate::kClosed};  // before the first turn of the workers
  std::atomic<int> running_{0};
  bool pid_file_written_ = false;
};

// Everything that needs no thread: what can fail fails here, before the parent of a daemon ends.
bool Boot::prepare() {
  const std::vector<std::string> reasons = refusals(config());
  for (const std::string& reason : reasons) {
    std::fprintf(stderr, "pollux-server: %s\n", reason.c_str());
  }
  if (!reasons.empty()) {
    return false;
  }
  log_set_level(config().log_level);
  if (!log_open(config().log_file)) {
    std::fprintf(stderr, "pollux-server: can't open the log file %s: %s\n",
                 config().log_file.c_str(), std::strerror(errno));
    return false;
  }
  config_file_ = absolute_path(line_.config_path);
  if (chdir(config().dir.c_str()) != 0) {
    return fail(config(),
                "can't change to the directory " + config().dir + ": " + std::strerror(errno));
  }
  choose_workers();
  fit_clients();
  const std::string taken = wait_for_addresses(transport_options());
  if (!taken.empty()) {
    return fail(config(), taken);
  }
  if (!enter_background()) {
    return false;
  }
  if (const std::string problem = signals_.open(); !problem.empty()) {
    return fail(config(), problem);
  }
  if (config().crash_log) {
    report_crashes(config().log_file);
    crash_stack_ = std::make_unique<CrashStack>();
  }
  log_line(LogLevel::kNotice, "Pollux %s starting: pid %d, port %d, %d worker%s, %s transport",
           kPolluxVersion.data(), static_cast<int>(getpid()), config().port, workers_,
           workers_ == 1 ? "" : "s", config().transport_dpdk ? "dpdk" : "kernel");
  if (line_.config_path.empty() && !line_.config_from_stdin && line_.options.empty()) {
    log_line(LogLevel::kNotice, "No configuration given, all options have their defaults");
  }
  look_for_file();
  warn();
  return true;
}

// Whether there is something to load is settled before a client can be answered. What else may be
// wrong with the file, who reads it will say.
void Boot::look_for_file() {
  if (config().append_only) {
    return;  // then it is the history alone that counts
  }
  struct stat what {};
  if (stat(config().db_file.c_str(), &what) == 0 || errno != ENOENT) {
    store_.change([](Config& config) { config.loaded_file = config.db_file; });
  }
}

bool Boot::enter_background() {
  if (!config().daemonize) {
    return true;
  }
  if (config().supervised) {
    log_line(LogLevel::kWarning, "daemonize is left out because the server is supervised");
    return true;
  }
  daemonize();
  if (config().pid_file.empty()) {
    override_option(store_, "pidfile /var/run/pollux.pid");
  }
  return true;
}

void Boot::choose_workers() {
  const std::vector<int> allowed = allowed_cpus();
  cpus_ = config().worker_cpus.empty() ? allowed : config().worker_cpus;
  const size_t automatic = config().worker_cpus.empty() ? allowed.size() : cpus_.size();
  workers_ = config().workers > 0 ? config().workers
                                  : static_cast<int>(std::min<size_t>(automatic, kWorkersMax));
  if (static_cast<size_t>(workers_) > cpus_.size() && config().poll_spin_us > 0) {
    // A worker that spins takes the processor from one that has work.
    override_option(store_, "poll-spin-us 0");
  }
}

// As many clients as the process may have files for. Those of a NIC need none.
void Boot::fit_clients() {
  const size_t reserved = kFilesReserved + kFilesPerWorker * static_cast<size_t>(workers_);
  const auto wanted = static_cast<size_t>(config().maxclients);
  const size_t limit = raise_open_files(wanted + reserved);
  const auto possible = static_cast<int64_t>(limit > reserved ? limit - reserved : 1);
  if (possible < config().maxclients && !config().transport_dpdk) {
    log_line(LogLevel::kWarning,
             "maxclients %lld needs %zu open files, the limit is %zu: maxclients is now %lld. "
             "Raise the limit with ulimit -n",
             static_cast<long long>(config().maxclients), wanted + reserved, limit,
             static_cast<long long>(possible));
    override_option(store_, "maxclients " + std::to_string(possible));
  }
  store_.set_clients_ceiling(std::max(possible, config().maxclients));
  if (config().transport_dpdk) {
    store_.set_clients_ceiling(config().maxclients, kNoMoreClients);
  }
}

void Boot::warn() {
  const std::vector<std::string_view> idle = store_.idle_options();
  if (!idle.empty()) {
    std::string names;
    for (const std::string_view name : idle) {
      names += names.empty() ? "" : ", ";
      names += name;
    }
    log_line(LogLevel::kNotice, "Accepted, but without meaning in this version: %s", names.c_str());
  }
  if (config().poll_mode == PollMode::kBusy && static_cast<size_t>(workers_) > cpus_.size()) {
    log_line(LogLevel::kWarning,
             "poll-mode busy with %d workers on %zu processors: workers wait for each other's "
             "time slices. Use adaptive, or fewer workers",
             workers_, cpus_.size());
  }
}

UringOptions Boot::transport_options() const {
  UringOptions options;
  // An operator who lets the worker spin wants the shortest way for each request, and workers that
  // wake each other must not sleep on; only a single worker that saves its core gathers.
  const bool gathers = workers_ == 1 && config().poll_spin_us == 0;
  options.gather_us = gathers ? static_cast<unsigned>(config().poll_gather_us) : 0;
  options.bind = config().transport_dpdk ? std::vector<std::string>{"127.0.0.1", "-::1"}
                                         : config().bind;
  options.port = config().port;
  options.backlog = config().tcp_backlog;
  options.tcp_keepalive_s = config().tcp_keepalive_s;
  options.unix_path = config().unix_socket;
  options.unix_perm = config().unix_socket_perm;
  options.unix_fd = unix_listener_.get();
  return options;
}

bool Boot::build() {
  settled_ = config();
  const std::string no_page = page_map_.create(config().control_page, workers_);
  if (!no_page.empty()) {
    return fail(config(), no_page);
  }
  seed_key_hash(entropy64());
  add_command_families(commands_);
  add_engine_families(commands_);
  if (!rename_commands()) {
    return false;
  }
  if (!config().unix_socket.empty()) {
    std::string error;
    unix_listener_ = UniqueFd(open_unix_listener(transport_options(), error));
    if (!error.empty()) {
      return fail(config(), error);
    }
  }
  std::vector<std::unique_ptr<Transport>> transports;
  if (!make_network() || !choose_memory() || !make_transports(transports)) {
    return false;
  }
  store_.change([this](Config& config) {
    config.config_file = config_file_;
    config.run_id = random_hex(40);
    config.replication_id = random_hex(40);
    config.clients_bytes_default = machine_memory() / 8;
  });
  store_.expect_readers(workers_);
  if (network_watch_ != nullptr) {
    network_watch_->name_figures(*transports.front());
  }
  page_map_.complete(commands_, config().port, clock_.now().ms());
  EngineParts parts;
  parts.workers = workers_;
  parts.seed = entropy64();
  parts.commands = &commands_;
  parts.config = &store_;
  parts.page = &page_map_.page();
  parts.clock = &clock_;
  parts.warmer = &warmer_;
  parts.loads = config().append_only || !config().loaded_file.empty();
  parts.saves = true;
  journal_ = std::make_unique<Journal>(
      static_cast<size_t>(workers_),
      Journal::Options{.bytes_max = static_cast<uint64_t>(config().aof.backlog_bytes_max)});
  parts.journal = journal_.get();
  parts.appends = true;
  admin_ = std::make_unique<AdminThread>();
  if (const int error = admin_->start(); error != 0) {
    return fail_thread(error);
  }
  parts.errands = admin_.get();
  if (!start_purge_thread()) {
    log_line(LogLevel::kWarning,
             "no thread to give free memory back to the system: an idle server keeps it until "
             "MEMORY PURGE");
  }
  engine_ = std::make_unique<Engine>(parts, std::move(transports));
  engine_->set_stop_listener([this] { signals_.notify(); });
  if (!prepare_load() || !prepare_save()) {
    return false;
  }
  if (!config().pid_file.empty() && !config().supervised) {
    pid_file_written_ = write_pid_file(config().pid_file);
    if (!pid_file_written_) {
      log_line(LogLevel::kWarning, "Failed to write PID file %s: %s", config().pid_file.c_str(),
               std::strerror(errno));
    }
  }
  return true;
}

bool Boot::prepare_load() {
  std::string problem;
  aof_ = std::make_unique<AofThread>(config(), *engine_, problem);
  if (config().append_only) {
    load_ = aof_.get();
  }
  if (problem.empty()) {
    rdb_ = std::make_unique<RdbThread>(config(), engine_->load_desk(), page_map_.page().load,
                                       problem);
  }
  if (!config().loaded_file.empty()) {
    load_ = rdb_.get();
  }
  return problem.empty() || fail(config(), "can't read or write files: " + problem);
}

bool Boot::prepare_save() {
  std::string problem;
  save_ = std::make_unique<SaveThread>(*engine_->save_desk(), page_map_.page().save, problem);
  return problem.empty() || fail(config(), "can't save to disk: " + problem);
}

bool Boot::rename_commands() {
  for (const auto& [name, new_name] : config().renamed_commands) {
    const std::string problem = commands_.rename(name, new_name);
    if (!problem.empty()) {
      return fail(config(), "rename-command " + name + ": " + problem);
    }
  }
  return true;
}

bool Boot::make_transports(std::vector<std::unique_ptr<Transport>>& transports) {
  for (int i = 0; i < workers_; ++i) {
    std::string error;
    std::unique_ptr<UringTransport> transport = UringTransport::create(transport_options(), error);
    if (transport == nullptr) {
      return fail(config(), error);
    }
    if (network_ == nullptr) {
      transports.push_back(std::move(transport));
      continue;
    }
    transports.push_back(join_network(*network_, i, std::move(transport), config(), error));
    if (!error.empty()) {
      return fail(config(), error);
    }
  }
  return true;
}

bool Boot::make_network() {
  if (!config().transport_dpdk) {
    return true;
  }
  std::string error;
  network_ = open_network(config(), workers_, error);
  if (network_ == nullptr) {
    return fail(config(), error);
  }
  network_watch_ = std::make_unique<NetworkWatch>(*network_, page_map_.page(), config());
  error = network_watch_->add_host_tap(config());
  return error.empty() || fail(config(), error);
}

bool Boot::choose_memory() {
  choose_node(network_ != nullptr ? network_->node() : -1, cpus_, workers_);
  const std::string problem = choose_huge_pages(config(), workers_, huge_pages_, warmer_);
  return problem.empty() || fail(config(), problem);
}

bool Boot::fail_thread(int error) {
  // The workers, the page warmer, the administrator, storage, the loader, the history's, the
  // network's two, the allocator's and the main thread.
  const int needed = workers_ + 7 + (network_ != nullptr ? 2 : 0);
  return fail(settled_, why_no_thread(error, needed));
}

// No worker runs before all threads are there, so that a start that fails leaves nothing under way.
bool Boot::start_threads() {
  running_.store(workers_);
  int error = warmer_thread_.start([this] {
    name_thread("page-warmer");
    const CrashStack crash_stack;
    warmer_.run();
  });
  for (int i = 0; error == 0 && i < workers_; ++i) {
    error = threads_.emplace_back().start([this, i] { work(i); });
  }
  for (LoadThread* const thread : load_threads()) {
    if (error == 0) {
      error = thread->start([this] { return may_run(); }, [this] { signals_.notify(); });
    }
  }
  if (error == 0 && network_watch_ != nullptr) {
    error = network_watch_->start();
  }
  if (error == 0) {
    error = save_->start([this] { return may_run(); });
  }
  gate_.store(error == 0 ? Gate::kOpen : Gate::kGiveUp);
  gate_.notify_all();
  if (error != 0) {
    join_threads();
    return fail_thread(error);
  }
  if (load_ == nullptr) {
    tell_ready();
  }
  return true;
}

bool Boot::may_run() {
  gate_.wait(Gate::kClosed);
  return gate_.load() == Gate::kOpen;
}

// Clients are accepted before, but as long as a file is loaded they are sent away.
void Boot::tell_ready() {
  log_line(LogLevel::kNotice, "Ready to accept connections");
  if (settled_.supervised) {
    notify_service_manager("READY=1\n");
  }
}

void Boot::join_threads() {
  for (Thread& thread : threads_) {
    thread.join();
  }
  engine_->save_desk()->workers_ended();  // who waits for their walks does so no more
  warmer_.stop();
  warmer_thread_.join();
  rdb_->stop();
  rdb_->join();  // workers may have had batches of it up to now
  aof_->stop();
  aof_->finish();
  aof_->join();
  save_->stop();
  save_->join();
  if (network_watch_ != nullptr) {
    network_watch_->stop();
  }
}

void Boot::work(int index) {
  const int cpu = cpus_[static_cast<size_t>(index) % cpus_.size()];
  name_thread(("worker-" + std::to_string(index)).c_str());
  const CrashStack crash_stack;
  if (!may_run()) {
    return;
  }
  if (!pin_thread(cpu)) {
    log_line(LogLevel::kWarning, "worker %d can't be pinned to processor %d: %s", index, cpu,
             std::strerror(errno));
  }
  if (network_ != nullptr && !dpdk::enter_eal_thread()) {
    log_line(LogLevel::kWarning,
             "worker %d is one thread too many for DPDK: its buffers are slower", index);
  }
  engine_->worker(index).run();
  running_.fetch_sub(1);
  signals_.notify();
}

// When loading is over, the server is ready or at its end; the latter also later, when it was to
// load again.
void Boot::look_at_load() {
  for (const LoadThread* const thread : load_threads()) {
    if (thread->state() == LoadThread::State::kFailed && !engine_->stopping()) {
      load_failed_ = true;
      fail(settled_, "Fatal error loading the DB: " + thread->error() + " Exiting.");
      engine_->stop(/*grace_ms=*/0);
    }
  }
  if (load_ != nullptr && !load_over_ && load_->state() == LoadThread::State::kLoaded &&
      engine_->load_desk().state() != LoadDesk::State::kClosed) {
    load_over_ = true;
    log_line(LogLevel::kNotice, "DB loaded from %s: %.3f seconds", load_->source(),
             load_->seconds());
    tell_ready();
  }
}

// The first signal ends cleanly. A second SIGINT, from somebody who waits at a terminal, ends at
// once, also when all that is waited for is a disk; a second SIGTERM does not, because supervisors
// send it to the process and to its group. One that was aborted, or could not end the server, is no
// first one. SHUTDOWN comes as a notification.
void Boot::wait_for_end() {
  bool told = false;
  while (running_.load() > 0) {
    take_signal();
    look_at_load();
    if (engine_->stopping()) {
      rdb_->stop();
      aof_->stop();
      save_->stop();
    }
    if (engine_->stopping() && !told && !load_failed_) {
      told = true;
      log_line(LogLevel::kNotice, "User requested shutdown...");
      if (settled_.supervised) {
        notify_service_manager("STOPPING=1\n");
      }
    }
  }
  std::atomic<bool> joined = false;
  Thread joiner;
  const int error = joiner.start([&] {
    join_threads();
    joined.store(true);
    signals_.notify();
  });
  if (error != 0) {
    join_threads();
    return;
  }
  while (!joined.load()) {
    take_signal();
  }
  joiner.join();
}

// Waits for one, or for a notification.
void Boot::take_signal() {
  const StopSignal signal = signals_.wait();
  if (signal == StopSignal::kNone) {
    return;
  }
  const bool interrupts = signal == StopSignal::kInterrupt;
  if (interrupts && engine_->signals().is_any()) {
    end_at_once();
  }
  log_line(LogLevel::kNotice,
           engine_->stopping() ? "Received %s, the server ends; another SIGINT ends it at once"
                               : "Received %s scheduling shutdown...",
           interrupts ? "SIGINT" : "SIGTERM");
  engine_->ask_shutdown(interrupts);
}

// Files go by a thread of their own, which ends the process at once, before anybody misses one of
// them; this one does so after a moment, for a disk that hangs may be the reason. (The kernel then
// keeps that thread, and the process with it, until the disk answers; but nobody is served.)
void Boot::end_at_once() {
  log_line(LogLevel::kWarning, "You insist... exiting now.");
  Thread remover;
  remover.start([this] {
    remove_files();
    if (engine_->save_desk() != nullptr && engine_->save_desk()->under_way()) {
      unlink(temporary_rdb().c_str());  // of the save that is not waited for
    }
    _exit(1);
  });
  usleep(kRemoveUsMax);
  _exit(1);
}

void Boot::remove_files() {
  if (pid_file_written_) {
    unlink(settled_.pid_file.c_str());
    pid_file_written_ = false;
  }
  if (unix_listener_) {
    unlink(settled_.unix_socket.c_str());
  }
}

}  // namespace

std::vector<std::string> refusals(const Config& config) {
  std::vector<std::string> reasons;
  if (config.cluster_enabled) {
    reasons.push_back("cluster-enabled yes: this version of Pollux is no cluster. Set it to no");
  }
  if (config.tls_port != 0) {
    reasons.push_back(
        "tls-port: this version of Pollux has no TLS. Set tls-port 0 and use port, or put a TLS "
        "proxy in front");
  }
  if (!config.replica_of.empty()) {
    reasons.push_back("replicaof: this version of Pollux can't be a replica. Remove the line");
  }
  if (!config.acl_file.empty()) {
    reasons.push_back("aclfile: ACL users are not in this version of Pollux. Use requirepass");
  }
  if (std::string problem = check_network(config); !problem.empty()) {
    reasons.push_back(std::move(problem));
  }
  if (config.port == 0 && config.unix_socket.empty()) {
    reasons.push_back("port 0 and no unixsocket: there is nothing to listen on. Set one of them");
  }
  return reasons;
}

int serve(const CommandLine& line, ConfigStore& store) {
  return Boot(line, store).run();
}

}  // namespace pollux
