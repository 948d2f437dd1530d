#include "src/base/page_warmer.h"

#include <sched.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "src/base/assert.h"

namespace pollux {

namespace {

// Makes pages resident that their owner may be writing to. Few at once: the lock of the address
// space would be held for long otherwise, against an owner that maps memory. A system that can't
// (Linux before 5.14) leaves it to the owner's own touch.
void populate(char* from, size_t bytes) {
  constexpr size_t kAtOnce = 4 * WarmBlocks::kAlign;
  for (size_t at = 0; at < bytes; at += kAtOnce) {
    if (madvise(from + at, std::min(kAtOnce, bytes - at), MADV_POPULATE_WRITE) != 0) {
      return;
    }
  }
}

}  // namespace

PageWarmer::~PageWarmer() { POLLUX_ASSERT(blocks_.empty()); }

void PageWarmer::run() {
  // Idle priority: a worker on the same processor goes first, at once. Should the kernel refuse,
  // the same work is done at the common priority.
  // (With huge pages it holds their lock, and the kernel's of this process' memory, while 2 MiB are
  // cleared, and workers may wait for both: so it is one of many there.)
  if (const sched_param none{}; huge_ == nullptr) {
    sched_setscheduler(0, SCHED_IDLE, &none);
  }
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

WarmBlocks::WarmBlocks(size_t bytes, PageWarmer* warmer, Warming warming)
    : bytes_(bytes), warmer_(warmer), warming_(warming) {
  POLLUX_ASSERT(bytes % (warming == Warming::kWhole ? kAlign : kPartBytes) == 0);
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
    unmap(ready);
  }
}

char* WarmBlocks::take() {
  // acquire: pairs with the warmer's release; its touches are over.
  char* block = ready_.load(std::memory_order_acquire);
  const bool warm = block != nullptr && block != wanted();
  ++out_;
  const bool growing = warmer_ != nullptr && out_ >= kReadyFrom;
  bool resident = false;
  if (warm) {
    // relaxed: the warmer looks for a wish only.
    ready_.store(nullptr, std::memory_order_relaxed);
  } else {
    block = map(resident);
  }
  if (block == nullptr) [[unlikely]] {
    std::fprintf(stderr, "Out of memory: could not map %zu bytes.\n", bytes_);
    std::abort();
  }
  if (growing && warming_ == Warming::kWhole) {
    ask_for_block();
  } else if (growing) {
    front_ = block;
    front_asked_ = warm ? ready_bytes_.load(std::memory_order_relaxed) : resident ? bytes_ : 0;
  }
  return block;
}

// One that is wanted already may be late; then it is for the next take.
void WarmBlocks::ask_for_block() {
  // relaxed, twice: ask releases them.
  if (ready_.load(std::memory_order_relaxed) == nullptr) {
    ready_bytes_.store(ahead_bytes(), std::memory_order_relaxed);
    ready_.store(wanted(), std::memory_order_relaxed);
    warmer_->ask();
  }
}

// A part further; near the end another block. Parts that the warmer has not come to are left out:
// the owner is faster and there already.
void WarmBlocks::ask_ahead(size_t used) {
  if (front_asked_ >= bytes_) {
    if (used + ahead_bytes() / 2 > bytes_) {
      front_ = nullptr;
      ask_for_block();
    }
    return;
  }
  front_asked_ = std::max(front_asked_, used / kPartBytes * kPartBytes);
  // relaxed: ask releases it.
  part_.store(front_ + front_asked_, std::memory_order_relaxed);
  front_asked_ += kPartBytes;
  warmer_->ask();
}

void WarmBlocks::give_back(char* block) {
  --out_;
  if (block == front_) {
    front_ = nullptr;
    // relaxed: should the warmer be with it already, it finds nothing there, or makes something
    // resident that came there since; neither does harm.
    part_.store(nullptr, std::memory_order_relaxed);
  }
  // relaxed: the owner alone raises it, so it may only be told too many, which is the safe side.
  if (warmer_ == nullptr || returned_count_.load(std::memory_order_relaxed) >= kReturnedMax) {
    unmap(block);
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

char* WarmBlocks::map(bool& resident) const {
  if (HugePages* const huge = huge_pages(); huge != nullptr) {
    if (char* const block = huge->take(bytes_); block != nullptr) {
      resident = true;
      return block;
    }
  }
  resident = false;
  void* memory =
      mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

void WarmBlocks::unmap(char* block) const {
  HugePages* const huge = huge_pages();
  if (huge == nullptr || !huge->give_back(block, bytes_)) {
    munmap(block, bytes_);
  }
}

void WarmBlocks::unmap_returned() {
  returned_.take_each([this](Returned& block) {
    unmap(reinterpret_cast<char*>(&block));
    returned_count_.fetch_sub(1, std::memory_order_relaxed);
  });
}

void WarmBlocks::work() {
  unmap_returned();
  // relaxed, here and below: that there is a request came with the count.
  char* const part = part_.exchange(nullptr, std::memory_order_relaxed);
  if (part != nullptr) {
    populate(part, kPartBytes);
  }
  if (ready_.load(std::memory_order_relaxed) != wanted()) {
    return;
  }
  bool resident = false;
  char* block = map(resident);
  if (resident) {
    // relaxed: the store below releases it. The owner asks for no part of such a block.
    ready_bytes_.store(bytes_, std::memory_order_relaxed);
  } else if (block != nullptr) {
    populate(block, std::min(ready_bytes_.load(std::memory_order_relaxed), bytes_));
  }
  // release: the block is the owner's from here on. Without memory the owner will try, and say so.
  ready_.store(block, std::memory_order_release);
}

}  // namespace pollux
