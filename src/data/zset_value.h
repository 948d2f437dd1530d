// Sorted sets. A small one is a listpack of member, score, member, score ..., in ascending order; a
// score stands there as an integer if it is one (up to 2^62), else as its %.17g text, so -0 is 0.
// A large one is a ZsetCollection: a MemberTable, whose values are the 8 bytes of the score, finds
// by name; a RankTree over the same blocks finds by order. A large one never gets small again.
//
// The order is by score, and by the bytes of the member where scores are the same (0 and -0 are).
// Commands ask for ranges by rank, score or member; each becomes a RankRange, which all that reads
// or erases many elements takes. No score is ever NaN.
//
// ZsetView reads, ZsetEditor changes through an Edit. Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/data/collection.h"
#include "src/data/encoding_limits.h"
#include "src/data/keyspace.h"
#include "src/data/listpack.h"
#include "src/data/member_table.h"
#include "src/data/rank_tree.h"

namespace pollux {

struct ZsetItem {
  std::string_view member;
  double score;
};
// The order of elements.
inline bool zset_before(const ZsetItem& left, const ZsetItem& right) {
  return left.score != right.score ? left.score < right.score : left.member < right.member;
}

struct ScoreRange {
  double min;
  double max;
  bool without_min = false;
  bool without_max = false;
};

// One end of a range of members, as in "-", "[a", "(a", "+".
struct LexBound {
  enum Kind : uint8_t { kFirst, kWith, kWithout, kLast };
  Kind kind;
  std::string_view member;
};
struct LexRange {
  LexBound min;
  LexBound max;
};

// The elements from the rank `first` up to, not including, `end`. Requires first <= end.
struct RankRange {
  uint64_t first = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - first; }
};

class ZsetCollection final : public Collection {
 public:
  explicit ZsetCollection(ShardMemory& memory);

  size_t size() const override { return members_.size(); }
  size_t bytes() const override;
  Collection* clone(ShardMemory& memory) const override;
  bool free_some(uint64_t until) override;
  void member_moved(Handle from, Handle to) override;
  const MemberTable* member_table() const override { return &members_; }

  static double score_of(const Entry& member) {
    double score;
    std::memcpy(&score, member.value_area(), sizeof(score));
    return score;
  }

  // The two orders of members, the same as RankTree wants them.
  struct ByScore {
    const ShardMemory* memory;
    int64_t key(Handle handle) const { return score_key(score_of(*memory->entry_at(handle))); }
    bool before(Handle left, Handle right) const {
      const Entry& a = *memory->entry_at(left);
      const Entry& b = *memory->entry_at(right);
      return zset_before({a.key(), score_of(a)}, {b.key(), score_of(b)});
    }
    void prefetch(Handle handle) const { pollux::prefetch(memory->entry_at(handle)); }
  };
  using Tree = RankTree<ByScore>;

  const MemberTable& members() const { return members_; }
  const Tree& tree() const { return tree_; }

  // --- for ZsetEditor ---
  void insert(const Key& member, double score);
  // Of an element that comes behind all others.
  void append(const Key& member, double score);
  void set_score(MemberTable::Place place, double score);
  void erase(const Key& member, MemberTable::Place place);
  void erase(RankRange range);

 private:
  Handle new_member(const Key& member, double score);

  MemberTable members_;
  Tree tree_;
};

// Reads one sorted set, in either form, or none. Lives until the key changes.
class ZsetView {
 public:
  // `entry`: of a sorted set, or null for an empty one.
  explicit ZsetView(const Entry* entry) {
    if (entry != nullptr) {
      large_ = static_cast<const ZsetCollection*>(entry->collection());
      if (large_ == nullptr) {
        pack_ = Listpack(entry->flat());
      }
    }
  }

  bool empty() const { return size() == 0; }
  size_t size() const {
    return large_ != nullptr ? large_->size() : pack_.count() / 2;
  }
  std::optional<double> score(const Key& member) const;
  // How many elements are before it, and its score.
  struct Ranked {
    uint64_t rank;
    double score;
  };
  std::optional<Ranked> rank(const Key& member) const;

  // `start` and `end` as of ZRANGE: both included, negative ones from the end.
  RankRange range(int64_t start, int64_t end) const;
  RankRange range(const ScoreRange& range) const;
  // Members are taken as if all had one score; if they have not, some range.
  RankRange range(const LexRange& range) const;

  // visit(member, score) for each of the range, the last first if `reverse`. What it is given lives
  // until it returns; in the large form until the key changes.
  template <typename Visit>
  void visit(RankRange range, bool reverse, Visit visit) const;
  // visit(member, score) for each with a score from `first` up to, not including, `end`, in order,
  // until it says false. Requires that no score is NaN.
  template <typename Visit>
  void visit_scores(double first, double end, Visit visit) const;
  // As visit, for all, in the order that is the cheapest.
  template <typename Visit>
  void visit_all(Visit visit) const;

  // ZSCAN: visit(member, score text) for some `count` elements from `cursor` on; the next cursor, 0
  // at the end. The small form is visited as a whole.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, uint64_t count, Visit visit) const;

