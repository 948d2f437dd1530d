// Of Redis 8.8 and Valkey 9.2, by their documentation.
#include <gtest/gtest.h>

#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

std::string pair(const std::string& value, const std::string& added) {
  return "*2\r\n:" + value + "\r\n:" + added + "\r\n";
}

TEST(Increx, CountsByOneOrBySoMany) {
  TestStore store;
  EXPECT_EQ(store.run("increx k"), pair("1", "1"));
  EXPECT_EQ(store.events(), "incrby k");
  EXPECT_EQ(store.run("increx k BYINT 5"), pair("6", "5"));
  EXPECT_EQ(store.run("increx k byint -10"), pair("-4", "-10"));
  EXPECT_EQ(store.run("object encoding k"), "$3\r\nint\r\n");
  EXPECT_EQ(store.run("set k 1.5"), "+OK\r\n");
  EXPECT_EQ(store.run("increx k byfloat 0.25"), "*2\r\n$4\r\n1.75\r\n$4\r\n0.25\r\n");
  EXPECT_EQ(store.events(), "incrbyfloat k");
  store.set_protocol(3);
  EXPECT_EQ(store.run("increx k byfloat 1"), "*2\r\n,2.75\r\n,1\r\n");
  EXPECT_EQ(store.run("increx k"), "-ERR value is not an integer or out of range\r\n");
}

TEST(Increx, BeyondTheBoundsNothingHappens) {
  TestStore store;
  store.run("set k 99 ex 100");
  EXPECT_EQ(store.run("increx k byint 5 ubound 100 ex 500"), pair("99", "0"));
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("ttl k"), ":100\r\n");
  EXPECT_EQ(store.run("increx k byint 5 ubound 100 saturate"), pair("100", "1"));
  EXPECT_EQ(store.run("increx k byint -300 lbound -7 SATURATE"), pair("-7", "-107"));
  EXPECT_EQ(store.run("increx absent byint 5 ubound 3"), pair("0", "0"));
  EXPECT_EQ(store.run("exists absent"), ":0\r\n");
  EXPECT_EQ(store.run("increx absent byint 5 ubound 3 saturate"), pair("3", "3"));
}

TEST(Increx, TheEndsOfTheTypesAreBounds) {
  TestStore store;
  store.run("set k 9223372036854775806");
  EXPECT_EQ(store.run("increx k byint 5"), pair("9223372036854775806", "0"));
  EXPECT_EQ(store.run("increx k byint 5 saturate"), pair("9223372036854775807", "1"));
  EXPECT_EQ(store.run("increx k byint 1 ubound -9223372036854775808 saturate"),
            "-ERR increment or decrement would overflow\r\n");
  EXPECT_EQ(store.run("get k"), "$19\r\n9223372036854775807\r\n");
}

TEST(Increx, Expiry) {
  TestStore store;
  EXPECT_EQ(store.run("increx k ex 60 enx"), pair("1", "1"));
  EXPECT_EQ(store.events(), "incrby k, expire k");
  store.advance_ms(10'000);
  EXPECT_EQ(store.run("increx k ex 60 ENX"), pair("2", "1"));
  EXPECT_EQ(store.run("ttl k"), ":50\r\n") << "the window began with the first";
  store.run("increx k px 90000");
  EXPECT_EQ(store.run("ttl k"), ":90\r\n");
  store.run("increx k");
  EXPECT_EQ(store.run("ttl k"), ":90\r\n");
  store.run("increx k persist");
  EXPECT_EQ(store.events(), "incrby k, persist k");
  EXPECT_EQ(store.run("ttl k"), ":-1\r\n");
}

TEST(Increx, OnlyIfAbsentOrPresent) {
  TestStore store;
  EXPECT_EQ(store.run("increx k xx"), "$-1\r\n");
  EXPECT_EQ(store.run("increx k nx"), pair("1", "1"));
  EXPECT_EQ(store.run("increx k nx"), "$-1\r\n");
  EXPECT_EQ(store.run("increx k xx"), pair("2", "1"));
}

TEST(Increx, Refuses) {
  TestStore store;
  const std::string no_integer = "-ERR value is not an integer or out of range\r\n";
  const std::string no_float = "-ERR value is not a valid float\r\n";
  struct {
    const char* line;
    std::string error;
  } const cases[] = {
      {"increx k enx", "-ERR syntax error\r\n"},
      {"increx k enx persist", "-ERR syntax error\r\n"},
      {"increx k ex 1 persist", "-ERR syntax error\r\n"},
      {"increx k nx xx", "-ERR syntax error\r\n"},
      {"increx k byint 1 byfloat 1", "-ERR syntax error\r\n"},
      {"increx k ubound", "-ERR syntax error\r\n"},
      {"increx k byint 1.5", no_integer},
      {"increx k lbound x", no_integer},
      {"increx k ubound 1.5", no_integer},
      {"increx k byfloat x", no_float},
      {"increx k byfloat inf", no_float},
      {"increx k lbound 2 ubound 1", "-ERR LBOUND can't be greater than UBOUND\r\n"},
      {"increx k ex 0", "-ERR invalid expire time in 'increx' command\r\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(store.run(c.line), c.error) << c.line;
  }
  store.run("lpush l 1");
  EXPECT_EQ(store.run("increx l"),
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  EXPECT_EQ(store.run("exists k"), ":0\r\n");
}

}  // namespace
}  // namespace pollux
