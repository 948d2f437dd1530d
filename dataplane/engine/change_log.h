// What one worker changes, on its way into the journal. A ticket is drawn at the first change after
// the worker learned something from outside (poll, mailbox, acknowledgement, release), and covers
// the changes until it learns again: so every cause stands before its effect in the history. Behind
// each command that has changed something stands what is to be done to have the same again: its
// words, or what its handler said instead (Effects).
//
// One thread: that of the worker, which also hears the shards it leases.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/commands/command.h"
#include "src/commands/effects.h"
#include "storage/journal.h"

namespace pollux {

class ChangeLog {
 public:
  // `journal` may be null: then there is never a history.
  ChangeLog(Journal* journal, WorkerId worker)
      : journal_(journal), lane_(journal != nullptr ? &journal->lane(worker) : nullptr) {}

  // Whether there is a history now. No command is under way.
  void keep(bool on) { on_ = on && journal_ != nullptr; }
  bool enabled() const { return on_; }
  void learned() { holds_ticket_ = holds_ticket_ && one_command_; }
  // Between the two calls all changes are of one command that takes several turns, with all shards
  // held: they have one ticket, and leave together.
  void begin_one_command() { one_command_ = true; }
  void end_one_command() { one_command_ = false; }

  // --- changes ---
  // A key or a database changes, by the command that runs.
  void changed(Instant now) {
    if (on_) {
      need_ticket(now);
      dirty_ = true;
    }
  }
  // Behind a command: whether it has changed something that stands in no record yet.
  bool dirty() const { return dirty_; }
  // The record of it: its words; or what it has said, all of it or nothing.
  void record(uint32_t db, Args args, Instant now);
  void record(uint32_t db, const Effects& effects, Instant now);
  // There is none: it does not belong to the history.
  void leave_out() { dirty_ = false; }
  // A key or a field is gone by its time, or to make room: at once, before what the command that
  // has found it does.
  void removed(uint32_t db, std::string_view key, Instant now);
  void removed_field(uint32_t db, std::string_view key, std::string_view field, Instant now);
  // What is recorded between the two is done together or not at all.
  void begin_group() { in_group_ = on_; }
  void end_group(Instant now);
  // A snapshot is made now, with all shards held, and has all up to here. Its ticket.
  Ticket cut(Instant now);

  // The end of the turn: what was recorded is the journal's.
  void push() {
    if (!pushed() && !one_command_) {
      lane_->publish();
      journal_->tell_reader(*lane_);
      holds_ticket_ = false;
    }
  }
  // False between a change and the end of its turn.
  bool pushed() const { return lane_ == nullptr || lane_->published(); }
  // The last one that was drawn here: all that this worker has changed has it or an older one.
  Ticket ticket() const { return ticket_; }
  uint64_t tickets() const { return tickets_; }

 private:
  void need_ticket(Instant now) {
    if (!holds_ticket_) {
      ticket_ = journal_->draw();
      lane_->begin(ticket_, now);
      holds_ticket_ = true;
      ++tickets_;
    }
  }
  void begin_record(uint32_t db, Instant now);
  void append_command(Args args);

  Journal* const journal_;
  JournalLane* const lane_;
  bool on_ = false;
  bool dirty_ = false;
  bool holds_ticket_ = false;
  bool one_command_ = false;
  bool in_group_ = false;
  bool group_begun_ = false;  // MULTI stands there
  Ticket ticket_;
  uint64_t tickets_ = 0;
};

}  // namespace pollux
