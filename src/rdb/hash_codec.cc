// Hashes: a listpack as it stands (kHashListpack), else kHash, field by field. If fields have TTLs,
// kHashListpackEx and kHashMetadata in the same way, both behind the time of the first one.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "src/data/hash_value.h"
#include "src/rdb/old_forms.h"
#include "src/rdb/pack_builder.h"
#include "src/rdb/type_codecs.h"

namespace pollux {

namespace {

// The elements of a field but the first, which has_duplicates leaves out.
constexpr size_t kSkipValue = 1;
constexpr size_t kSkipValueAndTime = TimedPack::kElements - 1;

constexpr int64_t kForEver = -1;

// A hash whose pairs come one by one: gathered in a listpack as long as it may be small, else in a
// table.
class HashBuilder {
 public:
  // `timed`: fields may have a time at which they end.
  HashBuilder(const EncodingLimits& limits, LooseValue& out, bool timed = false)
      : limits_(limits), out_(out), timed_(timed) {}

  // False if the field is there already; of a hash that is small yet, finish() says so.
  bool add(std::string_view field, std::string_view value, int64_t at_ms = kForEver) {
    if (large_ == nullptr) {
      const bool small =
          static_cast<int64_t>(pack_.count() / elements_each()) < limits_.hash_listpack_entries &&
          static_cast<int64_t>(field.size()) <= limits_.hash_listpack_value &&
          static_cast<int64_t>(value.size()) <= limits_.hash_listpack_value &&
          pack_.bytes() + field.size() + value.size() < kBytesMax;
      if (small) {
        return pack_.add(PackedValue::of(field)) && pack_.add(PackedValue::of(value)) &&
               (!timed_ || pack_.add(time_element(at_ms)));
      }
      if (!make_table()) {
        return false;
      }
    }
    return insert(field, value, at_ms);
  }

  bool finish() {
    if (large_ != nullptr) {
      return true;
    }
    std::string bytes = pack_.finish();
    if (has_duplicates(Listpack::framed(bytes.data()), elements_each() - 1)) {
      return false;
    }
    if (timed_) {
      out_.set_framed(ValueType::kHash, Encoding::kListpackEx, in_order_of_time(bytes));
    } else {
      out_.set_framed(ValueType::kHash, Encoding::kListpack, std::move(bytes));
    }
    return true;
  }

 private:
  // Room for what elements have around them, and a time, twice.
  static constexpr size_t kBytesMax = Listpack::kBytesMax - 64;

  size_t elements_each() const { return timed_ ? TimedPack::kElements : 2; }
  static PackedValue time_element(int64_t at_ms) {
    return PackedValue(at_ms == kForEver ? TimedPack::kNoTime : at_ms);
  }

  // With what has been gathered. False if a field comes twice.
  bool make_table() {
    large_ = &out_.make_large<MemberCollection>(ValueType::kHash, Encoding::kHashtable);
    const std::string bytes = pack_.finish();
    const Listpack pack = Listpack::framed(bytes.data());
    for (Listpack::Position at = Listpack::first(); at != pack.end();) {
      char field_scratch[kInt64TextMax];
      char value_scratch[kInt64TextMax];
      const int64_t at_ms = timed_ ? TimedPack(pack).expiry_ms(at) : kForEver;
      const PackedValue field = pack.take(at);
      const PackedValue value = pack.take(at);
      if (timed_) {
        at = pack.next(at);
      }
      if (!insert(field.text(field_scratch), value.text(value_scratch), at_ms)) {
        return false;
      }
    }
    return true;
  }

  bool insert(std::string_view field, std::string_view value, int64_t at_ms) {
    const Key key = Key::of(field);
    if (large_->members.find(key)) {
      return false;
    }
    large_->members.insert(key, value);
    if (at_ms != kForEver) {
      large_->set_expiry(key, large_->members.find(key), at_ms);
    }
    return true;
  }

  // The fields of a TimedPack that are not in order yet.
  static std::string in_order_of_time(const std::string& bytes) {
    const Listpack pack = Listpack::framed(bytes.data());
    const TimedPack timed(pack);
    std::vector<std::pair<uint64_t, Listpack::Position>> fields;  // -1, for ever, is the last one
    for (Listpack::Position at = Listpack::first(); at != pack.end(); at = timed.next(at)) {
      fields.emplace_back(static_cast<uint64_t>(timed.expiry_ms(at)), at);
    }
    std::sort(fields.begin(), fields.end());
    std::string sorted(bytes.size(), '\0');
    char* out = sorted.data() + Listpack::kHeaderBytes;
    for (const auto& [time, at] : fields) {
      const std::string_view run = pack.run(at, TimedPack::kElements).bytes;
      out = std::copy(run.begin(), run.end(), out);
    }
    Listpack::write_frame(sorted.data(), bytes.size() - Listpack::kEmptyBytes, pack.count());
    return sorted;
  }

