// The port through which what is loaded reaches the shards. The loader fills batches, each for one
// shard; the sink sees to it that the shard's owner builds the keys, and gives them back. Storage
// never touches a shard, and who builds never touches a file.
#pragma once

#include <cstddef>

#include "src/base/types.h"
#include "storage/load_batch.h"

namespace pollux {

class LoadSink {
 public:
  virtual ~LoadSink() = default;
  // How many shards there are (shard_of_slot).
  virtual size_t shards() const = 0;
  // The batch is the sink's until take_back returns it.
  virtual void send(ShardId shard, LoadBatch& batch) = 0;
  // A batch that is done with: all its keys are built, or it says which one can't be. Null if none
  // is; with `wake`, the next one that is done with wakes then the thread that asks (Disk::wake).
  virtual LoadBatch* take_back(bool wake) = 0;
};

}  // namespace pollux
