#include "storage/ticket_journal.h"

#include "src/base/assert.h"

namespace pollux {

Ticket TicketJournal::draw() {
  return Ticket{next_.fetch_add(1, std::memory_order_relaxed)};
}

void TicketJournal::push(WorkerId, std::span<const JournalBatch> batches) {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint64_t last = 0;
  uint64_t durable = durable_.load(std::memory_order_relaxed);
  for (const JournalBatch& batch : batches) {
    const uint64_t ticket = batch.ticket.value;
    POLLUX_ASSERT(ticket > last);
    POLLUX_ASSERT(ticket > durable && ticket <= drawn());
    const bool is_new = waiting_.insert(ticket).second;
    POLLUX_ASSERT(is_new);
    last = ticket;
    changes_ += batch.changes;
    while (!waiting_.empty() && *waiting_.begin() == durable + 1) {
      waiting_.erase(waiting_.begin());
      ++durable;
    }
  }
  durable_.store(durable, std::memory_order_release);
}

Ticket TicketJournal::durable() const {
  return Ticket{durable_.load(std::memory_order_acquire)};
}

uint64_t TicketJournal::changes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return changes_;
}

}  // namespace pollux