  bool is_large() const { return large_ != nullptr; }
  // Brings the cache lines on their way that score() will need.
  void prefetch_member(const Key& member) const {
    if (large_ != nullptr) {
      large_->members().prefetch_bucket(member.hash);
    }
  }

 private:
  template <typename Before>
  uint64_t count_before(uint64_t from, Before before) const;

  const ZsetCollection* large_ = nullptr;
  Listpack pack_;  // of a large one the empty one
};

// What a score in a listpack says.
double packed_score(const PackedValue& value);
// The small form of these elements, which are in order: a bare listpack.
std::string packed_zset(std::span<const ZsetItem> items);

class ZsetEditor {
 public:
  // Requires that the key is absent or a sorted set. The first change of an absent key makes it.
  ZsetEditor(Edit& edit, const EncodingLimits& limits) : edit_(edit), limits_(limits) {}

  // What ZADD may be told; NX, XX, GT, LT, INCR.
  struct Rules {
    bool only_new = false;
    bool only_old = false;
    bool only_greater = false;
    bool only_less = false;
    bool increment = false;
  };
  enum class Outcome : uint8_t { kRefused, kAdded, kUpdated, kSame, kNan };
  struct Added {
    Outcome outcome;
    double score;  // as it is now; of kAdded, kUpdated and kSame
  };
  // Requires that `score` is not NaN. kNan: the sum would be; nothing was changed then.
  Added add(const Key& member, double score, const Rules& rules);

  // False if it is not there. A sorted set that is empty then must be removed by the caller.
  bool erase(const Key& member);
  void erase(RankRange range);

  // Makes the value, of whatever type it is, a sorted set of these elements, which are in order and
  // not none. They may be the key's own. The TTL stays.
  void assign(std::span<const ZsetItem> items);

 private:
  ZsetView view() const { return ZsetView(edit_.entry()); }
  ZsetCollection& large() { return *static_cast<ZsetCollection*>(edit_.collection()); }
  Added add_small(const Key& member, double score, const Rules& rules);
  Added add_large(const Key& member, double score, const Rules& rules);
  void insert_small(std::string_view member, double score);
  bool fits_small(size_t size, std::string_view member) const;
  void convert();

  Edit& edit_;
  const EncodingLimits& limits_;
};

// --- templates ---

template <typename Visit>
void ZsetView::visit(RankRange range, bool reverse, Visit visit) const {
  uint64_t left = range.size();
  if (left == 0) {
    return;
  }
  const uint64_t first = reverse ? range.end - 1 : range.first;
  if (large_ != nullptr) {
    ZsetCollection::Tree::Cursor cursor = large_->tree().at(first);
    reverse ? cursor.prefetch_prev(left) : cursor.prefetch_next(left);
    for (;;) {
      const Entry& member = *large_->members().member(cursor.handle());
      visit(member.key(), ZsetCollection::score_of(member));
      if (--left == 0) {
        return;
      }
      reverse ? cursor.prev() : cursor.next();
    }
  }
  Listpack::Position at = pack_.seek(static_cast<int64_t>(2 * first));
  for (; left > 0; --left) {
    char scratch[kInt64TextMax];
    const PackedValue member = pack_.take(at);
    const double score = packed_score(pack_.take(at));
    visit(member.text(scratch), score);
    if (reverse && left > 1) {
      for (int i = 0; i < 4; ++i) {
        at = pack_.prev(at);
      }
    }
  }
}

template <typename Visit>
void ZsetView::visit_scores(double first, double end, Visit visit) const {
  if (large_ != nullptr) {
    auto cursor = large_->tree().find(RankBound::at_least(score_key(first))).cursor;
    if (!cursor) {
      return;
    }
    cursor.prefetch_next(large_->size());
    for (; cursor; cursor.next()) {
      const Entry& member = *large_->members().member(cursor.handle());
      const double score = ZsetCollection::score_of(member);
      if (score >= end || !visit(member.key(), score)) {
        return;
      }
    }
  } else {
    for (Listpack::Position at = pack_.first(); at != pack_.end();) {
      char scratch[kInt64TextMax];
      const PackedValue member = pack_.take(at);
      const double score = packed_score(pack_.take(at));
      if (score >= end || (score >= first && !visit(member.text(scratch), score))) {
        return;
      }
    }
  }
}

template <typename Visit>
void ZsetView::visit_all(Visit visit) const {
  this->visit({0, size()}, /*reverse=*/false, visit);
}

template <typename Visit>
uint64_t ZsetView::scan(uint64_t cursor, uint64_t count, Visit visit) const {
  if (large_ != nullptr) {
    return large_->members().scan(cursor, count, [&](Handle handle) {
      const Entry& member = *large_->members().member(handle);
      char text[kDoubleTextMax];
      visit(member.key(), {text, format_double(ZsetCollection::score_of(member), text)});
    });
  }
  for (Listpack::Position at = pack_.first(); at != pack_.end();) {
    char scratch[kInt64TextMax];
    char score_scratch[kInt64TextMax];
    const PackedValue member = pack_.take(at);
    visit(member.text(scratch), pack_.take(at).text(score_scratch));
  }
  return 0;
}

}  // namespace pollux
