// Bytes that were received but can't be given out yet: a copy, so that no buffer of the NIC is held
// for them. The memory for frames then need not grow with what peers leave undone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/tcp/wire/bytes.h"

namespace pollux::tcp {

class HeldBytes {
 public:
  explicit HeldBytes(Bytes bytes)
      : memory_(new uint8_t[bytes.size()]), size_(static_cast<uint32_t>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), memory_.get());
  }

  Bytes view() const { return {memory_.get(), size_}; }
  size_t size() const { return size_; }
  // What it takes, all told: what small pieces are charged by, or a peer that sends byte by byte
  // would fill the memory unseen.
  size_t memory_bytes() const { return memory_of(size_); }
  static constexpr size_t memory_of(size_t bytes) {
    constexpr size_t kStep = 16;  // of malloc, with 8 bytes of its own and 32 at least
    const size_t allocated = (bytes + 8 + kStep - 1) / kStep * kStep;
    return sizeof(HeldBytes) + std::max(allocated, 2 * kStep);
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  uint32_t size_ = 0;
};

}  // namespace pollux::tcp
