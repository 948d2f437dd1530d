// What XREAD and XREADGROUP have beyond 7.0: the last entry (7.4), and what has been pending (8.4).
// From the documentation of these versions. (Waiting is the engine's.)
#include <gtest/gtest.h>

#include <string>

#include "src/commands/reply_text.h"
#include "src/commands/test_store.h"

namespace pollux {
namespace {

class StreamReads : public testing::TestWithParam<int> {
 protected:
  StreamReads() {
    add("s", 1, 5);
    run("xgroup create s g 0");
  }
  void add(const std::string& key, int first, int last) {
    for (int i = first; i <= last; ++i) {
      const std::string n = std::to_string(i);
      run("xadd " + key + " " + n + "-0 f v" + n);
    }
  }
  std::string run(std::string_view line) { return reply_text(store.run(line)); }
  // By the consumer, with "claim" and what comes behind it; without the stream's name.
  std::string claim(const std::string& consumer, const std::string& more) {
    const std::string all =
        run("xreadgroup group g " + consumer + " claim " + more + " streams s >");
    return all.starts_with("[[s ") ? all.substr(4, all.size() - 6) : all;
  }
  std::string pending() { return run("xpending s g - + 99"); }

  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, StreamReads, testing::Values(1, 4));

// --- XREAD + ---

TEST_P(StreamReads, TheLastEntry) {
  EXPECT_EQ(run("xread streams s +"), "[[s [[5-0 [f v5]]]]]");
  EXPECT_EQ(run("xread count 3 block 0 streams s nope + +"), "[[s [[5-0 [f v5]]]]]");
  run("xadd s 5-18446744073709551615 f v6");
  EXPECT_EQ(run("xread streams s s + 5"),
            "[[s [[5-18446744073709551615 [f v6]]]] [s [[5-18446744073709551615 [f v6]]]]]");
  // The last one that is there.
  run("xdel s 5-18446744073709551615 5");
  EXPECT_EQ(run("xread streams s +"), "[[s [[4-0 [f v4]]]]]");
  run("xadd {s}2 0-1 f v");
  EXPECT_EQ(run("xread streams {s}2 +"), "[[{s}2 [[0-1 [f v]]]]]");
}

TEST_P(StreamReads, TheLastEntryOfAnEmptyStream) {
  EXPECT_EQ(run("xread streams nope +"), "nil-array");
  run("xtrim s maxlen 0");
  EXPECT_EQ(run("xread streams s +"), "nil-array");
  EXPECT_EQ(run("xread block 1 streams s +"), "nil-array");
}

TEST_P(StreamReads, AGroupHasNoLastEntry) {
  EXPECT_EQ(run("xreadgroup group g c streams s +"),
            "-ERR The + ID is meaningless in the context of XREADGROUP: you want to read the "
            "history of this consumer by specifying a proper ID, or use the > ID to get new "
            "messages. The + ID would just return an empty result set.");
  EXPECT_EQ(run("xreadgroup group g c streams s $"),
            "-ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
            "history of this consumer by specifying a proper ID, or use the > ID to get new "
            "messages. The $ ID would just return an empty result set.");
}

// --- XREADGROUP CLAIM ---

TEST_P(StreamReads, WhatHasBeenPendingComesFirst) {
  run("xreadgroup group g c count 2 streams s >");
  store.advance_ms(100);
  EXPECT_EQ(claim("d", "101 count 1"), "[[3-0 [f v3] 0 0]]");
  EXPECT_EQ(claim("d", "100 count 4"),
            "[[1-0 [f v1] 100 1] [2-0 [f v2] 100 1] [4-0 [f v4] 0 0] [5-0 [f v5] 0 0]]");
  EXPECT_EQ(store.events(), " s");
  EXPECT_EQ(pending(), "[[1-0 d 0 2] [2-0 d 0 2] [3-0 d 0 1] [4-0 d 0 1] [5-0 d 0 1]]");
  EXPECT_EQ(claim("d", "100"), "nil-array");
  EXPECT_EQ(store.events(), "");
  store.set_protocol(3);
  store.advance_ms(100);
  EXPECT_EQ(run("xreadgroup claim 1 group g e count 1 streams s >"),
            "{s [[1-0 [f v1] 100 2]]}");
  EXPECT_EQ(store.events(), "xgroup-createconsumer s,  s");
}

TEST_P(StreamReads, TheOldestDeliveryComesFirst) {
  run("xreadgroup group g c streams s >");
  store.advance_ms(1000);
  // 2 was delivered last, 4 long ago, 3 again now.
  run("xclaim s g c 0 2 idle 10 justid");
  run("xclaim s g c 0 4 idle 5000 justid");
  run("xclaim s g d 0 3");
  EXPECT_EQ(claim("e", "10 count 2"), "[[4-0 [f v4] 5000 1] [1-0 [f v1] 1000 1]]");
  EXPECT_EQ(claim("e", "10"), "[[5-0 [f v5] 1000 1] [2-0 [f v2] 10 1]]");
  // Whatever moves one in time moves it in the order: a consumer's history, too.
  store.advance_ms(50);
  run("xreadgroup group g e count 1 streams s 0");
  EXPECT_EQ(claim("c", "50"),
            "[[2-0 [f v2] 50 2] [3-0 [f v3] 50 2] [4-0 [f v4] 50 2] [5-0 [f v5] 50 2]]");
  store.advance_ms(1);
  run("xautoclaim s g d 0 - count 1");
  store.advance_ms(1);
  EXPECT_EQ(claim("c", "0 count 2"), "[[2-0 [f v2] 2 3] [3-0 [f v3] 2 3]]");
  EXPECT_EQ(claim("c", "0 count 3"), "[[4-0 [f v4] 2 3] [5-0 [f v5] 2 3] [1-0 [f v1] 1 4]]");
}

TEST_P(StreamReads, WithoutAMinimumAllIsClaimed) {
  run("xreadgroup group g c streams s >");
  EXPECT_EQ(claim("c", "0 count 2"), "[[1-0 [f v1] 0 1] [2-0 [f v2] 0 1]]");
  // A clock that was put back, and a time that never comes.
  store.advance_ms(-500);
  EXPECT_EQ(claim("d", "1"), "nil-array");
  EXPECT_EQ(claim("d", "9223372036854775807"), "nil-array");
  EXPECT_EQ(claim("d", "0 count 1"), "[[1-0 [f v1] 0 2]]");
  EXPECT_EQ(claim("d", "0 count 1"), "[[1-0 [f v1] 0 3]]");
}

TEST_P(StreamReads, NoAckIsForWhatIsNew) {
  run("xreadgroup group g c count 1 streams s >");
  store.advance_ms(10);
  EXPECT_EQ(claim("d", "10 noack count 3"),
            "[[1-0 [f v1] 10 1] [2-0 [f v2] 0 0] [3-0 [f v3] 0 0]]");
  EXPECT_EQ(pending(), "[[1-0 d 0 2]]");
}

TEST_P(StreamReads, WhatIsAcknowledgedOrGoneIsNotClaimed) {
  run("xreadgroup group g c streams s >");
  store.advance_ms(100);
  run("xack s g 1");
  run("xdel s 2 4");
  EXPECT_EQ(claim("d", "50"), "[[3-0 [f v3] 100 1] [5-0 [f v5] 100 1]]");
  // As with XAUTOCLAIM, what is gone from the stream is pending no more.
  EXPECT_EQ(pending(), "[[3-0 d 0 2] [5-0 d 0 2]]");
  store.advance_ms(100);
  run("xtrim s maxlen 0");
  EXPECT_EQ(claim("d", "101"), "nil-array");
  EXPECT_EQ(run("xpending s g"), "[2 3-0 5-0 [[d 2]]]");
  EXPECT_EQ(claim("e", "100"), "nil-array");
  EXPECT_EQ(store.events(), " s");
  EXPECT_EQ(run("xpending s g"), "[0 nil nil nil-array]");
  EXPECT_EQ(run("xinfo consumers s g"),
            "[[name c pending 0 idle 200 inactive 200] [name d pending 0 idle 0 inactive 100]]");
}

TEST_P(StreamReads, MillionsOfGoneEntriesAreForgottenByAndBy) {
  for (int i = 6; i <= 10'000; ++i) {
    run("xadd s " + std::to_string(i) + "-0 f v");
  }
  run("xreadgroup group g c streams s >");
  run("xtrim s maxlen 1");
  EXPECT_EQ(claim("d", "0"), "nil-array");
  EXPECT_EQ(claim("d", "0"), "nil-array");
  EXPECT_EQ(claim("d", "0"), "[[10000-0 [f v] 0 1]]");
  EXPECT_EQ(pending(), "[[10000-0 d 0 2]]");
}

TEST_P(StreamReads, GroupsAndConsumersThatGo) {
  run("xreadgroup group g c count 2 streams s >");
  EXPECT_EQ(claim("d", "0 count 1"), "[[1-0 [f v1] 0 1]]");
  run("xgroup delconsumer s g c");
  EXPECT_EQ(claim("d", "0 count 2"), "[[1-0 [f v1] 0 2] [3-0 [f v3] 0 0]]");
  run("xgroup setid s g 0");
  EXPECT_EQ(claim("d", "0 count 3"), "[[1-0 [f v1] 0 3] [3-0 [f v3] 0 1] [1-0 [f v1] 0 0]]");
  EXPECT_EQ(pending(), "[[1-0 d 0 1] [3-0 d 0 2]]");
  // A copy has an order of its own.
  run("copy s {s}2");
  run("xack s g 1 3");
  EXPECT_EQ(run("xreadgroup group g e claim 0 count 1 streams {s}2 >"),
            "[[{s}2 [[1-0 [f v1] 0 1]]]]");
  EXPECT_EQ(claim("d", "0 count 1"), "[[2-0 [f v2] 0 0]]");
}

TEST_P(StreamReads, ClaimsFromSeveralStreams) {
  add("{s}2", 6, 8);
  run("xgroup create {s}2 g 0");
  run("xreadgroup group g c count 1 streams s {s}2 > >");
  store.advance_ms(5);
  // COUNT is for each of them; CLAIM is not for a history.
  EXPECT_EQ(run("xreadgroup group g d claim 5 count 2 streams s {s}2 > >"),
            "[[s [[1-0 [f v1] 5 1] [2-0 [f v2] 0 0]]] [{s}2 [[6-0 [f v6] 5 1] [7-0 [f v7] 0 0]]]]");
  EXPECT_EQ(run("xreadgroup group g d claim 5 count 1 streams s {s}2 0 >"),
            "[[s [[1-0 [f v1]]]] [{s}2 [[8-0 [f v8] 0 0]]]]");
  EXPECT_EQ(run("xreadgroup group g d claim 5 count 1 streams {s}2 s > >"),
            "[[s [[3-0 [f v3] 0 0]]]]");
  // One that comes twice claims once, and reads on.
  store.advance_ms(5);
  EXPECT_EQ(run("xreadgroup group g e claim 5 count 4 streams s s s > > >"),
            "[[s [[1-0 [f v1] 5 3] [2-0 [f v2] 5 1] [3-0 [f v3] 5 1] [4-0 [f v4] 0 0]]] "
            "[s [[5-0 [f v5] 0 0]]]]");
}

TEST_P(StreamReads, ClaimChecksItsArguments) {
  for (const std::string bad : {"test", "5.5", "10e", "+10", "-0", "-5.5", "(1", ""}) {
    EXPECT_EQ(reply_text(store.run_args({"xreadgroup", "group", "g", "c", "claim", bad, "streams",
                                         "s", ">"})),
              "-ERR min-idle-time is not an integer")
        << bad;
  }
  EXPECT_EQ(claim("c", "-1"), "-ERR min-idle-time must be a positive integer");
  EXPECT_EQ(claim("c", "10 claim count 1"), "-ERR min-idle-time is not an integer");
  EXPECT_EQ(run("xreadgroup claim group g c count 1 streams s >"),
            "-ERR min-idle-time is not an integer");
  EXPECT_EQ(run("xreadgroup group g claim 50 c streams s >"), "-ERR syntax error");
  EXPECT_EQ(run("xreadgroup group nope c claim 50 streams s >"),
            "-NOGROUP No such key 's' or consumer group 'nope' in XREADGROUP with GROUP option");
  EXPECT_EQ(run("xread count 2 claim 10 streams s 0-0"),
            "-ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.");
  EXPECT_EQ(run("xpending s g"), "[0 nil nil nil-array]");
}

}  // namespace
}  // namespace pollux
