#include "dataplane/engine/lease.h"

#include <bit>

#include "src/base/assert.h"

namespace pollux {

int ShardSet::count() const {
  int n = 0;
  for (const uint64_t word : words) {
    n += std::popcount(word);
  }
  return n;
}

ShardId ShardSet::first() const {
  size_t word = 0;
  while (words[word] == 0) {
    ++word;
    POLLUX_ASSERT(word < words.size());
  }
  return {static_cast<uint16_t>(word * 64 + static_cast<size_t>(std::countr_zero(words[word])))};
}

ShardSet ShardSet::all(int shards) {
  ShardSet set;
  for (int i = 0; i < shards; ++i) {
    set.add(ShardId{static_cast<uint16_t>(i)});
  }
  return set;
}

LeaseRing::LeaseRing(int workers)
    : size_(std::bit_ceil(static_cast<uint64_t>(workers) * 2)),
      slots_(std::make_unique<Slot[]>(size_)) {}

// relaxed: the ticket's order is the counter's own; what it says is ordered by publish.
uint64_t LeaseRing::claim() { return next_.fetch_add(1, std::memory_order_relaxed); }

bool LeaseRing::may_publish(uint64_t ticket) const {
  // The slot's former lease must be over. What its owners still read of it then is only `released`,
  // which grows, and `now_us`, which grows too.
  return ticket < size_ ||
         slot(ticket).released.load(std::memory_order_seq_cst) == ticket - size_ + 1;
}

bool LeaseRing::publish(uint64_t ticket, const ShardSet& shards) {
  if (!may_publish(ticket)) {
    return false;
  }
  Slot& s = slot(ticket);
  for (size_t i = 0; i < shards.words.size(); ++i) {
    s.shards[i].store(shards.words[i], std::memory_order_relaxed);
  }
  s.acknowledged.store(0, std::memory_order_relaxed);
  s.published.store(ticket + 1, std::memory_order_seq_cst);
  return true;
}

bool LeaseRing::may_park(uint64_t ticket, const ShardSet& shards, uint64_t& passed) const {
  for (; passed < ticket; ++passed) {
    const Slot& s = slot(passed);
    if (released(passed)) {
      continue;
    }
    if (s.published.load(std::memory_order_seq_cst) < passed + 1) {
      return false;
    }
    for (size_t i = 0; i < shards.words.size(); ++i) {
      if ((s.shards[i].load(std::memory_order_relaxed) & shards.words[i]) != 0) {
        return false;
      }
    }
  }
  return true;
}

bool LeaseRing::granted(uint64_t ticket, int acknowledgements) const {
  // Pairs with acknowledge, so that all the owners did to their shards is seen; seq_cst, as the
  // second half of a sleeping coordinator's test.
  return slot(ticket).acknowledged.load(std::memory_order_seq_cst) ==
         static_cast<uint32_t>(acknowledgements);
}

void LeaseRing::raise_now(Slot& s, Instant now) {
  int64_t seen = s.now_us.load(std::memory_order_relaxed);
  while (seen < now.us &&
         !s.now_us.compare_exchange_weak(seen, now.us, std::memory_order_relaxed)) {
  }
}

Instant LeaseRing::latest_now(uint64_t ticket, Instant mine) const {
  const Instant theirs{slot(ticket).now_us.load(std::memory_order_relaxed)};
  return theirs > mine ? theirs : mine;
}

void LeaseRing::ask_visit(uint64_t ticket, WorkerId at, Tour& tour) {
  Slot& s = slot(ticket);
  s.tour.store(&tour, std::memory_order_relaxed);
  // seq_cst: release of the tour and the shards to the worker, first half of its wake-up test.
  s.visit_at.store(at.value + 1u, std::memory_order_seq_cst);
}

bool LeaseRing::visited(uint64_t ticket) const {
  return slot(ticket).visit_at.load(std::memory_order_seq_cst) == 0;
}

// A parked worker that comes late, after the release, can't meet another lease's visit here: a
// lease that has visits needs this worker's acknowledgement first.
Tour* LeaseRing::visitor(uint64_t ticket, WorkerId me) const {
  const Slot& s = slot(ticket);
  return s.visit_at.load(std::memory_order_seq_cst) == me.value + 1u
             ? s.tour.load(std::memory_order_relaxed)
             : nullptr;
}

void LeaseRing::end_visit(uint64_t ticket, Instant now) {
  Slot& s = slot(ticket);
  raise_now(s, now);
  // seq_cst: gives tour and shard back, first half of the coordinator's wake-up test.
  s.visit_at.store(0, std::memory_order_seq_cst);
}

void LeaseRing::release(uint64_t ticket, Instant now) {
  Slot& s = slot(ticket);
  raise_now(s, now);
  // seq_cst: release for the owners, and the first half of the waker's test of sleep flags.
  s.released.store(ticket + 1, std::memory_order_seq_cst);
}

void LeaseRing::acknowledge(uint64_t ticket, Instant now) {
  Slot& s = slot(ticket);
  raise_now(s, now);
  // seq_cst: release of the shard to the coordinator, and first half of its wake-up test.
  s.acknowledged.fetch_add(1, std::memory_order_seq_cst);
}

bool LeaseRing::released(uint64_t ticket) const {
  const Slot& s = slot(ticket);
  return s.released.load(std::memory_order_seq_cst) >= ticket + 1 ||
         s.withdrawn.load(std::memory_order_seq_cst) >= ticket + 1;
}

// seq_cst, as release. The coordinator has touched no shard.
void LeaseRing::withdraw(uint64_t ticket) {
  slot(ticket).withdrawn.store(ticket + 1, std::memory_order_seq_cst);
}

}  // namespace pollux
