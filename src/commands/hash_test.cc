// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

TEST(Hash, SetsAndGets) {
  TestStore store(4);
  EXPECT_EQ(store.run("hset h a 1 b two"), ":2\r\n");
  EXPECT_EQ(store.events(), "hset h");
  EXPECT_EQ(store.run("hset h a 1 c 3"), ":1\r\n");
  EXPECT_EQ(store.run("hset h a 1"), ":0\r\n");
  EXPECT_EQ(store.events(), "hset h");
  EXPECT_EQ(store.run("hmset h d 4"), "+OK\r\n");
  EXPECT_EQ(store.run("hget h b"), "$3\r\ntwo\r\n");
  EXPECT_EQ(store.run("hget h z"), "$-1\r\n");
  EXPECT_EQ(store.run("hget none z"), "$-1\r\n");
  EXPECT_EQ(store.run("hmget h a z d"), "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n4\r\n");
  EXPECT_EQ(store.run("hmget none a b"), "*2\r\n$-1\r\n$-1\r\n");
  EXPECT_EQ(store.run("hlen h"), ":4\r\n");
  EXPECT_EQ(store.run("hstrlen h b"), ":3\r\n");
  EXPECT_EQ(store.run("hstrlen h z"), ":0\r\n");
  EXPECT_EQ(store.run("hexists h a"), ":1\r\n");
  EXPECT_EQ(store.run("hexists h z"), ":0\r\n");
  EXPECT_EQ(store.run("type h"), "+hash\r\n");
  EXPECT_EQ(store.run("object encoding h"), "$8\r\nlistpack\r\n");
  EXPECT_EQ(store.run("hset h a 1 b"), "-ERR wrong number of arguments for 'hset' command\r\n");
  EXPECT_EQ(store.run("hmset h a 1 b"), "-ERR wrong number of arguments for 'hmset' command\r\n");
}

