// Sets: an intset as it stands; else kSet, the members one by one, since redis-server 7.0 knows no
// listpack of members (kSetListpack is 7.2's, and only read).
#include <algorithm>
#include <string>
#include <vector>

#include "src/data/intset.h"
#include "src/data/set_value.h"
#include "src/rdb/pack_builder.h"
#include "src/rdb/type_codecs.h"

namespace pollux {

namespace {

constexpr uint64_t kIntsetMax = 1 << 28;  // what Intset can hold

bool fits_intset(uint64_t members, const EncodingLimits& limits) {
  return members <= kIntsetMax && static_cast<int64_t>(members) <= limits.set_intset_entries;
}

// A set of so many members that come one by one: gathered in a listpack as long as it may become a
// small one, else in a table.
class SetBuilder {
 public:
  SetBuilder(uint64_t members, const EncodingLimits& limits, LooseValue& out)
      : members_(members), limits_(limits), out_(out) {
    if (!may_be_small()) {
      make_table();
    }
  }

  // False if the member is there already; of a set that is small yet, finish() says so.
  bool add(std::string_view text) {
    if (table_ == nullptr) {
      const PackedValue value = PackedValue::of(text);
      all_integers_ = all_integers_ && value.is_integer();
      all_short_ = all_short_ && text.size() <= SetEditor::kPackedMemberMax;
      if (may_be_small() && pack_.add(value)) {
        return true;
      }
      return make_table() && insert(text);
    }
    return insert(text);
  }

  bool finish() {
    if (table_ != nullptr) {
      return true;
    }
    std::string bytes = pack_.finish();
    const Listpack pack = Listpack::framed(bytes.data());
    if (all_integers_ && fits_intset(members_, limits_)) {
      return finish_intset(pack);
    }
    if (has_duplicates(pack, 0)) {
      return false;
    }
    out_.set_framed(ValueType::kSet, Encoding::kHashtable, std::move(bytes));
    return true;
  }

 private:
  bool may_be_small() const {
    return (all_integers_ && fits_intset(members_, limits_)) ||
           (all_short_ && members_ <= SetEditor::kPackedMax);
  }

  // With what has been gathered. False if a member comes twice.
  bool make_table() {
    table_ = &out_.make_large<MemberCollection>(ValueType::kSet, Encoding::kHashtable).members;
    const std::string bytes = pack_.finish();
    const Listpack pack = Listpack::framed(bytes.data());
    for (Listpack::Position at = Listpack::first(); at != pack.end();) {
      char scratch[kInt64TextMax];
      if (!insert(pack.take(at).text(scratch))) {
        return false;
      }
    }
    return true;
  }

  bool insert(std::string_view text) {
    const Key member = Key::of(text);
    if (table_->find(member)) {
      return false;
    }
    table_->insert(member, {});
    return true;
  }

  bool finish_intset(const Listpack& pack) {
    std::vector<int64_t> numbers;
    numbers.reserve(pack.count());
    for (Listpack::Position at = Listpack::first(); at != pack.end();) {
      numbers.push_back(pack.take(at).integer());
    }
    std::sort(numbers.begin(), numbers.end());
    if (std::adjacent_find(numbers.begin(), numbers.end()) != numbers.end()) {
      return false;
    }
    std::string bytes(Intset::bytes_of(numbers), '\0');
    Intset::write(numbers, bytes.data());
    out_.set_flat(ValueType::kSet, Encoding::kIntset, std::move(bytes));
    return true;
  }

  const uint64_t members_;
  const EncodingLimits& limits_;
  LooseValue& out_;
  bool all_integers_ = true;
  bool all_short_ = true;
  PackBuilder pack_;
  MemberTable* table_ = nullptr;
};

bool read_intset(RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  RdbText& text = out.string();
  if (!in.text(text) || !Intset::valid(text.view())) {
    return false;
  }
  const Intset set(text.view().data());
  if (fits_intset(set.count(), limits)) {
    out.set_flat(ValueType::kSet, Encoding::kIntset);
    return set.count() > 0;
  }
  SetBuilder builder(set.count(), limits, out);
  for (size_t i = 0; i < set.count(); ++i) {
    char scratch[kInt64TextMax];
    builder.add({scratch, format_int64(set.get(i), scratch)});
  }
  return builder.finish();
}

bool read_pack(RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  RdbText text;
  size_t count = 0;
  if (!in.text(text) || !readable_pack(text.view(), count) || count == 0) {
    return false;
  }
  const Listpack pack = Listpack::framed(text.view().data());
  SetBuilder builder(count, limits, out);
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    char scratch[kInt64TextMax];
    if (!builder.add(pack.take(at).text(scratch))) {
      return false;
    }
  }
  return builder.finish();
}

}  // namespace

RdbType rdb_set_type(const Entry& entry) {
  return entry.encoding() == Encoding::kIntset ? RdbType::kSetIntset : RdbType::kSet;
}

void write_rdb_set(const Entry& entry, RdbWriter& out) {
  if (entry.encoding() == Encoding::kIntset) {
    out.text(entry.flat());
    return;
  }
  const SetView set(&entry);
  out.length(set.size());
  set.for_each([&out](const PackedValue& member) {
    out.element(member);
    return true;
  });
}

bool read_rdb_set(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  if (type == RdbType::kSetIntset) {
    return read_intset(in, limits, out);
  }
  if (type == RdbType::kSetListpack) {
    return read_pack(in, limits, out);
  }
  uint64_t count = 0;
  if (!in.count(count)) {
    return false;
  }
  SetBuilder builder(count, limits, out);
  RdbText text;
  for (; count > 0; --count) {
    if (!in.text(text) || !builder.add(text.view())) {
      return false;
    }
  }
  return builder.finish();
}

}  // namespace pollux
