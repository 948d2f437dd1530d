// Intersections, unions and differences of sets: answered, stored, counted. Results are collected
// as views of the members where they stand (16 bytes each), for their number goes first.
#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/hash.h"
#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/rows.h"
#include "src/data/hyperloglog.h"
#include "src/data/set_value.h"

namespace pollux {

namespace {

using Sets = std::vector<SetView>;
using Members = std::vector<PackedValue>;

// The sets in arguments first to last - 1, empty ones for absent keys; nothing, with WRONGTYPE
// answered, if one is something else.
std::optional<Sets> find_sets(Context& ctx, size_t first, size_t last) {
  Sets sets;
  sets.reserve(last - first);
  for (size_t i = first; i < last; ++i) {
    const Entry* entry = ctx.keys.find(ctx.key(i));
    if (entry != nullptr && !check_type(ctx, *entry, ValueType::kSet)) {
      return std::nullopt;
    }
    sets.emplace_back(entry);
  }
  return sets;
}

// Different members of several sets by open addressing. A member that a table holds as text may be
// an integer elsewhere; here both are integers.
class Distinct {
 public:
  // True if it is new.
  bool insert(PackedValue member) {
    member = normal(member);
    if (2 * members_.size() >= slots_.size()) {
      grow();
    }
    const uint32_t hash = hash_of(member);
    Slot& slot = slots_[find(member, hash)];
    if (slot.number != 0) {
      return false;
    }
    members_.push_back(member);
    slot = {hash, static_cast<uint32_t>(members_.size())};
    return true;
  }
  bool contains(PackedValue member) const {
    member = normal(member);
    return slots_[find(member, hash_of(member))].number != 0;
  }
  Members take() { return std::move(members_); }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t number = 0;  // index + 1; 0: free
  };

  static PackedValue normal(const PackedValue& member) {
    return member.is_integer() ? member : PackedValue::of(member.string());
  }
  static uint32_t hash_of(const PackedValue& member) {
    const uint64_t integer = static_cast<uint64_t>(member.is_integer() ? member.integer() : 0);
    return static_cast<uint32_t>(
        (member.is_integer() ? integer * 0x9e3779b97f4a7c15 : key_hash(member.string())) >> 32);
  }
  static bool equal(const PackedValue& a, const PackedValue& b) {
    if (a.is_integer() || b.is_integer()) {
      return a.is_integer() && b.is_integer() && a.integer() == b.integer();
    }
    return a.string() == b.string();
  }
  // The slot that has it, or the free one where it would be.
  size_t find(const PackedValue& member, uint32_t hash) const {
    const size_t mask = slots_.size() - 1;
    size_t at = hash & mask;
    while (slots_[at].number != 0 &&
           (slots_[at].hash != hash || !equal(members_[slots_[at].number - 1], member))) {
      at = (at + 1) & mask;
    }
    return at;
  }
  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    const size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.number != 0) {
        size_t at = slot.hash & mask;
        while (slots_[at].number != 0) {
          at = (at + 1) & mask;
        }
        slots_[at] = slot;
      }
    }
  }

  Members members_;
  std::vector<Slot> slots_ = std::vector<Slot>(64);
};

// --- the operations ---

// At most `limit` members; each of the smallest set is looked for in the others.
Members intersection(Sets sets, uint64_t limit) {
  std::stable_sort(sets.begin(), sets.end(),
                   [](const SetView& a, const SetView& b) { return a.size() < b.size(); });
  Members found;
  const std::span<const SetView> others = std::span(sets).subspan(1);
  sets.front().for_each([&](const PackedValue& element) {
    const SetMember member(element);
    if (std::all_of(others.begin(), others.end(),
                    [&member](const SetView& set) { return set.contains(member); })) {
      found.push_back(element);
    }
    return found.size() < limit;
  });
  return found;
}

// How many members the union has; no more than `limit` are looked for.
uint64_t union_size(const Sets& sets, uint64_t limit) {
  Distinct distinct;
  uint64_t size = 0;
  for (size_t i = 0; i < sets.size() && size < limit; ++i) {
    sets[i].for_each([&](const PackedValue& element) {
      size += distinct.insert(element) ? 1 : 0;
      return size < limit;
    });
  }
  return size;
}

// The same by a HyperLogLog, which takes 12 KiB however many they are.
uint64_t union_size_estimate(const Sets& sets, uint64_t limit) {
  std::string sketch(kHllEmpty);
  for (const SetView& set : sets) {
    set.for_each([&sketch](const PackedValue& element) {
      char scratch[kInt64TextMax];
      hll_add_to(sketch, hll_element(element.text(scratch)), /*sparse_bytes_max=*/0);
      return true;
    });
  }
  return std::min(limit, static_cast<uint64_t>(*hll_count(sketch)));
}

