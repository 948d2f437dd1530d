// The large form of hashes and sets: a table of members and nothing else. Of a hash, a member is a
// field with its value; of a set, its value is empty. Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/data/collection.h"
#include "src/data/member_table.h"

namespace pollux {

class MemberCollection final : public Collection {
 public:
  // Made by ShardMemory::make.
  explicit MemberCollection(ShardMemory& memory) : Collection(memory), members(memory, id()) {}

  size_t size() const override { return members.size(); }
  size_t bytes() const override;
  MemberCollection* clone(ShardMemory& memory) const override;
  bool free_some(uint64_t until) override { return members.free_some(until); }
  void member_moved(Handle from, Handle to) override { members.moved(from, to); }
  const MemberTable* member_table() const override { return &members; }

  MemberTable members;
};

}  // namespace pollux
