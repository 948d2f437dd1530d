#include "dataplane/server/thread.h"

#include <cstring>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

Thread::~Thread() { POLLUX_ASSERT(!started_); }

int Thread::start(std::function<void()> body) {
  POLLUX_ASSERT(!started_);
  body_ = std::move(body);
  const int error = pthread_create(&handle_, nullptr, run, this);
  started_ = error == 0;
  return error;
}

void Thread::join() {
  if (started_) {
    POLLUX_ASSERT(pthread_join(handle_, nullptr) == 0);
    started_ = false;
  }
}

void* Thread::run(void* self) {
  static_cast<Thread*>(self)->body_();
  return nullptr;
}

std::string why_no_thread(int error, int needed) {
  return std::string("can't start a thread: ") + std::strerror(error) + ". " +
         std::to_string(needed) +
         " are needed: raise the limit (`ulimit -u`, LimitNPROC= and TasksMax= of a unit, "
         "--pids-limit of a container), allow clone3 in the seccomp profile, or run with fewer "
         "workers";
}

}  // namespace pollux
