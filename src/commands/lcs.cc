// LCS: the longest common subsequence of two strings, by the table of lengths of all pairs of
// prefixes (Wagner, Fischer 1974). The table is transient and at most proto-max-bulk-len bytes,
// else the command is refused; LEN alone needs two of its rows only.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>

#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"

namespace pollux {

namespace {

struct Options {
  bool idx = false;
  bool len = false;
  bool with_match_len = false;
  int64_t min_match_len = 0;
};

bool parse_options(Context& ctx, Options& options) {
  for (size_t i = 3; i < ctx.args.size(); ++i) {
    if (is_word(ctx.args[i], "idx")) {
      options.idx = true;
    } else if (is_word(ctx.args[i], "len")) {
      options.len = true;
    } else if (is_word(ctx.args[i], "withmatchlen")) {
      options.with_match_len = true;
    } else if (is_word(ctx.args[i], "minmatchlen") && i + 1 < ctx.args.size()) {
      if (!read_int64(ctx, ++i, options.min_match_len)) {
        return false;
      }
      options.min_match_len = std::max<int64_t>(options.min_match_len, 0);
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  if (options.idx && options.len) {
    ctx.reply.error("ERR If you want both the length and indexes, please just use IDX.");
    return false;
  }
  return true;
}

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};
using Cells = std::unique_ptr<uint32_t[], FreeDeleter>;

// Null if there is no memory. Uninitialised.
Cells allocate_cells(size_t count) {
  return Cells(static_cast<uint32_t*>(std::malloc(count * sizeof(uint32_t))));
}

// Row i, column j holds the length for the first i bytes of a and the first j of b. Only the rows
// that stand for i mod `rows` are kept.
class Table {
 public:
  Table(std::string_view a, std::string_view b, size_t rows)
      : a_(a),
        b_(b),
        rows_(rows),
        columns_(b.size() + 1),
        cells_(allocate_cells(rows * columns_)) {}

  bool allocated() const { return cells_ != nullptr; }

  void fill() {
    std::fill_n(row(0), columns_, 0);
    for (size_t i = 1; i <= a_.size(); ++i) {
      const uint32_t* above = row(i - 1);
      uint32_t* here = row(i);
      const char byte = a_[i - 1];
      here[0] = 0;
      for (size_t j = 1; j < columns_; ++j) {
        here[j] = byte == b_[j - 1] ? above[j - 1] + 1 : std::max(above[j], here[j - 1]);
      }
    }
  }

  uint32_t at(size_t i, size_t j) const { return cells_[i % rows_ * columns_ + j]; }
  uint32_t length() const { return at(a_.size(), b_.size()); }

 private:
  uint32_t* row(size_t i) { return &cells_[i % rows_ * columns_]; }

  std::string_view a_;
  std::string_view b_;
  size_t rows_;
  size_t columns_;
  Cells cells_;
};

// A common run of `length` bytes that begins at these positions.
struct Match {
  size_t a = 0;
  size_t b = 0;
  size_t length = 0;
};

// Calls fn(Match) for the runs of one longest common subsequence, from the last to the first: the
// one redis-server picks, which leaves b first where both ways are equally long.
template <typename Fn>
void for_each_match(const Table& table, std::string_view a, std::string_view b, Fn fn) {
  Match run;
  size_t i = a.size();
  size_t j = b.size();
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      --i;
      --j;
      run = {i, j, run.length + 1};
      continue;
    }
    if (run.length > 0) {
      fn(run);
      run.length = 0;
    }
    if (table.at(i - 1, j) > table.at(i, j - 1)) {
      --i;
    } else {
      --j;
    }
  }
  if (run.length > 0) {
    fn(run);
  }
}

void reply_range(Reply& reply, size_t first, size_t length) {
  reply.array(2);
  reply.integer(static_cast<int64_t>(first));
  reply.integer(static_cast<int64_t>(first + length - 1));
}

void reply_matches(Context& ctx, const Options& options, const Table& table, std::string_view a,
                   std::string_view b) {
  const auto wanted = [&options](const Match& match) {
    return match.length >= static_cast<size_t>(options.min_match_len);
  };
  size_t count = 0;
  for_each_match(table, a, b, [&](const Match& match) { count += wanted(match) ? 1 : 0; });
  ctx.reply.map(2);
  ctx.reply.bulk("matches");
  ctx.reply.array(count);
  for_each_match(table, a, b, [&](const Match& match) {
    if (!wanted(match)) {
      return;
    }
    ctx.reply.array(options.with_match_len ? 3 : 2);
    reply_range(ctx.reply, match.a, match.length);
    reply_range(ctx.reply, match.b, match.length);
    if (options.with_match_len) {
      ctx.reply.integer(static_cast<int64_t>(match.length));
    }
  });
  ctx.reply.bulk("len");
  ctx.reply.integer(table.length());
}

void reply_subsequence(Context& ctx, const Table& table, std::string_view a, std::string_view b) {
  const size_t size = table.length();
  const auto text = std::make_unique_for_overwrite<char[]>(size + 1);
  size_t front = size;
  for_each_match(table, a, b, [&](const Match& match) {
    front -= match.length;
    std::copy_n(&a[match.a], match.length, &text[front]);
  });
  ctx.reply.bulk({text.get(), size});
}

// True if the full table is small enough; answers the error if not.
bool check_size(Context& ctx, std::string_view a, std::string_view b) {
  if (a.size() >= UINT32_MAX - 1 || b.size() >= UINT32_MAX - 1) {
    ctx.reply.error("ERR String too long for LCS");
    return false;
  }
  const auto cells = static_cast<unsigned __int128>(a.size() + 1) * (b.size() + 1);
  if (cells * sizeof(uint32_t) >
      static_cast<unsigned __int128>(static_cast<uint64_t>(ctx.config.bulk_bytes_max))) {
    ctx.reply.error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return false;
  }
  return true;
}

void lcs(Context& ctx) {
  const Entry* entry_a = ctx.keys.find(ctx.key(1));
  const Entry* entry_b = ctx.keys.find(Key::of(ctx.args[2]));
  if ((entry_a != nullptr && entry_a->type() != ValueType::kString) ||
      (entry_b != nullptr && entry_b->type() != ValueType::kString)) {
    ctx.reply.error("ERR The specified keys must contain string values");
    return;
  }
  Options options;
  if (!parse_options(ctx, options)) {
    return;
  }
  char scratch_a[kInt64TextMax];
  char scratch_b[kInt64TextMax];
  const std::string_view a = entry_a == nullptr ? std::string_view() : entry_a->string(scratch_a);
  const std::string_view b = entry_b == nullptr ? std::string_view() : entry_b->string(scratch_b);
  if (!check_size(ctx, a, b)) {
    return;
  }
  Table table(a, b, options.len ? 2 : a.size() + 1);
  if (!table.allocated()) {
    ctx.reply.error("ERR Insufficient memory, failed allocating transient memory for LCS");
    return;
  }
  table.fill();
  if (options.len) {
    ctx.reply.integer(table.length());
  } else if (options.idx) {
    reply_matches(ctx, options, table, a, b);
  } else {
    reply_subsequence(ctx, table, a, b);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "lcs",
     .arity = -3,
     .flags = kReadonly,
     .acl = kAclString,
     .handler = lcs,
     .keys = {keys_from(1, 2, 1, "RO access")},
     .group = "string",
     .since = "7.0.0",
     .summary = "Finds the longest common subsequence of two strings.",
     .complexity = "O(N*M) for strings of N and M bytes",
     .syntax = "key1#0 key2#0 [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]"},
};

}  // namespace

std::span<const CommandRow> lcs_commands() {
  return kRows;
}

}  // namespace pollux