  const EncodingLimits& limits_;
  LooseValue& out_;
  const bool timed_;
  PackBuilder pack_;
  MemberCollection* large_ = nullptr;
};

// A listpack of pairs that stands in out.string(). One that is not too long stays as it is, however
// long its texts are, as in redis-server.
bool read_pairs(const EncodingLimits& limits, LooseValue& out) {
  size_t count = 0;
  if (!readable_pack(out.string().view(), count) || count == 0 || count % 2 != 0) {
    return false;
  }
  const Listpack pack = Listpack::framed(out.string().view().data());
  if (static_cast<int64_t>(count / 2) <= limits.hash_listpack_entries) {
    out.set_framed(ValueType::kHash, Encoding::kListpack);
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

// --- with times ---

// Whether every third element is a time, and they are in order, those without one last.
bool times_in_order(const Listpack& pack) {
  int64_t before = 0;
  bool ended = false;
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    at = pack.advance(at, TimedPack::kElements - 1);
    const PackedValue time = pack.take(at);
    if (!time.is_integer() || time.integer() < 0 ||
        time.integer() > MemberCollection::kTimeMaxMs) {
      return false;
    }
    if (time.integer() == TimedPack::kNoTime) {
      ended = true;
    } else if (ended || time.integer() < before) {
      return false;
    } else {
      before = time.integer();
    }
  }
  return true;
}

// The same as read_pairs with a TimedPack.
bool read_triples(const EncodingLimits& limits, LooseValue& out) {
  size_t count = 0;
  if (!readable_pack(out.string().view(), count) || count == 0 ||
      count % TimedPack::kElements != 0) {
    return false;
  }
  const Listpack pack = Listpack::framed(out.string().view().data());
  if (!times_in_order(pack)) {
    return false;
  }
  if (static_cast<int64_t>(count / TimedPack::kElements) <= limits.hash_listpack_entries) {
    out.set_framed(ValueType::kHash, Encoding::kListpackEx);
    return !has_duplicates(pack, kSkipValueAndTime);
  }
  HashBuilder builder(limits, out, /*timed=*/true);
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    char field_scratch[kInt64TextMax];
    char value_scratch[kInt64TextMax];
    const int64_t at_ms = TimedPack(pack).expiry_ms(at);
    const PackedValue field = pack.take(at);
    const PackedValue value = pack.take(at);
    at = pack.next(at);
    if (!builder.add(field.text(field_scratch), value.text(value_scratch), at_ms)) {
      return false;
    }
  }
  return builder.finish();
}

// Behind the count of kHashMetadata: fields whose times are told from the first one on.
bool read_timed_fields(RdbReader& in, int64_t first_ms, uint64_t count, HashBuilder& builder) {
  RdbText field;
  RdbText value;
  for (; count > 0; --count) {
    uint64_t later = 0;
    if (!in.length(later) || !in.text(field) || !in.text(value)) {
      return false;
    }
    int64_t at_ms = kForEver;
    if (later != 0) {
      if (later > static_cast<uint64_t>(MemberCollection::kTimeMaxMs) || first_ms < 0 ||
          first_ms > MemberCollection::kTimeMaxMs) {
        return false;
      }
      at_ms = first_ms + static_cast<int64_t>(later) - 1;
      if (at_ms == TimedPack::kNoTime || at_ms > MemberCollection::kTimeMaxMs) {
        return false;
      }
    }
    if (!builder.add(field.view(), value.view(), at_ms)) {
      return false;
    }
  }
  return builder.finish();
}

bool read_timed(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  int64_t first_ms = 0;
  uint64_t count = 0;
  if (!in.time(first_ms)) {
    return false;
  }
  if (type == RdbType::kHashListpackEx) {
    return in.text(out.string()) && read_triples(limits, out);
  }
  HashBuilder builder(limits, out, /*timed=*/true);
  return in.count(count) && read_timed_fields(in, first_ms, count, builder);
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
  const bool large = entry.collection() != nullptr;
  if (entry.has_field_timer()) {
    return large ? RdbType::kHashMetadata : RdbType::kHashListpackEx;
  }
  // A TimedPack without times is told in the words that all servers know.
  return entry.encoding() == Encoding::kListpack ? RdbType::kHashListpack : RdbType::kHash;
}

void write_rdb_hash(const Entry& entry, RdbWriter& out) {
  const RdbType type = rdb_hash_type(entry);
  if (type == RdbType::kHashListpack) {
    out.listpack(entry.flat());
    return;
  }
  if (type == RdbType::kHashListpackEx) {
    out.time(entry.field_timer_ms());
    out.listpack(entry.flat());
    return;
  }
  const HashView hash(&entry);
  if (type == RdbType::kHash) {
    out.length(hash.size());
    hash.for_each([&out](const HashView::Pair& pair) {
      out.element(pair.field);
      out.element(pair.value);
    });
    return;
  }
  // As they are, also what is over and waits to be removed.
  const int64_t first_ms = entry.field_timer_ms();
  const MemberTable& fields = *entry.collection()->member_table();
  out.time(first_ms);
  out.length(fields.size());
  fields.for_each([&out, first_ms](const Entry& field) {
    out.length(field.has_expiry() ? static_cast<uint64_t>(field.expiry_ms() - first_ms) + 1 : 0);
    out.text(field.key());
    out.text(field.stored_bytes());
    return true;
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
    case RdbType::kHashMetadata:
    case RdbType::kHashListpackEx:
      return read_timed(type, in, limits, out);
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
