// What the files of the hashes' commands share: the look-up with its type check, the change.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "src/commands/args.h"
#include "src/data/hash_value.h"

namespace pollux {

// The hash in args[1], empty if the key is absent; nothing, with WRONGTYPE answered, if it holds
// something else.
inline std::optional<HashView> find_hash(Context& ctx) {
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (entry != nullptr && !check_type(ctx, *entry, ValueType::kHash)) {
    return std::nullopt;
  }
  return HashView(entry, ctx.keys.ended_ms());
}

// The key in args[1] for a change of its hash; to be used if ok(), else WRONGTYPE is answered.
class HashChange {
 public:
  explicit HashChange(Context& ctx)
      : edit(ctx.keys, ctx.key(1)),
        ok_(edit.entry() == nullptr || check_type(ctx, *edit.entry(), ValueType::kHash)),
        hash(edit, ctx.config.encoding) {}

  bool ok() const { return ok_; }
  bool absent() const { return edit.entry() == nullptr; }
  // Behind a change that may have taken fields: without any, the key goes.
  void remove_if_empty() {
    if (hash.size() == 0) {
      if (hash.view().has_hidden()) {
        edit.tell_all_expired();
      }
      edit.remove();
      edit.notify(KeyEvent::kDel, 0);
    }
  }

  Edit edit;

 private:
  const bool ok_;

 public:
  HashEditor hash;
};

// The effects of storing values in the fields number 0, `step`, ... of these arguments: HSET, with
// what they hold now, and the times at which they are to end, which that has taken from them.
void tell_fields_set(Context& ctx, const HashView& hash, Args fields, size_t step);
void tell_times_kept(Context& ctx, const HashView& hash, Args fields, size_t step);

inline void reply_field(Context& ctx, const HashView& hash, std::string_view field) {
  if (const auto value = hash.find(field)) {
    reply_packed(ctx.reply, *value);
  } else {
    ctx.reply.null();
  }
}

}  // namespace pollux
