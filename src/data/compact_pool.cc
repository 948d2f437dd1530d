#include "src/data/compact_pool.h"

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(0)
#endif

namespace pollux {

namespace {

// Sizes pass slabs to each other through these; more go back to the system.
constexpr size_t kSpareSlabsMax = 4;
// Of a small pool even fewer, since they are resident: one for so many in use, at least one.
constexpr size_t kSlabsPerSpare = 32;

}  // namespace

CompactPool::~CompactPool() {
  for (Size& size : sizes_) {
    POLLUX_ASSERT(size.blocks == 0);
  }
  for (char* slab : spare_slabs_) {
    ASAN_UNPOISON_MEMORY_REGION(slab, kSlabBytes);
    slab_memory_.give_back(slab);
  }
}

void* CompactPool::allocate(size_t size) {
  Size& of = sizes_[size];
  if (of.blocks == of.slabs.size() * blocks_per_slab(size)) {
    if (spare_slabs_.empty()) {
      char* slab = slab_memory_.take();
      ASAN_POISON_MEMORY_REGION(slab, kSlabBytes);
      spare_slabs_.push_back(slab);
    }
    of.slabs.push_back(spare_slabs_.back());
    spare_slabs_.pop_back();
  }
  char* block = address(size, of.blocks++);
  ASAN_UNPOISON_MEMORY_REGION(block, kBlockBytes[size]);
  return block;
}

void CompactPool::free(void* block, size_t size) {
  Size& of = sizes_[size];
  POLLUX_ASSERT(of.blocks > 0);
  char* last = address(size, --of.blocks);
  if (last != block) {
    std::memcpy(block, last, kBlockBytes[size]);
    moved_(block);
  }
  ASAN_POISON_MEMORY_REGION(last, kBlockBytes[size]);
  if (of.blocks % blocks_per_slab(size) != 0) {
    return;
  }
  char* slab = of.slabs.back();
  of.slabs.pop_back();
  const size_t slabs = static_cast<size_t>(mapped_bytes()) / kSlabBytes;
  if (spare_slabs_.size() < std::clamp(slabs / kSlabsPerSpare, size_t{1}, kSpareSlabsMax)) {
    spare_slabs_.push_back(slab);
    return;
  }
  ASAN_UNPOISON_MEMORY_REGION(slab, kSlabBytes);
  slab_memory_.give_back(slab);
}

bool CompactPool::is_last(const void* block, size_t size) const {
  return address(size, sizes_[size].blocks - 1) == block;
}

int64_t CompactPool::used_bytes() const {
  size_t bytes = 0;
  for (size_t size = 0; size < kSizes; ++size) {
    bytes += sizes_[size].blocks * kBlockBytes[size];
  }
  return static_cast<int64_t>(bytes);
}

char* CompactPool::address(size_t size, size_t index) const {
  const size_t per_slab = blocks_per_slab(size);
  return sizes_[size].slabs[index / per_slab] + index % per_slab * kBlockBytes[size];
}

}  // namespace pollux
