#include "dataplane/engine/hot_keys.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "src/base/hash.h"
#include "src/commands/rows.h"

namespace pollux {
namespace {

void add(TopKeys& keys, const std::string& key, uint64_t weight = 1) {
  keys.add(key_hash(key), key, weight);
}

TEST(TopKeys, CountsExactlyWhileThereIsRoom) {
  TopKeys keys(4);
  add(keys, "a", 5);
  add(keys, "b", 7);
  add(keys, "a", 3);
  const auto top = keys.top(10);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].key, "a");
  EXPECT_EQ(top[0].weight, 8u);
  EXPECT_EQ(top[1].weight, 7u);
  EXPECT_EQ(keys.total(), 15u);
  EXPECT_EQ(keys.top(1).size(), 1u);
}

// The promise of the rule, against exact counts: never too low, and what has more than its share of
// the places is there.
TEST(TopKeys, HeavyKeysAreNeverMissed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    constexpr size_t kPlaces = 32;
    TopKeys keys(kPlaces);
    std::map<std::string, uint64_t> exact;
    uint64_t total = 0;
    for (int i = 0; i < 20000; ++i) {
      // Half of all accesses go to ten keys.
      const uint64_t number = rng.below(2) == 0 ? rng.below(10) : rng.below(5000);
      const std::string key = "k" + std::to_string(number);
      const uint64_t weight = 1 + rng.below(3);
      add(keys, key, weight);
      exact[key] += weight;
      total += weight;
    }
    EXPECT_EQ(keys.total(), total);
    std::map<std::string, uint64_t> found;
    for (const TopKeys::Entry& entry : keys.top(kPlaces)) {
      EXPECT_GE(entry.weight, exact[entry.key]);
      found[entry.key] = entry.weight;
    }
    for (const auto& [key, weight] : exact) {
      if (weight > total / kPlaces) {
        EXPECT_TRUE(found.contains(key)) << key << " seed " << seed;
      }
    }
  }
}

TEST(TopKeys, FadesAndMerges) {
  TopKeys keys(4);
  add(keys, "a", 8);
  add(keys, "b", 1);
  keys.fade();
  EXPECT_EQ(keys.top(10).size(), 1u);  // what has faded to nothing is not shown
  TopKeys other(4);
  add(other, "a", 2);
  add(other, "c", 9);
  keys.merge(other);
  const auto top = keys.top(10);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].key, "c");
  EXPECT_EQ(top[1].weight, 6u);
  EXPECT_EQ(keys.total(), 4u + 11u);
}

TEST(TopKeys, LongNamesAreCut) {
  TopKeys keys(4);
  add(keys, std::string(5000, 'x'));
  EXPECT_EQ(keys.top(1)[0].key.size(), TopKeys::kKeyBytesMax);
}

constexpr CommandRow kGet{.name = "get", .arity = 2, .flags = kReadonly, .acl = 0,
                          .handler = nullptr, .keys = {key_at(1, "RO")}};
constexpr CommandRow kMget{.name = "mget", .arity = -2, .flags = kReadonly, .acl = 0,
                           .handler = nullptr, .keys = {keys_from(1, -1, 1, "RO")}};
constexpr CommandRow kPing{.name = "ping", .arity = 1, .flags = 0, .acl = 0, .handler = nullptr,
                           .route = Route::kSession};

void run(HotKeys& hot, const CommandRow& row, std::vector<std::string_view> args,
         const CommandCost& cost = {100, 20, 10}) {
  if (hot.due()) {
    hot.look(row, args, cost);
  }
}

TEST(HotKeys, SamplesAlwaysAboutOneInSoMany) {
  HotKeys hot(7);
  constexpr int kCommands = 100000;
  for (int i = 0; i < kCommands; ++i) {
    run(hot, kGet, {"get", i % 4 == 0 ? "warm" : "hot"});
  }
  const auto expected = static_cast<double>(kCommands) / HotKeys::kAlwaysRatio;
  EXPECT_NEAR(static_cast<double>(hot.always().total()), expected, expected / 4);
  const auto top = hot.always().top(10);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].key, "hot");
  EXPECT_NEAR(static_cast<double>(top[0].weight), expected * 3 / 4, expected / 5);
}

TEST(HotKeys, ASessionMeasuresEachCommand) {
  HotKeys hot(7);
  HotKeysSession session;
  session.by_cpu = session.by_net = true;
  run(hot, kGet, {"get", "before"});
  hot.start(session, Instant{1'000'000}, {.cycles = 500, .net_bytes = 50});
  EXPECT_TRUE(hot.active(Instant{1'000'000}));
  for (int i = 0; i < 1000; ++i) {
    run(hot, kGet, {"get", "a"}, {300, 20, 10});
    run(hot, kMget, {"mget", "a", "b"}, {100, 40, 20});
    run(hot, kPing, {"ping"});
  }
  hot.stop(Instant{5'000'000}, {.cycles = 900, .net_bytes = 80});
  run(hot, kGet, {"get", "after"});
  const auto by_cpu = hot.by_cpu().top(10);
  ASSERT_EQ(by_cpu.size(), 2u);
  EXPECT_EQ(by_cpu[0].key, "a");
  EXPECT_EQ(by_cpu[0].weight, 1000u * (300 + 50));
  EXPECT_EQ(by_cpu[1].weight, 1000u * 50);
  EXPECT_EQ(hot.by_net().top(1)[0].weight, 1000u * (30 + 30));
  EXPECT_EQ(hot.lasted_ms(Instant{9'000'000}), 4000);
  EXPECT_EQ(hot.used({}).cycles, 400);
  EXPECT_EQ(hot.used({}).net_bytes, 30);
  hot.reset();
  EXPECT_FALSE(hot.started());
  EXPECT_TRUE(hot.by_cpu().top(10).empty());
}

TEST(HotKeys, ASessionMeasuresAShare) {
  HotKeys hot(7);
  HotKeysSession session;
  session.by_net = true;
  session.ratio = 10;
  hot.start(session, Instant{0}, {});
  for (int i = 0; i < 20000; ++i) {
    run(hot, kGet, {"get", "a"}, {1, 1, 0});
  }
  EXPECT_NEAR(static_cast<double>(hot.by_net().total()), 2000, 300);
  EXPECT_NEAR(static_cast<double>(hot.always().total()), 20000.0 / HotKeys::kAlwaysRatio, 60);
}

TEST(HotKeys, ASessionEndsByItself) {
  HotKeys hot(7);
  HotKeysSession session;
  session.by_cpu = true;
  session.duration_ms = 2000;
  hot.start(session, Instant{1'000'000}, {});
  EXPECT_FALSE(hot.over(Instant{2'999'000}));
  EXPECT_TRUE(hot.over(Instant{3'000'000}));
  hot.stop(Instant{3'100'000}, {});
  EXPECT_EQ(hot.lasted_ms(Instant{9'000'000}), 2000);
}

}  // namespace
}  // namespace pollux
