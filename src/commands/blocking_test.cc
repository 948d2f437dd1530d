// Commands that wait, where they must not: they find something, or answer as if the time were up.
// Expected bytes were taken from redis-server 7.0.15, but for BLMOVEM. (Waiting is the engine's.)
#include <gtest/gtest.h>

#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr const char* kNotFloat = "-ERR timeout is not a float or out of range\r\n";
constexpr const char* kNegative = "-ERR timeout is negative\r\n";
constexpr const char* kSyntax = "-ERR syntax error\r\n";
constexpr const char* kNullArray = "*-1\r\n";
constexpr const char* kNull = "$-1\r\n";

class BlockingCommands : public testing::TestWithParam<int> {
 protected:
  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, BlockingCommands, testing::Values(1, 4));

TEST_P(BlockingCommands, Timeouts) {
  for (const std::string timeout : {"abc", "", "nan", "1x", "\t1"}) {
    EXPECT_EQ(store.run_args({"BLPOP", "k", timeout}), kNotFloat) << timeout;
  }
  for (const std::string timeout : {"-1", "-0.5", "inf", "-inf", "1e30", "9223372036854775807"}) {
    EXPECT_EQ(store.run_args({"BLPOP", "k", timeout}), kNegative) << timeout;
  }
  for (const std::string timeout :
       {"0", "-0.0001", "0.001", "1e-10", "0x1p-8", "9223372036854775"}) {
    EXPECT_EQ(store.run_args({"BLPOP", "k", timeout}), kNullArray) << timeout;
  }
}

TEST_P(BlockingCommands, PopsOfLists) {
  store.run("SET s x");
  store.run("RPUSH l 1 2 3 4");
  EXPECT_EQ(store.run("BLPOP none l 0"), "*2\r\n$1\r\nl\r\n$1\r\n1\r\n");
  EXPECT_EQ(store.events(), "lpop l");
  EXPECT_EQ(store.run("BRPOP l none 0"), "*2\r\n$1\r\nl\r\n$1\r\n4\r\n");
  EXPECT_EQ(store.run("BLPOP none s l 0"), kWrongType);
  EXPECT_EQ(store.run("BLPOP s abc"), kNotFloat);
  EXPECT_EQ(store.run("BLMPOP 0 2 none l RIGHT COUNT 9"),
            "*2\r\n$1\r\nl\r\n*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.events(), "rpop l, del l");
  EXPECT_EQ(store.run("BLMPOP 0 2 none l RIGHT"), kNullArray);
  EXPECT_EQ(store.run("BLMPOP abc 1 l X"), kSyntax);
  EXPECT_EQ(store.run("BLMPOP abc 2 l LEFT"), kSyntax);
  EXPECT_EQ(store.run("BLMPOP abc 0 l LEFT"), "-ERR numkeys should be greater than 0\r\n");
  EXPECT_EQ(store.run("BLMPOP abc 1 l LEFT COUNT x"), "-ERR count should be greater than 0\r\n");
  EXPECT_EQ(store.run("BLMPOP abc 1 s LEFT"), kNotFloat);
}

TEST_P(BlockingCommands, Moves) {
  store.run("SET s x");
  store.run("RPUSH l 1 2 3 4 5");
  EXPECT_EQ(store.run("BLMOVE l d LEFT RIGHT 0"), "$1\r\n1\r\n");
  EXPECT_EQ(store.events(), "rpush d, lpop l");
  EXPECT_EQ(store.run("BRPOPLPUSH l d 0"), "$1\r\n5\r\n");
  EXPECT_EQ(store.run("BLMOVE none s LEFT RIGHT 0"), kNull);
  EXPECT_EQ(store.run("BLMOVE l s LEFT RIGHT 0"), kWrongType);
  EXPECT_EQ(store.run("BLMOVE s d LEFT RIGHT abc"), kNotFloat);
  EXPECT_EQ(store.run("BLMOVE none d X RIGHT abc"), kSyntax);
  EXPECT_EQ(store.run("BRPOPLPUSH s d -1"), kNegative);
  EXPECT_EQ(store.run("BLMOVEM l d LEFT RIGHT 0 EXACTLY 4 BULK"), kNullArray);
  EXPECT_EQ(store.run("BLMOVEM l d LEFT RIGHT 0 COUNT 4 BULK"),
            "*3\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
  EXPECT_EQ(store.run("BLMOVEM l d LEFT RIGHT 0 COUNT 4"), kSyntax);
  EXPECT_EQ(store.run("LRANGE d 0 -1"),
            "*5\r\n$1\r\n5\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
}

TEST_P(BlockingCommands, PopsOfSortedSets) {
  store.run("SET s x");
  store.run("ZADD z 1.5 a 2 b 3 c");
  EXPECT_EQ(store.run("BZPOPMIN none z 0"), "*3\r\n$1\r\nz\r\n$1\r\na\r\n$3\r\n1.5\r\n");
  EXPECT_EQ(store.events(), "zpopmin z");
  store.set_protocol(3);
  EXPECT_EQ(store.run("BZPOPMAX z 0"), "*3\r\n$1\r\nz\r\n$1\r\nc\r\n,3\r\n");
  EXPECT_EQ(store.run("BZPOPMIN none 0"), "_\r\n");
  EXPECT_EQ(store.run("BZMPOP 0 2 none z MIN COUNT 2"),
            "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nb\r\n,2\r\n");
  EXPECT_EQ(store.events(), "zpopmin z, del z");
  store.set_protocol(2);
  EXPECT_EQ(store.run("BZPOPMIN none s 0"), kWrongType);
  EXPECT_EQ(store.run("BZMPOP abc 1 z X"), kSyntax);
  EXPECT_EQ(store.run("BZMPOP abc 1 z MIN"), kNotFloat);
  EXPECT_EQ(store.run("BZMPOP 0 1 z MIN"), kNullArray);
}

}  // namespace
}  // namespace pollux
