// A command that waits for keys (BLPOP and its kin), from "there is nothing" to its answer.
//
// A waiter belongs to the worker of its session, its home. It holds all that it takes to run the
// command again, wherever one of its keys becomes ready: records in the tables of shards
// (wait_table.h) point to it. Who holds such a shard *claims* the waiter by a compare-and-swap,
// runs the command, and sends the waiter home, with the answer in it, in the queue of pushes. Home
// ends the wait otherwise (the time is up, CLIENT UNBLOCK, the client has left) by a
// compare-and-swap on the same word. So one of the two has it, never both.
//
//   idle     home's: it is free, or being filled, or has come home
//   waiting  nobody's: what stands in it stays as it is. A holder makes it claimed, home idle
//   claimed  the holder's, while the command runs again. If there is nothing for it after all it
//            waits on; else it goes home
//
// With the state stands the number of the wait, which never comes again: a record that is left over
// from an older wait claims nothing. Therefore waiters are not freed before all workers are gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/client_ref.h"
#include "dataplane/engine/deadline_heap.h"
#include "dataplane/engine/lease.h"
#include "dataplane/engine/output.h"
#include "dataplane/engine/payload.h"
#include "src/base/types.h"
#include "src/commands/command.h"

namespace pollux {

class Session;

// How a wait is ended by others than who serves it.
enum class UnblockAs : uint8_t {
  kTimeout,  // answered as if the time were up
  kError,    // answered -UNBLOCKED
};

enum class Unblocked : uint8_t {
  kNotWaiting,
  kDone,
  kClaimed,  // it may be answered at this moment: ask again next turn
};

class Waiter : public Push {
 public:
  explicit Waiter(ChunkPool& pool) : reply(pool) { kind = PushKind::kWaiter; }

  // Of the present wait (Engine::next_record_id). Home's to read, and who has claimed it.
  uint64_t id() const { return word_.load(std::memory_order_relaxed) >> kStateBits; }

  // --- home ---
  // A new wait, idle.
  void begin(uint64_t id);
  // waiting -> idle. False if it does not wait: it is claimed, perhaps already on its way home.
  bool cancel();
  // It has come home.
  void settle();
  void set_args(Args args);
  void drop_args();

  // --- who registers it, with all of its keys' shards held ---
  // The command will be run again with `text` as argument `index`.
  void rewrite(size_t index, std::string_view text);
  // idle -> waiting.
  void arm();

  // --- a holder of one of its keys' shards ---
  // waiting -> claimed, if it is this wait.
  bool claim(uint64_t id);
  // claimed -> waiting.
  void unclaim();
  // Whether this wait is not over yet, or its end is not home yet: another may have claimed it for
  // a moment, and what a key of this shard has for it must not be forgotten.
  bool goes_on(uint64_t id) const;

  Args args() const { return args_; }
  // What it takes, with its records.
  size_t bytes() const;
  int64_t due_ms() const { return until_ms; }
  // Not WAIT and WAITAOF. Once it is registered.
  bool waits_for_keys() const { return shards.count() != 0; }

  // --- the command; written by home, and read by who has claimed it ---
  const CommandRow* row = nullptr;
  int db = 0;
  int protocol = 2;
  bool touching = true;   // see Keyspace::bind
  ClientRef client;
  size_t request_bytes = 0;

  // --- written by who registers it ---
  ShardSet shards;            // where its records are
  size_t record_bytes = 0;
  int64_t until_ms = 0;       // Unix time; 0: for ever

  // --- written by who serves it ---
  Output reply;
  bool served = false;
  ShardSet forgotten;         // of `shards`, where the records are gone already
  uint64_t cycles = 0;        // of the run that answered
  Instant now;

  // --- home's own ---
  Session* session = nullptr;  // null once it has left
  bool muted = false;          // CLIENT REPLY OFF or SKIP: the answer is dropped
  bool with_cell = false;      // the command is under way, and nobody knows yet whether it waits
  bool came_home = false;      // before its cell did
  int64_t counted_bytes = 0;   // in the account of clients
  size_t heap_place = kNotInHeap;  // in WaiterDeadlines
  bool for_disk = false;           // WAITAOF
  int64_t replicas = 0;            // it waits for so many, too

 private:
  enum State : uint64_t { kIdle, kWaiting, kClaimed };
  static constexpr int kStateBits = 2;
  static uint64_t word(uint64_t id, State state) { return id << kStateBits | state; }
  void change(State to);

  std::atomic<uint64_t> word_{0};
  std::string bytes_;                    // of all arguments
  std::vector<std::string_view> args_;   // views of bytes_
};

// The waiters of one worker's sessions.
class WaiterPool {
 public:
  explicit WaiterPool(ChunkPool& chunks) : chunks_(chunks) {}
  // An idle one. `id`: see Waiter::id.
  Waiter& take(uint64_t id);
  // Requires that it is idle.
  void give_back(Waiter& waiter);
  size_t in_use() const { return all_.size() - free_.size(); }
  // At the end of the process: no waiter holds chunks any more.
  void drop_replies();

 private:
  ChunkPool& chunks_;
  std::vector<std::unique_ptr<Waiter>> all_;
  std::vector<Waiter*> free_;
};

// Who waits until when.
using WaiterDeadlines = DeadlineHeap<Waiter>;

}  // namespace pollux
