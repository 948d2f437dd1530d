// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

constexpr const char* kSyntaxError = "-ERR syntax error\r\n";

class StringOnShards : public testing::TestWithParam<int> {
 protected:
  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, StringOnShards, testing::Values(1, 4));

TEST_P(StringOnShards, SetThenGet) {
  EXPECT_EQ(store.run("set k v"), "+OK\r\n");
  EXPECT_EQ(store.events(), "set k");
  EXPECT_EQ(store.run("get k"), "$1\r\nv\r\n");
  EXPECT_EQ(store.run("get absent"), "$-1\r\n");
}

TEST_P(StringOnShards, MsetThenMgetOverShards) {
  EXPECT_EQ(store.run("mset a 1 b 2 c 3 a 4"), "+OK\r\n");
  EXPECT_EQ(store.events(), "set a, set b, set c, set a");
  EXPECT_EQ(store.run("mget a x c"), "*3\r\n$1\r\n4\r\n$-1\r\n$1\r\n3\r\n");
}

TEST_P(StringOnShards, MsetnxSetsAllOrNothing) {
  store.run("set b 1");
  EXPECT_EQ(store.run("msetnx a 1 b 2"), ":0\r\n");
  EXPECT_EQ(store.run("exists a"), ":0\r\n");
  EXPECT_EQ(store.run("msetnx a 1 c 2"), ":1\r\n");
}

TEST(String, MsetWantsPairs) {
  TestStore store;
  EXPECT_EQ(store.run("mset a 1 b"), "-ERR wrong number of arguments for 'mset' command\r\n");
}

TEST(String, NullIsTheProtocols) {
  TestStore store;
  store.set_protocol(3);
  EXPECT_EQ(store.run("get absent"), "_\r\n");
  EXPECT_EQ(store.run("set absent v xx"), "_\r\n");
}

TEST(String, SetDropsTheTtlUnlessKept) {
  TestStore store;
  store.run("set k v ex 10");
  EXPECT_EQ(store.events(), "set k, expire k");
  store.run("set k w keepttl");
  EXPECT_EQ(store.run("ttl k"), ":10\r\n");
  store.run("set k x");
  EXPECT_EQ(store.run("ttl k"), ":-1\r\n");
}

TEST(String, SetConditions) {
  TestStore store;
  EXPECT_EQ(store.run("set k v xx"), "$-1\r\n");
  EXPECT_EQ(store.run("set k v nx"), "+OK\r\n");
  EXPECT_EQ(store.run("set k w nx"), "$-1\r\n");
  EXPECT_EQ(store.run("set k w nx get"), "$1\r\nv\r\n");
  EXPECT_EQ(store.run("set k w xx get"), "$1\r\nv\r\n");
  EXPECT_EQ(store.run("get k"), "$1\r\nw\r\n");
  EXPECT_EQ(store.run("set n v nx get"), "$-1\r\n");
  EXPECT_EQ(store.run("get n"), "$1\r\nv\r\n");
}

TEST(String, SetOptionsThatDoNotGoTogether) {
  TestStore store;
  for (const char* line :
       {"set k v nx xx", "set k v ex 10 px 10", "set k v keepttl ex 10", "set k v ex 10 keepttl",
        "set k v ex", "set k v persist", "set k v foo", "getex k persist ex 1", "getex k ex 1 px 1",
        "getex k keepttl", "getex k nx"}) {
    EXPECT_EQ(store.run(line), kSyntaxError) << line;
  }
}

TEST(String, SameExpiryOptionTwiceTakesTheLast) {
  TestStore store;
  EXPECT_EQ(store.run("set k v ex 10 EX 20"), "+OK\r\n");
  EXPECT_EQ(store.run("ttl k"), ":20\r\n");
}

TEST(String, OptionWordsEndAtNul) {
  TestStore store;
  const std::string_view nx("nx\0junk", 7);
  EXPECT_EQ(store.run_args({"set", "k", "v", nx}), "+OK\r\n");
}

