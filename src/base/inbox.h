// What any thread hands to one: a chain through the items themselves, pushed one by one and taken
// whole by its owner. It owns nothing, allocates nothing and has no limit; nobody ever waits.
//
// It is a stack (Treiber's), so what is taken comes newest first. Because the owner only ever takes
// all of it, no item returns to the chain under the eyes of a push, and there is no ABA.
#pragma once

#include <atomic>
#include <utility>

namespace pollux {

template <typename T, T* T::*kNext = &T::next>
class Inbox {
 public:
  Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Any thread. The item is the owner's from here on.
  void push(T& item) {
    T* newest = newest_.load(std::memory_order_relaxed);
    do {
      item.*kNext = newest;
      // seq_cst: releases the item to who takes it, and is the first half of "push, then look
      // whether the owner sleeps" (empty is the second).
    } while (!newest_.compare_exchange_weak(newest, &item, std::memory_order_seq_cst,
                                            std::memory_order_relaxed));
  }

  // The owner. The newest, linked to all older ones; null if there are none.
  T* take() {
    // relaxed: spares the owner the exclusive access while there is nothing.
    if (newest_.load(std::memory_order_relaxed) == nullptr) {
      return nullptr;
    }
    return newest_.exchange(nullptr, std::memory_order_acquire);  // pairs with push
  }

  // The owner. fn(item) for each, newest first; it may destroy the item or hand it on.
  template <typename Fn>
  void take_each(Fn&& fn) {
    for (T* item = take(); item != nullptr;) {
      fn(*std::exchange(item, item->*kNext));
    }
  }

  // The owner: nothing is there. seq_cst as the second half of "say that I sleep, then look".
  bool empty() const { return newest_.load(std::memory_order_seq_cst) == nullptr; }

 private:
  std::atomic<T*> newest_{nullptr};
};

}  // namespace pollux
