#include "src/base/page_warmer.h"

#include <sched.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "src/base/assert.h"

namespace pollux {

PageWarmer::~PageWarmer() { POLLUX_ASSERT(blocks_.empty()); }

void PageWarmer::run() {
  // Idle priority: a worker on the same processor goes first, at once. Should the kernel refuse,
  // the same work is done at the common priority.
  const sched_param none{};
  sched_setscheduler(0, SCHED_IDLE, &none);
  // acquire, here and below: pairs with ask, so that what is asked for is seen.
  uint32_t seen = asked_.load(std::memory_order_acquire);
  while (!stopping_.load(std::memory_order_acquire)) {
    work();
    asked_.wait(seen, std::memory_order_acquire);
    seen = asked_.load(std::memory_order_acquire);
  }
}

void PageWarmer::stop() {
  // release: with the acquire of run.
  stopping_.store(true, std::memory_order_release);
  ask();
}

// release: who sees the count sees what was asked for. A system call only if the thread sleeps.
void PageWarmer::ask() {
  asked_.fetch_add(1, std::memory_order_release);
  asked_.notify_one();
}

void PageWarmer::work() {
  for (WarmBlocks* blocks : blocks_) {
    blocks->work();
  }
}

WarmBlocks::WarmBlocks(size_t bytes, PageWarmer* warmer) : bytes_(bytes), warmer_(warmer) {
  POLLUX_ASSERT(bytes % kAlign == 0);
  if (warmer_ != nullptr) {
    warmer_->blocks_.push_back(this);
  }
}

WarmBlocks::~WarmBlocks() {
  POLLUX_ASSERT(out_ == 0);
  if (warmer_ != nullptr) {
    std::erase(warmer_->blocks_, this);
  }
  unmap_returned();
  // relaxed: the warmer has ended.
  char* ready = ready_.load(std::memory_order_relaxed);
  if (ready != nullptr && ready != wanted()) {
    munmap(ready, bytes_);
  }
}

char* WarmBlocks::take() {
  // acquire: pairs with the warmer's release; its touches are over.
  char* block = ready_.load(std::memory_order_acquire);
  const bool warm = block != nullptr && block != wanted();
  ++out_;
  if (warmer_ != nullptr && block != wanted() && (warm || out_ >= kReadyFrom)) {
    // relaxed: ask releases it.
    ready_.store(out_ >= kReadyFrom ? wanted() : nullptr, std::memory_order_relaxed);
    warmer_->ask();
  }
  if (!warm) {
    block = map();
  }
  if (block == nullptr) [[unlikely]] {
    std::fprintf(stderr, "Out of memory: could not map %zu bytes.\n", bytes_);
    std::abort();
  }
  return block;
}

void WarmBlocks::give_back(char* block) {
  --out_;
  // relaxed: the owner alone raises it, so it may only be told too many, which is the safe side.
  if (warmer_ == nullptr || returned_count_.load(std::memory_order_relaxed) >= kReturnedMax) {
    munmap(block, bytes_);
    return;
  }
  returned_count_.fetch_add(1, std::memory_order_relaxed);
  returned_.push(*new (block) Returned);
  warmer_->ask();
}

bool WarmBlocks::next_is_warm() const {
  // relaxed: only asks; take acquires.
  char* block = ready_.load(std::memory_order_relaxed);
  return block != nullptr && block != wanted();
}

char* WarmBlocks::map() const {
  void* memory =
      mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

void WarmBlocks::unmap_returned() {
  returned_.take_each([this](Returned& block) {
    munmap(&block, bytes_);
    returned_count_.fetch_sub(1, std::memory_order_relaxed);
  });
}

void WarmBlocks::work() {
  unmap_returned();
  // relaxed: that there is a request came with the count.
  if (ready_.load(std::memory_order_relaxed) != wanted()) {
    return;
  }
  char* block = map();
  if (block != nullptr) {
    // Page by page rather than by madvise(MADV_POPULATE_WRITE): that would hold the lock of the
    // address space for long, against an owner that maps memory.
    for (size_t at = 0; at < bytes_; at += kAlign) {
      *const_cast<volatile char*>(block + at) = 0;
    }
  }
  // release: the block is the owner's from here on. Without memory the owner will try, and say so.
  ready_.store(block, std::memory_order_release);
}

}  // namespace pollux
