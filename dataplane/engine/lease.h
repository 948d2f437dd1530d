// Leases: the hold of several shards for one command. All or nothing, fair, and without an order to
// deadlock on, because each lease waits only for older ones (by ticket) that overlap it or have not
// yet said what they want.
//
//   claim     a ticket by fetch-and-add; publish the shards when the ring slot is free
//   may_park  true when no older, overlapping or unpublished lease is left
//   (the coordinator sends a park request to each other owner)
//   acknowledge  by each owner, after it has run what came before
//   granted   all have: the coordinator runs the command over the shards
//   visit     a tour in the middle of it (EXEC of INFO, say): one parked owner at a time is asked
//             to do something for the coordinator, which meanwhile touches no shard
//   release   owners see it and go on
//   withdraw  instead of granted, while some have not acknowledged: those that have go on at once,
//             the others as soon as they have, and nobody waits for it any more. It is over when
//             all have: the slot is theirs until then
//
// Acknowledge, visit, withdraw, release are stores in the entry, never messages: an owner that is
// itself a coordinator polls them while it goes on with everything that needs no leased shard.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "src/base/ring.h"
#include "src/base/types.h"

namespace pollux {

struct Tour;

// A bit per shard.
struct ShardSet {
  std::array<uint64_t, kWorkersMax / 64> words{};

  void add(ShardId shard) { words[shard.value / 64] |= uint64_t{1} << (shard.value % 64); }
  bool has(ShardId shard) const {
    return (words[shard.value / 64] >> (shard.value % 64) & 1) != 0;
  }
  void add(const ShardSet& more) {
    for (size_t i = 0; i < words.size(); ++i) {
      words[i] |= more.words[i];
    }
  }
  bool has(const ShardSet& some) const {
    bool all = true;
    for (size_t i = 0; i < words.size(); ++i) {
      all = all && (some.words[i] & ~words[i]) == 0;
    }
    return all;
  }
  int count() const;
  // The lowest of them. Requires that there is one.
  ShardId first() const;
  static ShardSet all(int shards);
};

class LeaseRing {
 public:
  // `workers`: each has at most one lease under way.
  explicit LeaseRing(int workers);

  // --- coordinator ---
  uint64_t claim();
  // True if publish would succeed.
  bool may_publish(uint64_t ticket) const;
  // Says which shards; false if the slot's former lease is not over yet (try again next turn).
  bool publish(uint64_t ticket, const ShardSet& shards);
  // After publish. `passed` remembers across calls how far the older leases were found harmless;
  // start it with first_rival(ticket).
  bool may_park(uint64_t ticket, const ShardSet& shards, uint64_t& passed) const;
  uint64_t first_rival(uint64_t ticket) const { return ticket < size_ ? 0 : ticket - size_ + 1; }
  bool granted(uint64_t ticket, int acknowledgements) const;
  // The latest `now` of the owners that acknowledged, at least `mine`.
  Instant latest_now(uint64_t ticket, Instant mine) const;
  // Hands the tour to a worker that has acknowledged a lease on all shards; it has it until
  // visited(). (On all shards, so that no worker is parked by somebody else: two coordinators that
  // waited for visits at each other's parked workers would wait for ever.)
  void ask_visit(uint64_t ticket, WorkerId at, Tour& tour);
  bool visited(uint64_t ticket) const;
  void withdraw(uint64_t ticket);
  void release(uint64_t ticket, Instant now);

  // --- owner ---
  // The tour that is handed to this worker, or null. Requires that the worker is parked by the
  // lease.
  Tour* visitor(uint64_t ticket, WorkerId me) const;
  void end_visit(uint64_t ticket, Instant now);
  void acknowledge(uint64_t ticket, Instant now);
  // Or withdrawn. seq_cst, as the second half of a sleeper's test.
  bool released(uint64_t ticket) const;

 private:
  struct alignas(kCacheLine) Slot {
    std::atomic<uint64_t> published{0};  // ticket + 1
    std::atomic<uint64_t> released{0};   // ticket + 1
    std::atomic<uint64_t> withdrawn{0};  // ticket + 1
    // relaxed: ordered by `published`; a reader that meets a newer lease's words only waits once
    // more, or reads of a lease that is over anyway.
    std::array<std::atomic<uint64_t>, kWorkersMax / 64> shards{};
    std::atomic<uint32_t> acknowledged{0};
    std::atomic<int64_t> now_us{0};
    std::atomic<uint32_t> visit_at{0};    // worker + 1 that has the tour; 0: none
    std::atomic<Tour*> tour{nullptr};     // relaxed: ordered by visit_at
  };
  Slot& slot(uint64_t ticket) const { return slots_[ticket & (size_ - 1)]; }
  static void raise_now(Slot& slot, Instant now);

  const uint64_t size_;
  std::unique_ptr<Slot[]> slots_;
  alignas(kCacheLine) std::atomic<uint64_t> next_{0};
};

}  // namespace pollux
