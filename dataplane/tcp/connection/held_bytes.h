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
  HeldBytes() = default;
  explicit HeldBytes(Bytes bytes)
      : memory_(new uint8_t[bytes.size()]), size_(static_cast<uint32_t>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), memory_.get());
  }

  Bytes view() const { return {memory_.get() + begin_, size()}; }
  size_t size() const { return size_ - begin_; }

  // As Reassembly wants its pieces.
  void drop_front(size_t bytes) { begin_ += static_cast<uint32_t>(bytes); }
  HeldBytes split(size_t bytes) {
    HeldBytes rest(view().subspan(bytes));
    size_ = begin_ + static_cast<uint32_t>(bytes);
    return rest;
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  uint32_t begin_ = 0;
  uint32_t size_ = 0;  // from the memory's begin
};

}  // namespace pollux::tcp
