// A store of some shards with a clock moved by hand, for tests of handlers: a request goes in as
// text, the reply comes out as the bytes on the wire, with the events it raised.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/commands/command_table.h"
#include "src/commands/context.h"

namespace pollux {

// A sink into a string.
class TextSink final : public ByteSink {
 public:
  TextSink();
  // All that was written since the last call.
  std::string take();

 private:
  size_t refill(size_t bytes) override;

  std::string text_;
  char window_[256];
};

// Of commands in RESP, a line for each, as it is in tests; "!" if they are none.
std::string history_lines(std::string_view history);

class TestStore {
 public:
  explicit TestStore(int shards = 1);
  ~TestStore();

  // The arguments of `line` are divided by spaces.
  std::string run(std::string_view line);
  std::string run_args(const std::vector<std::string_view>& args);
  // --- a history, as the engine keeps it ---
  // From here on: of each command that changed data, its effects, or else its words; of what ends
  // by its time, its deletion. With SELECT where the database changes. Commands that wait do so,
  // and are run again when one of their keys is there.
  // For tests of tests: the effects of the command `forgetful` are lost.
  void keep_history(std::string_view forgetful = {});
  // What has come since the last call, in RESP.
  std::string take_history();
  // Runs it, as one that is loaded. The first reply that is an error, or nothing.
  std::string replay(std::string_view history);
  // All that is due goes.
  void tick();

  // The events of the last run: "set k, expire k".
  const std::string& events() const { return events_; }

  void advance_ms(int64_t ms) { now_.us += ms * 1000; }
  int64_t now_ms() const { return now_.ms(); }
  void select(int db) { db_ = db; }
  void set_frozen(bool frozen) { keys_.set_frozen(frozen); }
  void set_replaying(bool replaying) { keys_.set_replaying(replaying); }
  void set_protocol(int protocol) { protocol_ = protocol; }
  KeyspaceStats& stats() { return keys_.stats(); }
  DataConfig& config() { return config_; }
  const CommandTable& table() const { return table_; }
  ShardStore& shard(int number = 0) { return *stores_[static_cast<size_t>(number)]; }

 private:
  class EventLog;
  class WaitingHost;
  struct Waiter;

  void serve_waiters();
  void run_row(const CommandRow& row, Args args, Reply& reply, TextSink& sink);

  std::unique_ptr<EventLog> log_;
  std::vector<std::unique_ptr<ShardStore>> owned_;
  std::vector<ShardStore*> stores_;
  std::vector<uint64_t> all_held_;
  Keyspace keys_;
  CommandTable table_;
  Rng rng_{1};
  DataConfig config_;
  std::unique_ptr<WaitingHost> host_;
  std::vector<Waiter> waiters_;
  Effects effects_;
  std::string forgetful_;
  size_t ready_key_ = 0;
  Instant now_{1'700'000'000'000'000};
  int db_ = 0;
  int protocol_ = 2;
  std::string events_;
};

}  // namespace pollux
