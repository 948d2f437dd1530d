#include "src/data/hash_value.h"

#include <algorithm>
#include <string>

#include "src/base/assert.h"
#include "src/data/flat_edit.h"

namespace pollux {

namespace {

constexpr ValueType kType = ValueType::kHash;

const MemberCollection* large_of(const Entry* entry) {
  return entry == nullptr ? nullptr : static_cast<const MemberCollection*>(entry->collection());
}
bool is_longer(std::string_view text, int64_t bytes_max) {
  return static_cast<int64_t>(text.size()) > bytes_max;
}

}  // namespace

HashView::HashView(const Entry* entry, int64_t ended_ms) : large_(large_of(entry)) {
  if (entry != nullptr && large_ == nullptr) {
    pack_ = Listpack(entry->flat());
    timed_ = entry->encoding() == Encoding::kListpackEx;
    if (timed_ && ended_ms >= 0) [[unlikely]] {
      pass_ended(ended_ms);
    }
  }
}

// Out of the way of all others, which need no registers for it.
[[gnu::noinline]] void HashView::pass_ended(int64_t ended_ms) {
  ended_ = TimedPack(pack_).due(ended_ms);
  first_ = pack_.advance(first_, ended_ * TimedPack::kElements);
}

std::optional<PackedValue> HashView::find(std::string_view field) const {
  if (large_ != nullptr) {
    const Entry* const member = large_->find(Key::of(field));
    return member != nullptr ? std::optional(string_of(member->stored_bytes())) : std::nullopt;
  }
  const Listpack::Position at = pack_.find(field, first_, elements_each() - 1);
  return at == Listpack::kNone ? std::nullopt : std::optional(pack_.get(pack_.next(at)));
}

std::optional<int64_t> HashView::expiry_ms(std::string_view field) const {
  if (large_ != nullptr) {
    const Entry* const member = large_->find(Key::of(field));
    return member != nullptr ? std::optional(member->expiry_ms()) : std::nullopt;
  }
  const Listpack::Position at = pack_.find(field, first_, elements_each() - 1);
  if (at == Listpack::kNone) {
    return std::nullopt;
  }
  return timed_ ? TimedPack(pack_).expiry_ms(at) : -1;
}

HashView::Pair HashView::random(Rng& rng) const {
  const size_t count = size();
  if (large_ != nullptr) {
    return pair_of(*table().member(table().random(rng)));
  }
  return pair_at(pack_.seek(static_cast<int64_t>(elements_each() * (ended_ + rng.below(count)))));
}

// Of all fields of a small hash.
std::vector<Listpack::Position> HashView::positions() const {
  std::vector<Listpack::Position> all;
  all.reserve(size());
  for (Listpack::Position at = first_; at != pack_.end();) {
    all.push_back(at);
    at = pack_.advance(at, elements_each());
  }
  return all;
}

bool HashEditor::set(std::string_view field, std::string_view value, Ttl ttl) {
  const Entry* entry = edit_.entry();
  if (entry != nullptr && entry->collection() != nullptr) {
    return set_large(field, value, ttl);
  }
  if (is_longer(field, limits_.hash_listpack_value) ||
      is_longer(value, limits_.hash_listpack_value)) {
    make_large();
    return set_large(field, value, ttl);
  }
  return is_timed() ? set_timed(field, value, ttl) : set_small(field, value);
}

// Whether it may be small with so many fields and these bytes.
bool HashEditor::has_room_for(size_t fields, const ListpackSplice& splice) const {
  return static_cast<int64_t>(fields) <= limits_.hash_listpack_entries &&
         splice.total <= Listpack::kBytesMax;
}

bool HashEditor::set_small(std::string_view field, std::string_view value) {
  const Listpack pack = flat_pack(edit_.entry());
  const PackedNeedle needle(field);
  const Listpack::Position at = pack.find(needle, Listpack::first(), /*skip=*/1);
  const bool is_new = at == Listpack::kNone;
  const PackedValue pair[] = {needle.value(), PackedValue::of(value)};
  const ListpackSplice splice =
      is_new ? pack.insert(pack.end(), pair)
             : pack.replace(pack.next(at), 1, std::span(pair).subspan(1));
  if (!has_room_for(pack.count() / 2 + (is_new ? 1 : 0), splice)) {
    make_large();
    return set_large(field, value, Ttl::kCleared);
  }
  splice_flat(edit_, kType, Encoding::kListpack, splice);
  return is_new;
}

bool HashEditor::set_timed(std::string_view field, std::string_view value, Ttl ttl) {
  const Listpack pack(edit_.entry()->flat());
  const TimedPack timed(pack);
  const PackedNeedle needle(field);
  const Listpack::Position at = timed.find(needle);
  const bool is_new = at == Listpack::kNone;
  const bool moves = !is_new && ttl == Ttl::kCleared && timed.expiry_ms(at) != -1;
  const PackedValue triple[] = {needle.value(), PackedValue::of(value),
                                PackedValue(TimedPack::kNoTime)};
  const ListpackSplice splice =
      is_new ? pack.insert(pack.end(), triple)
             : pack.replace(pack.next(at), 1, std::span(triple).subspan(1, 1));
  if (!has_room_for(timed.size() + (is_new ? 1 : 0), splice)) {
    make_large();
    return set_large(field, value, ttl);
  }
  splice_flat(edit_, kType, Encoding::kListpackEx, splice);
  if (moves) {
    move_timed(field, -1);
    renew_field_timer(edit_);
  }
  return is_new;
}

bool HashEditor::set_large(std::string_view field, std::string_view value, Ttl ttl) {
  MemberTable& members = large().members;
  const Key key = Key::of(field);
  const MemberTable::Place place = members.find(key);
  if (!place) {
    members.insert(key, value);
    return true;
  }
  const Entry* const member = members.member(place.handle());
  if (!member->has_expiry()) [[likely]] {
    members.set_value(place, value);
    return false;
  }
  const bool hidden = large().is_hidden(*member);
  if (hidden && edit_.tells()) {
    edit_.tell_expired(field);  // another one takes its place
  }
  if (hidden || ttl == Ttl::kCleared) {
    large().set_expiry(key, place, -1);
  }
  large().set_value(place, value);
  renew_field_timer(edit_);
  return hidden;
}

// The same fields, or none if the key is absent.
void HashEditor::make_large() {
  MemberCollection* const large = edit_.memory().make<MemberCollection>();
  const bool timed = is_timed();
  const Listpack pack = flat_pack(edit_.entry());
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    char field_scratch[kInt64TextMax];
    char value_scratch[kInt64TextMax];
    const int64_t expiry_ms = timed ? TimedPack(pack).expiry_ms(at) : -1;
    const PackedValue field = pack.take(at);
    const PackedValue value = pack.take(at);
    const Key key = Key::of(field.text(field_scratch));
    large->members.insert(key, value.text(value_scratch));
    if (timed) {
      at = pack.next(at);
      large->set_expiry(key, large->members.find(key), expiry_ms);
    }
  }
  edit_.set_collection(kType, Encoding::kHashtable, large);
}

