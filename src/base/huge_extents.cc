#include "src/base/huge_extents.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>

namespace pollux {

namespace {

constexpr size_t kPage = HugePages::kPageBytes;

char* page_of(const void* address) {
  auto* const at = static_cast<char*>(const_cast<void*>(address));
  return at - reinterpret_cast<uintptr_t>(at) % kPage;
}

// Ordinary memory, aligned to a power of two; null at the end of memory.
void* map_ordinary(size_t bytes, size_t align) {
  constexpr size_t kSmall = 4096;
  const size_t slack = align > kSmall ? align - kSmall : 0;
  void* const memory = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, 0);
  if (memory == MAP_FAILED) {
    return nullptr;
  }
  auto* const begin = static_cast<char*>(memory);
  const size_t before = -reinterpret_cast<uintptr_t>(begin) & (align - 1);
  if (before != 0) {
    munmap(begin, before);
  }
  if (slack > before) {
    munmap(begin + before + bytes, slack - before);
  }
  return begin + before;
}

}  // namespace

// Those that are null do not succeed: all memory is committed, and none is given up lazily. The
// others return true where they refuse.
const extent_hooks_t HugeExtents::kCalls = {
    .alloc = [](extent_hooks_t* calls, void* at, size_t bytes, size_t align, bool* zeroed,
                bool* committed, unsigned /*arena*/) -> void* {
      *committed = true;
      return at != nullptr ? nullptr : of(calls).allocate(bytes, align, *zeroed);
    },
    .dalloc = [](extent_hooks_t* calls, void* extent, size_t bytes, bool /*committed*/,
                 unsigned /*arena*/) { return !of(calls).release(extent, bytes); },
    .destroy =
        [](extent_hooks_t* calls, void* extent, size_t bytes, bool /*committed*/,
           unsigned /*arena*/) {
          if (!of(calls).release(extent, bytes) && !of(calls).has(extent)) {
            munmap(extent, bytes);
          }
        },
    .commit = nullptr,
    .decommit = nullptr,
    .purge_lazy = nullptr,
    .purge_forced =
        [](extent_hooks_t* calls, void* extent, size_t /*bytes*/, size_t offset, size_t length,
           unsigned /*arena*/) {
          return of(calls).has(extent) ||
                 madvise(static_cast<char*>(extent) + offset, length, MADV_DONTNEED) != 0;
        },
    .split = [](extent_hooks_t* /*calls*/, void* /*extent*/, size_t /*bytes*/, size_t /*first*/,
                size_t /*second*/, bool /*committed*/, unsigned /*arena*/) { return false; },
    // Never over the end of a page: what is free of two neighbours would hide that one is whole.
    .merge =
        [](extent_hooks_t* calls, void* first, size_t /*bytes*/, void* second, size_t /*bytes*/,
           bool /*committed*/, unsigned /*arena*/) {
          return page_of(first) != page_of(second) &&
                 (of(calls).has(first) || of(calls).has(second));
        }};

HugeExtents::~HugeExtents() {
  for (char* const page : own_) {
    pages_.give_back(page, kPage);
  }
}

bool HugeExtents::create_arena(unsigned& arena) {
  extent_hooks_t* calls = &hooks_.calls;
  size_t size = sizeof arena;
  if (mallctl("arenas.create", &arena, &size, &calls, sizeof calls) != 0) {
    return false;
  }
  // Else each extent would be larger than the last, and none a page.
  char name[48];
  std::snprintf(name, sizeof name, "arena.%u.retain_grow_limit", arena);
  size_t grow_max = kPage;
  return mallctl(name, nullptr, nullptr, &grow_max, sizeof grow_max) == 0;
}

int64_t HugeExtents::bytes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(own_.size() * kPage);
}

void* HugeExtents::allocate(size_t bytes, size_t align, bool& zeroed) {
  zeroed = true;
  char* const page = bytes == kPage && align <= kPage ? pages_.take(kPage) : nullptr;
  if (page == nullptr) {
    return map_ordinary(bytes, align);
  }
  const std::lock_guard lock(mutex_);
  own_.insert(page);
  return page;
}

bool HugeExtents::release(void* extent, size_t bytes) {
  auto* const page = static_cast<char*>(extent);
  {
    const std::lock_guard lock(mutex_);
    if (bytes != kPage || own_.erase(page) == 0) {
      return false;
    }
  }
  pages_.give_back(page, kPage);
  return true;
}

bool HugeExtents::has(const void* address) const {
  const std::lock_guard lock(mutex_);
  return own_.contains(page_of(address));
}

}  // namespace pollux
