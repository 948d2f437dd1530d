#include "src/data/rank_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Member {
  double score;
  std::string name;
};

// Handles are indexes here; index 0 is nobody's.
struct ByScore {
  const std::vector<Member>* members;

  int64_t key(Handle handle) const { return score_key((*members)[handle].score); }
  bool before(Handle left, Handle right) const { return less((*members)[left], (*members)[right]); }
  void prefetch(Handle) const {}
  static bool less(const Member& left, const Member& right) {
    return left.score != right.score ? left.score < right.score : left.name < right.name;
  }
};

// The scores that members get: the tree must be right with each, though not equally fast.
enum class Scores { kUniform, kFew, kOne, kOfAnySize, kClusters, kRising, kFalling };

// A tree beside a sorted vector.
class Pair {
 public:
  explicit Pair(Scores scores, uint64_t seed) : scores_(scores), rng_(seed) {}
  ~Pair() {
    while (tree_.drain(3)) {
    }
    EXPECT_EQ(arena_.used_bytes(), 0);
  }

  double make_score() {
    switch (scores_) {
      case Scores::kUniform:
        return rng_.unit() * 1000;
      case Scores::kFew:
        return static_cast<double>(rng_.below(40)) - 20;
      case Scores::kOne:
        return 7;
      case Scores::kOfAnySize: {
        const double sign = rng_.below(2) == 0 ? -1 : 1;
        const uint64_t kind = rng_.below(10);
        return sign * (kind == 0 ? 0
                       : kind == 1
                           ? kInfinity
                           : std::ldexp(rng_.unit(), static_cast<int>(rng_.below(2000)) - 1000));
      }
      case Scores::kClusters:
        return std::ldexp(1, static_cast<int>(rng_.below(6)) * 10) + rng_.unit();
      case Scores::kRising:
        return ++clock_ - static_cast<double>(rng_.below(3));
      case Scores::kFalling:
        return --clock_;
    }
    return 0;
  }

  void insert() {
    members_.push_back({make_score(), std::to_string(rng_.next())});
    const Handle handle = static_cast<Handle>(members_.size() - 1);
    const uint64_t rank = model_rank(members_[handle]);
    model_.insert(model_.begin() + static_cast<ptrdiff_t>(rank), handle);
    ASSERT_EQ(tree_.insert(handle), rank);
  }
  void erase() {
    const size_t rank = rng_.below(model_.size());
    ASSERT_EQ(tree_.erase(model_[rank]), rank);
    model_.erase(model_.begin() + static_cast<ptrdiff_t>(rank));
  }
  void erase_ranks(uint64_t count_max) {
    const size_t rank = rng_.below(model_.size() + 1);
    const size_t count = std::min(rng_.below(count_max + 1), model_.size() - rank);
    tree_.erase_ranks(rank, count);
    const auto first = model_.begin() + static_cast<ptrdiff_t>(rank);
    model_.erase(first, first + static_cast<ptrdiff_t>(count));
  }
  // The member moves to another block, as compaction does it.
  void replace() {
    const size_t rank = rng_.below(model_.size());
    const Handle from = model_[rank];
    members_.push_back(members_[from]);
    model_[rank] = static_cast<Handle>(members_.size() - 1);
    tree_.replace(from, model_[rank]);
    members_[from] = {-1e9, "gone"};
  }

