// HyperLogLogs: PFADD, PFCOUNT, PFMERGE, and what looks inside. The bytes and the arithmetic are
// src/data/hyperloglog.h's; here are keys, limits and replies.
//
// The value is a string of encoding raw. PFCOUNT of one key is a read that writes: it leaves the
// count in the header, where the next one finds it.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "src/commands/args.h"
#include "src/commands/bit_args.h"
#include "src/commands/families.h"
#include "src/commands/key_extractor.h"
#include "src/commands/rows.h"
#include "src/data/hyperloglog.h"

namespace pollux {

namespace {

constexpr std::string_view kCorrupt = "INVALIDOBJ Corrupted HLL object detected";

// False, with the error answered, if there is an entry that is no HyperLogLog.
bool check_hll(Context& ctx, const Entry* entry) {
  if (entry == nullptr) {
    return true;
  }
  if (!check_string(ctx, *entry)) {
    return false;
  }
  if (entry->encoding() == Encoding::kInt || !is_hll(entry->flat())) {
    ctx.reply.error("WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
  }
  return true;
}

size_t sparse_bytes_max(const Context& ctx) {
  return static_cast<size_t>(ctx.config.encoding.hll_sparse_bytes);
}

// The value as bytes to be written, of the same size or another.
std::span<char> writable(Edit& edit, size_t size) {
  return edit.resize_flat(ValueType::kString, Encoding::kRaw, size);
}

// False if corrupt. Requires a sparse one.
bool make_dense(Edit& edit) {
  std::array<char, kHllDenseBytes> dense;
  if (!hll_make_dense(edit.entry()->flat(), dense)) {
    return false;
  }
  edit.set_raw({dense.data(), dense.size()});
  return true;
}

// --- PFADD ---

HllOutcome add_element(Edit& edit, std::string_view text, size_t sparse_bytes_max) {
  const HllElement element = hll_element(text);
  HllChange change = hll_add(edit.entry()->flat(), element, sparse_bytes_max);
  if (change.outcome() == HllOutcome::kMakeDense) {
    if (!make_dense(edit)) {
      return HllOutcome::kCorrupt;
    }
    change = hll_add(edit.entry()->flat(), element, sparse_bytes_max);
  }
  if (change.outcome() == HllOutcome::kChanged) {
    const size_t before = edit.entry()->flat().size();
    const size_t after = change.size_after(before);
    change.apply(writable(edit, std::max(before, after)).data(), before);
    if (after < before) {
      writable(edit, after);
    }
  }
  return change.outcome();
}

void pfadd(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(1));
  if (!check_hll(ctx, edit.entry())) {
    return;
  }
  uint64_t changes = edit.entry() == nullptr ? 1 : 0;
  if (changes > 0) {
    edit.set_raw(kHllEmpty);
  } else {
    make_raw(edit);
  }
  for (size_t i = 2; i < ctx.args.size(); ++i) {
    const HllOutcome outcome = add_element(edit, ctx.args[i], sparse_bytes_max(ctx));
    if (outcome == HllOutcome::kCorrupt) {
      if (changes > 0) {
        edit.notify(KeyEvent::kUnnamed, changes);  // what came before it stays
      }
      ctx.reply.error(kCorrupt);
      return;
    }
    changes += outcome == HllOutcome::kChanged ? 1 : 0;
  }
  if (changes > 0) {
    edit.notify(KeyEvent::kPfAdd, changes);
  }
  ctx.reply.integer(changes > 0 ? 1 : 0);
}

// --- PFCOUNT ---

void count_one(Context& ctx) {
  const Key key = ctx.key(1);
  const Entry* entry = ctx.keys.find(key);
  if (entry == nullptr) {
    ctx.reply.integer(0);
    return;
  }
  if (!check_hll(ctx, entry)) {
    return;
  }
  const auto cached = hll_cached_count(entry->flat());
  if (cached && entry->encoding() == Encoding::kRaw) {
    ctx.reply.integer(*cached);
    return;
  }
  Edit edit(ctx.keys, key);
  make_raw(edit);
  const auto count = cached ? cached : hll_count(edit.entry()->flat());
  if (!count) {
    ctx.reply.error(kCorrupt);
    return;
  }
  if (!cached) {
    hll_cache_count(writable(edit, edit.entry()->flat().size()), *count);
    edit.notify(KeyEvent::kUnnamed);
  }
  ctx.reply.integer(*count);
}

// Adds the key's elements, if it is there. False with the error answered.
bool unite(Context& ctx, HllUnion& all, size_t index) {
  const Entry* entry = ctx.keys.find(Key::of(ctx.args[index]));
  if (!check_hll(ctx, entry)) {
    return false;
  }
  if (entry != nullptr && !all.add(entry->flat())) {
    ctx.reply.error(kCorrupt);
    return false;
  }
  return true;
}

void pfcount(Context& ctx) {
  if (ctx.args.size() == 2) {
    count_one(ctx);
    return;
  }
  HllUnion all;
  for (size_t i = 1; i < ctx.args.size(); ++i) {
    if (!unite(ctx, all, i)) {
      return;
    }
  }
  ctx.reply.integer(all.count());
}

// --- PFMERGE ---

void pfmerge(Context& ctx) {
  HllUnion all;
  for (size_t i = 1; i < ctx.args.size(); ++i) {
    if (!unite(ctx, all, i)) {
      return;
    }
  }
  Edit edit(ctx.keys, Key::of(ctx.args[1]));
  std::string target(edit.entry() == nullptr ? kHllEmpty : edit.entry()->flat());
  all.raise(target, sparse_bytes_max(ctx));
  edit.set_raw(target);
  edit.notify(KeyEvent::kPfAdd);
  ctx.reply.ok();
}

// --- PFDEBUG ---
// As in redis-server, the key is looked at first, and the registers are shown of dense ones only: a
// sparse one becomes dense by it.

void debug_getreg(Context& ctx, Edit& edit) {
  if (!hll_is_dense(edit.entry()->flat())) {
    if (!make_dense(edit)) {
      ctx.reply.error(kCorrupt);
      return;
    }
    edit.notify(KeyEvent::kUntold);
  }
  const char* const packed = edit.entry()->flat().data() + kHllHeaderBytes;
  ctx.reply.array(kHllRegisters);
  for (uint32_t i = 0; i < kHllRegisters; ++i) {
    ctx.reply.integer(hll_get_packed(packed, i));
  }
}

void debug_decode(Context& ctx, Edit& edit) {
  if (hll_is_dense(edit.entry()->flat())) {
    ctx.reply.error("ERR HLL encoding is not sparse");
    return;
  }
  ctx.reply.bulk(hll_runs_text(edit.entry()->flat()));
}

void debug_encoding(Context& ctx, Edit& edit) {
  ctx.reply.simple(hll_is_dense(edit.entry()->flat()) ? "dense" : "sparse");
}

void debug_todense(Context& ctx, Edit& edit) {
  if (hll_is_dense(edit.entry()->flat())) {
    ctx.reply.integer(0);
    return;
  }
  if (!make_dense(edit)) {
    ctx.reply.error(kCorrupt);
    return;
  }
  edit.notify(KeyEvent::kUntold);
  ctx.reply.integer(1);
}

struct DebugRow {
  std::string_view word;
  void (*run)(Context&, Edit&);
};
constexpr DebugRow kDebugRows[] = {
    {"getreg", debug_getreg},
    {"decode", debug_decode},
    {"encoding", debug_encoding},
    {"todense", debug_todense},
};

void pfdebug(Context& ctx) {
  Edit edit(ctx.keys, ctx.key(2));
  if (edit.entry() == nullptr) {
    ctx.reply.error("ERR The specified key does not exist");
    return;
  }
  if (!check_hll(ctx, edit.entry())) {
    return;
  }
  make_raw(edit);
  for (const DebugRow& row : kDebugRows) {
    if (is_word(ctx.args[1], row.word)) {
      row.run(ctx, edit);
      return;
    }
  }
  reply_error_quoting(ctx.reply, "ERR Unknown PFDEBUG subcommand '", ctx.args[1], "'");
}

// --- PFSELFTEST ---

// Registers keep what is written into them, and so do their neighbours.
bool registers_hold(Rng& rng) {
  std::array<char, kHllPackedBytes> packed{};
  std::array<uint8_t, kHllRegisters> model{};
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds; ++round) {
    for (uint32_t i = 0; i < kHllRegisters; ++i) {
      const auto index = static_cast<uint32_t>(rng.below(kHllRegisters));
      model[index] = static_cast<uint8_t>(rng.below(kHllRegisterMax + 1));
      hll_set_packed(packed.data(), index, model[index]);
    }
    for (uint32_t i = 0; i < kHllRegisters; ++i) {
      if (hll_get_packed(packed.data(), i) != model[i]) {
        return false;
      }
    }
  }
  return true;
}

// Of 1, 10, ... 100,000 different elements the count is near enough (7 standard errors), and the
// same whether they came to a sparse or to a dense one.
bool counts_are_near(Rng& rng) {
  const double standard_error = 1.04 / std::sqrt(static_cast<double>(kHllRegisters));
  constexpr int64_t kElementsMax = 100'000;
  constexpr size_t kSparseMax = 3000;
  std::string sparse(kHllEmpty);
  std::string dense(kHllEmpty);
  const uint64_t salt = rng.next();
  int64_t next = 1;
  for (int64_t n = 1; n <= kElementsMax; ++n) {
    const uint64_t number = salt + static_cast<uint64_t>(n);
    const HllElement element =
        hll_element({reinterpret_cast<const char*>(&number), sizeof(number)});
    hll_add_to(sparse, element, kSparseMax);
    hll_add_to(dense, element, 0);
    if (n != next) {
      continue;
    }
    next *= 10;
    const auto count = hll_count(sparse);
    const double allowed = std::max(1.0, 7 * standard_error * static_cast<double>(n));
    if (!count || count != hll_count(dense) ||
        std::fabs(static_cast<double>(*count - n)) > allowed) {
      return false;
    }
  }
  return true;
}

void pfselftest(Context& ctx) {
  if (!registers_hold(ctx.rng)) {
    ctx.reply.error("TESTFAILED a register does not hold what was written into it");
  } else if (!counts_are_near(ctx.rng)) {
    ctx.reply.error("TESTFAILED a count is too far from the number of elements");
  } else {
    ctx.reply.ok();
  }
}

// A target without sources is a merge too, which its key specs do not say.
bool find_pfmerge_keys(Args args, KeyIndices& keys) {
  for (size_t i = 1; i < args.size(); ++i) {
    keys.append(i, i == 1 ? 0 : 1);
  }
  return true;
}

constexpr CommandRow kRows[] = {
    {.name = "pfadd",
     .arity = -2,
     .flags = kWrite | kDenyOom | kFast,
     .acl = kAclHyperloglog,
     .handler = pfadd,
     .keys = {key_at(1, "RW insert")},
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Adds elements to a HyperLogLog.",
     .complexity = "O(1) an element",
     .syntax = "key#0 [element...]"},
    {.name = "pfcount",
     .arity = -2,
     .flags = kReadonly | kMayReplicate,
     .acl = kAclHyperloglog,
     .handler = pfcount,
     .keys = {{.first = 1,
               .last = -1,
               .step = 1,
               .flags = "RW access",
               .notes = "RW because it may change the internal representation of the key, and "
                        "propagate to replicas"}},
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Estimates how many different elements HyperLogLogs have seen together.",
     .complexity = "O(N) for N keys",
     .syntax = "key#0..."},
    {.name = "pfmerge",
     .arity = -2,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclHyperloglog,
     .handler = pfmerge,
     .keys = {key_at(1, "RW access insert"), keys_from(2, -1, 1, "RO access")},
     .key_finder = find_pfmerge_keys,
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Stores the union of HyperLogLogs.",
     .complexity = "O(N) for N keys",
     .syntax = "destkey#0 sourcekey#1..."},
    {.name = "pfdebug",
     .arity = 3,
     .flags = kWrite | kDenyOom | kAdmin | kLong,
     .acl = kAclHyperloglog,
     .handler = pfdebug,
     .keys = {key_at(2, "RW access")},
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Shows what is inside a HyperLogLog.",
     .complexity = "O(1)",
     .syntax = "subcommand key#0",
     .syscmd = true},
    {.name = "pfselftest",
     .arity = 1,
     .flags = kAdmin,
     .acl = kAclHyperloglog,
     .handler = pfselftest,
     .route = Route::kSession,
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Tests the arithmetic of HyperLogLogs.",
     .complexity = "O(1), some milliseconds",
     .syscmd = true},
};

}  // namespace

std::span<const CommandRow> hyperloglog_commands() {
  return kRows;
}

}  // namespace pollux
