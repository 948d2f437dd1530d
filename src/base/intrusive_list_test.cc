#include "src/base/intrusive_list.h"

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

struct Item : ListLink {
  explicit Item(int n) : number(n) {}
  int number;
};

std::vector<int> numbers(IntrusiveList<Item>& list) {
  std::vector<int> out;
  list.for_each([&out](Item& item) { out.push_back(item.number); });
  return out;
}

TEST(IntrusiveListTest, KeepsTheOrderOfInsertion) {
  Item a(1);
  Item b(2);
  Item c(3);
  IntrusiveList<Item> list;
  list.push_back(a);
  list.push_back(b);
  list.push_back(c);
  EXPECT_EQ(numbers(list), std::vector<int>({1, 2, 3}));
  EXPECT_EQ(&list.pop_front(), &a);
  EXPECT_FALSE(a.linked());
  EXPECT_EQ(&list.front(), &b);
}

TEST(IntrusiveListTest, ADestroyedItemLeavesTheList) {
  IntrusiveList<Item> list;
  Item a(1);
  list.push_back(a);
  {
    Item b(2);
    list.push_back(b);
  }
  EXPECT_EQ(numbers(list), std::vector<int>({1}));
}

TEST(IntrusiveListTest, ADestroyedListFreesItsItems) {
  Item a(1);
  {
    IntrusiveList<Item> list;
    list.push_back(a);
    EXPECT_TRUE(a.linked());
  }
  EXPECT_FALSE(a.linked());
}

TEST(IntrusiveListTest, ForEachMayUnlinkTheItemAtHand) {
  IntrusiveList<Item> list;
  Item a(1);
  Item b(2);
  Item c(3);
  list.push_back(a);
  list.push_back(b);
  list.push_back(c);
  list.for_each([](Item& item) {
    if (item.number != 2) {
      item.unlink();
    }
  });
  EXPECT_EQ(numbers(list), std::vector<int>({2}));
}

TEST(IntrusiveListTest, AWalkMayEndEarly) {
  Item a(1);
  Item b(2);
  Item c(3);
  IntrusiveList<Item> list;
  list.push_back(a);
  list.push_back(b);
  list.push_back(c);
  EXPECT_EQ(&list.back(), &c);
  std::vector<int> seen;
  list.for_each_while([&seen](Item& item) {
    seen.push_back(item.number);
    return item.number < 2;
  });
  EXPECT_EQ(seen, std::vector<int>({1, 2}));
}

TEST(IntrusiveListTest, RandomStepsEqualStdList) {
  Rng rng(5);
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 50; ++i) {
    items.push_back(std::make_unique<Item>(i));
  }
  IntrusiveList<Item> list;
  std::list<int> model;
  for (int step = 0; step < 5000; ++step) {
    Item& item = *items[rng.below(items.size())];
    if (item.linked()) {
      item.unlink();
      model.remove(item.number);
    } else {
      list.push_back(item);
      model.push_back(item.number);
    }
    ASSERT_EQ(numbers(list), std::vector<int>(model.begin(), model.end()));
    ASSERT_EQ(list.empty(), model.empty());
  }
}

}  // namespace
}  // namespace pollux
