#include "src/commands/scan.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

// The lines of a SCAN reply: the cursor, then how often each key came.
std::string read_page(std::string_view reply, std::map<std::string, int>& keys) {
  std::vector<std::string> lines;
  while (!reply.empty()) {
    const size_t end = reply.find("\r\n");
    lines.emplace_back(reply.substr(0, end));
    reply.remove_prefix(end + 2);
  }
  for (size_t i = 5; i < lines.size(); i += 2) {
    ++keys[lines[i]];
  }
  return lines.at(2);
}

std::map<std::string, int> scan_all(TestStore& store, const std::string& options) {
  std::map<std::string, int> keys;
  std::string cursor = "0";
  do {
    cursor = read_page(store.run("scan " + cursor + options), keys);
  } while (cursor != "0");
  return keys;
}

class ScanOnShards : public testing::TestWithParam<int> {
 protected:
  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, ScanOnShards, testing::Values(1, 4));

TEST_P(ScanOnShards, VisitsEveryKeyOnce) {
  for (int i = 0; i < 1000; ++i) {
    store.run("set key:" + std::to_string(i) + " v");
  }
  const auto keys = scan_all(store, " count 7");
  EXPECT_EQ(keys.size(), 1000u);
  for (const auto& [key, count] : keys) {
    EXPECT_EQ(count, 1) << key;
  }
}

TEST_P(ScanOnShards, Filters) {
  store.run("mset a 1 ab 2 b 3");
  EXPECT_EQ(scan_all(store, " match a*").size(), 2u);
  EXPECT_EQ(scan_all(store, " TYPE String").size(), 3u);
  EXPECT_EQ(scan_all(store, " type list").size(), 0u);
  store.run("expire a 1");
  store.advance_ms(2000);
  EXPECT_EQ(scan_all(store, " match a*").size(), 1u) << "an expired key is not reported";
}

TEST_P(ScanOnShards, StaleCursorEndsTheScan) {
  store.run("mset a 1 b 2");
  const std::string end = "*2\r\n$1\r\n0\r\n*0\r\n";
  EXPECT_EQ(store.run("scan 18446744073709551615"), end);
  EXPECT_EQ(store.run("scan -1"), end);
  EXPECT_EQ(store.run("scan " + std::to_string(uint64_t{9} << 32)), end);
}

TEST(Scan, Errors) {
  TestStore store;
  for (const char* cursor : {"a", " 0", "0 ", "0x0", "18446744073709551616", "-", "+", "1-"}) {
    EXPECT_EQ(store.run_args({"scan", cursor}), "-ERR invalid cursor\r\n") << cursor;
  }
  for (const char* line :
       {"scan 0 count", "scan 0 count 0", "scan 0 count -1", "scan 0 foo bar", "scan 0 match"}) {
    EXPECT_EQ(store.run(line), "-ERR syntax error\r\n") << line;
  }
  EXPECT_EQ(store.run("scan 0 count a"), "-ERR value is not an integer or out of range\r\n");
}

TEST(Scan, CursorText) {
  const auto cursor = parse_scan_cursor("12884901890");
  ASSERT_TRUE(cursor);
  EXPECT_EQ(cursor->shard, 3u);
  EXPECT_EQ(cursor->position, 2u);
  EXPECT_TRUE(parse_scan_cursor("")) << "nothing is 0";
  EXPECT_TRUE(parse_scan_cursor(std::string_view("0\0a", 3)));
  EXPECT_FALSE(parse_scan_cursor("99999999999999999999"));
}

}  // namespace
}  // namespace pollux
