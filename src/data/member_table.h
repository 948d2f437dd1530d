// The members of one large set, hash or sorted set: a table of their own, in which each member is a
// block of the shard's entry heap with a name and a value (a hash's field and its value, a set's
// member and nothing, a sorted set's member and its score). Blocks have the shape of Entry, so long
// names and values, TTLs and compaction are those of keys. 16 bytes with a value of 32 take 56, and
// 10 in the table. Belongs to the holder of the shard.
//
// A Place lives until the next insert or erase. Pointers to members live until the member changes
// or the shard ticks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/base/rng.h"
#include "src/data/entry.h"
#include "src/data/key.h"
#include "src/data/key_table.h"
#include "src/data/shard_memory.h"

namespace pollux {

class MemberTable {
 public:
  class Place {
   public:
    explicit operator bool() const { return static_cast<bool>(position_); }
    Handle handle() const { return position_.handle(); }

   private:
    friend class MemberTable;
    KeyTable::Position position_;
  };

  // `owner`: the id of the collection that this is a part of.
  MemberTable(ShardMemory& memory, uint32_t owner)
      : memory_(memory), owner_(owner), table_(memory.arena(), memory.table_pool()) {}
  // Requires that it was drained.
  ~MemberTable() = default;
  MemberTable(const MemberTable&) = delete;
  MemberTable& operator=(const MemberTable&) = delete;

  size_t size() const { return table_.size(); }
  // Of the table and of all members, as the allocators round them.
  size_t bytes() const { return table_.bytes() + member_bytes_; }
  size_t table_bytes() const { return table_.bytes(); }

  // As ShardStore's of the same names.
  void prefetch_bucket(uint64_t hash) const { table_.prefetch_bucket(hash); }
  void prefetch_entry(uint64_t hash) const {
    table_.prefetch_entries(hash, [this](Handle handle) { memory_.prefetch_entry(handle); });
  }
  const Entry* member(Handle handle) const { return memory_.entry_at(handle); }
  Place find(const Key& name) const {
    Place place;
    place.position_ = table_.find(
        name.hash, [&](Handle handle) { return memory_.entry_at(handle)->key() == name.bytes; });
    return place;
  }

  // A member with a value of these bytes, and a copy of this expiry block, if any. Requires that
  // the name is not there.
  Handle insert(const Key& name, std::string_view value, const Entry::Expiry* expiry = nullptr);
  // Another value for it; its expiry block stays. The member may move; returns where it is.
  Handle set_value(Place place, std::string_view value);
  // A copy of this expiry block for it, or none; the same otherwise.
  Handle set_expiry(Place place, const Entry::Expiry* expiry);
  // Whether a value of so many bytes takes the place of the member's own.
  static bool fits_in_place(const Entry& member, size_t value_bytes) {
    return value_bytes <= Entry::kInlineValueMax && member.fits_in_place(value_bytes);
  }
  void erase(const Key& name, Place place);

  // Some member, each with nearly the same chance. Requires size() > 0. Draws ahead, and asks for
  // the memory, since no request says where the next ones will go.
  Handle random(Rng& rng) const;
  // As ShardStore::scan: visit(handle) for each, in the order of hashes, from `cursor` on, until
  // `count` were visited; the next cursor, at most 32 bits, 0 at the end. visit must not change it.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, uint64_t count, Visit visit) const {
    return table_.scan(cursor, count, visit);
  }

  // visit(const Entry&) for each, in the order of hashes, until it returns false. The blocks stand
  // anywhere in memory; they are asked for 16 ahead.
  template <typename Visit>
  void for_each(Visit visit) const;

  // Collection::free_some and member_moved of who owns this.
  bool free_some(uint64_t until);
  void moved(Handle from, Handle to);

 private:
  Handle new_member(std::string_view name, const Entry* former, std::string_view value,
                    const Entry::Expiry* expiry);

  ShardMemory& memory_;
  const uint32_t owner_;
  KeyTable table_;
  size_t member_bytes_ = 0;
  // Draws for the next calls of random (KeyTable::draw; 0: none): one whose member was asked for,
  // and some whose buckets were.
  mutable uint64_t next_draw_ = 0;
  mutable uint64_t later_draws_[3] = {};
};

template <typename Visit>
void MemberTable::for_each(Visit visit) const {
  constexpr size_t kAhead = 16;
  constexpr uint64_t kPart = 1024;  // how much is walked in vain once visit has had enough
  Handle asked[kAhead];
  size_t begun = 0;
  size_t done = 0;
  bool going = true;
  const auto visit_next = [&] { going = going && visit(*member(asked[done++ % kAhead])); };
  const auto ask = [&](Handle handle) {
    if (begun - done == kAhead) {
      visit_next();
    }
    memory_.prefetch_entry(handle);
    asked[begun++ % kAhead] = handle;
  };
  uint64_t cursor = 0;
  do {
    cursor = table_.scan(cursor, kPart, ask);
  } while (cursor != 0 && going);
  while (done < begun && going) {
    visit_next();
  }
}

}  // namespace pollux
