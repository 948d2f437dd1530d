#include "dataplane/engine/waiter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/wait_table.h"
#include "src/base/rng.h"

namespace pollux {
namespace {

class WaiterTest : public testing::Test {
 protected:
  Waiter& waiting(uint64_t id) {
    Waiter& waiter = pool.take(id);
    waiter.arm();
    return waiter;
  }

  ChunkPool chunks;
  WaiterPool pool{chunks};
};

TEST_F(WaiterTest, HomeOrOneHolderHasIt) {
  Waiter& waiter = pool.take(7);
  EXPECT_FALSE(waiter.claim(7)) << "nobody waits yet";
  waiter.arm();
  EXPECT_FALSE(waiter.claim(6)) << "a record of an older wait";
  EXPECT_FALSE(waiter.goes_on(6));
  EXPECT_TRUE(waiter.goes_on(7));
  EXPECT_TRUE(waiter.claim(7));
  EXPECT_TRUE(waiter.goes_on(7));
  EXPECT_FALSE(waiter.claim(7));
  EXPECT_FALSE(waiter.cancel());
  waiter.unclaim();
  EXPECT_TRUE(waiter.goes_on(7));
  EXPECT_TRUE(waiter.cancel());
  EXPECT_FALSE(waiter.goes_on(7));
  EXPECT_FALSE(waiter.cancel());
  EXPECT_FALSE(waiter.claim(7));
}

TEST_F(WaiterTest, ANewWaitIsNotTheOldOne) {
  Waiter& waiter = waiting(1);
  EXPECT_TRUE(waiter.cancel());
  pool.give_back(waiter);
  EXPECT_EQ(pool.in_use(), 0U);
  Waiter& again = waiting(2);
  EXPECT_EQ(&again, &waiter);
  EXPECT_FALSE(again.claim(1));
  EXPECT_TRUE(again.claim(2));
}

TEST_F(WaiterTest, KeepsItsArguments) {
  Waiter& waiter = pool.take(1);
  const std::string longer(3000, 'x');
  const std::string_view args[] = {"XREAD", "", longer, "$"};
  waiter.set_args(args);
  waiter.rewrite(3, "1700000000000-12");
  waiter.rewrite(1, "BLOCK");
  EXPECT_EQ(std::vector<std::string>(waiter.args().begin(), waiter.args().end()),
            std::vector<std::string>({"XREAD", "BLOCK", longer, "1700000000000-12"}));
  EXPECT_GT(waiter.bytes(), sizeof(Waiter) + 3000);
  pool.give_back(waiter);
  EXPECT_LT(pool.take(2).bytes(), sizeof(Waiter) + 2000);
}

TEST_F(WaiterTest, DeadlinesComeInTheirOrder) {
  Rng rng(3);
  WaiterDeadlines deadlines;
  std::multimap<int64_t, Waiter*> model;
  std::vector<Waiter*> out;
  for (uint64_t i = 0; i < 60; ++i) {
    out.push_back(&pool.take(i + 1));
  }
  for (int step = 0; step < 20'000; ++step) {
    const auto which = rng.below(60);
    Waiter& waiter = *out[which];
    if (waiter.heap_place == kNotInHeap) {
      waiter.until_ms = static_cast<int64_t>(rng.below(50));
      deadlines.add(waiter);
      model.emplace(waiter.until_ms, &waiter);
    } else {
      deadlines.remove(waiter);
      std::erase_if(model, [&](const auto& row) { return row.second == &waiter; });
    }
    ASSERT_EQ(deadlines.size(), model.size());
    if (!model.empty()) {
      ASSERT_EQ(deadlines.first()->until_ms, model.begin()->first);
    }
  }
  deadlines.remove(pool.take(99));  // was never there
}

// --- the records of a shard ---

class WaitTableTest : public WaiterTest {
 protected:
  static Key key(const std::string& name) { return Key::of(name); }
  // The waits of a key, in order.
  std::vector<uint64_t> ids(const std::string& name, int db = 0) {
    std::vector<uint64_t> found;
    if (WaitTable::Queue* queue = table.find(db, key(name))) {
      queue->records.for_each([&](WaitTable::Record& record) { found.push_back(record.id); });
    }
    return found;
  }

