// Lists, the commands that wait until there is an element: BLPOP and its kin. What they do once
// there is one is what their sisters do that don't wait. (How they wait is the engine's.)
#include <span>

#include "src/commands/blocking.h"
#include "src/commands/families.h"
#include "src/commands/list_move.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

void pop_or_wait(Context& ctx, ListEnd end) {
  pop_first_or_wait(ctx, ValueType::kList, [&ctx, end](Edit& edit, size_t key_at) {
    if (!check_list(ctx, *edit.entry())) {
      return;
    }
    ListEdit list(edit, ctx.config.encoding);
    ctx.reply.array(2);
    ctx.reply.bulk(ctx.args[key_at]);
    reply_element(ctx.reply, list.view().end_value(end));
    // As in redis-server one that has waited is not counted.
    drop_elements(edit, list, end, 1, pop_event(end), ctx.ready_key == 0 ? 1 : 0);
    if (ctx.effects != nullptr) {
      ctx.effects->add({pop_word(end), ctx.args[key_at]});
    }
  });
}

void blpop(Context& ctx) {
  pop_or_wait(ctx, ListEnd::kFront);
}
void brpop(Context& ctx) {
  pop_or_wait(ctx, ListEnd::kBack);
}

void blmpop(Context& ctx) {
  int64_t until_ms = 0;
  ListPop pop;
  if (!read_list_pop(ctx, 2, pop) || !read_timeout(ctx, 1, until_ms) ||
      pop_first_list(ctx, pop)) {
    return;
  }
  const Wait wait{.first_key = pop.first, .key_count = pop.keys, .until_ms = until_ms};
  if (!ctx.host.wait(ctx, wait)) {
    ctx.reply.null_array();
  }
}

void move_or_wait(Context& ctx, const ListMove& move, int64_t until_ms) {
  if (move_elements(ctx, move)) {
    return;
  }
  const Wait wait{.first_key = 1, .key_count = 1, .target = 2, .until_ms = until_ms};
  if (!ctx.host.wait(ctx, wait)) {
    reply_not_moved(ctx, move);
  }
}

void blmove(Context& ctx) {
  ListMove move;
  int64_t until_ms = 0;
  if (read_list_end(ctx, 3, move.from) && read_list_end(ctx, 4, move.to) &&
      read_timeout(ctx, 5, until_ms)) {
    move_or_wait(ctx, move, until_ms);
  }
}

void brpoplpush(Context& ctx) {
  int64_t until_ms = 0;
  if (read_timeout(ctx, 3, until_ms)) {
    move_or_wait(ctx, {.from = ListEnd::kBack, .to = ListEnd::kFront}, until_ms);
  }
}

void blmovem(Context& ctx) {
  ListMove move{.many = true};
  int64_t until_ms = 0;
  if (read_list_end(ctx, 3, move.from) && read_list_end(ctx, 4, move.to) &&
      read_timeout(ctx, 5, until_ms) && read_how_many(ctx, 6, move)) {
    move_or_wait(ctx, move, until_ms);
  }
}

// --- the table ---

constexpr KeySpec kSource = key_at(1, "RW access delete");
constexpr KeySpec kDestination = key_at(2, "RW insert");
constexpr std::string_view kPopComplexity = "O(N) where N is the number of keys";
constexpr std::string_view kPopHistory = "6.0.0 `timeout` may have a fraction";

constexpr CommandRow kRows[] = {
    {.name = "blpop",
     .arity = -3,
     .flags = kWrite | kNoScript | kBlocking,
     .acl = kAclList,
     .handler = blpop,
     .keys = {keys_from(1, -2, 1, "RW access delete")},
     .group = "list",
     .since = "2.0.0",
     .summary = "Takes the first element out of a list, and waits until there is one.",
     .complexity = kPopComplexity,
     .syntax = "key#0... timeout:double",
     .history = kPopHistory},
    {.name = "brpop",
     .arity = -3,
     .flags = kWrite | kNoScript | kBlocking,
     .acl = kAclList,
     .handler = brpop,
     .keys = {keys_from(1, -2, 1, "RW access delete")},
     .group = "list",
     .since = "2.0.0",
     .summary = "Takes the last element out of a list, and waits until there is one.",
     .complexity = kPopComplexity,
     .syntax = "key#0... timeout:double",
     .history = kPopHistory},
    {.name = "blmpop",
     .arity = -5,
     .flags = kWrite | kBlocking | kMovableKeys,
     .acl = kAclList,
     .handler = blmpop,
     .keys = {{.first = 3, .last = -1, .flags = "RW access delete", .numkeys_at = 2}},
     .group = "list",
     .since = "7.0.0",
     .summary = "Takes elements out of the first of several lists, and waits until there are any.",
     .complexity = "O(N+M) where N is the number of keys and M that of the elements",
     .syntax = "timeout:double numkeys:integer key#0... where=(LEFT|RIGHT) [COUNT count:integer]"},
    {.name = "blmove",
     .arity = 6,
     .flags = kWrite | kDenyOom | kNoScript | kBlocking,
     .acl = kAclList,
     .handler = blmove,
     .keys = {kSource, kDestination},
     .group = "list",
     .since = "6.2.0",
     .summary = "Moves an element from list to list, and waits until there is one.",
     .complexity = "O(1)",
     .syntax = "source#0 destination#1 wherefrom=(LEFT|RIGHT) whereto=(LEFT|RIGHT) "
               "timeout:double"},
    {.name = "brpoplpush",
     .arity = 4,
     .flags = kWrite | kDenyOom | kNoScript | kBlocking,
     .acl = kAclList,
     .handler = brpoplpush,
     .keys = {kSource, kDestination},
     .group = "list",
     .since = "2.2.0",
     .summary = "Moves the last element of a list before the first of another, and waits until "
                "there is one.",
     .complexity = "O(1)",
     .syntax = "source#0 destination#1 timeout:double",
     .history = kPopHistory,
     .deprecated_since = "6.2.0",
     .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "blmovem",
     .arity = -6,
     .flags = kWrite | kDenyOom | kNoScript | kBlocking,
     .acl = kAclList,
     .handler = blmovem,
     .keys = {kSource, kDestination},
     .group = "list",
     .since = "8.10.0",
     .summary = "Moves elements from list to list, and waits until there are enough.",
     .complexity = "O(N) where N is the number of elements",
     .syntax = "source#0 destination#1 wherefrom=(LEFT|RIGHT) whereto=(LEFT|RIGHT) "
               "timeout:double how-many=[selector=(COUNT count:integer|EXACTLY exactly:integer) "
               "ordering=(OBO|BULK)]"},
};

}  // namespace

std::span<const CommandRow> list_block_commands() {
  return kRows;
}

}  // namespace pollux
