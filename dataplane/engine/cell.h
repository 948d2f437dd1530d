// A request on its way out, its answer on the way back. Cells come from a fixed pool per ordered
// pair of workers, so that neither ring of the pair can be full, and the answer comes back in the
// cell that took the request. A cell belongs to its home worker, except between publish of the
// request and publish of the answer, when the owner of the shard has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/client_ref.h"
#include "dataplane/engine/command_log.h"
#include "dataplane/engine/output.h"
#include "dataplane/engine/transaction.h"
#include "src/base/intrusive_list.h"
#include "src/base/prefetch.h"
#include "src/base/types.h"
#include "src/commands/command.h"

namespace pollux {

class Session;
class Waiter;
class Worker;
struct Tour;

enum class CellKind : uint8_t {
  kCommand,  // run `row` with the copied arguments on the shard
  kTour,     // call the tour's visit on that worker
  kExec,     // run the transaction on the shard
  kForget,   // drop the records of watch or wait `watching.id`
  kPark,     // acknowledge lease `lease_ticket` and touch the shard no more until its release
};

struct alignas(64) Cell : ListLink {
  Cell(WorkerId home, WorkerId target, ChunkPool& pool)
      : home(home), target(target), reply(pool) {}

  const WorkerId home;
  const WorkerId target;

  // --- the request; written by home, read by target ---
  CellKind kind = CellKind::kCommand;
  uint8_t protocol = 2;
  bool touching = true;  // see Keyspace::bind
  bool tracked = false;  // the client caches what it reads: remember it
  ConnId client;         // who asks
  uint64_t sequence = 0;  // of requests through this channel; 0 if it runs at home
  int db = 0;
  const CommandRow* row = nullptr;
  uint64_t first_key_hash = 0;
  uint32_t shard_index = 0;
  uint32_t request_bytes = 0;  // on the wire
  Instant now;
  uint64_t lease_ticket = 0;
  Tour* tour = nullptr;
  std::unique_ptr<Transaction> transaction;  // kExec; comes back empty
  Waiter* waiter = nullptr;  // of a command that may have to wait

  // Of a client, not of the engine itself.
  bool is_request() const { return kind == CellKind::kCommand || kind == CellKind::kExec; }

  // Copies the arguments into the cell. Up to kInlineBytes / kInlineArgs without allocation.
  void set_args(Args args);
  Args args() const { return {args_, args_count_}; }
  // Makes the cell ready for its next request.
  void clear();

  // --- the answer; written by target, read by home ---
  // A short one comes inside the cell, where the request's bytes were: a chunk of the target's pool
  // would cost two more ways between the cores, and a third to give it back.
  Output reply;
  // What the target found remarkable (command_watch.h), for home to make a note of; as a rule null.
  std::unique_ptr<std::vector<NotedCommand>> noted;
  void pack_reply();
  Watching watching;  // WATCH: the id goes out, what was added comes back
  std::string_view packed_reply() const { return {inline_bytes_, packed_bytes_}; }
  bool waits = false;  // there is no answer yet: the waiter will bring it
  Ticket shown;        // the last change that the answer shows

  // --- home's own ---
  Session* session = nullptr;  // null once the session has left
  bool answered = false;
  bool muted = false;  // CLIENT REPLY OFF or SKIP: the answer is dropped
  std::string peer;    // the client's address, for MONITOR; else empty

  static constexpr size_t kInlineBytes = 256;
  static constexpr size_t kInlineArgs = 8;

  // Asks for the cache lines that the other side of the pair has just written, all at once: one by
  // one, as they are used, each would cost its own way between the cores.
  void prefetch_lines() const {
    const char* from = reinterpret_cast<const char*>(this);
    const char* to = inline_bytes_ + kPrefetchedBytes;
    for (; from < to; from += 64) {
      prefetch(from);
    }
  }

 private:
  static constexpr size_t kPrefetchedBytes = 128;  // of a short request, or a short reply

  uint32_t packed_bytes_ = 0;
  std::string_view* args_ = inline_args_;
  size_t args_count_ = 0;
  std::unique_ptr<char[]> more_bytes_;
  std::unique_ptr<std::string_view[]> more_args_;
  std::string_view inline_args_[kInlineArgs];
  char inline_bytes_[kInlineBytes];
};

using CellList = IntrusiveList<Cell>;

}  // namespace pollux
