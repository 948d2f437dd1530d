// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

TEST(Expire, TtlRoundsToTheNearestUnit) {
  TestStore store(4);
  store.run("set k v px 10499");
  EXPECT_EQ(store.run("ttl k"), ":10\r\n");
  store.advance_ms(-1);
  EXPECT_EQ(store.run("ttl k"), ":11\r\n");
  EXPECT_EQ(store.run("pttl k"), ":10500\r\n");
  EXPECT_EQ(store.run("ttl absent"), ":-2\r\n");
  store.run("persist k");
  EXPECT_EQ(store.events(), "persist k");
  EXPECT_EQ(store.run("ttl k"), ":-1\r\n");
}

TEST(Expire, KeyIsGoneAfterItsMillisecond) {
  TestStore store;
  store.run("set k v px 100");
  store.advance_ms(100);
  EXPECT_EQ(store.run("pttl k"), ":0\r\n");
  store.advance_ms(1);
  EXPECT_EQ(store.run("pttl k"), ":-2\r\n");
  EXPECT_EQ(store.events(), "expired k");
}

TEST(Expire, PastDeletes) {
  TestStore store;
  for (const char* line : {"expire k 0", "pexpire k -9223372036854775808", "expireat k 1",
                           "pexpireat k -5", "expire k -1 lt"}) {
    store.run("set k v");
    EXPECT_EQ(store.run(line), ":1\r\n") << line;
    EXPECT_EQ(store.events(), "del k") << line;
    EXPECT_EQ(store.run("exists k"), ":0\r\n") << line;
  }
}

TEST(Expire, Conditions) {
  TestStore store;
  store.run("set k v");
  EXPECT_EQ(store.run("expire k 10 xx"), ":0\r\n");
  EXPECT_EQ(store.run("expire k 10 gt"), ":0\r\n") << "none counts as infinity";
  EXPECT_EQ(store.run("expire k 10 lt"), ":1\r\n");
  EXPECT_EQ(store.run("expire k 20 nx"), ":0\r\n");
  EXPECT_EQ(store.run("expire k 20 lt"), ":0\r\n");
  EXPECT_EQ(store.run("expire k 20 gt xx"), ":1\r\n");
  EXPECT_EQ(store.run("expire k 20 gt"), ":0\r\n");
  EXPECT_EQ(store.run("ttl k"), ":20\r\n");
}

TEST(Expire, Overflow) {
  TestStore store;
  const std::string error = "-ERR invalid expire time in 'expire' command\r\n";
  for (const char* line : {"expire k 9223372036854775", "expire k 9223372036854776",
                           "expire absent -9223372036854776"}) {
    EXPECT_EQ(store.run(line), error) << line;
  }
  EXPECT_EQ(store.run("pexpire k 9223372036854775807"),
            "-ERR invalid expire time in 'pexpire' command\r\n");
  store.run("set k v");
  EXPECT_EQ(store.run("pexpireat k 9223372036854775807"), ":1\r\n");
  EXPECT_EQ(store.run("expiretime k"), ":9223372036854776\r\n");
  EXPECT_EQ(store.run("pexpiretime k"), ":9223372036854775807\r\n");
}

TEST(Expire, OptionErrors) {
  TestStore store;
  EXPECT_EQ(store.run("expire k a foo"), "-ERR Unsupported option foo\r\n");
  EXPECT_EQ(store.run("expire k a nx gt lt"),
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
  EXPECT_EQ(store.run("expire k a gt lt"),
            "-ERR GT and LT options at the same time are not compatible\r\n");
  EXPECT_EQ(store.run_args({"expire", "k", "1", "\r\nb\n"}), "-ERR Unsupported option   b\r\n")
      << "a client can't inject a reply";
  const std::string long_option(700, 'x');
  EXPECT_EQ(store.run_args({"expire", "k", "1", long_option}),
            "-ERR Unsupported option " + long_option + "\r\n");
}

TEST(Expire, ReadsCountButWritesDoNot) {
  TestStore store;
  store.run("set k v");
  store.run("expire k 10");
  store.run("persist k");
  store.run("ttl k");
  store.run("pttl absent");
  EXPECT_EQ(store.stats().hits, 1u);
  EXPECT_EQ(store.stats().misses, 1u);
}

// A history that is run again: what is over stays until it says otherwise.
TEST(Expire, TimesInThePastStayInAReplay) {
  TestStore store;
  store.set_replaying(true);
  store.run("set a 1");
  store.run("set b 1 PXAT 7");
  store.run("set c 1");
  store.run("set d 1");
  EXPECT_EQ(store.run("pexpireat a 1000"), ":1\r\n");
  EXPECT_EQ(store.run("getex c PXAT 1000"), "$1\r\n1\r\n");
  EXPECT_EQ(store.run("pexpireat d -1"), ":1\r\n");
  EXPECT_EQ(store.run("pexpiretime a"), ":1000\r\n");
  EXPECT_EQ(store.run("pexpiretime b"), ":7\r\n");
  EXPECT_EQ(store.run("pexpiretime c"), ":1000\r\n");
  EXPECT_EQ(store.run("pexpiretime d"), ":0\r\n");
  EXPECT_EQ(store.run("append a 2"), ":2\r\n");
  EXPECT_EQ(store.run("pexpiretime a"), ":1000\r\n");
  store.set_replaying(false);
  EXPECT_EQ(store.run("exists a b c d"), ":0\r\n");
}

}  // namespace
}  // namespace pollux
