#include "dataplane/server/admin_thread.h"

#include <utility>

#include "dataplane/server/signals.h"
#include "src/base/cpu.h"

namespace pollux {

int AdminThread::start() {
  return thread_.start([this] { loop(); });
}

AdminThread::~AdminThread() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void AdminThread::run(std::function<void()> errand) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    errands_.push_back(std::move(errand));
  }
  work_.notify_one();
}

void AdminThread::loop() {
  name_thread("admin");
  const CrashStack crash_stack;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return ending_ || !errands_.empty(); });
    if (errands_.empty()) {
      return;
    }
    const std::function<void()> errand = std::move(errands_.front());
    errands_.pop_front();
    lock.unlock();
    errand();
    lock.lock();
  }
}

}  // namespace pollux
