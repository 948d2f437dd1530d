#include "src/rdb/key_meta.h"

#include <algorithm>
#include <limits>

namespace pollux {

void give_key(Edit& edit, LooseValue& value, const RdbKeyMeta& meta, AccessKind kind,
              Instant now) {
  value.give_to(edit);
  if (meta.expire_ms) {
    edit.set_expiry(*meta.expire_ms);
  }
  if (kind == AccessKind::kLfu && meta.frequency) {
    edit.set_stamp(lfu_stamp(*meta.frequency, now));
  } else if (kind != AccessKind::kLfu && meta.idle_s) {
    constexpr uint64_t kSecondsMax = std::numeric_limits<int64_t>::max();
    edit.set_stamp(
        idle_stamp(static_cast<int64_t>(std::min(*meta.idle_s, kSecondsMax)), kind, now));
  }
}

}  // namespace pollux
