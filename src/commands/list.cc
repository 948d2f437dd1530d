// Lists, one key each. (Several keys: list_move.cc.)
#include <algorithm>
#include <limits>
#include <span>

#include "src/commands/families.h"
#include "src/commands/list_args.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

// The elements that `start` to `end` (inclusive, negative ones count from the end) name of `size`.
// False if there are none; an end before the first element names none.
bool list_range(int64_t start, int64_t end, uint64_t size, uint64_t& first, uint64_t& count) {
  const auto length = static_cast<int64_t>(size);
  start = std::max<int64_t>(start < 0 ? start + length : start, 0);
  end = std::min(end < 0 ? end + length : end, length - 1);
  if (start > end) {
    return false;
  }
  first = static_cast<uint64_t>(start);
  count = static_cast<uint64_t>(end - start) + 1;
  return true;
}

// The element that a client's number names; false if there is none.
bool list_index(int64_t index, uint64_t size, uint64_t& found) {
  const auto length = static_cast<int64_t>(size);
  index = index < 0 ? index + length : index;
  found = static_cast<uint64_t>(index);
  return index >= 0 && index < length;
}

// --- at the ends ---

void push(Context& ctx, ListEnd end, bool only_present) {
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() != nullptr) {
    if (!check_list(ctx, *edit.entry())) {
      return;
    }
  } else if (only_present) {
    ctx.reply.integer(0);
    return;
  }
  ListEdit list(edit, ctx.config.encoding);
  list.push(end, ctx.args.subspan(2));
  edit.notify(push_event(end), ctx.args.size() - 2);
  ctx.reply.integer(static_cast<int64_t>(list.size()));
}

void lpush(Context& ctx) {
  push(ctx, ListEnd::kFront, /*only_present=*/false);
}
void rpush(Context& ctx) {
  push(ctx, ListEnd::kBack, /*only_present=*/false);
}
void lpushx(Context& ctx) {
  push(ctx, ListEnd::kFront, /*only_present=*/true);
}
void rpushx(Context& ctx) {
  push(ctx, ListEnd::kBack, /*only_present=*/true);
}

void pop(Context& ctx, ListEnd end) {
  if (ctx.args.size() > 3) {
    reply_error_quoting(ctx.reply, "ERR wrong number of arguments for '", ctx.row.name,
                        "' command");
    return;
  }
  const bool counted = ctx.args.size() == 3;
  int64_t count = 1;
  if (counted) {
    if (!read_int64(ctx, 2, count, error_text::kMustBePositive)) {
      return;
    }
    if (count < 0) {
      ctx.reply.error(error_text::kMustBePositive);
      return;
    }
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    counted ? ctx.reply.null_array() : ctx.reply.null();
    return;
  }
  if (!check_list(ctx, *edit.entry())) {
    return;
  }
  ListEdit list(edit, ctx.config.encoding);
  if (counted) {
    pop_elements(ctx, edit, list, end, std::min(static_cast<uint64_t>(count), list.size()));
    return;
  }
  reply_element(ctx.reply, list.view().end_value(end));
  drop_elements(edit, list, end, 1, pop_event(end), 1);
}

void lpop(Context& ctx) {
  pop(ctx, ListEnd::kFront);
}
void rpop(Context& ctx) {
  pop(ctx, ListEnd::kBack);
}

// --- reading ---

void llen(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.integer(0);
  } else if (check_list(ctx, *entry)) {
    ctx.reply.integer(static_cast<int64_t>(ListView(*entry).size()));
  }
}

void lindex(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.null();
    return;
  }
  int64_t index = 0;
  if (!check_list(ctx, *entry) || !read_int64(ctx, 2, index)) {
    return;
  }
  const ListView list(*entry);
  uint64_t at = 0;
  if (list_index(index, list.size(), at)) {
    reply_element(ctx.reply, list.value(at));
  } else {
    ctx.reply.null();
  }
}

