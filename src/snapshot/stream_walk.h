// A stream written in slices as it was at the cut: its blocks, then group by group what is pending,
// once by id and once more by consumer.
//
// At the first touch only facts are put down: of the stream, and of each group. Blocks, pending
// entries, and the ids of each consumer are ordered trees, of which what changes is noted
// (tree_image.h): a block is copied before it is written to, one that goes is taken over, so is a
// group. Of consumers, those that change, come and go are noted by name.
//
// Belongs to the holder of the shard.
#pragma once

#include <memory>

#include "src/data/stream.h"
#include "src/snapshot/value_walk.h"

namespace pollux {

std::unique_ptr<ValueWalk> stream_walk(Stream& stream, ShardMemory& memory);

}  // namespace pollux
