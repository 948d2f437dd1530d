// Who is due when: a binary heap that knows each item's place, so that one that is over before its
// time leaves in O(log n). An item has due_ms() and heap_place, kNotInHeap to begin with; it is not
// owned, and due_ms() must not change while it is in a heap. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "src/base/assert.h"

namespace pollux {

inline constexpr size_t kNotInHeap = SIZE_MAX;

template <typename Item>
class DeadlineHeap {
 public:
  void add(Item& item) {
    POLLUX_ASSERT(item.heap_place == kNotInHeap);
    heap_.push_back(&item);
    sift_up(heap_.size() - 1);
  }

  // Nothing if it is not there.
  void remove(Item& item) {
    const size_t place = std::exchange(item.heap_place, kNotInHeap);
    if (place == kNotInHeap) {
      return;
    }
    Item& last = *heap_.back();
    heap_.pop_back();
    if (&last != &item) {
      put(place, last);
      sift_up(place);
      sift_down(last.heap_place);
    }
  }

  // Who is due first; null if there is none.
  Item* first() const { return heap_.empty() ? nullptr : heap_.front(); }
  size_t size() const { return heap_.size(); }

 private:
  void put(size_t place, Item& item) {
    heap_[place] = &item;
    item.heap_place = place;
  }

  void sift_up(size_t place) {
    Item& item = *heap_[place];
    while (place > 0 && item.due_ms() < heap_[(place - 1) / 2]->due_ms()) {
      put(place, *heap_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    put(place, item);
  }

  void sift_down(size_t place) {
    Item& item = *heap_[place];
    for (;;) {
      size_t child = 2 * place + 1;
      if (child + 1 < heap_.size() && heap_[child + 1]->due_ms() < heap_[child]->due_ms()) {
        ++child;
      }
      if (child >= heap_.size() || heap_[child]->due_ms() >= item.due_ms()) {
        break;
      }
      put(place, *heap_[child]);
      place = child;
    }
    put(place, item);
  }

  std::vector<Item*> heap_;
};

}  // namespace pollux
