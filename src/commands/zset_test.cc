// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

TEST(Zset, AddCountsAndNames) {
  TestStore store;
  EXPECT_EQ(store.run("zadd z 1 a 2 b"), ":2\r\n");
  EXPECT_EQ(store.events(), "zadd z");
  EXPECT_EQ(store.run("zadd z 1 a"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("zadd z ch 3 a 4 c"), ":2\r\n");
  EXPECT_EQ(store.run("zadd z incr 0.1 a"), "$18\r\n3.1000000000000001\r\n");
  EXPECT_EQ(store.events(), "zincr z");
  EXPECT_EQ(store.run("zrem z a b c"), ":3\r\n");
  EXPECT_EQ(store.events(), "zrem z, del z");
}

TEST(Zset, AddRefuses) {
  TestStore store;
  store.run("set s v");
  store.run("zadd z inf i");
  const std::map<std::string, std::string> errors = {
      {"zadd z nx 1", "-ERR syntax error\r\n"},
      {"zadd z nx xx 1 m", "-ERR XX and NX options at the same time are not compatible\r\n"},
      {"zadd z gt lt 1 m",
       "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"},
      {"zincrby z nx m", "-ERR syntax error\r\n"},
      {"zincrby z CH incr", "-ERR syntax error\r\n"},
      {"zadd z incr 1 a 2 b", "-ERR INCR option supports a single increment-element pair\r\n"},
      {"zadd z 1 a nan b", "-ERR value is not a valid float\r\n"},
      {"zadd s x m", "-ERR value is not a valid float\r\n"},
      {"zadd z incr -inf i", "-ERR resulting score is not a number (NaN)\r\n"},
      {"zcount s a b", "-ERR min or max is not a float\r\n"},
      {"zrange z 0 -1 limit 0 1",
       "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
       "BYLEX\r\n"},
      {"zmpop 0 z min", "-ERR numkeys should be greater than 0\r\n"},
      {"zunion 0 z", "-ERR at least 1 input key is needed for 'zunion' command\r\n"},
      {"zinter 1 z weights nan", "-ERR weight value is not a float\r\n"},
  };
  for (const auto& [line, error] : errors) {
    EXPECT_EQ(store.run(line), error) << line;
    EXPECT_EQ(store.events(), "") << line;
  }
  EXPECT_EQ(store.run("zcard z"), ":1\r\n");
}

TEST(Zset, Ranges) {
  for (const int64_t entries : {128, 0}) {
    TestStore store;
    store.config().encoding.zset_listpack_entries = entries;
    store.run("zadd z 1 a 2 b 3 c 4 d");
    EXPECT_EQ(store.run("zrange z -2 -1 rev"), "*2\r\n$1\r\nb\r\n$1\r\na\r\n");
    EXPECT_EQ(store.run("zrange z 4 1 byscore rev limit 1 2"), "*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
    EXPECT_EQ(store.run("zrangebyscore z (1 (3"), "*1\r\n$1\r\nb\r\n");
    EXPECT_EQ(store.run("zrangebyscore z 1 3 limit 1 1 withscores"),
              "*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
    store.set_protocol(3);
    EXPECT_EQ(store.run("zpopmax z 1"), "*1\r\n*2\r\n$1\r\nd\r\n,4\r\n");
    EXPECT_EQ(store.run("zpopmin z"), "*2\r\n$1\r\na\r\n,1\r\n");
    EXPECT_EQ(store.run("zremrangebyscore z -inf +inf"), ":2\r\n");
    EXPECT_EQ(store.events(), "zremrangebyscore z, del z");
  }
}

// As redis-server: see drop_signs.
TEST(Zset, RangesStoredLoseSignsOfZero) {
  TestStore store;
  store.config().encoding.zset_listpack_entries = 0;
  store.run("zadd z -0 a -0 b -0 c");
  const auto stored = [&](int64_t entries, const std::string& range) {
    store.config().encoding.zset_listpack_entries = entries;
    store.run("zrangestore y z " + range);
    return store.run("zmscore y a b c");
  };
  const std::string_view none = "*3\r\n$2\r\n-0\r\n$2\r\n-0\r\n$2\r\n-0\r\n";
  EXPECT_EQ(stored(0, "-inf +inf byscore"), none);
  EXPECT_EQ(stored(2, "0 -1"), none);
  EXPECT_EQ(stored(2, "-inf +inf byscore"), "*3\r\n$1\r\n0\r\n$1\r\n0\r\n$2\r\n-0\r\n");
  EXPECT_EQ(stored(1, "+ - bylex rev"), "*3\r\n$2\r\n-0\r\n$2\r\n-0\r\n$1\r\n0\r\n");
  store.config().encoding.zset_listpack_value = 0;
  EXPECT_EQ(stored(128, "0 -1"), none);
}

TEST(Zset, Combinations) {
  TestStore store(4);
  store.run("zadd z 1 a 2 b 3 c");
  store.run("zadd y 10 a 20 b 30 x");
  EXPECT_EQ(store.run("zinter 2 z y weights 0.5 1 withscores"),
            "*4\r\n$1\r\na\r\n$4\r\n10.5\r\n$1\r\nb\r\n$2\r\n21\r\n");
  EXPECT_EQ(store.run("zdiff 2 z y"), "*1\r\n$1\r\nc\r\n");
  EXPECT_EQ(store.run("zintercard 2 z y limit 1"), ":1\r\n");
  store.run("expire z 100");
  EXPECT_EQ(store.run("zunionstore z 2 z y"), ":4\r\n");
  EXPECT_EQ(store.events(), "zunionstore z");
  EXPECT_EQ(store.run("ttl z"), ":-1\r\n");
  EXPECT_EQ(store.run("zdiffstore z 1 absent"), ":0\r\n");
  EXPECT_EQ(store.events(), "del z");
}

TEST(Zset, SetsAreSortedSetsWithTheScoreOne) {
  TestStore store(4);
  store.run("zadd z 1 a 2 b");
  store.run("zadd y 1 17 2 b");
  store.run("sadd s a b 17");
  store.run("sadd i 1 2 3");
  EXPECT_EQ(store.run("zunion 2 s z withscores"),
            "*6\r\n$2\r\n17\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n3\r\n");
  EXPECT_EQ(store.run("zinter 3 s y s withscores"),
            "*4\r\n$2\r\n17\r\n$1\r\n3\r\n$1\r\nb\r\n$1\r\n4\r\n");
  EXPECT_EQ(store.run("zdiff 2 s y"), "*1\r\n$1\r\na\r\n");
  EXPECT_EQ(store.run("zdiff 2 y s"), "*0\r\n");
  EXPECT_EQ(store.run("zdiff 1 s"), "*3\r\n$2\r\n17\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(store.run("zinter 2 s s weights 2 3 withscores"),
            "*6\r\n$2\r\n17\r\n$1\r\n5\r\n$1\r\na\r\n$1\r\n5\r\n$1\r\nb\r\n$1\r\n5\r\n");
  EXPECT_EQ(store.run("zunionstore d 2 i s weights 2 inf"), ":6\r\n");
  EXPECT_EQ(store.run("zrange d 0 -1"),
            "*6\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$2\r\n17\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(store.run("zintercard 2 s i limit 1"), ":0\r\n");
  EXPECT_EQ(store.run("zunionstore s 2 s z"), ":3\r\n") << "the target may be the set";
  EXPECT_EQ(store.run("zscore s b"), "$1\r\n3\r\n");
  store.run("lpush l 1");
  EXPECT_EQ(store.run("zunion 2 i l"),
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

// Of Redis 8.8; from its documentation.
TEST(Zset, AggregateCountIgnoresScores) {
  TestStore store(4);
  store.run("zadd s1 1 foo 1 bar");
  store.run("zadd s2 2 foo 2 bar");
  store.run("zadd s3 3 foo");
  EXPECT_EQ(store.run("zunionstore out 3 s1 s2 s3 aggregate count"), ":2\r\n");
  EXPECT_EQ(store.run("zrange out 0 -1 withscores"),
            "*4\r\n$3\r\nbar\r\n$1\r\n2\r\n$3\r\nfoo\r\n$1\r\n3\r\n");
  EXPECT_EQ(store.run("zinter 3 s1 s2 s3 weights 2 3 5 aggregate COUNT withscores"),
            "*2\r\n$3\r\nfoo\r\n$2\r\n10\r\n");
}

TEST(Zset, RandomMembersAreBounded) {
  TestStore store;
  EXPECT_EQ(store.run("zrandmember absent -9223372036854775807"), "*0\r\n");
  store.run("zadd z 1 a");
  EXPECT_EQ(store.run("zrandmember z -10000001"), "-ERR value is out of range\r\n");
  EXPECT_EQ(store.run("zrandmember z -4611686018427387904 withscores"),
            "-ERR value is out of range\r\n");
  EXPECT_EQ(store.run("zrandmember z -9223372036854775808"),
            "-ERR value is out of range, value must between -9223372036854775807 and "
            "9223372036854775807\r\n");
  EXPECT_EQ(store.run("zrandmember z -3"), "*3\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n");
}

TEST(Zset, ScanRefuses) {
  TestStore store;
  store.run("zadd z 1 a 2 b");
  EXPECT_EQ(store.run("zscan z foo"), "-ERR invalid cursor\r\n");
  EXPECT_EQ(store.run("zscan z 0 count 0"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("zscan absent 0 foo"), "*2\r\n$1\r\n0\r\n*0\r\n");
  EXPECT_EQ(store.run("zscan z 0 match a*"),
            "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
}

// Each member must come equally often: chi-square with 9 degrees of freedom, 0.1 % at 27.9.
TEST(Zset, RandomMembersAreUniform) {
  for (const int64_t entries : {128, 0}) {
    for (const char* line : {"zrandmember z", "zrandmember z 1", "zrandmember z 5",
                             "zrandmember z -3"}) {
      TestStore store;
      store.config().encoding.zset_listpack_entries = entries;
      store.run("zadd z 0 a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 j");
      std::map<char, double> seen;
      double total = 0;
      for (int i = 0; i < 5000; ++i) {
        for (const char c : store.run(line)) {
          if (c >= 'a' && c <= 'j') {
            ++seen[c];
            ++total;
          }
        }
      }
      double chi_square = 0;
      for (char c = 'a'; c <= 'j'; ++c) {
        chi_square += (seen[c] - total / 10) * (seen[c] - total / 10) / (total / 10);
      }
      EXPECT_LT(chi_square, 27.9) << line << " " << entries;
    }
  }
}

}  // namespace
}  // namespace pollux