void lrange(Context& ctx) {
  int64_t start = 0;
  int64_t end = 0;
  if (!read_int64(ctx, 2, start) || !read_int64(ctx, 3, end)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.array(0);
    return;
  }
  if (!check_list(ctx, *entry)) {
    return;
  }
  const ListView list(*entry);
  uint64_t first = 0;
  uint64_t count = 0;
  list_range(start, end, list.size(), first, count);
  ctx.reply.array(count);
  reply_elements(ctx.reply, list, first, ListEnd::kBack, count);
}

// --- LPOS ---

struct Search {
  uint64_t rank = 1;  // the first match that counts
  ListEnd from = ListEnd::kFront;
  bool counted = false;
  bool bounded = true;  // by count
  uint64_t count = 1;  // matches that are answered; 0: all
  uint64_t visit_max = 0;  // 0: all elements
};

bool read_not_negative(Context& ctx, size_t index, std::string_view sentence, uint64_t& value) {
  int64_t number = 0;
  if (!read_int64(ctx, index, number, sentence)) {
    return false;
  }
  if (number < 0) {
    ctx.reply.error(sentence);
    return false;
  }
  value = static_cast<uint64_t>(number);
  return true;
}

bool read_rank(Context& ctx, size_t index, Search& search) {
  int64_t rank = 0;
  if (!read_int64(ctx, index, rank)) {
    return false;
  }
  if (rank == 0) {
    ctx.reply.error(
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
        "negative to start from the end of the list");
    return false;
  }
  search.from = rank < 0 ? ListEnd::kBack : ListEnd::kFront;
  // The smallest number has no opposite; redis-server takes it for -1, and answers all matches
  // whatever COUNT says.
  search.bounded = rank != std::numeric_limits<int64_t>::min();
  search.rank = !search.bounded ? 1 : static_cast<uint64_t>(rank < 0 ? -rank : rank);
  return true;
}

bool read_search(Context& ctx, Search& search) {
  for (size_t i = 3; i < ctx.args.size(); i += 2) {
    const std::string_view word = ctx.args[i];
    const bool more = i + 1 < ctx.args.size();
    bool good = true;
    if (is_word(word, "rank") && more) {
      good = read_rank(ctx, i + 1, search);
    } else if (is_word(word, "count") && more) {
      search.counted = true;
      good = read_not_negative(ctx, i + 1, "ERR COUNT can't be negative", search.count);
    } else if (is_word(word, "maxlen") && more) {
      good = read_not_negative(ctx, i + 1, "ERR MAXLEN can't be negative", search.visit_max);
    } else {
      ctx.reply.error(error_text::kSyntax);
      good = false;
    }
    if (!good) {
      return false;
    }
  }
  return true;
}

// Calls found(index) for each match that counts; returns how many there were.
template <typename Found>
uint64_t search_list(const ListView& list, const PackedNeedle& needle, const Search& search,
                     Found found) {
  const uint64_t size = list.size();
  const bool forward = search.from == ListEnd::kFront;
  uint64_t visited = 0;
  uint64_t matches = 0;
  uint64_t answered = 0;
  list.walk(forward ? 0 : size - 1, other_end(search.from), [&](const PackedValue& value) {
    if (needle.matches(value) && ++matches >= search.rank) {
      found(forward ? visited : size - 1 - visited);
      if (++answered == search.count) {
        return false;
      }
    }
    return ++visited != search.visit_max;
  });
  return answered;
}

void lpos(Context& ctx) {
  Search search;
  if (!read_search(ctx, search)) {
    return;
  }
  if (search.counted && !search.bounded) {
    search.count = 0;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    search.counted ? ctx.reply.array(0) : ctx.reply.null();
    return;
  }
  if (!check_list(ctx, *entry)) {
    return;
  }
  const ListView list(*entry);
  const PackedNeedle needle(ctx.args[2]);
  if (search.counted) {
    // Twice: the number of them stands before the first, and there may be millions.
    ctx.reply.array(search_list(list, needle, search, [](uint64_t /*index*/) {}));
  }
  const uint64_t found = search_list(list, needle, search, [&](uint64_t index) {
    ctx.reply.integer(static_cast<int64_t>(index));
  });
  if (!search.counted && found == 0) {
    ctx.reply.null();
  }
}

