// A thread that does the same again and again, and sleeps in between.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "dataplane/server/thread.h"

namespace pollux {

class RepeatingThread {
 public:
  // 0, or an errno. `turn` says how long to sleep behind it; the first one comes behind `wait`.
  int start(const char* name, std::chrono::milliseconds wait,
            std::function<std::chrono::milliseconds()> turn);
  // Behind the turn that is under way; nothing if it was never started.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable end_;
  bool ending_ = false;
  Thread thread_;
};

}  // namespace pollux
