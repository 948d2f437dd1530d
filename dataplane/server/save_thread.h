// The storage thread while the server serves: it waits for orders to save (engine/save_desk.h) and
// steps the saver (storage/rdb_saver.h) for each. Made and joined by the main thread; it outlives
// the workers, who may be about to wake it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/engine/save_desk.h"
#include "dataplane/server/thread.h"
#include "src/abi/control_page.h"
#include "storage/uring_disk.h"

namespace pollux {

// What a dump.rdb is called until it is whole, in the directory as it is now.
std::string temporary_rdb();

class SaveThread {
 public:
  // `error`: what the system refuses; then it must not be started.
  SaveThread(SaveDesk& desk, SaveBlock& figures, std::string& error);
  SaveThread(const SaveThread&) = delete;
  SaveThread& operator=(const SaveThread&) = delete;

  // `may_begin` is asked first, and may wait. 0, or an errno. Once.
  int start(std::function<bool()> may_begin);
  // A save that is under way is given up; then the thread ends. That workers have ended before
  // their walks, it is told (SaveDesk::workers_ended). Any number of times.
  void stop();
  void join() { thread_.join(); }

 private:
  void run();
  void save(const SaveDesk::Order& order);

  SaveDesk& desk_;
  SaveBlock& figures_;
  std::unique_ptr<UringDisk> disk_;
  std::function<bool()> may_begin_;
  std::atomic<bool> stopping_{false};
  Thread thread_;
};

}  // namespace pollux
