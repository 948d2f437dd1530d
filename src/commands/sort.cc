// SORT and SORT_RO: the elements of a list, set or sorted set, in an order of their own or by what
// other keys say, and what other keys say of them.
//
//   BY weight_*       sort by the string at weight_ELEMENT
//   BY w_*->field     sort by a field of the hash at w_ELEMENT
//   BY nosort         (anything without a '*') as they are
//   GET pattern ...   reply this instead of the element; GET # is the element
//
// Patterns reach for keys that only the elements tell: a command with one runs with all shards held
// (find_keys). The look-ups go in bursts, so that they wait for memory together.
//
// Order: by number, what is the same by its bytes; with ALPHA by bytes, as strings end at a NUL
// unless the result is stored (redis-server compares by strcoll there, which in the locale "C" is
// the same). What is the same by all of that stays in the order in which the elements came; if they
// are a set's, which has no order, and the result is stored, it goes by its bytes.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/families.h"
#include "src/commands/key_extractor.h"
#include "src/commands/rows.h"
#include "src/data/hash_value.h"
#include "src/data/list_value.h"
#include "src/data/set_value.h"
#include "src/data/zset_value.h"

namespace pollux {

namespace {

// --- patterns ---

// What BY or GET says. Ends, like all that looks for a '*' here, at a NUL.
class Pattern {
 public:
  explicit Pattern(std::string_view text) {
    const std::string_view visible = up_to_nul(text);
    is_element_ = visible == "#";
    const size_t star = visible.find('*');
    if (star == std::string_view::npos) {
      return;
    }
    has_star_ = true;
    before_ = text.substr(0, star);
    behind_ = text.substr(star + 1);
    const size_t arrow = visible.find("->", star + 1);
    if (arrow != std::string_view::npos && arrow + 2 < visible.size()) {
      field_ = text.substr(arrow + 2);
      behind_ = text.substr(star + 1, arrow - star - 1);
    }
  }

  bool is_element() const { return is_element_; }
  bool has_star() const { return has_star_; }
  bool has_field() const { return !field_.empty(); }
  // The key for an element. Requires has_star().
  void make_key(std::string_view element, std::string& key) const {
    key.assign(before_).append(element).append(behind_);
  }
  // What the key's entry, or null, says; nothing if it is not there or of another type.
  std::optional<PackedValue> value_in(const Entry* entry) const {
    if (entry == nullptr) {
      return std::nullopt;
    }
    if (!field_.empty()) {
      return entry->type() == ValueType::kHash ? HashView(entry).find(field_) : std::nullopt;
    }
    if (entry->type() != ValueType::kString) {
      return std::nullopt;
    }
    if (entry->encoding() == Encoding::kInt) {
      return PackedValue(entry->integer());
    }
    const std::string_view bytes = entry->stored_bytes();
    return PackedValue::string_of(bytes.data(), bytes.size());
  }

 private:
  bool is_element_ = false;
  bool has_star_ = false;
  std::string_view before_;
  std::string_view behind_;
  std::string_view field_;
};

struct SortQuery {
  bool descending = false;
  bool alpha = false;
  bool as_is = false;  // BY without a '*'
  int64_t skip = 0;
  int64_t limit = -1;  // negative: all
  std::optional<Pattern> by;
  std::vector<Pattern> gets;
  size_t target = 0;  // argument; 0: none

