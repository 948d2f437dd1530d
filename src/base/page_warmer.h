// Memory that is resident before it is needed. The first touch of a page costs its toucher a fault:
// half a microsecond on bare metal, ten in a nested virtual machine, milliseconds when the host has
// to find the page first. So what a growing shard will take next is mapped and touched by a thread
// that nobody waits for, ahead of the need, and what a shard gives back is unmapped there.
// If that thread is late, the owner maps for itself: slower, but never blocked.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/base/huge_pages.h"
#include "src/base/inbox.h"

namespace pollux {

class WarmBlocks;

class PageWarmer {
 public:
  PageWarmer() = default;
  ~PageWarmer();  // Requires that all WarmBlocks have gone.
  PageWarmer(const PageWarmer&) = delete;
  PageWarmer& operator=(const PageWarmer&) = delete;

  // Blocks come from there as long as there are such pages. Before any WarmBlocks.
  void use(HugePages& huge) { huge_ = &huge; }
  HugePages* huge_pages() const { return huge_; }

  // The body of the thread: sleeps, and does what it is asked to, until stop. It runs when its
  // processor has nothing else to do. WarmBlocks come before run begins and go after it has ended.
  void run();
  void stop();  // Any thread.

  // Does what waits now; for run, and for tests in its place.
  void work();

 private:
  friend class WarmBlocks;
  void ask();

  HugePages* huge_ = nullptr;
  std::vector<WarmBlocks*> blocks_;
  std::atomic<uint32_t> asked_{0};  // counts requests; the thread sleeps while it stays the same
  std::atomic<bool> stopping_{false};
};

// How a block is made resident.
enum class Warming {
  kWhole,    // before it is handed out, all of it
  kInParts,  // its beginning before, the rest while it is filled from its beginning on (reach)
};

// Blocks of one size, straight from the system: from huge pages, if there are, else of its own
// mapping each. One owner at a time, beside the warmer's thread.
class WarmBlocks {
 public:
  static constexpr size_t kAlign = 4096;  // a page of the system
  // In parts, so much is resident ahead of the need: a share of all that is handed out, as what
  // is ahead is resident and unused, between a part and a block.
  static constexpr size_t kAheadShare = 128;
  static constexpr size_t kPartBytes = 128 << 10;
  // With so many blocks handed out one more is kept ready: a small shard stays small.
  static constexpr size_t kReadyFrom = 8;
  // So many blocks that were given back may wait for the warmer, which may be kept off its
  // processor for long; beyond that the owner unmaps for itself, so that memory stays bounded.
  static constexpr size_t kReturnedMax = 4;

  // `bytes` is a multiple of kAlign, in parts of kPartBytes. Without a warmer the owner maps and
  // unmaps for itself.
  WarmBlocks(size_t bytes, PageWarmer* warmer, Warming warming);
  ~WarmBlocks();  // Requires that all blocks were given back.
  WarmBlocks(const WarmBlocks&) = delete;
  WarmBlocks& operator=(const WarmBlocks&) = delete;

  // A block whose bytes are zero, aligned to kAlign. Never null: at the end of memory the process
  // ends with a message (limits are kept before commands begin, by the account).
  char* take();
  void give_back(char* block);
  // Of the block taken last, the first `used` bytes are needed now: what follows may be soon.
  void reach(const char* block, size_t used) {
    if (block == front_ && used + ahead_bytes() > front_asked_) {
      ask_ahead(used);
    }
  }

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

  size_t ahead_bytes() const {
    return warming_ == Warming::kWhole
               ? bytes_
               : std::clamp(out_ * bytes_ / kAheadShare, kPartBytes, bytes_);
  }
  void ask_ahead(size_t used);
  void ask_for_block();
  HugePages* huge_pages() const {
    return warmer_ != nullptr && HugePages::has_blocks_of(bytes_) ? warmer_->huge_ : nullptr;
  }
  // Null at the end of memory. `resident`: all of it is, as huge pages are.
  char* map(bool& resident) const;
  void unmap(char* block) const;
  void unmap_returned();
  void work();  // the warmer's

  const size_t bytes_;
  PageWarmer* const warmer_;
  const Warming warming_;
  size_t out_ = 0;
  // The block that is being filled in parts, until its successor is asked for (none while the shard
  // is small), and how much of it is resident or asked for.
  char* front_ = nullptr;
  size_t front_asked_ = 0;
  // The part of it that the warmer has not begun with.
  std::atomic<char*> part_{nullptr};
  std::atomic<size_t> ready_bytes_{0};  // of the next block, what is to be resident
  // The next block: asked for by the owner, put there by the warmer, taken by the owner.
  std::atomic<char*> ready_{nullptr};
  std::atomic<size_t> returned_count_{0};  // of the blocks in the list below
  Inbox<Returned> returned_;  // from the owner to the warmer
};

}  // namespace pollux