Members set_union(const Sets& sets) {
  const auto filled = [](const SetView& set) { return set.size() > 0; };
  if (std::count_if(sets.begin(), sets.end(), filled) <= 1) {
    const auto only = std::find_if(sets.begin(), sets.end(), filled);
    return only == sets.end() ? Members() : only->all();
  }
  Distinct distinct;
  for (const SetView& set : sets) {
    set.for_each([&distinct](const PackedValue& element) {
      distinct.insert(element);
      return true;
    });
  }
  return distinct.take();
}

// Of the first set, without those of the others; at most `limit`.
Members difference(const Sets& sets, uint64_t limit) {
  const SetView& first = sets.front();
  const std::span<const SetView> others = std::span(sets).subspan(1);
  size_t total = first.size();
  for (const SetView& set : others) {
    total += set.size();
  }
  Members found;
  // One lookup for each member in each set, or, if these are many, in the union of the others.
  if (first.size() * others.size() <= 2 * total) {
    first.for_each([&](const PackedValue& element) {
      const SetMember member(element);
      if (std::none_of(others.begin(), others.end(),
                       [&member](const SetView& set) { return set.contains(member); })) {
        found.push_back(element);
      }
      return found.size() < limit;
    });
    return found;
  }
  Distinct gone;
  for (const SetView& set : others) {
    set.for_each([&gone](const PackedValue& element) {
      gone.insert(element);
      return true;
    });
  }
  first.for_each([&](const PackedValue& element) {
    if (!gone.contains(element)) {
      found.push_back(element);
    }
    return found.size() < limit;
  });
  return found;
}

Members difference(const Sets& sets) {
  return difference(sets, UINT64_MAX);
}

Members intersection(const Sets& sets) {
  return intersection(sets, UINT64_MAX);
}

// --- the commands ---

using Operation = Members (*)(const Sets&);

void reply_operation(Context& ctx, Operation operation) {
  const auto sets = find_sets(ctx, 1, ctx.args.size());
  if (!sets) {
    return;
  }
  const Members members = operation(*sets);
  ctx.reply.set(members.size());
  for (const PackedValue& member : members) {
    reply_packed(ctx.reply, member);
  }
}

void store_operation(Context& ctx, Operation operation, KeyEvent event) {
  const auto sets = find_sets(ctx, 2, ctx.args.size());
  if (!sets) {
    return;
  }
  Members members = operation(*sets);
  Edit edit(ctx.keys, ctx.key(1));
  if (!members.empty()) {
    SetEditor::assign(edit, ctx.config.encoding, members);
    edit.clear_expiry();
    edit.notify(event);
  } else if (edit.entry() != nullptr) {
    edit.remove();
    edit.notify(KeyEvent::kDel);
  }
  ctx.reply.integer(static_cast<int64_t>(members.size()));
}

void sinter(Context& ctx) {
  reply_operation(ctx, intersection);
}
void sunion(Context& ctx) {
  reply_operation(ctx, set_union);
}
void sdiff(Context& ctx) {
  reply_operation(ctx, difference);
}
void sinterstore(Context& ctx) {
  store_operation(ctx, intersection, KeyEvent::kSInterStore);
}
void sunionstore(Context& ctx) {
  store_operation(ctx, set_union, KeyEvent::kSUnionStore);
}
void sdiffstore(Context& ctx) {
  store_operation(ctx, difference, KeyEvent::kSDiffStore);
}

// --- SINTERCARD, SUNIONCARD, SDIFFCARD ---

struct CardQuery {
  Sets sets;
  bool approximate = false;
  uint64_t limit = UINT64_MAX;
};

bool read_limit(Context& ctx, size_t index, uint64_t& limit) {
  constexpr std::string_view kNegative = "ERR LIMIT can't be negative";
  int64_t number = 0;
  if (!read_int64(ctx, index, number, kNegative)) {
    return false;
  }
  if (number < 0) {
    ctx.reply.error(kNegative);
    return false;
  }
  limit = number == 0 ? UINT64_MAX : static_cast<uint64_t>(number);
  return true;
}

