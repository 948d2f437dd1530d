#include "dataplane/engine/watch.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "src/base/rng.h"
#include "src/data/keyspace.h"

namespace pollux {
namespace {

// A shard whose changes are told to a table, as ShardSide does.
class WatchTest : public testing::Test, public ChangeObserver {
 protected:
  WatchTest() { store.set_observer(this); }

  void before(int, const Key&, const Entry*) override {}
  void after(int db, const Key& key, KeyEvent, const Entry* entry) override {
    table.touched(db, key, entry != nullptr);
  }
  void before_flush(int db) override { table.replacing(db, -1, store, now); }
  void before_swap(int a, int b) override {
    table.replacing(a, b, store, now);
    table.replacing(b, a, store, now);
  }

  void set(const std::string& name, int db = 0, int64_t ttl_ms = 0) {
    keys.bind(ShardId{0}, db, now);
    Edit edit(keys, Key::of(name));
    edit.set_string("v");
    if (ttl_ms > 0) {
      edit.set_expiry(now.ms() + ttl_ms);
    } else {
      edit.clear_expiry();
    }
    edit.notify(KeyEvent::kSet);
  }
  void read(const std::string& name) {
    keys.bind(ShardId{0}, 0, now);
    keys.find(Key::of(name));
  }
  Watching watch(const std::string& name, int db = 0) {
    Watching watching{.id = ++last_id};
    watch_too(watching, name, db);
    return watching;
  }
  void watch_too(Watching& watching, const std::string& name, int db = 0) {
    const Key key = Key::of(name);
    const Entry* entry = store.look(db, key);
    table.watch(watching, db, key, entry != nullptr && entry->expired_at(now.ms()));
  }
  bool intact(const Watching& watching) { return table.intact(watching.id, store, now); }
  void pass_ms(int64_t ms) { now.us += ms * 1000; }

  ShardStore store{ShardId{0}, 4};
  ShardStore* const stores[1] = {&store};
  Keyspace keys{stores};
  WatchTable table;
  Instant now{1'000'000'000};
  uint64_t last_id = 0;
};

TEST_F(WatchTest, AChangeOfTheKeyInItsDatabaseTouches) {
  const Watching watching = watch("k");
  EXPECT_TRUE(intact(watching));
  set("other");
  set("k", 1);
  read("k");
  EXPECT_TRUE(intact(watching));
  set("k");
  EXPECT_FALSE(intact(watching));
}

TEST_F(WatchTest, ManyWatchOneKeyAndOneWatchesMany) {
  Watching both = watch("a");
  watch_too(both, "b");
  watch_too(both, "a");
  EXPECT_EQ(both.keys, 2u);
  EXPECT_GT(both.bytes, 0u);
  const Watching only_a = watch("a");
  const Watching only_b = watch("b");
  set("a");
  EXPECT_FALSE(intact(both));
  EXPECT_FALSE(intact(only_a));
  EXPECT_TRUE(intact(only_b));
  table.forget(only_a.id);
  EXPECT_TRUE(intact(only_a));
  table.forget(both.id);
  table.forget(only_b.id);
  table.forget(only_b.id);
  EXPECT_TRUE(table.empty());
}

TEST_F(WatchTest, AKeyThatFallsDueIsTouchedWhetherRemovedOrNot) {
  set("k", 0, 10);
  const Watching before = watch("k");
  pass_ms(11);
  EXPECT_FALSE(intact(before));
  read("k");  // removes it
  EXPECT_FALSE(intact(before));
}

TEST_F(WatchTest, AKeyThatWasDueCountsAsAbsent) {
  set("k", 0, 10);
  pass_ms(11);
  const Watching watching = watch("k");
  EXPECT_TRUE(intact(watching));
  read("k");
  EXPECT_TRUE(intact(watching));
  set("k");
  EXPECT_FALSE(intact(watching));
}

TEST_F(WatchTest, AFlushTouchesKeysThatAreThere) {
  set("k");
  set("due", 0, 10);
  pass_ms(11);
  const Watching there = watch("k");
  const Watching absent = watch("absent");
  const Watching due = watch("due");
  const Watching other_db = watch("k", 1);
  store.flush(0);
  EXPECT_FALSE(intact(there));
  EXPECT_TRUE(intact(absent));
  EXPECT_TRUE(intact(due));
  EXPECT_TRUE(intact(other_db));
  set("due");
  EXPECT_FALSE(intact(due));
}

TEST_F(WatchTest, ASwapTouchesKeysThatAreInEitherDatabase) {
  set("left", 0);
  set("right", 1);
  set("due", 1, 10);
  pass_ms(11);
  const Watching left = watch("left", 0);
  const Watching from_right = watch("left", 1);
  const Watching right = watch("right", 0);
  const Watching neither = watch("neither", 0);
  const Watching due_comes = watch("due", 0);
  const Watching due_goes = watch("due", 1);
  store.swap_databases(0, 1);
  EXPECT_FALSE(intact(left));
  EXPECT_FALSE(intact(from_right));
  EXPECT_FALSE(intact(right));
  EXPECT_TRUE(intact(neither));
  EXPECT_TRUE(intact(due_comes));
  EXPECT_TRUE(intact(due_goes));
  set("due");
  EXPECT_FALSE(intact(due_comes));
}

TEST_F(WatchTest, WhoIsTouchedStaysSoUntilForgotten) {
  Watching watching = watch("k");
  set("k");
  watch_too(watching, "other");
  EXPECT_FALSE(intact(watching));
  EXPECT_EQ(table.watchers(), 1u);
  table.forget(watching.id);
  EXPECT_TRUE(table.empty());
}

// Against a model that is nothing but sets.
TEST_F(WatchTest, RandomWatchesAgreeWithAModel) {
  struct Model {
    Watching watching;
    std::set<std::string> names;
    bool touched = false;
  };
  Rng rng(7);
  std::map<uint64_t, Model> models;
  for (int step = 0; step < 20'000; ++step) {
    const std::string name = "k" + std::to_string(rng.below(20));
    const uint64_t who = rng.below(12);
    switch (rng.below(4)) {
      case 0: {
        Model& model = models[who];
        if (model.watching.id == 0) {
          model.watching.id = ++last_id;
        }
        watch_too(model.watching, name);
        model.names.insert(name);
        break;
      }
      case 1:
        set(name);
        for (auto& [id, model] : models) {
          model.touched |= model.names.count(name) > 0;
        }
        break;
      case 2:
        if (models.count(who) > 0) {
          ASSERT_EQ(intact(models[who].watching), !models[who].touched) << "step " << step;
        }
        break;
      default:
        if (models.count(who) > 0) {
          table.forget(models[who].watching.id);
          models.erase(who);
        }
    }
    ASSERT_EQ(table.watchers(), models.size());
  }
}

}  // namespace
}  // namespace pollux
