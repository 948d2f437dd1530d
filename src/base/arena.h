// One owner's memory: a jemalloc arena with a thread cache of its own, and an exact account of the
// bytes it has handed out. Not thread-safe; it belongs to whoever holds the shard or worker, and
// moves between threads with the hold. Under a sanitizer it is malloc, so every object is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace pollux {

class HugeExtents;
class HugePages;

class Arena {
 public:
  // `pages`, if any: where its memory comes from as long as there are such pages.
  explicit Arena(HugePages* pages = nullptr);
  ~Arena();  // Requires that all was freed (checked under sanitizers only).
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // At least `bytes` (> 0) bytes, 16-byte aligned. Never null: at the end of memory the process
  // ends with a message (limits are kept before commands begin, by the account).
  void* allocate(size_t bytes);
  // `align` is a power of two.
  void* allocate_aligned(size_t bytes, size_t align);
  // `bytes` (and `align`) as given to allocate.
  void free(void* memory, size_t bytes);
  void free_aligned(void* memory, size_t bytes, size_t align);
  // Now and then: of objects that were freed no more are kept to be used again than it is worth.
  void tidy();

  // What allocate(bytes) really takes: jemalloc's size class.
  static size_t usable(size_t bytes);

  // Sum of usable() over all live objects.
  int64_t used_bytes() const { return used_bytes_; }
  // What the allocator itself says of this arena, the cache's idle objects included: slow, for
  // checking the account. Equal to used_bytes where there is no jemalloc.
  int64_t measured_bytes() const;

 private:
  int64_t used_bytes_ = 0;
  [[maybe_unused]] unsigned arena_ = 0;  // these are jemalloc's; a build without it has no use
  [[maybe_unused]] unsigned cache_ = 0;
  [[maybe_unused]] int allocate_flags_ = 0;
  [[maybe_unused]] int free_flags_ = 0;
#ifdef POLLUX_JEMALLOC
  std::unique_ptr<HugeExtents> extents_;  // null: as jemalloc has it by itself
#endif
};

// What the allocator says of the whole process. Any thread; takes the locks of all arenas for a
// moment. Zeros where there is no jemalloc.
struct AllocatorStats {
  int64_t allocated = 0;  // handed out
  int64_t active = 0;     // in pages that hold something handed out
  int64_t resident = 0;   // in pages that may be in memory
};
AllocatorStats allocator_stats();

// Gives pages that nothing stands in back to the system, of all arenas. Any thread; takes as long
// as that takes (0.1 s for some GB; while others go on freeing, half a second more).
void purge_allocator();
// From now on a thread of the allocator does so, within seconds, and no other has to: without it
// pages go while their arena is in use only, by whoever uses it. Once, after the last fork, from a
// thread whose processors it may have. False if there is no thread to be had.
bool start_purge_thread();

// The allocator's own report (MEMORY MALLOC-STATS); empty where there is none.
std::string allocator_report();

}  // namespace pollux
