// A request that is carried from worker to worker, 0 to N-1, and then answered at home: DBSIZE,
// KEYS, CLIENT LIST, CONFIG SET. Exactly one worker has it at a time, so its state needs no lock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/engine/client_ref.h"
#include "dataplane/engine/output.h"
#include "src/base/intrusive_list.h"
#include "src/commands/context.h"

namespace pollux {

class Session;
class Worker;

// What a command gathers on its way, in a form of its own. The row's functions know which one.
struct TourLuggage {
  virtual ~TourLuggage() = default;
};

struct Tour : ListLink {
  explicit Tour(ChunkPool& pool) : body(pool) {}

  const CommandRow* row = nullptr;
  std::vector<std::string> args_bytes;       // own copy: the tour outlives the receive buffer
  std::vector<std::string_view> args;        // views into args_bytes
  int db = 0;
  int protocol = 2;
  Session* session = nullptr;                // who asked; home's own, null once it has left
  uint64_t session_id = 0;                   // its id, for visits
  Instant now;
  Ticket shown;  // the last change that it has seen
  uint16_t next_worker = 0;
  bool muted = false;                        // CLIENT REPLY OFF or SKIP

  Gather gather;                             // Route::kEachShard; gather.body is &body
  Output body;                               // replies gathered on the way

  // For Route::kEachWorker: free for the command's use; text gathered on the way, numbers.
  std::string text;
  int64_t number = 0;
  std::unique_ptr<TourLuggage> luggage;
  // The luggage, made at the first call. Always of one type within a row.
  template <typename T>
  T& luggage_of() {
    if (luggage == nullptr) {
      luggage = std::make_unique<T>();
    }
    return static_cast<T&>(*luggage);
  }
  ClientRef found;                           // CLIENT TRACKING REDIRECT: whom the id names
  bool in_exec = false;                      // of a transaction: none of its visits may stay
  bool stay = false;                         // a visit sets it: not done yet, visit me again
  bool done_early = false;                   // a visit may set it: no more workers are visited
  bool again = false;                        // a visit sets it: from the first worker on
  // The visit is over.
  void go_on() {
    next_worker = static_cast<uint16_t>(std::exchange(again, false) ? 0 : next_worker + 1);
  }
  bool kill_self = false;                    // CLIENT KILL met the session that asked
  uint64_t cycles = 0;                       // what the visits took
  size_t request_bytes = 0;                  // of the request on the wire

  // CommandRow::errand: still to be run, unless a visit says that there is none.
  bool errand_due = false;
  Tour* next_back = nullptr;                 // from an errand
};

}  // namespace pollux
