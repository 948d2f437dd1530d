// Lists of both forms against a deque, at every kind of node limit; then what each form promises:
// the account, copies, freeing in slices, long elements.
#include "src/data/list_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/keyspace.h"

namespace pollux {
namespace {

using Model = std::deque<std::string>;

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

class ListValueTest : public testing::Test {
 protected:
  ListValueTest() { keys_.bind(ShardId{0}, 0, now_); }
  ~ListValueTest() override {
    if (keys_.peek(key_) != nullptr) {
      remove();
    }
    tick_to_the_end();
    EXPECT_EQ(store_.used_bytes(), 0);
  }

  template <typename Fn>
  void change(Fn fn) {
    Edit edit(keys_, key_);
    ListEdit list(edit, limits_);
    fn(list);
    if (edit.entry() != nullptr && list.size() == 0) {
      edit.remove();
    }
    edit.keep_quiet();
  }
  void push(ListEnd end, std::string_view value) {
    change([&](ListEdit& list) { list.push(end, value); });
  }
  void remove() {
    Edit edit(keys_, key_);
    edit.remove();
    edit.keep_quiet();
  }
  void tick_to_the_end() {
    while (store_.tick(now_, 1000)) {
    }
  }
  bool is_large() const {
    const Entry* entry = const_cast<Keyspace&>(keys_).peek(key_);
    return entry != nullptr && entry->collection() != nullptr;
  }
  Model content(ListEnd towards = ListEnd::kBack) {
    Model all;
    const Entry* entry = keys_.peek(key_);
    if (entry == nullptr) {
      return all;
    }
    const ListView view(*entry);
    view.walk(towards == ListEnd::kBack ? 0 : view.size() - 1, towards,
              [&](const PackedValue& value) {
                all.push_back(text_of(value));
                return true;
              });
    return all;
  }
  void check(const Model& model) {
    ASSERT_EQ(content(), model);
    Model backwards = content(ListEnd::kFront);
    std::reverse(backwards.begin(), backwards.end());
    ASSERT_EQ(backwards, model);
    const Entry* entry = keys_.peek(key_);
    ASSERT_EQ(entry == nullptr, model.empty());
    if (entry == nullptr) {
      return;
    }
    EXPECT_EQ(entry->type(), ValueType::kList);
    EXPECT_EQ(entry->encoding(), Encoding::kQuicklist);
    const ListView view(*entry);
    ASSERT_EQ(view.size(), model.size());
    EXPECT_EQ(text_of(view.end_value(ListEnd::kFront)), model.front());
    EXPECT_EQ(text_of(view.end_value(ListEnd::kBack)), model.back());
    for (size_t i = 0; i < model.size(); i += 1 + model.size() / 64) {
      ASSERT_EQ(text_of(view.value(i)), model[i]) << i;
    }
  }

  void step(Model& model, uint64_t longest);
  void play(int64_t node_size, uint64_t longest, int steps);