  const Want list{};
  WaitTable table;
};

TEST_F(WaitTableTest, FirstComeFirst) {
  for (uint64_t id = 1; id <= 3; ++id) {
    EXPECT_GT(table.add(waiting(id), 0, key("a"), 1, list), 0U);
  }
  EXPECT_EQ(ids("a"), std::vector<uint64_t>({1, 2, 3}));
  table.forget(2);
  table.forget(77);
  EXPECT_EQ(ids("a"), std::vector<uint64_t>({1, 3}));
  EXPECT_EQ(ids("a", 1), std::vector<uint64_t>());
  table.forget(1);
  table.forget(3);
  EXPECT_EQ(table.find(0, key("a")), nullptr);
  EXPECT_TRUE(table.empty());
}

TEST_F(WaitTableTest, AWaitHasOneRecordForAKey) {
  Waiter& waiter = waiting(1);
  EXPECT_GT(table.add(waiter, 0, key("a"), 1, list), 0U);
  EXPECT_EQ(table.add(waiter, 0, key("a"), 2, list), 0U);
  EXPECT_GT(table.add(waiter, 0, key("b"), 3, list), 0U);
  EXPECT_EQ(table.add(waiter, 0, key("a"), 4, list), 0U);
  EXPECT_EQ(table.records(), 2U);
  table.forget(1);
  EXPECT_EQ(table.records(), 0U);
}

TEST_F(WaitTableTest, AQueueUnderServiceIsKept) {
  table.add(waiting(1), 0, key("a"), 1, list);
  WaitTable::Queue& queue = *table.find(0, key("a"));
  queue.ready = true;
  table.forget(1);
  EXPECT_EQ(table.find(0, key("a")), &queue);
  table.end_service(queue);
  EXPECT_EQ(table.find(0, key("a")), nullptr);
}

TEST_F(WaitTableTest, KnowsWhereElementsMayGo) {
  ShardSet two;
  two.add(ShardId{2});
  ShardSet both = two;
  both.add(ShardId{5});
  EXPECT_FALSE(table.any_moves());
  table.add(waiting(1), 0, key("a"), 1, list);
  EXPECT_FALSE(table.any_moves());
  table.add(waiting(2), 3, key("a"), 1, {.target = ShardId{2}});
  table.add(waiting(3), 0, key("b"), 1, {.target = ShardId{5}});
  EXPECT_EQ(table.targets_of(key("a")).words, two.words);
  EXPECT_EQ(table.targets_of(key("c")).words, ShardSet{}.words);
  EXPECT_EQ(table.targets().words, both.words);
  table.forget(2);
  EXPECT_EQ(table.targets_of(key("a")).words, ShardSet{}.words);
  table.forget(3);
  EXPECT_FALSE(table.any_moves());
  EXPECT_EQ(table.targets().words, ShardSet{}.words);
  table.forget(1);
}

TEST_F(WaitTableTest, KnowsWhatIsToBeLookedAtAgain) {
  EXPECT_EQ(table.first_again(), nullptr);
  table.add(waiting(1), 0, key("a"), 1, {.again_ms = 30});
  table.add(waiting(2), 0, key("a"), 1, {.again_ms = 10});
  table.add(waiting(3), 0, key("b"), 1, list);
  table.add(waiting(4), 1, key("b"), 1, {.again_ms = 20});
  EXPECT_EQ(table.first_again()->id, 2U);
  table.set_again(*table.first_again(), 25);
  EXPECT_EQ(table.first_again()->id, 4U);
  table.set_again(*table.first_again(), 0);
  EXPECT_EQ(table.first_again()->id, 2U);
  table.forget(2);
  EXPECT_EQ(table.first_again()->id, 1U);
  table.set_again(table.find(0, key("b"))->records.front(), 5);
  EXPECT_EQ(table.first_again()->id, 3U);
  table.drop(*table.first_again());
  table.forget(4);
  EXPECT_EQ(table.first_again()->id, 1U);
  table.forget(1);
  EXPECT_EQ(table.first_again(), nullptr);
}

TEST_F(WaitTableTest, EqualsAModel) {
  Rng rng(11);
  std::map<uint64_t, std::vector<std::string>> model;  // keys by wait
  uint64_t last = 0;
  for (int step = 0; step < 5'000; ++step) {
    if (model.size() < 30 && rng.below(2) == 0) {
      Waiter& waiter = waiting(++last);
      std::vector<std::string>& keys = model[last];
      for (uint64_t n = 1 + rng.below(3); n > 0; --n) {
        const std::string name = "k" + std::to_string(rng.below(8));
        if (table.add(waiter, 0, key(name), 1, list) > 0) {
          keys.push_back(name);
        }
      }
    } else if (!model.empty()) {
      const auto who = std::next(model.begin(), static_cast<long>(rng.below(model.size())));
      if (rng.below(2) == 0) {
        table.forget(who->first);
        model.erase(who);
      } else {  // one of its records, as a holder does who finds it over
        WaitTable::Record* found = nullptr;
        const std::string name = who->second.back();
        table.find(0, key(name))->records.for_each([&](WaitTable::Record& record) {
          found = record.id == who->first ? &record : found;
        });
        table.drop(*found);
        who->second.pop_back();
        if (who->second.empty()) {
          model.erase(who);
        }
      }
    }
    for (int i = 0; i < 8; ++i) {
      const std::string name = "k" + std::to_string(i);
      std::vector<uint64_t> expected;
      for (const auto& [id, keys] : model) {
        if (std::find(keys.begin(), keys.end(), name) != keys.end()) {
          expected.push_back(id);
        }
      }
      ASSERT_EQ(ids(name), expected);
    }
    ASSERT_EQ(table.empty(), model.empty());
  }
}

}  // namespace
}  // namespace pollux
