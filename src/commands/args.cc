#include "src/commands/args.h"

#include <algorithm>
#include <limits>
#include <string>

#include "src/base/num.h"

namespace pollux {

namespace {

constexpr std::string_view kNotInt32 =
    "ERR value is out of range, value must between -2147483648 and 2147483647";

}  // namespace

bool read_int64(Context& ctx, size_t index, int64_t& value, std::string_view sentence) {
  const auto parsed = parse_int64(ctx.args[index]);
  if (!parsed) {
    ctx.reply.error(sentence);
    return false;
  }
  value = *parsed;
  return true;
}

bool read_int32(Context& ctx, size_t index, int32_t& value, std::string_view sentence) {
  int64_t wide = 0;
  if (!read_int64(ctx, index, wide, sentence.empty() ? error_text::kNotInteger : sentence)) {
    return false;
  }
  if (wide < std::numeric_limits<int32_t>::min() || wide > std::numeric_limits<int32_t>::max()) {
    ctx.reply.error(sentence.empty() ? kNotInt32 : sentence);
    return false;
  }
  value = static_cast<int32_t>(wide);
  return true;
}

bool read_database(Context& ctx, size_t index, int& db) {
  if (!read_int32(ctx, index, db)) {
    return false;
  }
  if (db < 0 || db >= ctx.keys.databases()) {
    ctx.reply.error(error_text::kDbIndexRange);
    return false;
  }
  return true;
}

bool read_draw_count(Context& ctx, size_t index, int64_t& count) {
  if (!read_int64(ctx, index, count)) {
    return false;
  }
  if (count == std::numeric_limits<int64_t>::min()) {
    ctx.reply.error(
        "ERR value is out of range, value must between -9223372036854775807 and "
        "9223372036854775807");
    return false;
  }
  return true;
}

bool string_too_long(Context& ctx, int64_t old_bytes, int64_t more_bytes) {
  int64_t total = 0;
  if (!__builtin_add_overflow(old_bytes, more_bytes, &total) &&
      total <= ctx.config.bulk_bytes_max) {
    return false;
  }
  ctx.reply.error(error_text::kStringTooLong);
  return true;
}

void reply_invalid_expire(Context& ctx) {
  reply_error_quoting(ctx.reply, "ERR invalid expire time in '", ctx.row.name, "' command");
}

void delete_key(Context& ctx, Edit& edit, std::string_view name) {
  edit.remove();
  edit.notify(KeyEvent::kDel);
  if (ctx.effects != nullptr) {
    ctx.effects->add({"DEL", name});
  }
}

void expire_key(Context& ctx, Edit& edit, int64_t at_ms) {
  if (ctx.keys.is_over(at_ms)) {
    delete_key(ctx, edit, ctx.args[1]);
    return;
  }
  edit.set_expiry(std::max<int64_t>(at_ms, 0));
  edit.notify(KeyEvent::kExpire);
  if (ctx.effects != nullptr) {
    ctx.effects->add({"PEXPIREAT", ctx.args[1], NumberText(at_ms)});
  }
}

void reply_error_quoting(Reply& reply, std::string_view before, std::string_view quoted,
                         std::string_view after) {
  std::string text(before);
  text += up_to_nul(quoted);
  text += after;
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) {
    text.pop_back();
  }
  reply.error(text);
}

}  // namespace pollux
