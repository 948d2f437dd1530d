// Memory that is resident before it is needed. The first touch of a page costs its toucher a fault:
// half a microsecond on bare metal, ten in a nested virtual machine, milliseconds when the host has
// to find the page first. So what a growing shard will take next is mapped and touched by a thread
// that nobody waits for, a block ahead of the need, and what a shard gives back is unmapped there.
// If that thread is late, the owner maps for itself: slower, but never blocked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/base/inbox.h"

namespace pollux {

class WarmBlocks;

class PageWarmer {
 public:
  PageWarmer() = default;
  ~PageWarmer();  // Requires that all WarmBlocks have gone.
  PageWarmer(const PageWarmer&) = delete;
  PageWarmer& operator=(const PageWarmer&) = delete;

  // The body of the thread: sleeps, and does what it is asked to, until stop. It runs when its
  // processor has nothing else to do. WarmBlocks come before run begins and go after it has ended.
  void run();
  void stop();  // Any thread.

  // Does what waits now; for run, and for tests in its place.
  void work();

 private:
  friend class WarmBlocks;
  void ask();

  std::vector<WarmBlocks*> blocks_;
  std::atomic<uint32_t> asked_{0};  // counts requests; the thread sleeps while it stays the same
  std::atomic<bool> stopping_{false};
};

// Blocks of one size, straight from the system. One owner at a time, beside the warmer's thread.
class WarmBlocks {
 public:
  static constexpr size_t kAlign = 4096;  // a page of the system
  // With so many blocks handed out one more is kept ready: a small shard stays small.
  static constexpr size_t kReadyFrom = 8;
  // So many blocks that were given back may wait for the warmer, which may be kept off its
  // processor for long; beyond that the owner unmaps for itself, so that memory stays bounded.
  static constexpr size_t kReturnedMax = 4;

  // `bytes` is a multiple of kAlign. Without a warmer the owner maps and unmaps for itself.
  WarmBlocks(size_t bytes, PageWarmer* warmer);
  ~WarmBlocks();  // Requires that all blocks were given back.
  WarmBlocks(const WarmBlocks&) = delete;
  WarmBlocks& operator=(const WarmBlocks&) = delete;

  // A block whose bytes are zero, aligned to kAlign. Never null: at the end of memory the process
  // ends with a message (limits are kept before commands begin, by the account).
  char* take();
  void give_back(char* block);

  // Of the blocks that are handed out.
  int64_t bytes() const { return static_cast<int64_t>(out_ * bytes_); }
  // True if the next take gets a block that is resident.
  bool next_is_warm() const;

 private:
  friend class PageWarmer;

  // The first bytes of a block that was given back.
  struct Returned {
    Returned* next;
  };
  // In ready_: the owner wants a block. Any other value is a block, or null.
  static char* wanted() { return reinterpret_cast<char*>(uintptr_t{1}); }

  char* map() const;  // null at the end of memory
  void unmap_returned();
  void work();  // the warmer's

  const size_t bytes_;
  PageWarmer* const warmer_;
  size_t out_ = 0;
  // The next block: asked for by the owner, put there by the warmer, taken by the owner.
  std::atomic<char*> ready_{nullptr};
  std::atomic<size_t> returned_count_{0};  // of the blocks in the list below
  Inbox<Returned> returned_;  // from the owner to the warmer
};

}  // namespace pollux
