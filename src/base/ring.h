// A queue of pointers between exactly one producer thread and one consumer thread, with batched
// publication. A slot says by itself whether it is filled: beside the pointer it holds one bit, the
// parity of the producer's lap. So an item costs one cache line on its way, and the consumer writes
// nothing: with indices that both sides read (Lamport 1983) the producer's index, the slot and, at
// times, the consumer's index each travel, one after the other.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "src/base/assert.h"

namespace pollux {

inline constexpr size_t kCacheLine = 64;

// What was stored before it is seen by all before anything after it is loaded.
inline void full_fence() {
#ifdef __SANITIZE_THREAD__
  // It knows no fences. This is the same instruction, a locked one.
  std::atomic<int> here{0};
  here.exchange(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

template <typename T>
class PointerRing {
 public:
  // Capacity is a power of two. The user sees to it that never more items are under way: they come
  // from a pool of at most that size, and an item goes back to it only after it was popped.
  explicit PointerRing(size_t capacity)
      : lap_shift_(std::countr_zero(capacity)),
        mask_(capacity - 1),
        slots_(new Line[(capacity + kSlotsPerLine - 1) / kSlotsPerLine]) {
    POLLUX_ASSERT(std::has_single_bit(capacity));
    static_assert(alignof(T) >= 2, "the lowest bit of the address is the lap's");
    staged_.reserve(capacity);
  }

  // Producer. Not seen by the consumer until publish().
  void stage(T* item) {
    POLLUX_ASSERT(staged_.size() <= mask_);
    staged_.push_back(item);
  }
  // Producer. Makes all staged items visible, in order. A sleeping consumer is found by "store the
  // items, then load its sleep flag" against its "store the flag, then load the slot" (Dekker).
  void publish() {
    for (T* item : staged_) {
      // release: the item's bytes are seen by who sees the slot. Not seq_cst: that would ask for
      // the slot's cache line only after all stores before it are done; the fence costs that once,
      // and behind the items' backs.
      slot(put_).store(reinterpret_cast<uintptr_t>(item) | filled(put_),
                       std::memory_order_release);
      ++put_;
    }
    staged_.clear();
    full_fence();
  }
  bool has_staged() const { return !staged_.empty(); }

  // Consumer. Null if nothing is there.
  T* pop() {
    // acquire: pairs with publish.
    const uintptr_t seen = slot(taken_).load(std::memory_order_acquire);
    if ((seen & 1) != filled(taken_)) {
      return nullptr;
    }
    ++taken_;
    return reinterpret_cast<T*>(seen & ~uintptr_t{1});
  }
  // Consumer. True if pop would fail. seq_cst: the second half of the sleeper's Dekker test.
  bool empty() const {
    return (slot(taken_).load(std::memory_order_seq_cst) & 1) != filled(taken_);
  }

 private:
  static constexpr size_t kSlotsPerLine = kCacheLine / sizeof(std::atomic<uintptr_t>);
  struct alignas(kCacheLine) Line {
    std::atomic<uintptr_t> slots[kSlotsPerLine]{};  // 0: not filled in the first lap
  };

  std::atomic<uintptr_t>& slot(uint64_t index) const {
    const uint64_t at = index & mask_;
    return slots_[at / kSlotsPerLine].slots[at % kSlotsPerLine];
  }
  // The bit of a slot that is filled in this lap: 1, 0, 1, ...
  uintptr_t filled(uint64_t index) const { return ~(index >> lap_shift_) & 1; }

  const int lap_shift_;
  const uint64_t mask_;
  const std::unique_ptr<Line[]> slots_;
  alignas(kCacheLine) uint64_t put_ = 0;  // producer's own
  std::vector<T*> staged_;
  alignas(kCacheLine) uint64_t taken_ = 0;  // consumer's own
};

}  // namespace pollux
