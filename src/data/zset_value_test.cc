// Both forms of a sorted set against a sorted vector, by seed; the bytes of the small form against
// what redis-server dumps.
#include "src/data/zset_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace pollux {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// DUMP of redis-server 7.0.15 without type, length, version and checksum, after
// ZADD z 1e18 big 5e18 bigger -0 zero 0.1 tenth 7 8 inf i
constexpr char kDumped[] =
    "\x55\x00\x00\x00\x0c\x00\x84\x7a\x65\x72\x6f\x05\x00\x01\x85\x74\x65\x6e\x74\x68"
    "\x06\x93\x30\x2e\x31\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30"
    "\x31\x14\x08\x01\x07\x01\x83\x62\x69\x67\x04\xf4\x00\x00\x64\xa7\xb3\xb6\xe0\x0d"
    "\x09\x86\x62\x69\x67\x67\x65\x72\x07\x85\x35\x65\x2b\x31\x38\x06\x81\x69\x02\x83"
    "\x69\x6e\x66\x04\xff";

class ZsetTest : public testing::Test {
 protected:
  using Model = std::vector<std::pair<double, std::string>>;

  ZsetTest() { keys_.bind(ShardId{0}, 0, now_); }

  ZsetView view(std::string_view key = "k") { return ZsetView(keys_.peek(Key::of(key))); }
  Model content(std::string_view key = "k", bool reverse = false) {
    Model all;
    const ZsetView zset = view(key);
    zset.visit({0, zset.size()}, reverse, [&](std::string_view member, double score) {
      all.emplace_back(score, member);
    });
    return all;
  }
  ZsetEditor::Added add(std::string_view member, double score, ZsetEditor::Rules rules = {}) {
    Edit edit(keys_, Key::of("k"));
    const auto added = ZsetEditor(edit, limits_).add(Key::of(member), score, rules);
    edit.keep_quiet();
    return added;
  }
  bool erase(std::string_view member) {
    Edit edit(keys_, Key::of("k"));
    const bool erased = ZsetEditor(edit, limits_).erase(Key::of(member));
    remove_if_empty(edit);
    return erased;
  }
  void erase_range(RankRange range) {
    Edit edit(keys_, Key::of("k"));
    ZsetEditor(edit, limits_).erase(range);
    remove_if_empty(edit);
  }
  static void remove_if_empty(Edit& edit) {
    if (edit.entry() != nullptr && ZsetView(edit.entry()).empty()) {
      edit.remove();
    }
    edit.keep_quiet();
  }

  // What the model says of the element, or its end.
  static Model::iterator find(Model& model, std::string_view member) {
    return std::find_if(model.begin(), model.end(),
                        [&](const auto& pair) { return pair.second == member; });
  }
  double some_score() {
    constexpr double kOdd[] = {kInfinity, -kInfinity, 1e18, 5e18, 0.1, -2.5, 1e300};
    return rng_.below(8) == 0 ? kOdd[rng_.below(std::size(kOdd))]
                              : static_cast<double>(rng_.below(40)) - 20;
  }
  std::string some_member(uint64_t names) {
    const uint64_t n = rng_.below(names);
    return n % 3 == 0 ? std::to_string(n) : "m" + std::string(n % 7, 'x') + std::to_string(n);
  }
  void churn(uint64_t names, int steps);
  void compare(Model& model, uint64_t names);
  void compare_ranges(const Model& model);

