// Sets, one at a time. Operations over several sets are in set_algebra.cc.
#include <algorithm>
#include <optional>
#include <vector>

#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/member_scan.h"
#include "src/commands/rows.h"
#include "src/data/set_value.h"

namespace pollux {

namespace {

// The set in args[1], empty if the key is absent; nothing, with WRONGTYPE answered, if it holds
// something else.
std::optional<SetView> find_set(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry != nullptr && !check_type(ctx, *entry, ValueType::kSet)) {
    return std::nullopt;
  }
  return SetView(entry);
}

bool is_set_or_absent(Context& ctx, const Edit& edit) {
  return edit.entry() == nullptr || check_type(ctx, *edit.entry(), ValueType::kSet);
}

// Behind the last change of a set by `event`, which has taken `erased` members.
void notify_and_drop_if_empty(Edit& edit, size_t members_left, KeyEvent event, uint64_t erased) {
  edit.notify(event, erased);
  if (members_left == 0) {
    edit.remove();
    edit.notify(KeyEvent::kDel, 0);
  }
}

// --- writing ---

void sadd(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (!is_set_or_absent(ctx, edit)) {
    return;
  }
  SetEditor set(edit, ctx.config.encoding);
  int64_t added = 0;
  for (const std::string_view member : ctx.args.subspan(2)) {
    added += set.add(SetMember(member)) ? 1 : 0;
  }
  if (added > 0) {
    edit.notify(KeyEvent::kSAdd, static_cast<uint64_t>(added));
  }
  ctx.reply.integer(added);
}

void srem(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (!is_set_or_absent(ctx, edit)) {
    return;
  }
  SetEditor set(edit, ctx.config.encoding);
  size_t left = set.size();
  int64_t erased = 0;
  for (size_t i = 2; i < ctx.args.size() && left > 0; ++i) {
    if (set.erase(SetMember(ctx.args[i]))) {
      ++erased;
      --left;
    }
  }
  if (erased > 0) {
    notify_and_drop_if_empty(edit, left, KeyEvent::kSRem, static_cast<uint64_t>(erased));
  }
  ctx.reply.integer(erased);
}

void smove(Context& ctx) {
  Edit from(ctx.keys, ctx.key(1));
  if (from.entry() == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  const SetMember member(ctx.args[3]);
  SetEditor source(from, ctx.config.encoding);
  if (ctx.args[1] == ctx.args[2]) {
    if (is_set_or_absent(ctx, from)) {
      ctx.reply.integer(source.view().contains(member) ? 1 : 0);
    }
    return;
  }
  Edit to(ctx.keys, Key::of(ctx.args[2]));
  if (!is_set_or_absent(ctx, from) || !is_set_or_absent(ctx, to)) {
    return;
  }
  if (!source.erase(member)) {
    ctx.reply.integer(0);
    return;
  }
  notify_and_drop_if_empty(from, source.size(), KeyEvent::kSRem, 1);
  if (SetEditor(to, ctx.config.encoding).add(member)) {
    to.notify(KeyEvent::kSAdd);
  }
  ctx.reply.integer(1);
}

void spop_one(Context& ctx, Edit& edit) {
  SetEditor set(edit, ctx.config.encoding);
  if (set.size() == 0) {
    ctx.reply.null();
    return;
  }
  const PackedValue chosen = set.view().random(ctx.rng);
  reply_packed(ctx.reply, chosen);
  if (ctx.effects != nullptr) {
    char scratch[kInt64TextMax];
    ctx.effects->add({"SREM", ctx.args[1], chosen.text(scratch)});
  }
  set.erase(SetMember(chosen));
  notify_and_drop_if_empty(edit, set.size(), KeyEvent::kSPop, 1);
}

void spop_many(Context& ctx, Edit& edit, uint64_t count) {
  SetEditor set(edit, ctx.config.encoding);
  const SetView view = set.view();
  if (count == 0 || view.size() == 0) {
    ctx.reply.set(0);
    return;
  }
  if (count >= view.size()) {
    ++ctx.keys.stats().hits;  // redis-server answers this one as it answers SUNION
    ctx.reply.set(view.size());
    view.for_each([&ctx](const PackedValue& member) {
      reply_packed(ctx.reply, member);
      return true;
    });
    const size_t erased = view.size();
    edit.remove();
    edit.notify(KeyEvent::kSPop, erased);
    edit.notify(KeyEvent::kDel, 0);
    if (ctx.effects != nullptr) {
      ctx.effects->add({"DEL", ctx.args[1]});
    }
    return;
  }
  ctx.reply.set(count);
  const std::vector<PackedValue> chosen = view.sample(count, ctx.rng);
  for (const PackedValue& member : chosen) {
    reply_packed(ctx.reply, member);
  }
  if (ctx.effects != nullptr) {
    EffectWords srem(*ctx.effects, {"SREM", ctx.args[1]});
    for (const PackedValue& member : chosen) {
      char scratch[kInt64TextMax];
      srem.word(member.text(scratch));
    }
  }
  set.erase_sample(chosen);
  edit.notify(KeyEvent::kSPop, count);
}

void spop(Context& ctx) {
  int64_t count = 0;
  if (ctx.args.size() > 3) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  const bool many = ctx.args.size() == 3;
  if (many) {
    if (!read_int64(ctx, 2, count, error_text::kMustBePositive)) {
      return;
    }
    if (count < 0) {
      ctx.reply.error(error_text::kMustBePositive);
      return;
    }
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (!is_set_or_absent(ctx, edit)) {
    return;
  }
  if (many) {
    spop_many(ctx, edit, static_cast<uint64_t>(count));
  } else {
    spop_one(ctx, edit);
  }
}

// --- reading ---

void sismember(Context& ctx) {
  if (const auto set = find_set(ctx)) {
    ctx.reply.integer(set->contains(SetMember(ctx.args[2])) ? 1 : 0);
  }
}

void smismember(Context& ctx) {
  if (const auto set = find_set(ctx)) {
    ctx.reply.array(ctx.args.size() - 2);
    for (const std::string_view member : ctx.args.subspan(2)) {
      ctx.reply.integer(set->contains(SetMember(member)) ? 1 : 0);
    }
  }
}

void scard(Context& ctx) {
  if (const auto set = find_set(ctx)) {
    ctx.reply.integer(static_cast<int64_t>(set->size()));
  }
}

void smembers(Context& ctx) {
  if (const auto set = find_set(ctx)) {
    ctx.reply.set(set->size());
    set->for_each([&ctx](const PackedValue& member) {
      reply_packed(ctx.reply, member);
      return true;
    });
  }
}

void reply_random_members(Context& ctx, const SetView& set, int64_t count) {
  const bool repeated = count < 0;
  uint64_t wanted = static_cast<uint64_t>(repeated ? -count : count);
  if (set.size() == 0) {
    wanted = 0;
  } else if (!repeated) {
    wanted = std::min<uint64_t>(wanted, set.size());
  } else if (wanted > static_cast<uint64_t>(kDrawsMax)) {
    ctx.reply.error("ERR value is out of range");
    return;
  }
  ctx.reply.array(wanted);
  const auto write = [&ctx](const PackedValue& member) {
    reply_packed(ctx.reply, member);
    return true;
  };
  if (wanted == 0) {
    return;
  }
  if (repeated) {
    set.draw(wanted, ctx.rng, write);
  } else if (wanted == set.size()) {
    set.for_each(write);
  } else {
    for (const PackedValue& member : set.sample(wanted, ctx.rng)) {
      write(member);
    }
  }
}

void srandmember(Context& ctx) {
  const bool many = ctx.args.size() > 2;
  int64_t count = 0;
  if (ctx.args.size() > 3) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  if (many && !read_draw_count(ctx, 2, count)) {
    return;
  }
  const auto set = find_set(ctx);
  if (!set) {
    return;
  }
  if (many) {
    reply_random_members(ctx, *set, count);
  } else if (set->size() == 0) {
    ctx.reply.null();
  } else {
    reply_packed(ctx.reply, set->random(ctx.rng));
  }
}

void sscan(Context& ctx) {
  MemberScan scan;
  const auto cursor = read_member_cursor(ctx);
  if (!cursor) {
    return;
  }
  const auto set = find_set(ctx);
  if (!set) {
    return;
  }
  std::vector<PackedValue> found;
  uint64_t next = 0;
  if (set->size() > 0) {
    if (!read_member_scan_options(ctx, scan)) {
      return;
    }
    next = set->scan(*cursor, scan.count, [&](const PackedValue& member) {
      if (passes(scan, member)) {
        found.push_back(member);
      }
    });
  }
  reply_member_scan(ctx, next, found);
}

constexpr uint32_t kReadFlags = kReadonly | kFast;

constexpr CommandRow kRows[] = {
    {.name = "sadd",
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclSet,
     .handler = sadd,
     .keys = {key_at(1, "RW insert")},
     .member_at = 2,
     .group = "set",
     .since = "1.0.0",
     .summary = "Adds members to a set.",
     .complexity = "O(N) for N members",
     .syntax = "key#0 member...",
     .history = "2.4.0 several members may be given"},
    {.name = "srem",
     .arity = -3,
     .flags = kWrite | kFast,
     .acl = kAclSet,
     .handler = srem,
     .keys = {key_at(1, "RW delete")},
     .member_at = 2,
     .group = "set",
     .since = "1.0.0",
     .summary = "Removes members from a set; without any left, the key goes.",
     .complexity = "O(N) for N members",
     .syntax = "key#0 member...",
     .history = "2.4.0 several members may be given"},
    {.name = "smove",
     .arity = 4,
     .flags = kWrite | kFast,
     .acl = kAclSet,
     .handler = smove,
     .keys = {key_at(1, "RW access delete"), key_at(2, "RW insert")},
     .group = "set",
     .since = "1.0.0",
     .summary = "Moves a member from one set to another.",
     .complexity = "O(1)",
     .syntax = "source#0 destination#1 member"},
    {.name = "spop",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclSet,
     .handler = spop,
     .keys = {key_at(1, "RW access delete")},
     .group = "set",
     .since = "1.0.0",
     .summary = "Takes members drawn by chance out of a set.",
     .complexity = "O(N) for N members drawn",
     .syntax = "key#0 [count:integer]@3.2.0",
     .tips = "nondeterministic_output",
     .history = "3.2.0 several members may be drawn"},
    {.name = "sismember",
     .arity = 3,
     .flags = kReadFlags,
     .acl = kAclSet,
     .handler = sismember,
     .keys = {key_at(1, "RO")},
     .member_at = 2,
     .group = "set",
     .since = "1.0.0",
     .summary = "Whether a set has a member.",
     .complexity = "O(1)",
     .syntax = "key#0 member"},
    {.name = "smismember",
     .arity = -3,
     .flags = kReadFlags,
     .acl = kAclSet,
     .handler = smismember,
     .keys = {key_at(1, "RO access")},
     .member_at = 2,
     .group = "set",
     .since = "6.2.0",
     .summary = "Which of these members a set has.",
     .complexity = "O(N) for N members",
     .syntax = "key#0 member..."},
    {.name = "scard",
     .arity = 2,
     .flags = kReadFlags,
     .acl = kAclSet,
     .handler = scard,
     .keys = {key_at(1, "RO")},
     .group = "set",
     .since = "1.0.0",
     .summary = "How many members a set has.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "smembers",
     .arity = 2,
     .flags = kReadonly,
     .acl = kAclSet,
     .handler = smembers,
     .keys = {key_at(1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "All members of a set.",
     .complexity = "O(N) for N members",
     .syntax = "key#0",
     .tips = "nondeterministic_output_order"},
    {.name = "srandmember",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclSet,
     .handler = srandmember,
     .keys = {key_at(1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "Members of a set, drawn by chance.",
     .complexity = "O(N) for N members drawn",
     .syntax = "key#0 [count:integer]@2.6.0",
     .tips = "nondeterministic_output",
     .history = "2.6.0 several members may be drawn"},
    {.name = "sscan",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclSet,
     .handler = sscan,
     .keys = {key_at(1, "RO access")},
     .group = "set",
     .since = "2.8.0",
     .summary = "Walks over the members of a set, some at a time.",
     .complexity = "O(1) a call, O(N) for a walk over N members",
     .syntax = "key#0 cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandRow> set_commands() {
  return kRows;
}

}  // namespace pollux
