// A storage thread that loads what is on disk, at the start until all keys are built, or something
// is wrong with a file, or the server ends; then it serves: loads again on order
// (engine/load_desk.h), and what else it has to do. What is loaded say the classes that are made of
// it. Made and joined by the main thread; stays until the workers have ended, for one that has
// given the last batch back may be about to wake it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/engine/config.h"
#include "dataplane/engine/load_desk.h"
#include "dataplane/server/thread.h"
#include "src/abi/control_page.h"
#include "storage/file_loader.h"
#include "storage/rdb_loader.h"
#include "storage/uring_disk.h"

namespace pollux {

class LoadThread {
 public:
  enum class State : uint8_t { kLoading, kLoaded, kFailed };

  // `loads`: at the start. `error`: what the system refuses; then it must not be started.
  LoadThread(LoadDesk& desk, LoadDesk::Source source, bool loads, LoadBlock& figures,
             std::string& error);
  virtual ~LoadThread() = default;  // joined
  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;

  // `may_begin` is asked first, and may wait; `on_end` is told when state() has changed. 0, or an
  // errno. Once.
  int start(std::function<bool()> may_begin, std::function<void()> on_end);
  // The server ends: what is under way is left. Any number of times.
  void stop();
  void join() { thread_.join(); }

  State state() const { return state_.load(std::memory_order_acquire); }
  // Of kFailed: a sentence; empty if it was stopped.
  const std::string& error() const { return error_; }
  // Of kLoaded.
  double seconds() const { return seconds_; }
  // What is loaded, as redis-server's log has it.
  virtual const char* source() const = 0;

 protected:
  // True if all is there; else `error` may say why.
  virtual bool load(std::string& error) = 0;
  // What the thread does when it is.
  virtual void serve() = 0;
  // The names of threads are what an operator sees in top.
  virtual const char* name() const = 0;

  // To its end.
  bool run_loader(FileLoader& loader, std::string& error);
  // Has all keys dropped, while the workers run. False if the server ends.
  bool empty();
  // The workers answer again.
  void finish_load(bool loaded);
  // It can't go on: as if the start had failed.
  void fail(const std::string& error);
  bool stopping() const { return stopping_.load(); }
  LoadDesk& desk() { return desk_; }
  LoadBlock& figures() { return figures_; }
  UringDisk& disk() { return *disk_; }

 private:
  void run();

  LoadDesk& desk_;
  const bool loads_;
  LoadBlock& figures_;
  std::unique_ptr<UringDisk> disk_;
  std::function<bool()> may_begin_;
  std::function<void()> on_end_;
  std::atomic<bool> stopping_{false};
  // release: who sees the end may look at what the thread has left.
  std::atomic<State> state_{State::kLoading};
  std::string error_;
  double seconds_ = 0;
  Thread thread_;
};

// Loads the RDB file config.loaded_file, in the working directory, if there is one; later those
// that it is told.
class RdbThread final : public LoadThread {
 public:
  RdbThread(const Config& config, LoadDesk& desk, LoadBlock& figures, std::string& error);

  const char* source() const override { return "disk"; }

 private:
  bool load(std::string& error) override;
  void serve() override;
  const char* name() const override { return "loader"; }

  void make_loader(const std::string& file, const RdbFileSplitter::Options& format);
  void load_again(const LoadDesk::Order& order);

  std::unique_ptr<RdbLoader> loader_;  // workers may have batches of it
};

}  // namespace pollux
