// The port to the one history of changes. When a change commits, its worker draws a ticket from one
// global counter, unless it holds one drawn since it last learned anything from outside; the batch
// of the turn goes to the journal under that ticket at the end of the turn. A consumer that takes
// batches in ticket order, without gaps, sees every cause before its effect.
//
// This issue of the port carries no bytes yet: its one implementation draws tickets and checks that
// what comes back is dense. With no journal (the default) no ticket is drawn.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/types.h"

namespace pollux {

// What one worker did under one ticket.
struct JournalBatch {
  Ticket ticket;
  uint32_t changes = 0;  // key changes (Edit::notify calls) it covers
};

class Journal {
 public:
  virtual ~Journal() = default;
  // The next place in the history. Any worker.
  virtual Ticket draw() = 0;
  // This turn's batches of one worker, in ascending ticket order. Every ticket drawn comes back in
  // exactly one batch. Called by that worker at the end of its turn.
  virtual void push(WorkerId worker, std::span<const JournalBatch> batches) = 0;
  // All tickets up to this one are on disk.
  virtual Ticket durable() const = 0;
};

}  // namespace pollux
