// An EXEC under way: where its commands run and how far they are. In place and in a cell it is over
// in one go; under a lease it may have to wait in the middle for a tour (INFO inside MULTI).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/engine/lease.h"
#include "dataplane/engine/output.h"
#include "dataplane/engine/session.h"
#include "dataplane/engine/tour.h"
#include "dataplane/engine/transaction.h"

namespace pollux {

struct ExecRun {
  const CommandRow* row = nullptr;     // EXEC's own
  Transaction* transaction = nullptr;
  Output* out = nullptr;
  const ShardSet* leased = nullptr;    // null: this worker's shard alone
  Session* session = nullptr;          // null in a cell; then db and protocol are these
  int db = 0;
  int protocol = 2;
  ClientRef client;                    // who asked
  bool tracked = false;                // in a cell: whether its reads are remembered
  bool touching = true;                // see Keyspace::bind
  bool skipped = false;                // CLIENT REPLY SKIP came before EXEC
  size_t next = 0;                     // the queued command that runs or will run next
  uint64_t cycles = 0;
  Ticket shown;                        // the last change that the replies up to now show
  std::unique_ptr<std::vector<NotedCommand>> noted;  // in a cell: for home
  std::unique_ptr<Tour> tour;          // of that command
  bool recorded = false;               // it may change something
  bool visit_asked = false;            // the tour is on another worker
  bool waited = false;                 // it was, at some time

  int current_db() const { return session != nullptr ? session->db : db; }
  int current_protocol() const { return session != nullptr ? session->protocol : protocol; }
  // Whether the client is to see what is written now; CLIENT REPLY may change it in the middle.
  bool muted() const {
    if (session == nullptr) {
      return false;  // the cell says so
    }
    const ReplyMode mode = session->reply_mode;
    return session->closing || mode == ReplyMode::kOff || mode == ReplyMode::kSkipping ||
           (skipped && mode == ReplyMode::kSkipNext);
  }
};

}  // namespace pollux
