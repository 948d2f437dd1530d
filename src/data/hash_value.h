// The hash: fields with values, each field once. Two forms, as in Redis:
//
//   listpack   field, value, field, value, ...; new fields at the end. While there are at most
//              hash-max-listpack-entries fields, and none of the texts is longer than
//              hash-max-listpack-value. A lookup walks: 512 short fields are 4 to 8 KB.
//   hashtable  a MemberCollection.
//
// A hash becomes large at the first change that finds it over a limit, and never small again.
// One thread, with the hold of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/data/encoding_limits.h"
#include "src/data/keyspace.h"
#include "src/data/listpack.h"
#include "src/data/member_collection.h"
#include "src/data/sampling.h"

namespace pollux {

// Reads a hash in either form; copy it freely. It, and what it answers, live until the key changes.
class HashView {
 public:
  struct Pair {
    PackedValue field;
    PackedValue value;
  };

  // `entry`: a hash, or null for one without fields.
  explicit HashView(const Entry* entry);

  size_t size() const { return table_ != nullptr ? table_->size() : pack_.count() / 2; }

  std::optional<PackedValue> find(std::string_view field) const;
  bool contains(std::string_view field) const { return find(field).has_value(); }

  // visit(const Pair&) for all: a small one in the order of insertion, a large one in its own.
  template <typename Visit>
  void for_each(Visit visit) const;
  // visit(const Pair&) for some, from `cursor` on (0: the start); the next cursor, 0 at the end. A
  // small hash is visited whole. What is there from the first call to the last is visited.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, uint64_t count, Visit visit) const;

  // A pair by chance, each as likely. Requires size() > 0.
  Pair random(Rng& rng) const;
  // visit(const Pair&) for `count` of them by chance, independent of each other. Requires
  // size() > 0.
  template <typename Visit>
  void draw(uint64_t count, Rng& rng, Visit visit) const;
  // The same for different ones. Requires count <= size().
  template <typename Visit>
  void sample(uint64_t count, Rng& rng, Visit visit) const;

 private:
  static PackedValue string_of(std::string_view bytes) {
    return PackedValue::string_of(bytes.data(), bytes.size());
  }
  static Pair pair_of(const Entry& member) {
    return {string_of(member.key()), string_of(member.stored_bytes())};
  }
  Pair pair_at(Listpack::Position at) const {
    const PackedValue field = pack_.take(at);
    return {field, pack_.get(at)};
  }
  Pair take(Listpack::Position& at) const {
    const PackedValue field = pack_.take(at);
    return {field, pack_.take(at)};
  }
  std::vector<Listpack::Position> positions() const;

  Listpack pack_;             // of a large hash the empty one
  const MemberTable* table_;  // null: small
};

// Changes a hash. Requires that the key of `edit` is one or absent; the first set() makes it. A
// hash without fields must not stay: whoever erases looks at size(), and removes the key.
class HashEditor {
 public:
  HashEditor(Edit& edit, const EncodingLimits& limits) : edit_(edit), limits_(limits) {}

  HashView view() const { return HashView(edit_.entry()); }
  size_t size() const { return view().size(); }

  // True if the field is new. The texts must not be this hash's own.
  bool set(std::string_view field, std::string_view value);
  // True if it was there.
  bool erase(std::string_view field);

 private:
  bool set_small(std::string_view field, std::string_view value);
  bool set_large(std::string_view field, std::string_view value);
  void make_large();
  MemberTable& table() { return static_cast<MemberCollection*>(edit_.collection())->members; }

  Edit& edit_;
  const EncodingLimits& limits_;
};

template <typename Visit>
void HashView::for_each(Visit visit) const {
  if (table_ != nullptr) {
    table_->for_each([&visit](const Entry& member) {
      visit(pair_of(member));
      return true;
    });
    return;
  }
  for (Listpack::Position at = Listpack::first(); at != pack_.end();) {
    visit(take(at));
  }
}

template <typename Visit>
uint64_t HashView::scan(uint64_t cursor, uint64_t count, Visit visit) const {
  if (table_ == nullptr) {
    for_each(visit);
    return 0;
  }
  return table_->scan(cursor, count,
                      [&](Handle handle) { visit(pair_of(*table_->member(handle))); });
}

template <typename Visit>
void HashView::draw(uint64_t count, Rng& rng, Visit visit) const {
  if (table_ != nullptr) {
    for (; count > 0; --count) {
      visit(pair_of(*table_->member(table_->random(rng))));
    }
    return;
  }
  const std::vector<Listpack::Position> all = positions();
  for (; count > 0; --count) {
    visit(pair_at(all[rng.below(all.size())]));
  }
}

template <typename Visit>
void HashView::sample(uint64_t count, Rng& rng, Visit visit) const {
  if (table_ != nullptr) {
    for (const Handle handle : sample_members(*table_, count, rng)) {
      visit(pair_of(*table_->member(handle)));
    }
    return;
  }
  Selection selection(count, size());
  for (Listpack::Position at = Listpack::first(); !selection.done();) {
    const Pair pair = take(at);
    if (selection.takes(rng)) {
      visit(pair);
    }
  }
}

}  // namespace pollux
