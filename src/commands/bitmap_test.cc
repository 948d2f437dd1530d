// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kBadOffset = "-ERR bit offset is not an integer or out of range\r\n";

TEST(Bitmap, SetbitGrowsAndGetbitReads) {
  TestStore store(4);
  EXPECT_EQ(store.run("setbit k 9 1"), ":0\r\n");
  EXPECT_EQ(store.events(), "setbit k");
  EXPECT_EQ(store.run("setbit k 9 1"), ":1\r\n");
  EXPECT_EQ(store.events(), "") << "nothing changed";
  EXPECT_EQ(store.run("get k"), std::string("$2\r\n\0\x40\r\n", 8));
  EXPECT_EQ(store.run("getbit k 9"), ":1\r\n");
  EXPECT_EQ(store.run("getbit k 4294967295"), ":0\r\n");
}

TEST(Bitmap, ArgumentsOutOfRange) {
  TestStore store;
  for (const char* line :
       {"setbit k -1 1", "setbit k 4294967296 1", "setbit k #1 1", "getbit k a",
        "getbit k 9223372036854775807", "bitfield k get u8 #9223372036854775807",
        "bitfield k get u8 #-1", "bitfield k get u8 #", "bitfield k set u8 4294967296 1"}) {
    EXPECT_EQ(store.run(line), kBadOffset) << line;
  }
  EXPECT_EQ(store.run("setbit k 1 2"), "-ERR bit is not an integer or out of range\r\n");
  EXPECT_EQ(store.run("setbit k x 2"), kBadOffset) << "the offset is read first";
  EXPECT_EQ(store.run("exists k"), ":0\r\n");
}

