// The test of the checker: it accepts what can be and finds what can't.
#include "tests/sim/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "src/base/rng.h"

namespace pollux {
namespace {

using Kind = LinearStep::Kind;

LinearOperation set(uint64_t begin, uint64_t end, const std::string& key,
                    const std::string& value) {
  return {{{Kind::kSet, key, value, "+OK"}}, begin, end};
}

LinearOperation get(uint64_t begin, uint64_t end, const std::string& key,
                    const std::string& shown) {
  return {{{Kind::kGet, key, "", shown}}, begin, end};
}

LinearOperation incr(uint64_t begin, uint64_t end, const std::string& key, int64_t answer) {
  return {{{Kind::kIncr, key, "", ":" + std::to_string(answer)}}, begin, end};
}

LinearOperation mset(uint64_t begin, uint64_t end, const std::string& value) {
  return {{{Kind::kSet, "x", value}, {Kind::kSet, "y", value}}, begin, end};
}

LinearOperation mget(uint64_t begin, uint64_t end, const std::string& x, const std::string& y) {
  return {{{Kind::kGet, "x", "", x}, {Kind::kGet, "y", "", y}}, begin, end};
}

bool linear(const std::vector<LinearOperation>& history) {
  return check_linearizable(history).empty();
}

TEST(LinearTest, WhatOverlapsMayBeInAnyOrder) {
  EXPECT_TRUE(linear({}));
  EXPECT_TRUE(linear({set(1, 10, "x", "1"), set(2, 9, "x", "2"), get(11, 12, "x", "\"1\"")}));
  EXPECT_TRUE(linear({set(1, 10, "x", "1"), set(2, 9, "x", "2"), get(11, 12, "x", "\"2\"")}));
  EXPECT_TRUE(linear({set(1, 10, "x", "1"), get(2, 3, "x", "\"1\""), get(4, 5, "x", "\"1\"")}));
}

TEST(LinearTest, AStaleReadIsFound) {
  EXPECT_FALSE(linear({set(1, 2, "x", "1"), get(3, 4, "x", "nil")}));
  EXPECT_FALSE(linear({set(1, 2, "x", "1"), set(3, 4, "x", "2"), get(5, 6, "x", "\"1\"")}));
}

TEST(LinearTest, AValueThatGoesBackIsFound) {
  EXPECT_FALSE(linear({set(1, 10, "x", "1"), get(2, 3, "x", "\"1\""), get(4, 5, "x", "nil")}));
}

TEST(LinearTest, ALostUpdateIsFound) {
  EXPECT_FALSE(linear({incr(1, 5, "x", 1), incr(2, 6, "x", 1)}));
  EXPECT_TRUE(linear({incr(1, 5, "x", 2), incr(2, 6, "x", 1)}));
  const LinearOperation one{{{Kind::kAppend, "x", "a", ":1"}}, 1, 5};
  EXPECT_FALSE(linear({one, one}));
}

TEST(LinearTest, ATornMsetIsFound) {
  EXPECT_TRUE(linear({mset(1, 9, "1"), mget(2, 3, "nil", "nil"), mget(4, 5, "\"1\"", "\"1\"")}));
  EXPECT_FALSE(linear({mset(1, 9, "1"), mget(2, 3, "\"1\"", "nil")}));
  // Each key alone looks well: only together they show that the two readers disagree.
  EXPECT_FALSE(linear({set(1, 9, "x", "1"), set(1, 9, "y", "1"), mget(2, 3, "\"1\"", "nil"),
                       mget(2, 3, "nil", "\"1\"")}));
}

TEST(LinearTest, WhatWasNeverAnsweredMayHaveHappenedOrNot) {
  const LinearOperation unknown = set(1, UINT64_MAX, "x", "1");
  EXPECT_TRUE(linear({unknown, get(5, 6, "x", "nil"), get(7, 8, "x", "\"1\"")}));
  EXPECT_TRUE(linear({unknown, get(5, 6, "x", "nil")}));
  EXPECT_FALSE(linear({unknown, get(5, 6, "x", "\"1\""), get(7, 8, "x", "nil")}));
  EXPECT_FALSE(linear({set(9, UINT64_MAX, "x", "1"), get(5, 6, "x", "\"1\"")}));
}

// A random history of a real store: each operation takes effect at a moment within it.
std::vector<LinearOperation> random_history(Rng& rng, size_t operations) {
  struct Effect {
    uint64_t moment;
    size_t operation;
  };
  std::vector<LinearOperation> history(operations);
  std::vector<Effect> effects;
  for (size_t i = 0; i < operations; ++i) {
    const uint64_t begin = i * 4 + rng.below(3);
    const uint64_t end = begin + 2 + rng.below(14);
    history[i].begin = begin * 1000 + i;
    history[i].end = end * 1000 + i;
    effects.push_back({history[i].begin + 1 + rng.below(history[i].end - history[i].begin - 1), i});
    for (uint64_t n = 1 + rng.below(2); n > 0; --n) {
      // (No APPEND in long ones: numbers would get too long for INCR.)
      const Kind kind = static_cast<Kind>(rng.below(operations > 10 ? 3 : 4));
      const bool writes = kind == Kind::kSet || kind == Kind::kAppend;
      history[i].steps.push_back({kind, rng.below(2) == 0 ? "x" : "y",
                                  writes ? std::to_string(1 + rng.below(3)) : ""});
    }
  }
  std::sort(effects.begin(), effects.end(),
            [](const Effect& a, const Effect& b) { return a.moment < b.moment; });
  std::map<std::string, std::string> store;
  for (const Effect& effect : effects) {
    for (LinearStep& step : history[effect.operation].steps) {
      const bool there = store.count(step.key) > 0;
      switch (step.kind) {
        case Kind::kGet:
          step.answer = there ? '"' + store[step.key] + '"' : "nil";
          break;
        case Kind::kSet:
          store[step.key] = step.value;
          step.answer = "+OK";
          break;
        case Kind::kIncr:
          store[step.key] = std::to_string(there ? std::stoll(store[step.key]) + 1 : 1);
          step.answer = ":" + store[step.key];
          break;
        case Kind::kAppend:
          store[step.key] += step.value;
          step.answer = ":" + std::to_string(store[step.key].size());
          break;
      }
    }
  }
  return history;
}

// All orders, for histories so short that this ends.
bool slow_and_obvious(const std::vector<LinearOperation>& history) {
  std::vector<size_t> order(history.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  do {
    bool fits = true;
    for (size_t i = 0; i < order.size() && fits; ++i) {
      for (size_t j = i + 1; j < order.size(); ++j) {
        fits = fits && history[order[j]].end > history[order[i]].begin;
      }
    }
    // One after the other: as operations that don't overlap, in this order.
    std::vector<LinearOperation> sequence;
    for (size_t i = 0; i < order.size(); ++i) {
      sequence.push_back({history[order[i]].steps, i * 2 + 1, i * 2 + 2});
    }
    if (fits && linear(sequence)) {
      return true;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

// Gives one step an answer that another step has got.
void falsify(Rng& rng, std::vector<LinearOperation>& history) {
  const auto some_step = [&]() -> LinearStep& {
    std::vector<LinearStep>& steps = history[rng.below(history.size())].steps;
    return steps[rng.below(steps.size())];
  };
  LinearStep& victim = some_step();
  victim.answer = some_step().answer;
}

TEST(LinearTest, HistoriesOfARealStoreAreAccepted) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    EXPECT_EQ(check_linearizable(random_history(rng, 80)), "") << "seed " << seed;
  }
}

TEST(LinearTest, AgreesWithTryingAllOrders) {
  int refused = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    std::vector<LinearOperation> history = random_history(rng, 6);
    if (rng.below(4) != 0) {
      falsify(rng, history);
    }
    const bool fast = linear(history);
    EXPECT_EQ(fast, slow_and_obvious(history)) << "seed " << seed;
    refused += fast ? 0 : 1;
  }
  EXPECT_GT(refused, 50);
}

TEST(LinearTest, MostFalseAnswersInLongHistoriesAreFound) {
  int refused = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    std::vector<LinearOperation> history = random_history(rng, 80);
    falsify(rng, history);
    refused += linear(history) ? 0 : 1;
  }
  EXPECT_GT(refused, 80);
}

}  // namespace
}  // namespace pollux
