// Lists, several keys: elements move from one list to another, or out of the first that has any.
//
// LMOVEM is Redis 8.10's, built from its documentation: the elements go as one block, which stands
// at the destination in the order of the source, or, one by one (OBO), as so many LMOVE would leave
// it: turned around if it is taken and put at the same end. That holds for one key as for two.
#include "src/commands/list_move.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include "src/commands/families.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

// A copy of an element that outlives changes of its list; the heap is used for long ones only.
class HeldElement {
 public:
  void hold(const PackedValue& value) {
    char scratch[kInt64TextMax];
    const std::string_view text = value.text(scratch);
    char* to = small_;
    if (text.size() > sizeof(small_)) {
      large_.reset(new char[text.size()]);
      to = large_.get();
    }
    std::memcpy(to, text.data(), text.size());
    text_ = {to, text.size()};
  }
  std::string_view text() const { return text_; }

 private:
  char small_[512];
  std::unique_ptr<char[]> large_;
  std::string_view text_;
};

// Number `i` of the block, in the order of the source, is this number of the source's elements.
uint64_t block_first(const ListMove& move, uint64_t size) {
  return move.from == ListEnd::kFront ? 0 : size - move.count;
}

// As in redis-server one that has waited is not counted.
uint64_t changes_of(const Context& ctx, const ListMove& move) {
  return ctx.ready_key == 0 ? move.count : 0;
}

// Within one list: the element that is pushed is dropped at its old place afterwards.
void move_inside(Context& ctx, Edit& edit, const ListMove& move) {
  ListEdit list(edit, ctx.config.encoding);
  const uint64_t size = list.size();
  HeldElement element;
  for (uint64_t i = 0; i < move.count; ++i) {
    // The block is taken from its end that comes to stand innermost.
    if (move.from != move.to) {
      element.hold(list.view().end_value(move.from));
      if (size > 1) {
        list.push(move.to, element.text());
        list.drop(move.from, 1);
      }
    } else if (move.turned() && i < move.count / 2) {
      // Swaps two elements of the block.
      const uint64_t first = block_first(move, size) + i;
      const uint64_t second = block_first(move, size) + move.count - 1 - i;
      element.hold(list.view().value(first));
      HeldElement other;
      other.hold(list.view().value(second));
      list.set(first, other.text());
      list.set(second, element.text());
    }
  }
  edit.notify(push_event(move.to), changes_of(ctx, move));
  edit.notify(pop_event(move.from), 0);
}

// The elements of the block, in the order in which they are pushed.
void move_between(Context& ctx, Edit& source, Edit& target, const ListMove& move) {
  ListEdit from(source, ctx.config.encoding);
  ListEdit to(target, ctx.config.encoding);
  const uint64_t first = block_first(move, from.size());
  // At the front the block is pushed from its last element on; turned, from its first.
  const bool forward = (move.to == ListEnd::kBack) != move.turned();
  uint64_t left = move.count;
  from.view().walk(forward ? first : first + move.count - 1,
                   forward ? ListEnd::kBack : ListEnd::kFront, [&](const PackedValue& value) {
                     char scratch[kInt64TextMax];
                     to.push(move.to, value.text(scratch));
                     return --left > 0;
                   });
  target.notify(push_event(move.to), changes_of(ctx, move));
  drop_elements(source, from, move.from, move.count, pop_event(move.from), 0);
}

// The block in the order in which it stands at the destination. Read there, it is at the end.
void reply_moved(Context& ctx, const Entry& target, const ListMove& move) {
  const ListView list(target);
  if (!move.many) {
    reply_element(ctx.reply, list.end_value(move.to));
    return;
  }
  ctx.reply.array(move.count);
  reply_elements(ctx.reply, list, move.to == ListEnd::kFront ? 0 : list.size() - move.count,
                 ListEnd::kBack, move.count);
}

