// What a session collects for EXEC: the commands queued since MULTI, the shards they want, and what
// it watches. Made with the session's first MULTI or WATCH. It belongs to the session, and travels
// in the cell when EXEC runs on another worker.
//
// The queue is three arrays that grow by doubling and stay for the next transaction, so queueing a
// command is a copy of its bytes and no allocation of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/lease.h"
#include "dataplane/engine/router.h"
#include "dataplane/engine/watch.h"
#include "src/commands/command.h"

namespace pollux {

struct QueuedCommand {
  const CommandRow* row = nullptr;
  uint32_t first_arg = 0;
  uint32_t arg_count = 0;
  Placement place;
};

class Transaction {
 public:
  // --- the queue ---
  void queue(const CommandRow& row, Args args, const Placement& place, int shards);
  // A request was refused: EXEC will be, too.
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }
  size_t size() const { return commands_.size(); }
  const QueuedCommand& operator[](size_t i) const { return commands_[i]; }
  // The arguments of a queued command; `args` is overwritten. They live until clear.
  void args_of(const QueuedCommand& command, std::vector<std::string_view>& args) const;
  // The flags of all queued commands together.
  uint32_t flags() const { return flags_; }
  // All of them may run while data is loaded.
  bool may_run_while_loading() const { return may_run_while_loading_; }
  // Bytes of the queue.
  size_t bytes() const {
    return bytes_.size() + ends_.size() * sizeof(ends_[0]) +
           commands_.size() * sizeof(QueuedCommand);
  }
  // Forgets the queue, not the watches.
  void clear();

  // --- where it must run ---
  // The shards that EXEC needs: those of the commands, and those of watched keys.
  ShardSet shards() const;
  // A queued command is about the session, or gathers from all workers.
  bool at_home() const { return at_home_; }

  // A queued command may run under a lease only, even if one shard or none is enough.
  bool needs_lease() const { return needs_lease_; }

  // --- WATCH ---
  Watching watching;
  ShardSet watched;  // where there may be records

 private:
  // What is kept between transactions.
  static constexpr size_t kKeptBytes = 16 * 1024;

  std::string bytes_;            // of all arguments
  std::vector<size_t> ends_;     // where each argument ends in bytes_
  std::vector<QueuedCommand> commands_;
  ShardSet shards_;
  uint32_t flags_ = 0;
  bool may_run_while_loading_ = true;
  bool at_home_ = false;
  bool needs_lease_ = false;
  bool failed_ = false;
};

}  // namespace pollux
