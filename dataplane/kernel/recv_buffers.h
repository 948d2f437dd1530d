// The receive buffers of a worker: a ring of provided buffers from which the kernel takes one
// whenever bytes come, so that an idle connection holds none. One thread.
//
// A buffer is with the kernel, or lent to the engine until the next give_back(), or was never
// needed. The kernel goes through all that it has in a circle, so it gets few first, and more when
// a turn has lent half of them to small pieces, or left none for a connection: what is in the
// circle stays in the caches, and a worker with little to do keeps 256 KB resident instead of 8 MB.
// Many bytes of one connection are no reason: a turn has enough of them anyway, and the rest waits
// in the kernel instead of here. But one receive request takes up to 32 buffers at once, so beside
// such a connection others may find none, turn after turn.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pollux {

class RecvBuffers {
 public:
  static constexpr uint16_t kGroup = 0;  // the buffer group of receive requests

  RecvBuffers() = default;
  ~RecvBuffers();
  RecvBuffers(const RecvBuffers&) = delete;
  RecvBuffers& operator=(const RecvBuffers&) = delete;

  // So many go to the kernel at the start.
  static constexpr unsigned kProvidedFirst = 16;

  // `count` is a power of two up to 32,768. Returns 0 or an errno. The ring must outlive its use
  // by requests, not this object's destruction.
  int create(io_uring* ring, unsigned count, size_t bytes);

  // The bytes that a completion with IORING_CQE_F_BUFFER brought; they live until give_back().
  std::string_view lend(const io_uring_cqe& cqe) {
    uint16_t id = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    lent_.push_back(id);
    const size_t bytes = cqe.res > 0 ? static_cast<size_t>(cqe.res) : 0;
    lent_full_ += bytes == bytes_ ? 1 : 0;
    return {address(id), bytes};
  }

  // All lent buffers return to the kernel. `too_few`: some connection got none.
  void give_back(bool too_few);

  // How many are with the kernel or lent.
  unsigned provided() const { return provided_; }

 private:
  // Buffers are not a power of two apart, so that their first lines, which are all that small
  // requests touch, fall into different sets of the caches.
  static constexpr size_t kColour = 5 * 64;

  const char* address(uint16_t id) const { return memory_ + id * (bytes_ + kColour); }
  void put(uint16_t id, unsigned offset);
  void provide(unsigned total);

  io_uring_buf_ring* ring_ = nullptr;
  char* memory_ = nullptr;
  size_t mapped_bytes_ = 0;
  size_t bytes_ = 0;
  unsigned count_ = 0;
  unsigned provided_ = 0;
  size_t lent_full_ = 0;  // of the lent ones
  std::vector<uint16_t> lent_;
};

}  // namespace pollux
