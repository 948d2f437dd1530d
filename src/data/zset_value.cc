#include "src/data/zset_value.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "src/base/assert.h"
#include "src/base/slice_time.h"
#include "src/data/flat_edit.h"

namespace pollux {

namespace {

constexpr ValueType kType = ValueType::kZset;
constexpr Encoding kSmall = Encoding::kListpack;

std::string_view bytes_of(const double& score) {
  return {reinterpret_cast<const char*>(&score), sizeof(score)};
}

// A score on its way into a listpack; the text, if it is one, stands here.
class ScoreForm {
 public:
  explicit ScoreForm(double score) {
    constexpr double kIntegerMax = 4611686018427387904.0;  // 2^62, Redis' limit
    if (score >= -kIntegerMax && score <= kIntegerMax && score == std::trunc(score)) {
      value_ = PackedValue(static_cast<int64_t>(score));
    } else {
      value_ = PackedValue::string_of(text_, format_double(score, text_));
    }
  }
  ScoreForm(const ScoreForm&) = delete;
  ScoreForm& operator=(const ScoreForm&) = delete;

  const PackedValue& value() const { return value_; }

 private:
  char text_[kDoubleTextMax];
  PackedValue value_;
};

// Whether the member is before all that the bound lets in, if it is the lower one.
bool before_min(std::string_view member, const LexBound& min) {
  switch (min.kind) {
    case LexBound::kFirst:
      return false;
    case LexBound::kWith:
      return member < min.member;
    case LexBound::kWithout:
      return member <= min.member;
    case LexBound::kLast:
      return true;
  }
  return false;
}

// Whether the upper bound lets the member in.
bool within_max(std::string_view member, const LexBound& max) {
  switch (max.kind) {
    case LexBound::kFirst:
      return false;
    case LexBound::kWith:
      return member <= max.member;
    case LexBound::kWithout:
      return member < max.member;
    case LexBound::kLast:
      return true;
  }
  return false;
}

bool nothing_between(const LexBound& min, const LexBound& max) {
  if (min.kind == LexBound::kLast || max.kind == LexBound::kFirst) {
    return true;
  }
  if (min.kind == LexBound::kFirst || max.kind == LexBound::kLast) {
    return false;
  }
  const bool with_both = min.kind == LexBound::kWith && max.kind == LexBound::kWith;
  return min.member > max.member || (min.member == max.member && !with_both);
}

// The outcome of a rule for an element that is there, and the new score.
ZsetEditor::Added weigh(double now, double score, const ZsetEditor::Rules& rules) {
  using Outcome = ZsetEditor::Outcome;
  if (rules.only_new) {
    return {Outcome::kRefused, 0};
  }
  if (rules.increment) {
    score += now;
    if (std::isnan(score)) {
      return {Outcome::kNan, 0};
    }
  }
  if ((rules.only_less && score >= now) || (rules.only_greater && score <= now)) {
    return {Outcome::kRefused, 0};
  }
  return {score == now ? Outcome::kSame : Outcome::kUpdated, score};
}

}  // namespace

double packed_score(const PackedValue& value) {
  if (value.is_integer()) {
    return static_cast<double>(value.integer());
  }
  // Text from elsewhere may be no number; then it is 0, as strtod says.
  return parse_double(value.string()).value_or(0);
}

std::string packed_zset(std::span<const ZsetItem> items) {
  size_t elements = 0;
  for (const ZsetItem& item : items) {
    elements += packed_bytes(item.member) + packed_bytes(ScoreForm(item.score).value());
  }
  std::string bytes(Listpack::kCountBytes + elements, '\0');
  char* out = bytes.data() + Listpack::kCountBytes;
  for (const ZsetItem& item : items) {
    out = write_packed(PackedValue::of(item.member), out);
    out = write_packed(ScoreForm(item.score).value(), out);
  }
  Listpack::write_count(bytes.data(), 2 * items.size());
  return bytes;
}

// --- the large form ---

ZsetCollection::ZsetCollection(ShardMemory& memory)
    : Collection(memory), members_(memory, id()), tree_(memory.arena(), ByScore{&memory}) {}

size_t ZsetCollection::bytes() const {
  return Arena::usable(sizeof(*this)) + members_.bytes() + tree_.bytes();
}

Handle ZsetCollection::new_member(const Key& member, double score) {
  return members_.insert(member, bytes_of(score));
}

void ZsetCollection::insert(const Key& member, double score) {
  tree_.insert(new_member(member, score));
}

void ZsetCollection::append(const Key& member, double score) {
  tree_.append(new_member(member, score));
}

void ZsetCollection::set_score(MemberTable::Place place, double score) {
  tree_.erase(place.handle());
  tree_.insert(members_.set_value(place, bytes_of(score)));
}

void ZsetCollection::erase(const Key& member, MemberTable::Place place) {
  tree_.erase(place.handle());
  members_.erase(member, place);
}

void ZsetCollection::erase(RankRange range) {
  constexpr uint64_t kBurst = 128;
  while (range.size() > 0) {
    Handle burst[kBurst];
    const uint64_t n = std::min(range.size(), kBurst);
    Tree::Cursor cursor = tree_.at(range.first);
    cursor.prefetch_next(n);
    for (uint64_t i = 0; i < n; ++i) {
      burst[i] = cursor.handle();
      cursor.next();
    }
    tree_.erase_ranks(range.first, n);
    for (uint64_t i = 0; i < n; ++i) {
      const Key member = Key::of(memory_.entry_at(burst[i])->key());
      members_.erase(member, members_.find(member));
    }
    range.end -= n;
  }
}

Collection* ZsetCollection::clone(ShardMemory& memory) const {
  ZsetCollection* copy = memory.make<ZsetCollection>();
  for (Tree::Cursor cursor = tree_.at(0); cursor; cursor.next()) {
    const Entry& member = *memory_.entry_at(cursor.handle());
    copy->append(Key::of(member.key()), score_of(member));
  }
  return copy;
}

bool ZsetCollection::free_some(uint64_t until) {
  constexpr size_t kNodes = 8;
  while (tree_.drain(kNodes)) {
    if (out_of_time(until)) {
      return true;
    }
  }
  return members_.free_some(until);
}

void ZsetCollection::member_moved(Handle from, Handle to) {
  tree_.replace(from, to);
  members_.moved(from, to);
}

// --- reading ---

std::optional<double> ZsetView::score(const Key& member) const {
  if (large_ != nullptr) {
    const MemberTable::Place place = large_->members().find(member);
    if (!place) {
      return std::nullopt;
    }
    return ZsetCollection::score_of(*large_->members().member(place.handle()));
  }
  const Listpack::Position at = pack_.find(member.bytes, pack_.first(), 1);
  if (at == Listpack::kNone) {
    return std::nullopt;
  }
  return packed_score(pack_.get(pack_.next(at)));
}

std::optional<ZsetView::Ranked> ZsetView::rank(const Key& member) const {
  if (large_ != nullptr) {
    const MemberTable::Place place = large_->members().find(member);
    if (!place) {
      return std::nullopt;
    }
    return Ranked{large_->tree().rank_of(place.handle()),
                  ZsetCollection::score_of(*large_->members().member(place.handle()))};
  }
  const PackedNeedle needle(member.bytes);
  uint64_t rank = 0;
  for (Listpack::Position at = pack_.first(); at != pack_.end(); ++rank) {
    const bool found = needle.matches(pack_.take(at));
    const PackedValue score = pack_.take(at);
    if (found) {
      return Ranked{rank, packed_score(score)};
    }
  }
  return std::nullopt;
}

RankRange ZsetView::range(int64_t start, int64_t end) const {
  const auto size = static_cast<int64_t>(this->size());
  const auto first = std::max<int64_t>(start < 0 ? start + size : start, 0);
  const auto last = std::min<int64_t>(end < 0 ? end + size : end, size - 1);
  if (first > last) {
    return {};
  }
  return {static_cast<uint64_t>(first), static_cast<uint64_t>(last) + 1};
}

// Of the small form: the rank, from `from` on, of the first for which before(member, score) is
// false.
template <typename Before>
uint64_t ZsetView::count_before(uint64_t from, Before before) const {
  uint64_t rank = from;
  Listpack::Position at = from == 0 ? pack_.first() : pack_.seek(static_cast<int64_t>(2 * from));
  while (at != Listpack::kNone && at != pack_.end()) {
    char scratch[kInt64TextMax];
    const PackedValue member = pack_.take(at);
    const PackedValue score = pack_.take(at);
    if (!before(member.text(scratch), packed_score(score))) {
      break;
    }
    ++rank;
  }
  return rank;
}

RankRange ZsetView::range(const ScoreRange& range) const {
  const bool nothing = range.min > range.max || (range.min == range.max &&
                                                 (range.without_min || range.without_max));
  if (nothing || empty()) {
    return {};
  }
  uint64_t first = 0;
  uint64_t end = 0;
  if (large_ != nullptr) {
    const int64_t min = score_key(range.min);
    const int64_t max = score_key(range.max);
    const auto& tree = large_->tree();
    first = tree.find(range.without_min ? RankBound::above(min) : RankBound::at_least(min)).rank;
    end = tree.find(range.without_max ? RankBound::at_least(max) : RankBound::above(max)).rank;
  } else {
    first = count_before(0, [&](std::string_view, double score) {
      return range.without_min ? score <= range.min : score < range.min;
    });
    end = count_before(first, [&](std::string_view, double score) {
      return range.without_max ? score < range.max : score <= range.max;
    });
  }
  return {first, std::max(first, end)};
}

RankRange ZsetView::range(const LexRange& range) const {
  if (nothing_between(range.min, range.max) || empty()) {
    return {};
  }
  uint64_t first = 0;
  uint64_t end = 0;
  if (large_ != nullptr) {
    const auto name = [this](Handle handle) { return large_->members().member(handle)->key(); };
    const auto& tree = large_->tree();
    first = tree.find(RankAnyBound([&](Handle handle) {
                  return before_min(name(handle), range.min);
                })).rank;
    end = tree.find(RankAnyBound([&](Handle handle) {
                return within_max(name(handle), range.max);
              })).rank;
  } else {
    first = count_before(0, [&](std::string_view member, double) {
      return before_min(member, range.min);
    });
    end = count_before(first, [&](std::string_view member, double) {
      return within_max(member, range.max);
    });
  }
  return {first, std::max(first, end)};
}

// --- changing ---

bool ZsetEditor::fits_small(size_t size, std::string_view member) const {
  return static_cast<int64_t>(size) <= limits_.zset_listpack_entries &&
         static_cast<int64_t>(member.size()) <= limits_.zset_listpack_value;
}

ZsetEditor::Added ZsetEditor::add(const Key& member, double score, const Rules& rules) {
  return view().is_large() ? add_large(member, score, rules) : add_small(member, score, rules);
}

ZsetEditor::Added ZsetEditor::add_large(const Key& member, double score, const Rules& rules) {
  const auto* zset = static_cast<const ZsetCollection*>(edit_.entry()->collection());
  const MemberTable::Place place = zset->members().find(member);
  if (!place) {
    if (rules.only_old) {
      return {Outcome::kRefused, 0};
    }
    large().insert(member, score);
    return {Outcome::kAdded, score};
  }
  const double now = ZsetCollection::score_of(*zset->members().member(place.handle()));
  const Added added = weigh(now, score, rules);
  if (added.outcome == Outcome::kUpdated) {
    large().set_score(place, added.score);
  }
  return added;
}

ZsetEditor::Added ZsetEditor::add_small(const Key& member, double score, const Rules& rules) {
  const size_t size = view().size();
  if (size > 0) {
    const Listpack list(edit_.entry()->flat());
    const Listpack::Position at = list.find(member.bytes, list.first(), 1);
    if (at != Listpack::kNone) {
      const Added added = weigh(packed_score(list.get(list.next(at))), score, rules);
      if (added.outcome == Outcome::kUpdated) {
        splice_flat(edit_, kType, kSmall, list.erase(at, 2));
        insert_small(member.bytes, added.score);
      }
      return added;
    }
  }
  if (rules.only_old) {
    return {Outcome::kRefused, 0};
  }
  if (fits_small(size + 1, member.bytes)) {
    insert_small(member.bytes, score);
  } else {
    convert();
    large().insert(member, score);
  }
  return {Outcome::kAdded, score};
}

void ZsetEditor::insert_small(std::string_view member, double score) {
  const Listpack list = flat_pack(edit_.entry());
  Listpack::Position at = list.first();
  while (at != list.end()) {
    char scratch[kInt64TextMax];
    Listpack::Position next = at;
    const PackedValue there = list.take(next);
    const double there_score = packed_score(list.take(next));
    if (there_score > score || (there_score == score && there.text(scratch) > member)) {
      break;
    }
    at = next;
  }
  const ScoreForm form(score);
  const PackedValue pair[] = {PackedValue::of(member), form.value()};
  splice_flat(edit_, kType, kSmall, list.insert(at, pair));
}

void ZsetEditor::convert() {
  ZsetCollection* zset = edit_.memory().make<ZsetCollection>();
  view().visit_all([&](std::string_view member, double score) {
    zset->append(Key::of(member), score);
  });
  edit_.set_collection(kType, Encoding::kSkiplist, zset);
}

bool ZsetEditor::erase(const Key& member) {
  if (edit_.entry() == nullptr) {
    return false;
  }
  if (view().is_large()) {
    const auto* zset = static_cast<const ZsetCollection*>(edit_.entry()->collection());
    const MemberTable::Place place = zset->members().find(member);
    if (place) {
      large().erase(member, place);
    }
    return static_cast<bool>(place);
  }
  const Listpack list(edit_.entry()->flat());
  const Listpack::Position at = list.find(member.bytes, list.first(), 1);
  if (at != Listpack::kNone) {
    splice_flat(edit_, kType, kSmall, list.erase(at, 2));
  }
  return at != Listpack::kNone;
}

void ZsetEditor::erase(RankRange range) {
  if (range.size() == 0) {
    return;
  }
  if (view().is_large()) {
    large().erase(range);
    return;
  }
  const Listpack list(edit_.entry()->flat());
  const Listpack::Position at = list.seek(static_cast<int64_t>(2 * range.first));
  splice_flat(edit_, kType, kSmall, list.erase(at, 2 * range.size()));
}

void ZsetEditor::assign(std::span<const ZsetItem> items) {
  POLLUX_ASSERT(!items.empty());
  const bool small = std::all_of(items.begin(), items.end(), [&](const ZsetItem& item) {
    return fits_small(items.size(), item.member);
  });
  if (!small) {
    ZsetCollection* zset = edit_.memory().make<ZsetCollection>();
    for (const ZsetItem& item : items) {
      zset->append(Key::of(item.member), item.score);
    }
    edit_.set_collection(kType, Encoding::kSkiplist, zset);
    return;
  }
  edit_.set_flat(kType, kSmall, packed_zset(items));
}

}  // namespace pollux
