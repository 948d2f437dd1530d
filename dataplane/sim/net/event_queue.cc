#include "dataplane/sim/net/event_queue.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"

namespace pollux::tcp {

EventQueue::EventId EventQueue::schedule(Moment at, Action action) {
  if (at == kNever) {
    return {};
  }
  uint32_t slot = static_cast<uint32_t>(slots_.size());
  if (free_.empty()) {
    POLLUX_ASSERT(slot < kPendingMax);
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot].number = ++last_number_;
  slots_[slot].action = std::move(action);
  push({std::max(at, now_).ns, last_number_ << Entry::kSlotBits | slot});
  ++live_;
  return {slot, last_number_};
}

bool EventQueue::cancel(EventId id) {
  if (!id.is_set() || slots_[id.slot].number != id.number) {
    return false;
  }
  slots_[id.slot].action = nullptr;
  free_slot(id.slot);
  if (heap_.size() > 2 * live_ + 64) {
    std::erase_if(heap_, [this](const Entry& entry) { return is_cancelled(entry); });
    for (size_t i = heap_.size(); i-- > 0;) {
      sink(i, Entry(heap_[i]));
    }
  }
  return true;
}

bool EventQueue::step() {
  drop_cancelled();
  if (heap_.empty()) {
    return false;
  }
  const Entry entry = heap_.front();
  pop();
  now_ = Moment{entry.at_ns};
  ++happened_;
  // Out of its slot, which the action itself may give to another event.
  const Action action = std::move(slots_[entry.slot()].action);
  free_slot(entry.slot());
  action();
  return true;
}

bool EventQueue::run_until_idle(uint64_t events_max) {
  for (uint64_t i = 0; i < events_max; ++i) {
    if (!step()) {
      return true;
    }
  }
  return next() == kNever;
}

bool EventQueue::run_until(Moment moment, uint64_t events_max) {
  for (uint64_t i = 0; next() <= moment && next() != kNever; ++i) {
    if (i == events_max) {
      return false;
    }
    step();
  }
  if (moment != kNever) {
    now_ = std::max(now_, moment);
  }
  return true;
}

Moment EventQueue::next() {
  drop_cancelled();
  return heap_.empty() ? kNever : Moment{heap_.front().at_ns};
}

void EventQueue::free_slot(uint32_t slot) {
  slots_[slot].number = 0;
  free_.push_back(slot);
  --live_;
}

void EventQueue::drop_cancelled() {
  while (!heap_.empty() && is_cancelled(heap_.front())) {
    pop();
  }
}

void EventQueue::push(const Entry& entry) {
  size_t hole = heap_.size();
  heap_.push_back(entry);
  while (hole != 0 && entry.is_before(heap_[(hole - 1) / 4])) {
    heap_[hole] = heap_[(hole - 1) / 4];
    hole = (hole - 1) / 4;
  }
  heap_[hole] = entry;
}

void EventQueue::pop() {
  const Entry last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) {
    sink(0, last);
  }
}

size_t EventQueue::first_of(size_t begin, size_t end) const {
  size_t first = begin;
  unsigned __int128 order = heap_[begin].order();
  for (size_t i = begin + 1; i < end; ++i) {
    const unsigned __int128 other = heap_[i].order();
    first = other < order ? i : first;
    order = other < order ? other : order;
  }
  return first;
}

// Finds the place of `entry` at the hole or below it.
void EventQueue::sink(size_t hole, const Entry& entry) {
  const size_t size = heap_.size();
  for (size_t child = 4 * hole + 1; child < size; child = 4 * hole + 1) {
    const size_t first = first_of(child, std::min(child + 4, size));
    if (!heap_[first].is_before(entry)) {
      break;
    }
    heap_[hole] = heap_[first];
    hole = first;
  }
  heap_[hole] = entry;
}

}  // namespace pollux::tcp
