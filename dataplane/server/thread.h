// A thread whose start can fail: std::thread says so by an exception, which this build does not
// have.
#pragma once

#include <pthread.h>

#include <functional>
#include <string>

namespace pollux {

class Thread {
 public:
  Thread() = default;
  ~Thread();  // Requires that it was joined, or never started.
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Runs `body` on a thread of its own. 0, or an errno. Once; the thread looks at this object, so
  // it stays where it is.
  int start(std::function<void()> body);
  // Waits for its end; nothing if it was never started.
  void join();

 private:
  static void* run(void* self);

  std::function<void()> body_;
  pthread_t handle_{};
  bool started_ = false;
};

// A failure of start, for operators: what to do about it. `needed`: threads, in all.
std::string why_no_thread(int error, int needed);

}  // namespace pollux
