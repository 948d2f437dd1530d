// A server with its whole storage layer over one disk in memory: it loads what is there, serves,
// appends its history, rewrites it, loads it again, saves snapshots, and crashes; workers, the two
// machines of the storage threads and the disk are stepped in an interleaving that a seed draws.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/aof_keeper.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/time.h"
#include "storage/aof_files.h"
#include "storage/aof_loader.h"
#include "storage/aof_writer_test_support.h"
#include "storage/rdb_saver.h"
#include "storage/sim_disk.h"

namespace pollux {

class LiveServer {
 public:
  struct Options {
    int workers = 1;
    uint64_t seed = 1;
    SimDisk::Image image;
    Instant now{1'700'000'000'000'000};
    std::string config;
    uint64_t crash_at = UINT64_MAX;  // call of the disk
  };
  // Of the thread of the history. Loading may also end in a crash; kRefused: with error().
  enum class State : uint8_t {
    kOpening,
    kLoading,
    kStarting,
    kServing,
    kClosing,  // DEBUG LOADAOF, from here on until it serves again
    kEmptying,
    kOver,
    kRefused
  };

  explicit LiveServer(const Options& options);
  ~LiveServer();

  // To where it serves, or does not; false if neither comes.
  bool start();
  State state() const { return state_; }
  bool serving() const { return keeper_ != nullptr && !is_over() && !disk.crashed(); }
  const std::string& error() const { return error_; }
  // One step of somebody.
  void step();
  // What `requests` are answered, by a client of its own; empty if that takes too long.
  std::vector<Answer> ask(const std::vector<Request>& requests, int worker);
  // Until nobody has anything under way; false if that takes long.
  bool rest();
  // An end on a disk that works: all that was changed is to be there. False if it does not come.
  bool finish();
  // What a crash now leaves is the disk's survivors. Nothing is under way behind it.
  void die();

  Engine& engine() { return scheduler.engine(); }
  Rng& rng() { return scheduler.rng(); }
  Instant now() { return clock.now(); }
  void advance_us(int64_t us) { clock.advance_us(us), even_clocks(); }
  // All workers know the configuration, and the history's writer does what it says.
  bool settled();
  // There is a history, and it is not about to end.
  bool keeps() { return engine().page().aof.in_force.get() != 0; }
  uint64_t saves_done() const { return saves_done_; }
  uint64_t loads_done() const { return loads_done_; }
  // A worker, or the thread of the history, slept over what was there for it.
  bool forgot_a_wake() const { return forgot_a_wake_ || scheduler.forgot_a_wake(); }

  bool saver_rests = false;  // a snapshot that was ordered is under way for as long

  Journal journal;
  Scheduler scheduler;
  ManualClock clock;
  SimDisk disk;

 private:
  bool is_over() const { return state_ == State::kOver || state_ == State::kRefused; }
  void worker_step();
  void storage_step();
  void step_others();
  void close_step();
  void empty_step();
  void files_step();
  void load_step();
  void keeper_step();
  void saver_step();
  void begin_loader();
  void begin_serving();
  void finish_load(bool loaded);
  void fail(const std::string& error);
  void even_clocks();

  DiskShare own_;
  DiskShare others_;
  const uint64_t seed_;
  State state_ = State::kOpening;
  std::string error_;
  bool found_ = false;
  bool finishing_ = false;
  AofFiles files_;
  std::unique_ptr<AofLoader> loader_;
  std::unique_ptr<AofKeeper> keeper_;
  std::unique_ptr<RdbSaver> saver_;
  uint64_t saves_done_ = 0;
  uint64_t loads_done_ = 0;  // beside the one of the start
  uint64_t settling_ = UINT64_MAX;  // the version that all workers have
  uint64_t keeper_steps_ = 0;       // since then
  Journal::Sleep slept_ = Journal::Sleep::kAwake;  // how the thread of the history did, last
  bool forgot_a_wake_ = false;
  bool saver_woken_ = false;
};

}  // namespace pollux
