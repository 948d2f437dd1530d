// A command is one row and one function. The row holds every fact about it: the router, ACLs,
// COMMAND, the key extractor and statistics read rows, nothing is computed from a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/protocol/request.h"

namespace pollux {

struct Context;
struct Gather;

// What COMMAND INFO prints as flags.
enum CommandFlag : uint32_t {
  kWrite = 1u << 0,
  kReadonly = 1u << 1,
  kDenyOom = 1u << 2,
  kAdmin = 1u << 3,
  kPubsub = 1u << 4,
  kNoScript = 1u << 5,
  kBlocking = 1u << 6,
  kLoading = 1u << 7,
  kStale = 1u << 8,
  kSkipMonitor = 1u << 9,
  kSkipSlowlog = 1u << 10,
  kAsking = 1u << 11,
  kFast = 1u << 12,
  kNoAuth = 1u << 13,
  kMayReplicate = 1u << 14,
  kNoMulti = 1u << 15,
  kMovableKeys = 1u << 16,
  kAllowBusy = 1u << 17,
  kNoAsyncLoading = 1u << 18,
  kNoMandatoryKeys = 1u << 19,
  kProtected = 1u << 20,
  // Not printed:
  kWhileSubscribed = 1u << 21,  // a client of RESP2 may use it while it listens to channels
  kTellsOfDisk = 1u << 22,      // is refused as writes are while nothing can be saved (MISCONF)
  kLong = 1u << 23,             // writes that take long with much data (may_take_long)
};

// Whether what was changed before goes into the history first (ChangeLog).
constexpr bool may_take_long(uint32_t flags) {
  return (flags & kLong) != 0 || (flags & (kReadonly | kFast)) == kReadonly;
}

// ACL categories beyond those that follow from flags (write, read, fast, slow, admin, dangerous,
// blocking, pubsub): COMMAND INFO prints both.
enum AclCategory : uint32_t {
  kAclKeyspace = 1u << 0,
  kAclString = 1u << 1,
  kAclBitmap = 1u << 2,
  kAclConnection = 1u << 3,
  kAclTransaction = 1u << 4,
  kAclScripting = 1u << 5,
  kAclDangerous = 1u << 6,
  kAclAdmin = 1u << 7,
  kAclList = 1u << 8,
  kAclSet = 1u << 9,
  kAclSortedset = 1u << 10,
  kAclHash = 1u << 11,
  kAclStream = 1u << 12,
  kAclHyperloglog = 1u << 13,
  kAclGeo = 1u << 14,
  kAclPubsub = 1u << 15,
};

// Where the engine runs it.
enum class Route : uint8_t {
  kSession,    // no keys: on the worker of the connection
  kKeys,       // where its keys are: in place, in a cell, or under a lease if they span shards
  kAllShards,  // under a lease on all shards (FLUSHALL, SWAPDB)
  // `each_shard` on every shard in turn, then the handler at home, which writes what it gathered
  // or, of an array, the header; the engine puts Gather's body behind it (DBSIZE, KEYS).
  kEachShard,
  kCursor,      // on the shard that the cursor in args[1] names (SCAN); the engine maps it
  kEachWorker,  // engine families only: their visit function on every worker in turn
  kChannels,    // engine families only: where its channels are, as kKeys is with keys
  kListen,      // engine families only: at home, under a lease of its channels' shards (or of all)
  kExec,        // EXEC: where the commands that MULTI has queued want to be, all at once
};

// What becomes of a command between MULTI and EXEC.
enum class InMulti : uint8_t {
  kQueued,
  kAtOnce,   // it runs (EXEC, DISCARD, RESET, QUIT)
  kRefused,  // it runs, and its handler says no (MULTI, WATCH)
};

// How keys are found among the arguments, as COMMAND INFO's key-specs tell it. `first` 0 means no
// key in this spec; `last` counts from the end if negative (-1 is the last argument).
struct KeySpec {
  int16_t first = 0;
  int16_t last = 0;  // absolute, or negative
  int16_t step = 1;
  // Flags in COMMAND INFO's order: "RO access", "RW access update", "OW update", ...
  std::string_view flags;
  // For a keynum spec (EVAL, ZUNION, LMPOP ...): index of the argument that holds the number of
  // keys; keys begin at `first`. 0: a range spec.
  int16_t numkeys_at = 0;
  // For `last` -1: keys are the first 1/limit of what follows (XREAD: 2); 0 and 1: all.
  int16_t limit = 0;
  // If not empty, keys begin after this word, which is looked for from argument `first` on (from
  // the end backwards if `first` is negative); `last` is then negative, or counts from the first
  // key (XREAD STREAMS, GEORADIUS STORE).
  std::string_view keyword = {};
  std::string_view notes = {};  // what COMMAND INFO says beside the spec
};
inline constexpr int kKeySpecsMax = 3;
// A spec that tells only that there are keys no spec can find (SORT BY ... GET ...).
inline constexpr int16_t kKeysUnknown = INT16_MIN;

// Which arguments are channels; `first` 0 means none. `last` counts from the end if negative.
struct ChannelSpec {
  int16_t first = 0;
  int16_t last = 0;
};

using Handler = void (*)(Context&);

// What Route::kEachWorker runs on every worker; the types are the engine's
// (dataplane/engine/tour.h) and only pass through here.
class Worker;
struct Tour;
using TourVisit = void (*)(Worker&, Tour&);
// What runs behind the visits on the thread that may block (dataplane/engine/errands.h).
using TourErrand = void (*)(Tour&);

// For commands whose keys no spec can tell (SORT ... STORE, MIGRATE): appends the indices of all
// key arguments; false if the syntax is wrong.
class KeyIndices;
using KeyFinder = bool (*)(Args, KeyIndices&);

// True if argument `index` is not to be shown in logs of commands (a password).
using SecretArg = bool (*)(Args, size_t index);

// For commands with "variable_flags": what these arguments do to the keys, as COMMAND
// GETKEYSANDFLAGS tells it.
using KeyFlagsOf = std::string_view (*)(Args);

struct CommandRow {
  std::string_view name;  // lower case; a subcommand's own word ("encoding")
  int arity;              // as Redis: n exactly, -n at least; counts the name(s)
  uint32_t flags;         // CommandFlag bits
  uint32_t acl;           // AclCategory bits beyond those implied
  Handler handler;
  Route route = Route::kKeys;
  KeySpec keys[kKeySpecsMax] = {};
  // Which argument names a member of the first key's value, in most uses; 0: none. For prefetching.
  uint8_t member_at = 0;
  ChannelSpec channels = {};
  std::span<const CommandRow> subcommands = {};  // container commands: args[1] chooses the row
  Handler each_shard = nullptr;                  // Route::kEachShard
  TourVisit each_worker = nullptr;               // Route::kEachWorker
  TourErrand errand = nullptr;                   // Route::kEachWorker, if it needs one
  KeyFinder key_finder = nullptr;
  // COMMAND DOCS. `syntax` is what follows the name, in the notation of redis.io with types; the
  // argument tree is parsed from it (syntax.h has the notation).
  std::string_view group = {};
  std::string_view since = {};
  std::string_view summary = {};
  std::string_view complexity = {};
  std::string_view syntax = {};
  std::string_view container = {};  // parent's name for a subcommand
  // Dense number of the row in the command table, which sets it in its own copy of the row.
  uint16_t id = 0;
  std::string_view tips = {};     // COMMAND INFO's command tips, divided by spaces
  std::string_view history = {};  // "version text" divided by ';'
  KeyFlagsOf key_flags_of = nullptr;
  std::string_view deprecated_since = {};  // a version; then `replaced_by` is set too
  std::string_view replaced_by = {};
  InMulti in_multi = InMulti::kQueued;
  SecretArg secret = nullptr;
  bool syscmd = false;  // COMMAND DOCS says so of what is not for users
};

// Whether it is refused between MULTI and EXEC: by its flag, or because it has an errand, for which
// a transaction would have to hold its keys.
inline bool barred_in_multi(const CommandRow& row) {
  return (row.flags & kNoMulti) != 0 || row.errand != nullptr;
}

}  // namespace pollux
