// Blocks of a few sizes that are always dense: when one is freed, the last block of its size moves
// into the hole and its owner is told. So a population of blocks that changes its sizes all the
// time, as the segments of growing key tables do, leaves no holes, where an allocator that can't
// move things would keep up to half a size's memory for its stragglers. A free costs a copy of one
// block. Belongs to the holder of the shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/base/page_warmer.h"

namespace pollux {

class CompactPool {
 public:
  static constexpr size_t kSlabBytes = 256 << 10;
  static constexpr size_t kSizes = 7;
  // In bytes, ascending; each divides a slab with at most 3 % left over.
  static constexpr std::array<size_t, kSizes> kBlockBytes = {
      8 << 10, 9 << 10, 10 << 10, 11 << 10, 12 << 10, 14 << 10, 16 << 10};

  // Called with the new place of a block that has moved.
  using Moved = void (*)(void* block);

  // `warmer`, if any, makes slabs resident ahead of their use.
  CompactPool(Moved moved, PageWarmer* warmer)
      : slab_memory_(kSlabBytes, warmer, Warming::kWhole), moved_(moved) {}
  ~CompactPool();
  CompactPool(const CompactPool&) = delete;
  CompactPool& operator=(const CompactPool&) = delete;

  // A block of kBlockBytes[size], aligned to 64. Moves nothing.
  void* allocate(size_t size);
  // May move one other block of this size.
  void free(void* block, size_t size);
  // True if freeing this block moves none, and the freeing of any other of its size moves it.
  bool is_last(const void* block, size_t size) const;

  // Bytes of the blocks in use, and of the slabs they stand in.
  int64_t used_bytes() const;
  int64_t mapped_bytes() const { return slab_memory_.bytes(); }

 private:
  struct Size {
    std::vector<char*> slabs;
    size_t blocks = 0;
  };
  static constexpr size_t blocks_per_slab(size_t size) { return kSlabBytes / kBlockBytes[size]; }
  char* address(size_t size, size_t index) const;

  WarmBlocks slab_memory_;
  const Moved moved_;
  std::array<Size, kSizes> sizes_;
  std::vector<char*> spare_slabs_;
};

}  // namespace pollux
