// Commands that were slow, or came with a large request, or had a large reply: what SLOWLOG and
// COMMANDLOG show. Each worker keeps those of its own sessions; a tour puts them together. Entries
// are numbered over all workers (Engine::next_log_id), so that they have one order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "src/commands/command.h"
#include "src/protocol/request.h"

namespace pollux {

enum class LogKind : uint8_t { kSlow, kLargeRequest, kLargeReply };
inline constexpr size_t kLogKinds = 3;

// What running one command took.
struct CommandCost {
  uint64_t cycles = 0;  // TSC
  size_t request_bytes = 0;
  size_t reply_bytes = 0;
};

struct LogEntry {
  uint64_t id = 0;
  int64_t unix_s = 0;
  int64_t value = 0;  // microseconds, or bytes
  std::vector<std::string> args;
  std::string address;  // of the client; empty if it had left when the command was done
  std::string client_name;
};

// The arguments as the log keeps them, by redis-server's rules: at most 32, of each at most 128
// bytes, what is left out told in words; secrets (CommandRow::secret) are not shown.
std::vector<std::string> logged_args(const CommandRow& row, Args args);

// A command that is to be noted, on its way to the worker that does so.
struct NotedCommand {
  const CommandRow* row;
  std::vector<std::string> args;  // logged_args
  CommandCost cost;
};

class CommandLog {
 public:
  // Oldest entries go until at most `entries_max` are left.
  void add(LogEntry entry, size_t entries_max);
  void clear() { entries_.clear(); }
  // Oldest first.
  const std::deque<LogEntry>& entries() const { return entries_; }

 private:
  std::deque<LogEntry> entries_;
};

}  // namespace pollux
