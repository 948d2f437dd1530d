// Unions, intersections and differences of sorted sets, among which there may be sets. Scores are
// summed in the order of sizes, the smallest set first, as redis-server does, because sums of
// floats depend on it.
#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <vector>

#include "src/base/hash.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/zset_args.h"
#include "src/data/set_value.h"

namespace pollux {

namespace {

enum class Operation : uint8_t { kUnion, kInter, kDiff };
enum class Aggregate : uint8_t { kSum, kMin, kMax, kCount };

// A sorted set, or a set, whose members have the score 1; or nothing.
class Source {
 public:
  // `entry`: of one of these types, or null. `key`: its argument.
  Source(const Entry* entry, size_t key_argument) : key(key_argument), zset_(nullptr) {
    if (entry != nullptr && entry->type() == ValueType::kSet) {
      set_.emplace(entry);
    } else {
      zset_ = ZsetView(entry);
    }
  }

  bool in_order() const { return !set_; }
  size_t size() const { return set_ ? set_->size() : zset_.size(); }
  std::optional<double> score(const Key& member) const {
    if (set_) {
      return set_->contains(SetMember(member.bytes)) ? std::optional(1.0) : std::nullopt;
    }
    return zset_.score(member);
  }
  // visit(member, score, whether the member's text stays where it is until the key changes).
  template <typename Visit>
  void visit_all(Visit visit) const {
    if (!set_) {
      zset_.visit_all([&](std::string_view member, double score) {
        visit(member, score, zset_.is_large());
      });
      return;
    }
    set_->for_each([&visit](const PackedValue& member) {
      char scratch[kInt64TextMax];
      visit(member.text(scratch), 1.0, !member.is_integer());
      return true;
    });
  }

  double weight = 1;
  size_t key;

