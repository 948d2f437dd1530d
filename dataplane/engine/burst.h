// The requests of one turn that are parsed and not yet run, over all sessions. Running them as a
// burst lets all their cache misses overlap: hash all keys, prefetch buckets, then entries, then
// run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/engine/router.h"
#include "src/commands/command.h"

namespace pollux {

class Session;

struct BurstItem {
  const CommandRow* row = nullptr;  // null: `problem` says why
  enum class Problem : uint8_t { kNone, kUnknown, kUnknownSub, kArity, kProtocol, kWebRequest };
  Problem problem = Problem::kNone;
  uint32_t args_begin = 0;
  uint32_t args_count = 0;
  size_t end = 0;  // offset in the part's bytes, just behind the request
  Placement place;
};

// The requests of one session, in order, and the bytes that their arguments point into.
struct BurstPart {
  Session* session = nullptr;
  std::string_view bytes;
  bool from_input = false;  // `bytes` are the session's own; else the transport's
  bool keep_rest = false;   // the caller goes on with what is left of `bytes`
  size_t parsed = 0;
  size_t first_item = 0;
  size_t item_count = 0;
};

struct Burst {
  static constexpr size_t kItemsMax = 64;

  std::vector<BurstItem> items;
  std::vector<BurstPart> parts;
  std::vector<std::string_view> args;

  bool full() const { return items.size() >= kItemsMax; }
  Args args_of(const BurstItem& item) const {
    return {args.data() + item.args_begin, item.args_count};
  }
  void clear() {
    items.clear();
    parts.clear();
    args.clear();
  }
};

}  // namespace pollux
