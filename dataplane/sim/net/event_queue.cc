#include "dataplane/sim/net/event_queue.h"

#include <algorithm>
#include <utility>

namespace pollux::tcp {

EventQueue::EventId EventQueue::schedule(Moment at, Action action) {
  if (at == kNever) {
    return {};
  }
  uint32_t slot = static_cast<uint32_t>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot].number = ++last_number_;
  slots_[slot].action = std::move(action);
  heap_.push_back({std::max(at, now_), last_number_, slot});
  std::push_heap(heap_.begin(), heap_.end(), is_later);
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
    std::make_heap(heap_.begin(), heap_.end(), is_later);
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
  now_ = entry.at;
  ++happened_;
  // Out of its slot, which the action itself may give to another event.
  const Action action = std::exchange(slots_[entry.slot].action, nullptr);
  free_slot(entry.slot);
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
  now_ = std::max(now_, moment);
  return true;
}

Moment EventQueue::next() {
  drop_cancelled();
  return heap_.empty() ? kNever : heap_.front().at;
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

void EventQueue::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), is_later);
  heap_.pop_back();
}

}  // namespace pollux::tcp
