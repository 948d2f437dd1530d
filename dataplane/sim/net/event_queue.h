// Virtual time, and what is to happen when. Events of one moment happen in the order in which they
// were scheduled, so that a run is a function of its calls. Nothing here sleeps: the clock jumps
// to the next event.
//
// One thread. An action may schedule and cancel; it must not run the queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

class EventQueue {
 public:
  // Of 16 bytes and trivially copyable (a pointer and a number), it costs no allocation.
  using Action = std::function<void()>;

  // Names one event for ever: it is not given to another after that has happened.
  struct EventId {
    uint32_t slot = 0;
    uint64_t number = 0;  // 0: no event
    bool is_set() const { return number != 0; }
  };

  // Runs of tests are over after some millions; one that is not goes round in circles.
  static constexpr uint64_t kEventsMax = 100'000'000;
  // At one time; more is a bug.
  static constexpr uint32_t kPendingMax = 1 << 24;

  // Not before 0.
  explicit EventQueue(Moment start = {}) : now_(start) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  Moment now() const { return now_; }
  // `at` in the past counts as now. kNever: never happens, and is not kept.
  EventId schedule(Moment at, Action action);
  EventId schedule_in(int64_t delay_ns, Action action) {
    return schedule(now_ + delay_ns, std::move(action));
  }
  // False if it has happened, or was cancelled, or was never set.
  bool cancel(EventId id);

  // The next event; false if there is none.
  bool step();
  // False if there are still events after so many.
  bool run_until_idle(uint64_t events_max = kEventsMax);
  // All events up to and of `moment`, which then is now; kNever: all, and now is that of the last.
  // False as above, and now is where it stopped.
  bool run_until(Moment moment, uint64_t events_max = kEventsMax);
  bool run_for(int64_t ns) { return run_until(now_ + ns); }
  // Until done() holds, which is asked before each event; false if `deadline` comes first, or
  // events_max events, or if there is no deadline and nothing left to happen. It ends at the moment
  // of the last event, or at the deadline.
  template <typename Done>
  bool run_until(Done done, Moment deadline, uint64_t events_max = kEventsMax) {
    for (uint64_t i = 0; !done(); ++i) {
      if (next() > deadline) {
        run_until(deadline);
        return done();
      }
      if (i == events_max || !step()) {
        return false;
      }
    }
    return true;
  }

  // When the next event is due; kNever if there is none.
  Moment next();
  size_t pending() const { return live_; }
  uint64_t happened() const { return happened_; }

 private:
  // 16 bytes, so that the four children of a node share a cache line.
  struct Entry {
    static constexpr int kSlotBits = 24;
    int64_t at_ns;
    uint64_t number_and_slot;  // numbers are in the order of calls, and decide between equals

    uint64_t number() const { return number_and_slot >> kSlotBits; }
    uint32_t slot() const { return number_and_slot & ((1U << kSlotBits) - 1); }
    // As one number: which of two comes first can't be foreseen, and so should not be a branch.
    unsigned __int128 order() const {
      return static_cast<unsigned __int128>(static_cast<uint64_t>(at_ns)) << 64 | number_and_slot;
    }
    bool is_before(const Entry& other) const { return order() < other.order(); }
  };
  struct Slot {
    uint64_t number = 0;  // of the event that it holds; 0: free
    Action action;
  };

  bool is_cancelled(const Entry& entry) const {
    return slots_[entry.slot()].number != entry.number();
  }
  void free_slot(uint32_t slot);
  void drop_cancelled();
  // The heap: place i is before its children, 4 i + 1 to 4 i + 4.
  void push(const Entry& entry);
  void pop();
  void sink(size_t hole, const Entry& entry);
  size_t first_of(size_t begin, size_t end) const;

  Moment now_;
  uint64_t last_number_ = 0;
  uint64_t happened_ = 0;
  // A cancelled event leaves its entry in the heap until that comes to the top or until more than
  // half of them are so: moving entries out of the middle would cost every move an index.
  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};

}  // namespace pollux::tcp
