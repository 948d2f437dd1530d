// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

TEST(Set, AddsAndAsks) {
  TestStore store(4);
  EXPECT_EQ(store.run("sadd s 1 2 1"), ":2\r\n");
  EXPECT_EQ(store.events(), "sadd s");
  EXPECT_EQ(store.run("sadd s 1"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("object encoding s"), "$6\r\nintset\r\n");
  EXPECT_EQ(store.run("sadd s a"), ":1\r\n");
  EXPECT_EQ(store.run("object encoding s"), "$9\r\nhashtable\r\n");
  EXPECT_EQ(store.run("srem s a"), ":1\r\n");
  EXPECT_EQ(store.run("object encoding s"), "$9\r\nhashtable\r\n");
  EXPECT_EQ(store.run("type s"), "+set\r\n");
  EXPECT_EQ(store.run("scard s"), ":2\r\n");
  EXPECT_EQ(store.run("scard none"), ":0\r\n");
  EXPECT_EQ(store.run("sismember s 1"), ":1\r\n");
  EXPECT_EQ(store.run("sismember s 01"), ":0\r\n");
  EXPECT_EQ(store.run("smismember s 1 9 2"), "*3\r\n:1\r\n:0\r\n:1\r\n");
  EXPECT_EQ(store.run("smismember none 1 9"), "*2\r\n:0\r\n:0\r\n");
  EXPECT_EQ(store.run("smembers s"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("smembers s"), "~2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("smembers none"), "~0\r\n");
}

TEST(Set, WithoutMembersTheKeyGoes) {
  TestStore store;
  store.run("sadd s 1 2");
  EXPECT_EQ(store.run("srem s 9"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("srem s 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "srem s");
  EXPECT_EQ(store.run("srem s 2 2 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "srem s, del s");
  EXPECT_EQ(store.run("exists s"), ":0\r\n");
}

TEST(Set, Moves) {
  TestStore store(4);
  store.run("sadd s 1 2");
  store.run("set str x");
  EXPECT_EQ(store.run("smove none str a"), ":0\r\n");
  EXPECT_EQ(store.run("smove s str 9"), kWrongType);
  EXPECT_EQ(store.run("smove str s 1"), kWrongType);
  EXPECT_EQ(store.run("smove s s 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("smove s s 9"), ":0\r\n");
  EXPECT_EQ(store.run("smove s t 9"), ":0\r\n");
  EXPECT_EQ(store.run("exists t"), ":0\r\n");
  EXPECT_EQ(store.run("smove s t 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "srem s, sadd t");
  EXPECT_EQ(store.run("smove s t 2"), ":1\r\n");
  EXPECT_EQ(store.events(), "srem s, del s, sadd t");
  store.run("sadd s 2");
  EXPECT_EQ(store.run("smove s t 2"), ":1\r\n");
  EXPECT_EQ(store.events(), "srem s, del s");
}

TEST(Set, Pops) {
  TestStore store;
  EXPECT_EQ(store.run("spop none"), "$-1\r\n");
  EXPECT_EQ(store.run("spop none 3"), "*0\r\n");
  store.run("sadd s 1 2 3 4 5");
  EXPECT_EQ(store.run("spop s 0"), "*0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("spop s").substr(0, 4), "$1\r\n");
  EXPECT_EQ(store.events(), "spop s");
  EXPECT_EQ(store.run("spop s 2").substr(0, 4), "*2\r\n");
  EXPECT_EQ(store.events(), "spop s");
  EXPECT_EQ(store.run("scard s"), ":2\r\n");
  EXPECT_EQ(store.run("spop s 9").substr(0, 4), "*2\r\n");
  EXPECT_EQ(store.events(), "spop s, del s");
  EXPECT_EQ(store.run("exists s"), ":0\r\n");
  store.run("sadd s a");
  EXPECT_EQ(store.run("spop s"), "$1\r\na\r\n");
  EXPECT_EQ(store.events(), "spop s, del s");
  const std::string not_positive = "-ERR value is out of range, must be positive\r\n";
  EXPECT_EQ(store.run("spop s x"), not_positive);
  EXPECT_EQ(store.run("spop s -1"), not_positive);
  EXPECT_EQ(store.run("spop s 1 2"), "-ERR syntax error\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("spop none 3"), "~0\r\n");
}

TEST(Set, PopsAllOfALargeOneOnce) {
  TestStore store;
  for (int i = 0; i < 1000; ++i) {
    store.run("sadd s m" + std::to_string(i));
  }
  for (int left = 1000; left > 0; left -= 100) {
    EXPECT_EQ(store.run("spop s 100").substr(0, 6), "*100\r\n");
    EXPECT_EQ(store.run("scard s"), ":" + std::to_string(left - 100) + "\r\n");
  }
  EXPECT_EQ(store.run("exists s"), ":0\r\n");
}

TEST(Set, Draws) {
  TestStore store;
  store.run("sadd s a");
  EXPECT_EQ(store.run("srandmember s"), "$1\r\na\r\n");
  EXPECT_EQ(store.run("srandmember none"), "$-1\r\n");
  EXPECT_EQ(store.run("srandmember none 2"), "*0\r\n");
  EXPECT_EQ(store.run("srandmember s 5"), "*1\r\n$1\r\na\r\n");
  EXPECT_EQ(store.run("srandmember s -2"), "*2\r\n$1\r\na\r\n$1\r\na\r\n");
  EXPECT_EQ(store.run("srandmember s -10000001"), "-ERR value is out of range\r\n");
  EXPECT_EQ(store.run("srandmember s 1 2"), "-ERR syntax error\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("srandmember s 1"), "*1\r\n$1\r\na\r\n");
}

TEST(Set, Scans) {
  TestStore store;
  store.run("sadd s 1 2");
  EXPECT_EQ(store.run("sscan s 0"), "*2\r\n$1\r\n0\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("sscan s 0 match 2"), "*2\r\n$1\r\n0\r\n*1\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("sscan none 0 bad"), "*2\r\n$1\r\n0\r\n*0\r\n");
  EXPECT_EQ(store.run("sscan s 0 bad"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("sscan s x"), "-ERR invalid cursor\r\n");
}

TEST(Set, RefusesOtherTypes) {
  TestStore store;
  store.run("set s x");
  for (const char* line : {"sadd s a", "srem s a", "sismember s a", "smismember s a", "scard s",
                           "spop s", "spop s 1", "srandmember s", "smembers s", "sscan s 0 bad"}) {
    EXPECT_EQ(store.run(line), kWrongType) << line;
  }
  EXPECT_EQ(store.run("srandmember s x"), "-ERR value is not an integer or out of range\r\n");
}

}  // namespace
}  // namespace pollux
