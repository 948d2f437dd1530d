// The thread that may block: it runs what operators ask for and what must not stand on a worker's
// polling thread (files). One errand after the other, in the order they came; few ever come.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "dataplane/engine/errands.h"
#include "dataplane/server/thread.h"

namespace pollux {

class AdminThread final : public Errands {
 public:
  AdminThread() = default;
  // Runs what is still waiting, then ends.
  ~AdminThread() override;
  AdminThread(const AdminThread&) = delete;
  AdminThread& operator=(const AdminThread&) = delete;

  // Before the first errand. 0, or an errno.
  int start();
  void run(std::function<void()> errand) override;

 private:
  void loop();

  // Not on the data path: a worker holds the lock for the moment of an insert, once per errand.
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> errands_;
  bool ending_ = false;
  Thread thread_;
};

}  // namespace pollux