 private:
  ZsetView zset_;
  std::optional<SetView> set_;
};
struct Combination {
  Operation operation;
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
  uint64_t limit = 0;  // of ZINTERCARD; 0: none
  std::vector<Source> sources;
};
// What options a command takes.
struct Taken {
  bool weights = true;
  bool with_scores = false;
  bool limit = false;
};

// Infinities of both signs sum to 0, and so does 0 times infinity.
double number_or_0(double value) {
  return std::isnan(value) ? 0 : value;
}

double combined(double left, double right, Aggregate aggregate) {
  switch (aggregate) {
    case Aggregate::kSum:
    case Aggregate::kCount:
      return number_or_0(left + right);
    case Aggregate::kMin:
      return right < left ? right : left;
    case Aggregate::kMax:
      return right > left ? right : left;
  }
  return left;
}

// What a source adds for a member with this score.
double share_of(const Source& source, double score, Aggregate aggregate) {
  return aggregate == Aggregate::kCount ? source.weight : source.weight * score;
}

bool read_weights(Context& ctx, size_t at, Combination& what) {
  for (size_t i = 0; i < what.sources.size(); ++i) {
    const auto weight = parse_double(ctx.args[at + i]);
    if (!weight) {
      ctx.reply.error("ERR weight value is not a float");
      return false;
    }
    what.sources[i].weight = *weight;
  }
  return true;
}

bool read_aggregate(std::string_view word, Aggregate& aggregate) {
  if (is_word(word, "sum")) {
    aggregate = Aggregate::kSum;
  } else if (is_word(word, "min")) {
    aggregate = Aggregate::kMin;
  } else if (is_word(word, "max")) {
    aggregate = Aggregate::kMax;
  } else if (is_word(word, "count")) {
    aggregate = Aggregate::kCount;  // of Redis 8.8: how many have it, or the sum of their weights
  } else {
    return false;
  }
  return true;
}

bool read_limit(Context& ctx, size_t at, Combination& what) {
  const auto limit = parse_int64(ctx.args[at]);
  if (!limit || *limit < 0) {
    ctx.reply.error("ERR LIMIT can't be negative");
    return false;
  }
  what.limit = static_cast<uint64_t>(*limit);
  return true;
}

bool read_options(Context& ctx, size_t at, Taken taken, Combination& what) {
  const size_t count = ctx.args.size();
  while (at < count) {
    const std::string_view word = ctx.args[at];
    const size_t behind = count - at - 1;
    if (taken.weights && behind >= what.sources.size() && is_word(word, "weights")) {
      if (!read_weights(ctx, at + 1, what)) {
        return false;
      }
      at += 1 + what.sources.size();
    } else if (taken.weights && behind >= 1 && is_word(word, "aggregate") &&
               read_aggregate(ctx.args[at + 1], what.aggregate)) {
      at += 2;
    } else if (taken.with_scores && is_word(word, "withscores")) {
      what.with_scores = true;
      ++at;
    } else if (taken.limit && behind >= 1 && is_word(word, "limit")) {
      if (!read_limit(ctx, at + 1, what)) {
        return false;
      }
      at += 2;
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  return true;
}

// The number of keys in argument `at`, the keys, the options.
bool read_combination(Context& ctx, size_t at, Taken taken, Combination& what) {
  int64_t n = 0;
  if (!read_int64(ctx, at, n)) {
    return false;
  }
  if (n < 1) {
    reply_error_quoting(ctx.reply, "ERR at least 1 input key is needed for '", ctx.row.name,
                        "' command");
    return false;
  }
  if (static_cast<uint64_t>(n) > ctx.args.size() - at - 1) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  what.sources.reserve(static_cast<size_t>(n));
  for (size_t i = at + 1; i <= at + static_cast<size_t>(n); ++i) {
    const Entry* entry = ctx.keys.find(ctx.key(i));
    if (entry != nullptr && entry->type() != ValueType::kSet && !check_zset(ctx, entry)) {
      return false;
    }
    what.sources.emplace_back(entry, i);
  }
  return read_options(ctx, at + 1 + what.sources.size(), taken, what);
}

// Members by hash with the place of each in a list: open addressing, half empty.
class MemberIndex {
 public:
  explicit MemberIndex(size_t members_max) : slots_(std::bit_ceil(2 * members_max + 1)) {}

  // The place of the member in `items`; the next one, if it isn't there, and it is then.
  size_t place_of(std::string_view member, const std::vector<ZsetItem>& items) {
    const uint64_t hash = key_hash(member);
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[at];
      if (slot.place == 0) {
        slot = {tag, static_cast<uint32_t>(items.size() + 1)};
        return items.size();
      }
      if (slot.tag == tag && items[slot.place - 1].member == member) {
        return slot.place - 1;
      }
    }
  }

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t place = 0;  // plus 1
  };
  std::vector<Slot> slots_;
};

void unite(const Combination& what, ZsetItems& texts, std::vector<ZsetItem>& items) {
  size_t total = 0;
  for (const Source& source : what.sources) {
    total += source.size();
  }
  MemberIndex index(total);
  for (const Source& source : what.sources) {
    source.visit_all([&](std::string_view member, double score, bool stands) {
      const double value = number_or_0(share_of(source, score, what.aggregate));
      const size_t place = index.place_of(member, items);
      if (place == items.size()) {
        items.push_back({texts.keep(stands, member), value});
      } else {
        items[place].score = combined(items[place].score, value, what.aggregate);
      }
    });
  }
}

void intersect(Context& ctx, const Combination& what, ZsetItems& texts,
               std::vector<ZsetItem>& items) {
  const Source& first = what.sources[0];
  first.visit_all([&](std::string_view member, double score, bool stands) {
    if (what.limit != 0 && items.size() == what.limit) {
      return;
    }
    const Key name = Key::of(member);
    double sum = number_or_0(share_of(first, score, what.aggregate));
    for (size_t i = 1; i < what.sources.size(); ++i) {
      const Source& other = what.sources[i];
      // A set that is named twice needs no second lookup.
      const bool same = ctx.args[other.key] == ctx.args[first.key];
      const auto found = same ? std::optional(score) : other.score(name);
      if (!found) {
        return;
      }
      sum = combined(sum, share_of(other, *found, what.aggregate), what.aggregate);
    }
    items.push_back({texts.keep(stands, member), sum});
  });
}

void subtract(const Combination& what, ZsetItems& texts, std::vector<ZsetItem>& items) {
  const Source& first = what.sources[0];
  first.visit_all([&](std::string_view member, double score, bool stands) {
    const Key name = Key::of(member);
    for (size_t i = 1; i < what.sources.size(); ++i) {
      if (what.sources[i].score(name)) {
        return;
      }
    }
    items.push_back({texts.keep(stands, member), score});
  });
}

// The elements in their order. Members stand where they are, or in `texts`.
std::vector<ZsetItem> combine(Context& ctx, Combination& what, ZsetItems& texts) {
  std::vector<ZsetItem> items;
  if (what.operation != Operation::kDiff) {
    std::stable_sort(what.sources.begin(), what.sources.end(),
                     [](const Source& left, const Source& right) {
                       return left.size() < right.size();
                     });
  }
  switch (what.operation) {
    case Operation::kUnion:
      unite(what, texts, items);
      break;
    case Operation::kInter:
      intersect(ctx, what, texts, items);
      break;
    case Operation::kDiff:
      subtract(what, texts, items);
      if (what.sources[0].in_order()) {
        return items;
      }
      break;
  }
  std::sort(items.begin(), items.end(), zset_before);
  return items;
}

void reply_combination(Context& ctx, Combination what, Taken taken) {
  if (!read_combination(ctx, 1, taken, what)) {
    return;
  }
  ZsetItems texts;
  const std::vector<ZsetItem> items = combine(ctx, what, texts);
  reply_elements(ctx, items.size(), what.with_scores);
  for (const ZsetItem& item : items) {
    reply_element(ctx, item.member, item.score, what.with_scores);
  }
}

void store_combination(Context& ctx, Combination what, Taken taken, KeyEvent event) {
  if (!read_combination(ctx, 2, taken, what)) {
    return;
  }
  ZsetItems texts;
  store_items(ctx, 1, combine(ctx, what, texts), event);
}

void zunion(Context& ctx) {
  reply_combination(ctx, {.operation = Operation::kUnion}, {.with_scores = true});
}
void zinter(Context& ctx) {
  reply_combination(ctx, {.operation = Operation::kInter}, {.with_scores = true});
}
void zdiff(Context& ctx) {
  reply_combination(ctx, {.operation = Operation::kDiff}, {.weights = false, .with_scores = true});
}
void zintercard(Context& ctx) {
  Combination what{.operation = Operation::kInter};
  if (read_combination(ctx, 1, {.weights = false, .limit = true}, what)) {
    ZsetItems texts;
    ctx.reply.integer(static_cast<int64_t>(combine(ctx, what, texts).size()));
  }
}
void zunionstore(Context& ctx) {
  store_combination(ctx, {.operation = Operation::kUnion}, {}, KeyEvent::kZUnionStore);
}
void zinterstore(Context& ctx) {
  store_combination(ctx, {.operation = Operation::kInter}, {}, KeyEvent::kZInterStore);
}
void zdiffstore(Context& ctx) {
  store_combination(ctx, {.operation = Operation::kDiff}, {.weights = false},
                    KeyEvent::kZDiffStore);
}

constexpr CommandRow kRows[] = {
    {.name = "zunion",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclSortedset,
     .handler = zunion,
     .keys = {{.first = 2, .flags = "RO access", .numkeys_at = 1}},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Returns the union of sorted sets.",
     .complexity = "O(N + M log M) for M members of N",
     .syntax =
         "numkeys:integer key#0... [WEIGHTS weight:integer...] [AGGREGATE "
         "aggregate=(SUM|MIN|MAX|COUNT@8.8.0)] [withscores=WITHSCORES]"},
    {.name = "zinter",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclSortedset,
     .handler = zinter,
     .keys = {{.first = 2, .flags = "RO access", .numkeys_at = 1}},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Returns the intersection of sorted sets.",
     .complexity = "O(N K + M log M) for M members, N in the smallest of K sets",
     .syntax =
         "numkeys:integer key#0... [WEIGHTS weight:integer...] [AGGREGATE "
         "aggregate=(SUM|MIN|MAX|COUNT@8.8.0)] [withscores=WITHSCORES]"},
    {.name = "zdiff",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclSortedset,
     .handler = zdiff,
     .keys = {{.first = 2, .flags = "RO access", .numkeys_at = 1}},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Returns what other sorted sets lack of the first.",
     .complexity = "O(N K) for N members in the first of K sets",
     .syntax = "numkeys:integer key#0... [withscores=WITHSCORES]"},
    {.name = "zintercard",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclSortedset,
     .handler = zintercard,
     .keys = {{.first = 2, .flags = "RO access", .numkeys_at = 1}},
     .group = "sorted-set",
     .since = "7.0.0",
     .summary = "Counts the intersection of sorted sets.",
     .complexity = "O(N K) for N members in the smallest of K sets",
     .syntax = "numkeys:integer key#0... [LIMIT limit:integer]"},
    {.name = "zunionstore",
     .arity = -4,
     .flags = kWrite | kDenyOom | kMovableKeys | kLong,
     .acl = kAclSortedset,
     .handler = zunionstore,
     .keys = {key_at(1, "OW update"), {.first = 3, .flags = "RO access", .numkeys_at = 2}},
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Stores the union of sorted sets.",
     .complexity = "O(N + M log M) for M members of N",
     .syntax =
         "destination#0 numkeys:integer key#1... [WEIGHTS weight:integer...] [AGGREGATE "
         "aggregate=(SUM|MIN|MAX|COUNT@8.8.0)]"},
    {.name = "zinterstore",
     .arity = -4,
     .flags = kWrite | kDenyOom | kMovableKeys | kLong,
     .acl = kAclSortedset,
     .handler = zinterstore,
     .keys = {key_at(1, "OW update"), {.first = 3, .flags = "RO access", .numkeys_at = 2}},
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Stores the intersection of sorted sets.",
     .complexity = "O(N K + M log M) for M members, N in the smallest of K sets",
     .syntax =
         "destination#0 numkeys:integer key#1... [WEIGHTS weight:integer...] [AGGREGATE "
         "aggregate=(SUM|MIN|MAX|COUNT@8.8.0)]"},
    {.name = "zdiffstore",
     .arity = -4,
     .flags = kWrite | kDenyOom | kMovableKeys | kLong,
     .acl = kAclSortedset,
     .handler = zdiffstore,
     .keys = {key_at(1, "OW update"), {.first = 3, .flags = "RO access", .numkeys_at = 2}},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Stores what other sorted sets lack of the first.",
     .complexity = "O(N K) for N members in the first of K sets",
     .syntax = "destination#0 numkeys:integer key#1..."},
};

}  // namespace

std::span<const CommandRow> zset_combine_commands() {
  return kRows;
}

}  // namespace pollux
