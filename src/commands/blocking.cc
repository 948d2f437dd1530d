#include "src/commands/blocking.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "src/base/num.h"

namespace pollux {

namespace {

constexpr std::string_view kNegative = "ERR timeout is negative";

// So late a moment never comes.
int64_t end_of(Context& ctx, int64_t timeout_ms) {
  int64_t until_ms = 0;
  const bool never = __builtin_add_overflow(timeout_ms, ctx.keys.now().ms(), &until_ms);
  return timeout_ms == 0 || never ? 0 : until_ms;
}

}  // namespace

bool read_timeout(Context& ctx, size_t index, int64_t& until_ms) {
  const std::optional<long double> seconds = parse_long_double(ctx.args[index]);
  if (!seconds) {
    ctx.reply.error("ERR timeout is not a float or out of range");
    return false;
  }
  const long double ms = std::ceil(*seconds * 1000);
  // redis-server's conversion makes what is too large the smallest of all numbers.
  constexpr auto kMax = static_cast<long double>(std::numeric_limits<int64_t>::max());
  if (ms < 0 || ms > kMax) {
    ctx.reply.error(kNegative);
    return false;
  }
  until_ms = end_of(ctx, static_cast<int64_t>(ms));
  return true;
}

bool read_timeout_ms(Context& ctx, size_t index, int64_t& until_ms) {
  const std::optional<int64_t> ms = parse_int64(ctx.args[index]);
  if (!ms) {
    ctx.reply.error("ERR timeout is not an integer or out of range");
    return false;
  }
  if (*ms < 0) {
    ctx.reply.error(kNegative);
    return false;
  }
  until_ms = end_of(ctx, *ms);
  return true;
}

}  // namespace pollux
