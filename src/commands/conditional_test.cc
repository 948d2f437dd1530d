// Of Redis 8.4 and Valkey 9, by their documentation.
#include <gtest/gtest.h>

#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kOk = "+OK\r\n";
const std::string kNil = "$-1\r\n";
const std::string kSyntax = "-ERR syntax error\r\n";
const std::string kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const std::string kNoDigest = "-ERR digest must be exactly 16 hexadecimal characters\r\n";

TEST(Conditional, SetIfEqualAndIfNot) {
  TestStore store;
  EXPECT_EQ(store.run("set k v ifeq x"), kNil) << "what is absent equals nothing";
  EXPECT_EQ(store.run("exists k"), ":0\r\n");
  EXPECT_EQ(store.run("set k 5 ifne x"), kOk);
  EXPECT_EQ(store.run("set k v IFEQ 5 ex 100"), kOk) << "integers are compared as text";
  EXPECT_EQ(store.events(), "set k, expire k");
  EXPECT_EQ(store.run("set k w ifeq V"), kNil);
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("set k w ifne v"), kNil);
  EXPECT_EQ(store.run("set k w ifeq v get"), "$1\r\nv\r\n");
  EXPECT_EQ(store.run("set k x get ifeq v"), "$1\r\nw\r\n") << "the old value, though it stays";
  EXPECT_EQ(store.run("get k"), "$1\r\nw\r\n");
}

TEST(Conditional, SetByDigest) {
  TestStore store;
  store.run("set k test");
  EXPECT_EQ(store.run("set k hello ifdeq 9EC9f7918d7dfc40"), kOk);
  EXPECT_EQ(store.run("set k x ifdne 9555e8555c62dcfd"), kNil);
  EXPECT_EQ(store.run("set k x ifdeq 9555e8555c62dcf"), kNoDigest);
  EXPECT_EQ(store.run("set k x ifdne 9555e8555c62dcfg"), kNoDigest);
  EXPECT_EQ(store.run("set absent x ifdeq nodigest"), kNil);
  EXPECT_EQ(store.run("set absent x ifdne nodigest"), kOk) << "nobody looks at it";
  EXPECT_EQ(store.run("set k x ifdne 0000000000000000"), kOk);
}

TEST(Conditional, SetTakesOneConditionOnStringsOnly) {
  TestStore store;
  store.run("lpush l a");
  for (const char* line : {"set k v nx ifeq a", "set k v ifeq a xx", "set k v ifeq a ifne b",
                           "set k v ifeq"}) {
    EXPECT_EQ(store.run(line), kSyntax) << line;
  }
  EXPECT_EQ(store.run("set l v ifeq a"), kWrongType);
  EXPECT_EQ(store.run("set l v ifne a"), kWrongType);
  EXPECT_EQ(store.run("set l v ifdeq nodigest"), kWrongType);
  EXPECT_EQ(store.run("set l v"), kOk);
}

