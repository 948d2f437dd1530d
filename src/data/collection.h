// A collection in its large form: an object of its own in the arena of its shard. (Small ones are
// bytes in the entry of their key; see README.) Here is what the keyspace must know of any of them:
// how much it takes, how it is copied, how it goes. What is in it is the business of its type.
//
// Members stand in the shard's entry heap and name their collection by a number of 28 bits, so that
// compaction, which meets a block, finds whose it is. Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/data/entry_heap.h"

namespace pollux {

class MemberTable;
class ShardMemory;

class Collection {
 public:
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  virtual size_t size() const = 0;  // elements
  // All that it takes, this object included, as the allocators round it.
  virtual size_t bytes() const = 0;

  // The same elements in another shard's memory, or in this one's again.
  virtual Collection* clone(ShardMemory& memory) const = 0;
  // Frees elements until none is left (false) or the time stamp counter has reached `until` (true;
  // UINT64_MAX: no end). Once called nothing else may be, but bytes() and this.
  virtual bool free_some(uint64_t until) = 0;
  // The member in block `from` is to stand in `to`, where its bytes are already. `from` is freed by
  // the caller.
  virtual void member_moved(Handle from, Handle to) = 0;

  // What its members are found by, if by name.
  virtual const MemberTable* member_table() const { return nullptr; }

  uint32_t id() const { return id_; }

 protected:
  explicit Collection(ShardMemory& memory);
  virtual ~Collection() = default;

  ShardMemory& memory_;

 private:
  friend class ShardMemory;
  const uint32_t id_;
  uint32_t object_bytes_ = 0;  // of the object itself, as asked of the arena
};

}  // namespace pollux
