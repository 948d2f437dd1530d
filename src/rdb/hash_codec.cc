// Hashes: a listpack as it stands (kHashListpack), else kHash, field by field.
#include <string>
#include <utility>

#include "src/data/hash_value.h"
#include "src/rdb/old_forms.h"
#include "src/rdb/pack_builder.h"
#include "src/rdb/type_codecs.h"

namespace pollux {

namespace {

constexpr size_t kSkipValue = 1;  // has_duplicates looks at fields

// A hash whose pairs come one by one: gathered in a listpack as long as it may be small, else in a
// table.
class HashBuilder {
 public:
  HashBuilder(const EncodingLimits& limits, LooseValue& out) : limits_(limits), out_(out) {}

  // False if the field is there already; of a hash that is small yet, finish() says so.
  bool add(std::string_view field, std::string_view value) {
    if (table_ == nullptr) {
      const bool small =
          static_cast<int64_t>(pack_.count() / 2) < limits_.hash_listpack_entries &&
          static_cast<int64_t>(field.size()) <= limits_.hash_listpack_value &&
          static_cast<int64_t>(value.size()) <= limits_.hash_listpack_value &&
          pack_.bytes() + field.size() + value.size() < kBytesMax;
      if (small) {
        return pack_.add(PackedValue::of(field)) && pack_.add(PackedValue::of(value));
      }
      if (!make_table()) {
        return false;
      }
    }
    return insert(field, value);
  }

  bool finish() {
    if (table_ != nullptr) {
      return true;
    }
    std::string bytes = pack_.finish();
    if (has_duplicates(Listpack(bytes.data()), kSkipValue)) {
      return false;
    }
    out_.set_flat(ValueType::kHash, Encoding::kListpack, std::move(bytes));
    return true;
  }

 private:
  // Room for what elements have around them, twice.
  static constexpr size_t kBytesMax = Listpack::kBytesMax - 32;

  // With what has been gathered. False if a field comes twice.
  bool make_table() {
    table_ = &out_.make_large<MemberCollection>(ValueType::kHash, Encoding::kHashtable).members;
    const std::string bytes = pack_.finish();
    const Listpack pack(bytes.data());
    for (Listpack::Position at = Listpack::first(); at != pack.end();) {
      char field_scratch[kInt64TextMax];
      char value_scratch[kInt64TextMax];
      const PackedValue field = pack.take(at);
      if (!insert(field.text(field_scratch), pack.take(at).text(value_scratch))) {
        return false;
      }
    }
    return true;
  }

  bool insert(std::string_view field, std::string_view value) {
    const Key key = Key::of(field);
    if (table_->find(key)) {
      return false;
    }
    table_->insert(key, value);
    return true;
  }

  const EncodingLimits& limits_;
  LooseValue& out_;
  PackBuilder pack_;
  MemberTable* table_ = nullptr;
};

// A listpack of pairs that stands in out.string(). One that is not too long stays as it is, however
// long its texts are, as in redis-server.
bool read_pairs(const EncodingLimits& limits, LooseValue& out) {
  size_t count = 0;
  if (!readable_pack(out.string().view(), count) || count == 0 || count % 2 != 0) {
    return false;
  }
  const Listpack pack(out.string().view().data());
  if (static_cast<int64_t>(count / 2) <= limits.hash_listpack_entries) {
    out.set_flat(ValueType::kHash, Encoding::kListpack);
    return !has_duplicates(pack, kSkipValue);
  }
  HashBuilder builder(limits, out);
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    char field_scratch[kInt64TextMax];
    char value_scratch[kInt64TextMax];
    const PackedValue field = pack.take(at);
    if (!builder.add(field.text(field_scratch), pack.take(at).text(value_scratch))) {
      return false;
    }
  }
  return builder.finish();
}

bool read_ziplist(RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  RdbText text;
  std::string pack;
  if (!in.text(text) || !pack_ziplist(text.view(), pack)) {
    return false;
  }
  out.string().set_own(std::move(pack));
  return read_pairs(limits, out);
}

bool read_zipmap(RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  RdbText text;
  if (!in.text(text)) {
    return false;
  }
  ZipmapReader zipmap(text.view());
  HashBuilder builder(limits, out);
  std::string_view field;
  std::string_view value;
  bool any = false;
  while (zipmap.next(field, value)) {
    any = true;
    if (!builder.add(field, value)) {
      return false;
    }
  }
  return any && zipmap.complete() && builder.finish();
}

}  // namespace

RdbType rdb_hash_type(const Entry& entry) {
  return entry.collection() == nullptr ? RdbType::kHashListpack : RdbType::kHash;
}

void write_rdb_hash(const Entry& entry, RdbWriter& out) {
  if (entry.collection() == nullptr) {
    out.text(entry.flat());
    return;
  }
  const HashView hash(&entry);
  out.length(hash.size());
  hash.for_each([&out](const HashView::Pair& pair) {
    out.element(pair.field);
    out.element(pair.value);
  });
}

bool read_rdb_hash(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  switch (type) {
    case RdbType::kHashListpack:
      return in.text(out.string()) && read_pairs(limits, out);
    case RdbType::kHashZiplist:
      return read_ziplist(in, limits, out);
    case RdbType::kHashZipmap:
      return read_zipmap(in, limits, out);
    default:
      break;
  }
  uint64_t count = 0;
  if (!in.count(count)) {
    return false;
  }
  HashBuilder builder(limits, out);
  RdbText field;
  RdbText value;
  for (; count > 0; --count) {
    if (!in.text(field) || !in.text(value) || !builder.add(field.view(), value.view())) {
      return false;
    }
  }
  return builder.finish();
}

}  // namespace pollux