// In words of redis-server 7.0, which moves one at a time: the elements themselves, and how many go
// where they were.
void tell_moved(Context& ctx, const Entry& target, const ListMove& move) {
  const std::string_view source = ctx.args[1];
  if (!move.many) {
    ctx.effects->add({"LMOVE", source, ctx.args[2], end_word(move.from), end_word(move.to)});
    return;
  }
  const ListView list(target);
  const bool front = move.to == ListEnd::kFront;
  if (source == ctx.args[2] && move.from == move.to) {
    ctx.effects->nothing();  // but that they may be turned around
    for (uint64_t i = 0; move.turned() && i < move.count; ++i) {
      const uint64_t index = block_first(move, list.size()) + i;
      char scratch[kInt64TextMax];
      ctx.effects->add({"LSET", source, NumberText(index), list.value(index).text(scratch)});
    }
    return;
  }
  {
    EffectWords push(*ctx.effects, {push_word(move.to), ctx.args[2]});
    uint64_t left = move.count;
    list.walk(front ? move.count - 1 : list.size() - move.count, move.to,
              [&](const PackedValue& value) {
                char scratch[kInt64TextMax];
                push.word(value.text(scratch));
                return --left > 0;
              });
  }
  ctx.effects->add({pop_word(move.from), source, NumberText(move.count)});
}

void finish_move(Context& ctx, const Entry& target, const ListMove& move) {
  reply_moved(ctx, target, move);
  if (ctx.effects != nullptr) {
    tell_moved(ctx, target, move);
  }
}

constexpr std::string_view kCountSentence = "ERR count should be greater than 0";

// A number of at least 1 in argument `index`; else `sentence` is answered.
bool read_positive(Context& ctx, size_t index, std::string_view sentence, uint64_t& value) {
  int64_t number = 0;
  if (!read_int64(ctx, index, number, sentence)) {
    return false;
  }
  if (number <= 0) {
    ctx.reply.error(sentence);
    return false;
  }
  value = static_cast<uint64_t>(number);
  return true;
}

}  // namespace

// --- what the blocking commands do, too ---

bool move_elements(Context& ctx, ListMove move) {
  Edit source(ctx.keys, ctx.key(1));
  if (source.entry() == nullptr) {
    return false;
  }
  if (!check_list(ctx, *source.entry())) {
    return true;
  }
  const uint64_t size = ListView(*source.entry()).size();
  const bool enough = !move.exactly || size >= move.count;
  move.count = std::min(move.count, size);
  if (ctx.args[1] == ctx.args[2]) {
    if (enough) {
      move_inside(ctx, source, move);
      finish_move(ctx, *source.entry(), move);
    }
    return enough;
  }
  Edit target(ctx.keys, ctx.key(2));
  if (target.entry() != nullptr && !check_list(ctx, *target.entry())) {
    return true;
  }
  if (enough) {
    move_between(ctx, source, target, move);
    finish_move(ctx, *target.entry(), move);
  }
  return enough;
}

bool read_how_many(Context& ctx, size_t first, ListMove& move) {
  if (ctx.args.size() == first) {
    return true;
  }
  const bool whole = ctx.args.size() == first + 3;
  move.exactly = is_word(ctx.args[first], "exactly");
  move.one_by_one = whole && is_word(ctx.args[first + 2], "obo");
  if (!whole || (!move.exactly && !is_word(ctx.args[first], "count")) ||
      (!move.one_by_one && !is_word(ctx.args[first + 2], "bulk"))) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  return read_positive(ctx, first + 1, kCountSentence, move.count);
}

