// Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE (and its old name SUBSTR).
#include <algorithm>
#include <span>

#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

void append(Context& ctx) {
  const std::string_view tail = ctx.args[2];
  Edit edit(ctx.keys, ctx.key(1));
  const Entry* entry = edit.entry();
  size_t total = tail.size();
  if (entry == nullptr) {
    edit.set_string(tail);
  } else {
    if (!check_string(ctx, *entry)) {
      return;
    }
    const size_t old = entry->string_size();
    if (string_too_long(ctx, static_cast<int64_t>(old), static_cast<int64_t>(tail.size()))) {
      return;
    }
    total += old;
    const std::span<char> bytes = edit.grow_raw(total);
    std::copy(tail.begin(), tail.end(), bytes.begin() + static_cast<ptrdiff_t>(old));
  }
  edit.notify(KeyEvent::kAppend);
  ctx.reply.integer(static_cast<int64_t>(total));
}

void strlen(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.integer(0);
  } else if (check_string(ctx, *entry)) {
    ctx.reply.integer(static_cast<int64_t>(entry->string_size()));
  }
}

void setrange(Context& ctx) {
  int64_t offset = 0;
  if (!read_int64(ctx, 2, offset)) {
    return;
  }
  if (offset < 0) {
    ctx.reply.error("ERR offset is out of range");
    return;
  }
  const std::string_view part = ctx.args[3];
  Edit edit(ctx.keys, ctx.key(1));
  const Entry* entry = edit.entry();
  if (entry != nullptr && !check_string(ctx, *entry)) {
    return;
  }
  const size_t old = entry == nullptr ? 0 : entry->string_size();
  if (part.empty()) {
    ctx.reply.integer(static_cast<int64_t>(old));
    return;
  }
  if (string_too_long(ctx, offset, static_cast<int64_t>(part.size()))) {
    return;
  }
  const size_t total = std::max(old, static_cast<size_t>(offset) + part.size());
  const std::span<char> bytes = edit.grow_raw(total);
  std::copy(part.begin(), part.end(), bytes.begin() + static_cast<ptrdiff_t>(offset));
  edit.notify(KeyEvent::kSetRange);
  ctx.reply.integer(static_cast<int64_t>(total));
}

void getrange(Context& ctx) {
  int64_t start = 0;
  int64_t end = 0;
  if (!read_int64(ctx, 2, start) || !read_int64(ctx, 3, end)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry == nullptr) {
    ctx.reply.bulk({});
    return;
  }
  if (!check_string(ctx, *entry)) {
    return;
  }
  char scratch[kInt64TextMax];
  const std::string_view bytes = entry->string(scratch);
  size_t first = 0;
  size_t last = 0;
  if (backwards_from_end(start, end) || !clamp_range(start, end, bytes.size(), first, last)) {
    ctx.reply.bulk({});
  } else {
    ctx.reply.bulk(bytes.substr(first, last - first + 1));
  }
}

constexpr uint32_t kWriteOom = kWrite | kDenyOom;

constexpr CommandRow kRows[] = {
    {.name = "append",
     .arity = 3,
     .flags = kWriteOom | kFast,
     .acl = kAclString,
     .handler = append,
     .keys = {key_at(1, "RW insert")},
     .group = "string",
     .since = "2.0.0",
     .summary = "Adds bytes at the end of a string.",
     .complexity = "O(M) for M added bytes, amortized",
     .syntax = "key#0 value"},
    {.name = "strlen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kAclString,
     .handler = strlen,
     .keys = {key_at(1, "RO")},
     .group = "string",
     .since = "2.2.0",
     .summary = "Returns the length of a string in bytes.",
     .complexity = "O(1)",
     .syntax = "key#0"},
    {.name = "setrange",
     .arity = 4,
     .flags = kWriteOom | kLong,
     .acl = kAclString,
     .handler = setrange,
     .keys = {key_at(1, "RW update")},
     .group = "string",
     .since = "2.2.0",
     .summary = "Writes bytes into a string at an offset.",
     .complexity = "O(M) for M written bytes, amortized",
     .syntax = "key#0 offset:integer value"},
    {.name = "getrange",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclString,
     .handler = getrange,
     .keys = {key_at(1, "RO access")},
     .group = "string",
     .since = "2.4.0",
     .summary = "Returns a part of a string.",
     .complexity = "O(M) for M returned bytes",
     .syntax = "key#0 start:integer end:integer"},
    {.name = "substr",
     .arity = 4,
     .flags = kReadonly,
     .acl = kAclString,
     .handler = getrange,
     .keys = {key_at(1, "RO access")},
     .group = "string",
     .since = "1.0.0",
     .summary = "Returns a part of a string.",
     .complexity = "O(M) for M returned bytes",
     .syntax = "key#0 start:integer end:integer",
     .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`"},
};

}  // namespace

std::span<const CommandRow> substring_commands() {
  return kRows;
}

}  // namespace pollux
