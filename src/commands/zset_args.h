// What the files of the sorted sets' commands share: lookups with the type check, the bounds of
// ranges, replies of elements.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <span>
#include <string_view>

#include "src/commands/args.h"
#include "src/data/zset_value.h"

namespace pollux {

// False, with WRONGTYPE answered, if there is an entry of another type.
inline bool check_zset(Context& ctx, const Entry* entry) {
  if (entry == nullptr || entry->type() == ValueType::kZset) {
    return true;
  }
  ctx.reply.error(error_text::kWrongType);
  return false;
}

// Each answers its error and returns false.
bool read_score(Context& ctx, size_t index, double& score);
bool read_score_range(Context& ctx, std::string_view min, std::string_view max, ScoreRange& range);
bool read_lex_range(Context& ctx, std::string_view min, std::string_view max, LexRange& range);

// What ZADD and GEOADD are asked for.
struct ZsetAddOptions {
  ZsetEditor::Rules rules;
  bool count_changed = false;
  size_t first = 2;  // argument of the first element
};

// NX, XX or CH; false if it is another word.
inline bool take_add_word(std::string_view word, ZsetAddOptions& options) {
  if (is_word(word, "nx")) {
    options.rules.only_new = true;
  } else if (is_word(word, "xx")) {
    options.rules.only_old = true;
  } else if (is_word(word, "ch")) {
    options.count_changed = true;
  } else {
    return false;
  }
  return true;
}

// Adds the elements from options.first on, each of `width` arguments, the last of which is the
// member; replies how many. read(index, score) finds the score of one, or answers its error and
// returns false. All are read before the first is added, and those behind the first once more
// then, rather than kept.
template <typename Read>
void add_elements(Context& ctx, const ZsetAddOptions& options, size_t width, Read read) {
  const Args args = ctx.args;
  double first_score = 0;
  for (size_t i = options.first; i < args.size(); i += width) {
    double score = 0;
    if (!read(i, score)) {
      return;
    }
    if (i == options.first) {
      first_score = score;
    }
  }
  Edit edit(ctx.keys, ctx.key(1));
  if (!check_zset(ctx, edit.entry())) {
    return;
  }
  ZsetEditor editor(edit, ctx.config.encoding);
  int64_t added = 0;
  int64_t updated = 0;
  for (size_t i = options.first; i < args.size(); i += width) {
    double score = first_score;
    if (i != options.first) {
      read(i, score);
    }
    const auto outcome = editor.add(Key::of(args[i + width - 1]), score, options.rules).outcome;
    added += outcome == ZsetEditor::Outcome::kAdded ? 1 : 0;
    updated += outcome == ZsetEditor::Outcome::kUpdated ? 1 : 0;
  }
  if (added + updated > 0) {
    edit.notify(KeyEvent::kZAdd, static_cast<uint64_t>(added + updated));
  }
  ctx.reply.integer(options.count_changed ? added + updated : added);
}

// The header of so many elements, and one of them. With scores: pairs in RESP3, flat in RESP2.
inline void reply_elements(Context& ctx, size_t count, bool with_scores) {
  ctx.reply.array(with_scores && ctx.reply.protocol() == 2 ? 2 * count : count);
}
inline void reply_element(Context& ctx, std::string_view member, double score, bool with_scores) {
  if (with_scores && ctx.reply.protocol() == 3) {
    ctx.reply.array(2);
  }
  ctx.reply.bulk(member);
  if (with_scores) {
    ctx.reply.real(score);
  }
}

// visit(std::optional<double>) for the scores of the members in arguments `first` and following. In
// bursts, so that the look-ups of one wait for memory together.
template <typename Visit>
void for_each_score(Context& ctx, const ZsetView& zset, size_t first, Visit visit) {
  constexpr size_t kBurst = 16;
  for (size_t at = first; at < ctx.args.size(); at += kBurst) {
    const size_t n = std::min(kBurst, ctx.args.size() - at);
    Key members[kBurst];
    for (size_t i = 0; i < n; ++i) {
      members[i] = Key::of(ctx.args[at + i]);
      zset.prefetch_member(members[i]);
    }
    for (size_t i = 0; i < n; ++i) {
      visit(zset.score(members[i]));
    }
  }
}

// Keeps the texts of members that are no longer there when a visit goes on: integers out of a small
// form. All others stand where they are.
class ZsetItems {
 public:
  // `stands`: whether it is known to stay.
  std::string_view keep(bool stands, std::string_view member) {
    if (stands || member.size() > kInt64TextMax) {
      return member;
    }
    std::array<char, kInt64TextMax>& copy = copies_.emplace_back();
    return {copy.data(), member.copy(copy.data(), member.size())};
  }

 private:
  std::deque<std::array<char, kInt64TextMax>> copies_;
};

// Makes the key in argument `index` a sorted set of these elements, which are in order; of none it
// is removed. Replies how many.
void store_items(Context& ctx, size_t index, std::span<const ZsetItem> items, KeyEvent event,
                 uint64_t changes = 1);

// After a change: removes a sorted set that is empty. `event` says what was done to it.
void finish_erase(Edit& edit, KeyEvent event, uint64_t erased);

}  // namespace pollux
