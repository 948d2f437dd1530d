// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "src/commands/key_extractor.h"
#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kSyntax = "-ERR syntax error\r\n";
const std::string kNoNumber = "-ERR One or more scores can't be converted into double\r\n";

// The elements of a flat array of bulks, in one line; "-" for a null.
std::string in_line(std::string_view reply) {
  std::string line;
  for (size_t at = reply.find('\n') + 1; at < reply.size();) {
    const size_t end = reply.find('\r', at);
    const int size = std::stoi(std::string(reply.substr(at + 1, end - at - 1)));
    line += line.empty() ? "" : " ";
    line += size < 0 ? "-" : reply.substr(end + 2, static_cast<size_t>(size));
    at = end + 2 + (size < 0 ? 0 : static_cast<size_t>(size) + 2);
  }
  return line;
}

class SortTest : public testing::Test {
 protected:
  std::string sorted(const std::string& line) { return in_line(store_.run("sort " + line)); }

  TestStore store_{4};
};

TEST_F(SortTest, ByNumberOrByBytes) {
  store_.run("rpush l 3 1 2 10 -5 1.5");
  EXPECT_EQ(sorted("l"), "-5 1 1.5 2 3 10");
  EXPECT_EQ(sorted("l desc"), "10 3 2 1.5 1 -5");
  EXPECT_EQ(sorted("l DESC asc"), "-5 1 1.5 2 3 10");
  EXPECT_EQ(sorted("l alpha"), "-5 1 1.5 10 2 3");
  EXPECT_EQ(in_line(store_.run("sort_ro l alpha desc")), "3 2 10 1.5 1 -5");
  EXPECT_EQ(store_.run("sort absent"), "*0\r\n");
  store_.run("rpush same 1.0 1 01 1e0");
  EXPECT_EQ(sorted("same"), "01 1 1.0 1e0") << "the same number: by bytes";
  EXPECT_EQ(sorted("same desc"), "1e0 1.0 1 01");
}

