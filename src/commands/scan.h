// SCAN's cursor: the shard in the upper 32 bits, the position of ShardStore::scan in the lower.
// 0 is the start, and the end. The router reads it too, to find the shard.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pollux {

struct ScanCursor {
  uint32_t shard = 0;
  uint32_t position = 0;
};

// Reads a cursor as redis-server does: an optional sign, decimal digits, up to a NUL; nothing at
// all is 0, "-1" wraps around. The shard may be one that does not exist (a stale cursor).
std::optional<ScanCursor> parse_scan_cursor(std::string_view text);

}  // namespace pollux
