// Where one jemalloc arena has its memory, if not as jemalloc has it by itself: in huge pages as
// long as there are any. jemalloc asks for 2 MiB at a time and cuts them up; what is larger, for
// one large object, and what finds no page is ordinary memory.
//
// A page goes back to the kernel when jemalloc gives it up as a whole. Parts of one it keeps, as
// free memory of this arena: no part is purged, which the kernel could not do. The rest goes with
// the arena.
//
// Called by whoever holds the arena and by jemalloc's purging thread.
#pragma once

#include <jemalloc/jemalloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_set>

#include "src/base/huge_pages.h"

namespace pollux {

class HugeExtents {
 public:
  explicit HugeExtents(HugePages& pages) : pages_(pages) {}
  ~HugeExtents();  // Requires that the arena has gone.
  HugeExtents(const HugeExtents&) = delete;
  HugeExtents& operator=(const HugeExtents&) = delete;

  // A new arena with its memory here. False: jemalloc refuses.
  bool create_arena(unsigned& arena);
  // The holder: what is in use now. True each time that it is half, or less, of what it was at most
  // since then.
  void note(int64_t used_bytes) { peak_bytes_ = std::max(peak_bytes_, used_bytes); }
  bool halved(int64_t used_bytes) {
    if (used_bytes == peak_bytes_ || used_bytes * 2 > peak_bytes_) {
      return false;
    }
    peak_bytes_ = used_bytes;
    return true;
  }
  // Of pages that the arena has.
  int64_t bytes() const;

 private:
  // What jemalloc knows it by.
  struct Hooks {
    extent_hooks_t calls;
    HugeExtents* self;
  };
  static HugeExtents& of(extent_hooks_t* calls) { return *reinterpret_cast<Hooks*>(calls)->self; }
  static const extent_hooks_t kCalls;

  void* allocate(size_t bytes, size_t align, bool& zeroed);
  bool release(void* extent, size_t bytes);  // false: it is no page of ours
  bool has(const void* address) const;

  HugePages& pages_;
  Hooks hooks_{kCalls, this};
  int64_t peak_bytes_ = 0;
  mutable std::mutex mutex_;
  std::unordered_set<char*> own_;
};

}  // namespace pollux