// --- changes inside ---

void lset(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.error(error_text::kNoSuchKey);
    return;
  }
  int64_t index = 0;
  if (!check_list(ctx, *edit.entry()) || !read_int64(ctx, 2, index)) {
    return;
  }
  ListEdit list(edit, ctx.config.encoding);
  uint64_t at = 0;
  if (!list_index(index, list.size(), at)) {
    ctx.reply.error(error_text::kOutOfRange);
    return;
  }
  list.set(at, ctx.args[3]);
  edit.notify(KeyEvent::kLSet);
  ctx.reply.ok();
}

void linsert(Context& ctx) {
  const bool after = is_word(ctx.args[2], "after");
  if (!after && !is_word(ctx.args[2], "before")) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  if (!check_list(ctx, *edit.entry())) {
    return;
  }
  ListEdit list(edit, ctx.config.encoding);
  uint64_t at = 0;
  if (search_list(list.view(), PackedNeedle(ctx.args[3]), Search{},
                  [&](uint64_t index) { at = index; }) == 0) {
    ctx.reply.integer(-1);
    return;
  }
  list.insert(after ? at + 1 : at, ctx.args[4]);
  edit.notify(KeyEvent::kLInsert);
  ctx.reply.integer(static_cast<int64_t>(list.size()));
}

