// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include <string>

#include "src/commands/test_store.h"
#include "src/data/hyperloglog.h"

namespace pollux {
namespace {

const std::string kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const std::string kNoHll = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
const std::string kCorrupt = "-INVALIDOBJ Corrupted HLL object detected\r\n";

// A header without registers behind it.
void set_corrupt(TestStore& store, std::string_view key) {
  store.run_args({"set", key, kHllEmpty.substr(0, kHllHeaderBytes)});
}

TEST(HyperLogLogCommands, PfaddSaysWhetherAnythingChanged) {
  TestStore store(4);
  EXPECT_EQ(store.run("pfadd h"), ":1\r\n");
  EXPECT_EQ(store.events(), "pfadd h");
  EXPECT_EQ(store.run("object encoding h"), "$3\r\nraw\r\n");
  EXPECT_EQ(store.run("get h"), "$18\r\n" + std::string(kHllEmpty) + "\r\n");
  EXPECT_EQ(store.run("pfadd h"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("pfadd h a b c"), ":1\r\n");
  EXPECT_EQ(store.events(), "pfadd h");
  EXPECT_EQ(store.run("pfadd h c b a"), ":0\r\n");
  EXPECT_EQ(store.run("pfdebug decode h"),
            "$44\r\nZ:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603\r\n");
  store.run("expire h 1000");
  store.run("pfadd h d");
  EXPECT_EQ(store.run("ttl h"), ":1000\r\n") << "the TTL stays";
}

TEST(HyperLogLogCommands, PfaddBecomesDenseAtItsLimit) {
  TestStore store;
  store.config().encoding.hll_sparse_bytes = 20;
  store.run("pfadd h a");
  EXPECT_EQ(store.run("pfdebug encoding h"), "+dense\r\n");
  EXPECT_EQ(store.run("strlen h"), ":12304\r\n");
  EXPECT_EQ(store.run("pfadd h a"), ":0\r\n");
  EXPECT_EQ(store.run("pfadd h b"), ":1\r\n");
  EXPECT_EQ(store.run("pfcount h"), ":2\r\n");
}

TEST(HyperLogLogCommands, PfcountKeepsTheCountInTheHeader) {
  TestStore store;
  EXPECT_EQ(store.run("pfcount h"), ":0\r\n");
  store.run("pfadd h a b c");
  const std::string stale = store.run("get h");
  EXPECT_EQ(store.run("pfcount h"), ":3\r\n");
  EXPECT_EQ(store.events(), " h") << "a change that is told to nobody";
  const std::string fresh = store.run("get h");
  EXPECT_NE(fresh, stale);
  EXPECT_EQ(fresh.substr(5 + 8, 8), std::string("\x03\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(store.run("pfcount h"), ":3\r\n");
  EXPECT_EQ(store.events(), "");
  store.run("pfadd h d");
  EXPECT_EQ(store.run("pfcount h"), ":4\r\n");
}

TEST(HyperLogLogCommands, PfcountOfSeveralCountsTheUnion) {
  TestStore store(4);
  store.run("pfadd a 1 2 3");
  store.run("pfadd b 3 4");
  EXPECT_EQ(store.run("pfcount a b absent"), ":4\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("pfcount a a"), ":3\r\n");
  store.run("pfdebug todense b");
  EXPECT_EQ(store.run("pfcount a b"), ":4\r\n");
}

TEST(HyperLogLogCommands, PfmergeStoresTheUnion) {
  TestStore store(4);
  store.run("pfadd a 1 2 3");
  store.run("pfadd b 3 4");
  EXPECT_EQ(store.run("pfmerge d a b"), "+OK\r\n");
  EXPECT_EQ(store.events(), "pfadd d");
  EXPECT_EQ(store.run("pfcount d"), ":4\r\n");
  EXPECT_EQ(store.run("pfdebug encoding d"), "+sparse\r\n");
  EXPECT_EQ(store.run("pfmerge fresh"), "+OK\r\n");
  EXPECT_EQ(store.run("pfcount fresh"), ":0\r\n");
  store.run("pfdebug todense b");
  store.run("expire d 1000");
  EXPECT_EQ(store.run("pfmerge d b"), "+OK\r\n") << "what the target holds stays in it";
  EXPECT_EQ(store.run("pfcount d"), ":4\r\n");
  EXPECT_EQ(store.run("pfdebug encoding d"), "+dense\r\n");
  EXPECT_EQ(store.run("ttl d"), ":1000\r\n");
}

TEST(HyperLogLogCommands, WhatIsNoneIsRefused) {
  TestStore store;
  store.run("set s text");
  store.run("set i 12");
  store.run("lpush l 1");
  store.run("pfadd h a");
  for (const char* key : {"s", "i"}) {
    EXPECT_EQ(store.run_args({"pfadd", key, "a"}), kNoHll);
    EXPECT_EQ(store.run_args({"pfcount", key}), kNoHll);
    EXPECT_EQ(store.run_args({"pfcount", "h", key}), kNoHll);
    EXPECT_EQ(store.run_args({"pfmerge", key, "h"}), kNoHll);
    EXPECT_EQ(store.run_args({"pfmerge", "h", key}), kNoHll);
    EXPECT_EQ(store.run_args({"pfdebug", "encoding", key}), kNoHll);
  }
  EXPECT_EQ(store.run("pfadd l a"), kWrongType);
  EXPECT_EQ(store.run("pfcount l"), kWrongType);
  EXPECT_EQ(store.run("pfmerge h l"), kWrongType);
  EXPECT_EQ(store.run("pfdebug nosuch l"), kWrongType) << "the key is looked at first";
}

TEST(HyperLogLogCommands, CorruptBytesAreFound) {
  TestStore store;
  set_corrupt(store, "c");
  EXPECT_EQ(store.run("object encoding c"), "$6\r\nembstr\r\n");
  EXPECT_EQ(store.run("pfcount c"), kCorrupt);
  EXPECT_EQ(store.run("object encoding c"), "$3\r\nraw\r\n") << "an attempt is enough";
  EXPECT_EQ(store.run("pfadd c a"), kCorrupt);
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("pfcount c absent"), kCorrupt);
  EXPECT_EQ(store.run("pfmerge d c"), kCorrupt);
  EXPECT_EQ(store.run("pfmerge c d"), kCorrupt);
  EXPECT_EQ(store.run("pfdebug getreg c"), kCorrupt);
  EXPECT_EQ(store.run("pfdebug todense c"), kCorrupt);
  EXPECT_EQ(store.run("pfdebug decode c"), "$0\r\n\r\n");
  EXPECT_EQ(store.run("exists d"), ":0\r\n");
}

TEST(HyperLogLogCommands, PfaddKeepsWhatCameBeforeTheDamage) {
  TestStore store;
  // The register of a is the last of those that are there: it can be raised, that of b can't.
  const uint32_t last = hll_element("a").index;
  ASSERT_GT(hll_element("b").index, last);
  std::string half(kHllEmpty.substr(0, kHllHeaderBytes));
  half += static_cast<char>(0x40 | last >> 8);
  half += static_cast<char>(last);
  store.run_args({"set", "c", half});
  EXPECT_EQ(store.run("pfadd c a b"), kCorrupt);
  EXPECT_EQ(store.events(), " c");
  EXPECT_EQ(store.run("pfadd c a"), ":0\r\n");
}

TEST(HyperLogLogCommands, Pfdebug) {
  TestStore store;
  EXPECT_EQ(store.run("pfdebug getreg absent"), "-ERR The specified key does not exist\r\n");
  store.run("pfadd h a");
  EXPECT_EQ(store.run("pfdebug nosuch h"), "-ERR Unknown PFDEBUG subcommand 'nosuch'\r\n");
  EXPECT_EQ(store.run("pfdebug ENCODING h"), "+sparse\r\n");
  const std::string registers = store.run("pfdebug getreg h");
  EXPECT_TRUE(registers.starts_with("*16384\r\n:0\r\n:0\r\n"));
  EXPECT_EQ(store.run("pfdebug encoding h"), "+dense\r\n") << "looking makes it dense";
  EXPECT_EQ(store.run("pfdebug todense h"), ":0\r\n");
  EXPECT_EQ(store.run("pfdebug decode h"), "-ERR HLL encoding is not sparse\r\n");
  store.run("pfadd g a");
  EXPECT_EQ(store.run("pfdebug todense g"), ":1\r\n");
  EXPECT_EQ(store.run("pfdebug getreg g"), registers);
}

TEST(HyperLogLogCommands, TheSelfTestPasses) {
  TestStore store;
  EXPECT_EQ(store.run("pfselftest"), "+OK\r\n");
}

}  // namespace
}  // namespace pollux
