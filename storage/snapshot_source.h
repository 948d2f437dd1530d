// The port through which a snapshot reaches who writes it: a cut of all shards at one moment, and
// then the records of what stood there, in batches, from the workers that walk their shards. The
// records come in no order that matters but one: of a lane, as they were sent.
//
// The engine implements it; the storage thread is the only one that calls.
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/types.h"
#include "storage/save_batch.h"

namespace pollux {

// What stood at the cut, over all shards.
struct SnapshotCut {
  struct Database {
    uint32_t number = 0;
    uint64_t keys = 0;
    uint64_t expires = 0;
  };
  std::vector<Database> databases;  // with keys, by number
  uint64_t keys = 0;                // of all
  bool field_ttls = false;          // there are hashes with TTLs on fields
  uint64_t used_memory_bytes = 0;
  Instant at;
  Ticket ticket;                    // the last one that is in it
};

class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // Asks for a cut. One at a time: the one before has ended, and all its batches are back.
  virtual void ask() = 0;
  // Null until it was made. Lives until the next ask.
  virtual const SnapshotCut* cut() = 0;
  // Two for each shard.
  virtual uint32_t lanes() const = 0;
  // A batch that has come, of each lane in order; null if there is none. With `wake`, the next
  // thing that happens here (a cut, a batch, the end) wakes then the thread that asks (Disk::wake).
  virtual SaveBatch* take(bool wake) = 0;
  virtual void give_back(SaveBatch& batch) = 0;
  // Every shard has been walked to its end, and take() has nothing left.
  virtual bool at_end() = 0;
  // Nothing more is wanted: shards only finish their walks, without records, or nobody walks them
  // any more, and at_end() comes true after what is under way was taken. Also before the cut.
  virtual void cancel() = 0;
};

}  // namespace pollux