TEST(Bitmap, BitcountRanges) {
  TestStore store;
  store.run("set k \xff\xff\xff");
  EXPECT_EQ(store.run("bitcount k"), ":24\r\n");
  EXPECT_EQ(store.run("bitcount k 5 30 bit"), ":19\r\n");
  EXPECT_EQ(store.run("bitcount k 5 30 byte"), ":0\r\n");
  EXPECT_EQ(store.run("bitcount k -9223372036854775808 -1"), ":24\r\n");
  EXPECT_EQ(store.run("bitcount k -1 -5 foo"), ":0\r\n");
  EXPECT_EQ(store.run("bitcount k 1 5 foo"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("bitcount k 1"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("bitcount absent a b c d"), ":0\r\n");
}

TEST(Bitmap, BitposEnds) {
  TestStore store;
  store.run("set k \xff\xff\xff");
  EXPECT_EQ(store.run("bitpos k 0"), ":24\r\n") << "a string without an end goes on with zeros";
  EXPECT_EQ(store.run("bitpos k 0 0 -1"), ":-1\r\n");
  EXPECT_EQ(store.run("bitpos k 0 3"), ":-1\r\n");
  EXPECT_EQ(store.run("bitpos k 1 17 18 bit"), ":17\r\n");
  EXPECT_EQ(store.run("bitpos absent 0"), ":0\r\n");
  EXPECT_EQ(store.run("bitpos absent 1 a b c d"), ":-1\r\n");
  EXPECT_EQ(store.run("bitpos k 2"), "-ERR The bit argument must be 1 or 0.\r\n");
  store.run("set z a");
  EXPECT_EQ(store.run("bitpos z 1 -1 -5"), ":1\r\n");
}

TEST(Bitmap, BitopOverShards) {
  TestStore store(4);
  store.run("mset a abc b b{ d 12");
  EXPECT_EQ(store.run("bitop and d a b"), ":3\r\n");
  EXPECT_EQ(store.events(), "set d");
  EXPECT_EQ(store.run("get d"), std::string("$3\r\n`b\0\r\n", 9));
  EXPECT_EQ(store.run("bitop or d absent"), ":0\r\n");
  EXPECT_EQ(store.events(), "del d");
  EXPECT_EQ(store.run("bitop not d a b"),
            "-ERR BITOP NOT must be called with a single source key.\r\n");
  store.run("set n 1");
  EXPECT_EQ(store.run("bitop not n n"), ":1\r\n") << "target and source are one";
  EXPECT_EQ(store.run("get n"), "$1\r\n\xce\r\n");
}

// Of Redis 8.2; from its documentation.
TEST(Bitmap, BitopOfSetsOfBits) {
  TestStore store(4);
  store.run_args({"set", "x", "\xf0"});
  store.run_args({"set", "y", "\xcc\x01"});
  store.run_args({"set", "z", "\xaa"});
  struct {
    const char* line;
    const char* result;
  } const cases[] = {
      {"bitop diff d x y z", "\x10"},
      {"bitop diff1 d x y z", "\x0e\x01"},
      {"bitop andor d x y z", "\xe0"},
      {"bitop one d x y z", "\x16\x01"},
      {"bitop ONE d x", "\xf0"},
      {"bitop diff d absent y", ""},
  };
  for (const auto& c : cases) {
    store.run(c.line);
    std::string expected = c.result;
    expected.resize(std::string_view(c.line).find(" y") == std::string_view::npos ? 1 : 2);
    EXPECT_EQ(store.run("get d"),
              "$" + std::to_string(expected.size()) + "\r\n" + expected + "\r\n")
        << c.line;
  }
  EXPECT_EQ(store.run("bitop diff d x"),
            "-ERR BITOP DIFF must be called with at least two source keys.\r\n");
  EXPECT_EQ(store.run("bitop andor d x"),
            "-ERR BITOP ANDOR must be called with at least two source keys.\r\n");
}

TEST(Bitfield, OverflowModes) {
  TestStore store;
  EXPECT_EQ(store.run("bitfield k incrby u2 0 3 overflow sat incrby u2 0 1 overflow fail incrby u2 "
                      "0 1 overflow wrap incrby u2 0 1"),
            "*4\r\n:3\r\n:3\r\n$-1\r\n:0\r\n");
  EXPECT_EQ(store.run("bitfield k overflow sat set i8 0 -200 get i8 0"), "*2\r\n:0\r\n:-128\r\n");
  EXPECT_EQ(store.run("bitfield k set i8 0 200 get i8 0"), "*2\r\n:-128\r\n:-56\r\n");
  EXPECT_EQ(store.run("bitfield k overflow sat set u8 0 -1 get u8 0"), "*2\r\n:200\r\n:255\r\n");
}

TEST(Bitfield, SaturatesUpwardsFarBelow) {
  TestStore store;
  store.run("bitfield k overflow sat set i8 0 -9223372036854775681");
  EXPECT_EQ(store.run("bitfield k get i8 0"), "*1\r\n:127\r\n");
  store.run("bitfield k overflow sat set i8 0 -9223372036854775680");
  EXPECT_EQ(store.run("bitfield k get i8 0"), "*1\r\n:-128\r\n");
}

TEST(Bitfield, WholeWidth) {
  TestStore store;
  EXPECT_EQ(store.run("bitfield k set i64 3 -1 incrby i64 3 1 overflow fail incrby i64 3 "
                      "9223372036854775807 incrby i64 3 1 set u63 4 -1"),
            "*5\r\n:0\r\n:0\r\n:9223372036854775807\r\n$-1\r\n$-1\r\n");
}

TEST(Bitfield, NamesNoEventIfNothingChanges) {
  TestStore store;
  store.run("bitfield k set u8 0 1");
  EXPECT_EQ(store.events(), "setbit k");
  store.run("bitfield k set u8 0 1 incrby u8 0 0");
  EXPECT_EQ(store.events(), "");
  store.run("bitfield absent get u8 0");
  EXPECT_EQ(store.run("exists absent"), ":0\r\n");
  // It is made all the same, of zeros, and Redis tells nobody.
  EXPECT_EQ(store.run("bitfield full overflow fail incrby i1 0 5"), "*1\r\n$-1\r\n");
  EXPECT_EQ(store.events(), " full");
  EXPECT_EQ(store.run("strlen full"), ":1\r\n");
  store.run("bitfield full2 set u8 0 0");
  EXPECT_EQ(store.events(), "setbit full2");
  store.run("set text 123456789012345678901234567890");
  store.events();
  store.run("setbit text 0 0");
  EXPECT_EQ(store.events(), "") << "only the encoding has changed";
}

TEST(Bitfield, Errors) {
  TestStore store;
  const std::string bad_type =
      "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
      "i64 is.\r\n";
  for (const char* type : {"u64", "i65", "i0", "u-1", "U8", "8", "u", "u08"}) {
    EXPECT_EQ(store.run_args({"bitfield", "k", "get", type, "0"}), bad_type) << type;
  }
  EXPECT_EQ(store.run("bitfield k overflow foo"), "-ERR Invalid OVERFLOW type specified\r\n");
  EXPECT_EQ(store.run("bitfield k get u8"), "-ERR syntax error\r\n");
  EXPECT_EQ(store.run("bitfield_ro k set u8 0 1"),
            "-ERR BITFIELD_RO only supports the GET subcommand\r\n");
  EXPECT_EQ(store.run("bitfield k"), "*0\r\n");
}

}  // namespace
}  // namespace pollux
