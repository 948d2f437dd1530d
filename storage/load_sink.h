// The port through which what is loaded reaches the shards. The loader fills batches, each for one
// shard; the sink sees to it that the shard's owner builds the keys or runs the commands, and gives
// them back. Storage never touches a shard, and who builds never touches a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/base/types.h"
#include "storage/load_batch.h"

namespace pollux {

// Where a command of an append-only file is to be run.
struct LoadPlace {
  enum class Kind : uint8_t {
    kShard,    // by the owner of `shard`
    kAll,      // over several shards, or all
    kNowhere,  // it changes no key: nothing is lost without it
    kUnknown,  // there is no such command
    kArity,    // it has too few or too many arguments
  };
  Kind kind = Kind::kUnknown;
  ShardId shard;
  const CommandRow* row = nullptr;
  uint64_t hash = 0;  // see LoadCommand
};

class LoadSink {
 public:
  virtual ~LoadSink() = default;
  // How many shards there are (shard_of_slot).
  virtual size_t shards() const = 0;
  // A pure look at what stands fast while a server runs. `args`: at least one.
  virtual LoadPlace place(std::span<const std::string_view> args) const = 0;
  // The batch is the sink's until take_back returns it. Those of one shard are done in the order
  // in which they were sent.
  virtual void send(ShardId shard, LoadBatch& batch) = 0;
  // Commands that are run while all shards are held. Requires that no batch is with the sink, and
  // none is sent before this one is back.
  virtual void send_to_all(LoadBatch& batch) = 0;
  // A batch that is done with: all its keys are built, or it says which one can't be; its commands
  // were run. Null if none is; with `wake`, the next one that is done with wakes then the thread
  // that asks (Disk::wake).
  virtual LoadBatch* take_back(bool wake) = 0;
};

}  // namespace pollux