void lrem(Context& ctx) {
  int64_t count = 0;
  if (!read_int64(ctx, 2, count)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  if (!check_list(ctx, *edit.entry())) {
    return;
  }
  ListEdit list(edit, ctx.config.encoding);
  const uint64_t magnitude =
      count < 0 ? uint64_t{0} - static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
  const uint64_t removed = list.remove(ctx.args[3], count < 0 ? ListEnd::kBack : ListEnd::kFront,
                                       count == 0 ? UINT64_MAX : magnitude);
  if (removed == 0) {
    edit.keep_quiet();
  } else if (list.size() > 0) {
    edit.notify(KeyEvent::kLRem, removed);
  } else {
    edit.remove();
    edit.notify(KeyEvent::kLRem, removed);
    edit.notify(KeyEvent::kDel, 0);
  }
  ctx.reply.integer(static_cast<int64_t>(removed));
}

void ltrim(Context& ctx) {
  int64_t start = 0;
  int64_t end = 0;
  if (!read_int64(ctx, 2, start) || !read_int64(ctx, 3, end)) {
    return;
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (edit.entry() == nullptr) {
    ctx.reply.ok();
    return;
  }
  if (!check_list(ctx, *edit.entry())) {
    return;
  }
  ListEdit list(edit, ctx.config.encoding);
  const uint64_t size = list.size();
  uint64_t first = 0;
  uint64_t count = 0;
  if (list_range(start, end, size, first, count)) {
    if (first + count < size) {
      list.drop(ListEnd::kBack, size - first - count);
    }
    if (first > 0) {
      list.drop(ListEnd::kFront, first);
    }
    edit.notify(KeyEvent::kLTrim, size - count);
  } else {
    edit.remove();
    edit.notify(KeyEvent::kLTrim, size);
    edit.notify(KeyEvent::kDel, 0);
  }
  ctx.reply.ok();
}

// --- the table ---

constexpr uint32_t kPush = kWrite | kDenyOom | kFast;
constexpr std::string_view kEachElement = "O(N) where N is the number of elements";

constexpr CommandRow kRows[] = {
    {.name = "lpush",
     .arity = -3,
     .flags = kPush,
     .acl = kAclList,
     .handler = lpush,
     .keys = {key_at(1, "RW insert")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Puts elements before the first of a list, one after the other.",
     .complexity = kEachElement,
     .syntax = "key#0 element...",
     .history = "2.4.0 Several elements at once"},
    {.name = "rpush",
     .arity = -3,
     .flags = kPush,
     .acl = kAclList,
     .handler = rpush,
     .keys = {key_at(1, "RW insert")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Puts elements behind the last of a list.",
     .complexity = kEachElement,
     .syntax = "key#0 element...",
     .history = "2.4.0 Several elements at once"},
    {.name = "lpushx",
     .arity = -3,
     .flags = kPush,
     .acl = kAclList,
     .handler = lpushx,
     .keys = {key_at(1, "RW insert")},
     .group = "list",
     .since = "2.2.0",
     .summary = "Puts elements before the first of a list that exists.",
     .complexity = kEachElement,
     .syntax = "key#0 element...",
     .history = "4.0.0 Several elements at once"},
    {.name = "rpushx",
     .arity = -3,
     .flags = kPush,
     .acl = kAclList,
     .handler = rpushx,
     .keys = {key_at(1, "RW insert")},
     .group = "list",
     .since = "2.2.0",
     .summary = "Puts elements behind the last of a list that exists.",
     .complexity = kEachElement,
     .syntax = "key#0 element...",
     .history = "4.0.0 Several elements at once"},
    {.name = "lpop",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclList,
     .handler = lpop,
     .keys = {key_at(1, "RW access delete")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Takes the first elements out of a list.",
     .complexity = kEachElement,
     .syntax = "key#0 [count:integer]@6.2.0",
     .history = "6.2.0 `count` came in"},
    {.name = "rpop",
     .arity = -2,
     .flags = kWrite | kFast,
     .acl = kAclList,
     .handler = rpop,
     .keys = {key_at(1, "RW access delete")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Takes the last elements out of a list.",
     .complexity = kEachElement,
     .syntax = "key#0 [count:integer]@6.2.0",
     .history = "6.2.0 `count` came in"},
    {.name = "llen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclList,
     .handler = llen,
     .keys = {key_at(1, "RO")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Says how many elements a list has.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "lindex",
     .arity = 3,
     .flags = kReadonly,
     .acl = kAclList,
     .handler = lindex,
     .keys = {key_at(1, "RO access")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Returns the element of a list at a place.",
     .complexity = "O(1) in practice: sums over some hundred nodes in a list of millions",
     .syntax = "key#0 index:integer"},
    {.name = "lset",
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .acl = kAclList,
     .handler = lset,
     .keys = {key_at(1, "RW update")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Replaces the element of a list at a place.",
     .complexity = "O(1) in practice: sums over some hundred nodes in a list of millions",
     .syntax = "key#0 index:integer element"},
    {.name = "lrange",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclList,
     .handler = lrange,
     .keys = {key_at(1, "RO access")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Returns a range of the elements of a list.",
     .complexity = "O(N) where N is the number of elements in the range",
     .syntax = "key#0 start:integer stop:integer"},
    {.name = "linsert",
     .arity = 5,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclList,
     .handler = linsert,
     .keys = {key_at(1, "RW insert")},
     .group = "list",
     .since = "2.2.0",
     .summary = "Puts an element before or behind another one of a list.",
     .complexity = "O(N) where N is the number of elements before the other one",
     .syntax = "key#0 where=(BEFORE|AFTER) pivot element"},
    {.name = "lrem",
     .arity = 4,
     .flags = kWrite | kLong,
     .acl = kAclList,
     .handler = lrem,
     .keys = {key_at(1, "RW delete")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Removes elements of this value from a list.",
     .complexity = "O(N) where N is the length of the list",
     .syntax = "key#0 count:integer element"},
    {.name = "ltrim",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclList,
     .handler = ltrim,
     .keys = {key_at(1, "RW delete")},
     .group = "list",
     .since = "1.0.0",
     .summary = "Removes all elements of a list but a range.",
     .complexity = "O(1) in practice: what goes is freed later",
     .syntax = "key#0 start:integer stop:integer"},
    {.name = "lpos",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclList,
     .handler = lpos,
     .keys = {key_at(1, "RO access")},
     .group = "list",
     .since = "6.0.6",
     .summary = "Says where elements of this value stand in a list.",
     .complexity = "O(N) where N is the number of elements that are looked at",
     .syntax = "key#0 element [RANK rank:integer] [COUNT num-matches:integer] "
               "[MAXLEN len:integer]"},
};

}  // namespace

std::span<const CommandRow> list_commands() {
  return kRows;
}

}  // namespace pollux