// Number of keys, keys, options. False with the error answered.
bool read_card_query(Context& ctx, bool may_approximate, CardQuery& query) {
  constexpr std::string_view kNoKeys = "ERR numkeys should be greater than 0";
  int64_t key_count = 0;
  if (!read_int64(ctx, 1, key_count, kNoKeys)) {
    return false;
  }
  if (key_count < 1) {
    ctx.reply.error(kNoKeys);
    return false;
  }
  if (key_count > static_cast<int64_t>(ctx.args.size()) - 2) {
    ctx.reply.error("ERR Number of keys can't be greater than number of args");
    return false;
  }
  const size_t options = 2 + static_cast<size_t>(key_count);
  for (size_t i = options; i < ctx.args.size(); ++i) {
    if (may_approximate && is_word(ctx.args[i], "approx")) {
      query.approximate = true;
      continue;
    }
    if (!is_word(ctx.args[i], "limit") || i + 1 == ctx.args.size()) {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
    if (!read_limit(ctx, ++i, query.limit)) {
      return false;
    }
  }
  auto sets = find_sets(ctx, 2, options);
  if (!sets) {
    return false;
  }
  query.sets = std::move(*sets);
  return true;
}

void sintercard(Context& ctx) {
  CardQuery query;
  if (read_card_query(ctx, /*may_approximate=*/false, query)) {
    const Members members = intersection(std::move(query.sets), query.limit);
    ctx.reply.integer(static_cast<int64_t>(members.size()));
  }
}
void sunioncard(Context& ctx) {
  CardQuery query;
  if (read_card_query(ctx, /*may_approximate=*/true, query)) {
    const uint64_t size = query.approximate ? union_size_estimate(query.sets, query.limit)
                                            : union_size(query.sets, query.limit);
    ctx.reply.integer(static_cast<int64_t>(size));
  }
}
void sdiffcard(Context& ctx) {
  CardQuery query;
  if (read_card_query(ctx, /*may_approximate=*/false, query)) {
    const Members members = difference(query.sets, query.limit);
    ctx.reply.integer(static_cast<int64_t>(members.size()));
  }
}

constexpr CommandRow kRows[] = {
    {.name = "sinter",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclSet,
     .handler = sinter,
     .keys = {keys_from(1, -1, 1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "The members that all of several sets have.",
     .complexity = "O(N*M) for M sets, the smallest of N members",
     .syntax = "key#0...",
     .tips = "nondeterministic_output_order"},
    {.name = "sunion",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclSet,
     .handler = sunion,
     .keys = {keys_from(1, -1, 1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "The members that any of several sets has.",
     .complexity = "O(N) for N members in all sets",
     .syntax = "key#0...",
     .tips = "nondeterministic_output_order"},
    {.name = "sdiff",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclSet,
     .handler = sdiff,
     .keys = {keys_from(1, -1, 1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "The members of a set that no other of several sets has.",
     .complexity = "O(N) for N members in all sets",
     .syntax = "key#0...",
     .tips = "nondeterministic_output_order"},
    {.name = "sinterstore",
     .arity = -3,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclSet,
     .handler = sinterstore,
     .keys = {key_at(1, "RW update"), keys_from(2, -1, 1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "Stores the members that all of several sets have.",
     .complexity = "O(N*M) for M sets, the smallest of N members",
     .syntax = "destination#0 key#1..."},
    {.name = "sunionstore",
     .arity = -3,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclSet,
     .handler = sunionstore,
     .keys = {key_at(1, "OW update"), keys_from(2, -1, 1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "Stores the members that any of several sets has.",
     .complexity = "O(N) for N members in all sets",
     .syntax = "destination#0 key#1..."},
    {.name = "sdiffstore",
     .arity = -3,
     .flags = kWrite | kDenyOom | kLong,
     .acl = kAclSet,
     .handler = sdiffstore,
     .keys = {key_at(1, "OW update"), keys_from(2, -1, 1, "RO access")},
     .group = "set",
     .since = "1.0.0",
     .summary = "Stores the members of a set that no other of several sets has.",
     .complexity = "O(N) for N members in all sets",
     .syntax = "destination#0 key#1..."},
    {.name = "sintercard",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclSet,
     .handler = sintercard,
     .keys = {{.first = 2, .last = -1, .step = 1, .flags = "RO access", .numkeys_at = 1}},
     .group = "set",
     .since = "7.0.0",
     .summary = "How many members all of several sets have.",
     .complexity = "O(N*M) for M sets, the smallest of N members",
     .syntax = "numkeys:integer key#0... [LIMIT limit:integer]"},
    {.name = "sunioncard",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclSet,
     .handler = sunioncard,
     .keys = {{.first = 2, .last = -1, .step = 1, .flags = "RO access", .numkeys_at = 1}},
     .group = "set",
     .since = "8.10.0",
     .summary = "How many members several sets have together.",
     .complexity = "O(N) for N members in all sets",
     .syntax = "numkeys:integer key#0... [APPROX] [LIMIT limit:integer]"},
    {.name = "sdiffcard",
     .arity = -3,
     .flags = kReadonly | kMovableKeys,
     .acl = kAclSet,
     .handler = sdiffcard,
     .keys = {{.first = 2, .last = -1, .step = 1, .flags = "RO access", .numkeys_at = 1}},
     .group = "set",
     .since = "8.10.0",
     .summary = "How many members of a set no other of several sets has.",
     .complexity = "O(N) for N members in all sets",
     .syntax = "numkeys:integer key#0... [LIMIT limit:integer]"},
};

}  // namespace

std::span<const CommandRow> set_algebra_commands() {
  return kRows;
}

}  // namespace pollux
