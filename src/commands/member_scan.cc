#include "src/commands/member_scan.h"

#include <algorithm>

#include "src/base/glob.h"
#include "src/base/num.h"
#include "src/commands/scan.h"

namespace pollux {

namespace {

// More than this in one call would keep the shard from others for too long; the client is given a
// cursor as always.
constexpr int64_t kCountMax = 100'000;

}  // namespace

std::optional<uint64_t> read_member_cursor(Context& ctx) {
  const auto cursor = parse_scan_cursor(ctx.args[2]);
  if (!cursor) {
    ctx.reply.error("ERR invalid cursor");
    return std::nullopt;
  }
  return uint64_t{cursor->shard} << 32 | cursor->position;
}

bool read_member_scan_options(Context& ctx, MemberScan& scan, bool with_values) {
  for (size_t i = 3; i < ctx.args.size(); ++i) {
    const bool has_value = i + 1 < ctx.args.size();
    if (is_word(ctx.args[i], "count") && has_value) {
      int64_t count = 0;
      if (!read_int64(ctx, ++i, count)) {
        return false;
      }
      if (count < 1) {
        ctx.reply.error(error_text::kSyntax);
        return false;
      }
      scan.count = static_cast<uint64_t>(std::min(count, kCountMax));
    } else if (is_word(ctx.args[i], "match") && has_value) {
      scan.pattern = ctx.args[++i];
      scan.has_pattern = scan.pattern != "*";
    } else if (with_values && is_word(ctx.args[i], "novalues")) {
      scan.without_values = true;
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  return true;
}

bool passes(const MemberScan& scan, std::string_view element) {
  return !scan.has_pattern || glob_match(scan.pattern, element);
}
bool passes(const MemberScan& scan, const PackedValue& element) {
  char scratch[kInt64TextMax];
  return !scan.has_pattern || passes(scan, element.text(scratch));
}

void reply_member_scan(Context& ctx, uint64_t next, size_t found) {
  char text[kInt64TextMax];
  ctx.reply.array(2);
  ctx.reply.bulk({text, format_uint64(next, text)});
  ctx.reply.array(found);
}

void reply_member_scan(Context& ctx, uint64_t next, std::span<const PackedValue> found) {
  reply_member_scan(ctx, next, found.size());
  for (const PackedValue& element : found) {
    reply_packed(ctx.reply, element);
  }
}

}  // namespace pollux
