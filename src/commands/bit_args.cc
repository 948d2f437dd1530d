#include "src/commands/bit_args.h"

#include "src/base/num.h"

namespace pollux {

bool read_bit_offset(Context& ctx, size_t index, unsigned width, uint64_t& offset) {
  std::string_view text = ctx.args[index];
  const bool counts_fields = width > 0 && !text.empty() && text.front() == '#';
  if (counts_fields) {
    text.remove_prefix(1);
  }
  int64_t value = parse_int64(text).value_or(-1);
  if ((counts_fields && __builtin_mul_overflow(value, int64_t{width}, &value)) || value < 0 ||
      value / 8 >= ctx.config.bulk_bytes_max) {
    ctx.reply.error("ERR bit offset is not an integer or out of range");
    return false;
  }
  offset = static_cast<uint64_t>(value);
  return true;
}

void make_raw(Edit& edit) {
  if (edit.entry()->encoding() != Encoding::kRaw) {
    edit.grow_raw(edit.entry()->string_size());
    edit.keep_quiet();
  }
}

}  // namespace pollux
