#include "src/commands/zset_args.h"

#include <cmath>
#include <cstdlib>
#include <string>

namespace pollux {

namespace {

// As strtod takes it from a C string: leading space, nothing at all (0), out of range (inf, 0).
bool parse_bound(std::string_view text, double& value, bool& without) {
  text = up_to_nul(text);
  without = text.starts_with('(');
  if (without) {
    text.remove_prefix(1);
  }
  if (const auto parsed = parse_double(text)) {
    value = *parsed;
    return true;
  }
  const std::string copy(text);
  char* end = nullptr;
  value = std::strtod(copy.c_str(), &end);
  return *end == '\0' && !std::isnan(value);
}

bool parse_bound(std::string_view text, LexBound& bound) {
  const char first = text.empty() ? '\0' : text[0];
  if (first == '[' || first == '(') {
    bound = {first == '[' ? LexBound::kWith : LexBound::kWithout, text.substr(1)};
    return true;
  }
  if (first == '-' || first == '+') {
    bound = {first == '-' ? LexBound::kFirst : LexBound::kLast, {}};
    return text.size() == 1 || text[1] == '\0';
  }
  return false;
}

}  // namespace

bool read_score(Context& ctx, size_t index, double& score) {
  const auto parsed = parse_double(ctx.args[index]);
  if (!parsed) {
    ctx.reply.error(error_text::kNotFloat);
    return false;
  }
  score = *parsed;
  return true;
}

bool read_score_range(Context& ctx, std::string_view min, std::string_view max,
                      ScoreRange& range) {
  if (parse_bound(min, range.min, range.without_min) &&
      parse_bound(max, range.max, range.without_max)) {
    return true;
  }
  ctx.reply.error("ERR min or max is not a float");
  return false;
}

bool read_lex_range(Context& ctx, std::string_view min, std::string_view max, LexRange& range) {
  if (parse_bound(min, range.min) && parse_bound(max, range.max)) {
    return true;
  }
  ctx.reply.error("ERR min or max not valid string range item");
  return false;
}

void store_items(Context& ctx, size_t index, std::span<const ZsetItem> items, KeyEvent event,
                 uint64_t changes) {
  Edit edit(ctx.keys, ctx.key(index));
  if (!items.empty()) {
    ZsetEditor(edit, ctx.config.encoding).assign(items);
    edit.clear_expiry();
    edit.notify(event, changes);
  } else if (edit.entry() != nullptr) {
    edit.remove();
    edit.notify(KeyEvent::kDel);
  }
  ctx.reply.integer(static_cast<int64_t>(items.size()));
}

void finish_erase(Edit& edit, KeyEvent event, uint64_t erased) {
  edit.notify(event, erased);
  if (ZsetView(edit.entry()).empty()) {
    edit.remove();
    edit.notify(KeyEvent::kDel, 0);
  }
}

}  // namespace pollux
