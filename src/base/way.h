// From one thread to one other, and back: items of the first, which the second gives back when it
// is done with them. So none is allocated on the way, and a way that is full is full.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "src/base/assert.h"
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
  // All that came back, where nothing else is to be done with it.
  void take_back() {
    while (Item* const item = returned()) {
      put_away(*item);
    }
  }

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

// Several that end at one thread, which takes from each in turn.
template <typename Item>
class Ways {
 public:
  Ways(size_t ways, size_t items) {
    for (size_t i = 0; i < ways; ++i) {
      ways_.push_back(std::make_unique<Way<Item>>(items));
    }
  }
  size_t size() const { return ways_.size(); }
  Way<Item>& operator[](size_t i) { return *ways_[i]; }

  // --- where they end ---
  bool empty() const {
    return std::ranges::all_of(ways_, [](const auto& way) { return way->empty(); });
  }
  // Null: there is none. done() with each.
  Item* next() {
    POLLUX_ASSERT(taken_ == nullptr);
    for (size_t i = 0; i < ways_.size() && taken_ == nullptr; ++i) {
      from_ = next_;
      next_ = (next_ + 1) % ways_.size();
      taken_ = ways_[from_]->receive();
    }
    return taken_;
  }
  void done() {
    ways_[from_]->give_back(*std::exchange(taken_, nullptr));
    ways_[from_]->publish_back();
  }

 private:
  std::vector<std::unique_ptr<Way<Item>>> ways_;
  size_t next_ = 0;  // which is asked next
  size_t from_ = 0;  // where what is taken comes from
  Item* taken_ = nullptr;
};

}  // namespace pollux
