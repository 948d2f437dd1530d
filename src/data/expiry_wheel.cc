#include "src/data/expiry_wheel.h"

#include <algorithm>
#include <bit>
#include <climits>

#include "src/base/assert.h"

namespace pollux {

// Links: `next` is a handle or kNoHandle, `prev` a handle or, for the first of a slot, a mark that
// is no block and names the slot; so an entry leaves without being searched for.

template <typename Timer>
void TimerWheel<Timer>::schedule(Handle handle) {
  const int64_t at_ms = expiry_of(handle).at_ms;
  // What is already past counts as due at once.
  const uint64_t at = std::max(at_ms < 0 ? 0 : static_cast<uint64_t>(at_ms), time_);
  const uint64_t differs = at ^ time_;
  const unsigned level =
      differs == 0 ? 0 : static_cast<unsigned>(std::bit_width(differs) - 1) / kDigitBits;
  const unsigned digit = (at >> (level * kDigitBits)) % kSlots;
  link(handle, level * kSlots + digit);
  ++size_;
}

template <typename Timer>
void TimerWheel<Timer>::link(Handle handle, uint32_t slot) {
  Entry::Expiry& expiry = expiry_of(handle);
  const Handle first = first_[slot];
  expiry.prev = EntryHeap::not_a_block(slot);
  expiry.next = first;
  if (first != kNoHandle) {
    expiry_of(first).prev = handle;
  }
  first_[slot] = handle;
  slots_in_use_[slot / kSlots] |= uint64_t{1} << (slot % kSlots);
  levels_in_use_ |= 1U << (slot / kSlots);
}

template <typename Timer>
void TimerWheel<Timer>::unschedule(Handle handle) {
  const Entry::Expiry& expiry = expiry_of(handle);
  if (expiry.next != kNoHandle) {
    expiry_of(expiry.next).prev = expiry.prev;
  }
  if (EntryHeap::is_block(expiry.prev)) {
    expiry_of(expiry.prev).next = expiry.next;
  } else {
    const uint32_t slot = EntryHeap::not_a_block_index(expiry.prev);
    first_[slot] = expiry.next;
    if (expiry.next == kNoHandle) {
      const uint32_t level = slot / kSlots;
      slots_in_use_[level] &= ~(uint64_t{1} << (slot % kSlots));
      if (slots_in_use_[level] == 0) {
        levels_in_use_ &= ~(1U << level);
      }
      if (slot == moving_) {
        moving_ = kNoSlot;
      }
    }
  }
  --size_;
}

template <typename Timer>
void TimerWheel<Timer>::moved(Handle to) {
  const Entry::Expiry& expiry = expiry_of(to);
  if (expiry.next != kNoHandle) {
    expiry_of(expiry.next).prev = to;
  }
  if (EntryHeap::is_block(expiry.prev)) {
    expiry_of(expiry.prev).next = to;
  } else {
    first_[EntryHeap::not_a_block_index(expiry.prev)] = to;
  }
}

template <typename Timer>
uint32_t TimerWheel<Timer>::first_slot(uint64_t& begins) const {
  const unsigned level = static_cast<unsigned>(std::countr_zero(levels_in_use_));
  POLLUX_ASSERT(level < kLevels);
  const unsigned digit = static_cast<unsigned>(std::countr_zero(slots_in_use_[level]));
  const unsigned shift = level * kDigitBits;
  const unsigned above = shift + kDigitBits;
  const uint64_t prefix = above >= 64 ? 0 : time_ >> above << above;
  begins = prefix | uint64_t{digit} << shift;
  return level * kSlots + digit;
}

template <typename Timer>
Handle TimerWheel<Timer>::next_due(int64_t limit_ms, int64_t& steps) {
  const uint64_t limit = limit_ms < 0 ? 0 : static_cast<uint64_t>(limit_ms);
  while (size_ > 0) {
    if (moving_ == kNoSlot) {
      uint64_t begins = 0;
      const uint32_t slot = first_slot(begins);
      if (begins > limit) {
        break;
      }
      // No entry lies between the wheel's time and this slot, so all keep their places.
      time_ = begins;
      if (slot < kSlots) {
        return first_[slot];
      }
      moving_ = slot;
    }
    // The wheel stands at the beginning of this slot: its entries belong to lower levels now.
    // Nothing else happens until they are all there, or the order would be lost.
    while (moving_ != kNoSlot) {
      if (steps-- <= 0) {
        return kNoHandle;
      }
      const Handle handle = first_[moving_];
      unschedule(handle);
      schedule(handle);
    }
  }
  time_ = std::max(time_, limit);
  return kNoHandle;
}

template <typename Timer>
int64_t TimerWheel<Timer>::next_ms() const {
  if (size_ == 0) {
    return INT64_MAX;
  }
  if (moving_ != kNoSlot) {
    return static_cast<int64_t>(time_);
  }
  uint64_t begins = 0;
  first_slot(begins);
  return static_cast<int64_t>(begins);
}

template <typename Timer>
size_t TimerWheel<Timer>::entries_of(uint32_t slot, std::span<Handle> out) const {
  size_t count = 0;
  for (Handle handle = first_[slot]; handle != kNoHandle && count < out.size(); ++count) {
    out[count] = handle;
    handle = expiry_of(handle).next;
  }
  return count;
}

template <typename Timer>
size_t TimerWheel<Timer>::soonest(std::span<Handle> out) const {
  uint64_t begins = 0;
  return size_ == 0 ? 0 : entries_of(first_slot(begins), out);
}

template <typename Timer>
size_t TimerWheel<Timer>::some(Rng& rng, std::span<Handle> out) const {
  if (size_ == 0) {
    return 0;
  }
  const auto any_bit = [&rng](uint64_t bits) {
    for (uint64_t skip = rng.below(static_cast<uint64_t>(std::popcount(bits))); skip > 0; --skip) {
      bits &= bits - 1;
    }
    return static_cast<unsigned>(std::countr_zero(bits));
  };
  const unsigned level = any_bit(levels_in_use_);
  return entries_of(level * kSlots + any_bit(slots_in_use_[level]), out);
}

template class TimerWheel<KeyTimer>;
template class TimerWheel<FieldTimer>;

}  // namespace pollux
