// From one thread to one other, and back: items of the first, which the second gives back when it
// is done with them. So none is allocated on the way, and a way that is full is full.
#pragma once

#include <cstddef>
#include <vector>

#include "src/base/ring.h"

namespace pollux {

template <typename Item>
class Way {
 public:
  // A power of two.
  explicit Way(size_t items) : items_(items), there_(items), back_(items) {
    free_.reserve(items);
    for (Item& item : items_) {
      free_.push_back(&item);
    }
  }

  // --- whose they are ---
  // Null: all are out.
  Item* take() {
    if (free_.empty()) {
      return nullptr;
    }
    Item* const item = free_.back();
    free_.pop_back();
    return item;
  }
  void send(Item& item) { there_.stage(&item); }
  // What was sent can be received. True: there was something.
  bool publish() {
    const bool staged = there_.has_staged();
    if (staged) {
      there_.publish();
    }
    return staged;
  }
  // The next that came back, or null; put_away() follows.
  Item* returned() { return back_.pop(); }
  void put_away(Item& item) { free_.push_back(&item); }

  // --- the other one ---
  Item* receive() { return there_.pop(); }
  bool empty() const { return there_.empty(); }
  void give_back(Item& item) { back_.stage(&item); }
  void publish_back() {
    if (back_.has_staged()) {
      back_.publish();
    }
  }

 private:
  std::vector<Item> items_;
  std::vector<Item*> free_;
  PointerRing<Item> there_;
  PointerRing<Item> back_;
};

}  // namespace pollux
