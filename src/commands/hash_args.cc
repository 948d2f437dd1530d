#include "src/commands/hash_args.h"

namespace pollux {

void tell_fields_set(Context& ctx, const HashView& hash, Args fields, size_t step) {
  if (ctx.effects == nullptr) {
    return;
  }
  EffectWords hset(*ctx.effects, {"HSET", ctx.args[1]});
  for (size_t i = 0; i < fields.size(); i += step) {
    char scratch[kInt64TextMax];
    hset.word(fields[i]);
    hset.word(hash.find(fields[i])->text(scratch));
  }
}

void tell_times_kept(Context& ctx, const HashView& hash, Args fields, size_t step) {
  for (size_t i = 0; ctx.effects != nullptr && i < fields.size(); i += step) {
    if (const int64_t at_ms = hash.expiry_ms(fields[i]).value_or(-1); at_ms >= 0) {
      ctx.effects->add({"HPEXPIREAT", ctx.args[1], NumberText(at_ms), "FIELDS", "1", fields[i]});
    }
  }
}

}  // namespace pollux
