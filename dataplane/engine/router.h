// Where a request runs: decided once, from its row and its keys, before anything of it is run.
#pragma once

#include <cstdint>

#include "dataplane/engine/lease.h"
#include "src/base/types.h"
#include "src/commands/command.h"

namespace pollux {

enum class Where : uint8_t {
  kSession,     // at home, touching no shard
  kShard,       // on the owner of `shard`
  kLease,       // at home, over several shards at once (lease_set tells which)
  kEachShard,   // a tour over the shards
  kEachWorker,  // a tour over the workers
  kExec,        // where the session's transaction wants to be
};

struct Placement {
  Where where = Where::kSession;
  ShardId shard;
  uint64_t first_key_hash = 0;  // of the first key, if there is one; never 0 then
};

// `shards`: how many there are. With one, whatever touches keys is placed on it.
Placement place(const CommandRow& row, Args args, int shards);

// The shards of a request that was placed as kLease.
ShardSet lease_set(const CommandRow& row, Args args, int shards);

}  // namespace pollux
