// A bounded queue between exactly one producer thread and one consumer thread (Lamport 1983), with
// batched publication: the producer stages any number of items and publishes them by one store.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/base/assert.h"

namespace pollux {

inline constexpr size_t kCacheLine = 64;

template <typename T>
class SpscRing {
 public:
  // Capacity is a power of two.
  explicit SpscRing(size_t capacity) : mask_(capacity - 1), items_(new T[capacity]()) {
    POLLUX_ASSERT(std::has_single_bit(capacity));
  }

  // Producer. Stages one item; false if the ring is full. Not seen by the consumer until
  // publish().
  bool stage(T item) {
    if (staged_ - head_seen_ > mask_) {
      // acquire: pairs with the consumer's release in pop, so its reads of the slot are over.
      head_seen_ = head_.load(std::memory_order_acquire);
      if (staged_ - head_seen_ > mask_) {
        return false;
      }
    }
    items_[staged_ & mask_] = item;
    ++staged_;
    return true;
  }
  // Producer. Makes all staged items visible. seq_cst, because a sleeping consumer is found by
  // "store tail, then load its sleep flag" against its "store flag, then load tail" (Dekker).
  void publish() { tail_.store(staged_, std::memory_order_seq_cst); }
  bool has_staged() const { return staged_ != tail_.load(std::memory_order_relaxed); }

  // Consumer. False if nothing is there.
  bool pop(T& out) {
    if (taken_ == tail_seen_) {
      // acquire: pairs with publish, so the item's bytes are seen.
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (taken_ == tail_seen_) {
        return false;
      }
    }
    out = items_[taken_ & mask_];
    ++taken_;
    head_.store(taken_, std::memory_order_release);
    return true;
  }
  // Consumer. True if pop would fail. seq_cst: the second half of the sleeper's Dekker test.
  bool empty() const { return taken_ == tail_.load(std::memory_order_seq_cst); }

 private:
  alignas(kCacheLine) std::atomic<uint64_t> tail_{0};  // producer writes
  alignas(kCacheLine) uint64_t staged_ = 0;            // producer's own
  uint64_t head_seen_ = 0;
  alignas(kCacheLine) std::atomic<uint64_t> head_{0};  // consumer writes
  alignas(kCacheLine) uint64_t taken_ = 0;             // consumer's own
  uint64_t tail_seen_ = 0;
  const uint64_t mask_;
  std::unique_ptr<T[]> items_;
};

}  // namespace pollux
