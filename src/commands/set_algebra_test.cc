// Expected bytes were taken from redis-server 7.0.15; large operations are held against std::set.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

TEST(SetAlgebra, Answers) {
  TestStore store(4);
  store.run("sadd a 1 2 3");
  store.run("sadd b 2 3 x");
  EXPECT_EQ(store.run("sinter a b"), "*2\r\n$1\r\n2\r\n$1\r\n3\r\n");
  EXPECT_EQ(store.run("sdiff a b"), "*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(store.run("sunion a b"), "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\nx\r\n");
  EXPECT_EQ(store.run("sinter a none"), "*0\r\n");
  EXPECT_EQ(store.run("sdiff none a"), "*0\r\n");
  EXPECT_EQ(store.run("sdiff a a"), "*0\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("sinter a none"), "~0\r\n");
  EXPECT_EQ(store.run("sdiff a b"), "~1\r\n$1\r\n1\r\n");
}

TEST(SetAlgebra, Stores) {
  TestStore store(4);
  store.run("sadd a 1 2 3");
  store.run("sadd b 2 3 x");
  store.run("set d str");
  store.run("expire d 100");
  EXPECT_EQ(store.run("sinterstore d a b"), ":2\r\n");
  EXPECT_EQ(store.events(), "sinterstore d");
  EXPECT_EQ(store.run("ttl d"), ":-1\r\n");
  EXPECT_EQ(store.run("object encoding d"), "$6\r\nintset\r\n");
  EXPECT_EQ(store.run("sdiffstore d b a"), ":1\r\n");
  EXPECT_EQ(store.events(), "sdiffstore d");
  EXPECT_EQ(store.run("object encoding d"), "$9\r\nhashtable\r\n");
  EXPECT_EQ(store.run("sunionstore a a b"), ":4\r\n");
  EXPECT_EQ(store.events(), "sunionstore a");
  EXPECT_EQ(store.run("smembers a"), "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\nx\r\n");
  EXPECT_EQ(store.run("sinterstore d a none"), ":0\r\n");
  EXPECT_EQ(store.events(), "del d");
  EXPECT_EQ(store.run("sinterstore d a none"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
}

TEST(SetAlgebra, EveryKeyMustBeASet) {
  TestStore store;
  store.run("set s x");
  for (const char* line : {"sinter s none", "sinter none s", "sunion none s", "sdiff none s",
                           "sinterstore d none s", "sunionstore d s none", "sintercard 2 none s"}) {
    EXPECT_EQ(store.run(line), kWrongType) << line;
  }
}

TEST(SetAlgebra, CountsIntersections) {
  TestStore store;
  store.run("sadd a 1 2 3");
  store.run("sadd b 2 3 4");
  EXPECT_EQ(store.run("sintercard 2 a b"), ":2\r\n");
  EXPECT_EQ(store.run("sintercard 2 a b limit 1"), ":1\r\n");
  EXPECT_EQ(store.run("sintercard 2 a b limit 1 limit 0"), ":2\r\n");
  EXPECT_EQ(store.run("sintercard 2 a none"), ":0\r\n");
  const std::string no_keys = "-ERR numkeys should be greater than 0\r\n";
  EXPECT_EQ(store.run("sintercard 0 a"), no_keys);
  EXPECT_EQ(store.run("sintercard x a"), no_keys);
  EXPECT_EQ(store.run("sintercard 2 a"),
            "-ERR Number of keys can't be greater than number of args\r\n");
  EXPECT_EQ(store.run("sintercard 1 a b"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("sintercard 1 a limit"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("sintercard 1 a limit -1"), "-ERR LIMIT can't be negative\r\n");
  EXPECT_EQ(store.run("sintercard 1 a limit x"), "-ERR LIMIT can't be negative\r\n");
}

using Model = std::set<std::string>;

// The bulks of an array.
Model members_of(const std::string& reply) {
  Model members;
  size_t at = reply.find('\n') + 1;
  while (at < reply.size()) {
    const size_t size = std::stoul(reply.substr(at + 1));
    at = reply.find('\n', at) + 1;
    EXPECT_TRUE(members.insert(reply.substr(at, size)).second);
    at += size + 2;
  }
  return members;
}

TEST(SetAlgebra, AllFormsAgainstSets) {
  TestStore store(4);
  Rng rng(5);
  for (int round = 0; round < 300; ++round) {
    Model models[6];
    std::string keys;
    const size_t count = 1 + rng.below(6);
    store.run("flushall");
    for (size_t i = 0; i < count; ++i) {
      const std::string key = "s" + std::to_string(i);
      keys += " " + key;
      const uint64_t size = rng.below(rng.below(4) == 0 ? 1500 : 40);
      const bool texts = rng.below(2) == 0;
      for (uint64_t n = 0; n < size; ++n) {
        const std::string member =
            (texts && rng.below(4) == 0 ? "m" : "") + std::to_string(rng.below(2 * size));
        store.run_args({"sadd", key, member});
        models[i].insert(member);
      }
    }
    Model all = models[0];
    Model common = models[0];
    Model rest = models[0];
    for (size_t i = 1; i < count; ++i) {
      all.insert(models[i].begin(), models[i].end());
      std::erase_if(common, [&](const std::string& m) { return !models[i].contains(m); });
      std::erase_if(rest, [&](const std::string& m) { return models[i].contains(m); });
    }
    ASSERT_EQ(members_of(store.run("sinter" + keys)), common);
    ASSERT_EQ(members_of(store.run("sunion" + keys)), all);
    ASSERT_EQ(members_of(store.run("sdiff" + keys)), rest);
    ASSERT_EQ(store.run("sintercard " + std::to_string(count) + keys),
              ":" + std::to_string(common.size()) + "\r\n");
    // Into one of its sources, or beside them.
    const std::string to = "s" + std::to_string(rng.below(7));
    struct Case {
      const char* command;
      const Model& expected;
    };
    const Case cases[] = {{"sinterstore ", common}, {"sunionstore ", all}, {"sdiffstore ", rest}};
    const Case& c = cases[rng.below(3)];
    ASSERT_EQ(store.run(c.command + to + keys),
              ":" + std::to_string(c.expected.size()) + "\r\n");
    ASSERT_EQ(members_of(store.run("smembers " + to)), c.expected);
  }
}

// Of Redis 8.10; from its documentation.
TEST(SetAlgebra, CardinalitiesOfUnionAndDifference) {
  TestStore store(4);
  store.run("sadd key1 a b c 7");
  store.run("sadd key2 c d e 7");
  EXPECT_EQ(store.run("sunioncard 2 key1 key2"), ":6\r\n");
  for (int limit = 1; limit <= 8; ++limit) {  // in the first set, at its end, and behind it
    EXPECT_EQ(store.run("sunioncard 3 key1 key2 key1 limit " + std::to_string(limit)),
              ":" + std::to_string(std::min(limit, 6)) + "\r\n");
  }
  EXPECT_EQ(store.run("sunioncard 2 key1 key2 LIMIT 0 APPROX"), ":6\r\n");
  EXPECT_EQ(store.run("sunioncard 2 key1 key2 approx limit 2"), ":2\r\n");
  EXPECT_EQ(store.run("sunioncard 1 absent"), ":0\r\n");
  EXPECT_EQ(store.run("sdiffcard 2 key1 key2"), ":2\r\n");
  EXPECT_EQ(store.run("sdiffcard 2 key1 key2 limit 1"), ":1\r\n");
  EXPECT_EQ(store.run("sdiffcard 1 key1"), ":4\r\n");
  EXPECT_EQ(store.run("sdiffcard 2 key1 key2 approx"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("sunioncard 0 key1"), "-ERR numkeys should be greater than 0\r\n");
  EXPECT_EQ(store.run("sunioncard 2 key1 key2 limit -1"), "-ERR LIMIT can't be negative\r\n");
  store.run("set s 1");
  EXPECT_EQ(store.run("sunioncard 2 key1 s"),
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

TEST(SetAlgebra, ApproximateCardinalityIsNear) {
  TestStore store;
  std::string line = "sadd key";
  for (int i = 0; i < 20'000; ++i) {
    line += " e" + std::to_string(i);
  }
  store.run(line);
  const int64_t count = std::stoll(store.run("sunioncard 1 key approx").substr(1));
  EXPECT_NEAR(static_cast<double>(count), 20'000, 20'000 * 0.04);
}

}  // namespace
}  // namespace pollux
