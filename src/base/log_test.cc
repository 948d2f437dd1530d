#include "src/base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

namespace pollux {
namespace {

std::string read_whole(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "pollux_log_test_" + std::to_string(getpid());
    ASSERT_TRUE(log_open(path_));
  }
  void TearDown() override {
    log_open("");
    log_set_level(LogLevel::kNotice);
    unlink(path_.c_str());
  }
  std::string path_;
};

TEST_F(LogTest, LinesHaveRedisForm) {
  log_line(LogLevel::kWarning, "hello %d", 42);
  std::string shape = read_whole(path_);
  std::replace_if(
      shape.begin(), shape.end(), [](char c) { return c >= '0' && c <= '9'; }, '9');
  shape.erase(0, shape.find(":M "));
  EXPECT_EQ(shape.replace(6, 3, "Mon"), ":M 99 Mon 9999 99:99:99.999 # hello 99\n");
}

TEST_F(LogTest, LinesUnderTheLevelAreDropped) {
  log_line(LogLevel::kVerbose, "quiet");
  EXPECT_EQ(read_whole(path_), "");
  log_set_level(LogLevel::kDebug);
  log_line(LogLevel::kDebug, "loud");
  EXPECT_NE(read_whole(path_).find(" . loud\n"), std::string::npos);
}

TEST_F(LogTest, LongLinesAreCut) {
  log_line(LogLevel::kNotice, "%s", std::string(5000, 'x').c_str());
  const std::string text = read_whole(path_);
  EXPECT_EQ(text.size() - text.find('x'), 1024U + 1);
}

TEST_F(LogTest, AFileThatCannotBeOpenedChangesNothing) {
  EXPECT_FALSE(log_open("/no/such/folder/log"));
  EXPECT_EQ(errno, ENOENT);
  log_line(LogLevel::kNotice, "still here");
  EXPECT_NE(read_whole(path_).find("still here"), std::string::npos);
}

TEST_F(LogTest, ASecondFileTakesOver) {
  const std::string second = path_ + ".2";
  ASSERT_TRUE(log_open(second));
  log_line(LogLevel::kNotice, "moved");
  EXPECT_EQ(read_whole(path_), "");
  EXPECT_NE(read_whole(second).find(" * moved\n"), std::string::npos);
  unlink(second.c_str());
}

}  // namespace
}  // namespace pollux
