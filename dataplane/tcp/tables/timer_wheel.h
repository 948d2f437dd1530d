// When connections want to be looked at: a hierarchical timing wheel (Varghese and Lauck 1987) with
// one node a connection, which carries the earliest of all that it waits for.
//
// Re-arming is lazy. Nearly every segment moves a deadline further away, so that writes the
// deadline and leaves the node filed where it is; when it comes up early, it is filed again. Only
// a deadline that comes nearer moves the node at once. A node of the far future is filed as far
// away as the wheel reaches, and again from there.
//
// A tick is 2^16 ns, 65.5 us. The levels have 1024 slots of a tick (67 ms), 1024 of 67 ms (69 s)
// and 256 of 69 s (4.9 hours). At the two lower levels a node stands by the digit of its tick in
// which it first differs from the wheel's own, so all of a lower level is due before all of a
// higher one; the highest goes round. When the wheel reaches a slot above level 0, its nodes move
// down. What is next is found in bit words.
//
// A node comes up at the first advance() in the tick after its deadline or later: never early, and
// by the wheel less than a tick late. Nothing is allocated. Belongs to one core.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "dataplane/tcp/tables/index_list.h"
#include "dataplane/tcp/wire/moment.h"
#include "src/base/prefetch.h"

namespace pollux::tcp {

// Inside a connection. Only the wheel writes it.
struct TimerNode {
  Moment deadline = kNever;
  uint32_t next = kNoIndex;
  uint32_t prev = kNoIndex;  // kNoIndex of the first of a slot
  uint32_t filed = 0;        // the tick it is filed for, without the upper bits
  uint16_t slot = kNotFiled;

  static constexpr uint16_t kNotFiled = UINT16_MAX;
};
static_assert(sizeof(TimerNode) == 24);

// Who has the nodes.
template <typename T>
concept TimerNodes = requires(T& nodes, uint32_t index) {
  { nodes.timer(index) } -> std::same_as<TimerNode&>;
};

template <TimerNodes Nodes>
class TimerWheel {
 public:
  static constexpr unsigned kTickShift = 16;
  static constexpr int64_t kTickNs = int64_t{1} << kTickShift;

  // `now`: any moment. Nodes may be moved in memory between calls, indices stay.
  TimerWheel(Nodes& nodes, Moment now)
      : nodes_(nodes), tick_((now.ns >> kTickShift) + 1), next_tick_(tick_) {
    std::fill(std::begin(first_), std::end(first_), kNoIndex);
  }
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Sets or moves the deadline, also of the node that comes up and of others while it does. One
  // that is past comes up in the tick after the last advance(), or after the one that goes on, and
  // not while that catches up with time. kNever: none, and the node stays filed until it comes
  // up, unseen; this is the cheap way for a connection that will be armed again.
  void arm(uint32_t index, Moment deadline);
  // No deadline, and nothing of the wheel's in the node: before the connection goes.
  void cancel(uint32_t index);

  // Calls due(index) for nodes whose deadline is `now` or before, by ticks in order of time; within
  // a tick the order is not told. Their deadline is kNever then. Touches `nodes_max` nodes at most,
  // those that are only filed again included; the rest is for the next call, and next_deadline()
  // says that there is some. Returns how many it touched. A `now` before one it had: only what a
  // call before has left.
  template <typename Due>
  size_t advance(Moment now, size_t nodes_max, Due due);

  // When advance() has something to do: never later than the next node comes up. It is earlier if
  // nodes have only to be filed again: once in 67 ms for a level that moves down, and for those
  // whose deadline went further away. kNever if no node is filed.
  Moment next_deadline() const;

 private:
  static constexpr unsigned kBits = 10;
  static constexpr unsigned kTopBits = 8;
  static constexpr unsigned kSlots = 1U << kBits;
  static constexpr unsigned kTopSlots = 1U << kTopBits;
  static constexpr unsigned kAllSlots = 2 * kSlots + kTopSlots;
  static constexpr unsigned kNone = ~0U;
  static_assert(kAllSlots / 64 < 64);

  // The next slot that has something to do, and its first tick. kNone: there is none.
  struct Next {
    unsigned slot = kNone;
    int64_t tick = 0;
  };