bool read_list_pop(Context& ctx, size_t numkeys_at, ListPop& pop) {
  uint64_t keys = 0;
  if (!read_positive(ctx, numkeys_at, "ERR numkeys should be greater than 0", keys)) {
    return false;
  }
  pop.first = numkeys_at + 1;
  if (keys > ctx.args.size() || keys + pop.first >= ctx.args.size()) {
    ctx.reply.error(error_text::kSyntax);
    return false;
  }
  pop.keys = keys;
  const size_t options = pop.first + keys + 1;
  if (!read_list_end(ctx, options - 1, pop.end)) {
    return false;
  }
  for (size_t i = options; i < ctx.args.size(); i += 2) {
    if (i > options || !is_word(ctx.args[i], "count") || i + 1 >= ctx.args.size()) {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
    if (!read_positive(ctx, i + 1, kCountSentence, pop.count)) {
      return false;
    }
  }
  return true;
}

bool pop_first_list(Context& ctx, const ListPop& pop) {
  for (size_t i = pop.first; i < pop.first + pop.keys; ++i) {
    if (!ctx.looks_at(i)) {
      continue;
    }
    Edit edit(ctx.keys, ctx.key(i));
    if (edit.entry() == nullptr) {
      continue;
    }
    if (check_list(ctx, *edit.entry())) {
      ListEdit list(edit, ctx.config.encoding);
      ctx.reply.array(2);
      ctx.reply.bulk(ctx.args[i]);
      const uint64_t count = std::min(pop.count, list.size());
      pop_elements(ctx, edit, list, pop.end, count);
      if (ctx.effects != nullptr) {
        ctx.effects->add({pop_word(pop.end), ctx.args[i], NumberText(count)});
      }
    }
    return true;
  }
  return false;
}

namespace {

void move_now(Context& ctx, const ListMove& move) {
  if (!move_elements(ctx, move)) {
    reply_not_moved(ctx, move);
  }
}

void lmove(Context& ctx) {
  ListMove move;
  if (read_list_end(ctx, 3, move.from) && read_list_end(ctx, 4, move.to)) {
    move_now(ctx, move);
  }
}

void rpoplpush(Context& ctx) {
  move_now(ctx, {.from = ListEnd::kBack, .to = ListEnd::kFront});
}

void lmovem(Context& ctx) {
  ListMove move{.many = true};
  if (read_list_end(ctx, 3, move.from) && read_list_end(ctx, 4, move.to) &&
      read_how_many(ctx, 5, move)) {
    move_now(ctx, move);
  }
}

void lmpop(Context& ctx) {
  ListPop pop;
  if (read_list_pop(ctx, 1, pop) && !pop_first_list(ctx, pop)) {
    ctx.reply.null_array();
  }
}

// --- the table ---

constexpr KeySpec kSource = key_at(1, "RW access delete");
constexpr KeySpec kDestination = key_at(2, "RW insert");

constexpr CommandRow kRows[] = {
    {.name = "lmove",
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .acl = kAclList,
     .handler = lmove,
     .keys = {kSource, kDestination},
     .group = "list",
     .since = "6.2.0",
     .summary = "Moves an element from an end of one list to an end of another.",
     .complexity = "O(1)",
     .syntax = "source#0 destination#1 wherefrom=(LEFT|RIGHT) whereto=(LEFT|RIGHT)"},
    {.name = "rpoplpush",
     .arity = 3,
     .flags = kWrite | kDenyOom,
     .acl = kAclList,
     .handler = rpoplpush,
     .keys = {kSource, kDestination},
     .group = "list",
     .since = "1.2.0",
     .summary = "Moves the last element of one list before the first of another.",
     .complexity = "O(1)",
     .syntax = "source#0 destination#1",
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "lmovem",
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .acl = kAclList,
     .handler = lmovem,
     .keys = {kSource, kDestination},
     .group = "list",
     .since = "8.10.0",
     .summary = "Moves elements from an end of one list to an end of another.",
     .complexity = "O(N) where N is the number of elements",
     .syntax = "source#0 destination#1 wherefrom=(LEFT|RIGHT) whereto=(LEFT|RIGHT) "
               "how-many=[selector=(COUNT count:integer|EXACTLY exactly:integer) "
               "ordering=(OBO|BULK)]"},
    {.name = "lmpop",
     .arity = -4,
     .flags = kWrite | kMovableKeys,
     .acl = kAclList,
     .handler = lmpop,
     .keys = {{.first = 2, .last = -1, .flags = "RW access delete", .numkeys_at = 1}},
     .group = "list",
     .since = "7.0.0",
     .summary = "Takes elements out of the first of several lists that has any.",
     .complexity = "O(N+M) where N is the number of keys and M that of the elements",
     .syntax = "numkeys:integer key#0... where=(LEFT|RIGHT) [COUNT count:integer]"},
};

}  // namespace

std::span<const CommandRow> list_move_commands() {
  return kRows;
}

}  // namespace pollux