TEST_F(SortTest, Limits) {
  store_.run("rpush l 3 1 2 10 -5 1.5");
  EXPECT_EQ(sorted("l limit 1 2"), "1 1.5");
  EXPECT_EQ(sorted("l limit -5 2"), "-5 1");
  EXPECT_EQ(sorted("l limit 1 -7"), "1 1.5 2 3 10");
  EXPECT_EQ(sorted("l limit 5 9223372036854775807"), "10");
  EXPECT_EQ(sorted("l limit 2 0"), "");
  EXPECT_EQ(sorted("l limit 10 2"), "");
  EXPECT_EQ(store_.run("sort l limit a b"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(store_.run("sort l limit 1"), kSyntax);
}

TEST_F(SortTest, WhatIsANumber) {
  for (const char* text : {"1e400", "1e-400", "1e-320", "nan", "a", "1x", "1 "}) {
    store_.run("del l");
    store_.run_args({"rpush", "l", "1", text});
    EXPECT_EQ(store_.run("sort l"), kNoNumber) << text;
    EXPECT_EQ(store_.run("sort l store d"), kNoNumber) << text;
  }
  store_.run("del l");
  store_.run_args({"rpush", "l", "0x10", "", "inf", "-inf", " 5", std::string_view("7\0z", 3)});
  EXPECT_EQ(sorted("l"), std::string("-inf   5 7\0z 0x10 inf", 21));
}

TEST_F(SortTest, AlphaEndsAtANulUnlessStored) {
  store_.run_args({"rpush", "l", std::string_view("a\0z", 3), std::string_view("a\0b", 3), "a"});
  const std::string as_they_came("a\0z a\0b a", 9);
  EXPECT_EQ(sorted("l alpha"), as_they_came);
  EXPECT_EQ(sorted("l alpha desc"), as_they_came);
  store_.run("sort l alpha store d");
  EXPECT_EQ(in_line(store_.run("lrange d 0 -1")), std::string("a a\0b a\0z", 9));
}

TEST_F(SortTest, NosortKeepsTheOrderOfListsAndSortedSets) {
  store_.run("rpush l 3 1 2 10 -5 1.5");
  store_.run("zadd z 3 a 1 b 2 17");
  EXPECT_EQ(sorted("l by nosort"), "3 1 2 10 -5 1.5");
  EXPECT_EQ(sorted("l by nosort desc limit 1 2"), "-5 10");
  EXPECT_EQ(sorted("l by nosort by w_*"), "3 1 2 10 -5 1.5");
  EXPECT_EQ(sorted("z by nosort"), "b 17 a");
  EXPECT_EQ(sorted("z by nosort desc limit 0 2"), "a 17");
  EXPECT_EQ(sorted("z alpha"), "17 a b");
  store_.config().encoding.zset_listpack_entries = 0;
  store_.run("zadd y 3 a 1 b 2 17");
  EXPECT_EQ(sorted("y by nosort desc limit 1 5"), "17 b");
  store_.run("sadd s 3 1 2 a");
  EXPECT_EQ(sorted("s by nosort").size(), 7U);
  EXPECT_EQ(store_.run("sort s by nosort store d"), ":4\r\n");
  EXPECT_EQ(in_line(store_.run("lrange d 0 -1")), "1 2 3 a") << "a stored set is sorted";
}

TEST_F(SortTest, ByAndGetReadOtherKeys) {
  store_.run("rpush m b a 1");
  store_.run("mset w_b 2 w_a 3 w_1 1");
  EXPECT_EQ(sorted("m by w_*"), "1 b a");
  EXPECT_EQ(sorted("m by w_* desc limit 0 2"), "a b");
  EXPECT_EQ(sorted("m by w_* get # get w_* get nope get x*"), "1 1 - - b 2 - - a 3 - -");
  store_.run("hset h_b f 5");
  store_.run("hset h_a f 7");
  EXPECT_EQ(sorted("m by h_*->f get h_*->f get # get h_*-> get h_*->g"),
            "- 1 - - 5 b - - 7 a - -");
  EXPECT_EQ(sorted("m by h_*->f alpha get #"), "1 b a") << "nothing comes first";
  EXPECT_EQ(sorted("m by h_*->f alpha desc get #"), "a b 1");
  EXPECT_EQ(sorted("m by nope*"), "1 a b") << "nothing is 0";
  EXPECT_EQ(sorted("m by nope* alpha"), "b a 1") << "all the same: as they came";
  EXPECT_EQ(sorted("m by w_*->f"), "1 a b") << "a string has no fields";
  EXPECT_EQ(store_.run("sort m get #"), kNoNumber);
  store_.run("set w_a x");
  EXPECT_EQ(store_.run("sort m by w_*"), kNoNumber);
}

// More look-ups than fit into a burst, with elements of all kinds.
TEST_F(SortTest, ManyLookUps) {
  std::string expected;
  for (int i = 99; i >= 0; --i) {
    const std::string element = i % 2 == 0 ? std::to_string(i) : "e" + std::to_string(i);
    store_.run("rpush l " + element);
    store_.run("set w_" + element + " " + std::to_string(i));
    store_.run("hset h_" + element + " f v" + std::to_string(i));
  }
  for (int i = 0; i < 100; ++i) {
    expected += (i == 0 ? "v" : " v") + std::to_string(i) + " " + std::to_string(i) + " -";
  }
  EXPECT_EQ(sorted("l by w_* get h_*->f get w_* get no*"), expected);
}

TEST_F(SortTest, Stores) {
  store_.run("rpush l 3 1 2");
  EXPECT_EQ(store_.run("sort l store d"), ":3\r\n");
  EXPECT_EQ(store_.events(), "sortstore d");
  EXPECT_EQ(in_line(store_.run("lrange d 0 -1")), "1 2 3");
  EXPECT_EQ(store_.run("sort l get nope* store d"), ":3\r\n");
  EXPECT_EQ(store_.run("lrange d 0 -1"), "*3\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n");
  store_.run("expire l 1000");
  EXPECT_EQ(store_.run("sort l desc store l"), ":3\r\n") << "the target may be the source";
  EXPECT_EQ(in_line(store_.run("lrange l 0 -1")), "3 2 1");
  EXPECT_EQ(store_.run("ttl l"), ":-1\r\n");
  store_.run("mset w_1 x w_2 y w_3 z");
  EXPECT_EQ(store_.run("sort l get w_* get # store other store w_2"), ":6\r\n");
  EXPECT_EQ(in_line(store_.run("lrange w_2 0 -1")), "x 1 y 2 z 3") << "or what is read";
  EXPECT_EQ(store_.run("sort absent store d"), ":0\r\n");
  EXPECT_EQ(store_.events(), "del d");
  EXPECT_EQ(store_.run("sort absent store d"), ":0\r\n");
  EXPECT_EQ(store_.events(), "");
  EXPECT_EQ(store_.run("sort_ro l store d"), kSyntax);
  EXPECT_EQ(store_.run("sort l store"), kSyntax);
}

TEST_F(SortTest, ResultsOfAnySizeAreStored) {
  std::string line = "rpush l";
  for (int i = 0; i < 3000; ++i) {
    line += " " + std::to_string((i * 7919) % 3000);
  }
  store_.run(line);
  EXPECT_EQ(store_.run("sort l store l"), ":3000\r\n");
  EXPECT_EQ(store_.run("lindex l 2999"), "$4\r\n2999\r\n");
  EXPECT_EQ(store_.run("lindex l 1234"), "$4\r\n1234\r\n");
}

TEST_F(SortTest, OtherTypesAreRefusedAfterTheOptions) {
  store_.run("set s 1");
  store_.run("hset h f 1");
  const std::string wrong_type =
      "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
  EXPECT_EQ(store_.run("sort s"), wrong_type);
  EXPECT_EQ(store_.run("sort h alpha"), wrong_type);
  EXPECT_EQ(store_.run("sort s foo"), kSyntax);
}

// Which keys the router sees, and whether it has to hold all shards.
TEST_F(SortTest, KeysAmongTheArguments) {
  struct {
    const char* line;
    std::vector<uint32_t> keys;
    bool need_all;
  } const cases[] = {
      {"sort k", {1}, false},
      {"sort k limit 0 1 desc store d", {1, 7}, false},
      {"sort k store a store b", {1, 5}, false},
      {"sort k by nosort get # get x", {1}, false},
      {"sort k by w_*", {1}, true},
      {"sort k get w_*->f store d", {1, 5}, true},
      {"sort k limit store d store e", {1, 6}, false},
      {"sort k store", {1}, false},
      {"sort_ro k by store store a*", {1}, false},
      {"sort_ro k get a*", {1}, true},
  };
  for (const auto& c : cases) {
    std::vector<std::string_view> args;
    const std::string_view line = c.line;
    for (size_t at = 0; at <= line.size();) {
      const size_t end = std::min(line.find(' ', at), line.size());
      args.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    KeyIndices keys;
    ASSERT_TRUE(extract_keys(*store_.table().find(args[0]), args, keys));
    std::vector<uint32_t> found;
    for (size_t i = 0; i < keys.size(); ++i) {
      found.push_back(keys[i]);
    }
    EXPECT_EQ(found, c.keys) << c.line;
    EXPECT_EQ(keys.need_all(), c.need_all) << c.line;
  }
}

}  // namespace
}  // namespace pollux
