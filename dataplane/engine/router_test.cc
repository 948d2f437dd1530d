#include "dataplane/engine/router.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "dataplane/engine/engine_families.h"
#include "src/base/hash.h"
#include "src/commands/command_table.h"
#include "src/commands/families.h"
#include "src/data/keyspace.h"

namespace pollux {
namespace {

constexpr int kShards = 4;

const CommandTable& commands() {
  static const CommandTable* table = [] {
    auto* made = new CommandTable;
    add_command_families(*made);
    add_engine_families(*made);
    return made;
  }();
  return *table;
}

Placement place_of(std::initializer_list<std::string_view> words, int shards = kShards) {
  const std::vector<std::string_view> args(words);
  return place(*commands().find(args[0]), args, shards);
}

ShardId shard_of(std::string_view key) { return shard_of_slot(key_slot(key), kShards); }

std::string key_on(uint16_t shard) {
  for (int i = 0;; ++i) {
    std::string key = "k" + std::to_string(i);
    if (shard_of(key).value == shard) {
      return key;
    }
  }
}

TEST(RouterTest, OneKeyGoesToItsOwnerWithItsHash) {
  for (uint16_t shard = 0; shard < kShards; ++shard) {
    const std::string key = key_on(shard);
    const Placement to = place_of({"get", key});
    EXPECT_EQ(to.where, Where::kShard);
    EXPECT_EQ(to.shard.value, shard);
    EXPECT_EQ(to.first_key_hash, key_hash(key));
  }
}

TEST(RouterTest, KeysOfOneShardNeedNoLease) {
  EXPECT_EQ(place_of({"mget", "{tag}a", "{tag}b", "{tag}c"}).where, Where::kShard);
  EXPECT_EQ(place_of({"mget", "{tag}a", "{tag}b"}).shard, shard_of("tag"));
}

TEST(RouterTest, KeysOfSeveralShardsAreLeased) {
  const std::string a = key_on(1);
  const std::string b = key_on(3);
  EXPECT_EQ(place_of({"mset", a, "1", b, "2"}).where, Where::kLease);
  const std::vector<std::string_view> args{"mset", a, "1", b, "2"};
  const ShardSet set = lease_set(*commands().find("mset"), args, kShards);
  EXPECT_EQ(set.count(), 2);
  EXPECT_TRUE(set.has(ShardId{1}) && set.has(ShardId{3}));
}

TEST(RouterTest, CommandsOnAllKeysLeaseAllShards) {
  EXPECT_EQ(place_of({"flushall"}).where, Where::kLease);
  const std::vector<std::string_view> args{"flushall"};
  EXPECT_EQ(lease_set(*commands().find("flushall"), args, kShards).count(), kShards);
  EXPECT_EQ(place_of({"dbsize"}).where, Where::kEachShard);
}

TEST(RouterTest, WithOneShardNothingIsLeased) {
  EXPECT_EQ(place_of({"mset", "a", "1", "b", "2"}, 1).where, Where::kShard);
  EXPECT_EQ(place_of({"flushall"}, 1).where, Where::kShard);
}

TEST(RouterTest, AMessageRunsWhereItsChannelIs) {
  const std::string a = key_on(1);
  const std::string b = key_on(3);
  const Placement placement = place_of({"publish", a, b});
  EXPECT_EQ(placement.where, Where::kShard);
  EXPECT_EQ(placement.shard.value, 1);
  const std::vector<std::string_view> args{"pubsub", "numsub", a, b};
  const CommandRow& row = *commands().find_sub(*commands().find("pubsub"), "numsub");
  EXPECT_EQ(place(row, args, kShards).where, Where::kLease);
  EXPECT_EQ(lease_set(row, args, kShards).count(), 2);
}

TEST(RouterTest, SubscriptionsLeaseTheShardsOfTheirChannels) {
  const std::string a = key_on(2);
  const auto set_of = [](const std::vector<std::string_view>& args) {
    const CommandRow& row = *commands().find(args[0]);
    EXPECT_EQ(place(row, args, kShards).where, Where::kLease);
    return lease_set(row, args, kShards);
  };
  EXPECT_EQ(set_of({"subscribe", a}).count(), 1);
  EXPECT_TRUE(set_of({"subscribe", a}).has(ShardId{2}));
  EXPECT_EQ(set_of({"subscribe", a, "__keyevent@0__:set"}).count(), kShards);
  EXPECT_EQ(set_of({"psubscribe", a}).count(), kShards);
  EXPECT_EQ(set_of({"unsubscribe"}).count(), kShards);
  EXPECT_EQ(place_of({"subscribe", "a"}, 1).where, Where::kLease);
}

TEST(RouterTest, AScanCursorNamesItsShard) {
  EXPECT_EQ(place_of({"scan", "0"}).shard.value, 0);
  const std::string cursor = std::to_string((uint64_t{2} << 32) + 77);
  EXPECT_EQ(place_of({"scan", cursor}).shard.value, 2);
  // A cursor of a shard that is not there, or no cursor: somebody has to answer.
  EXPECT_EQ(place_of({"scan", std::to_string(uint64_t{9} << 32)}).shard.value, 0);
  EXPECT_EQ(place_of({"scan", "nonsense"}).where, Where::kShard);
}

}  // namespace
}  // namespace pollux