  void ask() const {
    const Member probe{
        rng_.below(3) == 0 || model_.empty() ? const_cast<Pair*>(this)->make_score() : any().score,
        std::to_string(rng_.next())};
    const int64_t key = score_key(probe.score);
    const auto by_score = [this](double score, auto less) {
      return static_cast<uint64_t>(
          std::partition_point(model_.begin(), model_.end(),
                               [&](Handle handle) { return less(members_[handle].score, score); }) -
          model_.begin());
    };
    expect_at(tree_.find(RankBound::at_least(key)), by_score(probe.score, std::less<>()));
    expect_at(tree_.find(RankBound::above(key)), by_score(probe.score, std::less_equal<>()));
    const auto before = [&](Handle handle) { return ByScore::less(members_[handle], probe); };
    expect_at(tree_.find(RankTieBound(key, before)), model_rank(probe));
    expect_at(tree_.find(RankAnyBound(before)), model_rank(probe));
    if (!model_.empty()) {
      const uint64_t rank = rng_.below(model_.size());
      ASSERT_EQ(tree_.rank_of(model_[rank]), rank);
      ASSERT_EQ(tree_.at(rank).handle(), model_[rank]);
    }
    ASSERT_FALSE(tree_.at(model_.size()));
    ASSERT_EQ(tree_.first(), model_.empty() ? kNoHandle : model_.front());
    ASSERT_EQ(tree_.last(), model_.empty() ? kNoHandle : model_.back());
  }

  // Both the same from end to end, both ways.
  void compare() const {
    tree_.check();
    ASSERT_EQ(tree_.size(), model_.size());
    ASSERT_EQ(static_cast<int64_t>(tree_.bytes()), arena_.used_bytes());
    auto cursor = tree_.at(0);
    for (size_t i = 0; i < model_.size(); ++i, cursor.next()) {
      ASSERT_TRUE(cursor);
      ASSERT_EQ(cursor.handle(), model_[i]);
    }
    ASSERT_FALSE(cursor);
    if (model_.empty()) {
      return;
    }
    cursor = tree_.at(model_.size() - 1);
    for (size_t i = model_.size(); i-- > 0; cursor.prev()) {
      ASSERT_TRUE(cursor);
      ASSERT_EQ(cursor.handle(), model_[i]);
    }
    ASSERT_FALSE(cursor);
  }

  size_t size() const { return model_.size(); }
  double bytes_each() const {
    return static_cast<double>(tree_.bytes()) / static_cast<double>(model_.size());
  }
  Rng& rng() { return rng_; }
  RankTree<ByScore>& tree() { return tree_; }

 private:
  const Member& any() const { return members_[model_[rng_.below(model_.size())]]; }
  uint64_t model_rank(const Member& probe) const {
    return static_cast<uint64_t>(
        std::partition_point(
            model_.begin(), model_.end(),
            [&](Handle handle) { return ByScore::less(members_[handle], probe); }) -
        model_.begin());
  }
  void expect_at(const RankTree<ByScore>::Position& position, uint64_t rank) const {
    ASSERT_EQ(position.rank, rank);
    ASSERT_EQ(static_cast<bool>(position.cursor), rank < model_.size());
    if (position.cursor) {
      ASSERT_EQ(position.cursor.handle(), model_[rank]);
    }
  }

  Scores scores_;
  mutable Rng rng_;
  double clock_ = 0;
  Arena arena_;
  std::vector<Member> members_{{0, ""}};
  RankTree<ByScore> tree_{arena_, ByScore{&members_}};
  std::vector<Handle> model_;
};

TEST(ScoreKey, IsInTheOrderOfScores) {
  const double scores[] = {-kInfinity, -1e308, -2,  -1, -5e-324, 0,
                           5e-324,     1,      1.5, 2,  1e308,   kInfinity};
  for (size_t i = 0; i < std::size(scores); ++i) {
    for (size_t j = 0; j < std::size(scores); ++j) {
      EXPECT_EQ(score_key(scores[i]) < score_key(scores[j]), scores[i] < scores[j]);
    }
  }
  EXPECT_EQ(score_key(-0.0), score_key(0.0));
}

class RankTreeByScores : public testing::TestWithParam<Scores> {};
INSTANTIATE_TEST_SUITE_P(Scores, RankTreeByScores,
                         testing::Values(Scores::kUniform, Scores::kFew, Scores::kOne,
                                         Scores::kOfAnySize, Scores::kClusters, Scores::kRising,
                                         Scores::kFalling));

