#include "src/data/stream_id.h"

#include <gtest/gtest.h>

#include <string>

namespace pollux {
namespace {

constexpr uint64_t kMax = UINT64_MAX;

// What parse_stream_id makes of a text, as a text; "none".
std::string parsed(std::string_view text, uint64_t missing_seq = 7) {
  const auto id = parse_stream_id(text, missing_seq);
  char out[kStreamIdTextMax];
  return id ? std::string(out, format_stream_id(*id, out)) : "none";
}

TEST(StreamId, IsWrittenAndReadBack) {
  for (const StreamId id : {kStreamIdMin, kStreamIdMax, StreamId{1700000000000, 3}}) {
    char out[kStreamIdTextMax];
    const std::string text(out, format_stream_id(id, out));
    EXPECT_EQ(parse_stream_id(text, 0), id) << text;
  }
  EXPECT_EQ(parsed("18446744073709551615-18446744073709551615"),
            "18446744073709551615-18446744073709551615");
}

TEST(StreamId, IsReadAsRedisReadsIt) {
  EXPECT_EQ(parsed("5-1"), "5-1");
  EXPECT_EQ(parsed("5"), "5-7");
  EXPECT_EQ(parsed("007-0003"), "7-3");
  EXPECT_EQ(parsed("+5-+1"), "5-1");
  EXPECT_EQ(parsed(" 5-\t1"), "5-1");
  EXPECT_EQ(parsed("5--0"), "5-0");
  EXPECT_EQ(parsed("5- -3"), "5-18446744073709551613");
  EXPECT_EQ(parsed(std::string_view("5-1\0x", 5)), "5-1");
  for (const std::string_view none :
       {"", "-", "+", "5-", "-5", "-5-1", "5--3", "5-1-2", "5-*", "*", "5 ", "5-1 ", "0x5",
        "18446744073709551616", "5-18446744073709551616", "a-1", "1-a", "$", ">"}) {
    EXPECT_EQ(parsed(none), "none") << none;
  }
  EXPECT_EQ(parsed(std::string(126, '0') + "5"), "5-7");
  EXPECT_EQ(parsed(std::string(127, '0') + "5"), "none");
}

TEST(StreamId, BoundsAndPatterns) {
  EXPECT_EQ(parse_stream_bound("-", 1), kStreamIdMin);
  EXPECT_EQ(parse_stream_bound("+", 1), kStreamIdMax);
  EXPECT_EQ(parse_stream_bound("3", kMax), (StreamId{3, kMax}));
  EXPECT_FALSE(parse_stream_bound("--", 0));
  const auto pattern = parse_stream_id_pattern("3-*");
  ASSERT_TRUE(pattern);
  EXPECT_TRUE(pattern->any_seq);
  EXPECT_EQ(pattern->id, (StreamId{3, 0}));
  EXPECT_FALSE(parse_stream_id_pattern("3-1")->any_seq);
  EXPECT_FALSE(parse_stream_id_pattern("*"));
  EXPECT_FALSE(parse_stream_id_pattern("-"));
}

TEST(StreamId, Neighbours) {
  EXPECT_EQ(next_stream_id({1, 2}), (StreamId{1, 3}));
  EXPECT_EQ(next_stream_id({1, kMax}), (StreamId{2, 0}));
  EXPECT_FALSE(next_stream_id(kStreamIdMax));
  EXPECT_EQ(previous_stream_id({1, 2}), (StreamId{1, 1}));
  EXPECT_EQ(previous_stream_id({1, 0}), (StreamId{0, kMax}));
  EXPECT_FALSE(previous_stream_id(kStreamIdMin));
  EXPECT_LT((StreamId{1, kMax}), (StreamId{2, 0}));
}

}  // namespace
}  // namespace pollux
