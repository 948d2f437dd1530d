// The first journal: it draws tickets and checks that they come back exactly once, so that the
// history they number has no hole. It keeps no bytes; durable() is the highest ticket up to which
// all are back. A checker for tests and for runs that want the proof: push takes a lock, which the
// journal on disk will not.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <span>

#include "src/base/types.h"
#include "storage/journal.h"

namespace pollux {

class TicketJournal final : public Journal {
 public:
  Ticket draw() override;
  // Asserts that each ticket was drawn and was not pushed before, and that they ascend.
  void push(WorkerId worker, std::span<const JournalBatch> batches) override;
  Ticket durable() const override;

  // Tickets drawn so far.
  uint64_t drawn() const { return next_.load(std::memory_order_relaxed) - 1; }
  // Key changes that came with the batches up to now.
  uint64_t changes() const;
  // True if every ticket that was drawn is back. Meaningful when no worker runs.
  bool dense() const { return durable().value == drawn(); }

 private:
  // relaxed: the number is all that is shared; what stands behind a ticket comes with push.
  std::atomic<uint64_t> next_{1};
  // release and acquire: who sees ticket n durable sees all that was pushed up to n.
  std::atomic<uint64_t> durable_{0};
  mutable std::mutex mutex_;
  std::set<uint64_t> waiting_;  // back, but an older one is not
  uint64_t changes_ = 0;
};

}  // namespace pollux
