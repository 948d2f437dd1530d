// An arena with the sum of what went through here: how one object of many parts knows what it
// takes. Belongs to the holder of the shard.
#pragma once

#include <cstddef>

#include "src/base/arena.h"

namespace pollux {

class CountedArena {
 public:
  explicit CountedArena(Arena& arena) : arena_(arena) {}
  CountedArena(const CountedArena&) = delete;
  CountedArena& operator=(const CountedArena&) = delete;

  void* allocate(size_t bytes) {
    bytes_ += Arena::usable(bytes);
    return arena_.allocate(bytes);
  }
  void free(void* memory, size_t bytes) {
    bytes_ -= Arena::usable(bytes);
    arena_.free(memory, bytes);
  }
  // Of all that is live, as the arena rounds it.
  size_t bytes() const { return bytes_; }

 private:
  Arena& arena_;
  size_t bytes_ = 0;
};

}  // namespace pollux