// A small one becomes a TimedPack, of fields without TTLs.
void HashEditor::make_timed() {
  const Listpack pack(edit_.entry()->flat());
  const size_t fields = pack.count() / 2;
  const PackedValue no_time(TimedPack::kNoTime);
  const size_t times = fields * packed_bytes(no_time);
  if (pack.bytes() + times > Listpack::kBytesMax) {
    make_large();
    return;
  }
  std::string bytes(pack.bare().size() + times, '\0');
  char* out = bytes.data() + Listpack::kCountBytes;
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    const PackedRun pair = pack.run(at, 2);
    out = std::copy(pair.bytes.begin(), pair.bytes.end(), out);
    out = write_packed(no_time, out);
    at = pack.advance(at, 2);
  }
  Listpack::write_count(bytes.data(), TimedPack::kElements * fields);
  edit_.set_flat(kType, Encoding::kListpackEx, bytes);
}

// In a TimedPack, a field gets another time, and the place that is due to it.
void HashEditor::move_timed(std::string_view field, int64_t at_ms) {
  const Listpack pack(edit_.entry()->flat());
  const Listpack::Position at = TimedPack(pack).find(PackedNeedle(field));
  const std::string pair(pack.run(at, 2).bytes);
  splice_flat(edit_, kType, Encoding::kListpackEx, pack.erase(at, TimedPack::kElements));

  const PackedValue time(at_ms < 0 ? TimedPack::kNoTime : at_ms);
  std::string triple(pair.size() + packed_bytes(time), '\0');
  write_packed(time, std::copy(pair.begin(), pair.end(), triple.data()));
  const Listpack rest(edit_.entry()->flat());
  const Listpack::Position to = at_ms < 0 ? rest.end() : TimedPack(rest).place_for(at_ms);
  splice_flat(edit_, kType, Encoding::kListpackEx,
              rest.insert(to, PackedRun{triple, TimedPack::kElements}));
}