TEST(Conditional, Delex) {
  TestStore store;
  store.run("mset a 1 b 2 c test");
  store.run("lpush l a");
  EXPECT_EQ(store.run("delex a ifeq 2"), ":0\r\n");
  EXPECT_EQ(store.run("delex a ifeq 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "del a");
  EXPECT_EQ(store.run("delex b ifne 2"), ":0\r\n");
  EXPECT_EQ(store.run("delex b IFNE 1"), ":1\r\n");
  EXPECT_EQ(store.run("delex c ifdne 9ec9f7918d7dfc40"), ":0\r\n");
  EXPECT_EQ(store.run("delex c ifdeq 9ec9f7918d7dfc40"), ":1\r\n");
  EXPECT_EQ(store.run("delex c ifne x"), ":0\r\n") << "nothing is there to be deleted";
  EXPECT_EQ(store.run("delex b nosuch a"), ":0\r\n") << "of an absent key it is not read";
  EXPECT_EQ(store.run("delex b ifdeq a"), ":0\r\n");
  EXPECT_EQ(store.run("delex c ifdne 9ec9f7918d7dfc4"), ":0\r\n");
  store.run("set c test");
  EXPECT_EQ(store.run("delex c ifdne 9ec9f7918d7dfc4"), kNoDigest);
  EXPECT_EQ(store.run("delex c nosuch a"),
            "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n");
  const std::string no_string =
      "-ERR Key should be of string type if conditions are specified\r\n";
  EXPECT_EQ(store.run("delex l ifeq a"), no_string);
  EXPECT_EQ(store.run("delex l nosuch a"), no_string);
  const std::string arity = "-ERR wrong number of arguments for 'delex' command\r\n";
  EXPECT_EQ(store.run("delex l ifeq"), arity);
  EXPECT_EQ(store.run("delex b ifeq a b"), arity);
  EXPECT_EQ(store.run("delex l"), ":1\r\n") << "without a condition, of any type";
  EXPECT_EQ(store.run("delex l"), ":0\r\n");
}

TEST(Conditional, Delifeq) {
  TestStore store;
  store.run("set lock token");
  EXPECT_EQ(store.run("delifeq lock other"), ":0\r\n");
  EXPECT_EQ(store.run("delifeq lock token"), ":1\r\n");
  EXPECT_EQ(store.events(), "del lock");
  EXPECT_EQ(store.run("delifeq lock token"), ":0\r\n");
  store.run("lpush l a");
  EXPECT_EQ(store.run("delifeq l a"), kWrongType);
}

TEST(Conditional, Digest) {
  TestStore store;
  store.run_args({"set", "k", "Hello world"});
  EXPECT_EQ(store.run("digest k"), "$16\r\nb6acb9d84a38ff74\r\n");
  EXPECT_EQ(store.run("digest absent"), kNil);
  store.run("lpush l a");
  EXPECT_EQ(store.run("digest l"), kWrongType);
}

TEST(Conditional, Msetex) {
  TestStore store(4);
  EXPECT_EQ(store.run("msetex 2 a 1 b 2 ex 100"), ":1\r\n");
  EXPECT_EQ(store.events(), "set a, expire a, set b, expire b");
  EXPECT_EQ(store.run("ttl b"), ":100\r\n");
  EXPECT_EQ(store.run("msetex 2 b 3 c 4 nx"), ":0\r\n");
  EXPECT_EQ(store.run("msetex 2 b 3 c 4 XX"), ":0\r\n");
  EXPECT_EQ(store.run("exists c"), ":0\r\n");
  EXPECT_EQ(store.run("msetex 2 a 3 b 4 xx keepttl"), ":1\r\n");
  EXPECT_EQ(store.run("ttl a"), ":100\r\n");
  EXPECT_EQ(store.run("msetex 1 a 5"), ":1\r\n");
  EXPECT_EQ(store.run("ttl a"), ":-1\r\n");
  EXPECT_EQ(store.run("mget a b"), "*2\r\n$1\r\n5\r\n$1\r\n4\r\n");
}

TEST(Conditional, MsetexRefuses) {
  TestStore store;
  const std::string no_keys = "-ERR numkeys should be greater than 0\r\n";
  const std::string arity = "-ERR wrong number of arguments for 'msetex' command\r\n";
  EXPECT_EQ(store.run("msetex 0 a 1"), no_keys);
  EXPECT_EQ(store.run("msetex x a 1"), no_keys);
  EXPECT_EQ(store.run("msetex 2 a 1 b"), arity);
  EXPECT_EQ(store.run("msetex 9223372036854775807 a 1"), arity);
  EXPECT_EQ(store.run("msetex 1 a 1 nx xx"), kSyntax);
  EXPECT_EQ(store.run("msetex 1 a 1 ex 1 px 1"), kSyntax);
  EXPECT_EQ(store.run("msetex 1 a 1 b 2"), kSyntax);
  EXPECT_EQ(store.run("msetex 1 a 1 ex 0"), "-ERR invalid expire time in 'msetex' command\r\n");
  EXPECT_EQ(store.run("exists a"), ":0\r\n");
}

}  // namespace
}  // namespace pollux
