// What commands that wait share: the timeout, and the end of one that has found nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/commands/context.h"

namespace pollux {

// The timeout in argument `index`, as the moment it ends (Wait::until_ms; 0: never). False, with
// the error answered, if it is none. In seconds, and parts of one; rounded up, so that the shortest
// is not "for ever".
bool read_timeout(Context& ctx, size_t index, int64_t& until_ms);
// The same in whole milliseconds (XREAD BLOCK).
bool read_timeout_ms(Context& ctx, size_t index, int64_t& until_ms);

// A command of "key... timeout": pop(edit, i) answers from the first key that is there, argument i,
// whatever type it is of. Where none is, it waits for one of `type`.
template <typename Pop>
void pop_first_or_wait(Context& ctx, ValueType type, Pop pop) {
  const size_t timeout_at = ctx.args.size() - 1;
  int64_t until_ms = 0;
  if (!read_timeout(ctx, timeout_at, until_ms)) {
    return;
  }
  for (size_t i = 1; i < timeout_at; ++i) {
    if (!ctx.looks_at(i)) {
      continue;
    }
    Edit edit(ctx.keys, ctx.key(i));
    if (edit.entry() != nullptr) {
      pop(edit, i);
      return;
    }
  }
  const Wait wait{
      .first_key = 1, .key_count = timeout_at - 1, .type = type, .until_ms = until_ms};
  if (!ctx.host.wait(ctx, wait)) {
    ctx.reply.null_array();
  }
}

}  // namespace pollux
