// What a handler is given. A handler is a plain single-threaded function over a Keyspace: it reads
// args, changes keys through Edit, writes one reply, and never learns that shards, cells or leases
// exist. It asks no clock and no random device: `keys.now()` and `rng` are all there is.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/rng.h"
#include "src/commands/command.h"
#include "src/data/encoding_limits.h"
#include "src/data/eviction.h"
#include "src/data/keyspace.h"
#include "src/protocol/reply.h"

namespace pollux {

// Settings that handlers read; a view of the configuration version this core runs with.
struct DataConfig {
  int64_t bulk_bytes_max = 512LL << 20;  // proto-max-bulk-len
  EvictionRules eviction;                // maxmemory-policy and what goes with it
  EncodingLimits encoding;               // *-max-listpack-* and their kin
  bool rdb_compression = true;           // rdbcompression
};

// What Route::kEachShard collects on its way over the shards.
struct Gather {
  int64_t integer = 0;
  uint64_t elements = 0;     // replies written to `body` so far
  ByteSink* body = nullptr;  // their bytes; the engine owns it, and sends it after the handler
  std::string text;          // one value that shards hand on and may replace (RANDOMKEY)
};

// The port through which handlers ask for what only the engine knows. Families of the engine
// (connection, server) get a larger one; see dataplane/engine/engine_context.h.
class Host {
 public:
  virtual ~Host() = default;
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

  // The key in argument `index`, with its hash.
  Key key(size_t index) const {
    if (first_key_hash != 0 && static_cast<int>(index) == row.keys[0].first) {
      return {args[index], first_key_hash};
    }
    return Key::of(args[index]);
  }
};

}  // namespace pollux
