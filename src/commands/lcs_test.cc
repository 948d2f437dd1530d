// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/commands/test_store.h"

namespace pollux {
namespace {

TEST(Lcs, SubsequenceLengthAndRanges) {
  TestStore store(4);
  store.run("mset a ohmytext b mynewtext");
  EXPECT_EQ(store.run("lcs a b"), "$6\r\nmytext\r\n");
  EXPECT_EQ(store.run("lcs a b len"), ":6\r\n");
  EXPECT_EQ(store.run("lcs a b idx minmatchlen 4 withmatchlen"),
            "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
            "$3\r\nlen\r\n:6\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("lcs a x idx"), "%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
}

TEST(Lcs, Errors) {
  TestStore store;
  EXPECT_EQ(store.run("lcs a b len idx"),
            "-ERR If you want both the length and indexes, please just use IDX.\r\n");
  EXPECT_EQ(store.run("lcs a b minmatchlen"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("lcs a b minmatchlen x"), "-ERR value is not an integer or out of range\r\n");
}

TEST(Lcs, TableIsBoundedEvenIfOnlyTheLengthIsAsked) {
  TestStore store;
  store.config().bulk_bytes_max = 100;
  store.run("mset a 12345 b 1234");
  EXPECT_EQ(store.run("lcs a b len"),
            "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
  store.run("set a 123");
  EXPECT_EQ(store.run("lcs a b len"), ":3\r\n");
}

// Length by recursion over both ways, slow and obvious.
size_t model_length(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) {
    return 0;
  }
  if (a.back() == b.back()) {
    return 1 + model_length(a.substr(0, a.size() - 1), b.substr(0, b.size() - 1));
  }
  return std::max(model_length(a.substr(0, a.size() - 1), b),
                  model_length(a, b.substr(0, b.size() - 1)));
}

TEST(Lcs, LengthsAgreeWithTheModel) {
  Rng rng(7);
  TestStore store;
  for (int round = 0; round < 300; ++round) {
    std::string a;
    std::string b;
    for (uint64_t i = rng.below(9); i > 0; --i) {
      a += static_cast<char>('a' + rng.below(3));
    }
    for (uint64_t i = rng.below(9); i > 0; --i) {
      b += static_cast<char>('a' + rng.below(3));
    }
    store.run_args({"set", "a", a});
    store.run_args({"set", "b", b});
    const std::string length = std::to_string(model_length(a, b));
    EXPECT_EQ(store.run("lcs a b len"), ":" + length + "\r\n") << a << ' ' << b;
    EXPECT_TRUE(store.run("lcs a b").starts_with("$" + length + "\r\n")) << a << ' ' << b;
  }
}

}  // namespace
}  // namespace pollux
