#include "src/commands/key_extractor.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/commands/command_table.h"
#include "src/commands/families.h"

namespace pollux {
namespace {

// The indices found, as "1 3 5"; "none" if the arguments do not fit.
std::string extract(const CommandRow& row, const std::vector<std::string_view>& args) {
  KeyIndices keys;
  if (!extract_keys(row, args, keys)) {
    return "none";
  }
  std::string text;
  for (size_t i = 0; i < keys.size(); ++i) {
    text += (i == 0 ? "" : " ") + std::to_string(keys[i]);
  }
  return text;
}

CommandRow row_with(const KeySpec& spec) {
  return {.name = "x", .arity = -1, .flags = 0, .acl = 0, .handler = nullptr, .keys = {spec}};
}

TEST(KeyExtractor, Ranges) {
  CommandTable table;
  add_command_families(table);
  EXPECT_EQ(extract(*table.find("get"), {"get", "a"}), "1");
  EXPECT_EQ(extract(*table.find("mset"), {"mset", "a", "1", "b", "2"}), "1 3");
  EXPECT_EQ(extract(*table.find("bitop"), {"bitop", "and", "d", "a", "b"}), "2 3 4");
  EXPECT_EQ(extract(*table.find("rename"), {"rename", "a", "b"}), "1 2");
  EXPECT_EQ(extract(*table.find("dbsize"), {"dbsize"}), "");
  EXPECT_EQ(extract(*table.find("get"), {"get"}), "none");
  EXPECT_EQ(extract(*table.find("pfmerge"), {"pfmerge", "d", "a", "b"}), "1 2 3");
  EXPECT_EQ(extract(*table.find("pfmerge"), {"pfmerge", "d"}), "1");
  EXPECT_EQ(extract(*table.find("georadius"),
                    {"georadius", "k", "1", "1", "1", "m", "store", "a", "STOREDIST", "b"}),
            "1 7 9");
  EXPECT_EQ(extract(*table.find("georadiusbymember"),
                    {"georadiusbymember", "k", "store", "1", "m", "count", "1", "store"}),
            "1");
}

TEST(KeyExtractor, KeysRememberTheirSpec) {
  CommandTable table;
  add_command_families(table);
  const std::vector<std::string_view> args = {"bitop", "and", "d", "a"};
  KeyIndices keys;
  ASSERT_TRUE(extract_keys(*table.find("bitop"), args, keys));
  EXPECT_EQ(keys.spec(0), 0);
  EXPECT_EQ(keys.spec(1), 1);
}

TEST(KeyExtractor, CountedKeys) {
  CommandRow row = row_with({.first = 3, .last = 0, .step = 1, .flags = "RO", .numkeys_at = 2});
  EXPECT_EQ(extract(row, {"eval", "s", "2", "a", "b", "c"}), "3 4");
  EXPECT_EQ(extract(row, {"eval", "s", "0"}), "none");
  row.flags = kNoMandatoryKeys;
  EXPECT_EQ(extract(row, {"eval", "s", "0"}), "");
  for (const char* count : {"-1", "2", "x", "9223372036854775807", ""}) {
    EXPECT_EQ(extract(row, {"eval", "s", count, "a"}), "none") << count;
  }
  EXPECT_EQ(extract(row, {"eval", "s"}), "none");
}

TEST(KeyExtractor, KeysBehindAKeyword) {
  const CommandRow xread = row_with(
      {.first = 1, .last = -1, .step = 1, .flags = "RO", .limit = 2, .keyword = "STREAMS"});
  EXPECT_EQ(extract(xread, {"xread", "count", "2", "streams", "a", "b", "0", "0"}), "4 5");
  EXPECT_EQ(extract(xread, {"xread", "count", "2"}), "");
  const CommandRow store =
      row_with({.first = 2, .last = 0, .step = 1, .flags = "OW", .keyword = "STORE"});
  EXPECT_EQ(extract(store, {"x", "a", "1", "STORE", "d"}), "4");
  EXPECT_EQ(extract(store, {"x", "a", "1", "STORE"}), "none");
}

TEST(KeyExtractor, AnyNumberOfKeys) {
  std::vector<std::string_view> args(100'001, "k");
  CommandTable table;
  add_command_families(table);
  KeyIndices keys;
  ASSERT_TRUE(extract_keys(*table.find("del"), args, keys));
  ASSERT_EQ(keys.size(), 100'000u);
  EXPECT_EQ(keys[0], 1u);
  EXPECT_EQ(keys[99'999], 100'000u);
}

}  // namespace
}  // namespace pollux
