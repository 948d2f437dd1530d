#include "src/data/hash_value.h"

#include "src/data/flat_edit.h"

namespace pollux {

namespace {

constexpr ValueType kType = ValueType::kHash;

const MemberTable* table_of(const Entry* entry) {
  const Collection* large = entry == nullptr ? nullptr : entry->collection();
  return large == nullptr ? nullptr : &static_cast<const MemberCollection*>(large)->members;
}

bool is_longer(std::string_view text, int64_t bytes_max) {
  return static_cast<int64_t>(text.size()) > bytes_max;
}

}  // namespace

HashView::HashView(const Entry* entry) : pack_(Listpack::kEmpty.data()), table_(table_of(entry)) {
  if (entry != nullptr && table_ == nullptr) {
    pack_ = Listpack(entry->flat().data());
  }
}

std::optional<PackedValue> HashView::find(std::string_view field) const {
  if (table_ != nullptr) {
    const MemberTable::Place place = table_->find(Key::of(field));
    return place ? std::optional(string_of(table_->member(place.handle())->stored_bytes()))
                 : std::nullopt;
  }
  const Listpack::Position at = pack_.find(field, Listpack::first(), /*skip=*/1);
  return at == Listpack::kNone ? std::nullopt : std::optional(pack_.get(pack_.next(at)));
}

HashView::Pair HashView::random(Rng& rng) const {
  const size_t count = size();
  if (table_ != nullptr) {
    return pair_of(*table_->member(table_->random(rng)));
  }
  return pair_at(pack_.seek(static_cast<int64_t>(2 * rng.below(count))));
}

// Of all fields of a small hash.
std::vector<Listpack::Position> HashView::positions() const {
  std::vector<Listpack::Position> all;
  all.reserve(size());
  for (Listpack::Position at = Listpack::first(); at != pack_.end();) {
    all.push_back(at);
    at = pack_.next(pack_.next(at));
  }
  return all;
}

bool HashEditor::set(std::string_view field, std::string_view value) {
  const Entry* entry = edit_.entry();
  if (entry != nullptr && entry->collection() != nullptr) {
    return set_large(field, value);
  }
  if (is_longer(field, limits_.hash_listpack_value) ||
      is_longer(value, limits_.hash_listpack_value)) {
    make_large();
    return set_large(field, value);
  }
  return set_small(field, value);
}

bool HashEditor::set_small(std::string_view field, std::string_view value) {
  const Entry* entry = edit_.entry();
  const Listpack pack((entry == nullptr ? Listpack::kEmpty : entry->flat()).data());
  const PackedNeedle needle(field);
  const Listpack::Position at = pack.find(needle, Listpack::first(), /*skip=*/1);
  const bool is_new = at == Listpack::kNone;
  const PackedValue pair[] = {needle.value(), PackedValue::of(value)};
  const ListpackSplice splice =
      is_new ? pack.insert(pack.end(), pair)
             : pack.replace(pack.next(at), 1, std::span(pair).subspan(1));
  const size_t fields = pack.count() / 2 + (is_new ? 1 : 0);
  if (static_cast<int64_t>(fields) > limits_.hash_listpack_entries ||
      splice.total > Listpack::kBytesMax) {
    make_large();
    return set_large(field, value);
  }
  splice_flat(edit_, kType, Encoding::kListpack, splice);
  return is_new;
}

bool HashEditor::set_large(std::string_view field, std::string_view value) {
  MemberTable& members = table();
  const Key key = Key::of(field);
  if (const MemberTable::Place place = members.find(key)) {
    members.set_value(place, value);
    return false;
  }
  members.insert(key, value);
  return true;
}

// The same fields, or none if the key is absent.
void HashEditor::make_large() {
  MemberCollection* const large = edit_.memory().make<MemberCollection>();
  view().for_each([large](const HashView::Pair& pair) {
    char field[kInt64TextMax];
    char value[kInt64TextMax];
    large->members.insert(Key::of(pair.field.text(field)), pair.value.text(value));
  });
  edit_.set_collection(kType, Encoding::kHashtable, large);
}

bool HashEditor::erase(std::string_view field) {
  const Entry* entry = edit_.entry();
  if (entry == nullptr) {
    return false;
  }
  if (const MemberTable* read = table_of(entry)) {
    const Key key = Key::of(field);
    const MemberTable::Place place = read->find(key);
    if (place) {
      table().erase(key, place);
    }
    return static_cast<bool>(place);
  }
  const Listpack pack(entry->flat().data());
  const Listpack::Position at = pack.find(field, Listpack::first(), /*skip=*/1);
  if (at == Listpack::kNone) {
    return false;
  }
  splice_flat(edit_, kType, Encoding::kListpack, pack.erase(at, 2));
  return true;
}

}  // namespace pollux
