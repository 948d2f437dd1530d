#include "dataplane/kernel/recv_buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "src/base/assert.h"

namespace pollux {
namespace {

size_t ring_bytes(unsigned count) {
  return count * sizeof(io_uring_buf);
}

void* map_pages(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

RecvBuffers::~RecvBuffers() {
  if (memory_ != nullptr) {
    munmap(memory_, mapped_bytes_);
  }
  if (ring_ != nullptr) {
    munmap(ring_, ring_bytes(count_));
  }
}

int RecvBuffers::create(io_uring* ring, unsigned count, size_t bytes) {
  POLLUX_ASSERT(std::has_single_bit(count) && count <= 32768 && bytes > 0);
  count_ = count;
  bytes_ = bytes;
  mapped_bytes_ = count * (bytes + kColour);
  ring_ = static_cast<io_uring_buf_ring*>(map_pages(ring_bytes(count)));
  memory_ = static_cast<char*>(map_pages(mapped_bytes_));
  if (ring_ == nullptr || memory_ == nullptr) {
    return ENOMEM;
  }
  io_uring_buf_reg reg{};
  reg.ring_addr = reinterpret_cast<uintptr_t>(ring_);
  reg.ring_entries = count;
  reg.bgid = kGroup;
  int rc = io_uring_register_buf_ring(ring, &reg, 0);
  if (rc < 0) {
    return -rc;
  }
  provide(std::min(count, kProvidedFirst));
  lent_.reserve(count);
  return 0;
}

void RecvBuffers::give_back(bool too_few) {
  if (!lent_.empty()) {
    for (unsigned i = 0; i < lent_.size(); ++i) {
      put(lent_[i], i);
    }
    io_uring_buf_ring_advance(ring_, static_cast<int>(lent_.size()));
    too_few = too_few || lent_.size() - lent_full_ >= provided_ / 2;
  }
  if (too_few && provided_ < count_) {
    provide(std::min(2 * provided_, count_));
  }
  lent_.clear();
  lent_full_ = 0;
}

// The next ones that were never needed go to the kernel, until it has `total`.
void RecvBuffers::provide(unsigned total) {
  const unsigned more = total - provided_;
  for (unsigned i = 0; i < more; ++i) {
    put(static_cast<uint16_t>(provided_ + i), i);
  }
  io_uring_buf_ring_advance(ring_, static_cast<int>(more));
  provided_ = total;
}

void RecvBuffers::put(uint16_t id, unsigned offset) {
  // Not io_uring_buf_ring_add: the flexible array in the kernel's struct stands 8 bytes off when it
  // is compiled as C++. Field by field, because the ring's tail lies in the padding of entry 0.
  io_uring_buf* entries = reinterpret_cast<io_uring_buf*>(ring_);
  io_uring_buf& entry = entries[(ring_->tail + offset) & (count_ - 1)];
  entry.addr = reinterpret_cast<uintptr_t>(address(id));
  entry.len = static_cast<uint32_t>(bytes_);
  entry.bid = id;
}

}  // namespace pollux
