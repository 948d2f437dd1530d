#include "src/data/set_value.h"

#include <algorithm>

#include "src/base/assert.h"
#include "src/data/flat_edit.h"

namespace pollux {

namespace {

constexpr ValueType kType = ValueType::kSet;
constexpr uint32_t kIntsetMax = 1 << 28;  // what Intset can hold

const MemberTable* table_of(const Entry* entry) {
  const Collection* large = entry == nullptr ? nullptr : entry->collection();
  return large == nullptr ? nullptr : &static_cast<const MemberCollection*>(large)->members;
}

bool fits_intset(uint64_t members, const EncodingLimits& limits) {
  return static_cast<int64_t>(members) <= std::min<int64_t>(limits.set_intset_entries, kIntsetMax);
}

// Of one small set: whether it is the same one.
bool same_element(const PackedValue& a, const PackedValue& b) {
  return a.is_integer() ? b.is_integer() && a.integer() == b.integer()
                        : !b.is_integer() && a.string().data() == b.string().data();
}

void assign_intset(Edit& edit, std::span<const PackedValue> members) {
  std::vector<int64_t> numbers;
  numbers.reserve(members.size());
  for (const PackedValue& member : members) {
    numbers.push_back(member.integer());
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<char> bytes(Intset::bytes_of(numbers));
  Intset::write(numbers, bytes.data());
  edit.set_flat(kType, Encoding::kIntset, {bytes.data(), bytes.size()});
}

void assign_pack(Edit& edit, std::span<const PackedValue> members) {
  const Listpack empty;
  const ListpackSplice splice = empty.insert(Listpack::first(), members);
  std::vector<char> bytes(splice.bare_bytes());
  splice.build(empty.bare().data(), bytes.data());
  edit.set_flat(kType, Encoding::kHashtable, {bytes.data(), bytes.size()});
}

void assign_table(Edit& edit, std::span<const PackedValue> members) {
  MemberCollection* const large = edit.memory().make<MemberCollection>();
  for (const PackedValue& member : members) {
    char scratch[kInt64TextMax];
    large->members.insert(Key::of(member.text(scratch)), {});
  }
  edit.set_collection(kType, Encoding::kHashtable, large);
}

}  // namespace

SetView::SetView(const Entry* entry) : table_(table_of(entry)) {
  if (entry == nullptr || table_ != nullptr) {
    return;
  }
  if (entry->encoding() == Encoding::kIntset) {
    intset_.emplace(entry->flat().data());
  } else {
    pack_ = Listpack(entry->flat());
  }
}

size_t SetView::size() const {
  if (table_ != nullptr) {
    return table_->size();
  }
  return intset_ ? intset_->count() : pack_.count();
}

bool SetView::contains(const SetMember& member) const {
  if (table_ != nullptr) {
    return static_cast<bool>(table_->find(member.key()));
  }
  if (intset_) {
    return member.is_integer() && intset_->contains(member.integer());
  }
  return pack_.find(member.needle(), Listpack::first()) != Listpack::kNone;
}

PackedValue SetView::random(Rng& rng) const {
  if (table_ != nullptr) {
    return member_of(*table_->member(table_->random(rng)));
  }
  const uint64_t index = rng.below(size());
  return intset_ ? PackedValue(intset_->get(index))
                 : pack_.get(pack_.seek(static_cast<int64_t>(index)));
}

std::vector<PackedValue> SetView::sample(uint64_t count, Rng& rng) const {
  std::vector<PackedValue> chosen;
  chosen.reserve(count);
  if (table_ != nullptr) {
    for (const Handle handle : sample_members(*table_, count, rng)) {
      chosen.push_back(member_of(*table_->member(handle)));
    }
    return chosen;
  }
  Selection selection(count, size());
  for_each([&](const PackedValue& member) {
    if (selection.takes(rng)) {
      chosen.push_back(member);
    }
    return !selection.done();
  });
  return chosen;
}

std::vector<PackedValue> SetView::all() const {
  std::vector<PackedValue> members;
  members.reserve(size());
  for_each([&members](const PackedValue& member) {
    members.push_back(member);
    return true;
  });
  return members;
}

bool SetEditor::add(const SetMember& member) {
  const Entry* entry = edit_.entry();
  if (entry == nullptr ? member.is_integer() : entry->encoding() == Encoding::kIntset) {
    return add_to_intset(member);
  }
  return table_of(entry) != nullptr ? add_to_table(member) : add_to_pack(member);
}

bool SetEditor::add_to_intset(const SetMember& member) {
  const Entry* entry = edit_.entry();
  const Intset set((entry == nullptr ? Intset::kEmpty : entry->flat()).data());
  if (member.is_integer()) {
    const Intset::Place place = set.find(member.integer());
    if (place.found) {
      return false;
    }
    if (fits_intset(uint64_t{set.count()} + 1, limits_)) {
      splice_flat(edit_, kType, Encoding::kIntset, set.insert(member.integer(), place));
      return true;
    }
  }
  if (set.count() < kPackedMax) {
    make_pack();
    return add_to_pack(member);
  }
  make_table();
  return add_to_table(member);
}

bool SetEditor::add_to_pack(const SetMember& member) {
  const Listpack pack = flat_pack(edit_.entry());
  if (pack.find(member.needle(), Listpack::first()) != Listpack::kNone) {
    return false;
  }
  if (member.text().size() > kPackedMemberMax || pack.count() >= kPackedMax) {
    make_table();
    return add_to_table(member);
  }
  splice_flat(edit_, kType, Encoding::kHashtable,
              pack.insert(pack.end(), std::span(&member.needle().value(), 1)));
  return true;
}

bool SetEditor::add_to_table(const SetMember& member) {
  // Looked for as a reader first: finding it is no change.
  if (table_of(edit_.entry())->find(member.key())) {
    return false;
  }
  table().insert(member.key(), {});
  return true;
}

// The same members, or none if the key is absent; they have to fit.
void SetEditor::make_pack() {
  assign_pack(edit_, view().all());
}

void SetEditor::make_table() {
  assign_table(edit_, view().all());
}

bool SetEditor::erase(const SetMember& member) {
  const Entry* entry = edit_.entry();
  if (entry == nullptr) {
    return false;
  }
  if (const MemberTable* read = table_of(entry)) {
    const MemberTable::Place place = read->find(member.key());
    if (place) {
      table().erase(member.key(), place);
    }
    return static_cast<bool>(place);
  }
  if (entry->encoding() == Encoding::kIntset) {
    const Intset set(entry->flat().data());
    const Intset::Place place =
        member.is_integer() ? set.find(member.integer()) : Intset::Place{false, 0};
    if (place.found) {
      splice_flat(edit_, kType, Encoding::kIntset, set.erase(place.index));
    }
    return place.found;
  }
  const Listpack pack(entry->flat());
  const Listpack::Position at = pack.find(member.needle(), Listpack::first());
  if (at == Listpack::kNone) {
    return false;
  }
  splice_flat(edit_, kType, Encoding::kHashtable, pack.erase(at, 1));
  return true;
}

void SetEditor::erase_sample(std::span<const PackedValue> chosen) {
  const Entry* entry = edit_.entry();
  if (table_of(entry) != nullptr) {
    MemberTable& members = table();
    for (const PackedValue& gone : chosen) {
      const Key key = Key::of(gone.string());
      members.erase(key, members.find(key));
    }
    return;
  }
  // What stays is written anew: one by one, each would move the others.
  std::vector<PackedValue> rest;
  rest.reserve(size());
  view().for_each([&](const PackedValue& member) {
    if (!chosen.empty() && same_element(member, chosen.front())) {
      chosen = chosen.subspan(1);
    } else {
      rest.push_back(member);
    }
    return true;
  });
  if (entry->encoding() == Encoding::kIntset) {
    assign_intset(edit_, rest);
  } else {
    assign_pack(edit_, rest);
  }
}

void SetEditor::assign(Edit& edit, const EncodingLimits& limits, std::span<PackedValue> members) {
  POLLUX_ASSERT(!members.empty());
  for (PackedValue& member : members) {
    if (!member.is_integer()) {
      member = PackedValue::of(member.string());  // tables hold integers as text
    }
  }
  const bool all_integers =
      std::all_of(members.begin(), members.end(),
                  [](const PackedValue& member) { return member.is_integer(); });
  const bool all_short = std::all_of(
      members.begin(), members.end(), [](const PackedValue& member) {
        return member.is_integer() || member.string().size() <= kPackedMemberMax;
      });
  if (all_integers && fits_intset(members.size(), limits)) {
    assign_intset(edit, members);
  } else if (all_short && members.size() <= kPackedMax) {
    assign_pack(edit, members);
  } else {
    assign_table(edit, members);
  }
}

}  // namespace pollux