TEST_P(RankTreeByScores, IsASortedVectorAtEverySizeOfTheFirstNodes) {
  Pair pair(GetParam(), 1);
  pair.compare();
  pair.ask();
  for (int way = 0; way < 2; ++way) {
    for (int i = 0; i < 600; ++i) {
      way == 0 ? pair.insert() : pair.erase();
      pair.ask();
      pair.compare();
    }
  }
  EXPECT_EQ(pair.tree().bytes(), 0U);
}

TEST_P(RankTreeByScores, IsASortedVectorThroughGrowthAndShrinking) {
  Pair pair(GetParam(), 2);
  Rng& rng = pair.rng();
  for (const size_t target : {12'000, 300, 5'000, 0, 20'000, 0}) {
    for (int step = 0; pair.size() != target; ++step) {
      const bool grow = (pair.size() < target) == (rng.below(10) < 8);
      const uint64_t dice = rng.below(1000);
      if (pair.size() == 0 || (grow && dice > 20)) {
        pair.insert();
      } else if (dice == 0 && pair.size() > 2 * target) {
        pair.erase_ranks(900);
      } else if (dice < 5) {
        pair.erase_ranks(rng.below(10));
      } else if (dice <= 20) {
        pair.replace();
      } else {
        pair.erase();
      }
      pair.ask();
      if (step % 1024 == 0) {
        pair.compare();
      }
    }
    pair.compare();
  }
}

TEST_P(RankTreeByScores, StaysRightWhileMembersComeAndGo) {
  Pair pair(GetParam(), 3);
  while (pair.size() < 9'000) {
    pair.insert();
  }
  for (int i = 0; i < 40'000; ++i) {
    pair.erase();
    pair.insert();
    if (i % 8'000 == 0) {
      pair.compare();
    }
  }
  pair.compare();
  EXPECT_LT(pair.bytes_each(), 7);
}

TEST(RankTree, LosesRangesOfAnySize) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Pair pair(Scores::kUniform, seed);
    for (int i = 0; i < 6'000; ++i) {
      pair.insert();
    }
    for (uint64_t most = 1; pair.size() > 0; most = most < 4'000 ? most * 2 : 1) {
      pair.erase_ranks(most);
      pair.tree().check();
      pair.insert();
      pair.erase_ranks(pair.size() < 200 ? 1'000 : 3);
    }
    pair.compare();
  }
}

// Handles are their own keys: for trees of many levels.
struct ByNumber {
  int64_t key(Handle handle) const { return handle / 2; }
  bool before(Handle left, Handle right) const { return left < right; }
  void prefetch(Handle) const {}
};

double bytes_each(const RankTree<ByNumber>& tree) {
  return static_cast<double>(tree.bytes()) / static_cast<double>(tree.size());
}

std::vector<Handle> shuffled(Handle count, uint64_t seed) {
  std::vector<Handle> numbers(count);
  std::iota(numbers.begin(), numbers.end(), Handle{1});
  Rng rng(seed);
  for (size_t i = count; i > 1; --i) {
    std::swap(numbers[i - 1], numbers[rng.below(i)]);
  }
  return numbers;
}

