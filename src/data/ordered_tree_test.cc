// The tree against std::map, by seed, for each pattern of use that it is built for.
#include "src/data/ordered_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "src/base/rng.h"
#include "src/data/stream_id.h"

namespace pollux {
namespace {

struct Value {
  uint64_t number;
  uint64_t more[2];
};
using Tree = OrderedTree<StreamId, Value>;
using Model = std::map<StreamId, uint64_t>;

StreamId key_of(uint64_t n) { return {n / 7, n % 7}; }

void expect_same(const Tree& tree, const Model& model) {
  ASSERT_EQ(tree.size(), model.size());
  auto at = tree.first();
  for (const auto& [key, number] : model) {
    ASSERT_FALSE(at.at_end());
    ASSERT_EQ(at.key(), key);
    ASSERT_EQ(at.value().number, number);
    at.next();
  }
  EXPECT_TRUE(at.at_end());
  auto back = tree.last();
  for (auto it = model.rbegin(); it != model.rend(); ++it) {
    ASSERT_FALSE(back.at_end());
    ASSERT_EQ(back.key(), it->first);
    back.prev();
  }
  EXPECT_TRUE(back.at_end());
}

// What find, from and up_to say of a key that may be there or not.
void expect_found(const Tree& tree, const Model& model, StreamId key) {
  const auto exact = model.find(key);
  const Value* const found = tree.find(key);
  ASSERT_EQ(found != nullptr, exact != model.end());
  const auto not_before = model.lower_bound(key);
  const auto from = tree.from(key);
  ASSERT_EQ(from.at_end(), not_before == model.end());
  if (!from.at_end()) {
    ASSERT_EQ(from.key(), not_before->first);
  }
  auto not_behind = model.upper_bound(key);
  const auto up_to = tree.up_to(key);
  ASSERT_EQ(up_to.at_end(), not_behind == model.begin());
  if (!up_to.at_end()) {
    ASSERT_EQ(up_to.key(), (--not_behind)->first);
  }
  ASSERT_EQ(tree.behind_all(key), model.empty() || model.rbegin()->first < key);
}

class OrderedTreeMemory : public testing::Test {
 protected:
  Arena arena_;
  CountedArena counted_{arena_};
};

class OrderedTreeTest : public OrderedTreeMemory, public testing::WithParamInterface<uint64_t> {};

TEST_P(OrderedTreeTest, IsAMap) {
  Rng rng(GetParam());
  Tree tree(counted_);
  Model model;
  for (int phase = 0; phase < 12; ++phase) {
    const uint64_t universe = uint64_t{1} << (3 + rng.below(13));
    const uint64_t erase_of_8 = 1 + rng.below(7);
    for (int i = 0; i < 4000; ++i) {
      const StreamId key = key_of(rng.below(universe));
      if (rng.below(8) < erase_of_8) {
        ASSERT_EQ(tree.erase(key), model.erase(key) == 1);
      } else if (tree.find(key) == nullptr) {
        const uint64_t number = rng.next();
        ASSERT_EQ(tree.insert(key, {number, {}}).number, number);
        model[key] = number;
      }
      expect_found(tree, model, key_of(rng.below(universe)));
    }
    expect_same(tree, model);
  }
  while (tree.drop_leaf([&](StreamId key, Value& value) {
    EXPECT_EQ(model[key], value.number);
    model.erase(key);
  })) {
  }
  EXPECT_TRUE(model.empty());
  EXPECT_TRUE(tree.empty());
  EXPECT_EQ(counted_.bytes(), 0U);
}

// As what is pending does: in at the end, out at the front or anywhere.
TEST_P(OrderedTreeTest, IsALog) {
  Rng rng(GetParam());
  Tree tree(counted_);
  Model model;
  for (uint64_t n = 0; n < 30000; ++n) {
    tree.insert(key_of(n), {n, {}});
    model[key_of(n)] = n;
    while (model.size() > 5000 || (!model.empty() && rng.below(10) == 0)) {
      const StreamId key =
          rng.below(2) == 0 ? model.begin()->first : key_of(n - rng.below(model.size()));
      ASSERT_EQ(tree.erase(key), model.erase(key) == 1);
    }
  }
  expect_same(tree, model);
}

INSTANTIATE_TEST_SUITE_P(Seeds, OrderedTreeTest, testing::Range<uint64_t>(1, 5));

TEST_F(OrderedTreeMemory, AppendedLeavesAreFull) {
  Tree tree(counted_);
  constexpr uint64_t kCount = 100000;
  for (uint64_t n = 0; n < kCount; ++n) {
    tree.insert(key_of(n), {n, {}});
  }
  EXPECT_LT(counted_.bytes(), kCount * (sizeof(StreamId) + sizeof(Value)) * 108 / 100);
}

// One in 20 stays, wherever: leaves are merged.
TEST_F(OrderedTreeMemory, ThinnedOutItShrinks) {
  Tree tree(counted_);
  constexpr uint64_t kCount = 100000;
  for (uint64_t n = 0; n < kCount; ++n) {
    tree.insert(key_of(n), {n, {}});
  }
  const size_t full = counted_.bytes();
  for (uint64_t n = 0; n < kCount; ++n) {
    if (n % 20 != 0) {
      tree.erase(key_of(n));
    }
  }
  EXPECT_LT(counted_.bytes(), full / 4);
}

// Keys that are views live no longer than they are in the tree.
TEST_F(OrderedTreeMemory, KeysOfTextAreNotLookedAtOnceGone) {
  OrderedTree<std::string_view, Nothing> tree(counted_);
  std::map<std::string, std::string*> texts;
  Rng rng(3);
  for (int i = 0; i < 40000; ++i) {
    const std::string name = std::to_string(rng.below(3000));
    const auto known = texts.find(name);
    if (known == texts.end()) {
      auto* const text = new std::string(name);
      texts[name] = text;
      tree.insert(*text, {});
    } else {
      EXPECT_TRUE(tree.erase(name));
      std::fill(known->second->begin(), known->second->end(), '\xff');
      delete known->second;
      texts.erase(known);
    }
  }
  auto at = tree.first();
  for (const auto& [name, text] : texts) {
    ASSERT_EQ(at.key(), name);
    EXPECT_NE(tree.find(name), nullptr);
    at.next();
  }
  tree.clear();
  for (const auto& [name, text] : texts) {
    delete text;
  }
}

}  // namespace
}  // namespace pollux
