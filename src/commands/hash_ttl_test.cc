// Replies, sentences and events are those that Redis 7.4 and 8.0 document.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const std::string kNoFields =
    "-ERR Mandatory argument FIELDS is missing or not at the right position\r\n";
const std::string kNotAll =
    "-ERR The `numfields` parameter must match the number of arguments\r\n";

std::string ints(std::initializer_list<int64_t> values) {
  std::string text = "*" + std::to_string(values.size()) + "\r\n";
  for (const int64_t value : values) {
    text += ":" + std::to_string(value) + "\r\n";
  }
  return text;
}

// All of it in the small and in the large form.
class HashTtl : public testing::TestWithParam<bool> {
 protected:
  HashTtl() {
    if (GetParam()) {
      store_.config().encoding.hash_listpack_entries = 0;
    }
  }
  std::string run(std::string_view line) { return store_.run(line); }
  const std::string& events() { return store_.events(); }
  std::string encoding() { return run("object encoding h"); }

  TestStore store_;
};
INSTANTIATE_TEST_SUITE_P(Forms, HashTtl, testing::Bool(),
                         [](const auto& of) { return of.param ? "Large" : "Small"; });

TEST_P(HashTtl, FieldsEndAtTheirTime) {
  run("hset h a 1 b 2 c 3");
  EXPECT_EQ(run("hpexpire h 100 FIELDS 2 a none"), ints({1, -2}));
  EXPECT_EQ(events(), "hexpire h");
  EXPECT_EQ(encoding(), GetParam() ? "$9\r\nhashtable\r\n" : "$10\r\nlistpackex\r\n");
  EXPECT_EQ(run("hpttl h FIELDS 3 a b none"), ints({100, -1, -2}));
  EXPECT_EQ(run("httl h FIELDS 1 a"), ints({1}));
  EXPECT_EQ(run("hpexpiretime h FIELDS 1 a"), ints({1'700'000'000'100}));
  EXPECT_EQ(run("hexpiretime h FIELDS 1 a"), ints({1'700'000'001}));
  store_.advance_ms(100);
  EXPECT_EQ(run("hget h a"), "$1\r\n1\r\n");  // its last millisecond
  EXPECT_EQ(run("hpttl h FIELDS 1 a"), ints({0}));
  store_.advance_ms(1);
  EXPECT_EQ(run("hlen h"), ":2\r\n");
  EXPECT_EQ(events(), "hexpired h");
  EXPECT_EQ(run("hget h a"), "$-1\r\n");
  EXPECT_EQ(events(), "");
  EXPECT_EQ(run("hpttl h FIELDS 1 a"), ints({-2}));
  EXPECT_EQ(run("hexists h a"), ":0\r\n");
  EXPECT_EQ(run("hget h b"), "$1\r\n2\r\n");
}

TEST_P(HashTtl, EveryCommandSeesThatAFieldHasEnded) {
  const std::map<std::string, std::string> replies = {
      {"hget h a", "$-1\r\n"},
      {"hmget h a b", "*2\r\n$-1\r\n$1\r\n2\r\n"},
      {"hlen h", ":1\r\n"},
      {"hexists h a", ":0\r\n"},
      {"hstrlen h a", ":0\r\n"},
      {"hgetall h", "*2\r\n$1\r\nb\r\n$1\r\n2\r\n"},
      {"hkeys h", "*1\r\n$1\r\nb\r\n"},
      {"hvals h", "*1\r\n$1\r\n2\r\n"},
      {"hscan h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"},
      {"hscan h 0 NOVALUES", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"},
      {"hrandfield h", "$1\r\nb\r\n"},
      {"hrandfield h 5", "*1\r\n$1\r\nb\r\n"},
      {"hrandfield h -2", "*2\r\n$1\r\nb\r\n$1\r\nb\r\n"},
      {"hincrby h a 5", ":5\r\n"},
      {"hincrbyfloat h a 0.5", "$3\r\n0.5\r\n"},
      {"hsetnx h a 7", ":1\r\n"},
      {"hset h a 7", ":1\r\n"},
      {"hdel h a", ":0\r\n"},
      {"hpersist h FIELDS 1 a", ints({-2})},
      {"hpexpire h 10 FIELDS 1 a", ints({-2})},
      {"hgetdel h FIELDS 1 a", "*1\r\n$-1\r\n"},
      {"hgetex h PX 10 FIELDS 1 a", "*1\r\n$-1\r\n"},
      {"hsetex h FXX FIELDS 1 a 1", ":0\r\n"},
      {"hsetex h FNX FIELDS 1 a 1", ":1\r\n"},
  };
  for (const auto& [command, reply] : replies) {
    run("del h");
    run("hset h a 1 b 2");
    run("hpexpire h 10 FIELDS 1 a");
    store_.advance_ms(11);
    EXPECT_EQ(run(command), reply) << command;
    EXPECT_EQ(run("hpttl h FIELDS 2 a b").substr(0, 5), "*2\r\n:") << command;
    EXPECT_EQ(events().find("hexpired"), std::string::npos) << command;
    EXPECT_EQ(run("hget h b"), "$1\r\n2\r\n") << command;
  }
}

TEST_P(HashTtl, TheLastFieldTakesTheKeyAlong) {
  for (const char* command :
       {"exists h", "hlen h", "type h", "hset h c 3", "get h", "rename h g"}) {
    run("del h");
    run("hset h a 1 b 2");
    run("hpexpire h 10 FIELDS 2 a b");
    store_.advance_ms(11);
    run(command);
    EXPECT_EQ(events().substr(0, 17), "hexpired h, del h") << command;
    EXPECT_EQ(run("hget h a"), "$-1\r\n");
  }
}

TEST_P(HashTtl, Conditions) {
  run("hset h a 1 b 2");
  EXPECT_EQ(run("hpexpire h 100 XX FIELDS 1 a"), ints({0}));
  EXPECT_EQ(run("hpexpire h 100 GT FIELDS 1 a"), ints({0}));
  EXPECT_EQ(events(), "");
  EXPECT_EQ(run("hpexpire h 100 LT FIELDS 1 a"), ints({1}));
  EXPECT_EQ(run("hpexpire h 100 nx FIELDS 2 a b"), ints({0, 1}));
  EXPECT_EQ(run("hpexpire h 50 GT FIELDS 1 a"), ints({0}));
  EXPECT_EQ(run("hpexpire h 100 GT FIELDS 1 a"), ints({0}));
  EXPECT_EQ(run("hpexpire h 200 GT FIELDS 1 a"), ints({1}));
  EXPECT_EQ(run("hpexpire h 200 LT FIELDS 1 a"), ints({0}));
  EXPECT_EQ(run("hpexpire h 150 LT FIELDS 1 a"), ints({1}));
  EXPECT_EQ(run("hpexpire h 170 XX FIELDS 1 a"), ints({1}));
  EXPECT_EQ(run("hpttl h FIELDS 2 a b"), ints({170, 100}));
  EXPECT_EQ(run("hexpire h 5 FIELDS 1 a"), ints({1}));
  EXPECT_EQ(run("hexpireat h 1700000009 FIELDS 1 b"), ints({1}));
  EXPECT_EQ(run("hpttl h FIELDS 2 a b"), ints({5000, 9000}));
}

TEST_P(HashTtl, ATimeInThePastDeletes) {
  run("hset h a 1 b 2 c 3");
  EXPECT_EQ(run("hpexpireat h 1 FIELDS 2 a none"), ints({2, -2}));
  EXPECT_EQ(events(), "hdel h");
  EXPECT_EQ(run("hexpire h 0 FIELDS 1 b"), ints({2}));
  EXPECT_EQ(run("hpexpireat h 1 GT FIELDS 1 c"), ints({0}));
  EXPECT_EQ(run("hexpire h 0 FIELDS 2 c c"), ints({2, -2}));
  EXPECT_EQ(events(), "hdel h, del h");
  EXPECT_EQ(run("exists h"), ":0\r\n");
  EXPECT_EQ(run("hexpire h 0 FIELDS 2 c c"), ints({-2, -2}));
}

TEST_P(HashTtl, WhatClearsATtlAndWhatKeepsIt) {
  const auto ttl_behind = [this](const char* command) {
    run("del h");
    run("hset h a 1 b 2");
    run("hpexpire h 100 FIELDS 1 a");
    run(command);
    return run("hpttl h FIELDS 1 a");
  };
  EXPECT_EQ(ttl_behind("hset h a 2"), ints({-1}));
  EXPECT_EQ(ttl_behind("hmset h a 2"), ints({-1}));
  EXPECT_EQ(ttl_behind("hsetex h FIELDS 1 a 2"), ints({-1}));
  EXPECT_EQ(ttl_behind("hset h b 2"), ints({100}));
  EXPECT_EQ(ttl_behind("hsetnx h a 2"), ints({100}));
  EXPECT_EQ(ttl_behind("hincrby h a 200000"), ints({100}));
  EXPECT_EQ(ttl_behind("hincrbyfloat h a 2.5"), ints({100}));
  EXPECT_EQ(ttl_behind("hsetex h KEEPTTL FIELDS 1 a 2"), ints({100}));
  EXPECT_EQ(ttl_behind("hsetex h PX 50 FIELDS 1 a 2"), ints({50}));
  EXPECT_EQ(ttl_behind("rename h h"), ints({100}));
  EXPECT_EQ(ttl_behind("hdel h a"), ints({-2}));
  const std::string grows = "hset h c " + std::string(70, 'x');
  EXPECT_EQ(ttl_behind(grows.c_str()), ints({100}));
}

TEST_P(HashTtl, Persist) {
  run("hset h a 1 b 2");
  run("hpexpire h 100 FIELDS 1 a");
  EXPECT_EQ(run("hpersist h FIELDS 3 a b none"), ints({1, -1, -2}));
  EXPECT_EQ(events(), "hpersist h");
  EXPECT_EQ(run("hpersist h FIELDS 1 a"), ints({-1}));
  EXPECT_EQ(events(), "");
  EXPECT_EQ(run("hpersist none FIELDS 2 a b"), ints({-2, -2}));
  store_.advance_ms(1000);
  EXPECT_EQ(run("hlen h"), ":2\r\n");
}

TEST_P(HashTtl, Getex) {
  run("hset h a 1 b 2");
  EXPECT_EQ(run("hgetex h FIELDS 2 a none"), "*2\r\n$1\r\n1\r\n$-1\r\n");
  EXPECT_EQ(events(), "");
  EXPECT_EQ(run("hgetex h PX 100 FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(events(), "hexpire h");
  EXPECT_EQ(run("hgetex h EX 7 FIELDS 1 b"), "*1\r\n$1\r\n2\r\n");
  EXPECT_EQ(run("hpttl h FIELDS 2 a b"), ints({100, 7000}));
  EXPECT_EQ(run("hgetex h PERSIST FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(events(), "hpersist h");
  EXPECT_EQ(run("hgetex h PERSIST FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(events(), "");
  EXPECT_EQ(run("hgetex h EXAT 1700000003 FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(run("hgetex h PXAT 1700000004001 FIELDS 1 b"), "*1\r\n$1\r\n2\r\n");
  EXPECT_EQ(run("hpttl h FIELDS 2 a b"), ints({3000, 4001}));
  EXPECT_EQ(run("hgetex h PXAT 1 FIELDS 2 a b"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  EXPECT_EQ(events(), "hdel h, del h");
  EXPECT_EQ(run("hgetex h FIELDS 1 a"), "*1\r\n$-1\r\n");
}

TEST_P(HashTtl, Getdel) {
  run("hset h a 1 b 2 c 3");
  run("hpexpire h 100 FIELDS 1 a");
  EXPECT_EQ(run("hgetdel h FIELDS 3 a none a"), "*3\r\n$1\r\n1\r\n$-1\r\n$-1\r\n");
  EXPECT_EQ(events(), "hdel h");
  EXPECT_EQ(run("hgetdel h FIELDS 1 a"), "*1\r\n$-1\r\n");
  EXPECT_EQ(events(), "");
  EXPECT_EQ(run("hgetdel h FIELDS 2 c b"), "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
  EXPECT_EQ(events(), "hdel h, del h");
  EXPECT_EQ(run("hgetdel none FIELDS 1 b"), "*1\r\n$-1\r\n");
}

TEST_P(HashTtl, Setex) {
  EXPECT_EQ(run("hsetex h FXX FIELDS 1 a 1"), ":0\r\n");
  EXPECT_EQ(run("exists h"), ":0\r\n");
  EXPECT_EQ(run("hsetex h FNX PX 100 FIELDS 2 a 1 b 2"), ":1\r\n");
  EXPECT_EQ(events(), "hset h, hexpire h");
  EXPECT_EQ(run("hpttl h FIELDS 2 a b"), ints({100, 100}));
  EXPECT_EQ(run("hsetex h FNX FIELDS 2 b 5 c 5"), ":0\r\n");
  EXPECT_EQ(run("hsetex h FXX FIELDS 2 b 5 c 5"), ":0\r\n");
  EXPECT_EQ(events(), "");
  EXPECT_EQ(run("hsetex h EX 3 FXX FIELDS 2 a 5 b 6"), ":1\r\n");
  EXPECT_EQ(run("hmget h a b"), "*2\r\n$1\r\n5\r\n$1\r\n6\r\n");
  EXPECT_EQ(run("hpttl h FIELDS 2 a b"), ints({3000, 3000}));
  EXPECT_EQ(run("hsetex h FIELDS 1 a 7"), ":1\r\n");
  EXPECT_EQ(events(), "hset h");
  EXPECT_EQ(run("hsetex h PXAT 5 FIELDS 2 a 1 b 1"), ":1\r\n");
  EXPECT_EQ(events(), "hset h, hdel h, del h");
  EXPECT_EQ(run("exists h"), ":0\r\n");
}

TEST_P(HashTtl, GoesWithTheKey) {
  run("hset h a 1 b 2 c 3");
  run("hpexpire h 100 FIELDS 1 a");
  run("hpexpire h 200 FIELDS 1 b");
  run("expire h 100");
  run("copy h copied");
  run("rename h g");
  EXPECT_EQ(run("hpttl g FIELDS 3 a b c"), ints({100, 200, -1}));
  EXPECT_EQ(run("hpttl copied FIELDS 3 a b c"), ints({100, 200, -1}));
  run("move g 3");
  run("persist copied");
  store_.advance_ms(101);
  EXPECT_EQ(run("hlen copied"), ":2\r\n");
  store_.select(3);
  EXPECT_EQ(run("hlen g"), ":2\r\n");
  EXPECT_EQ(run("pttl g"), ":99899\r\n");
  run("swapdb 3 0");
  store_.select(0);
  store_.advance_ms(100);
  EXPECT_EQ(run("hgetall g"), "*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
  run("set g x");
  run("flushall");
  store_.advance_ms(100);
  EXPECT_EQ(run("dbsize"), ":0\r\n");
}

TEST_P(HashTtl, AnotherValueInItsPlaceHasNoTimer) {
  for (const char* command : {"set h x", "sadd s x", "sunionstore h s", "copy other h REPLACE"}) {
    run("hset h a 1 b 2");
    run("hset other c 1");
    run("hpexpire h 100 FIELDS 1 a");
    run(command);
    store_.advance_ms(101);
    run("exists h");
    EXPECT_EQ(events(), command == std::string("sadd s x") ? "hexpired h" : "") << command;
    run("del h");
  }
}

// The greatest time of a field is 2^46 - 1 ms, whatever the form says it in. What is refused leaves
// the time that there was.
TEST_P(HashTtl, TheGreatestTimeAndTheNextOne) {
  constexpr int64_t kMaxMs = 70'368'744'177'663;
  const int64_t left_ms = kMaxMs - store_.now_ms();
  const struct {
    std::string command, word;
    int64_t greatest;
    int64_t at_ms;
  } forms[] = {
      {"hpexpireat", "pxat", kMaxMs, kMaxMs},
      {"hexpireat", "exat", kMaxMs / 1000, kMaxMs / 1000 * 1000},
      {"hpexpire", "px", left_ms, kMaxMs},
      {"hexpire", "ex", left_ms / 1000, left_ms / 1000 * 1000 + store_.now_ms()},
  };
  for (const auto& form : forms) {
    const std::string time = ints({form.at_ms});
    // No product or sum of these may wrap around into what is accepted.
    for (const int64_t refused : {form.greatest + 1, INT64_MAX / 1000, INT64_MAX / 1000 + 1,
                                  INT64_MAX / 1000 * 2 + 2, INT64_MAX}) {
      run("del h");
      run("hset h a 1");
      const std::string greatest = std::to_string(form.greatest);
      const std::string more = std::to_string(refused);
      EXPECT_EQ(run(form.command + " h " + greatest + " FIELDS 1 a"), ints({1})) << form.command;
      EXPECT_EQ(run(form.command + " h " + more + " FIELDS 1 a"),
                "-ERR invalid expire time in '" + form.command + "' command\r\n");
      EXPECT_EQ(run("hpexpiretime h FIELDS 1 a"), time) << form.command;
      for (const std::string other : {"hgetex", "hsetex"}) {
        const std::string fields = other == "hgetex" ? " FIELDS 1 a" : " FIELDS 1 a 2";
        run("hpersist h FIELDS 1 a");
        run(other + " h " + form.word + " " + greatest + fields);
        EXPECT_EQ(run("hpexpiretime h FIELDS 1 a"), time) << other << form.word;
        EXPECT_EQ(run(other + " h " + form.word + " " + more + fields),
                  "-ERR invalid expire time in '" + other + "' command\r\n");
        EXPECT_EQ(run("hpexpiretime h FIELDS 1 a"), time) << other << form.word;
      }
    }
  }
}

TEST(HashTtlArgs, Sentences) {
  TestStore store;
  store.run("set s x");
  store.run("hset h a 1");
  for (const char* name : {"hexpire", "hpexpire", "hexpireat", "hpexpireat"}) {
    const std::string of = name;
    const std::string positive = "-ERR Parameter `numFields` should be greater than 0\r\n";
    const std::string range = "-ERR invalid expire time in '" + of + "' command\r\n";
    EXPECT_EQ(store.run(of + " s x FIELDS 1 a"), kWrongType);
    EXPECT_EQ(store.run(of + " h 1 FIELDS 1"),
              "-ERR wrong number of arguments for '" + of + "' command\r\n");
    EXPECT_EQ(store.run(of + " h x FIELDS 1 a"),
              "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(store.run(of + " h -1 FIELDS 1 a"), "-ERR invalid expire time, must be >= 0\r\n");
    EXPECT_EQ(store.run(of + " h 70368744177664 FIELDS 1 a"), range);
    EXPECT_EQ(store.run(of + " h 9223372036854775807 FIELDS 1 a"), range);
    EXPECT_EQ(store.run(of + " h 1 FIELD 1 a"), kNoFields);
    EXPECT_EQ(store.run(of + " h 1 NX XX FIELDS 1 a"), kNoFields);
    EXPECT_EQ(store.run(of + " h 1 FIELDS 0 a"), positive);
    EXPECT_EQ(store.run(of + " h 1 FIELDS x a"), positive);
    EXPECT_EQ(store.run(of + " h 1 NX FIELDS 1"), kNotAll);
    EXPECT_EQ(store.run(of + " h 1 FIELDS 2 a"), kNotAll);
    EXPECT_EQ(store.run(of + " h 1 FIELDS 1 a b"), kNotAll);
    EXPECT_EQ(store.run(of + " none 1 FIELDS 2 a b"), ints({-2, -2}));
  }
  EXPECT_EQ(store.run("hpexpireat h 70368744177663 FIELDS 1 a"), ints({1}));
  for (const char* name : {"httl", "hpttl", "hexpiretime", "hpexpiretime", "hpersist"}) {
    const std::string of = name;
    EXPECT_EQ(store.run(of + " s FIELDS 1 a"), kWrongType);
    EXPECT_EQ(store.run(of + " h FIELD 1 a"), kNoFields);
    EXPECT_EQ(store.run(of + " h FIELDS 0 a"),
              "-ERR Number of fields must be a positive integer\r\n");
    EXPECT_EQ(store.run(of + " h FIELDS 1 a b"), kNotAll);
    EXPECT_EQ(store.run(of + " none FIELDS 1 a"), ints({-2}));
  }
}

TEST(HashTtlArgs, SentencesOfTheOthers) {
  TestStore store;
  store.run("set s x");
  store.run("hset h a 1");
  EXPECT_EQ(store.run("hgetex s FIELDS 1 a"), kWrongType);
  EXPECT_EQ(store.run("hgetex h EX 10 FIELDS"),
            "-ERR Number of fields must be a positive integer\r\n");
  EXPECT_EQ(store.run("hgetex h EX 10 NO 1 a"), kNoFields);
  EXPECT_EQ(store.run("hgetex h EX x FIELDS 1 a"),
            "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(store.run("hgetex h PERSIST FIELDS 1"), kNotAll);
  EXPECT_EQ(store.run("hgetdel s FIELDS 1 a"), kWrongType);
  EXPECT_EQ(store.run("hgetdel h FIELDS 2 a"), kNotAll);

  const std::string arity = "-ERR wrong number of arguments for 'hsetex' command\r\n";
  EXPECT_EQ(store.run("hsetex s FIELDS 1 a 1"), kWrongType);
  EXPECT_EQ(store.run("hsetex h EX 10 FIELDS 1"), arity);
  EXPECT_EQ(store.run("hsetex h FIELDS 2 a 1"), arity);
  EXPECT_EQ(store.run("hsetex h FIELDS 1 a 1 b"), arity);
  EXPECT_EQ(store.run("hsetex h FIELDS 0 a 1"), "-ERR invalid number of fields\r\n");
  EXPECT_EQ(store.run("hsetex h EX 1 KEEPTTL FIELDS 1 a 1"),
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified\r\n");
  EXPECT_EQ(store.run("hsetex h FNX FXX FIELDS 1 a 1"),
            "-ERR Only one of FXX or FNX arguments can be specified\r\n");
  EXPECT_EQ(store.run("hsetex h FNX KEEPTTL FNY a EX"), "-ERR unknown argument: FNY\r\n");
  EXPECT_EQ(store.run("hsetex h FNX EX 1 FNX EX"),
            "-ERR Only one of FXX or FNX arguments can be specified\r\n");
  EXPECT_EQ(store.run("hsetex h FNX KEEPTTL EX EX"),
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified\r\n");
  EXPECT_EQ(store.run("hget h a"), "$1\r\n1\r\n");
}

// In a pause nothing is removed before it is asked for, but HRANDFIELD removes what has ended.
TEST(HashTtl, ARandomFieldOfAHashThatHasEndedInAPause) {
  for (const int left : {0, 1}) {
    TestStore store;
    store.config().encoding.hash_listpack_entries = 0;
    store.run("hsetex h PX 5 FIELDS 2 a 1 b 2");
    if (left > 0) {
      store.run("hset h c 3");
    }
    store.advance_ms(10);
    store.set_frozen(true);
    EXPECT_EQ(store.run("hrandfield h"), left > 0 ? "$1\r\nc\r\n" : "$-1\r\n");
    EXPECT_EQ(store.run("hrandfield h 2"), left > 0 ? "*1\r\n$1\r\nc\r\n" : "*0\r\n");
  }
}

// A history that is run again: what has ended stays until it says otherwise.
TEST(HashTtl, TimesInThePastStayInAReplay) {
  TestStore store;
  store.set_replaying(true);
  store.run("hset h a 1 b 2");
  EXPECT_EQ(store.run("hpexpireat h 1000 FIELDS 1 a"), "*1\r\n:1\r\n");
  EXPECT_EQ(store.run("hpexpireat h 0 FIELDS 1 b"), "*1\r\n:1\r\n");
  EXPECT_EQ(store.run("hpexpiretime h FIELDS 2 a b"), "*2\r\n:1000\r\n:1\r\n");
  EXPECT_EQ(store.run("hlen h"), ":2\r\n");
  store.set_replaying(false);
  EXPECT_EQ(store.run("hlen h"), ":0\r\n");
}

}  // namespace
}  // namespace pollux
