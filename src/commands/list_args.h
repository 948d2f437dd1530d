// What the families of lists share: the type check, LEFT and RIGHT, popping with its events.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/commands/args.h"
#include "src/data/list_value.h"

namespace pollux {

// False, with WRONGTYPE answered, if the entry is no list.
inline bool check_list(Context& ctx, const Entry& entry) {
  if (__builtin_expect(entry.type() == ValueType::kList, 1)) {
    return true;
  }
  ctx.reply.error(error_text::kWrongType);
  return false;
}

// LEFT or RIGHT in argument `index`; else a syntax error is answered.
inline bool read_list_end(Context& ctx, size_t index, ListEnd& end) {
  const std::string_view word = ctx.args[index];
  if (is_word(word, "left") || is_word(word, "right")) {
    end = is_word(word, "left") ? ListEnd::kFront : ListEnd::kBack;
    return true;
  }
  ctx.reply.error(error_text::kSyntax);
  return false;
}

inline ListEnd other_end(ListEnd end) {
  return end == ListEnd::kFront ? ListEnd::kBack : ListEnd::kFront;
}
inline KeyEvent push_event(ListEnd end) {
  return end == ListEnd::kFront ? KeyEvent::kLPush : KeyEvent::kRPush;
}
inline KeyEvent pop_event(ListEnd end) {
  return end == ListEnd::kFront ? KeyEvent::kLPop : KeyEvent::kRPop;
}

inline std::string_view push_word(ListEnd end) {
  return end == ListEnd::kFront ? "LPUSH" : "RPUSH";
}
inline std::string_view pop_word(ListEnd end) {
  return end == ListEnd::kFront ? "LPOP" : "RPOP";
}
inline std::string_view end_word(ListEnd end) { return end == ListEnd::kFront ? "LEFT" : "RIGHT"; }

inline void reply_element(Reply& reply, const PackedValue& value) {
  char scratch[kInt64TextMax];
  reply.bulk(value.text(scratch));
}

// `n` elements from number `first` on as they come, `towards` an end; the header is the caller's.
inline void reply_elements(Reply& reply, const ListView& list, uint64_t first, ListEnd towards,
                           uint64_t n) {
  if (n == 0) {
    return;
  }
  list.walk(first, towards, [&](const PackedValue& value) {
    reply_element(reply, value);
    return --n > 0;
  });
}

// Drops the first or last `n` elements, or the key if these are all, and tells `event` (`changes`:
// Edit::notify).
inline void drop_elements(Edit& edit, ListEdit& list, ListEnd end, uint64_t n, KeyEvent event,
                          uint64_t changes) {
  if (n < list.size()) {
    list.drop(end, n);
    edit.notify(event, changes);
    return;
  }
  edit.remove();
  edit.notify(event, changes);
  edit.notify(KeyEvent::kDel, 0);
}

// Answers an array of the `n` <= size elements at an end, from there on, and drops them.
inline void pop_elements(Context& ctx, Edit& edit, ListEdit& list, ListEnd end, uint64_t n) {
  const uint64_t size = list.size();
  ctx.reply.array(n);
  reply_elements(ctx.reply, list.view(), end == ListEnd::kFront ? 0 : size - 1, other_end(end), n);
  if (n > 0) {
    drop_elements(edit, list, end, n, pop_event(end), n);
  }
}

}  // namespace pollux