TEST(String, ExpiryLimits) {
  TestStore store;
  const std::string set_error = "-ERR invalid expire time in 'set' command\r\n";
  for (const char* line : {"set k v ex 0", "set k v px -1", "set k v ex 9223372036854775807",
                           "set k v px 9223372036854775807", "set k v exat 9223372036854776",
                           "set k v pxat 0", "set k v ex -9223372036854775808"}) {
    EXPECT_EQ(store.run(line), set_error) << line;
  }
  EXPECT_EQ(store.run("set k v exat 9223372036854775"), "+OK\r\n");
  EXPECT_EQ(store.run("set k v ex a"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(store.run("setex k 0 v"), "-ERR invalid expire time in 'setex' command\r\n");
  EXPECT_EQ(store.run("psetex k -1 v"), "-ERR invalid expire time in 'psetex' command\r\n");
}

TEST(String, SetIntoThePastIsStoredAndExpiresOnAccess) {
  TestStore store;
  EXPECT_EQ(store.run("set k v pxat 1"), "+OK\r\n");
  EXPECT_EQ(store.events(), "set k, expire k");
  EXPECT_EQ(store.run("get k"), "$-1\r\n");
  EXPECT_EQ(store.events(), "expired k");
}

TEST(String, GetexChangesTheExpiry) {
  TestStore store;
  store.run("set k v");
  EXPECT_EQ(store.run("getex k ex 10"), "$1\r\nv\r\n");
  EXPECT_EQ(store.events(), "expire k");
  EXPECT_EQ(store.run("getex k persist"), "$1\r\nv\r\n");
  EXPECT_EQ(store.events(), "persist k");
  EXPECT_EQ(store.run("getex k persist"), "$1\r\nv\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("getex k pxat 1"), "$1\r\nv\r\n");
  EXPECT_EQ(store.events(), "del k");
  EXPECT_EQ(store.run("getex k ex a"), "$-1\r\n") << "the key is looked up before the number";
}

TEST(String, GetdelAndGetset) {
  TestStore store;
  EXPECT_EQ(store.run("getset k 1"), "$-1\r\n");
  EXPECT_EQ(store.run("getset k 2"), "$1\r\n1\r\n");
  EXPECT_EQ(store.run("getdel k"), "$1\r\n2\r\n");
  EXPECT_EQ(store.events(), "del k");
  EXPECT_EQ(store.run("getdel k"), "$-1\r\n");
}

TEST(String, HitsAndMissesAsRedisCountsThem) {
  TestStore store;
  store.run("set k v");
  store.run("setnx k v");
  store.run("append k w");
  EXPECT_EQ(store.stats().hits + store.stats().misses, 0u);
  store.run("set k v get");
  store.run("getset n v");
  store.run("getdel n");
  store.run("mget k n k");
  EXPECT_EQ(store.stats().hits, 4u);
  EXPECT_EQ(store.stats().misses, 2u);
}

TEST(String, AppendKeepsIntOnlyWhenItCreates) {
  TestStore store;
  EXPECT_EQ(store.run("append k 12"), ":2\r\n");
  EXPECT_EQ(store.run("object encoding k"), "$3\r\nint\r\n");
  EXPECT_EQ(store.run("append k 3"), ":3\r\n");
  EXPECT_EQ(store.run("object encoding k"), "$3\r\nraw\r\n");
  EXPECT_EQ(store.run("get k"), "$3\r\n123\r\n");
}

TEST(String, SetrangePadsAndOverwrites) {
  TestStore store;
  EXPECT_EQ(store.run("setrange k 2 ab"), ":4\r\n");
  EXPECT_EQ(store.run("get k"), std::string("$4\r\n\0\0ab\r\n", 10));
  EXPECT_EQ(store.run("setrange k 1 x"), ":4\r\n");
  EXPECT_EQ(store.run_args({"setrange", "absent", "5", ""}), ":0\r\n");
  EXPECT_EQ(store.run("exists absent"), ":0\r\n");
}

TEST(String, SizeLimits) {
  TestStore store;
  const std::string too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
  EXPECT_EQ(store.run("setrange k 9223372036854775807 x"), too_long);
  EXPECT_EQ(store.run("setrange k 536870912 x"), too_long);
  EXPECT_EQ(store.run("setrange k -1 x"), "-ERR offset is out of range\r\n");
  store.config().bulk_bytes_max = 4;
  store.run("set k abcd");
  EXPECT_EQ(store.run("append k e"), too_long);
  EXPECT_EQ(store.run_args({"append", "k", ""}), ":4\r\n");
}

TEST(String, Getrange) {
  TestStore store;
  store.run("set k abc");
  EXPECT_EQ(store.run("getrange k 0 -1"), "$3\r\nabc\r\n");
  EXPECT_EQ(store.run("getrange k -9223372036854775808 9223372036854775807"), "$3\r\nabc\r\n");
  EXPECT_EQ(store.run("getrange k 0 -100"), "$1\r\na\r\n");
  EXPECT_EQ(store.run("getrange k -1 -5"), "$0\r\n\r\n");
  EXPECT_EQ(store.run("substr k 1 1"), "$1\r\nb\r\n");
  EXPECT_EQ(store.run("getrange absent a b"), "-ERR value is not an integer or out of range\r\n");
}

}  // namespace
}  // namespace pollux
