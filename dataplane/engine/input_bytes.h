// What a client has sent that is not run yet: bytes, of which the first are used one after the
// other. A pointer as long as there are none; a thousand idle connections pay for no more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

class InputBytes {
 public:
  InputBytes() = default;
  ~InputBytes() { std::free(block_); }
  InputBytes(const InputBytes&) = delete;
  InputBytes& operator=(const InputBytes&) = delete;

  // What was not used yet. Valid until the next call that is not const.
  std::string_view unread() const {
    return block_ == nullptr
               ? std::string_view()
               : std::string_view(block_->bytes() + block_->used, block_->size - block_->used);
  }
  // The first of the unread bytes are done with.
  void use(size_t bytes) {
    if (bytes > 0) {
      POLLUX_ASSERT(block_ != nullptr && bytes <= block_->size - block_->used);
      block_->used += bytes;
    }
  }
  // Whether it holds memory, and nothing is unread.
  bool used_up() const { return block_ != nullptr && block_->used == block_->size; }
  // `bytes` are none of its own.
  void append(std::string_view bytes) {
    if (bytes.empty()) {
      return;
    }
    const size_t size = block_ == nullptr ? 0 : block_->size;
    reserve(size + bytes.size());
    std::memcpy(block_->bytes() + size, bytes.data(), bytes.size());
    block_->size = size + bytes.size();
  }
  // Moves what is unread to the front, if much before it was used: not at each arrival, or a client
  // with much behind short waits would have it moved each time.
  void drop_used() {
    if (block_ != nullptr && block_->used > block_->size / kUsedShare) {
      std::memmove(block_->bytes(), block_->bytes() + block_->used, block_->size - block_->used);
      block_->size -= std::exchange(block_->used, 0);
    }
  }
  // Room for so many bytes in all, as far as there is none yet. It at least doubles: who asks for a
  // little more with each arrival would have it moved each time.
  void reserve(size_t bytes) {
    if (bytes > capacity()) {
      grow(std::max(bytes, 2 * capacity()));
    }
  }
  // All goes, and the memory.
  void clear() { std::free(std::exchange(block_, nullptr)); }

  // In bytes: what is there, used or not, and what there is room for.
  size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  size_t used() const { return block_ == nullptr ? 0 : block_->used; }
  size_t capacity() const { return block_ == nullptr ? 0 : block_->capacity; }
  // With what the block itself takes.
  size_t held_bytes() const { return block_ == nullptr ? 0 : sizeof(Block) + block_->capacity; }

 private:
  // Used bytes that are more than this share are moved over.
  static constexpr size_t kUsedShare = 4;
  static constexpr size_t kCapacityMin = 40;  // with the block's own, a size class

  struct Block {
    size_t capacity;
    size_t size;
    size_t used;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };

  // At the end of memory the process ends, as it does for any vector.
  void grow(size_t capacity) {
    capacity = std::max(capacity, kCapacityMin);
    const bool fresh = block_ == nullptr;
    auto* const block = static_cast<Block*>(std::realloc(block_, sizeof(Block) + capacity));
    POLLUX_ASSERT(block != nullptr);
    if (fresh) {
      block->size = block->used = 0;
    }
    block->capacity = capacity;
    block_ = block;
  }

  Block* block_ = nullptr;
};

}  // namespace pollux
