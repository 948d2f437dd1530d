#include "tests/differential/rules.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/differential/payloads.h"
#include "tests/differential/resp.h"

namespace pollux {
namespace {

std::vector<std::string> sorted_items(const ReplyTree& tree) {
  std::vector<std::string> out;
  for (const ReplyTree& item : tree.items) {
    out.push_back(flatten(item));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::map<std::string, std::string> pairs(const ReplyTree& tree) {
  std::map<std::string, std::string> out;
  for (size_t i = 0; i + 1 < tree.items.size(); i += 2) {
    out[tree.items[i].text] = flatten(tree.items[i + 1]);
  }
  return out;
}

// Arrays of status words (flags, categories) and arrays of arrays (subcommands) below the top are
// sets.
void sort_sets(ReplyTree& tree, bool top) {
  bool all_words = !tree.items.empty();
  bool all_arrays = !tree.items.empty() && !top;
  for (ReplyTree& item : tree.items) {
    sort_sets(item, false);
    all_words = all_words && item.type == '+';
    all_arrays = all_arrays && !item.items.empty();
  }
  if (all_words || all_arrays) {
    std::sort(tree.items.begin(), tree.items.end(), [](const ReplyTree& a, const ReplyTree& b) {
      return flatten(a) < flatten(b);
    });
  }
}

constexpr long long kStreamTimeSlackMs = 5000;
constexpr long long kAnyBlocks = 1'000'000'000;

bool near_enough(const ReplyTree& a, const ReplyTree& b, long long distance_max) {
  if (a.type != ':' || b.type != ':') {
    return flatten(a) == flatten(b);
  }
  long long x = std::strtoll(a.text.c_str(), nullptr, 10);
  long long y = std::strtoll(b.text.c_str(), nullptr, 10);
  return x == y || (x >= 0 && y >= 0 && std::llabs(x - y) <= distance_max);
}

// What we tell of consumers beyond 7.0.
void forget_last_success(ReplyTree& tree) {
  for (size_t i = 0; i < tree.items.size(); ++i) {
    forget_last_success(tree.items[i]);
    if (i > 0 && tree.items[i].type == ':' &&
        (tree.items[i - 1].text == "inactive" || tree.items[i - 1].text == "active-time")) {
      const auto name = tree.items.begin() + static_cast<std::ptrdiff_t>(i - 1);
      tree.items.erase(name, name + 2);
      --i;
    }
  }
}

// Whether element `i` is the time of a pending entry: in [id, consumer, time, deliveries] or
// [id, time, deliveries].
bool is_stream_time(const ReplyTree& tree, size_t i) {
  const std::vector<ReplyTree>& items = tree.items;
  if (items[i].type != ':' || i == 0) {
    return false;
  }
  return (items.size() == 4 && i == 2 && items[3].type == ':') ||
         (items.size() == 3 && i == 1 && items[2].type == ':');
}

// Of the times of a consumer: 7.0 takes no notice of attempts that get nothing, so that ours may be
// later.
bool same_attempt(const std::string& name, const ReplyTree& redis, const ReplyTree& pollux) {
  const long long x = std::strtoll(redis.text.c_str(), nullptr, 10);
  const long long y = std::strtoll(pollux.text.c_str(), nullptr, 10);
  return name == "idle" ? y <= x + kStreamTimeSlackMs : y >= x - kStreamTimeSlackMs;
}

// The item behind a name; null: there is none.
const ReplyTree* behind(const ReplyTree& tree, std::string_view name) {
  for (size_t i = 0; i + 1 < tree.items.size(); i += 2) {
    if (tree.items[i].text == name) {
      return &tree.items[i + 1];
    }
  }
  return nullptr;
}

long long number_of(const ReplyTree& tree) {
  return std::strtoll(tree.text.c_str(), nullptr, 10);
}

// Of what XINFO STREAM tells.
bool has_no_entry(const ReplyTree& stream) {
  const ReplyTree* const length = behind(stream, "length");
  return length != nullptr && number_of(*length) == 0;
}

// Blocks in which nothing lives do not come through RESTORE here: so many may be missing, but
// never the last one that something lives in.
bool same_blocks(const ReplyTree& redis, const ReplyTree& pollux, bool empty, long long missing) {
  const long long x = number_of(redis);
  const long long y = number_of(pollux);
  return redis.type == ':' && pollux.type == ':' && y <= x && y >= x - missing &&
         (x == y || empty || y > 0);
}

// `missing`: blocks of a stream.
bool same_stream_info(const ReplyTree& a, const ReplyTree& b, bool changed, long long missing) {
  if (a.type != b.type || a.null != b.null || a.items.size() != b.items.size()) {
    return false;
  }
  if (a.items.empty()) {
    return flatten(a) == flatten(b);
  }
  for (size_t i = 0; i < a.items.size(); ++i) {
    const std::string name = i > 0 ? a.items[i - 1].text : "";
    const bool own =
        name == "radix-tree-nodes" || (changed && name == "recorded-first-entry-id");
    const bool attempt = a.items[i].type == ':' && (name == "idle" || name == "seen-time");
    const bool same =
        own                         ? a.items[i].type == b.items[i].type
        : name == "radix-tree-keys" ? same_blocks(a.items[i], b.items[i], has_no_entry(a), missing)
        : attempt && b.items[i].type == ':' ? same_attempt(name, a.items[i], b.items[i])
        : is_stream_time(a, i) && is_stream_time(b, i)
            ? near_enough(a.items[i], b.items[i], kStreamTimeSlackMs)
            : same_stream_info(a.items[i], b.items[i], changed, missing);
    if (!same) {
      return false;
    }
  }
  return true;
}

bool same_hello(const ReplyTree& redis, const ReplyTree& pollux) {
  std::map<std::string, std::string> want = pairs(redis);
  std::map<std::string, std::string> have = pairs(pollux);
  for (const auto& [field, value] : want) {
    auto found = have.find(field);
    if (found == have.end()) {
      return false;
    }
    if (field != "version" && field != "id" && found->second != value) {
      return false;
    }
  }
  return redis.type == pollux.type;
}

}  // namespace

bool replies_agree(Rule rule, std::string_view redis, std::string_view pollux, Slack slack) {
  if (redis == pollux) {
    return true;
  }
  if (rule == Rule::kExact || redis[0] == '-' || pollux[0] == '-') {
    return false;
  }
  ReplyTree a = parse_reply(redis);
  ReplyTree b = parse_reply(pollux);
  switch (rule) {
    case Rule::kExact:
      return false;
    case Rule::kSorted:
      return a.type == b.type && sorted_items(a) == sorted_items(b);
    case Rule::kPairs:
      return a.type == b.type && a.items.size() == b.items.size() && pairs(a) == pairs(b);
    case Rule::kFlagSets:
      sort_sets(a, true);
      sort_sets(b, true);
      return flatten(a) == flatten(b);
    case Rule::kType:
      return a.type == b.type;
    case Rule::kNullness:
      return a.type == b.type && a.null == b.null;
    case Rule::kNearSeconds:
      return near_enough(a, b, 2 + slack.ms / 1000);
    case Rule::kNearMs:
      return near_enough(a, b, 2000 + slack.ms);
    case Rule::kEncoding:
      return flatten(a) == flatten(b) || (a.text == "skiplist" && b.text == "listpack");
    case Rule::kStreamTimes:
    case Rule::kChangedStream:
      forget_last_success(b);
      return rule == Rule::kChangedStream ? same_stream_info(a, b, true, kAnyBlocks)
                                          : same_stream_info(a, b, false, slack.blocks);
    case Rule::kPayload:
      return a.type == b.type && a.null == b.null && payloads_agree(a.text, b.text);
    case Rule::kHello:
      return same_hello(a, b);
  }
  return false;
}

long long blocks_left_out(std::string_view redis, std::string_view pollux) {
  const ReplyTree a = parse_reply(redis);
  const ReplyTree b = parse_reply(pollux);
  const ReplyTree* const x = behind(a, "radix-tree-keys");
  const ReplyTree* const y = behind(b, "radix-tree-keys");
  return x != nullptr && y != nullptr && same_blocks(*x, *y, has_no_entry(a), kAnyBlocks)
             ? number_of(*x) - number_of(*y)
             : 0;
}

namespace {

// The elements of an array as they came; none if it is no array.
std::vector<std::string_view> elements_of(std::string_view reply) {
  std::vector<std::string_view> out;
  const size_t head = reply.find('\n');
  if (reply[0] != '*' || head == std::string_view::npos) {
    return out;
  }
  reply.remove_prefix(head + 1);
  while (!reply.empty()) {
    const size_t length = reply_length(reply);
    if (length == 0 || length == kBadReply) {
      return {};
    }
    out.push_back(reply.substr(0, length));
    reply.remove_prefix(length);
  }
  return out;
}

}  // namespace

bool exec_replies_agree(const std::vector<Rule>& rules, std::string_view redis,
                        std::string_view pollux, Slack slack) {
  const std::vector<std::string_view> want = elements_of(redis);
  const std::vector<std::string_view> have = elements_of(pollux);
  if (want.size() != rules.size() || have.size() != rules.size()) {
    return redis == pollux;
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    if (!replies_agree(rules[i], want[i], have[i], slack)) {
      return false;
    }
  }
  return true;
}

}  // namespace pollux
