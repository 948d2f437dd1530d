// Expected replies were taken from redis-server 7.0.15, but for KEEPREF, DELREF and ACKED, which it
// does not have.
#include <gtest/gtest.h>

#include <string>

#include "src/commands/reply_text.h"
#include "src/commands/test_store.h"

namespace pollux {
namespace {

constexpr const char* kInvalidId =
    "-ERR Invalid stream ID specified as stream command argument";
constexpr const char* kTooSmall =
    "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value";

class StreamCommands : public testing::TestWithParam<int> {
 protected:
  std::string run(std::string_view line) { return reply_text(store.run(line)); }
  // 1-0 to n-0, each with the field f.
  void add(int n) {
    for (int i = 1; i <= n; ++i) {
      store.run("xadd s " + std::to_string(i) + "-0 f v" + std::to_string(i));
    }
  }
  // The ids in a stream, by their times.
  std::string ids() {
    std::string all;
    for (int i = 1; i < 1000; ++i) {
      const std::string id = std::to_string(i);
      const std::string range = "xrange s " + id + " " + id + " count 1";
      all += run(range) == "[]" ? "" : (all.empty() ? "" : " ") + id;
    }
    return all;
  }

  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, StreamCommands, testing::Values(1, 4));

TEST_P(StreamCommands, AddAndRange) {
  EXPECT_EQ(run("xadd s 5-1 a 1 b 2"), "5-1");
  EXPECT_EQ(store.events(), "xadd s");
  EXPECT_EQ(run("xadd s 5-* c 3"), "5-2");
  EXPECT_EQ(run("xadd s 6-* c 4"), "6-0");
  EXPECT_EQ(run("xlen s"), "3");
  EXPECT_EQ(run("type s"), "stream");
  EXPECT_EQ(run("object encoding s"), "stream");
  EXPECT_EQ(run("xrange s - +"), "[[5-1 [a 1 b 2]] [5-2 [c 3]] [6-0 [c 4]]]");
  EXPECT_EQ(run("xrange s 5 5"), "[[5-1 [a 1 b 2]] [5-2 [c 3]]]");
  EXPECT_EQ(run("xrange s (5-1 (6-0"), "[[5-2 [c 3]]]");
  EXPECT_EQ(run("xrevrange s + - count 2"), "[[6-0 [c 4]] [5-2 [c 3]]]");
  EXPECT_EQ(run("xrange s - + count 0"), "nil-array");
  EXPECT_EQ(run("xrange s - + count -7"), "nil-array");
  EXPECT_EQ(run("xrange nope - + count 0"), "[]");
  EXPECT_EQ(run("xlen nope"), "0");
  store.run("set str x");
  EXPECT_EQ(run("xadd str * a b"), kWrongType);
  EXPECT_EQ(run("xrange str - +"), kWrongType);
}

TEST_P(StreamCommands, IdsOfTheClock) {
  const std::string now = std::to_string(store.now_ms());
  EXPECT_EQ(run("xadd s * a b"), now + "-0");
  EXPECT_EQ(run("xadd s * a b"), now + "-1");
  store.advance_ms(-5);
  EXPECT_EQ(run("xadd s * a b"), now + "-2");
  store.advance_ms(6);
  EXPECT_EQ(run("xadd s * a b"), std::to_string(store.now_ms()) + "-0");
}

TEST_P(StreamCommands, AddRefusesIds) {
  run("xadd s 5-5 a b");
  EXPECT_EQ(run("xadd s 5-5 a b"), kTooSmall);
  EXPECT_EQ(run("xadd s 4-* a b"), kTooSmall);
  EXPECT_EQ(run("xadd s 0-0 a b"), "-ERR The ID specified in XADD must be greater than 0-0");
  EXPECT_EQ(run("xadd s - a b"), kInvalidId);
  EXPECT_EQ(run("xadd s 5-x a b"), kInvalidId);
  EXPECT_EQ(run("xadd t 0-* a b"), "0-1");
  EXPECT_EQ(run("xadd s 18446744073709551615-18446744073709551615 a b"),
            "18446744073709551615-18446744073709551615");
  EXPECT_EQ(run("xadd s * a b"),
            "-ERR The stream has exhausted the last possible ID, unable to add more items");
  EXPECT_EQ(run("xrange s (18446744073709551615-18446744073709551615 +"),
            "-ERR invalid start ID for the interval");
  EXPECT_EQ(run("xrange s - (0-0"), "-ERR invalid end ID for the interval");
}

TEST_P(StreamCommands, AddChecksItsArguments) {
  EXPECT_EQ(run("xadd s 1-1 a"), "-ERR wrong number of arguments for 'xadd' command");
  EXPECT_EQ(run("xadd s 1-1 a b c"), "-ERR wrong number of arguments for 'xadd' command");
  EXPECT_EQ(run("xadd s maxlen 1 minid 1 * a b"),
            "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  EXPECT_EQ(run("xadd s limit 1 * a b"),
            "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  EXPECT_EQ(run("xadd s maxlen 5 limit 1 * a b"),
            "-ERR syntax error, LIMIT cannot be used without the special ~ option");
  EXPECT_EQ(run("xadd s maxlen -1 * a b"), "-ERR The MAXLEN argument must be >= 0.");
  EXPECT_EQ(run("xadd s maxlen ~ 1 limit -1 * a b"), "-ERR The LIMIT argument must be >= 0.");
  EXPECT_EQ(run("exists s"), "0");
  EXPECT_EQ(run("xadd s nomkstream * a b"), "nil");
  EXPECT_EQ(run("exists s"), "0");
}

TEST_P(StreamCommands, AddTrims) {
  add(5);
  EXPECT_EQ(run("xadd s maxlen = 3 6-0 f v"), "6-0");
  EXPECT_EQ(store.events(), "xadd s, xtrim s");
  EXPECT_EQ(ids(), "4 5 6");
  EXPECT_EQ(run("xadd s minid 6 7-0 f v"), "7-0");
  EXPECT_EQ(ids(), "6 7");
  EXPECT_EQ(run("xadd s maxlen 100 8-0 f v"), "8-0");
  EXPECT_EQ(store.events(), "xadd s");
  // Trimmed to nothing it stays a stream.
  EXPECT_EQ(run("xadd s maxlen 0 9-0 f v"), "9-0");
  EXPECT_EQ(run("exists s"), "1");
  EXPECT_EQ(run("xadd s 9-0 f v"), kTooSmall);
}

TEST_P(StreamCommands, Trim) {
  store.config().encoding.stream_node_entries = 10;
  add(55);
  EXPECT_EQ(run("xtrim s maxlen 52"), "3");
  EXPECT_EQ(store.events(), "xtrim s");
  EXPECT_EQ(run("xtrim s maxlen 60"), "0");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(run("xtrim s maxlen ~ 20 limit 16"), "7");
  EXPECT_EQ(run("xtrim s minid ~ 32"), "20");
  EXPECT_EQ(run("xtrim s minid 33-0"), "2");
  EXPECT_EQ(run("xlen s"), "23");
  EXPECT_EQ(run("xtrim nope maxlen 0"), "0");
  EXPECT_EQ(run("xtrim s limit 0 limit 0"),
            "-ERR syntax error, XTRIM must be called with a trimming strategy");
  EXPECT_EQ(run("xtrim s limit 0 foo"), "-ERR syntax error");
}

TEST_P(StreamCommands, Delete) {
  add(5);
  EXPECT_EQ(run("xdel s 2 4-0 9 2"), "2");
  EXPECT_EQ(store.events(), "xdel s");
  EXPECT_EQ(ids(), "1 3 5");
  EXPECT_EQ(run("xdel s 2"), "0");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(run("xdel s 1 x"), kInvalidId);
  EXPECT_EQ(ids(), "1 3 5");
  EXPECT_EQ(run("xdel s 1 3 5"), "3");
  EXPECT_EQ(run("exists s"), "1");
  EXPECT_EQ(run("xdel nope 1"), "0");
}

TEST_P(StreamCommands, Read) {
  add(4);
  store.run("xadd {s}2 1-0 g w");
  EXPECT_EQ(run("xread streams s 2"), "[[s [[3-0 [f v3]] [4-0 [f v4]]]]]");
  EXPECT_EQ(run("xread count 1 streams s {s}2 2 0"), "[[s [[3-0 [f v3]]]] [{s}2 [[1-0 [g w]]]]]");
  EXPECT_EQ(run("xread count 1 streams s {s}2 4 0"), "[[{s}2 [[1-0 [g w]]]]]");
  EXPECT_EQ(run("xread streams s nope $ 0"), "nil-array");
  EXPECT_EQ(run("xread block 10 streams s 4"), "nil-array");
  store.set_protocol(3);
  EXPECT_EQ(run("xread count 1 streams s 2"), "{s [[3-0 [f v3]]]}");
  EXPECT_EQ(run("xread streams s 4"), "nil");
}

TEST_P(StreamCommands, ReadChecksItsArguments) {
  add(1);
  store.run("set {s}str x");
  EXPECT_EQ(run("xread streams s {s}str 0 0"), kWrongType);
  EXPECT_EQ(run("xread streams s 1 2"),
            "-ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "
            "specified.");
  EXPECT_EQ(run("xread count 1 block 1"), "-ERR syntax error");
  EXPECT_EQ(run("xread block -1 streams s 0"), "-ERR timeout is negative");
  EXPECT_EQ(run("xread block x streams s 0"),
            "-ERR timeout is not an integer or out of range");
  EXPECT_EQ(run("xread streams s >"),
            "-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
            "<consumer> option.");
  EXPECT_EQ(run("xread group g c streams s 0"),
            "-ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
  EXPECT_EQ(run("xread streams s x"), kInvalidId);
}

// The word may be a name before it is the word.
TEST_P(StreamCommands, KeysAreFoundBehindTheRightWord) {
  add(1);
  store.run("xgroup create s streams 0");
  EXPECT_EQ(run("xreadgroup noack noack noack group streams streams streams s >"),
            "[[s [[1-0 [f v1]]]]]");
  EXPECT_EQ(run("xreadgroup count streams group streams streams streams s >"),
            "-ERR value is not an integer or out of range");
}

TEST_P(StreamCommands, SetId) {
  add(5);
  EXPECT_EQ(run("xsetid s 9"), "OK");
  EXPECT_EQ(store.events(), "xsetid s");
  EXPECT_EQ(run("xadd s 8-0 a b"), kTooSmall);
  EXPECT_EQ(run("xsetid s 4"),
            "-ERR The ID specified in XSETID is smaller than the target stream top item");
  EXPECT_EQ(run("xsetid s 9 entriesadded 4"),
            "-ERR The entries_added specified in XSETID is smaller than the target stream length");
  EXPECT_EQ(run("xsetid s 9 maxdeletedid 10"),
            "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
  EXPECT_EQ(run("xsetid s 9 entriesadded 100 maxdeletedid 7"), "OK");
  EXPECT_EQ(run("xsetid s 6"), "OK");
  EXPECT_EQ(run("xsetid nope 1"), "-ERR no such key");
  EXPECT_EQ(run("xinfo stream s").find("length 5"), 1U);
  EXPECT_NE(run("xinfo stream s").find("max-deleted-entry-id 7-0 entries-added 100"),
            std::string::npos);
}

// The id may be set back before entries that were deleted, of which a block may be left.
TEST_P(StreamCommands, SetIdBeforeWhatWasDeleted) {
  store.run("xadd s 5-0 f v");
  store.run("xadd s 10-0 f v");
  store.run("xdel s 10");
  EXPECT_EQ(run("xsetid s 7"), "OK");
  EXPECT_EQ(run("xadd s 8-0 f v"), "8-0");
  EXPECT_EQ(ids(), "5 8");
  EXPECT_EQ(run("xtrim s minid 10"), "2");
  store.run("del s");
  store.run("xadd s 10-0 f v");
  store.run("xadd s 11-0 f v");
  store.run("xdel s 11");
  EXPECT_EQ(run("xtrim s minid 11"), "1");
  EXPECT_EQ(run("xsetid s 3"), "OK");
  EXPECT_EQ(run("xadd s 4-0 f v"), "4-0");
  EXPECT_EQ(ids(), "4");
  EXPECT_EQ(run("xdel s 4"), "1");
}

TEST_P(StreamCommands, CopyAndRename) {
  add(3);
  store.run("xgroup create s g 1");
  EXPECT_EQ(run("copy s {s}2"), "1");
  EXPECT_EQ(run("xdel s 1 2 3"), "3");
  EXPECT_EQ(run("xrange {s}2 - + count 1"), "[[1-0 [f v1]]]");
  EXPECT_EQ(run("rename {s}2 s"), "OK");
  EXPECT_EQ(run("xreadgroup group g c count 1 streams s >"), "[[s [[2-0 [f v2]]]]]");
}

}  // namespace
}  // namespace pollux