  // The first tick at whose beginning the deadline has passed.
  static int64_t tick_of(Moment deadline) {
    return (deadline.ns >> kTickShift) + ((deadline.ns & (kTickNs - 1)) != 0);
  }
  static unsigned digit(int64_t tick, unsigned level) {
    const auto slots = static_cast<uint64_t>(tick) >> (level * kBits);
    return static_cast<unsigned>(slots) & (level == 2 ? kTopSlots - 1 : kSlots - 1);
  }
  bool used(unsigned slot) const { return first_[slot] != kNoIndex; }
  void set_used(unsigned slot) {
    words_[slot / 64] |= uint64_t{1} << (slot % 64);
    used_words_ |= uint64_t{1} << (slot / 64);
  }
  void set_unused(unsigned slot) {
    words_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
    if (words_[slot / 64] == 0) {
      used_words_ &= ~(uint64_t{1} << (slot / 64));
    }
  }

  void file(uint32_t index, TimerNode& node);
  void unlink(TimerNode& node, uint32_t index);
  // The first used slot of a level from this one on, kNone if there is none.
  unsigned first_used(unsigned level, unsigned from) const;
  Next next_slot() const;
  template <typename Due>
  void touch_due(Due& due);
  void move_down(unsigned slot);

  Nodes& nodes_;
  int64_t tick_;                         // all nodes of ticks before it came up, or are in due_
  int64_t next_tick_;                    // after the last advance(); tick_ is behind it in a call
  uint32_t due_ = kNoIndex;              // the nodes of the last tick, not yet touched
  uint64_t used_words_ = 0;              // a bit per word below that is not 0
  uint64_t words_[kAllSlots / 64] = {};  // a bit per used slot
  uint32_t first_[kAllSlots];
};

template <TimerNodes Nodes>
void TimerWheel<Nodes>::arm(uint32_t index, Moment deadline) {
  TimerNode& node = nodes_.timer(index);
  // The end of the past. A node that were filed in it would come up in each tick caught up with.
  deadline = std::max(deadline, Moment{next_tick_ << kTickShift});
  node.deadline = deadline;
  if (node.slot != TimerNode::kNotFiled) {
    // Of the tick it is filed for, 32 bits will do: the wheel reaches 2^28 ticks.
    const int64_t filed = tick_ + static_cast<int32_t>(node.filed - static_cast<uint32_t>(tick_));
    if (filed <= tick_of(deadline)) [[likely]] {
      return;
    }
    unlink(node, index);
  } else if (deadline == kNever) {
    return;
  }
  file(index, node);
}

template <TimerNodes Nodes>
void TimerWheel<Nodes>::cancel(uint32_t index) {
  TimerNode& node = nodes_.timer(index);
  node.deadline = kNever;
  if (node.slot != TimerNode::kNotFiled) {
    unlink(node, index);
  }
}

template <TimerNodes Nodes>
void TimerWheel<Nodes>::file(uint32_t index, TimerNode& node) {
  int64_t tick = std::max(tick_of(node.deadline), tick_);
  unsigned level = 0;
  if (tick >> kBits != tick_ >> kBits) {
    level = 1;
    if (tick >> (2 * kBits) != tick_ >> (2 * kBits)) {
      level = 2;
      const int64_t farthest = ((tick_ >> (2 * kBits)) + kTopSlots - 1) << (2 * kBits);
      tick = std::min(tick, farthest);
    }
  }
  const unsigned slot = level * kSlots + digit(tick, level);
  // A level above moves down at the beginning of a slot.
  node.filed = static_cast<uint32_t>(tick >> (level * kBits) << (level * kBits));
  node.slot = static_cast<uint16_t>(slot);
  node.prev = kNoIndex;
  node.next = first_[slot];
  if (node.next != kNoIndex) {
    nodes_.timer(node.next).prev = index;
  }
  first_[slot] = index;
  set_used(slot);
}

template <TimerNodes Nodes>
void TimerWheel<Nodes>::unlink(TimerNode& node, uint32_t index) {
  if (node.next != kNoIndex) {
    nodes_.timer(node.next).prev = node.prev;
  }
  if (node.prev != kNoIndex) {
    nodes_.timer(node.prev).next = node.next;
  } else if (first_[node.slot] == index) {
    first_[node.slot] = node.next;
    if (node.next == kNoIndex) {
      set_unused(node.slot);
    }
  } else {
    due_ = node.next;
  }
  node.slot = TimerNode::kNotFiled;
}

template <TimerNodes Nodes>
unsigned TimerWheel<Nodes>::first_used(unsigned level, unsigned from) const {
  const unsigned begin = level * kSlots;
  const unsigned slots = level == 2 ? kTopSlots : kSlots;
  if (from >= slots) {
    return kNone;
  }
  unsigned word = (begin + from) / 64;
  uint64_t bits = words_[word] & ~uint64_t{0} << from % 64;
  if (bits == 0) {
    // The words after it, of this level. (There are 36 in all, so no shift is by 64.)
    const uint64_t words =
        used_words_ & ~uint64_t{0} << (word + 1) & ((uint64_t{1} << ((begin + slots) / 64)) - 1);
    if (words == 0) {
      return kNone;
    }
    word = static_cast<unsigned>(std::countr_zero(words));
    bits = words_[word];
  }
  return word * 64 + static_cast<unsigned>(std::countr_zero(bits));
}

template <TimerNodes Nodes>
typename TimerWheel<Nodes>::Next TimerWheel<Nodes>::next_slot() const {
  // Slots that the wheel has just entered move down before anything else.
  const unsigned top = digit(tick_, 2);
  if (used(2 * kSlots + top)) {
    return {2 * kSlots + top, tick_};
  }
  const unsigned middle = digit(tick_, 1);
  if (used(kSlots + middle)) {
    return {kSlots + middle, tick_};
  }
  unsigned slot = first_used(0, digit(tick_, 0));
  if (slot != kNone) {
    return {slot, (tick_ >> kBits << kBits) + slot};
  }
  slot = first_used(1, middle + 1);
  if (slot != kNone) {
    return {slot, (tick_ >> (2 * kBits) << (2 * kBits)) + (int64_t{slot - kSlots} << kBits)};
  }
  slot = first_used(2, top + 1);
  if (slot == kNone) {
    slot = first_used(2, 0);
  }
  if (slot == kNone) {
    return {};
  }
  const unsigned ahead = (slot - 2 * kSlots - top) % kTopSlots;
  return {slot, ((tick_ >> (2 * kBits)) + ahead) << (2 * kBits)};
}

template <TimerNodes Nodes>
template <typename Due>
size_t TimerWheel<Nodes>::advance(Moment now, size_t nodes_max, Due due) {
  const int64_t last = now.ns >> kTickShift;
  next_tick_ = std::max(next_tick_, last + 1);
  size_t touched = 0;
  while (touched < nodes_max) {
    if (due_ != kNoIndex) {
      touch_due(due);
      ++touched;
      continue;
    }
    const Next next = next_slot();
    if (next.slot == kNone || next.tick > last) {
      tick_ = std::max(tick_, last + 1);
      break;
    }
    if (next.slot >= kSlots) {
      tick_ = next.tick;
      move_down(next.slot);
      ++touched;
      continue;
    }
    // Taken off the wheel, so that what is armed for the past meanwhile waits for its turn.
    due_ = first_[next.slot];
    first_[next.slot] = kNoIndex;
    set_unused(next.slot);
    tick_ = next.tick + 1;
  }
  return touched;
}

template <TimerNodes Nodes>
template <typename Due>
void TimerWheel<Nodes>::touch_due(Due& due) {
  const uint32_t index = due_;
  TimerNode& node = nodes_.timer(index);
  if (node.next != kNoIndex) {
    prefetch(&nodes_.timer(node.next));
  }
  unlink(node, index);
  if (tick_of(node.deadline) < tick_) {
    node.deadline = kNever;
    due(index);
  } else if (node.deadline != kNever) {
    file(index, node);
  }
}

template <TimerNodes Nodes>
void TimerWheel<Nodes>::move_down(unsigned slot) {
  const uint32_t index = first_[slot];
  TimerNode& node = nodes_.timer(index);
  if (node.next != kNoIndex) {
    prefetch(&nodes_.timer(node.next));
  }
  unlink(node, index);
  if (node.deadline != kNever) {
    file(index, node);
  }
}

template <TimerNodes Nodes>
Moment TimerWheel<Nodes>::next_deadline() const {
  if (due_ != kNoIndex) {
    return {(tick_ - 1) << kTickShift};
  }
  const Next next = next_slot();
  return next.slot == kNone ? kNever : Moment{next.tick << kTickShift};
}

}  // namespace pollux::tcp
