#include "dataplane/server/repeating_thread.h"

#include <utility>

#include "dataplane/server/signals.h"
#include "src/base/cpu.h"

namespace pollux {

int RepeatingThread::start(const char* name, std::chrono::milliseconds wait,
                           std::function<std::chrono::milliseconds()> turn) {
  return thread_.start([this, name, wait, turn = std::move(turn)]() mutable {
    name_thread(name);
    const CrashStack crash_stack;
    std::unique_lock lock(mutex_);
    while (!end_.wait_for(lock, wait, [this] { return ending_; })) {
      lock.unlock();
      wait = turn();
      lock.lock();
    }
  });
}

void RepeatingThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  end_.notify_one();
  thread_.join();
}

}  // namespace pollux
