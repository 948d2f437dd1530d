// A doubly linked list of records that stand in an array, through the two indices inside them.
// Whoever has the array says with every call how an index becomes a record: `at(index)` returns a
// reference to something with `next` and `prev`. The list owns nothing.
#pragma once

#include <cstdint>

namespace pollux::tcp {

// No record, no connection.
inline constexpr uint32_t kNoIndex = ~uint32_t{0};

class IndexList {
 public:
  bool empty() const { return front_ == kNoIndex; }
  uint32_t front() const { return front_; }  // kNoIndex if it is empty
  uint32_t back() const { return back_; }

  // Requires that the record is in no list through these links.
  template <typename At>
  void push_back(uint32_t index, At at) {
    auto& record = at(index);
    record.prev = back_;
    record.next = kNoIndex;
    (back_ == kNoIndex ? front_ : at(back_).next) = index;
    back_ = index;
  }

  // Requires that the record is in this list.
  template <typename At>
  void remove(uint32_t index, At at) {
    const auto& record = at(index);
    (record.prev == kNoIndex ? front_ : at(record.prev).next) = record.next;
    (record.next == kNoIndex ? back_ : at(record.next).prev) = record.prev;
  }

 private:
  uint32_t front_ = kNoIndex;
  uint32_t back_ = kNoIndex;
};

}  // namespace pollux::tcp
