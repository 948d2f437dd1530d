#include "src/uring/ring.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "src/base/assert.h"
#include "src/uring/refusal_text.h"

namespace pollux {
namespace {

// Of newer kernels than the headers.
constexpr unsigned kFeatureMinTimeout = 1U << 15;
constexpr unsigned kFeatureNoIowait = 1U << 17;
constexpr unsigned kEnterNoIowait = 1U << 7;

constexpr int64_t kLongTimeUs = 86'400'000'000;

}  // namespace

Ring::~Ring() {
  if (!set_up_) {
    return;
  }
  // The slot belongs to the thread: another one can't give it back, but it ends with the thread.
  if (registered_by_ == gettid()) {
    io_uring_rsrc_update slot{};
    slot.offset = enter_fd_;
    io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_UNREGISTER_RING_FDS, &slot, 1);
  }
  io_uring_queue_exit(&ring_);
}

std::string Ring::setup(unsigned submission_entries, unsigned completion_entries) {
  io_uring_params params{};
  // R_DISABLED: the ring's one user is who enables it (attach), not who makes it.
  params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  params.cq_entries = completion_entries;
  int rc = io_uring_queue_init_params(submission_entries, &ring_, &params);
  if (rc < 0) {
    return uring_refusal(-rc);
  }
  set_up_ = true;
  // A filter may allow one call and not another, and a worker's first turn is too late to hear of
  // it. The ring is not enabled yet, so that the kernel's own answer to the call is EBADFD.
  rc = io_uring_enter(static_cast<unsigned>(ring_.ring_fd), 0, 0, 0, nullptr);
  if (rc < 0 && rc != -EBADFD) {
    return uring_refusal(-rc);
  }
  // Entry i of the queue is always SQE i, so handing over is one store.
  for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) {
    ring_.sq.array[i] = i;
  }
  return "";
}

void Ring::attach() {
  int rc = io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS,
                             nullptr, 0);
  POLLUX_ASSERT(rc == 0);
  enter_fd_ = static_cast<unsigned>(ring_.ring_fd);
  // Spares a lookup of the ring's file at every enter. Not liburing's call for it, whose cleanup
  // would free another ring's slot if this one is destroyed on another thread.
  io_uring_rsrc_update slot{};
  slot.offset = UINT32_MAX;
  slot.data = enter_fd_;
  if (io_uring_register(enter_fd_, IORING_REGISTER_RING_FDS, &slot, 1) == 1) {
    enter_fd_ = slot.offset;
    enter_flags_ = IORING_ENTER_REGISTERED_RING;
    registered_by_ = gettid();
  }
  if ((ring_.features & kFeatureNoIowait) != 0) {
    enter_flags_ |= kEnterNoIowait;  // an idle server is idle, not waiting for a disk
  }
}

io_uring_sqe* Ring::next_sqe() {
  while (ring_.sq.sqe_tail - taken() >= ring_.sq.ring_entries) {
    enter(0, 0);
  }
  io_uring_sqe* sqe = &ring_.sq.sqes[ring_.sq.sqe_tail & ring_.sq.ring_mask];
  ++ring_.sq.sqe_tail;
  std::memset(sqe, 0, sizeof(*sqe));
  return sqe;
}

void Ring::enter(unsigned wait_for, int64_t timeout_us, unsigned patience_us) {
  unsigned count = ring_.sq.sqe_tail - taken();
  __atomic_store_n(ring_.sq.ktail, ring_.sq.sqe_tail, __ATOMIC_RELEASE);
  unsigned flags = IORING_ENTER_GETEVENTS | enter_flags_;
  if ((ring_.features & kFeatureMinTimeout) == 0) {
    wait_for = std::min(wait_for, 1U);
  }
  bool patient = wait_for > 1;
  __kernel_timespec time{};
  io_uring_getevents_arg arg{};
  void* extra = nullptr;
  size_t extra_bytes = _NSIG / 8;
  if (wait_for > 0 && (timeout_us >= 0 || patient)) {
    if (timeout_us < 0) {
      timeout_us = kLongTimeUs;  // without a timeout the kernel takes the patience for it
    }
    arg.pad = patient ? patience_us : 0;  // min_wait_usec in newer headers
    time.tv_sec = timeout_us / 1'000'000;
    time.tv_nsec = timeout_us % 1'000'000 * 1'000;
    arg.ts = reinterpret_cast<uintptr_t>(&time);
    extra = &arg;
    extra_bytes = sizeof(arg);
    flags |= IORING_ENTER_EXT_ARG;
  }
  int rc = io_uring_enter2(enter_fd_, count, wait_for, flags, static_cast<sigset_t*>(extra),
                           extra_bytes);
  // What is short for a moment (memory, room for completions) is tried again at the next enter.
  POLLUX_ASSERT(rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY ||
                rc == -ENOMEM);
}

}  // namespace pollux