  ShardStore store_{ShardId{0}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{1'700'000'000'000'000};
  EncodingLimits limits_;
  Key key_ = Key::of("list");
  Rng rng_{7};
};

// Few different ones, so that some match; integers, texts, now and then one that is long.
std::string some_value(Rng& rng, uint64_t longest) {
  switch (rng.below(8)) {
    case 0:
      return std::to_string(static_cast<int64_t>(rng.below(5)) - 2);
    case 1:
      return std::to_string(rng.below(1'000'000'000'000));
    case 2:
      return std::string(rng.below(longest), static_cast<char>('a' + rng.below(26)));
    default:
      return std::string(rng.below(40), static_cast<char>('a' + rng.below(3)));
  }
}

uint64_t remove_from(Model& model, const std::string& text, ListEnd from, uint64_t max) {
  uint64_t removed = 0;
  if (from == ListEnd::kBack) {
    std::reverse(model.begin(), model.end());
  }
  for (size_t i = 0; i < model.size() && removed < max;) {
    if (model[i] == text) {
      model.erase(model.begin() + static_cast<ptrdiff_t>(i));
      ++removed;
    } else {
      ++i;
    }
  }
  if (from == ListEnd::kBack) {
    std::reverse(model.begin(), model.end());
  }
  return removed;
}

void ListValueTest::step(Model& model, uint64_t longest) {
  const ListEnd end = rng_.below(2) == 0 ? ListEnd::kFront : ListEnd::kBack;
  const std::string value = some_value(rng_, longest);
  const auto at = [&](uint64_t i) { return model.begin() + static_cast<ptrdiff_t>(i); };
  const uint64_t what = rng_.below(100);
  if (what < 40 || model.empty()) {
    const std::string second = some_value(rng_, 30);
    const std::string_view both[] = {value, second};
    const size_t n = 1 + rng_.below(2);
    change([&](ListEdit& list) { list.push(end, {both, n}); });
    for (size_t i = 0; i < n; ++i) {
      if (end == ListEnd::kFront) {
        model.emplace_front(both[i]);
      } else {
        model.emplace_back(both[i]);
      }
    }
  } else if (what < 60) {
    const uint64_t i = rng_.below(model.size() + 1);
    change([&](ListEdit& list) { list.insert(i, value); });
    model.insert(at(i), value);
  } else if (what < 75) {
    const uint64_t i = rng_.below(model.size());
    change([&](ListEdit& list) { list.set(i, value); });
    model[i] = value;
  } else if (what < 80) {
    const std::string text = rng_.below(2) == 0 ? value : model[rng_.below(model.size())];
    const uint64_t max = rng_.below(3) == 0 ? UINT64_MAX : 1 + rng_.below(4);
    uint64_t removed = 0;
    change([&](ListEdit& list) { removed = list.remove(text, end, max); });
    ASSERT_EQ(removed, remove_from(model, text, end, max));
  } else if (model.size() > 1) {
    const uint64_t most = rng_.below(40) == 0 ? model.size() : std::min<size_t>(model.size(), 4);
    const uint64_t n = 1 + rng_.below(most - 1);
    change([&](ListEdit& list) { list.drop(end, n); });
    model.erase(end == ListEnd::kFront ? model.begin() : model.end() - static_cast<ptrdiff_t>(n),
                end == ListEnd::kFront ? at(n) : model.end());
  }
}

void ListValueTest::play(int64_t node_size, uint64_t longest, int steps) {
  limits_.list_listpack_size = node_size;
  Model model;
  for (int i = 0; i < steps; ++i) {
    step(model, longest);
    if (HasFatalFailure()) {
      return;
    }
    if (i % 16 == 0 || model.size() < 8) {
      check(model);
      if (HasFatalFailure()) {
        FAIL() << "node size " << node_size << ", step " << i;
      }
    }
    if (i % 512 == 0) {
      limits_.list_listpack_size = rng_.below(4) == 0 ? -1 : node_size;
    }
  }
  check(model);
}

TEST_F(ListValueTest, AssignTakesThePlaceOfAnything) {
  for (const size_t size : {3U, 2000U}) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < size; ++i) {
      texts.push_back(i % 3 == 0 ? std::to_string(i) : std::string(i % 30, 'x'));
    }
    std::vector<std::string_view> values(texts.begin(), texts.end());
    change([&](ListEdit& list) { list.assign(values); });
    EXPECT_EQ(is_large(), size > 3);
    // Its own strings, backwards. (Those of integers are not in it.)
    std::vector<std::string_view> own;
    {
      Edit edit(keys_, key_);
      const ListView view = ListEdit(edit, limits_).view();
      view.walk(view.size() - 1, ListEnd::kFront, [&own](const PackedValue& value) {
        if (!value.is_integer()) {
          own.push_back(value.string());
        }
        return true;
      });
    }
    std::vector<std::string> expected(own.begin(), own.end());
    change([&](ListEdit& list) { list.assign(own); });
    std::vector<std::string> found;
    Edit edit(keys_, key_);
    ListEdit(edit, limits_).view().walk(0, ListEnd::kBack, [&found](const PackedValue& value) {
      found.push_back(text_of(value));
      return true;
    });
    EXPECT_EQ(found, expected);
  }
}

TEST_F(ListValueTest, LikeADequeWithNodesOf4KiB) { play(-1, 6000, 8000); }
TEST_F(ListValueTest, LikeADequeWithNodesOf8KiB) { play(-2, 300, 8000); }
TEST_F(ListValueTest, LikeADequeWithNodesOf64KiB) { play(-5, 300, 4000); }
TEST_F(ListValueTest, LikeADequeWithNodesOfFewElements) { play(3, 100, 8000); }
TEST_F(ListValueTest, LikeADequeWithNodesOfOneElement) { play(1, 9000, 6000); }

// So many nodes that segments split, and go.
TEST_F(ListValueTest, LikeADequeOverManySegments) {
  limits_.list_listpack_size = 2;
  Model model;
  for (int i = 0; i < 3000; ++i) {
    push(i % 3 == 0 ? ListEnd::kFront : ListEnd::kBack, std::to_string(i));
    if (i % 3 == 0) {
      model.push_front(std::to_string(i));
    } else {
      model.push_back(std::to_string(i));
    }
  }
  for (int i = 0; i < 20'000; ++i) {
    step(model, 30);
    ASSERT_FALSE(HasFatalFailure());
    if (i % 512 == 0) {
      check(model);
      ASSERT_FALSE(HasFatalFailure()) << i;
    }
  }
  check(model);
}

TEST_F(ListValueTest, ALongListIsDroppedFromBothEnds) {
  Model model;
  for (int i = 0; i < 200'000; ++i) {
    push(ListEnd::kBack, "element " + std::to_string(i));
    model.push_back("element " + std::to_string(i));
  }
  change([](ListEdit& list) { list.drop(ListEnd::kFront, 90'001); });
  change([](ListEdit& list) { list.drop(ListEnd::kBack, 90'002); });
  model.erase(model.begin(), model.begin() + 90'001);
  model.erase(model.end() - 90'002, model.end());
  check(model);
  EXPECT_TRUE(store_.tick(now_, 0)) << "what was dropped is freed in slices";
  tick_to_the_end();
  check(model);
}

TEST_F(ListValueTest, SmallUntilItDoesNotFitInTheEntry) {
  for (int i = 0; i < 14; ++i) {
    push(ListEnd::kBack, std::string(34, 'x'));
  }
  EXPECT_FALSE(is_large());
  push(ListEnd::kBack, std::string(34, 'x'));
  EXPECT_TRUE(is_large());
  change([](ListEdit& list) { list.drop(ListEnd::kBack, 14); });
  EXPECT_TRUE(is_large()) << "it does not go back";
}

TEST_F(ListValueTest, SmallUpToTheNumberOfANodesElements) {
  limits_.list_listpack_size = 3;
  for (int i = 0; i < 3; ++i) {
    push(ListEnd::kFront, "x");
  }
  EXPECT_FALSE(is_large());
  push(ListEnd::kFront, "x");
  EXPECT_TRUE(is_large());
}

TEST_F(ListValueTest, AQueueKeepsItsSize) {
  for (int i = 0; i < 2000; ++i) {
    push(ListEnd::kBack, std::string(32, 'x'));
  }
  const int64_t before = store_.live_bytes();
  for (int i = 0; i < 100'000; ++i) {
    push(ListEnd::kBack, std::string(32, 'y'));
    change([](ListEdit& list) { list.drop(ListEnd::kFront, 1); });
  }
  EXPECT_LT(store_.live_bytes(), before + before / 4);
}

TEST_F(ListValueTest, WhatALongListLeavesIsSmall) {
  for (int i = 0; i < 2000; ++i) {
    push(ListEnd::kBack, std::string(32, 'x'));
  }
  change([](ListEdit& list) { list.drop(ListEnd::kFront, 1997); });
  tick_to_the_end();
  EXPECT_LT(keys_.peek(key_)->collection()->bytes(), 1500U);
}

TEST_F(ListValueTest, TakesLittleBesideTheElements) {
  constexpr int64_t kElements = 100'000;
  for (int64_t i = 0; i < kElements; ++i) {
    push(i % 2 == 0 ? ListEnd::kBack : ListEnd::kFront, std::string(32, 'x'));
  }
  // 34 bytes an element in a listpack, 210 elements in 7,168 bytes.
  EXPECT_LT(keys_.peek(key_)->collection()->bytes(), 346U * kElements / 10);
}

TEST_F(ListValueTest, CopiesAreTheirOwn) {
  Model model;
  for (int i = 0; i < 5000; ++i) {
    model.push_back(some_value(rng_, 20'000));
    push(ListEnd::kBack, model.back());
  }
  {
    Edit copy(keys_, Key::of("copy"));
    copy.copy(*keys_.peek(key_));
    copy.keep_quiet();
  }
  remove();
  tick_to_the_end();
  const Key original = key_;
  key_ = Key::of("copy");
  check(model);
  remove();
  key_ = original;
}

// What the list says it takes is what the arena has given out for it.
TEST_F(ListValueTest, TheAccountIsExact) {
  limits_.list_listpack_size = -1;
  Model model;
  push(ListEnd::kBack, std::string(600, 'x'));
  model.emplace_back(600, 'x');
  const auto beside = [&] {
    return store_.live_bytes() - static_cast<int64_t>(keys_.peek(key_)->collection()->bytes());
  };
  tick_to_the_end();
  const int64_t before = beside();
  for (int i = 0; i < 3000; ++i) {
    step(model, 5000);
    if (model.empty() || !is_large()) {
      break;
    }
    ASSERT_EQ(beside(), before) << i;
  }
}

}  // namespace
}  // namespace pollux
