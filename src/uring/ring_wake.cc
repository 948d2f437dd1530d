#include "src/uring/ring_wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "src/base/assert.h"
#include "src/uring/refusal_text.h"

namespace pollux {

RingWake::~RingWake() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

std::string RingWake::setup() {
  fd_ = eventfd(0, EFD_CLOEXEC);
  return fd_ < 0 ? descriptor_refusal("eventfd2", errno) : "";
}

void RingWake::arm(Ring& ring, uint64_t user_data) {
  io_uring_sqe* sqe = ring.next_sqe();
  io_uring_prep_read(sqe, fd_, &count_, sizeof(count_), 0);
  sqe->user_data = user_data;
}

bool RingWake::before_sleep() {
  asleep_.store(true, std::memory_order_seq_cst);
  return !pending_.load(std::memory_order_seq_cst);
}

bool RingWake::after_sleep() {
  asleep_.store(false, std::memory_order_relaxed);
  // acq_rel: what the wakers up to here wrote is seen; a wake after this sets it again and is seen
  // by the next sleep.
  return pending_.exchange(false, std::memory_order_acq_rel);
}

void RingWake::wake() {
  if (!pending_.exchange(true, std::memory_order_seq_cst) &&
      asleep_.load(std::memory_order_seq_cst)) {
    uint64_t one = 1;
    ssize_t written = ::write(fd_, &one, sizeof(one));
    POLLUX_ASSERT(written == sizeof(one));
  }
}

}  // namespace pollux
