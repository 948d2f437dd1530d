// Groups of streams. Expected replies were taken from redis-server 7.0.15, but for XDELEX, XACKDEL
// and the words for references, which follow the documentation of 8.2.
#include <gtest/gtest.h>

#include <string>

#include "src/commands/reply_text.h"
#include "src/commands/test_store.h"

namespace pollux {
namespace {

constexpr const char* kNoGroup = "-NOGROUP No such key 's' or consumer group 'nope'";

class StreamGroups : public testing::TestWithParam<int> {
 protected:
  StreamGroups() {
    for (int i = 1; i <= 5; ++i) {
      run("xadd s " + std::to_string(i) + "-0 f v" + std::to_string(i));
    }
    run("xgroup create s g 0");
  }
  std::string run(std::string_view line) { return reply_text(store.run(line)); }
  std::string length() { return run("xlen s"); }

  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, StreamGroups, testing::Values(1, 4));

TEST_P(StreamGroups, CreateAndDestroy) {
  EXPECT_EQ(run("xgroup create s g 0"), "-BUSYGROUP Consumer Group name already exists");
  EXPECT_EQ(run("xgroup create s h $"), "OK");
  EXPECT_EQ(store.events(), "xgroup-create s");
  EXPECT_EQ(run("xgroup create n h $").substr(0, 55),
            "-ERR The XGROUP subcommand requires the key to exist. N");
  EXPECT_EQ(run("xgroup create n h $ mkstream"), "OK");
  EXPECT_EQ(run("xlen n"), "0");
  EXPECT_EQ(run("xgroup create s i 0 entriesread -2"),
            "-ERR value for ENTRIESREAD must be positive or -1");
  EXPECT_EQ(run("xgroup create s i 0 foo"),
            "-ERR unknown subcommand or wrong number of arguments for 'create'. Try XGROUP HELP.");
  EXPECT_EQ(run("xgroup destroy s h"), "1");
  EXPECT_EQ(store.events(), "xgroup-destroy s");
  EXPECT_EQ(run("xgroup destroy s h"), "0");
  EXPECT_EQ(store.events(), "");
}

TEST_P(StreamGroups, Consumers) {
  EXPECT_EQ(run("xgroup createconsumer s g c"), "1");
  EXPECT_EQ(store.events(), "xgroup-createconsumer s");
  EXPECT_EQ(run("xgroup createconsumer s g c"), "0");
  EXPECT_EQ(run("xgroup createconsumer s nope c"),
            "-NOGROUP No such consumer group 'nope' for key name 's'");
  run("xreadgroup group g c count 3 streams s >");
  EXPECT_EQ(run("xgroup delconsumer s g c"), "3");
  EXPECT_EQ(store.events(), "xgroup-delconsumer s");
  EXPECT_EQ(run("xpending s g"), "[0 nil nil nil-array]");
  EXPECT_EQ(run("xgroup delconsumer s g c"), "0");
}

TEST_P(StreamGroups, Read) {
  EXPECT_EQ(run("xreadgroup group g c count 2 streams s >"), "[[s [[1-0 [f v1]] [2-0 [f v2]]]]]");
  EXPECT_EQ(store.events(), "xgroup-createconsumer s,  s");
  EXPECT_EQ(run("xreadgroup group g d count 1 streams s >"), "[[s [[3-0 [f v3]]]]]");
  EXPECT_EQ(run("xreadgroup group g c noack streams s >"), "[[s [[4-0 [f v4]] [5-0 [f v5]]]]]");
  EXPECT_EQ(run("xreadgroup group g c streams s >"), "nil-array");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(run("xpending s g"), "[3 1-0 3-0 [[c 2] [d 1]]]");
  EXPECT_EQ(run("xreadgroup group nope c streams s >"),
            std::string(kNoGroup) + " in XREADGROUP with GROUP option");
  EXPECT_EQ(run("xreadgroup noack noack noack streams s >"),
            "-ERR Missing GROUP option for XREADGROUP");
}

// It goes round as in redis-server, and is no undefined behavior.
TEST_P(StreamGroups, ReadCountsOfTheGreatestNumberGoRound) {
  EXPECT_EQ(run("xgroup create s h 0 entriesread 9223372036854775807"), "OK");
  run("xreadgroup group h c count 1 streams s >");
  EXPECT_EQ(run("xinfo groups s").substr(0, 4), "[[na");
  EXPECT_EQ(run("xgroup setid s h 0 entriesread 9223372036854775807"), "OK");
  EXPECT_EQ(run("xinfo groups s").substr(0, 4), "[[na");
}

TEST_P(StreamGroups, History) {
  run("xreadgroup group g c count 3 streams s >");
  run("xdel s 2");
  EXPECT_EQ(run("xreadgroup group g c streams s 0"),
            "[[s [[1-0 [f v1]] [2-0 nil-array] [3-0 [f v3]]]]]");
  EXPECT_EQ(run("xreadgroup group g c count 1 streams s 1"), "[[s [[2-0 nil-array]]]]");
  EXPECT_EQ(run("xpending s g - + 10"), "[[1-0 c 0 2] [2-0 c 0 1] [3-0 c 0 2]]");
  EXPECT_EQ(run("xreadgroup group g other streams s 0"), "[[s []]]");
}

// A stream that comes twice is served twice, the second time with what the first has left.
TEST_P(StreamGroups, OneStreamTwiceInARequest) {
  EXPECT_EQ(run("xreadgroup group g c count 2 streams s s s s > > > >"),
            "[[s [[1-0 [f v1]] [2-0 [f v2]]]] [s [[3-0 [f v3]] [4-0 [f v4]]]] [s [[5-0 [f v5]]]]]");
}

// An id that is set back is delivered again, and then pending with whoever got it last.
TEST_P(StreamGroups, SetId) {
  run("xreadgroup group g c streams s >");
  EXPECT_EQ(run("xgroup setid s g 3"), "OK");
  EXPECT_EQ(store.events(), "xgroup-setid s");
  EXPECT_EQ(run("xreadgroup group g d streams s >"), "[[s [[4-0 [f v4]] [5-0 [f v5]]]]]");
  EXPECT_EQ(run("xpending s g"), "[5 1-0 5-0 [[c 3] [d 2]]]");
  EXPECT_EQ(run("xgroup setid s g -"), "OK");
  EXPECT_EQ(run("xgroup setid s g $ entriesread 5"), "OK");
  EXPECT_EQ(run("xgroup setid s g x"),
            "-ERR Invalid stream ID specified as stream command argument");
}

TEST_P(StreamGroups, Acknowledge) {
  run("xreadgroup group g c streams s >");
  EXPECT_EQ(run("xack s g 1 2-0 9"), "2");
  EXPECT_EQ(run("xack s g 1"), "0");
  EXPECT_EQ(run("xack s g 3 x"), "-ERR Invalid stream ID specified as stream command argument");
  EXPECT_EQ(run("xack s nope x"), "0");
  EXPECT_EQ(run("xpending s g"), "[3 3-0 5-0 [[c 3]]]");
}

TEST_P(StreamGroups, Pending) {
  run("xreadgroup group g c count 2 streams s >");
  store.advance_ms(100);
  run("xreadgroup group g d count 2 streams s >");
  EXPECT_EQ(run("xpending s g - + 10"),
            "[[1-0 c 100 1] [2-0 c 100 1] [3-0 d 0 1] [4-0 d 0 1]]");
  EXPECT_EQ(run("xpending s g (1 3 1"), "[[2-0 c 100 1]]");
  EXPECT_EQ(run("xpending s g - + 10 d"), "[[3-0 d 0 1] [4-0 d 0 1]]");
  EXPECT_EQ(run("xpending s g - + 10 nope"), "[]");
  EXPECT_EQ(run("xpending s g - + 0"), "[]");
  EXPECT_EQ(run("xpending s g idle 50 - + 10"), "[[1-0 c 100 1] [2-0 c 100 1]]");
  EXPECT_EQ(run("xpending s g idle 101 - + 10"), "[]");
  EXPECT_EQ(run("xpending s g idle 1 - +"), "-ERR syntax error");
  EXPECT_EQ(run("xpending s g -"), "-ERR syntax error");
  EXPECT_EQ(run("xpending s nope"), kNoGroup);
}

TEST_P(StreamGroups, Claim) {
  run("xreadgroup group g c count 3 streams s >");
  store.advance_ms(100);
  run("xdel s 3");
  EXPECT_EQ(run("xclaim s g d 200 1"), "[]");
  EXPECT_EQ(run("xclaim s g d 50 1 1 2 3 4"), "[[1-0 [f v1]] [2-0 [f v2]]]");
  EXPECT_EQ(store.events(), "xgroup-createconsumer s,  s");
  // 3 is gone from the stream, so it is pending no more.
  EXPECT_EQ(run("xpending s g - + 10"), "[[1-0 d 0 2] [2-0 d 0 2]]");
  EXPECT_EQ(run("xclaim s g c 0 1 justid idle 70 retrycount 9"), "[1-0]");
  EXPECT_EQ(run("xclaim s g c 0 4 force"), "[[4-0 [f v4]]]");
  EXPECT_EQ(run("xpending s g - + 10"), "[[1-0 c 70 9] [2-0 d 0 2] [4-0 c 0 2]]");
  EXPECT_EQ(run("xclaim s g c 0 9 force"), "[]");
  EXPECT_EQ(run("xclaim s g c 0 1 lastid 5 time 99999999999999"), "[[1-0 [f v1]]]");
  EXPECT_EQ(run("xreadgroup group g c streams s >"), "nil-array");
  EXPECT_EQ(run("xclaim s g c 0 1 foo"), "-ERR Unrecognized XCLAIM option 'foo'");
  EXPECT_EQ(run("xclaim s g c x 1"), "-ERR Invalid min-idle-time argument for XCLAIM");
  EXPECT_EQ(run("xclaim s nope c 0 1"), kNoGroup);
}

TEST_P(StreamGroups, AutoClaim) {
  run("xreadgroup group g c streams s >");
  store.advance_ms(100);
  run("xdel s 2");
  run("xclaim s g c 0 1");
  EXPECT_EQ(run("xautoclaim s g d 50 - count 2"), "[4-0 [[3-0 [f v3]]] [2-0]]");
  EXPECT_EQ(run("xautoclaim s g d 50 4-0 justid"), "[0-0 [4-0 5-0] []]");
  EXPECT_EQ(run("xpending s g - + 10"),
            "[[1-0 c 0 2] [3-0 d 0 2] [4-0 d 0 1] [5-0 d 0 1]]");
  EXPECT_EQ(run("xautoclaim s g d 0 (5 count 0"), "-ERR COUNT must be > 0");
  EXPECT_EQ(run("xautoclaim s nope d 0 0"), kNoGroup);
}

TEST_P(StreamGroups, Info) {
  run("xreadgroup group g c count 2 streams s >");
  run("xgroup createconsumer s g a");
  EXPECT_EQ(run("xinfo groups s"), "[[name g consumers 2 pending 2 last-delivered-id 2-0 "
                                   "entries-read 2 lag 3]]");
  store.advance_ms(30);
  EXPECT_EQ(run("xinfo consumers s g"),
            "[[name a pending 0 idle 30 inactive -1] [name c pending 2 idle 30 inactive 30]]");
  EXPECT_EQ(run("xinfo stream s"),
            "[length 5 radix-tree-keys 1 radix-tree-nodes 1 last-generated-id 5-0 "
            "max-deleted-entry-id 0-0 entries-added 5 recorded-first-entry-id 1-0 groups 1 "
            "first-entry [1-0 [f v1]] last-entry [5-0 [f v5]]]");
  store.set_protocol(3);
  const std::string at = std::to_string(store.now_ms() - 30);
  EXPECT_EQ(run("xinfo stream s full count 1"),
            "{length 5 radix-tree-keys 1 radix-tree-nodes 1 last-generated-id 5-0 "
            "max-deleted-entry-id 0-0 entries-added 5 recorded-first-entry-id 1-0 "
            "entries [[1-0 [f v1]]] groups [{name g last-delivered-id 2-0 entries-read 2 lag 3 "
            "pel-count 2 pending [[1-0 c " + at + " 1]] consumers [{name a seen-time " + at +
            " active-time -1 pel-count 0 pending []} {name c seen-time " + at + " active-time " +
            at + " pel-count 2 pending [[1-0 " + at + " 1]]}]}]}");
  EXPECT_EQ(run("xinfo groups nope"), "-ERR no such key");
  EXPECT_EQ(run("xinfo stream s foo"),
            "-ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.");
}

// --- beyond 7.0 ---

// idle: since it last asked; inactive: since it last got an entry to acknowledge (Redis 7.2).
TEST_P(StreamGroups, ConsumersThatGetNothingAreSeen) {
  const auto times = [this] {
    std::string info = run("xinfo consumers s g");
    std::string out;
    for (const std::string_view name : {"name ", " idle ", " inactive "}) {
      const size_t at = info.find(name) + name.size();
      out += info.substr(at, info.find_first_of(" ]", at) - at) + " ";
    }
    store.advance_ms(10);
    return out;
  };
  run("xgroup createconsumer s g c");
  EXPECT_EQ(times(), "c 0 -1 ");
  EXPECT_EQ(times(), "c 10 -1 ");
  // What the history has, or what is not to be acknowledged, is no success.
  run("xreadgroup group g c streams s 0");
  EXPECT_EQ(times(), "c 0 -1 ");
  run("xreadgroup group g c noack count 1 streams s >");
  EXPECT_EQ(times(), "c 0 -1 ");
  run("xreadgroup group g c count 1 streams s >");
  EXPECT_EQ(times(), "c 0 0 ");
  run("xreadgroup group g c streams s 0");
  EXPECT_EQ(times(), "c 0 10 ");
  run("xclaim s g c 1000 2");
  EXPECT_EQ(times(), "c 0 20 ");
  run("xautoclaim s g c 1000 0");
  EXPECT_EQ(times(), "c 0 30 ");
  run("xclaim s g c 0 2");
  EXPECT_EQ(times(), "c 0 0 ");
  EXPECT_EQ(times(), "c 10 10 ");
  run("xautoclaim s g c 0 0");
  EXPECT_EQ(times(), "c 0 0 ");
  run("xreadgroup group g c count 3 streams s >");
  EXPECT_EQ(times(), "c 0 0 ");
  // There is nothing more, and then only in one of two streams.
  EXPECT_EQ(run("xreadgroup group g c streams s >"), "nil-array");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(times(), "c 0 10 ");
  run("xgroup create t g 0 mkstream");
  run("xadd t 1 f v");
  run("xreadgroup group g c streams s t > >");
  EXPECT_EQ(times(), "c 0 20 ");
  run("xreadgroup group g c claim 0 streams s >");
  EXPECT_EQ(times(), "c 0 0 ");
  // As in Redis 7.0, who gets nothing is not made.
  for (const char* ask : {"xreadgroup group g d streams s >", "xclaim s g d 9000 2",
                          "xautoclaim s g d 9000 0"}) {
    run(ask);
    EXPECT_EQ(run("xgroup delconsumer s g d"), "0");
    EXPECT_EQ(times().substr(0, 2), "c ");
  }
}

TEST_P(StreamGroups, DeleteEx) {
  run("xreadgroup group g c count 2 streams s >");
  run("xack s g 1");
  // 1 is acknowledged, 2 is pending, 3 not read.
  EXPECT_EQ(run("xdelex s acked ids 4 1 2 3 9"), "[1 2 2 -1]");
  EXPECT_EQ(store.events(), "xdel s");
  EXPECT_EQ(run("xdelex s delref ids 1 2"), "[1]");
  EXPECT_EQ(run("xpending s g"), "[0 nil nil nil-array]");
  run("xreadgroup group g c streams s >");
  EXPECT_EQ(run("xdelex s ids 1 3 keepref"), "[1]");
  EXPECT_EQ(run("xpending s g"), "[3 3-0 5-0 [[c 3]]]");
  // What is left of an entry that is gone goes as well.
  EXPECT_EQ(run("xdelex s delref ids 1 3"), "[-1]");
  EXPECT_EQ(run("xpending s g"), "[2 4-0 5-0 [[c 2]]]");
  EXPECT_EQ(run("xdelex nope ids 2 1 2"), "[-1 -1]");
  run("xgroup destroy s g");
  EXPECT_EQ(run("xdelex s acked ids 2 4 5"), "[1 1]");
}

TEST_P(StreamGroups, DeleteExChecksItsArguments) {
  for (const char* n : {"x", "0", "-5"}) {
    EXPECT_EQ(run("xdelex s ids " + std::string(n) + " 1"),
              "-ERR Number of IDs must be a positive integer");
  }
  EXPECT_EQ(run("xdelex s ids 3 1 2"),
            "-ERR The `numids` parameter must match the number of arguments");
  EXPECT_EQ(run("xdelex s ids 1 1 2"), "-ERR syntax error");
  EXPECT_EQ(run("xdelex s keepref acked ids 1 1"), "-ERR syntax error");
  EXPECT_EQ(run("xdelex s acked acked acked"), "-ERR syntax error");
  EXPECT_EQ(run("xdelex s ids 1 x"),
            "-ERR Invalid stream ID specified as stream command argument");
  EXPECT_EQ(length(), "5");
}

TEST_P(StreamGroups, AcknowledgeAndDelete) {
  run("xgroup create s h 0");
  run("xreadgroup group g c streams s >");
  run("xreadgroup group h c streams s >");
  EXPECT_EQ(run("xackdel s g acked ids 2 1 2"), "[2 2]");
  EXPECT_EQ(length(), "5");
  EXPECT_EQ(run("xackdel s h acked ids 2 1 2"), "[1 1]");
  EXPECT_EQ(length(), "3");
  EXPECT_EQ(run("xackdel s g ids 1 3"), "[1]");
  // The other group still holds it, and the entry is gone.
  EXPECT_EQ(run("xackdel s h ids 2 3 3"), "[1 -1]");
  EXPECT_EQ(run("xackdel s g delref ids 1 4"), "[1]");
  EXPECT_EQ(run("xpending s h"), "[1 5-0 5-0 [[c 1]]]");
  EXPECT_EQ(run("xackdel s nope ids 1 5"), "[-1]");
}

TEST_P(StreamGroups, TrimsMindReferences) {
  run("xreadgroup group g c count 3 streams s >");
  run("xack s g 2");
  EXPECT_EQ(run("xtrim s maxlen 0 acked"), "1");
  EXPECT_EQ(length(), "4");
  EXPECT_EQ(run("xtrim s delref minid 4"), "2");
  EXPECT_EQ(run("xpending s g"), "[0 nil nil nil-array]");
  EXPECT_EQ(run("xadd s acked maxlen 0 6-0 f v"), "6-0");
  EXPECT_EQ(length(), "3");
  EXPECT_EQ(run("xadd s maxlen 1 7-0 f v"), "7-0");
  EXPECT_EQ(length(), "1");
  EXPECT_EQ(run("xtrim s maxlen 0 acked acked"), "-ERR syntax error");
}

// Those of what XDEL took, which keeps them, stay however entries lie in blocks.
TEST_P(StreamGroups, TrimsForgetReferencesOfWhatTheyTrim) {
  run("xreadgroup group g c count 3 streams s >");
  run("xdel s 1");
  EXPECT_EQ(run("xtrim s delref maxlen 1"), "3");
  EXPECT_EQ(run("xpending s g"), "[1 1-0 1-0 [[c 1]]]");
}

// What goes from between entries that stay leaves a gap, as what XDEL takes; the first ones don't.
TEST_P(StreamGroups, TrimsThatLeaveGapsSaySo) {
  run("xreadgroup group g c count 3 streams s >");
  const auto greatest_deleted = [this] {
    const std::string info = run("xinfo stream s");
    const std::string_view name = "max-deleted-entry-id ";
    const size_t at = info.find(name) + name.size();
    return info.substr(at, info.find(' ', at) - at);
  };
  run("xack s g 1");
  EXPECT_EQ(run("xtrim s maxlen 0 acked"), "1");
  EXPECT_EQ(greatest_deleted(), "0-0");
  run("xack s g 3");
  EXPECT_EQ(run("xtrim s maxlen 0 acked"), "1");
  EXPECT_EQ(greatest_deleted(), "3-0");
}

}  // namespace
}  // namespace pollux
