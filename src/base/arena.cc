#include "src/base/arena.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>

#include "src/base/assert.h"

#ifdef POLLUX_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace pollux {

namespace {

// jemalloc's class of 8 bytes is aligned to 8 only; from 16 on every class is aligned to 16.
constexpr size_t kSmallest = 16;

[[noreturn]] void out_of_memory(size_t bytes) {
  std::fprintf(stderr, "Out of memory: could not allocate %zu bytes.\n", bytes);
  std::abort();
}

constexpr size_t round_up(size_t bytes, size_t step) {
  return (bytes + step - 1) & ~(step - 1);
}

}  // namespace

#ifdef POLLUX_JEMALLOC

Arena::Arena() {
  size_t size = sizeof(unsigned);
  POLLUX_ASSERT(mallctl("arenas.create", &arena_, &size, nullptr, 0) == 0);
  size = sizeof(unsigned);
  POLLUX_ASSERT(mallctl("tcache.create", &cache_, &size, nullptr, 0) == 0);
  allocate_flags_ = static_cast<int>(MALLOCX_ARENA(arena_) | MALLOCX_TCACHE(cache_));
  free_flags_ = static_cast<int>(MALLOCX_TCACHE(cache_));
}

Arena::~Arena() {
  POLLUX_ASSERT(mallctl("tcache.destroy", nullptr, nullptr, &cache_, sizeof(cache_)) == 0);
  char name[40];
  std::snprintf(name, sizeof(name), "arena.%u.destroy", arena_);
  POLLUX_ASSERT(mallctl(name, nullptr, nullptr, nullptr, 0) == 0);
}

void* Arena::allocate(size_t bytes) {
  void* memory = mallocx(std::max(bytes, kSmallest), allocate_flags_);
  if (memory == nullptr) [[unlikely]] {
    out_of_memory(bytes);
  }
  used_bytes_ += static_cast<int64_t>(usable(bytes));
  return memory;
}

void Arena::free(void* memory, size_t bytes) {
  used_bytes_ -= static_cast<int64_t>(usable(bytes));
  sdallocx(memory, std::max(bytes, kSmallest), free_flags_);
}

void* Arena::allocate_aligned(size_t bytes, size_t align) {
  const int flags = allocate_flags_ | static_cast<int>(MALLOCX_ALIGN(align));
  void* memory = mallocx(std::max(bytes, kSmallest), flags);
  if (memory == nullptr) [[unlikely]] {
    out_of_memory(bytes);
  }
  used_bytes_ += static_cast<int64_t>(nallocx(std::max(bytes, kSmallest), flags));
  return memory;
}

void Arena::free_aligned(void* memory, size_t bytes, size_t align) {
  const int flags = free_flags_ | static_cast<int>(MALLOCX_ALIGN(align));
  used_bytes_ -= static_cast<int64_t>(nallocx(std::max(bytes, kSmallest), flags));
  sdallocx(memory, std::max(bytes, kSmallest), flags);
}

// Computed rather than asked for (nallocx), as it is on the path of every write: steps of 16 up to
// 128 bytes, then four classes to each power of two. The test holds it against nallocx.
size_t Arena::usable(size_t bytes) {
  constexpr size_t kLinearMax = 128;
  if (bytes <= kLinearMax) {
    return round_up(std::max(bytes, kSmallest), kSmallest);
  }
  const int step_bits = std::bit_width(bytes - 1) - 3;
  return round_up(bytes, size_t{1} << step_bits);
}

#else

Arena::Arena() = default;

Arena::~Arena() {
#ifdef __SANITIZE_ADDRESS__
  POLLUX_ASSERT(used_bytes_ == 0);
#endif
}

void* Arena::allocate(size_t bytes) {
  void* memory = std::malloc(bytes);
  if (memory == nullptr) [[unlikely]] {
    out_of_memory(bytes);
  }
  used_bytes_ += static_cast<int64_t>(usable(bytes));
  return memory;
}

void Arena::free(void* memory, size_t bytes) {
  used_bytes_ -= static_cast<int64_t>(usable(bytes));
  std::free(memory);
}

void* Arena::allocate_aligned(size_t bytes, size_t align) {
  const size_t size = round_up(bytes, std::max(align, kSmallest));
  void* memory = std::aligned_alloc(std::max(align, kSmallest), size);
  if (memory == nullptr) [[unlikely]] {
    out_of_memory(bytes);
  }
  used_bytes_ += static_cast<int64_t>(size);
  return memory;
}

void Arena::free_aligned(void* memory, size_t bytes, size_t align) {
  used_bytes_ -= static_cast<int64_t>(round_up(bytes, std::max(align, kSmallest)));
  std::free(memory);
}

size_t Arena::usable(size_t bytes) {
  return round_up(std::max(bytes, kSmallest), kSmallest);
}

#endif

}  // namespace pollux