TEST(Hash, SetsOnlyWhatIsAbsent) {
  TestStore store;
  EXPECT_EQ(store.run("hsetnx h a 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "hset h");
  EXPECT_EQ(store.run("hsetnx h a " + std::string(100, 'x')), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("object encoding h"), "$8\r\nlistpack\r\n");
}

TEST(Hash, Walks) {
  TestStore store;
  store.run("hset h a 1 b 2");
  EXPECT_EQ(store.run("hkeys h"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(store.run("hvals h"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("hgetall h"), "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("hgetall none"), "*0\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("hgetall h"), "%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("hgetall none"), "%0\r\n");
  EXPECT_EQ(store.run("hkeys none"), "*0\r\n");
}

TEST(Hash, WithoutFieldsTheKeyGoes) {
  TestStore store;
  store.run("hset h a 1 b 2");
  EXPECT_EQ(store.run("hdel h z"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("hdel h a a z"), ":1\r\n");
  EXPECT_EQ(store.events(), "hdel h");
  EXPECT_EQ(store.run("hdel h b a"), ":1\r\n");
  EXPECT_EQ(store.events(), "hdel h, del h");
  EXPECT_EQ(store.run("exists h"), ":0\r\n");
  EXPECT_EQ(store.run("hdel h a"), ":0\r\n");
}

TEST(Hash, Counts) {
  TestStore store;
  EXPECT_EQ(store.run("hincrby h n 5"), ":5\r\n");
  EXPECT_EQ(store.events(), "hincrby h");
  EXPECT_EQ(store.run("hincrby h n -7"), ":-2\r\n");
  EXPECT_EQ(store.run("hincrby h n x"), "-ERR value is not an integer or out of range\r\n");
  store.run("hset h n 9223372036854775807 s x");
  EXPECT_EQ(store.run("hincrby h n 1"), "-ERR increment or decrement would overflow\r\n");
  EXPECT_EQ(store.run("hincrby h s 1"), "-ERR hash value is not an integer\r\n");
  EXPECT_EQ(store.run("hincrby " "h " + std::string(70, 'f') + " 1"), ":1\r\n");
  EXPECT_EQ(store.run("object encoding h"), "$9\r\nhashtable\r\n");
}

TEST(Hash, CountsInFloats) {
  TestStore store;
  EXPECT_EQ(store.run("hincrbyfloat h f 1.5"), "$3\r\n1.5\r\n");
  EXPECT_EQ(store.events(), "hincrbyfloat h");
  EXPECT_EQ(store.run("hincrbyfloat h f 0.1"), "$3\r\n1.6\r\n");
  EXPECT_EQ(store.run("hincrbyfloat h f inf"), "-ERR value is NaN or Infinity\r\n");
  EXPECT_EQ(store.run("hincrbyfloat h f nan"), "-ERR value is not a valid float\r\n");
  store.run("hset h f x i inf");
  EXPECT_EQ(store.run("hincrbyfloat h f 1"), "-ERR hash value is not a float\r\n");
  EXPECT_EQ(store.run("hincrbyfloat h i 1"),
            "-ERR increment would produce NaN or Infinity\r\n");
}

TEST(Hash, AnswersArgumentsBeforeTypes) {
  TestStore store;
  store.run("set s x");
  EXPECT_EQ(store.run("hincrby s a x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(store.run("hincrby s a 1"), kWrongType);
  EXPECT_EQ(store.run("hset s a"), "-ERR wrong number of arguments for 'hset' command\r\n");
  EXPECT_EQ(store.run("hset s a 1 b"), "-ERR wrong number of arguments for 'hset' command\r\n");
  EXPECT_EQ(store.run("hrandfield s 1 x"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("hscan s x"), "-ERR invalid cursor\r\n");
  for (const char* line : {"hset s a 1", "hget s a", "hmget s a", "hdel s a", "hlen s",
                           "hgetall s", "hrandfield s", "hscan s 0 bad", "hsetnx s a 1"}) {
    EXPECT_EQ(store.run(line), kWrongType) << line;
  }
}

TEST(Hash, DrawsFields) {
  TestStore store;
  store.run("hset h a 1");
  EXPECT_EQ(store.run("hrandfield h"), "$1\r\na\r\n");
  EXPECT_EQ(store.run("hrandfield none"), "$-1\r\n");
  EXPECT_EQ(store.run("hrandfield none 5"), "*0\r\n");
  EXPECT_EQ(store.run("hrandfield h 0"), "*0\r\n");
  EXPECT_EQ(store.run("hrandfield h 5"), "*1\r\n$1\r\na\r\n");
  EXPECT_EQ(store.run("hrandfield h -2"), "*2\r\n$1\r\na\r\n$1\r\na\r\n");
  EXPECT_EQ(store.run("hrandfield h -2 withvalues"),
            "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n1\r\n");
  EXPECT_EQ(store.run("hrandfield h 4611686018427387904 withvalues"),
            "-ERR value is out of range\r\n");
  EXPECT_EQ(store.run("hrandfield h -9223372036854775808"),
            "-ERR value is out of range, value must between -9223372036854775807 and "
            "9223372036854775807\r\n");
  EXPECT_EQ(store.run("hrandfield h -10000001"), "-ERR value is out of range\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("hrandfield h 1 withvalues"), "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
}

TEST(Hash, Scans) {
  TestStore store;
  store.run("hset h a 1 b 2");
  EXPECT_EQ(store.run("hscan h 0"),
            "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("hscan h 0 match b* count 1"),
            "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.run("hscan none 0 bad"), "*2\r\n$1\r\n0\r\n*0\r\n");
  for (const char* line : {"hscan h 0 bad", "hscan h 0 count 0", "hscan h 0 match",
                           "hscan h 0 type string"}) {
    EXPECT_EQ(store.run(line), "-ERR syntax error\r\n") << line;
  }
}

TEST(Hash, CountsHitsAndMisses) {
  TestStore store;
  store.run("hset h a 1");
  EXPECT_EQ(store.stats().hits + store.stats().misses, 0U);
  for (const char* line : {"hget h a", "hmget h a b", "hlen h", "hrandfield h", "hscan h 0"}) {
    const auto before = store.stats().hits;
    store.run(line);
    EXPECT_EQ(store.stats().hits, before + 1) << line;
  }
  store.run("hget none a");
  EXPECT_EQ(store.stats().misses, 1U);
}

}  // namespace
}  // namespace pollux
