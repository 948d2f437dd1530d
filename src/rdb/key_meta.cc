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

RdbKeyMeta rdb_meta_of(const Entry& entry, const EvictionRules& rules, Instant now) {
  RdbKeyMeta meta;
  if (entry.has_expiry()) {
    meta.expire_ms = entry.expiry_ms();
  }
  if (rules.lfu()) {
    meta.frequency = static_cast<uint8_t>(lfu_count(entry.stamp(), rules.access, now));
  } else if (rules.lru()) {
    meta.idle_s = idle_seconds(entry.stamp(), rules.access.kind, now);
  }
  return meta;
}

void write_rdb_key_head(const RdbKeyMeta& meta, RdbType type, std::string_view key,
                        RdbWriter& out) {
  if (meta.expire_ms) {
    out.opcode(RdbOpcode::kExpireMs);
    out.time(*meta.expire_ms);
  }
  if (meta.idle_s) {
    out.opcode(RdbOpcode::kIdle);
    out.length(*meta.idle_s);
  }
  if (meta.frequency) {
    out.opcode(RdbOpcode::kFrequency);
    out.byte(*meta.frequency);
  }
  out.byte(static_cast<uint8_t>(type));
  out.text(key);
}

}  // namespace pollux
