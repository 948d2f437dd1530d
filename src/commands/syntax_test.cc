#include "src/commands/syntax.h"

#include <gtest/gtest.h>

#include "src/commands/command_table.h"
#include "src/commands/families.h"

namespace pollux {
namespace {

TEST(Syntax, PlainArguments) {
  const auto arguments = parse_syntax("key#0 offset:integer value");
  ASSERT_EQ(arguments.size(), 3u);
  EXPECT_EQ(arguments[0].type, "key");
  EXPECT_EQ(arguments[0].key_spec, 0);
  EXPECT_EQ(arguments[1].name, "offset");
  EXPECT_EQ(arguments[1].type, "integer");
  EXPECT_EQ(arguments[2].type, "string");
  const auto keys = parse_syntax("[BY pattern:pattern#1]");
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].type, "pattern");
  EXPECT_EQ(keys[0].key_spec, 1);
}

TEST(Syntax, TokensAndChoices) {
  const auto arguments = parse_syntax("mode=[EX s:integer@2.6.12|KEEPTTL@6.0.0] [GET]@6.2.0");
  ASSERT_EQ(arguments.size(), 2u);
  EXPECT_EQ(arguments[0].name, "mode");
  EXPECT_EQ(arguments[0].type, "oneof");
  EXPECT_TRUE(arguments[0].optional);
  ASSERT_EQ(arguments[0].children.size(), 2u);
  EXPECT_EQ(arguments[0].children[0].token, "EX");
  EXPECT_EQ(arguments[0].children[0].name, "s");
  EXPECT_EQ(arguments[0].children[0].since, "2.6.12");
  EXPECT_EQ(arguments[0].children[1].type, "pure-token");
  EXPECT_EQ(arguments[0].children[1].name, "keepttl");
  EXPECT_EQ(arguments[1].since, "6.2.0");
}

TEST(Syntax, RepeatedGroups) {
  const auto arguments = parse_syntax("pair=(key#0 value)... [GET g=(a b)]&...");
  ASSERT_EQ(arguments.size(), 2u);
  EXPECT_EQ(arguments[0].type, "block");
  EXPECT_TRUE(arguments[0].multiple);
  EXPECT_FALSE(arguments[0].multiple_token);
  EXPECT_EQ(arguments[1].name, "g");
  EXPECT_EQ(arguments[1].token, "GET");
  EXPECT_TRUE(arguments[1].optional && arguments[1].multiple && arguments[1].multiple_token);
  const auto of_one = parse_syntax("a=(x...) (y)");
  EXPECT_EQ(of_one[0].type, "block");
  EXPECT_FALSE(of_one[0].multiple);
  ASSERT_EQ(of_one[0].children.size(), 1u);
  EXPECT_TRUE(of_one[0].children[0].multiple);
  EXPECT_EQ(of_one[1].name, "y");
}

TEST(Syntax, EveryRowParses) {
  CommandTable table;
  add_command_families(table);
  for (const CommandRow* row : table.rows()) {
    parse_syntax(row->syntax);
  }
}

}  // namespace
}  // namespace pollux
