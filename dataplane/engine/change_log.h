// What one worker changes, on its way into the journal. A ticket is drawn at the first change after
// the worker learned something from outside (poll, mailbox, acknowledgement, release), and covers
// the changes until it learns again: so every cause stands before its effect in the history. Behind
// each command that has changed something stands what is to be done to have the same again: its
// words, or what its handler said instead (Effects).
//
// The history of all workers ends before the first ticket that was drawn and whose changes are not
// pushed. So nobody computes for long with one in hand: what is recorded is pushed before a command
// that may take long, and that, or a transaction, has its ticket when it is over. (An EXEC that
// sorted for four seconds behind a SET held back, and lost with the process, what all others had
// acknowledged in that time.)
//
// One thread: that of the worker, which also hears the shards it leases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  void learned() { holds_ticket_ = holds_ticket_ && group_open_; }

  // --- changes ---
  // A key or a database changes, by the command that runs.
  void changed(Instant now) {
    if (on_) {
      dirty_ = group_changed_ = true;
      if (!keeps_back()) {
        need_ticket(now);
      }
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

  // What is recorded between the two has one ticket, which is drawn at the end; of a transaction it
  // is done together or not at all. One may go on over turns, with its shards held; one command is
  // none within a transaction (false).
  void begin_transaction();
  bool begin_command();
  // The ticket of what was recorded, or is to be by a command that has changed something and whose
  // record comes behind this; {} if there is none.
  Ticket end_group(Instant now);
  // Something that may show what the group has changed leaves this worker before its end: its
  // ticket is drawn now, so that what others do about it stands behind. It is in hand to the end.
  void group_is_seen(Instant now) {
    if (group_changed_ && keeps_back()) {
      open_group(now);
    }
  }
  bool group_has_changed() const { return in_group_ && group_changed_; }
  // Whether what is changed now has no ticket yet.
  bool keeps_back() const { return in_group_ && !group_open_; }
  // A snapshot is made now, with all shards held, and has all up to here. Its ticket.
  Ticket cut(Instant now);

  // The end of the turn, or something long comes: what was recorded is the journal's.
  void push() {
    if (!pushed() && !group_open_) {
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
  void open_group(Instant now);
  void forget_kept();
  void begin_record(uint32_t db, Instant now);
  void begin_in_lane(uint32_t db);
  void append(std::string_view bytes);
  void append_command(Args args);

  Journal* const journal_;
  JournalLane* const lane_;
  bool on_ = false;
  bool dirty_ = false;
  bool holds_ticket_ = false;
  bool in_group_ = false;
  bool group_is_whole_ = false;  // a transaction
  bool group_changed_ = false;
  bool group_open_ = false;   // it has its ticket, and what is recorded goes into the lane
  bool group_begun_ = false;  // MULTI stands there
  // Of a group before: records, and where each begins.
  struct Kept {
    uint32_t db;
    size_t at;
  };
  std::vector<Kept> kept_;
  std::string kept_bytes_;
  Ticket ticket_;
  uint64_t tickets_ = 0;
};

}  // namespace pollux
