// Sorted sets by member: ZADD and its kin, scores, ranks, ZRANDMEMBER, ZSCAN. Ranges are in
// zset_range.cc, what pops in zset_pop.cc, what combines several sets in zset_combine.cc.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <vector>

#include "src/commands/families.h"
#include "src/commands/member_scan.h"
#include "src/commands/rows.h"
#include "src/commands/zset_args.h"

namespace pollux {

namespace {

using Outcome = ZsetEditor::Outcome;

// --- ZADD, ZINCRBY, ZREM ---

bool read_add_options(Context& ctx, ZsetAddOptions& options) {
  ZsetEditor::Rules& rules = options.rules;
  size_t i = 2;
  for (; i < ctx.args.size(); ++i) {
    const std::string_view word = ctx.args[i];
    if (take_add_word(word, options)) {
      continue;
    }
    if (is_word(word, "incr")) {
      rules.increment = true;
    } else if (is_word(word, "gt")) {
      rules.only_greater = true;
    } else if (is_word(word, "lt")) {
      rules.only_less = true;
    } else {
      break;
    }
  }
  options.first = i;
  const size_t rest = ctx.args.size() - i;
  if (rest == 0 || rest % 2 != 0) {
    ctx.reply.error(error_text::kSyntax);
  } else if (rules.only_new && rules.only_old) {
    ctx.reply.error("ERR XX and NX options at the same time are not compatible");
  } else if ((rules.only_greater && (rules.only_new || rules.only_less)) ||
             (rules.only_less && rules.only_new)) {
    ctx.reply.error("ERR GT, LT, and/or NX options at the same time are not compatible");
  } else if (rules.increment && rest > 2) {
    ctx.reply.error("ERR INCR option supports a single increment-element pair");
  } else {
    return true;
  }
  return false;
}

// One score and member, with INCR.
void add_one(Context& ctx, size_t score_at, const ZsetEditor::Rules& rules) {
  double score = 0;
  if (!read_score(ctx, score_at, score)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (!check_zset(ctx, edit.entry())) {
    return;
  }
  ZsetEditor editor(edit, ctx.config.encoding);
  const auto added = editor.add(Key::of(ctx.args[score_at + 1]), score, rules);
  switch (added.outcome) {
    case Outcome::kNan:
      ctx.reply.error("ERR resulting score is not a number (NaN)");
      return;
    case Outcome::kRefused:
      ctx.reply.null();
      return;
    case Outcome::kAdded:
    case Outcome::kUpdated:
      edit.notify(KeyEvent::kZIncr);
      break;
    case Outcome::kSame:
      break;
  }
  ctx.reply.real(added.score);
}

void zadd(Context& ctx) {
  ZsetAddOptions options;
  if (!read_add_options(ctx, options)) {
    return;
  }
  if (options.rules.increment) {
    add_one(ctx, options.first, options.rules);
  } else {
    add_elements(ctx, options, 2, [&ctx](size_t index, double& score) {
      return read_score(ctx, index, score);
    });
  }
}

// ZADD with INCR and its options, of which there is no room for one before score and member.
void zincrby(Context& ctx) {
  ZsetAddOptions options;
  options.rules.increment = true;
  if (read_add_options(ctx, options)) {
    add_one(ctx, options.first, options.rules);
  }
}

void zrem(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (!check_zset(ctx, edit.entry())) {
    return;
  }
  ZsetEditor editor(edit, ctx.config.encoding);
  int64_t erased = 0;
  for (size_t i = 2; i < ctx.args.size(); ++i) {
    erased += editor.erase(Key::of(ctx.args[i])) ? 1 : 0;
  }
  if (erased > 0) {
    finish_erase(edit, KeyEvent::kZRem, static_cast<uint64_t>(erased));
  }
  ctx.reply.integer(erased);
}

// --- scores and ranks ---

void zcard(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (check_zset(ctx, entry)) {
    ctx.reply.integer(static_cast<int64_t>(ZsetView(entry).size()));
  }
}

void reply_score(Context& ctx, const std::optional<double>& score) {
  if (score) {
    ctx.reply.real(*score);
  } else {
    ctx.reply.null();
  }
}

void zscore(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (check_zset(ctx, entry)) {
    reply_score(ctx, ZsetView(entry).score(Key::of(ctx.args[2])));
  }
}

void zmscore(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  ctx.reply.array(ctx.args.size() - 2);
  for_each_score(ctx, ZsetView(entry), 2,
                 [&ctx](const std::optional<double>& score) { reply_score(ctx, score); });
}

// WITHSCORE is of 7.2; a server of 7.0 does not know it.
void reply_rank(Context& ctx, bool reverse) {
  const bool with_score = ctx.args.size() == 4 && is_word(ctx.args[3], "withscore");
  if (ctx.args.size() > 3 && !with_score) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  const ZsetView zset(entry);
  const auto ranked = zset.rank(Key::of(ctx.args[2]));
  if (!ranked) {
    if (with_score) {
      ctx.reply.null_array();
    } else {
      ctx.reply.null();
    }
    return;
  }
  const uint64_t rank = reverse ? zset.size() - 1 - ranked->rank : ranked->rank;
  if (with_score) {
    ctx.reply.array(2);
  }
  ctx.reply.integer(static_cast<int64_t>(rank));
  if (with_score) {
    ctx.reply.real(ranked->score);
  }
}

void zrank(Context& ctx) {
  reply_rank(ctx, /*reverse=*/false);
}
void zrevrank(Context& ctx) {
  reply_rank(ctx, /*reverse=*/true);
}

// --- ZRANDMEMBER ---
// Exactly uniform in both forms, because it draws ranks.

// `count` different ranks below `size`, each set of them with the same chance (Floyd 1987).
std::vector<uint64_t> draw_ranks(Rng& rng, uint64_t count, uint64_t size) {
  std::unordered_set<uint64_t> seen;
  std::vector<uint64_t> ranks;
  ranks.reserve(count);
  for (uint64_t top = size - count; top < size; ++top) {
    const uint64_t rank = rng.below(top + 1);
    ranks.push_back(seen.insert(rank).second ? rank : top);
    seen.insert(ranks.back());
  }
  return ranks;
}

void reply_random(Context& ctx, const ZsetView& zset, int64_t count, bool with_scores) {
  const auto reply = [&](std::string_view member, double score) {
    reply_element(ctx, member, score, with_scores);
  };
  const uint64_t size = zset.size();
  if (size == 0 || count == 0) {
    ctx.reply.array(0);
    return;
  }
  if (count < -kDrawsMax) {
    ctx.reply.error("ERR value is out of range");
    return;
  }
  if (count < 0) {
    reply_elements(ctx, static_cast<size_t>(-count), with_scores);
    for (; count < 0; ++count) {
      const uint64_t rank = ctx.rng.below(size);
      zset.visit({rank, rank + 1}, /*reverse=*/false, reply);
    }
    return;
  }
  const auto n = std::min(static_cast<uint64_t>(count), size);
  reply_elements(ctx, n, with_scores);
  if (n * 3 < size) {
    for (const uint64_t rank : draw_ranks(ctx.rng, n, size)) {
      zset.visit({rank, rank + 1}, /*reverse=*/false, reply);
    }
    return;
  }
  // Many of few: one walk that takes each with the chance (to take) / (to come).
  uint64_t to_take = n;
  uint64_t to_come = size;
  zset.visit({0, size}, /*reverse=*/true, [&](std::string_view member, double score) {
    if (ctx.rng.below(to_come--) < to_take) {
      --to_take;
      reply(member, score);
    }
  });
}

void zrandmember(Context& ctx) {
  const bool counted = ctx.args.size() > 2;
  const bool with_scores = ctx.args.size() > 3;
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  int64_t count = 0;
  if (counted) {
    if (!read_draw_count(ctx, 2, count)) {
      return;
    }
    if (ctx.args.size() > 4 || (with_scores && !is_word(ctx.args[3], "withscores"))) {
      ctx.reply.error(error_text::kSyntax);
      return;
    }
    if (with_scores && (count < -kMax / 2 || count > kMax / 2)) {
      ctx.reply.error("ERR value is out of range");
      return;
    }
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  const ZsetView zset(entry);
  if (counted) {
    reply_random(ctx, zset, count, with_scores);
  } else if (zset.empty()) {
    ctx.reply.null();
  } else {
    const uint64_t rank = ctx.rng.below(zset.size());
    zset.visit({rank, rank + 1}, /*reverse=*/false,
               [&](std::string_view member, double) { ctx.reply.bulk(member); });
  }
}

// --- ZSCAN ---

void zscan(Context& ctx) {
  const auto cursor = read_member_cursor(ctx);
  if (!cursor) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!check_zset(ctx, entry)) {
    return;
  }
  MemberScan options;
  if (entry != nullptr && !read_member_scan_options(ctx, options)) {
    return;
  }
  // The cursor and the number of elements come first, so the scan runs twice; it changes nothing.
  const ZsetView zset(entry);
  const auto scan = [&](auto visit) {
    return zset.scan(*cursor, options.count,
                     [&](std::string_view member, std::string_view score) {
                       if (passes(options, member)) {
                         visit(member, score);
                       }
                     });
  };
  size_t found = 0;
  const uint64_t next = scan([&](std::string_view, std::string_view) { ++found; });
  reply_member_scan(ctx, next, 2 * found);
  scan([&](std::string_view member, std::string_view score) {
    ctx.reply.bulk(member);
    ctx.reply.bulk(score);
  });
}

constexpr CommandRow kRows[] = {
    {.name = "zadd",
     .arity = -4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclSortedset,
     .handler = zadd,
     .keys = {key_at(1, "RW update")},
     .member_at = 3,
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Adds members with scores, or changes scores.",
     .complexity = "O(log N) a member",
     .syntax =
         "key#0 condition=[NX|XX]@3.0.2 comparison=[GT|LT]@6.2.0 [change=CH]@3.0.2 "
         "[increment=INCR]@3.0.2 score_member=(score:double member)...",
     .history =
         "2.4.0 several pairs may be given;3.0.2 XX, NX, CH and INCR came in;6.2.0 GT and "
         "LT came in"},
    {.name = "zincrby",
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclSortedset,
     .handler = zincrby,
     .keys = {key_at(1, "RW access update")},
     .member_at = 3,
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Adds to the score of a member.",
     .complexity = "O(log N)",
     .syntax = "key#0 increment:integer member"},
    {.name = "zrem",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclSortedset,
     .handler = zrem,
     .keys = {key_at(1, "RW delete")},
     .member_at = 2,
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Removes members.",
     .complexity = "O(log N) a member",
     .syntax = "key#0 member...",
     .history = "2.4.0 several members may be given"},
    {.name = "zcard",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclSortedset,
     .handler = zcard,
     .keys = {key_at(1, "RO")},
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Counts the members.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "zscore",
     .arity = 3,
     .flags = kReadonly | kFast,
     .acl = kAclSortedset,
     .handler = zscore,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Returns the score of a member.",
     .complexity = "O(1)",
     .syntax = "key#0 member"},
    {.name = "zmscore",
     .arity = -3,
     .flags = kReadonly | kFast,
     .acl = kAclSortedset,
     .handler = zmscore,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Returns the scores of members.",
     .complexity = "O(1) a member",
     .syntax = "key#0 member..."},
    {.name = "zrank",
     .arity = -3,
     .flags = kReadonly | kFast,
     .acl = kAclSortedset,
     .handler = zrank,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Tells how many members are before one.",
     .complexity = "O(log N)",
     .syntax = "key#0 member [withscore=WITHSCORE]@7.2.0"},
    {.name = "zrevrank",
     .arity = -3,
     .flags = kReadonly | kFast,
     .acl = kAclSortedset,
     .handler = zrevrank,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Tells how many members are behind one.",
     .complexity = "O(log N)",
     .syntax = "key#0 member [withscore=WITHSCORE]@7.2.0"},
    {.name = "zrandmember",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zrandmember,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Returns members drawn by lot.",
     .complexity = "O(log N) a member",
     .syntax = "key#0 options=[count:integer [withscores=WITHSCORES]]",
     .tips = "nondeterministic_output"},
    {.name = "zscan",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclSortedset,
     .handler = zscan,
     .keys = {key_at(1, "RO access")},
     .group = "sorted-set",
     .since = "2.8.0",
     .summary = "Walks over the members, some at a time.",
     .complexity = "O(1) a call, O(N) for a walk",
     .syntax = "key#0 cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandRow> zset_commands() {
  return kRows;
}

}  // namespace pollux