  // Fields that have ended may be there when the same is done in a history that is run again.
  bool reads_fields() const {
    const auto has_field = [](const Pattern& pattern) { return pattern.has_field(); };
    return (by && by->has_field()) || std::any_of(gets.begin(), gets.end(), has_field);
  }
};

// An option of this name at argument `at`, with so many values behind it.
bool is_option(Args args, size_t at, std::string_view word, size_t values) {
  return args.size() - at > values && is_word(args[at], word);
}

bool read_options(Context& ctx, bool may_store, SortQuery& query) {
  const Args args = ctx.args;
  for (size_t i = 2; i < args.size(); ++i) {
    if (is_word(args[i], "asc")) {
      query.descending = false;
    } else if (is_word(args[i], "desc")) {
      query.descending = true;
    } else if (is_word(args[i], "alpha")) {
      query.alpha = true;
    } else if (is_option(args, i, "limit", 2)) {
      if (!read_int64(ctx, i + 1, query.skip) || !read_int64(ctx, i + 2, query.limit)) {
        return false;
      }
      i += 2;
    } else if (may_store && is_option(args, i, "store", 1)) {
      query.target = ++i;
    } else if (is_option(args, i, "by", 1)) {
      query.by = Pattern(args[++i]);
      query.as_is = query.as_is || !query.by->has_star();
    } else if (is_option(args, i, "get", 1)) {
      query.gets.emplace_back(args[++i]);
    } else {
      ctx.reply.error(error_text::kSyntax);
      return false;
    }
  }
  return true;
}

// --- elements ---

struct Element {
  std::string_view text;
  std::string_view alpha;  // what ALPHA compares; null: nothing, which comes first
  double score = 0;
  uint32_t number = 0;  // in the order in which they came
};

// The elements, with the bytes of those that are integers in their collection.
class Elements {
 public:
  std::vector<Element>& all() { return all_; }

  void add(std::string_view text) {
    all_.push_back({.text = text, .alpha = {}, .number = static_cast<uint32_t>(all_.size())});
  }
  void add(const PackedValue& value) { add(text_of(value)); }
  // Text that will not stay where it is.
  void add_copy(std::string_view text) { add(std::string_view(copy(text), text.size())); }

  std::string_view text_of(const PackedValue& value) {
    if (!value.is_integer()) {
      return value.string();
    }
    char text[kInt64TextMax];
    const size_t size = format_int64(value.integer(), text);
    return {copy({text, size}), size};
  }

 private:
  const char* copy(std::string_view text) {
    if (text.size() > room_ || blocks_.empty()) {  // also no bytes stand somewhere
      room_ = std::max(kBlockBytes, text.size());
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(room_));
      next_ = blocks_.back().get();
    }
    char* const to = next_;
    text.copy(to, text.size());
    next_ += text.size();
    room_ -= text.size();
    return to;
  }

