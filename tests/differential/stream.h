// The command stream of one round, made from a seed: what is sent on which connection, in which
// pieces, and what comes back. Steps run one after the other, so that the order over connections
// is defined; inside a step the commands are one pipeline.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/differential/grammar.h"

namespace pollux {

struct Command {
  Request request;
  Rule rule = Rule::kExact;
  bool silent = false;       // no reply comes (CLIENT REPLY)
  bool inline_form = false;  // sent as a line of text
  bool mutilated = false;    // made wrong by the grammar
  bool in_family = false;    // of the family that was asked for
};

struct Step {
  enum class Kind : uint8_t {
    kPipeline,  // commands, a reply to each that is not silent
    kRaw,       // bytes that may be no RESP, then end of stream; all that comes back is compared
    kQuit,      // commands, the last of which closes the connection
    kScan,      // commands[0] is a SCAN: run to its end on both sides, sets of keys compared
    kWait,      // nothing is sent for wait_ms: short TTLs end
    kRestore,   // commands[0] is a DUMP, commands[1] a RESTORE of what it answers; of changed bytes
                // if there is a mutate_seed, into a key that goes again
    kTracking,  // commands of a client that caches, on a connection of its own: all that comes
                // back, pushes among the replies, is compared as bytes
    kBlocking,  // the first `waiters` commands wait, each on a connection of its own; then come
                // the others, on one that no other step uses
  };
  Kind kind = Kind::kPipeline;
  size_t connection = 0;
  std::vector<Command> commands;
  std::string raw;
  uint64_t split_seed = 0;  // not 0: sent in small pieces cut at random
  int wait_ms = 0;
  size_t waiters = 0;
  uint64_t mutate_seed = 0;
};

// About `commands_max` commands over `connections` connections.
std::vector<Step> make_round(const Grammar& grammar, uint64_t seed, size_t commands_max,
                             size_t connections);

size_t command_count(const std::vector<Step>& steps);
// Of these, those of the family that was asked for.
size_t family_commands(const std::vector<Step>& steps);

// Whether FLUSHALL or FLUSHDB is among its commands.
bool has_flush(const Step& step);

// Adds all that there is to see of a key.
void add_reads(Step& step, const std::string& key);

}  // namespace pollux
