// The large form of hashes and sets: a table of members. Of a hash, a member is a field with its
// value; of a set, its value is empty.
//
// Fields of a hash may have TTLs. Then the member's block has an expiry block with the time, and
// the collection a tree over such members in the order of their times (some 6 bytes each), made
// with the first of them: which ends next, and how many are due, is known without a walk. Without
// TTLs all this is a null pointer. Belongs to the holder of the shard.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "src/base/prefetch.h"
#include "src/data/collection.h"
#include "src/data/member_table.h"
#include "src/data/rank_tree.h"

namespace pollux {

class MemberCollection final : public Collection {
 public:
  // The latest time that a member may have: what Redis' 48 bits hold.
  static constexpr int64_t kTimeMaxMs = (int64_t{1} << 48) - 1;

  // Made by ShardMemory::make.
  explicit MemberCollection(ShardMemory& memory) : Collection(memory), members(memory, id()) {}
  ~MemberCollection() override;

  size_t size() const override { return members.size(); }
  size_t bytes() const override;
  MemberCollection* clone(ShardMemory& memory) const override;
  bool free_some(uint64_t until) override;
  void member_moved(Handle from, Handle to) override;
  const MemberTable* member_table() const override { return &members; }

  MemberTable members;

  // --- members with TTLs: these, and not the table's own, change what may have one ---
  // The member, unless it is hidden; null if there is none.
  const Entry* find(const Key& name) const {
    const MemberTable::Place place = members.find(name);
    const Entry* const member = place ? members.member(place.handle()) : nullptr;
    return member == nullptr || is_hidden(*member) ? nullptr : member;
  }
  // When the next one ends; -1: none does.
  int64_t next_expiry_ms() const;
  // Members that end at `limit_ms` or before are gone for who reads the hash from now on, though
  // they are still there: more than can be removed on an access.
  void hide(int64_t limit_ms) { hidden_ms_ = limit_ms; }
  bool is_hidden(const Entry& member) const {
    return member.has_expiry() && member.expiry().at_ms <= hidden_ms_;
  }
  size_t hidden() const {
    const bool none = times_ == nullptr || hidden_ms_ < 0 || next_expiry_ms() > hidden_ms_;
    return none ? 0 : due(hidden_ms_);
  }
  // Whether all end at `limit_ms` or before.
  bool all_due(int64_t limit_ms) const;
  // From 1 to kTimeMaxMs, or -1: for ever. The place stays right.
  void set_expiry(const Key& name, MemberTable::Place place, int64_t at_ms);
  // The TTL stays.
  void set_value(MemberTable::Place place, std::string_view value);
  void erase(const Key& name, MemberTable::Place place);
  // Removes members that end at `limit_ms` or before, the first ones first, each of which is told
  // to `tell`, if there is one, before it goes; how many.
  using Tell = std::function<void(std::string_view name)>;
  size_t expire(int64_t limit_ms, size_t members_max, const Tell& tell);

  // Asserts that the tree has what the members say; for tests.
  void check() const;

 private:
  // The order of times. Members that end together are told apart by some bits of their hashes,
  // which stand in the block beside the time, and then by name.
  struct ByTime {
    static constexpr unsigned kHashBits = 15;

    const ShardMemory* memory;
    int64_t key(Handle handle) const {
      const Entry::Expiry& expiry = memory->entry_at(handle)->expiry();
      return expiry.at_ms << kHashBits | expiry.prev;
    }
    bool before(Handle left, Handle right) const {
      const int64_t difference = key(left) - key(right);
      return difference != 0 ? difference < 0
                             : memory->entry_at(left)->key() < memory->entry_at(right)->key();
    }
    void prefetch(Handle handle) const { pollux::prefetch(memory->entry_at(handle)); }
  };
  using Times = RankTree<ByTime>;
  // How many end at `limit_ms` or before.
  size_t due(int64_t limit_ms) const {
    const int64_t later = std::min(limit_ms, kTimeMaxMs - 1) + 1;
    return times_->find(RankBound::at_least(later << ByTime::kHashBits)).rank;
  }
  void make_times();

  Times* times_ = nullptr;
  int64_t hidden_ms_ = -1;
};
static_assert(sizeof(MemberCollection) <= 320, "its size class in the arena, with or without TTLs");

}  // namespace pollux