  static constexpr size_t kBlockBytes = 4096;
  std::vector<Element> all_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t room_ = 0;
};

size_t size_of(const Entry* entry) {
  if (entry == nullptr) {
    return 0;
  }
  switch (entry->type()) {
    case ValueType::kList:
      return ListView(*entry).size();
    case ValueType::kSet:
      return SetView(entry).size();
    default:
      return ZsetView(entry).size();
  }
}

// The elements number `first` and following, from the back if `reverse`.
void load(const Entry* entry, size_t first, size_t count, bool reverse, Elements& elements) {
  if (count == 0) {
    return;
  }
  elements.all().reserve(count);
  const size_t size = size_of(entry);
  if (entry->type() == ValueType::kList) {
    ListView(*entry).walk(reverse ? size - 1 - first : first,
                          reverse ? ListEnd::kFront : ListEnd::kBack,
                          [&](const PackedValue& value) {
                            elements.add(value);
                            return elements.all().size() < count;
                          });
    return;
  }
  if (entry->type() == ValueType::kSet) {
    // Without an order: `first` and `count` are all of them.
    SetView(entry).for_each([&](const PackedValue& value) {
      elements.add(value);
      return true;
    });
    return;
  }
  const ZsetView zset(entry);
  const RankRange range = reverse ? RankRange{size - first - count, size - first}
                                  : RankRange{first, first + count};
  zset.visit(range, reverse, [&](std::string_view member, double) {
    if (zset.is_large()) {
      elements.add(member);
    } else {
      elements.add_copy(member);
    }
  });
}

// visit(element, std::optional<PackedValue>) for what each pattern says of each element: all
// patterns of the first, then those of the second.
template <typename Visit>
void for_each_value(Context& ctx, std::span<Element> elements, std::span<const Pattern> patterns,
                    Visit visit) {
  constexpr size_t kBurst = 16;
  std::array<std::string, kBurst> texts;
  Key keys[kBurst];
  const size_t total = elements.size() * patterns.size();
  const int db = ctx.keys.db();
  for (size_t at = 0; at < total; at += kBurst) {
    const size_t n = std::min(kBurst, total - at);
    for (size_t i = 0; i < n; ++i) {
      const Pattern& pattern = patterns[(at + i) % patterns.size()];
      if (pattern.has_star()) {
        pattern.make_key(elements[(at + i) / patterns.size()].text, texts[i]);
        keys[i] = Key::of(texts[i]);
        ctx.keys.store_of(keys[i]).prefetch_bucket(db, keys[i].hash);
      }
    }
    for (size_t i = 0; i < n; ++i) {
      if (patterns[(at + i) % patterns.size()].has_star()) {
        ctx.keys.store_of(keys[i]).prefetch_entry(db, keys[i].hash);
      }
    }
    for (size_t i = 0; i < n; ++i) {
      const Pattern& pattern = patterns[(at + i) % patterns.size()];
      Element& element = elements[(at + i) / patterns.size()];
      if (pattern.has_star()) {
        visit(element, pattern.value_in(ctx.keys.find(keys[i])));
      } else if (pattern.is_element()) {
        visit(element, std::optional(PackedValue::string_of(element.text.data(),
                                                            element.text.size())));
      } else {
        visit(element, std::optional<PackedValue>());
      }
    }
  }
}

// --- sorting ---

// As strtod reads a C string: space in front, nothing at all (0); but within the range of doubles,
// where what is rounded below the least normal one is out of it.
bool parse_weight(std::string_view text, double& score) {
  text = up_to_nul(text);
  if (const auto parsed = parse_double(text); parsed && std::fpclassify(*parsed) != FP_SUBNORMAL) {
    score = *parsed;
    return true;
  }
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  score = std::strtod(copy.c_str(), &end);
  return *end == '\0' && errno != ERANGE && !std::isnan(score);
}

// Says what each element is sorted by. False, with the error answered, if one is no number.
bool weigh(Context& ctx, const SortQuery& query, Elements& elements) {
  bool all_numbers = true;
  const bool whole = query.target != 0;  // all bytes count, what is behind a NUL too
  const auto weigh_one = [&](Element& element, const PackedValue& value) {
    if (query.alpha) {
      const std::string_view text = elements.text_of(value);
      element.alpha = whole ? text : up_to_nul(text);
    } else if (value.is_integer()) {
      element.score = static_cast<double>(value.integer());
    } else {
      all_numbers = parse_weight(value.string(), element.score) && all_numbers;
    }
  };
  if (query.by) {
    for_each_value(ctx, elements.all(), {&*query.by, 1},
                   [&](Element& element, const std::optional<PackedValue>& value) {
                     if (value) {
                       weigh_one(element, *value);
                     }
                   });
  } else {
    for (Element& element : elements.all()) {
      weigh_one(element, PackedValue::string_of(element.text.data(), element.text.size()));
    }
  }
  if (!all_numbers) {
    ctx.reply.error("ERR One or more scores can't be converted into double");
  }
  return all_numbers;
}

// Sorts so far that the first `count` are what they are to be.
template <typename Compare>
void sort_by(std::vector<Element>& all, size_t count, bool descending, Compare compare) {
  const auto before = [descending, compare](const Element& a, const Element& b) {
    const int order = descending ? compare(b, a) : compare(a, b);
    return order != 0 ? order < 0 : a.number < b.number;
  };
  const auto end = all.begin() + static_cast<ptrdiff_t>(count);
  if (end != all.end()) {
    std::nth_element(all.begin(), end, all.end(), before);
  }
  std::sort(all.begin(), end, before);
}

void sort_elements(const SortQuery& query, bool is_set, std::vector<Element>& all, size_t count) {
  if (query.alpha) {
    const bool by_bytes = is_set && query.target != 0;
    sort_by(all, count, query.descending, [by_bytes](const Element& a, const Element& b) {
      const bool has_a = a.alpha.data() != nullptr;
      const bool has_b = b.alpha.data() != nullptr;
      const int order =
          has_a && has_b ? a.alpha.compare(b.alpha) : (has_a ? 1 : 0) - (has_b ? 1 : 0);
      return order == 0 && by_bytes ? a.text.compare(b.text) : order;
    });
  } else {
    sort_by(all, count, query.descending, [](const Element& a, const Element& b) {
      return a.score != b.score ? (a.score < b.score ? -1 : 1) : a.text.compare(b.text);
    });
  }
}

// --- results ---

void reply_result(Context& ctx, const SortQuery& query, std::span<Element> result) {
  if (query.gets.empty()) {
    ctx.reply.array(result.size());
    for (const Element& element : result) {
      ctx.reply.bulk(element.text);
    }
    return;
  }
  ctx.reply.array(result.size() * query.gets.size());
  for_each_value(ctx, result, query.gets,
                 [&ctx](const Element&, const std::optional<PackedValue>& value) {
                   if (value) {
                     reply_packed(ctx.reply, *value);
                   } else {
                     ctx.reply.null();
                   }
                 });
}

void tell_stored(Context& ctx, const SortQuery& query,
                 const std::vector<std::string_view>& values) {
  ctx.effects->add({"DEL", ctx.args[query.target]});
  EffectWords rpush(*ctx.effects, {"RPUSH", ctx.args[query.target]});
  for (const std::string_view value : values) {
    rpush.word(value);
  }
}

// The list is made beside what may be its own elements, and then put in its place.
void store_result(Context& ctx, const SortQuery& query, std::span<Element> result,
                  Elements& elements) {
  std::vector<std::string_view> values;
  if (query.gets.empty()) {
    values.reserve(result.size());
    for (const Element& element : result) {
      values.push_back(element.text);
    }
  } else {
    values.reserve(result.size() * query.gets.size());
    for_each_value(ctx, result, query.gets,
                   [&](const Element&, const std::optional<PackedValue>& value) {
                     values.push_back(value ? elements.text_of(*value) : std::string_view());
                   });
  }
  if (ctx.effects != nullptr && query.reads_fields() && !values.empty()) {
    tell_stored(ctx, query, values);
  }
  Edit edit(ctx.keys, Key::of(ctx.args[query.target]));
  if (!values.empty()) {
    ListEdit(edit, ctx.config.encoding).assign(values);
    edit.clear_expiry();
    edit.notify(KeyEvent::kSortStore, values.size());
  } else if (edit.entry() != nullptr) {
    edit.remove();
    edit.notify(KeyEvent::kDel);
  }
  ctx.reply.integer(static_cast<int64_t>(values.size()));
}

bool is_sortable(const Entry* entry) {
  return entry == nullptr || entry->type() == ValueType::kList ||
         entry->type() == ValueType::kSet || entry->type() == ValueType::kZset;
}

void sort_generic(Context& ctx, bool may_store) {
  SortQuery query;
  if (!read_options(ctx, may_store, query)) {
    return;
  }
  const Entry* entry = ctx.keys.find(ctx.key(1));
  if (!is_sortable(entry)) {
    ctx.reply.error(error_text::kWrongType);
    return;
  }
  const bool is_set = entry != nullptr && entry->type() == ValueType::kSet;
  if (query.as_is && is_set && query.target != 0) {
    // What is stored must not depend on the order of a table.
    query.as_is = false;
    query.alpha = true;
    query.by.reset();
  }
  const size_t size = size_of(entry);
  const size_t first = std::min(static_cast<size_t>(std::max<int64_t>(query.skip, 0)), size);
  const size_t count = query.limit < 0 ? size - first
                                       : std::min(static_cast<size_t>(query.limit), size - first);
  Elements elements;
  std::span<Element> result;
  if (query.as_is && !is_set) {
    load(entry, first, count, query.descending, elements);
    result = elements.all();
  } else {
    load(entry, 0, size, /*reverse=*/false, elements);
    if (!query.as_is) {
      if (!weigh(ctx, query, elements)) {
        return;
      }
      sort_elements(query, is_set, elements.all(), first + count);
    }
    result = std::span(elements.all()).subspan(first, count);
  }
  if (query.target != 0) {
    store_result(ctx, query, result, elements);
  } else {
    reply_result(ctx, query, result);
  }
}

void sort(Context& ctx) {
  sort_generic(ctx, /*may_store=*/true);
}
void sort_ro(Context& ctx) {
  sort_generic(ctx, /*may_store=*/false);
}

// The last target counts. A pattern may reach for any key.
bool find_keys(Args args, KeyIndices& keys, bool may_store) {
  keys.append(1, 0);
  size_t target = 0;
  for (size_t i = 2; i < args.size(); ++i) {
    if (is_option(args, i, "limit", 2)) {
      i += 2;
    } else if (is_option(args, i, "by", 1) || is_option(args, i, "get", 1)) {
      if (Pattern(args[++i]).has_star()) {
        keys.set_need_all();
      }
    } else if (may_store && is_option(args, i, "store", 1)) {
      target = ++i;
    }
  }
  if (target != 0) {
    keys.append(target, 2);
  }
  return true;
}
bool find_sort_keys(Args args, KeyIndices& keys) {
  return find_keys(args, keys, /*may_store=*/true);
}
bool find_sort_ro_keys(Args args, KeyIndices& keys) {
  return find_keys(args, keys, /*may_store=*/false);
}

constexpr KeySpec kPatternKeys = {
    .first = kKeysUnknown,
    .flags = "RO access",
    .notes = "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive "
             "from the content of the key we sort"};
constexpr KeySpec kTargetKey = {
    .first = kKeysUnknown,
    .flags = "OW update",
    .notes = "For the optional STORE keyword. It is marked 'unknown' because the keyword can "
             "appear anywhere in the argument array"};
constexpr uint32_t kAcl = kAclSet | kAclSortedset | kAclList | kAclDangerous;
constexpr std::string_view kComplexity = "O(N + M log M) for N elements and M in the reply";

constexpr CommandRow kRows[] = {
    {.name = "sort",
     .arity = -2,
     .flags = kWrite | kDenyOom | kMovableKeys | kLong,
     .acl = kAcl,
     .handler = sort,
     .keys = {key_at(1, "RO access"), kPatternKeys, kTargetKey},
     .key_finder = find_sort_keys,
     .group = "generic",
     .since = "1.0.0",
     .summary = "Sorts the elements of a list, set or sorted set; may store them.",
     .complexity = kComplexity,
     .syntax = "key#0 [BY pattern:pattern#1] [LIMIT offset_count=(offset:integer count:integer)] "
               "[GET pattern:pattern#1&...] order=[ASC|DESC] [sorting=ALPHA] "
               "[STORE destination#2]"},
    {.name = "sort_ro",
     .arity = -2,
     .flags = kReadonly | kMovableKeys,
     .acl = kAcl,
     .handler = sort_ro,
     .keys = {key_at(1, "RO access"), kPatternKeys},
     .key_finder = find_sort_ro_keys,
     .group = "generic",
     .since = "7.0.0",
     .summary = "Sorts the elements of a list, set or sorted set.",
     .complexity = kComplexity,
     .syntax = "key#0 [BY pattern:pattern#1] [LIMIT offset_count=(offset:integer count:integer)] "
               "[GET pattern:pattern#1&...] order=[ASC|DESC] [sorting=ALPHA]"},
};

}  // namespace

std::span<const CommandRow> sort_commands() {
  return kRows;
}

}  // namespace pollux
