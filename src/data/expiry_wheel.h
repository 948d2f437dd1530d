// When the keys of one database die: a hierarchical timing wheel (Varghese and Lauck 1987) of
// milliseconds over entries, linked through the expiry blocks in them. A second one goes by their
// field timers: which hash loses a field next. 11 levels of 64 slots reach
// over all of int64, so there is no overflow list and no longest TTL.
//
// A time stands at the level of the highest digit (6 bits) in which it differs from the wheel's
// own time, in the slot of that digit. Everything at a lower level is therefore due before
// everything at a higher one, and the next time is found from two bit words. When the wheel
// reaches a slot above level 0, its entries move down, each at most 10 times in its life.
// Scheduling and unscheduling are O(1). Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "src/base/rng.h"
#include "src/data/entry.h"
#include "src/data/entry_heap.h"

namespace pollux {

// By which block of theirs entries are linked.
struct KeyTimer {
  static Entry::Expiry& of(Entry& entry) { return entry.expiry(); }
};
struct FieldTimer {
  static Entry::Expiry& of(Entry& entry) { return entry.field_timer(); }
};

template <typename Timer>
class TimerWheel {
 public:
  // `time_ms`: a time that nothing to come is due before; 0 will do.
  TimerWheel(EntryHeap& heap, int64_t time_ms)
      : heap_(heap), time_(time_ms < 0 ? 0 : static_cast<uint64_t>(time_ms)) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Links an entry by the at_ms in its block. Requires that it has one and isn't linked.
  void schedule(Handle handle);
  void unschedule(Handle handle);
  // The linked entry now stands in another place, to which its block was copied.
  void moved(Handle to);

  // An entry whose time is `limit_ms` or before, still linked (removing it is the caller's), in
  // order of time; kNoHandle if there is none, or if `steps` moves of entries between levels were
  // spent on the way. Moves the wheel's own time up to limit_ms; it never goes back.
  Handle next_due(int64_t limit_ms, int64_t& steps);

  // The earliest time of any entry or a moment before it, never later, unless the clock has
  // stepped back since next_due; INT64_MAX if there is none.
  int64_t next_ms() const;

  uint64_t size() const { return size_; }

  // Linked entries of the slot that is due first, at most out.size(); how many. All entries that
  // are due before any other are in this slot.
  size_t soonest(std::span<Handle> out) const;
  // Of any slot.
  size_t some(Rng& rng, std::span<Handle> out) const;

 private:
  static constexpr unsigned kDigitBits = 6;
  static constexpr unsigned kSlots = 1U << kDigitBits;
  static constexpr unsigned kLevels = 11;  // 66 bits
  static constexpr uint32_t kNoSlot = kLevels * kSlots;

  Entry::Expiry& expiry_of(Handle handle) const {
    return Timer::of(*reinterpret_cast<Entry*>(heap_.address(handle)));
  }
  void link(Handle handle, uint32_t slot);
  size_t entries_of(uint32_t slot, std::span<Handle> out) const;
  // The first slot in order of time, and when it begins. Requires that one is used.
  uint32_t first_slot(uint64_t& begins) const;

  EntryHeap& heap_;
  uint64_t time_;  // no entry is due before it, but for those that came too late
  uint64_t size_ = 0;
  uint32_t moving_ = kNoSlot;   // a slot whose entries are on their way down
  uint32_t levels_in_use_ = 0;  // a bit per level
  uint64_t slots_in_use_[kLevels] = {};
  Handle first_[kLevels * kSlots] = {};
};

using ExpiryWheel = TimerWheel<KeyTimer>;
using FieldWheel = TimerWheel<FieldTimer>;

}  // namespace pollux
