// An array with room at both ends: push and pop there take constant time, an insert or erase in the
// middle moves the shorter side if there is room on it. What a list's nodes stand in.
//
// The array is itself only a view of a block of the arena, moved by its bytes, so that arrays stand
// in arrays: whoever holds it calls release() at the end. Belongs to the holder of the shard.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "src/base/arena.h"

namespace pollux {

template <typename T>
class TwoEndedArray {
  static_assert(std::is_trivially_copyable_v<T>, "elements move by their bytes");

 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return slots_[begin_ + i]; }
  const T& operator[](size_t i) const { return slots_[begin_ + i]; }
  T& front() { return slots_[begin_]; }
  T& back() { return slots_[begin_ + size_ - 1]; }
  const T& front() const { return slots_[begin_]; }
  const T& back() const { return slots_[begin_ + size_ - 1]; }
  // The elements, until the next change.
  const T* data() const { return slots_ + begin_; }

  // `value` becomes number `at`. A reference to an element may be gone afterwards.
  void insert(Arena& arena, size_t at, const T& value) {
    const T copy = value;
    const bool at_front = at < size_ - at;
    if (at_front ? begin_ == 0 : begin_ + size_ == capacity_) {
      make_room(arena, at_front);
    }
    if (at_front) {
      --begin_;
      move(0, 1, at);
    } else {
      move(at + 1, at, size_ - at);
    }
    ++size_;
    slots_[begin_ + at] = copy;
  }
  void push_back(Arena& arena, const T& value) { insert(arena, size_, value); }

  void erase(size_t at) {
    if (at < size_ / 2) {
      move(1, 0, at);
      ++begin_;
    } else {
      move(at, at + 1, size_ - at - 1);
    }
    --size_;
  }

  // Gives the block back; the array is empty then.
  void release(Arena& arena) {
    if (slots_ != nullptr) {
      arena.free(slots_, capacity_ * sizeof(T));
    }
    *this = {};
  }
  // As the arena rounds it.
  size_t bytes() const { return slots_ == nullptr ? 0 : Arena::usable(capacity_ * sizeof(T)); }

 private:
  static constexpr uint32_t kCapacityMin = 4;

  // Elements from number `from` on to number `to`.
  void move(size_t to, size_t from, size_t count) {
    if (count > 0) {
      std::memmove(static_cast<void*>(slots_ + begin_ + to), slots_ + begin_ + from,
                   count * sizeof(T));
    }
  }

  // A block that is an eighth empty is enough: its room is divided anew, half for each end. So a
  // queue, which fills one end and empties the other, does not grow.
  void make_room(Arena& arena, bool at_front) {
    if (capacity_ - size_ > capacity_ / 8) {
      const uint32_t room = capacity_ - size_;
      const uint32_t begin = at_front ? room - room / 2 : room / 2;
      std::memmove(static_cast<void*>(slots_ + begin), slots_ + begin_, size_ * sizeof(T));
      begin_ = begin;
      return;
    }
    const uint32_t capacity = std::max(kCapacityMin, capacity_ * 2);
    T* const slots = static_cast<T*>(arena.allocate(capacity * sizeof(T)));
    const uint32_t begin = at_front ? capacity - size_ : 0;
    if (slots_ != nullptr) {
      std::memcpy(static_cast<void*>(slots + begin), slots_ + begin_, size_ * sizeof(T));
      arena.free(slots_, capacity_ * sizeof(T));
    }
    slots_ = slots;
    capacity_ = capacity;
    begin_ = begin;
  }

  T* slots_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t begin_ = 0;
  uint32_t size_ = 0;
};

}  // namespace pollux
