// Sorted sets, what takes members out at an end: ZPOPMIN, ZPOPMAX, ZMPOP, and their sisters that
// wait until there is a member (BZPOPMIN, BZPOPMAX, BZMPOP).
#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "src/base/num.h"
#include "src/commands/blocking.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/commands/zset_args.h"

namespace pollux {

namespace {

RankRange range_at_end(const ZsetView& zset, int64_t count, bool max) {
  const uint64_t size = zset.size();
  const uint64_t n = std::min(static_cast<uint64_t>(count), size);
  return max ? RankRange{size - n, size} : RankRange{0, n};
}

// Elements of the range are replied; then they are erased.
void erase_popped(Context& ctx, Edit& edit, RankRange range, bool max) {
  ZsetEditor(edit, ctx.config.encoding).erase(range);
  finish_erase(edit, max ? KeyEvent::kZPopMax : KeyEvent::kZPopMin, range.size());
}

// Where the words name several keys, or wait.
void tell_popped(Context& ctx, size_t key_at, uint64_t count, bool max) {
  if (ctx.effects != nullptr) {
    ctx.effects->add({max ? "ZPOPMAX" : "ZPOPMIN", ctx.args[key_at], NumberText(count)});
  }
}

// --- of one key ---

void pop(Context& ctx, bool max) {
  if (ctx.args.size() > 3) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  const bool counted = ctx.args.size() == 3;
  int64_t count = 1;
  if (counted) {
    const auto parsed = parse_int64(ctx.args[2]);
    if (!parsed || *parsed < 0) {
      ctx.reply.error(error_text::kMustBePositive);
      return;
    }
    count = *parsed;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (!check_zset(ctx, edit.entry())) {
    return;
  }
  const ZsetView zset(edit.entry());
  const RankRange range = range_at_end(zset, count, max);
  if (range.size() == 0) {
    ctx.reply.array(0);
    return;
  }
  // Without a count the pair stands alone.
  const bool nested = counted && ctx.reply.protocol() == 3;
  ctx.reply.array(nested ? range.size() : 2 * range.size());
  zset.visit(range, max, [&](std::string_view member, double score) {
    if (nested) {
      ctx.reply.array(2);
    }
    ctx.reply.bulk(member);
    ctx.reply.real(score);
  });
  erase_popped(ctx, edit, range, max);
}

void zpopmin(Context& ctx) {
  pop(ctx, /*max=*/false);
}
void zpopmax(Context& ctx) {
  pop(ctx, /*max=*/true);
}

void pop_or_wait(Context& ctx, bool max) {
  pop_first_or_wait(ctx, ValueType::kZset, [&ctx, max](Edit& edit, size_t key_at) {
    if (!check_zset(ctx, edit.entry())) {
      return;
    }
    const ZsetView zset(edit.entry());
    const RankRange range = range_at_end(zset, 1, max);
    ctx.reply.array(3);
    ctx.reply.bulk(ctx.args[key_at]);
    zset.visit(range, max, [&](std::string_view member, double score) {
      ctx.reply.bulk(member);
      ctx.reply.real(score);
    });
    erase_popped(ctx, edit, range, max);
    tell_popped(ctx, key_at, 1, max);
  });
}

void bzpopmin(Context& ctx) {
  pop_or_wait(ctx, /*max=*/false);
}
void bzpopmax(Context& ctx) {
  pop_or_wait(ctx, /*max=*/true);
}

// --- of the first key of several ---

struct MpopOptions {
  size_t first = 0;  // argument
  size_t keys = 0;
  bool max = false;
  int64_t count = -1;
};

bool read_positive(Context& ctx, size_t index, int64_t& value, std::string_view sentence) {
  const auto parsed = parse_int64(ctx.args[index]);
  if (!parsed || *parsed < 1) {
    ctx.reply.error(sentence);
    return false;
  }
  value = *parsed;
  return true;
}

bool read_mpop(Context& ctx, size_t numkeys_at, MpopOptions& options) {
  int64_t keys = 0;
  if (!read_positive(ctx, numkeys_at, keys, "ERR numkeys should be greater than 0")) {
    return false;
  }
  options.first = numkeys_at + 1;
  const size_t count = ctx.args.size();
  if (static_cast<uint64_t>(keys) >= count - options.first) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  options.keys = static_cast<size_t>(keys);
  const size_t where = options.first + options.keys;
  options.max = is_word(ctx.args[where], "max");
  if (!options.max && !is_word(ctx.args[where], "min")) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  for (size_t i = where + 1; i < count; i += 2) {
    if (options.count != -1 || !is_word(ctx.args[i], "count") || i + 1 == count) {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
    if (!read_positive(ctx, i + 1, options.count, "ERR count should be greater than 0")) {
      return false;
    }
  }
  options.count = std::max<int64_t>(options.count, 1);
  return true;
}

// False, with nothing answered, if none of the keys is there.
bool pop_first(Context& ctx, const MpopOptions& options) {
  for (size_t i = options.first; i < options.first + options.keys; ++i) {
    if (!ctx.looks_at(i)) {
      continue;
    }
    Edit edit(ctx.keys, ctx.key(i));
    if (edit.entry() == nullptr) {
      continue;
    }
    if (!check_zset(ctx, edit.entry())) {
      return true;
    }
    const ZsetView zset(edit.entry());
    const RankRange range = range_at_end(zset, options.count, options.max);
    ctx.reply.array(2);
    ctx.reply.bulk(ctx.args[i]);
    ctx.reply.array(range.size());
    zset.visit(range, options.max, [&](std::string_view member, double score) {
      ctx.reply.array(2);
      ctx.reply.bulk(member);
      ctx.reply.real(score);
    });
    erase_popped(ctx, edit, range, options.max);
    tell_popped(ctx, i, range.size(), options.max);
    return true;
  }
  return false;
}

void zmpop(Context& ctx) {
  MpopOptions options;
  if (read_mpop(ctx, 1, options) && !pop_first(ctx, options)) {
    ctx.reply.null_array();
  }
}

void bzmpop(Context& ctx) {
  MpopOptions options;
  int64_t until_ms = 0;
  if (!read_mpop(ctx, 2, options) || !read_timeout(ctx, 1, until_ms) ||
      pop_first(ctx, options)) {
    return;
  }
  const Wait wait{.first_key = options.first,
                  .key_count = options.keys,
                  .type = ValueType::kZset,
                  .until_ms = until_ms};
  if (!ctx.host.wait(ctx, wait)) {
    ctx.reply.null_array();
  }
}

// --- the table ---

constexpr uint32_t kBlockingPop = kWrite | kNoScript | kBlocking | kFast;
constexpr std::string_view kOnePop = "O(log N)";
constexpr std::string_view kManyPops = "O(K + log N + M) for K keys and M members";
constexpr std::string_view kFractions = "6.0.0 `timeout` may have a fraction";

constexpr CommandRow kRows[] = {
    {.name = "zpopmin",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclSortedset,
     .handler = zpopmin,
     .keys = {key_at(1, "RW access delete")},
     .group = "sorted-set",
     .since = "5.0.0",
     .summary = "Takes out the members with the lowest scores.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 [count:integer]"},
    {.name = "zpopmax",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclSortedset,
     .handler = zpopmax,
     .keys = {key_at(1, "RW access delete")},
     .group = "sorted-set",
     .since = "5.0.0",
     .summary = "Takes out the members with the highest scores.",
     .complexity = "O(log N + M) for M members",
     .syntax = "key#0 [count:integer]"},
    {.name = "bzpopmin",
     .arity = -3,
     .flags = kBlockingPop,
     .acl = kAclSortedset,
     .handler = bzpopmin,
     .keys = {keys_from(1, -2, 1, "RW access delete")},
     .group = "sorted-set",
     .since = "5.0.0",
     .summary = "Takes out the member with the lowest score, and waits until there is one.",
     .complexity = kOnePop,
     .syntax = "key#0... timeout:double",
     .history = kFractions},
    {.name = "bzpopmax",
     .arity = -3,
     .flags = kBlockingPop,
     .acl = kAclSortedset,
     .handler = bzpopmax,
     .keys = {keys_from(1, -2, 1, "RW access delete")},
     .group = "sorted-set",
     .since = "5.0.0",
     .summary = "Takes out the member with the highest score, and waits until there is one.",
     .complexity = kOnePop,
     .syntax = "key#0... timeout:double",
     .history = kFractions},
    {.name = "zmpop",
     .arity = -4,
     .flags = kWrite | kMovableKeys,
     .acl = kAclSortedset,
     .handler = zmpop,
     .keys = {{.first = 2, .flags = "RW access delete", .numkeys_at = 1}},
     .group = "sorted-set",
     .since = "7.0.0",
     .summary = "Takes members out of the first sorted set that has any.",
     .complexity = kManyPops,
     .syntax = "numkeys:integer key#0... where=(MIN|MAX) [COUNT count:integer]"},
    {.name = "bzmpop",
     .arity = -5,
     .flags = kWrite | kMovableKeys | kBlocking,
     .acl = kAclSortedset,
     .handler = bzmpop,
     .keys = {{.first = 3, .flags = "RW access delete", .numkeys_at = 2}},
     .group = "sorted-set",
     .since = "7.0.0",
     .summary = "Takes members out of the first sorted set that has any, and waits for one.",
     .complexity = kManyPops,
     .syntax = "timeout:double numkeys:integer key#0... where=(MIN|MAX) [COUNT count:integer]"},
};

}  // namespace

std::span<const CommandRow> zset_pop_commands() {
  return kRows;
}

}  // namespace pollux
