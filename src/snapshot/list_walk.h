// A large list (large_list.h) written in slices, node by node, as it was at the cut.
//
// At the first touch only the segments are put down: where each one's nodes stand, 24 bytes for up
// to 128 nodes. The first change of a segment copies its nodes, which are 3 KB at most; the first
// change of a node's block copies the block, and a block that goes is taken over. So it does not
// matter what becomes of the segment: whether it is split, moves to the list of what LTRIM dropped,
// or its list to another key.
//
// Belongs to the holder of the shard.
#pragma once

#include <memory>

#include "src/data/large_list.h"
#include "src/snapshot/value_walk.h"

namespace pollux {

std::unique_ptr<ValueWalk> list_walk(LargeList& list, ShardMemory& memory);

}  // namespace pollux
