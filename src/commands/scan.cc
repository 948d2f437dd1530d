// SCAN over the keys of one database, shard by shard, in hash order.
#include "src/commands/scan.h"

#include <algorithm>
#include <vector>

#include "src/base/glob.h"
#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"

namespace pollux {

std::optional<ScanCursor> parse_scan_cursor(std::string_view text) {
  text = up_to_nul(text);
  const std::optional<uint64_t> cursor = text.empty() ? 0 : parse_wrapping_uint64(text);
  if (!cursor) {
    return std::nullopt;
  }
  return ScanCursor{static_cast<uint32_t>(*cursor >> 32), static_cast<uint32_t>(*cursor)};
}

namespace {

// More than this in one call would keep the shard from others for too long; the client is given a
// cursor as always.
constexpr int64_t kCountMax = 100'000;

struct Options {
  std::string_view pattern;
  bool has_pattern = false;
  std::string_view type;
  bool has_type = false;
  int64_t count = 10;
};

bool parse_options(Context& ctx, Options& options) {
  for (size_t i = 2; i < ctx.args.size(); i += 2) {
    const std::string_view word = ctx.args[i];
    const bool has_value = i + 1 < ctx.args.size();
    if (is_word(word, "count") && has_value) {
      if (!read_int64(ctx, i + 1, options.count)) {
        return false;
      }
      if (options.count < 1) {
        ctx.reply.error(error_text::kSyntax);
        return false;
      }
    } else if (is_word(word, "match") && has_value) {
      options.pattern = ctx.args[i + 1];
      options.has_pattern = options.pattern != "*";
    } else if (is_word(word, "type") && has_value) {
      options.type = ctx.args[i + 1];
      options.has_type = true;
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  return true;
}

// The client's type name against ours, which is in lower case.
bool type_matches(std::string_view wanted, ValueType type) {
  return is_word(wanted, type_name(type));
}

// Visits the store's entries from the cursor on; returns the next cursor.
uint64_t scan_store(Context& ctx, ShardStore& store, const ScanCursor& cursor,
                    const Options& options, std::vector<std::string_view>& found) {
  const auto count = static_cast<size_t>(std::min(options.count, kCountMax));
  const uint64_t position =
      store.scan(ctx.keys.db(), cursor.position, count, ctx.keys.now(), [&](const Entry& entry) {
        if (options.has_pattern && !glob_match(options.pattern, entry.key())) {
          return;
        }
        if (options.has_type) {
          ++ctx.keys.stats().hits;  // redis-server looks the key up for its type
          if (!type_matches(options.type, entry.type())) {
            return;
          }
        }
        found.push_back(entry.key());
      });
  const uint64_t shard = cursor.shard;
  if (position != 0) {
    return shard << 32 | position;
  }
  return shard + 1 < ctx.keys.shard_count() ? (shard + 1) << 32 : 0;
}

void scan(Context& ctx) {
  const auto cursor = parse_scan_cursor(ctx.args[1]);
  if (!cursor) {
    ctx.reply.error("ERR invalid cursor");
    return;
  }
  Options options;
  if (!parse_options(ctx, options)) {
    return;
  }
  std::vector<std::string_view> found;
  uint64_t next = 0;
  // A cursor from a server with more shards names one that is not here: the scan is at its end.
  ctx.keys.for_each_store([&](ShardStore& store) {
    if (store.id().value == cursor->shard) {
      next = scan_store(ctx, store, *cursor, options, found);
    }
  });
  char text[kInt64TextMax];
  ctx.reply.array(2);
  ctx.reply.bulk({text, format_uint64(next, text)});
  ctx.reply.array(found.size());
  for (const std::string_view key : found) {
    ctx.reply.bulk(key);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "scan",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclKeyspace,
     .handler = scan,
     .route = Route::kCursor,
     .group = "generic",
     .since = "2.8.0",
     .summary = "Walks over the keys, some at a time.",
     .complexity = "O(1) a call, O(N) for a walk over N keys",
     .syntax = "cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type]@6.0.0",
     .tips = "nondeterministic_output request_policy:special",
     .history = "6.0.0 TYPE came in"},
};

}  // namespace

std::span<const CommandRow> scan_commands() {
  return kRows;
}

}  // namespace pollux
