// How the two replies to one command are compared. Where Redis defines the bytes the rule is
// kExact; every looser rule names what Redis leaves open. Which command has which rule stands in
// the table of commands (commands.cc), nowhere else.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pollux {

enum class Rule : uint8_t {
  kExact,
  kSorted,       // an array without an order: KEYS
  kPairs,        // a map without an order, as a map or as a flat array: CONFIG GET
  kFlagSets,     // arrays of words and of subcommands inside are sets: COMMAND INFO
  kType,         // the same type: TIME, CLIENT ID, INFO
  kNullness,     // the same type, and both null or both not: RANDOMKEY
  kNearSeconds,  // integers at most 2 apart if both are positive: TTL; and more by the slack
  kNearMs,       // integers at most 2,000 apart if both are positive: PTTL; and by the slack
  kEncoding,     // equal; or skiplist, which SORT makes of small sorted sets there, and listpack
  // What XPENDING and XINFO tell of streams: times and idle times at most 5,000 apart; those of
  // consumers may be later here, which also tells of their last success; and the nodes of the index
  // are each server's own.
  kStreamTimes,
  kChangedStream,  // the same of a changed payload, whose first id redis-server believes
  kPayload,      // of DUMP: sets and hashes in another order, lists in other nodes
  kHello,        // server, proto, mode and role are equal; version, id and more fields are ours
};

// What may differ by what has happened before.
struct Slack {
  long long ms = 0;  // so far apart the two servers may have run a command, and looked at the clock
  long long blocks = 0;  // of a stream that RESTORE has left out here, since nothing lived in them
};

// An error on either side has to be the same bytes under every rule.
bool replies_agree(Rule rule, std::string_view redis, std::string_view pollux, Slack slack = {});
// How many blocks fewer Pollux has, of two replies to XINFO STREAM of what was just restored: none
// of which anything lives in. 0 also where that can't be.
long long blocks_left_out(std::string_view redis, std::string_view pollux);

// EXEC's array, each element by the rule of the command that was queued for it.
bool exec_replies_agree(const std::vector<Rule>& rules, std::string_view redis,
                        std::string_view pollux, Slack slack);

}  // namespace pollux
