// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

TEST(Counter, CountsFromNothingAndKeepsTheTtl) {
  TestStore store(4);
  EXPECT_EQ(store.run("incr k"), ":1\r\n");
  EXPECT_EQ(store.events(), "incrby k");
  store.run("expire k 10");
  EXPECT_EQ(store.run("decrby k 3"), ":-2\r\n");
  EXPECT_EQ(store.run("ttl k"), ":10\r\n");
  EXPECT_EQ(store.run("object encoding k"), "$3\r\nint\r\n");
}

TEST(Counter, Limits) {
  TestStore store;
  const std::string overflow = "-ERR increment or decrement would overflow\r\n";
  store.run("set k 9223372036854775807");
  EXPECT_EQ(store.run("incr k"), overflow);
  EXPECT_EQ(store.run("incrby k -9223372036854775808"), ":-1\r\n");
  EXPECT_EQ(store.run("decrby k -9223372036854775808"), "-ERR decrement would overflow\r\n");
  EXPECT_EQ(store.run("decrby k 9223372036854775807"), ":-9223372036854775808\r\n");
  EXPECT_EQ(store.run("decr k"), overflow);
  EXPECT_EQ(store.run("get k"), "$20\r\n-9223372036854775808\r\n");
}

TEST(Counter, OnlyCanonicalIntegersCount) {
  TestStore store;
  for (const char* text : {"01", "+1", "-0", "1.0", "", "9223372036854775808", "1x"}) {
    store.run_args({"set", "k", text});
    EXPECT_EQ(store.run("incr k"), "-ERR value is not an integer or out of range\r\n") << text;
    EXPECT_EQ(store.run_args({"incrby", "n", text}),
              "-ERR value is not an integer or out of range\r\n")
        << text;
  }
}

TEST(Counter, CountsOnAStringThatIsNotIntEncoded) {
  TestStore store;
  store.run("append k 1");
  store.run("append k 2");
  EXPECT_EQ(store.run("incr k"), ":13\r\n");
}

TEST(Counter, Floats) {
  TestStore store;
  EXPECT_EQ(store.run("incrbyfloat k 10.50"), "$4\r\n10.5\r\n");
  EXPECT_EQ(store.events(), "incrbyfloat k");
  EXPECT_EQ(store.run("incrbyfloat k 0.1"), "$4\r\n10.6\r\n");
  EXPECT_EQ(store.run("incrbyfloat k 5.0e3"), "$22\r\n5010.60000000000000009\r\n");
  store.run("incrbyfloat whole 3");
  EXPECT_EQ(store.run("object encoding whole"), "$6\r\nembstr\r\n");
  EXPECT_EQ(store.run("incrbyfloat k abc"), "-ERR value is not a valid float\r\n");
  EXPECT_EQ(store.run("incrbyfloat k inf"), "-ERR increment would produce NaN or Infinity\r\n");
  store.run("set k x");
  EXPECT_EQ(store.run("incrbyfloat k 1"), "-ERR value is not a valid float\r\n");
}

}  // namespace
}  // namespace pollux
