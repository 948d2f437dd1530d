// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include <map>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

class GenericOnShards : public testing::TestWithParam<int> {
 protected:
  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, GenericOnShards, testing::Values(1, 4));

TEST_P(GenericOnShards, DelExistsTouchCount) {
  store.run("mset a 1 b 2 c 3");
  EXPECT_EQ(store.run("exists a b x a"), ":3\r\n");
  EXPECT_EQ(store.run("touch a x"), ":1\r\n");
  EXPECT_EQ(store.run("del a b x a"), ":2\r\n");
  EXPECT_EQ(store.events(), "del a, del b");
  EXPECT_EQ(store.run("unlink c"), ":1\r\n");
  EXPECT_EQ(store.events(), "del c");
}

TEST_P(GenericOnShards, RenameMovesValueAndTtl) {
  store.run("set a v ex 10");
  store.run("set b w");
  EXPECT_EQ(store.run("rename a b"), "+OK\r\n");
  EXPECT_EQ(store.events(), "rename_from a, rename_to b");
  EXPECT_EQ(store.run("mget a b"), "*2\r\n$-1\r\n$1\r\nv\r\n");
  EXPECT_EQ(store.run("ttl b"), ":10\r\n");
  EXPECT_EQ(store.run("rename a b"), "-ERR no such key\r\n");
}

TEST_P(GenericOnShards, RenamenxWantsAFreeName) {
  store.run("mset a 1 b 2");
  EXPECT_EQ(store.run("renamenx a b"), ":0\r\n");
  EXPECT_EQ(store.run("renamenx a c"), ":1\r\n");
  EXPECT_EQ(store.run("renamenx c c"), ":0\r\n");
  EXPECT_EQ(store.run("rename c c"), "+OK\r\n");
  EXPECT_EQ(store.events(), "");
}

TEST_P(GenericOnShards, CopyToKeysAndDatabases) {
  store.run("set a v ex 10");
  EXPECT_EQ(store.run("copy a b"), ":1\r\n");
  EXPECT_EQ(store.events(), "copy_to b");
  EXPECT_EQ(store.run("ttl b"), ":10\r\n");
  store.run("set a w");
  EXPECT_EQ(store.run("copy a b"), ":0\r\n");
  EXPECT_EQ(store.run("copy a b replace"), ":1\r\n");
  EXPECT_EQ(store.run("ttl b"), ":-1\r\n");
  EXPECT_EQ(store.run("copy a a db 3"), ":1\r\n");
  store.select(3);
  EXPECT_EQ(store.run("get a"), "$1\r\nw\r\n");
}

TEST_P(GenericOnShards, MoveGoesToAnotherDatabase) {
  store.run("set a v");
  EXPECT_EQ(store.run("move a 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "move_from a, move_to a");
  EXPECT_EQ(store.run("move a 1"), ":0\r\n");
  store.run("set a w");
  EXPECT_EQ(store.run("move a 1"), ":0\r\n") << "the name is taken there";
}

TEST(Generic, DatabaseNumbers) {
  TestStore store;
  const std::string range = "-ERR DB index is out of range\r\n";
  const std::string no_int = "-ERR value is not an integer or out of range\r\n";
  const std::string no_int32 =
      "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";
  EXPECT_EQ(store.run("copy a b db 16"), range);
  EXPECT_EQ(store.run("copy a b db -1"), range);
  EXPECT_EQ(store.run("copy a b db x"), no_int);
  EXPECT_EQ(store.run("copy a b db 99999999999"), no_int32);
  EXPECT_EQ(store.run("move a 16"), range);
  EXPECT_EQ(store.run("move a 99999999999"), no_int32);
  EXPECT_EQ(store.run("swapdb x y"), "-ERR invalid first DB index\r\n");
  EXPECT_EQ(store.run("swapdb 0 99999999999"), "-ERR invalid second DB index\r\n");
  EXPECT_EQ(store.run("swapdb -1 0"), range);
  const std::string same = "-ERR source and destination objects are the same\r\n";
  EXPECT_EQ(store.run("copy a a"), same);
  EXPECT_EQ(store.run("move a 0"), same);
}

TEST_P(GenericOnShards, KeysAndDbsizeOverAllShards) {
  store.run("mset a 1 ab 2 b 3");
  EXPECT_EQ(store.run("dbsize"), ":3\r\n");
  EXPECT_EQ(store.run("keys b"), "*1\r\n$1\r\nb\r\n");
  EXPECT_TRUE(store.run("keys a*").starts_with("*2\r\n"));
  store.run("expire b 1");
  store.advance_ms(2000);
  EXPECT_EQ(store.run("keys b"), "*0\r\n");
}

TEST_P(GenericOnShards, RandomkeyIsFair) {
  EXPECT_EQ(store.run("randomkey"), "$-1\r\n");
  store.run("mset a 1 b 2 c 3 d 4");
  std::map<std::string, int> seen;
  for (int i = 0; i < 4000; ++i) {
    ++seen[store.run("randomkey")];
  }
  ASSERT_EQ(seen.size(), 4u);
  for (const auto& [key, count] : seen) {
    EXPECT_GT(count, 500) << key;
  }
}

TEST_P(GenericOnShards, FlushAndSwap) {
  store.run("mset a 1 b 2");
  EXPECT_EQ(store.run("swapdb 0 1"), "+OK\r\n");
  EXPECT_EQ(store.run("dbsize"), ":0\r\n");
  EXPECT_EQ(store.run("flushdb"), "+OK\r\n");
  EXPECT_EQ(store.run("flushall foo"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("flushall sync async"), "-ERR syntax error\r\n");
  store.select(1);
  EXPECT_EQ(store.run("dbsize"), ":2\r\n");
  EXPECT_EQ(store.run("flushall async"), "+OK\r\n");
  EXPECT_EQ(store.run("dbsize"), ":0\r\n");
}

TEST(Generic, Object) {
  TestStore store(4);
  store.run("mset i 9999 j 10000 s abc");
  EXPECT_EQ(store.run("object encoding s"), "$6\r\nembstr\r\n");
  EXPECT_EQ(store.run("object refcount i"), ":2147483647\r\n");
  EXPECT_EQ(store.run("object refcount j"), ":1\r\n");
  store.advance_ms(5000);
  EXPECT_EQ(store.run("object idletime s"), ":5\r\n");
  store.run("exists s");
  store.run("ttl s");
  store.run("type s");
  EXPECT_EQ(store.run("object idletime s"), ":5\r\n") << "these do not refresh the clock";
  store.run("touch s");
  EXPECT_EQ(store.run("object idletime s"), ":0\r\n");
  EXPECT_EQ(store.run("object freq absent"), "$-1\r\n");
  EXPECT_TRUE(store.run("object freq s").starts_with("-ERR An LFU maxmemory policy is not"));
  EXPECT_EQ(store.run("object foo s"), "-ERR unknown subcommand 'foo'. Try OBJECT HELP.\r\n");
  EXPECT_EQ(store.run("object encoding"),
            "-ERR wrong number of arguments for 'object|encoding' command\r\n");
}

TEST(Generic, Type) {
  TestStore store;
  store.run("set k v");
  EXPECT_EQ(store.run("type k"), "+string\r\n");
  EXPECT_EQ(store.run("type absent"), "+none\r\n");
}

}  // namespace
}  // namespace pollux