void HashEditor::set_expiry(std::string_view field, int64_t at_ms) {
  if (edit_.entry()->collection() == nullptr && !is_timed()) {
    if (at_ms < 0) {
      return;
    }
    make_timed();
  }
  constexpr size_t kTimeBytes = 16;  // at most, of an element that is a time
  if (edit_.entry()->collection() == nullptr &&
      Listpack(edit_.entry()->flat()).bytes() + kTimeBytes > Listpack::kBytesMax) {
    make_large();
  }
  if (edit_.entry()->collection() == nullptr) {
    move_timed(field, at_ms);
  } else {
    const Key key = Key::of(field);
    MemberCollection& fields = large();
    fields.set_expiry(key, fields.members.find(key), at_ms);
  }
  renew_field_timer(edit_);
}

bool HashEditor::erase(std::string_view field) {
  const Entry* entry = edit_.entry();
  if (entry == nullptr) {
    return false;
  }
  if (const MemberCollection* fields = large_of(entry)) {
    const Key key = Key::of(field);
    const MemberTable::Place place = fields->members.find(key);
    if (!place || fields->is_hidden(*fields->members.member(place.handle()))) {
      return false;
    }
    const bool timed = fields->members.member(place.handle())->has_expiry();
    large().erase(key, place);
    if (timed) {
      renew_field_timer(edit_);
    }
    return true;
  }
  const bool timed = is_timed();
  const size_t elements = timed ? TimedPack::kElements : 2;
  const Listpack pack(entry->flat());
  const Listpack::Position at = pack.find(field, Listpack::first(), elements - 1);
  if (at == Listpack::kNone) {
    return false;
  }
  splice_flat(edit_, kType, entry->encoding(), pack.erase(at, elements));
  if (timed) {
    renew_field_timer(edit_);
  }
  return true;
}

size_t HashEditor::expire(int64_t limit_ms, size_t fields_max) {
  MemberCollection::Tell tell;
  if (edit_.tells()) {
    tell = [this](std::string_view field) { edit_.tell_expired(field); };
  }
  size_t expired = 0;
  if (edit_.entry()->collection() != nullptr) {
    expired = large().expire(limit_ms, fields_max, tell);
  } else if (is_timed()) {
    const Listpack pack(edit_.entry()->flat());
    expired = TimedPack(pack).due(limit_ms);
    Listpack::Position at = Listpack::first();
    for (size_t i = 0; tell && i < expired; ++i, at = TimedPack(pack).next(at)) {
      char scratch[kInt64TextMax];
      tell(pack.get(at).text(scratch));
    }
    splice_flat(edit_, kType, Encoding::kListpackEx,
                pack.erase(Listpack::first(), TimedPack::kElements * expired));
  }
  renew_field_timer(edit_);
  return expired;
}

void renew_field_timer(Edit& edit) {
  const Entry* entry = edit.entry();
  int64_t at_ms = -1;
  if (const MemberCollection* fields = large_of(entry)) {
    at_ms = fields->next_expiry_ms();
  } else if (entry->encoding() == Encoding::kListpackEx) {
    at_ms = TimedPack(Listpack(entry->flat())).next_expiry_ms();
  }
  edit.set_field_timer(at_ms);
}

size_t expire_hash_fields(Edit& edit, int64_t limit_ms, size_t fields_max) {
  static constexpr EncodingLimits kAny;
  return HashEditor(edit, kAny).expire(limit_ms, fields_max);
}

size_t hash_fields(const Entry& entry) {
  const MemberCollection* large = large_of(&entry);
  return large != nullptr ? large->size() : HashView(&entry).size();
}

void hide_hash_fields(const Entry& entry, int64_t limit_ms) {
  if (entry.collection() != nullptr) {
    static_cast<MemberCollection*>(entry.load_collection())->hide(limit_ms);
  }
}

bool hash_is_all_due(const Entry& entry, int64_t limit_ms) {
  const MemberCollection* large = large_of(&entry);
  return large != nullptr && large->all_due(limit_ms);
}

}  // namespace pollux
