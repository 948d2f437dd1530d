// The port through which a snapshot that is being taken hears of what it has not walked yet and
// that is about to change or go.
//
// Entries of keys and members of large collections carry a mark of one bit. At the cut the shard's
// mark flips: what was there has the old one until the snapshot has it, what comes into being has
// the new one from the start. So each part is told here at most once, and without a snapshot all
// marks are the same and nobody asks. (ListNode and the blocks of streams carry theirs alike.)
//
// Called by the holder of the shard, in the middle of a change: nothing may be changed but the mark.
#pragma once

#include <cstdint>

#include "src/data/entry.h"

namespace pollux {

class Collection;

class PreImages {
 public:
  virtual ~PreImages() = default;

  // A key, whose value is its own still. A small value is taken down here; of a large one its parts
  // are told one by one from here on. `db`: the number that its database had at the cut.
  virtual void before_key(uint32_t db, Entry& entry) = 0;
  // A member of a large collection whose key was told.
  virtual void before_member(Entry& member) = 0;

  // A large collection, or a long string's block, belongs to no key any more. True: the snapshot
  // reads it still, and gives it back later (ShardMemory::give_back).
  virtual bool keep(Collection& collection) = 0;
  virtual bool keep(const Entry::Outside& block) = 0;
  // Whether the snapshot reads this block still: then it must not be written to.
  virtual bool reads(const Entry::Outside& block) const = 0;
};

}  // namespace pollux
