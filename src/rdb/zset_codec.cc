// Sorted sets: a listpack as it stands (kZsetListpack), else kZset2, from the greatest to the
// smallest as redis-server writes them.
#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/data/zset_value.h"
#include "src/rdb/pack_builder.h"
#include "src/rdb/type_codecs.h"

namespace pollux {

namespace {

constexpr size_t kSkipScore = 1;  // has_duplicates looks at members

ZsetCollection& make_large(LooseValue& out) {
  return out.make_large<ZsetCollection>(ValueType::kZset, Encoding::kSkiplist);
}

// A sorted set of so many elements that come one by one, in any order: gathered as long as it may
// become a small one.
class ZsetBuilder {
 public:
  ZsetBuilder(uint64_t elements, const EncodingLimits& limits, LooseValue& out)
      : limits_(limits), out_(out) {
    if (static_cast<int64_t>(elements) > limits.zset_listpack_entries) {
      zset_ = &make_large(out);
    }
  }

  // False if the score is none, or the member is there already (of a sorted set that is small yet,
  // finish() says so).
  bool add(std::string_view member, double score) {
    if (std::isnan(score)) {
      return false;
    }
    if (zset_ == nullptr) {
      if (static_cast<int64_t>(member.size()) <= limits_.zset_listpack_value &&
          bytes_ + member.size() <= kBytesMax) {
        bytes_ += member.size() + kAroundBytes;
        items_.push_back({names_.emplace_back(member), score});
        return true;
      }
      zset_ = &make_large(out_);
      for (const ZsetItem& item : items_) {
        if (!insert(item.member, item.score)) {
          return false;
        }
      }
    }
    return insert(member, score);
  }

  bool finish() {
    if (zset_ != nullptr) {
      return true;
    }
    std::sort(items_.begin(), items_.end(), zset_before);
    std::string bytes = packed_zset(items_);
    if (has_duplicates(Listpack(bytes), kSkipScore)) {
      return false;
    }
    out_.set_flat(ValueType::kZset, Encoding::kListpack, std::move(bytes));
    return true;
  }

 private:
  // What a score takes and what stands around elements, at most.
  static constexpr size_t kAroundBytes = 2 * 10 + kDoubleTextMax;
  static constexpr size_t kBytesMax = Listpack::kBytesMax - kAroundBytes;

  bool insert(std::string_view member, double score) {
    const Key key = Key::of(member);
    if (zset_->members().find(key)) {
      return false;
    }
    zset_->insert(key, score);
    return true;
  }

  const EncodingLimits& limits_;
  LooseValue& out_;
  size_t bytes_ = 0;  // that the listpack would take, at most
  std::deque<std::string> names_;
  std::vector<ZsetItem> items_;
  ZsetCollection* zset_ = nullptr;
};

// The score that stands at `at`, which moves behind it; none if it is no number.
std::optional<double> take_score(const Listpack& pack, Listpack::Position& at) {
  const PackedValue value = pack.take(at);
  if (value.is_integer()) {
    return static_cast<double>(value.integer());
  }
  return parse_double(value.string());
}

// Whether the scores of a listpack of pairs are numbers, and the elements in order.
bool in_order(const Listpack& pack) {
  char scratch[2][kInt64TextMax];
  std::optional<ZsetItem> before;
  size_t index = 0;
  for (Listpack::Position at = Listpack::first(); at != pack.end(); ++index) {
    const PackedValue member = pack.take(at);
    const std::optional<double> score = take_score(pack, at);
    if (!score) {
      return false;
    }
    const ZsetItem item{member.text(scratch[index % 2]), *score};
    if (before && !zset_before(*before, item)) {
      return false;
    }
    before = item;
  }
  return true;
}

// A listpack of pairs that stands in out.string().
bool read_pairs(const EncodingLimits& limits, LooseValue& out) {
  size_t count = 0;
  if (!readable_pack(out.string().view(), count) || count == 0 || count % 2 != 0) {
    return false;
  }
  const Listpack pack = Listpack::framed(out.string().view().data());
  if (!in_order(pack) || has_duplicates(pack, kSkipScore)) {
    return false;
  }
  if (static_cast<int64_t>(count / 2) <= limits.zset_listpack_entries) {
    out.set_framed(ValueType::kZset, Encoding::kListpack);
    return true;
  }
  ZsetCollection& zset = make_large(out);
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    char scratch[kInt64TextMax];
    const PackedValue member = pack.take(at);
    zset.append(Key::of(member.text(scratch)), packed_score(pack.take(at)));
  }
  return true;
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

}  // namespace

RdbType rdb_zset_type(const Entry& entry) {
  return entry.collection() == nullptr ? RdbType::kZsetListpack : RdbType::kZset2;
}

void write_rdb_zset(const Entry& entry, RdbWriter& out) {
  if (entry.collection() == nullptr) {
    out.listpack(entry.flat());
    return;
  }
  const ZsetView zset(&entry);
  out.length(zset.size());
  zset.visit({0, zset.size()}, /*reverse=*/true, [&out](std::string_view member, double score) {
    out.text(member);
    out.real(score);
  });
}

bool read_rdb_zset(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  if (type == RdbType::kZsetListpack) {
    return in.text(out.string()) && read_pairs(limits, out);
  }
  if (type == RdbType::kZsetZiplist) {
    return read_ziplist(in, limits, out);
  }
  uint64_t count = 0;
  if (!in.count(count)) {
    return false;
  }
  ZsetBuilder builder(count, limits, out);
  RdbText member;
  for (; count > 0; --count) {
    double score = 0;
    const bool there = in.text(member) && (type == RdbType::kZset2 ? in.real(score)
                                                                   : in.real_text(score));
    if (!there || !builder.add(member.view(), score)) {
      return false;
    }
  }
  return builder.finish();
}

}  // namespace pollux
