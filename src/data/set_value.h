// The set: members, each once. Three forms, two of them Redis' (OBJECT ENCODING tells these two):
//
//   intset      while all members are integers, and at most set-max-intset-entries.
//   hashtable, packed   a listpack of the members, in the order of insertion: at most kPackedMax of
//               them, none longer than kPackedMemberMax. redis-server 7.0 has no such form (7.2
//               has, with these limits): its small sets of strings are tables. Nobody can tell, but
//               for the order of members, which is nobody's.
//   hashtable   a MemberCollection.
//
// A set moves down this list at the change that needs it, and never up again. One thread, with the
// hold of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/data/encoding_limits.h"
#include "src/data/intset.h"
#include "src/data/keyspace.h"
#include "src/data/listpack.h"
#include "src/data/member_collection.h"
#include "src/data/sampling.h"

namespace pollux {

// A member to look for or to add. What the forms need of it is found out once.
class SetMember {
 public:
  // `text` must outlive it.
  explicit SetMember(std::string_view text) : needle_(text) {}
  // An element of a set; its bytes must outlive it.
  explicit SetMember(const PackedValue& element) : needle_(element.text(scratch_)) {}
  SetMember(const SetMember&) = delete;
  SetMember& operator=(const SetMember&) = delete;

  std::string_view text() const { return needle_.text(); }
  const PackedNeedle& needle() const { return needle_; }
  bool is_integer() const { return needle_.value().is_integer(); }
  int64_t integer() const { return needle_.value().integer(); }
  // With its hash, which is computed when it is first wanted.
  const Key& key() const {
    if (key_.hash == 0) {
      key_ = Key::of(text());
    }
    return key_;
  }

 private:
  char scratch_[kInt64TextMax];
  PackedNeedle needle_;
  mutable Key key_;
};

// Reads a set in any form; copy it freely. It, and what it answers, live until the key changes.
class SetView {
 public:
  // `entry`: a set, or null for one without members.
  explicit SetView(const Entry* entry);

  size_t size() const;
  bool contains(const SetMember& member) const;

  // visit(const PackedValue&) for all, until it returns false.
  template <typename Visit>
  void for_each(Visit visit) const;
  // visit(const PackedValue&) for some, from `cursor` on (0: the start); the next cursor, 0 at the
  // end. Small sets are visited whole. What is there from the first call to the last is visited.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, uint64_t count, Visit visit) const;

  // A member by chance, each as likely. Requires size() > 0.
  PackedValue random(Rng& rng) const;
  // visit(const PackedValue&) for `count` of them by chance, independent of each other. Requires
  // size() > 0.
  template <typename Visit>
  void draw(uint64_t count, Rng& rng, Visit visit) const;
  std::vector<PackedValue> all() const;
  // `count` different ones by chance; of small sets in the order of for_each. Requires count <=
  // size().
  std::vector<PackedValue> sample(uint64_t count, Rng& rng) const;

 private:
  static PackedValue member_of(const Entry& member) {
    const std::string_view name = member.key();
    return PackedValue::string_of(name.data(), name.size());
  }

  const MemberTable* table_ = nullptr;  // null: small
  std::optional<Intset> intset_;        // of one that is no intset, none
  Listpack pack_;                       // of other forms the empty one
};

// Changes a set. Requires that the key of `edit` is one or absent; the first add() makes it. A set
// without members must not stay: whoever erases looks at size(), and removes the key.
class SetEditor {
 public:
  static constexpr size_t kPackedMax = 128;
  static constexpr size_t kPackedMemberMax = 64;

  SetEditor(Edit& edit, const EncodingLimits& limits) : edit_(edit), limits_(limits) {}

  SetView view() const { return SetView(edit_.entry()); }
  size_t size() const { return view().size(); }

  // True if it is new. Its text must not be this set's own.
  bool add(const SetMember& member);
  // True if it was there. Its text may be the set's own, and is then not to be used any more.
  bool erase(const SetMember& member);

  // Erases what view().sample() has chosen just now; not all members.
  void erase_sample(std::span<const PackedValue> chosen);

  // Makes the key's value the set of these, which are different from each other and at least one
  // (and become integers where they are written so). Any value may be there before, and they may be
  // parts of it.
  static void assign(Edit& edit, const EncodingLimits& limits,
                     std::span<PackedValue> members);

 private:
  bool add_to_intset(const SetMember& member);
  bool add_to_pack(const SetMember& member);
  bool add_to_table(const SetMember& member);
  void make_pack();
  void make_table();
  MemberTable& table() { return static_cast<MemberCollection*>(edit_.collection())->members; }

  Edit& edit_;
  const EncodingLimits& limits_;
};

template <typename Visit>
void SetView::for_each(Visit visit) const {
  if (table_ != nullptr) {
    table_->for_each([&visit](const Entry& member) { return visit(member_of(member)); });
  } else if (intset_) {
    const uint32_t count = intset_->count();
    for (uint32_t i = 0; i < count && visit(PackedValue(intset_->get(i))); ++i) {
    }
  } else {
    for (Listpack::Position at = Listpack::first(); at != pack_.end() && visit(pack_.take(at));) {
    }
  }
}

template <typename Visit>
uint64_t SetView::scan(uint64_t cursor, uint64_t count, Visit visit) const {
  if (table_ != nullptr) {
    return table_->scan(cursor, count,
                        [&](Handle handle) { visit(member_of(*table_->member(handle))); });
  }
  for_each([&visit](const PackedValue& member) {
    visit(member);
    return true;
  });
  return 0;
}

template <typename Visit>
void SetView::draw(uint64_t count, Rng& rng, Visit visit) const {
  for (; count > 0; --count) {
    visit(random(rng));
  }
}

}  // namespace pollux
