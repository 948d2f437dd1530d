#include "tests/differential/rules.h"

#include <gtest/gtest.h>

#include <string>

namespace pollux {
namespace {

std::string info(int length, int blocks) {
  return "*4\r\n$6\r\nlength\r\n:" + std::to_string(length) +
         "\r\n$15\r\nradix-tree-keys\r\n:" + std::to_string(blocks) + "\r\n";
}

bool agree(const std::string& redis, const std::string& pollux, long long left_out = 0) {
  return replies_agree(Rule::kStreamTimes, redis, pollux, {.blocks = left_out});
}

TEST(DifferentialRules, BlocksOfAStreamAreAsMany) {
  EXPECT_TRUE(agree(info(5, 3), info(5, 3)));
  EXPECT_FALSE(agree(info(5, 3), info(5, 2)));
  EXPECT_FALSE(agree(info(5, 3), info(5, 4)));
  EXPECT_FALSE(agree(info(5, 3), info(4, 3)));
}

TEST(DifferentialRules, OrAsManyLessAsRestoreHasLeftOut) {
  EXPECT_EQ(blocks_left_out(info(5, 3), info(5, 1)), 2);
  EXPECT_TRUE(agree(info(5, 3), info(5, 1), 2));
  EXPECT_FALSE(agree(info(5, 4), info(5, 1), 2));
  EXPECT_FALSE(agree(info(5, 3), info(5, 4), 2));
}

TEST(DifferentialRules, ButNotOneThatHasEntries) {
  EXPECT_EQ(blocks_left_out(info(5, 3), info(5, 0)), 0);
  EXPECT_FALSE(agree(info(5, 2), info(5, 0), 2));
  EXPECT_TRUE(agree(info(0, 2), info(0, 0), 2));
  EXPECT_EQ(blocks_left_out(info(0, 2), info(0, 0)), 2);
  EXPECT_EQ(blocks_left_out(info(5, 3), info(5, 4)), 0);
  EXPECT_EQ(blocks_left_out("-ERR no such key\r\n", "-ERR no such key\r\n"), 0);
}

}  // namespace
}  // namespace pollux
