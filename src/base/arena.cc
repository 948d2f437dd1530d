#include "src/base/arena.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "src/base/assert.h"

#ifdef POLLUX_JEMALLOC
#include <jemalloc/jemalloc.h>

#include "src/base/huge_extents.h"

// jemalloc reads this name when the process starts (MALLOC_CONF in the environment still goes
// first). What is larger than 8 MiB would go back to the system as soon as it is freed, and a
// client's next large value would be a step of 8 ms for 10 MB, all for pages that are touched for
// the first time, instead of one. Larger slabs for powers of two were tried: 0.9 bytes less for an
// element of a list, but where 9 of 10 values of 4,000 bytes go in any order, 133 MB stayed instead
// of 32.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "oversize_threshold:0";
}
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

namespace {

// jemalloc's statistics are a snapshot, renewed by this.
void renew_stats() {
  uint64_t epoch = 1;
  size_t size = sizeof(epoch);
  mallctl("epoch", &epoch, &size, &epoch, size);
}

int64_t stat(const char* name) {
  size_t value = 0;
  size_t size = sizeof(value);
  POLLUX_ASSERT(mallctl(name, &value, &size, nullptr, 0) == 0);
  return static_cast<int64_t>(value);
}

}  // namespace

AllocatorStats allocator_stats() {
  renew_stats();
  return {stat("stats.allocated"), stat("stats.active"), stat("stats.resident")};
}

void purge_allocator() {
  // An arena that somebody else is purging at the moment, the allocator's own thread for example,
  // is passed over without a word, and that one may want to give back a part only.
  constexpr int kTries = 100;
  constexpr timespec kPause{0, 5'000'000};
  constexpr int64_t kFewPages = 256;  // freed meanwhile
  char purge[40];
  char left[40];
  std::snprintf(purge, sizeof(purge), "arena.%d.purge", MALLCTL_ARENAS_ALL);
  std::snprintf(left, sizeof(left), "stats.arenas.%d.pdirty", MALLCTL_ARENAS_ALL);
  for (int i = 0; i < kTries; ++i) {
    mallctl(purge, nullptr, nullptr, nullptr, 0);
    renew_stats();
    if (stat(left) < kFewPages) {
      return;
    }
    nanosleep(&kPause, nullptr);
  }
}

bool start_purge_thread() {
  const auto set = [](const char* name, auto value) {
    return mallctl(name, nullptr, nullptr, &value, sizeof value) == 0;
  };
  if (set("max_background_threads", size_t{1}) && set("background_thread", true)) {
    return true;
  }
  set("background_thread", false);  // or everybody would leave it to a thread that is not there
  return false;
}

std::string allocator_report() {
  std::string report;
  const auto append = [](void* to, const char* text) { *static_cast<std::string*>(to) += text; };
  malloc_stats_print(append, &report, nullptr);
  return report;
}

int64_t Arena::measured_bytes() const {
  renew_stats();
  int64_t bytes = 0;
  for (const char* size : {"small", "large"}) {
    char name[64];
    std::snprintf(name, sizeof(name), "stats.arenas.%u.%s.allocated", arena_, size);
    bytes += stat(name);
  }
  return bytes;
}

Arena::Arena(HugePages* pages) {
  size_t size = sizeof(unsigned);
  if (pages != nullptr) {
    extents_ = std::make_unique<HugeExtents>(*pages);
    POLLUX_ASSERT(extents_->create_arena(arena_));
  } else {
    POLLUX_ASSERT(mallctl("arenas.create", &arena_, &size, nullptr, 0) == 0);
  }
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
  if (extents_ != nullptr) {
    extents_->note(used_bytes_);
  }
  return memory;
}

void Arena::free(void* memory, size_t bytes) {
  used_bytes_ -= static_cast<int64_t>(usable(bytes));
  sdallocx(memory, std::max(bytes, kSmallest), free_flags_);
}

void Arena::tidy() {
  if (extents_ != nullptr && extents_->halved(used_bytes_)) {
    // Some hundred objects that wait there to be used again would keep as many huge pages.
    mallctl("tcache.flush", nullptr, nullptr, &cache_, sizeof(cache_));
  }
}

void* Arena::allocate_aligned(size_t bytes, size_t align) {
  const int flags = allocate_flags_ | static_cast<int>(MALLOCX_ALIGN(align));
  void* memory = mallocx(std::max(bytes, kSmallest), flags);
  if (memory == nullptr) [[unlikely]] {
    out_of_memory(bytes);
  }
  used_bytes_ += static_cast<int64_t>(nallocx(std::max(bytes, kSmallest), flags));
  if (extents_ != nullptr) {
    extents_->note(used_bytes_);
  }
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

AllocatorStats allocator_stats() { return {}; }
void purge_allocator() {}
bool start_purge_thread() { return true; }
std::string allocator_report() { return {}; }
int64_t Arena::measured_bytes() const { return used_bytes_; }

Arena::Arena(HugePages* /*pages*/) {}
void Arena::tidy() {}

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
