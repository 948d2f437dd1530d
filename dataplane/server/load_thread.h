// The storage thread of the start: it steps the loader of the RDB file (storage/rdb_loader.h) over
// the disk until all keys are built, or something is wrong with the file, or the server ends. Made
// and joined by the main thread; stays until the workers have ended, for one that has given the
// last batch back may be about to wake it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/engine/config.h"
#include "dataplane/engine/load_desk.h"
#include "dataplane/server/thread.h"
#include "src/abi/control_page.h"
#include "storage/rdb_loader.h"
#include "storage/uring_disk.h"

namespace pollux {

class LoadThread {
 public:
  enum class State : uint8_t { kLoading, kLoaded, kFailed };

  // `error`: what the system refuses; then it must not be started. The file's name is
  // config.loaded_file, in the working directory.
  LoadThread(const Config& config, LoadDesk& desk, LoadBlock& figures, std::string& error);
  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;

  // `may_begin` is asked first, and may wait; `on_end` is told when state() has changed. 0, or an
  // errno. Once.
  int start(std::function<bool()> may_begin, std::function<void()> on_end);
  // The server ends: what is under way is left. Any number of times.
  void stop();
  void join() { thread_.join(); }
  // Of kLoaded, joined: gives the memory back.
  void free_loader() { loader_.reset(); }

  State state() const { return state_.load(std::memory_order_acquire); }
  // Of kFailed: a sentence; empty if it was stopped.
  const std::string& error() const { return loader_->error(); }
  // Of kLoaded.
  double seconds() const { return seconds_; }

 private:
  void run();

  LoadDesk& desk_;
  std::unique_ptr<UringDisk> disk_;
  std::unique_ptr<RdbLoader> loader_;
  std::function<bool()> may_begin_;
  std::function<void()> on_end_;
  std::atomic<bool> stopping_{false};
  // release: who sees the end may look at what the thread has left.
  std::atomic<State> state_{State::kLoading};
  double seconds_ = 0;
  Thread thread_;
};

}  // namespace pollux