TEST(RankTree, TakesLittleMemoryAtAnySize) {
  Arena arena;
  RankTree<ByNumber> tree(arena, {});
  const std::vector<Handle> numbers = shuffled(700'000, 5);
  for (size_t i = 0; i < numbers.size(); ++i) {
    tree.insert(numbers[i]);
    if (i > 1'000) {
      ASSERT_LT(bytes_each(tree), i < 20'000 ? 8.5 : 6.5) << i;
    }
  }
  tree.check();
  // 3 inner levels; all of them the way back.
  for (size_t i = 0; i < numbers.size(); ++i) {
    ASSERT_EQ(tree.at(tree.rank_of(numbers[i])).handle(), numbers[i]);
    tree.erase(numbers[i]);
    if (tree.size() > 2'000) {
      ASSERT_LT(bytes_each(tree), 8.3) << i;
    }
    if (i % 100'000 == 0) {
      tree.check();
    }
  }
  EXPECT_EQ(tree.bytes(), 0U);
}

TEST(RankTree, IsFilledCompletelyAtItsEnds) {
  constexpr Handle kCount = 400'000;
  Arena arena;
  for (int way = 0; way < 3; ++way) {
    RankTree<ByNumber> tree(arena, {});
    for (Handle i = 1; i <= kCount; ++i) {
      if (way == 0) {
        tree.append(i);
      } else {
        ASSERT_EQ(tree.insert(way == 1 ? i : kCount + 1 - i), way == 1 ? i - 1 : 0);
      }
    }
    tree.check();
    EXPECT_LT(bytes_each(tree), 5.4);
    // The log goes on, and its oldest members go: nothing is kept of what is gone.
    for (Handle i = 1; i <= kCount / 2; ++i) {
      ASSERT_EQ(tree.first(), i);
      tree.erase_ranks(0, 1);
      tree.append(kCount + i);
    }
    tree.check();
    EXPECT_LT(bytes_each(tree), 5.4);
  }
  EXPECT_EQ(arena.used_bytes(), 0);
}

TEST(RankTree, ALogThatIsNearlyInOrderIsNearlyFull) {
  constexpr Handle kCount = 300'000;
  Arena arena;
  RankTree<ByNumber> tree(arena, {});
  Rng rng(6);
  std::vector<Handle> late;
  for (Handle i = 1; i <= kCount; ++i) {
    late.push_back(i);
    const size_t some = rng.below(late.size());
    if (late.size() > 8) {
      tree.insert(late[some]);
      late[some] = late.back();
      late.pop_back();
    }
  }
  tree.check();
  EXPECT_LT(bytes_each(tree), 5.6);
}

// Counts how often members' blocks are looked at.
struct CountingOrder {
  const std::vector<double>* scores;
  uint64_t* looks;

  int64_t key(Handle handle) const {
    ++*looks;
    return score_key((*scores)[handle]);
  }
  bool before(Handle left, Handle right) const {
    ++*looks;
    return left < right;
  }
  void prefetch(Handle) const {}
};

TEST(RankTree, LooksAtFewBlocks) {
  constexpr Handle kCount = 100'000;
  Rng rng(7);
  std::vector<double> scores(kCount + 1);
  uint64_t looks = 0;
  Arena arena;
  RankTree<CountingOrder> tree(arena, {&scores, &looks});
  for (Handle i = 1; i <= kCount; ++i) {
    scores[i] = rng.unit() * 1e6;
    tree.insert(i);
  }
  // The key of the member itself, once; then what its neighbours in the leaf need, and the share of
  // each in the nodes that are made.
  EXPECT_LT(looks, kCount * 6);
  looks = 0;
  for (Handle i = 1; i <= kCount; ++i) {
    tree.rank_of(i);
  }
  EXPECT_EQ(looks, kCount);
  looks = 0;
  for (Handle i = 1; i <= kCount; ++i) {
    tree.find(RankBound::at_least(score_key(rng.unit() * 1e6)));
  }
  EXPECT_LT(looks, kCount * 2);
}

TEST(RankTree, IsFreedInSlices) {
  Arena arena;
  RankTree<ByNumber> tree(arena, {});
  for (Handle i = 1; i <= 100'000; ++i) {
    tree.append(i);
  }
  EXPECT_FALSE(RankTree<ByNumber>(arena, {}).drain(1));
  for (bool more = true; more;) {
    const int64_t before = arena.used_bytes();
    more = tree.drain(10);
    ASSERT_LE(before - arena.used_bytes(), 10 * 1024);
    ASSERT_EQ(static_cast<int64_t>(tree.bytes()), arena.used_bytes());
  }
  EXPECT_EQ(arena.used_bytes(), 0);
  tree.insert(1);
  tree.check();
  EXPECT_EQ(tree.size(), 1U);
}

}  // namespace
}  // namespace pollux
