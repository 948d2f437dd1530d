// What a key brings along beside its name and value, in files and with RESTORE: until when it
// lives, and how it was used. By value.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "src/base/types.h"
#include "src/data/access.h"
#include "src/data/eviction.h"
#include "src/data/keyspace.h"
#include "src/rdb/loose_value.h"
#include "src/rdb/rdb_format.h"
#include "src/rdb/rdb_writer.h"

namespace pollux {

// Of idle_s and frequency at most one is written: idle_s under a policy of LRU, frequency under one
// of LFU, none under others.
struct RdbKeyMeta {
  std::optional<int64_t> expire_ms;  // Unix time
  std::optional<uint64_t> idle_s;    // since it was used
  std::optional<uint8_t> frequency;  // the counter, as it is now
};

// Makes value and meta the edit's key, which is absent or was removed. What says nothing under
// accesses of this kind is left out. The edit is still to be told to others, or kept quiet.
void give_key(Edit& edit, LooseValue& value, const RdbKeyMeta& meta, AccessKind kind, Instant now);

// What an entry has of it, as it is now.
RdbKeyMeta rdb_meta_of(const Entry& entry, const EvictionRules& rules, Instant now);
// All of a key's record in a file but the value.
void write_rdb_key_head(const RdbKeyMeta& meta, RdbType type, std::string_view key, RdbWriter& out);

}  // namespace pollux