  ShardStore store_{ShardId{0}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  EncodingLimits limits_;
  Instant now_{1'700'000'000'000'000};
  Rng rng_{11};
};

void ZsetTest::compare(Model& model, uint64_t names) {
  ASSERT_EQ(content(), model);
  Model reversed(model.rbegin(), model.rend());
  ASSERT_EQ(content("k", /*reverse=*/true), reversed);
  const std::string member = some_member(names);
  const auto at = find(model, member);
  const auto ranked = view().rank(Key::of(member));
  ASSERT_EQ(ranked.has_value(), at != model.end());
  ASSERT_EQ(view().score(Key::of(member)).has_value(), at != model.end());
  if (ranked) {
    ASSERT_EQ(ranked->rank, static_cast<uint64_t>(at - model.begin()));
    ASSERT_EQ(ranked->score, at->first);
    ASSERT_EQ(*view().score(Key::of(member)), at->first);
  }
  compare_ranges(model);
}

void ZsetTest::compare_ranges(const Model& model) {
  const ScoreRange scores{some_score(), some_score(), rng_.below(2) == 0, rng_.below(2) == 0};
  const auto inside = [&](const auto& pair) {
    return (scores.without_min ? pair.first > scores.min : pair.first >= scores.min) &&
           (scores.without_max ? pair.first < scores.max : pair.first <= scores.max);
  };
  const RankRange range = view().range(scores);
  ASSERT_EQ(range.size(), static_cast<uint64_t>(
                              std::count_if(model.begin(), model.end(), inside)));
  if (range.size() > 0) {
    ASSERT_EQ(range.first, static_cast<uint64_t>(
                               std::find_if(model.begin(), model.end(), inside) - model.begin()));
  }

  // Scores from min to before max, three at most.
  Model visited;
  view().visit_scores(scores.min, scores.max, [&](std::string_view member, double score) {
    visited.emplace_back(score, member);
    return visited.size() < 3;
  });
  Model expected;
  for (const auto& pair : model) {
    if (pair.first >= scores.min && pair.first < scores.max && expected.size() < 3) {
      expected.push_back(pair);
    }
  }
  ASSERT_EQ(visited, expected);
}

void ZsetTest::churn(uint64_t names, int steps) {
  Model model;
  for (int i = 0; i < steps; ++i) {
    const uint64_t kind = rng_.below(20);
    const std::string member = some_member(names);
    const auto at = find(model, member);
    const double score = some_score();
    if (kind < 5) {
      ASSERT_EQ(erase(member), at != model.end());
      if (at != model.end()) {
        model.erase(at);
      }
    } else if (kind == 5 && !model.empty() && rng_.below(4) == 0) {
      const uint64_t first = rng_.below(model.size());
      const uint64_t end = std::min<uint64_t>(model.size(), first + rng_.below(names / 5 + 2));
      erase_range({first, end});
      model.erase(model.begin() + static_cast<ptrdiff_t>(first),
                  model.begin() + static_cast<ptrdiff_t>(end));
    } else {
      const auto added = add(member, score);
      if (at == model.end()) {
        ASSERT_EQ(added.outcome, ZsetEditor::Outcome::kAdded);
      } else {
        ASSERT_EQ(added.outcome, at->first == score ? ZsetEditor::Outcome::kSame
                                                    : ZsetEditor::Outcome::kUpdated);
        model.erase(at);
      }
      const std::pair<double, std::string> pair{score, member};
      model.insert(std::lower_bound(model.begin(), model.end(), pair), pair);
    }
    if (i % 64 == 0) {
      store_.tick(now_, 200);
      compare(model, names);
    }
  }
  compare(model, names);
  if (view().is_large()) {
    static_cast<const ZsetCollection*>(keys_.peek(Key::of("k"))->collection())->tree().check();
  }
}

TEST_F(ZsetTest, SmallAgainstAModel) { churn(100, 30'000); }

TEST_F(ZsetTest, LargeAgainstAModel) {
  limits_.zset_listpack_entries = 0;
  churn(3000, 60'000);
}

TEST_F(ZsetTest, BecomesLargeByNumberOrLength) {
  for (int i = 0; i < 128; ++i) {
    add("m" + std::to_string(i), i);
  }
  EXPECT_FALSE(view().is_large());
  const Model before = content();
  add("m5", 5.5);
  EXPECT_FALSE(view().is_large());
  add("m5", 5);
  add("one", 1000);
  EXPECT_TRUE(view().is_large());
  Model after = content();
  after.pop_back();
  EXPECT_EQ(after, before);
  erase_range({0, 128});
  EXPECT_TRUE(view().is_large()) << "and stays it";
  erase("one");
  EXPECT_EQ(keys_.peek(Key::of("k")), nullptr);
  add(std::string(64, 'x'), 1);
  EXPECT_FALSE(view().is_large());
  add(std::string(65, 'x'), 1);
  EXPECT_TRUE(view().is_large());
}

TEST_F(ZsetTest, RulesOfAdd) {
  using Outcome = ZsetEditor::Outcome;
  for (const int64_t entries : {128, 0}) {
    limits_.zset_listpack_entries = entries;
    EXPECT_EQ(add("a", 1, {.only_old = true}).outcome, Outcome::kRefused);
    EXPECT_EQ(keys_.peek(Key::of("k")), nullptr);
    add("a", 1);
    EXPECT_EQ(add("a", 2, {.only_new = true}).outcome, Outcome::kRefused);
    EXPECT_EQ(add("a", 1, {.only_greater = true}).outcome, Outcome::kRefused);
    EXPECT_EQ(add("a", 0, {.only_greater = true}).outcome, Outcome::kRefused);
    EXPECT_EQ(add("a", 2, {.only_less = true}).outcome, Outcome::kRefused);
    EXPECT_EQ(add("a", 3, {.only_greater = true}).score, 3);
    EXPECT_EQ(add("a", 4, {.increment = true}).score, 7);
    EXPECT_EQ(add("a", 0, {.increment = true}).outcome, Outcome::kSame);
    EXPECT_EQ(add("a", kInfinity).outcome, Outcome::kUpdated);
    EXPECT_EQ(add("a", -kInfinity, {.increment = true}).outcome, Outcome::kNan);
    EXPECT_EQ(content(), (Model{{kInfinity, "a"}}));
    erase("a");
  }
}

TEST_F(ZsetTest, SmallFormIsRedisListpack) {
  add("big", 1e18);
  add("bigger", 5e18);
  add("zero", -0.0);
  add("tenth", 0.1);
  add("8", 7);
  add("i", kInfinity);
  EXPECT_EQ(keys_.peek(Key::of("k"))->flat(), Listpack::bare({kDumped, sizeof(kDumped) - 1}));
}

TEST_F(ZsetTest, NegativeZeroIsKeptByTheLargeForm) {
  limits_.zset_listpack_entries = 0;
  add("a", -0.0);
  EXPECT_TRUE(std::signbit(*view().score(Key::of("a"))));
}

TEST_F(ZsetTest, LexRanges) {
  for (const int64_t entries : {128, 0}) {
    limits_.zset_listpack_entries = entries;
    for (const char* member : {"a", "b", "c", "d"}) {
      add(member, 0);
    }
    const auto range = [&](LexBound min, LexBound max) {
      const RankRange found = view().range(LexRange{min, max});
      return std::pair(found.first, found.size());
    };
    using Range = std::pair<uint64_t, uint64_t>;
    const LexBound first{LexBound::kFirst, {}};
    const LexBound last{LexBound::kLast, {}};
    EXPECT_EQ(range(first, last), Range(0, 4));
    EXPECT_EQ(range({LexBound::kWith, "b"}, last), Range(1, 3));
    EXPECT_EQ(range({LexBound::kWithout, "b"}, {LexBound::kWithout, "d"}), Range(2, 1));
    EXPECT_EQ(range({LexBound::kWith, "b"}, {LexBound::kWith, "d"}), Range(1, 3));
    EXPECT_EQ(range({LexBound::kWith, "d"}, {LexBound::kWith, "b"}).second, 0U);
    EXPECT_EQ(range(last, first).second, 0U);
    erase_range({0, 4});
  }
}

TEST_F(ZsetTest, IsCopiedAndAssigned) {
  limits_.zset_listpack_entries = 16;
  for (const int size : {10, 1000}) {
    for (int i = 0; i < size; ++i) {
      add("member" + std::to_string(i), i % 50);
    }
    {
      Edit to(keys_, Key::of("copy"));
      to.copy(*keys_.peek(Key::of("k")));
      to.notify(KeyEvent::kCopyTo);
    }
    EXPECT_EQ(content("copy"), content());
    // Every second one, of its own elements.
    std::vector<ZsetItem> items;
    view().visit_all([&](std::string_view member, double score) {
      if (items.size() * 2 < view().size()) {
        items.push_back({member, score});
      }
    });
    Model expected;
    for (const ZsetItem& item : items) {
      expected.emplace_back(item.score, item.member);
    }
    {
      Edit edit(keys_, Key::of("k"));
      ZsetEditor(edit, limits_).assign(items);
      edit.keep_quiet();
    }
    EXPECT_EQ(content(), expected);
    EXPECT_EQ(view().is_large(), items.size() > 16);
    erase_range({0, view().size()});
  }
  while (store_.tick(now_, 1000)) {
  }
}

}  // namespace
}  // namespace pollux
