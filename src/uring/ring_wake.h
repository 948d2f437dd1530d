// Wakes the one thread that sleeps in a Ring, from any thread: an eventfd that the ring reads,
// written only if that thread sleeps.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "src/uring/ring.h"

namespace pollux {

class RingWake {
 public:
  RingWake() = default;
  ~RingWake();
  RingWake(const RingWake&) = delete;
  RingWake& operator=(const RingWake&) = delete;

  // Empty if all is well, else what is wrong and what the operator can change.
  std::string setup();
  // The next wake of a sleeper is a completion with this user_data. Once at first, and after each
  // such completion.
  void arm(Ring& ring, uint64_t user_data);

  // Around each entering that may wait. False: somebody woke this thread, it shall not wait.
  bool before_sleep();
  // True: somebody woke this thread, and what he wrote before is seen. The next wake counts again.
  bool after_sleep();

  // Any thread. The sleep under way, or the next one, does not wait.
  void wake();

 private:
  int fd_ = -1;
  uint64_t count_ = 0;  // the kernel reads the eventfd into it
  // What two threads touch. wake: set pending_, then read asleep_; before_sleep: set asleep_, then
  // read pending_. Sequentially consistent, so that one of them sees the other.
  std::atomic<bool> pending_{false};
  std::atomic<bool> asleep_{false};
};

}  // namespace pollux
