// Ranges of sorted sets by rank, score and member: read, counted, stored, removed. Every form of
// ZRANGE becomes a RangeQuery, and that a RankRange.
#include <algorithm>
#include <cmath>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/zset_args.h"

namespace pollux {

namespace {

enum class By : uint8_t { kRank, kScore, kLex };

struct RangeQuery {
  By by = By::kRank;
  bool reverse = false;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t limit = -1;  // -1: none was given, or all
  int64_t start = 0;   // By::kRank
  int64_t end = 0;
  ScoreRange scores;
  LexRange members;
};

// What of it is open to options.
struct Openness {
  bool by_and_reverse = false;
  bool with_scores = true;
};

bool read_bounds(Context& ctx, size_t at, RangeQuery& query) {
  std::string_view min = ctx.args[at];
  std::string_view max = ctx.args[at + 1];
  if (query.reverse) {
    std::swap(min, max);
  }
  switch (query.by) {
    case By::kRank:
      return read_int64(ctx, at, query.start) && read_int64(ctx, at + 1, query.end);
    case By::kScore:
      return read_score_range(ctx, min, max, query.scores);
    case By::kLex:
      return read_lex_range(ctx, min, max, query.members);
  }
  return false;
}

// Bounds in arguments `at` and `at` + 1, options behind.
bool read_query(Context& ctx, size_t at, Openness open, RangeQuery& query) {
  const bool fixed = !open.by_and_reverse;
  const size_t count = ctx.args.size();
  bool by_is_free = !fixed;
  for (size_t i = at + 2; i < count; ++i) {
    const std::string_view word = ctx.args[i];
    if (open.with_scores && is_word(word, "withscores")) {
      query.with_scores = true;
    } else if (is_word(word, "limit") && count - i > 2) {
      if (!read_int64(ctx, i + 1, query.offset) || !read_int64(ctx, i + 2, query.limit)) {
        return false;
      }
      i += 2;
    } else if (!fixed && !query.reverse && is_word(word, "rev")) {
      query.reverse = true;
    } else if (by_is_free && is_word(word, "bylex")) {
      query.by = By::kLex;
      by_is_free = false;
    } else if (by_is_free && is_word(word, "byscore")) {
      query.by = By::kScore;
      by_is_free = false;
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  if (query.limit != -1 && query.by == By::kRank) {
    ctx.reply.error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE "
                    "or BYLEX");
    return false;
  }
  if (query.with_scores && query.by == By::kLex) {
    ctx.reply.error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  return read_bounds(ctx, at, query);
}

// What LIMIT leaves of a range.
RankRange limited(RankRange range, const RangeQuery& query) {
  if (query.offset < 0) {
    return {};
  }
  const uint64_t skip = std::min(static_cast<uint64_t>(query.offset), range.size());
  const uint64_t rest = range.size() - skip;
  const uint64_t n = query.limit < 0 ? rest : std::min(static_cast<uint64_t>(query.limit), rest);
  if (query.reverse) {
    return {range.end - skip - n, range.end - skip};
  }
  return {range.first + skip, range.first + skip + n};
}

RankRange find_range(const ZsetView& zset, const RangeQuery& query) {
  switch (query.by) {
    case By::kRank: {
      const RankRange range = zset.range(query.start, query.end);
      return query.reverse ? RankRange{zset.size() - range.end, zset.size() - range.first} : range;
    }
    case By::kScore:
      return limited(zset.range(query.scores), query);
    case By::kLex:
      return limited(zset.range(query.members), query);
  }
  return {};
}

void reply_range(Context& ctx, Openness open, RangeQuery query) {
  if (!read_query(ctx, 2, open, query)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  const ZsetView zset(entry);
  const RankRange range = find_range(zset, query);
  reply_elements(ctx, range.size(), query.with_scores);
  zset.visit(range, query.reverse, [&](std::string_view member, double score) {
    reply_element(ctx, member, score, query.with_scores);
  });
}

void zrange(Context& ctx) {
  reply_range(ctx, {.by_and_reverse = true}, {});
}
void zrevrange(Context& ctx) {
  reply_range(ctx, {}, {.reverse = true});
}
void zrangebyscore(Context& ctx) {
  reply_range(ctx, {}, {.by = By::kScore});
}
void zrevrangebyscore(Context& ctx) {
  reply_range(ctx, {}, {.by = By::kScore, .reverse = true});
}
void zrangebylex(Context& ctx) {
  reply_range(ctx, {}, {.by = By::kLex});
}
void zrevrangebylex(Context& ctx) {
  reply_range(ctx, {}, {.by = By::kLex, .reverse = true});
}

// Where the scores differ, which members are between two by name is another matter in each form.
bool is_vague(const ZsetView& zset, By by) {
  if (by != By::kLex || zset.empty()) {
    return false;
  }
  double first = 0;
  double last = 0;
  zset.visit({0, 1}, false, [&](std::string_view, double score) { first = score; });
  zset.visit({zset.size() - 1, zset.size()}, false,
             [&](std::string_view, double score) { last = score; });
  return first != last;
}

// A score of -0 loses its sign in redis-server's listpacks. There, what is stored goes into one
// until something comes that does not fit, in the order in which it is found; a range of ranks that
// has too many goes elsewhere from the start.
void drop_signs(const RangeQuery& query, const EncodingLimits& limits, std::span<ZsetItem> items) {
  const auto most = static_cast<size_t>(std::max<int64_t>(limits.zset_listpack_entries, 0));
  if (query.by == By::kRank && items.size() > most) {
    return;
  }
  for (size_t i = 0; i < std::min(items.size(), most); ++i) {
    ZsetItem& item = items[query.reverse ? items.size() - 1 - i : i];
    if (std::cmp_greater(item.member.size(), limits.zset_listpack_value)) {
      return;
    }
    item.score += 0.0;
  }
}

// What is stored, as the elements themselves. Requires that it isn't yet.
void tell_stored(Context& ctx, std::span<const ZsetItem> items) {
  const std::string_view key = ctx.args[1];
  if (ctx.keys.peek(Key::of(key)) != nullptr) {
    ctx.effects->add({"DEL", key});
  }
  EffectWords zadd(*ctx.effects, {"ZADD", key});
  for (const ZsetItem& item : items) {
    zadd.word(NumberText(item.score));
    zadd.word(item.member);
  }
}

void zrangestore(Context& ctx) {
  RangeQuery query;
  if (!read_query(ctx, 3, {.by_and_reverse = true, .with_scores = false}, query)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(2));
  if (!check_zset(ctx, entry)) {
    return;
  }
  const ZsetView zset(entry);
  const RankRange range = find_range(zset, query);
  std::vector<ZsetItem> items;
  items.reserve(range.size());
  ZsetItems texts;
  zset.visit(range, /*reverse=*/false, [&](std::string_view member, double score) {
    items.push_back({texts.keep(zset.is_large(), member), score});
  });
  const bool signs = std::any_of(items.begin(), items.end(), [](const ZsetItem& item) {
    return item.score == 0 && std::signbit(item.score);
  });
  drop_signs(query, ctx.config.encoding, items);
  if (ctx.effects != nullptr && (signs || is_vague(zset, query.by))) {
    tell_stored(ctx, items);
  }
  store_items(ctx, 1, items, KeyEvent::kZRangeStore);
}

void reply_count(Context& ctx, const RangeQuery& query) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (check_zset(ctx, entry)) {
    ctx.reply.integer(static_cast<int64_t>(find_range(ZsetView(entry), query).size()));
  }
}

void zcount(Context& ctx) {
  RangeQuery query{.by = By::kScore};
  if (read_bounds(ctx, 2, query)) {
    reply_count(ctx, query);
  }
}
void zlexcount(Context& ctx) {
  RangeQuery query{.by = By::kLex};
  if (read_bounds(ctx, 2, query)) {
    reply_count(ctx, query);
  }
}

void remove_range(Context& ctx, By by, KeyEvent event) {
  RangeQuery query{.by = by};
  if (!read_bounds(ctx, 2, query)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (!check_zset(ctx, edit.entry())) {
    return;
  }
  const ZsetView zset(edit.entry());
  const RankRange range = find_range(zset, query);
  if (range.size() > 0) {
    if (ctx.effects != nullptr && is_vague(zset, by)) {
      ctx.effects->add({"ZREMRANGEBYRANK", ctx.args[1], NumberText(range.first),
                        NumberText(range.end - 1)});
    }
    ZsetEditor(edit, ctx.config.encoding).erase(range);
    finish_erase(edit, event, range.size());
  }
  ctx.reply.integer(static_cast<int64_t>(range.size()));
}

void zremrangebyrank(Context& ctx) {
  remove_range(ctx, By::kRank, KeyEvent::kZRemRangeByRank);
}
void zremrangebyscore(Context& ctx) {
  remove_range(ctx, By::kScore, KeyEvent::kZRemRangeByScore);
}
void zremrangebylex(Context& ctx) {
  remove_range(ctx, By::kLex, KeyEvent::kZRemRangeByLex);
}

constexpr CommandRow kRows[] = {
    {.name = "zcount",
     .arity = 4,
     .flags = kReadonly | kFast,
     .acl = kAclSortedset,
     .handler = zcount,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Counts the members with scores in a range.",
     .complexity = "O(log N)",
     .syntax = "key#0 min:double max:double"},
    {.name = "zlexcount",
     .arity = 4,
     .flags = kReadonly | kFast,
     .acl = kAclSortedset,
     .handler = zlexcount,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "Counts the members in a range of names.",
     .complexity = "O(log N)",
     .syntax = "key#0 min max"},
    {.name = "zrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zrange,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Returns a range of members.",
     .complexity = "O(log N + M) for M members",
     .syntax =
         "key#0 start stop sortby=[BYSCORE|BYLEX]@6.2.0 [rev=REV]@6.2.0 [LIMIT "
         "offset_count=(offset:integer count:integer)]@6.2.0 [withscores=WITHSCORES]",
     .history = "6.2.0 REV, BYSCORE, BYLEX and LIMIT came in"},
    {.name = "zrevrange",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zrevrange,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Returns a range of members, the last first.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 start:integer stop:integer [withscores=WITHSCORES]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` argument"},
    {.name = "zrangebyscore",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zrangebyscore,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "1.0.5",
     .summary = "Returns the members with scores in a range.",
     .complexity = "O(log N + M) for M members",
     .syntax =
         "key#0 min:double max:double [withscores=WITHSCORES]@2.0.0 [LIMIT "
         "offset_count=(offset:integer count:integer)]",
     .history = "2.0.0 WITHSCORES came in",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument"},
    {.name = "zrevrangebyscore",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zrevrangebyscore,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "2.2.0",
     .summary = "Returns the members with scores in a range, the last first.",
     .complexity = "O(log N + M) for M members",
     .syntax =
         "key#0 max:double min:double [withscores=WITHSCORES] [LIMIT "
         "offset_count=(offset:integer count:integer)]",
     .history = "2.1.6 bounds may be exclusive",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
    {.name = "zrangebylex",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zrangebylex,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "Returns the members in a range of names.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 min max [LIMIT offset_count=(offset:integer count:integer)]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument"},
    {.name = "zrevrangebylex",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zrevrangebylex,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "Returns the members in a range of names, the last first.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 max min [LIMIT offset_count=(offset:integer count:integer)]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments"},
    {.name = "zrangestore",
     .arity = -5,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclSortedset,
     .handler = zrangestore,
     .keys = {key_at(1, "OW update"), key_at(2, "RO access")},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Stores a range of members in a key.",
     .complexity = "O(log N + M) for M members",
     .syntax =
         "dst#0 src#1 min max sortby=[BYSCORE|BYLEX] [rev=REV] [LIMIT "
         "offset_count=(offset:integer count:integer)]"},
    {.name = "zremrangebyrank",
     .arity = 4,
     .flags = kWrite | kLong,
     .acl = kAclSortedset,
     .handler = zremrangebyrank,
     .keys = {key_at(1, "RW delete")},
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Removes a range of ranks.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 start:integer stop:integer"},
    {.name = "zremrangebyscore",
     .arity = 4,
     .flags = kWrite | kLong,
     .acl = kAclSortedset,
     .handler = zremrangebyscore,
     .keys = {key_at(1, "RW delete")},
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Removes a range of scores.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 min:double max:double"},
    {.name = "zremrangebylex",
     .arity = 4,
     .flags = kWrite | kLong,
     .acl = kAclSortedset,
     .handler = zremrangebylex,
     .keys = {key_at(1, "RW delete")},
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "Removes a range of names.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 min max"},
};

}  // namespace

std::span<const CommandRow> zset_range_commands() {
  return kRows;
}

}  // namespace pollux
