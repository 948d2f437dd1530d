// What one worker changed since its last push to the journal. A ticket is drawn at the first change
// after the worker learned something from outside (poll, mailbox, acknowledgement, release), and
// covers the changes until it learns again: so every cause stands before its effect in the history.
// One thread: that of the worker, which also hears the shards it leases.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/journal.h"

namespace pollux {

class ChangeLog {
 public:
  // journal may be null: then no ticket is drawn.
  ChangeLog(Journal* journal, WorkerId worker) : journal_(journal), worker_(worker) {}

  bool enabled() const { return journal_ != nullptr; }
  void learned() { holds_ticket_ = holds_ticket_ && one_command_; }
  // Between the two calls all changes are of one command that takes several turns, with all shards
  // held: they have one ticket, and leave together.
  void begin_one_command() { one_command_ = true; }
  void end_one_command() { one_command_ = false; }

  // A key or a database has changed. Does nothing without a journal.
  void changed() {
    if (journal_ == nullptr) {
      return;
    }
    if (!holds_ticket_) {
      batches_.push_back({journal_->draw(), 0});
      holds_ticket_ = true;
      ++tickets_;
    }
    ++batches_.back().changes;
  }

  // The end of the turn.
  void push() {
    if (!batches_.empty() && !one_command_) {
      journal_->push(worker_, batches_);
      batches_.clear();
      holds_ticket_ = false;
    }
  }
  // False between a change and the end of its turn.
  bool pushed() const { return batches_.empty(); }
  uint64_t tickets() const { return tickets_; }

 private:
  Journal* const journal_;
  const WorkerId worker_;
  bool holds_ticket_ = false;
  bool one_command_ = false;
  uint64_t tickets_ = 0;
  std::vector<JournalBatch> batches_;
};

}  // namespace pollux
