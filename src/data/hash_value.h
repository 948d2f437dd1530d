// The hash: fields with values, each field once, perhaps with a time at which it ends. The forms
// are Redis':
//
//   listpack   field, value, field, value, ...; new fields at the end. While there are at most
//              hash-max-listpack-entries fields, and none of the texts is longer than
//              hash-max-listpack-value. A lookup walks: 512 short fields are 4 to 8 KB.
//   listpackex a TimedPack: a small hash from its first TTL on, within the same limits.
//   hashtable  a MemberCollection.
//
// A hash becomes large at the first change that finds it over a limit, and never small again.
//
// What has ended is not looked for here: whoever looks a key up removes it first (keyspace.h), as
// the tick does, or, where it is too much for that, hides it. For that the key's entry has a field
// timer, which stands at the time of the field that ends first; every change here that moves this
// moves the timer.
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
#include "src/data/timed_pack.h"

namespace pollux {

// Reads a hash in any form; copy it freely. It, and what it answers, live until the key changes.
class HashView {
 public:
  struct Pair {
    PackedValue field;
    PackedValue value;
  };

  // `entry`: a hash, or null for one without fields. Of a small one, fields that end at `ended_ms`
  // or before are not seen: for who must not remove them (Keyspace::set_frozen).
  explicit HashView(const Entry* entry, int64_t ended_ms = -1);

  size_t size() const {
    if (large_ != nullptr) {
      return large_->size() - large_->hidden();
    }
    return timed_ ? TimedPack(pack_).size() - ended_ : pack_.count() / 2;
  }

  std::optional<PackedValue> find(std::string_view field) const;
  bool contains(std::string_view field) const { return find(field).has_value(); }
  // When the field ends: Unix time in ms, -1 if it does not; nothing if there is no such field.
  std::optional<int64_t> expiry_ms(std::string_view field) const;

  // visit(const Pair&) for all: a small one in the order of insertion, or of time, a large one in
  // its own.
  template <typename Visit>
  void for_each(Visit visit) const;
  // visit(const Pair&) for some, from `cursor` on (0: the start); the next cursor, 0 at the end. A
  // small hash is visited whole. What is there from the first call to the last is visited.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, uint64_t count, Visit visit) const;

  // Whether some fields that have ended are still there: none that can be seen, but what is drawn
  // by chance would come upon them. HashEditor::expire removes them.
  bool has_hidden() const { return large_ != nullptr && large_->hidden() > 0; }

  // A pair by chance, each as likely. Requires size() > 0 and, as the two below, !has_hidden().
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
    const PackedValue value = pack_.take(at);
    if (timed_) {
      at = pack_.next(at);
    }
    return {field, value};
  }
  void pass_ended(int64_t ended_ms);
  size_t elements_each() const { return timed_ ? TimedPack::kElements : 2; }
  std::vector<Listpack::Position> positions() const;

  const MemberTable& table() const { return large_->members; }

  Listpack pack_;                  // of a large hash the empty one
  const MemberCollection* large_;  // null: small
  bool timed_ = false;             // pack_ is a TimedPack
  size_t ended_ = 0;               // of its fields, that are not seen: the first ones
  Listpack::Position first_ = Listpack::first();  // the one behind them
};

// Changes a hash. Requires that the key of `edit` is one or absent; the first set() makes it. A
// hash without fields must not stay: whoever erases looks at size(), and removes the key.
class HashEditor {
 public:
  HashEditor(Edit& edit, const EncodingLimits& limits) : edit_(edit), limits_(limits) {}

  HashView view() const { return HashView(edit_.entry()); }
  size_t size() const { return view().size(); }

  // What becomes of the TTL of a field that is there.
  enum class Ttl : uint8_t { kCleared, kKept };
  // True if the field is new. The texts must not be this hash's own.
  bool set(std::string_view field, std::string_view value, Ttl ttl = Ttl::kCleared);
  // True if it was there.
  bool erase(std::string_view field);
  // When it ends: from 1 to MemberCollection::kTimeMaxMs; -1: never. Requires that it is there.
  void set_expiry(std::string_view field, int64_t at_ms);
  // Removes fields that end at `limit_ms` or before, of a large hash at most `fields_max`, the
  // first ones first; how many.
  size_t expire(int64_t limit_ms, size_t fields_max);

 private:
  bool is_timed() const {
    return edit_.entry() != nullptr && edit_.entry()->encoding() == Encoding::kListpackEx;
  }
  bool set_small(std::string_view field, std::string_view value);
  bool set_timed(std::string_view field, std::string_view value, Ttl ttl);
  bool set_large(std::string_view field, std::string_view value, Ttl ttl);
  bool has_room_for(size_t fields, const ListpackSplice& splice) const;
  void make_timed();
  void make_large();
  void move_timed(std::string_view field, int64_t at_ms);
  MemberCollection& large() { return *static_cast<MemberCollection*>(edit_.collection()); }

  Edit& edit_;
  const EncodingLimits& limits_;
};

// Sets the timer of the key to when the first field of its hash ends; for whoever puts a whole hash
// in place.
void renew_field_timer(Edit& edit);
// HashEditor::expire for whoever has no limits at hand.
size_t expire_hash_fields(Edit& edit, int64_t limit_ms, size_t fields_max);
// All fields, those that are hidden too.
size_t hash_fields(const Entry& entry);
// Those fields are gone for whoever reads the hash, and wait to be removed.
void hide_hash_fields(const Entry& entry, int64_t limit_ms);
// Whether all fields of a large hash end at `limit_ms` or before.
bool hash_is_all_due(const Entry& entry, int64_t limit_ms);

template <typename Visit>
void HashView::for_each(Visit visit) const {
  if (large_ != nullptr) {
    table().for_each([&](const Entry& member) {
      if (!large_->is_hidden(member)) {
        visit(pair_of(member));
      }
      return true;
    });
    return;
  }
  for (Listpack::Position at = first_; at != pack_.end();) {
    visit(take(at));
  }
}

template <typename Visit>
uint64_t HashView::scan(uint64_t cursor, uint64_t count, Visit visit) const {
  if (large_ == nullptr) {
    for_each(visit);
    return 0;
  }
  return table().scan(cursor, count, [&](Handle handle) {
    const Entry& member = *table().member(handle);
    if (!large_->is_hidden(member)) {
      visit(pair_of(member));
    }
  });
}

template <typename Visit>
void HashView::draw(uint64_t count, Rng& rng, Visit visit) const {
  if (large_ != nullptr) {
    for (; count > 0; --count) {
      visit(pair_of(*table().member(table().random(rng))));
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
  if (large_ != nullptr) {
    for (const Handle handle : sample_members(table(), count, rng)) {
      visit(pair_of(*table().member(handle)));
    }
    return;
  }
  Selection selection(count, size());
  for (Listpack::Position at = first_; !selection.done();) {
    const Pair pair = take(at);
    if (selection.takes(rng)) {
      visit(pair);
    }
  }
}

}  // namespace pollux
