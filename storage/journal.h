// The one history of changes, on its way from the workers to the storage thread. When a change
// commits, its worker draws a ticket from one global counter, unless it holds one drawn since it
// last learned anything from outside; the bytes of the changes go into the worker's lane under that
// ticket, and are the reader's at the end of the turn. A reader that takes them in ticket order,
// without gaps, sees every cause before its effect.
//
// The bytes are commands of the RESP protocol, one behind the other, as they stand in an
// append-only file, but for SELECT, which who writes them puts where the database changes.
//
//   worker:   lane.begin(journal.draw()); lane.append(...); ...; lane.publish();
//   storage:  JournalReader (journal_reader.h); journal.set_durable(ticket);
//
// Nothing here waits: a lane grows as long as nobody reads it. Who may add to it looks at is_full()
// before. No ticket is passed over: one that was drawn and whose entry is never published ends the
// history.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "src/base/types.h"
#include "storage/journal_lane.h"

namespace pollux {

class Journal {
 public:
  // What lanes may hold before writers are to wait, and what is worth to wake a reader that has
  // nothing to wait for, in bytes over all lanes.
  struct Options {
    uint64_t bytes_max = 64 << 20;
    uint64_t wake_bytes = 256 << 10;
  };

  explicit Journal(size_t workers) : Journal(workers, Options{}) {}
  Journal(size_t workers, const Options& options);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // --- workers ---
  // The next place in the history.
  Ticket draw() { return {next_.fetch_add(1, std::memory_order_relaxed)}; }
  JournalLane& lane(WorkerId worker) { return *lanes_[worker.value]; }
  // The disk does not keep up: who would write waits, or is refused.
  bool is_full() const { return full_.load(std::memory_order_seq_cst); }
  // Behind publish: wakes the reader if it has to know now. Also says that the journal is full if
  // the reader can't, in a call of the disk that takes long.
  void tell_reader(JournalLane& lane);

  // --- anybody ---
  // All tickets up to this one are on disk. seq_cst, also is_full: the second half of "say that I
  // sleep, then look" of who waits for more.
  Ticket durable() const { return {durable_.load(std::memory_order_seq_cst)}; }
  // Whether durable() will get there: replies may wait for it. Not while a history is only being
  // made.
  bool promises() const { return promises_.load(std::memory_order_seq_cst); }
  // Tickets drawn so far.
  Ticket drawn() const { return {next_.load(std::memory_order_relaxed) - 1}; }

  // Somebody appends what is published: who has begun to record goes on until this is over,
  // whatever the configuration says, or what is appended last would be no prefix of the history.
  bool is_kept() const { return kept_.load(std::memory_order_relaxed); }

  // --- the reader ---
  size_t lanes() const { return lanes_.size(); }
  // How the reader is woken, from any thread. Before threads start.
  void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }
  // kNap: only for so many bytes that are pending. Then look once more before you sleep.
  enum class Sleep : uint8_t { kAwake, kNap, kDeep };
  void set_sleep(Sleep sleep, uint64_t wake_bytes) {
    wake_bytes_.store(wake_bytes, std::memory_order_relaxed);
    sleep_.store(sleep, std::memory_order_seq_cst);
  }
  Sleep sleep() const { return sleep_.load(std::memory_order_seq_cst); }
  // For tests: so much is published that who sleeps so was woken, however it is spread over lanes.
  bool wakes(Sleep sleep) const {
    const uint64_t least =
        sleep == Sleep::kDeep ? 1 : wake_bytes_.load(std::memory_order_relaxed) * lanes_.size();
    return sleep != Sleep::kAwake && pending_bytes() >= least;
  }
  // Awake again; true if a worker has woken the reader.
  bool end_sleep() {
    return sleep_.exchange(Sleep::kAwake, std::memory_order_seq_cst) == Sleep::kAwake;
  }
  void set_durable(Ticket ticket) { durable_.store(ticket.value, std::memory_order_seq_cst); }
  void set_promises(bool promises) { promises_.store(promises, std::memory_order_seq_cst); }
  // Instead of Options::bytes_max.
  void set_bytes_max(uint64_t bytes) { bytes_max_.store(bytes, std::memory_order_relaxed); }
  uint64_t bytes_max() const { return bytes_max_.load(std::memory_order_relaxed); }
  uint64_t wake_bytes() const { return options_.wake_bytes; }
  void set_full(bool full) { full_.store(full, std::memory_order_seq_cst); }
  void set_kept(bool kept) { kept_.store(kept, std::memory_order_relaxed); }
  // Published and not yet read, over all lanes.
  uint64_t pending_bytes() const;

 private:
  const Options options_;
  // relaxed: the number is all that is shared; what stands behind a ticket comes with the lane.
  alignas(64) std::atomic<uint64_t> next_{1};
  alignas(64) std::atomic<uint64_t> durable_{0};
  std::atomic<uint64_t> bytes_max_;  // relaxed: when it is seen does not matter much
  std::atomic<bool> full_{false};    // seq_cst when it is taken back: somebody may wait for that
  std::atomic<bool> promises_{true};
  std::atomic<bool> kept_{false};  // relaxed: nothing else is told by it
  // seq_cst on both sides: the reader says how it sleeps, then looks; a worker publishes, then
  // looks how it sleeps.
  std::atomic<Sleep> sleep_{Sleep::kAwake};
  std::atomic<uint64_t> wake_bytes_{0};  // said before sleep_ is
  std::function<void()> waker_;
  std::vector<std::unique_ptr<JournalLane>> lanes_;
};

}  // namespace pollux
