// One io_uring, as thin as it can be over liburing: setup with this project's flags, one call that
// enters the kernel, and the two queues. One thread uses it (the one that called attach first);
// it may be set up, and destroyed, on another.
//
// Needs Linux 6.1: DEFER_TASKRUN (completion work runs only when this thread asks for it),
// multishot receive and rings of provided buffers.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <string>

namespace pollux {

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Empty if all is well, else what is wrong and what the operator can change. Both counts are
  // powers of two.
  std::string setup(unsigned submission_entries, unsigned completion_entries);
  // Makes the calling thread the ring's one user.
  void attach();

  // The next submission entry, zeroed. Enters the kernel if the queue is full.
  io_uring_sqe* next_sqe();
  // Hands over what was prepared, runs deferred completion work, and waits until `wait_for`
  // completions are there or the time is over (-1: no limit). After `patience_us` one completion
  // is enough (Linux 6.12; before, it always is).
  void enter(unsigned wait_for, int64_t timeout_us, unsigned patience_us = 0);

  // How many entries were prepared so far, and how many of them the kernel has taken: free-running
  // counters that wrap.
  unsigned prepared() const { return ring_.sq.sqe_tail; }
  unsigned taken() const { return __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE); }

  // Completions that can be read without entering: positions [first, last), free-running.
  unsigned first_completion() const { return *ring_.cq.khead; }
  unsigned last_completion() const { return __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE); }
  const io_uring_cqe& completion(unsigned at) const {
    return ring_.cq.cqes[at & ring_.cq.ring_mask];
  }
  void consume() { __atomic_store_n(ring_.cq.khead, *ring_.cq.khead + 1, __ATOMIC_RELEASE); }

  // True if entering the kernel would bring completions.
  bool has_deferred_work() const {
    return (flags() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
  }
  // True if the kernel keeps completions that found no place in the queue.
  bool overflowed() const { return (flags() & IORING_SQ_CQ_OVERFLOW) != 0; }

  io_uring* raw() { return &ring_; }

 private:
  unsigned flags() const { return __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED); }

  io_uring ring_{};
  bool set_up_ = false;
  // What enter names the ring by: its slot among the files that the thread registered, or its fd.
  unsigned enter_fd_ = 0;
  unsigned enter_flags_ = 0;
  int registered_by_ = 0;  // thread id, 0 if not registered
};

}  // namespace pollux
