#include "dataplane/sim/test_client.h"

#include <gtest/gtest.h>

#include <string>

namespace pollux {
namespace {

std::string shown(std::string_view bytes) {
  size_t position = 0;
  Answer answer;
  switch (take_answer(bytes, position, answer)) {
    case TakeStatus::kNone:
      return "more";
    case TakeStatus::kMalformed:
      return "malformed";
    case TakeStatus::kTaken:
      break;
  }
  return position == bytes.size() ? answer.shown() : "rest";
}

TEST(AnswerTest, EveryKindOfReplyIsRead) {
  EXPECT_EQ(shown("+OK\r\n"), "+OK");
  EXPECT_EQ(shown("-ERR no\r\n"), "-ERR no");
  EXPECT_EQ(shown(":-5\r\n"), ":-5");
  EXPECT_EQ(shown("$1\r\nabc\r\n"), "malformed");
  EXPECT_EQ(shown("$3\r\na\r\n"), "more");
  EXPECT_EQ(shown("$4\r\na\r\nb\r\n"), "\"a\r\nb\"");
  EXPECT_EQ(shown("$-1\r\n"), "nil");
  EXPECT_EQ(shown("*-1\r\n"), "nil");
  EXPECT_EQ(shown("_\r\n"), "nil");
  EXPECT_EQ(shown("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n"), "[:1 [\"x\"]]");
  EXPECT_EQ(shown("%1\r\n+a\r\n:1\r\n"), "[+a :1]");
  EXPECT_EQ(shown("!3\r\nabc\r\n"), "malformed");
}

TEST(AnswerTest, AReplyCutAnywhereNeedsMore) {
  const std::string bytes = "*3\r\n$3\r\nabc\r\n:12\r\n*1\r\n+x\r\n";
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(shown(bytes.substr(0, cut)), "more") << cut;
  }
  EXPECT_EQ(shown(bytes), "[\"abc\" :12 [+x]]");
}

TEST(AnswerTest, ARequestIsAnArrayOfBulks) {
  EXPECT_EQ(encode({"GET", ""}), "*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace pollux
