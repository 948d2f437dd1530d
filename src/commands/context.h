// What a handler is given. A handler is a plain single-threaded function over a Keyspace: it reads
// args, changes keys through Edit, writes one reply, and never learns that shards, cells or leases
// exist. It asks no clock and no random device: `keys.now()` and `rng` are all there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/base/rng.h"
#include "src/commands/command.h"
#include "src/commands/effects.h"
#include "src/data/encoding_limits.h"
#include "src/data/eviction.h"
#include "src/data/keyspace.h"
#include "src/data/value.h"
#include "src/protocol/reply.h"

namespace pollux {

// Settings that handlers read; a view of the configuration version this core runs with.
struct DataConfig {
  int64_t bulk_bytes_max = 512LL << 20;  // proto-max-bulk-len
  EvictionRules eviction;                // maxmemory-policy and what goes with it
  EncodingLimits encoding;               // *-max-listpack-* and their kin
  bool rdb_compression = true;           // rdbcompression
  bool dump_sums = true;                 // RESTORE checks them; DEBUG SET-SKIP-CHECKSUM-VALIDATION
};

struct Context;

// What Route::kEachShard collects on its way over the shards.
struct Gather {
  int64_t integer = 0;
  uint64_t elements = 0;     // replies written to `body` so far
  ByteSink* body = nullptr;  // their bytes; the engine owns it, and sends it after the handler
  std::string text;          // one value that shards hand on and may replace (RANDOMKEY)
};

// What a command that has found nothing waits for (BLPOP and its kin).
struct Wait {
  size_t first_key = 0;  // arguments: the keys, one behind the other
  size_t key_count = 0;
  ValueType type = ValueType::kList;  // what a key must hold before it is looked at again
  bool gone_too = false;  // it is looked at, too, when it was deleted or holds something else
  size_t target = 0;      // argument: the key that elements will move to; 0: none
  int64_t until_ms = 0;   // Unix time; 0: for ever
  // Unix time; 0: never. Each key is looked at again then, whether it has changed or not; what is
  // said when that finds nothing holds for this key from then on.
  int64_t again_ms = 0;
  // Arguments that will read otherwise when the command is run again (XREAD: what $ stood for).
  struct Rewritten {
    size_t index;
    std::string_view text;
  };
  std::span<const Rewritten> rewritten = {};
};

// The port through which handlers ask for what only the engine knows. Families of the engine
// (connection, server) get a larger one; see dataplane/engine/engine_context.h.
class Host {
 public:
  virtual ~Host() = default;
  // For a command that has found and answered nothing, changed nothing that others wait for, and
  // returns right behind this. True: it waits. Whenever a key may have something, the handler is
  // run again, with Context::ready_key set, until it answers; or it is answered null when the time
  // is up. False: it must not wait (in a transaction), and answers as if the time were up.
  virtual bool wait(Context&, const Wait&) { return false; }
  // FLUSHALL has emptied all databases.
  virtual void emptied_all() {}
};

struct Context {
  Args args;
  Keyspace& keys;
  Reply& reply;
  Rng& rng;
  const DataConfig& config;
  Host& host;
  const CommandRow& row;
  uint64_t first_key_hash = 0;  // of args[row.keys[0].first], if the router has computed it
  Gather* gather = nullptr;     // Route::kEachShard
  uint32_t shard_index = 0;     // Route::kCursor: the shard the engine chose
  size_t ready_key = 0;  // a command that waited is run again: this argument is the key to look at
  // Where a handler says what it has done, if its words would do something else when they are run
  // again. Null: nobody keeps a history.
  Effects* effects = nullptr;

  // The key in argument `index`, with its hash.
  Key key(size_t index) const {
    if (first_key_hash != 0 && static_cast<int>(index) == row.keys[0].first) {
      return {args[index], first_key_hash};
    }
    return Key::of(args[index]);
  }
  // False for the keys in which a command that has waited has nothing to look for this time.
  bool looks_at(size_t index) const { return ready_key == 0 || ready_key == index; }
};

}  // namespace pollux
