// Expected bytes were taken from redis-server 7.0.15, but for LMOVEM, which it does not have.
#include <gtest/gtest.h>

#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

constexpr const char* kSyntaxError = "-ERR syntax error\r\n";
constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr const char* kNotInteger = "-ERR value is not an integer or out of range\r\n";
constexpr const char* kNull = "$-1\r\n";
constexpr const char* kNullArray = "*-1\r\n";

class List : public testing::TestWithParam<int> {
 protected:
  // The elements of a list, divided by spaces.
  std::string elements(std::string_view key) {
    const std::string reply = store.run("lrange " + std::string(key) + " 0 -1");
    std::string all;
    for (size_t at = reply.find("\r\n"); at + 2 < reply.size();) {
      const size_t head = reply.find("\r\n", at + 2);
      const size_t size = std::stoul(reply.substr(at + 3, head - at - 3));
      all += (all.empty() ? "" : " ") + reply.substr(head + 2, size);
      at = head + 2 + size;
    }
    return all;
  }

  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, List, testing::Values(1, 4));

TEST_P(List, PushAtBothEnds) {
  EXPECT_EQ(store.run("rpush l a b"), ":2\r\n");
  EXPECT_EQ(store.events(), "rpush l");
  EXPECT_EQ(store.run("lpush l x y"), ":4\r\n");
  EXPECT_EQ(store.events(), "lpush l");
  EXPECT_EQ(elements("l"), "y x a b");
  EXPECT_EQ(store.run("object encoding l"), "$9\r\nquicklist\r\n");
  EXPECT_EQ(store.run("type l"), "+list\r\n");
}

TEST_P(List, PushxWantsAList) {
  EXPECT_EQ(store.run("lpushx nope a"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("exists nope"), ":0\r\n");
  store.run("rpush l a");
  EXPECT_EQ(store.run("rpushx l b c"), ":3\r\n");
  store.run("set s x");
  EXPECT_EQ(store.run("lpushx s a"), kWrongType);
}

TEST_P(List, Pop) {
  store.run("rpush l a b c d e");
  EXPECT_EQ(store.run("lpop l"), "$1\r\na\r\n");
  EXPECT_EQ(store.events(), "lpop l");
  EXPECT_EQ(store.run("rpop l 2"), "*2\r\n$1\r\ne\r\n$1\r\nd\r\n");
  EXPECT_EQ(store.events(), "rpop l");
  EXPECT_EQ(store.run("lpop l 0"), "*0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("lpop l 10"), "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
  EXPECT_EQ(store.events(), "lpop l, del l");
  EXPECT_EQ(store.run("exists l"), ":0\r\n");
}

TEST_P(List, PopErrors) {
  store.run("set s x");
  EXPECT_EQ(store.run("lpop nope"), kNull);
  EXPECT_EQ(store.run("lpop nope 0"), kNullArray);
  EXPECT_EQ(store.run("lpop s -1"), "-ERR value is out of range, must be positive\r\n");
  EXPECT_EQ(store.run("lpop s x"), "-ERR value is out of range, must be positive\r\n");
  EXPECT_EQ(store.run("lpop s 1"), kWrongType);
  EXPECT_EQ(store.run("lpop l 1 2"), "-ERR wrong number of arguments for 'lpop' command\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("lpop nope 1"), "_\r\n");
}

TEST_P(List, ChangesKeepTheTtl) {
  store.run("rpush l a b");
  store.run("expire l 100");
  store.run("lpush l x");
  store.run("lpop l");
  store.run("rpush l " + std::string(1000, 'x'));
  EXPECT_EQ(store.run("ttl l"), ":100\r\n");
}

TEST_P(List, IndexAndSet) {
  store.run("rpush l a b c");
  EXPECT_EQ(store.run("lindex l -1"), "$1\r\nc\r\n");
  EXPECT_EQ(store.run("lindex l 3"), kNull);
  EXPECT_EQ(store.run("lindex l x"), kNotInteger);
  EXPECT_EQ(store.run("lindex nope x"), kNull);
  EXPECT_EQ(store.run("lset l -1 z"), "+OK\r\n");
  EXPECT_EQ(store.events(), "lset l");
  EXPECT_EQ(store.run("lset l 3 x"), "-ERR index out of range\r\n");
  EXPECT_EQ(store.run("lset l x y"), kNotInteger);
  EXPECT_EQ(store.run("lset nope x y"), "-ERR no such key\r\n");
  EXPECT_EQ(elements("l"), "a b z");
  EXPECT_EQ(store.run("llen l"), ":3\r\n");
  EXPECT_EQ(store.run("llen nope"), ":0\r\n");
}

TEST_P(List, Range) {
  store.run("rpush l a b c");
  EXPECT_EQ(store.run("lrange l -2 100"), "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
  EXPECT_EQ(store.run("lrange l -100 0"), "*1\r\n$1\r\na\r\n");
  EXPECT_EQ(store.run("lrange l 0 -100"), "*0\r\n");
  EXPECT_EQ(store.run("lrange l 2 1"), "*0\r\n");
  EXPECT_EQ(store.run("lrange l 3 5"), "*0\r\n");
  EXPECT_EQ(store.run("lrange nope 0 x"), kNotInteger);
  EXPECT_EQ(store.run("lrange nope 0 -1"), "*0\r\n");
}

TEST_P(List, Insert) {
  store.run("rpush l a b a");
  EXPECT_EQ(store.run("linsert l after a N"), ":4\r\n");
  EXPECT_EQ(store.events(), "linsert l");
  EXPECT_EQ(store.run("linsert l before a M"), ":5\r\n");
  EXPECT_EQ(elements("l"), "M a N b a");
  EXPECT_EQ(store.run("linsert l before zzz b"), ":-1\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("linsert nope before a b"), ":0\r\n");
  EXPECT_EQ(store.run("linsert nope foo a b"), kSyntaxError);
}

TEST_P(List, Remove) {
  store.run("rpush l 1 x 1 y 1 z 1");
  EXPECT_EQ(store.run("lrem l -2 1"), ":2\r\n");
  EXPECT_EQ(store.events(), "lrem l");
  EXPECT_EQ(elements("l"), "1 x 1 y z");
  EXPECT_EQ(store.run("lrem l 1 1"), ":1\r\n");
  EXPECT_EQ(elements("l"), "x 1 y z");
  EXPECT_EQ(store.run("lrem l 0 01"), ":0\r\n") << "another text than the integer's";
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("lrem l -9223372036854775808 1"), ":1\r\n");
  store.run("rpush m a a");
  EXPECT_EQ(store.run("lrem m 0 a"), ":2\r\n");
  EXPECT_EQ(store.events(), "lrem m, del m");
  EXPECT_EQ(store.run("lrem nope x a"), kNotInteger);
}

TEST_P(List, Trim) {
  store.run("rpush l a b c d");
  EXPECT_EQ(store.run("ltrim l 0 -1"), "+OK\r\n");
  EXPECT_EQ(store.events(), "ltrim l");
  EXPECT_EQ(store.run("ltrim l 1 -2"), "+OK\r\n");
  EXPECT_EQ(elements("l"), "b c");
  EXPECT_EQ(store.run("ltrim l 5 2"), "+OK\r\n");
  EXPECT_EQ(store.events(), "ltrim l, del l");
  EXPECT_EQ(store.run("ltrim nope 0 1"), "+OK\r\n");
}

TEST_P(List, Positions) {
  store.run("rpush l a b c a b c");
  EXPECT_EQ(store.run("lpos l a"), ":0\r\n");
  EXPECT_EQ(store.run("lpos l a rank -1"), ":3\r\n");
  EXPECT_EQ(store.run("lpos l a rank -9223372036854775808"), ":3\r\n");
  EXPECT_EQ(store.run("lpos l a count 1 rank -9223372036854775808"), "*2\r\n:3\r\n:0\r\n");
  EXPECT_EQ(store.run("lpos l a rank -9223372036854775807"), kNull);
  EXPECT_EQ(store.run("lpos l a count 0"), "*2\r\n:0\r\n:3\r\n");
  EXPECT_EQ(store.run("lpos l a rank -1 count 0"), "*2\r\n:3\r\n:0\r\n");
  EXPECT_EQ(store.run("lpos l a rank -2 count 0"), "*1\r\n:0\r\n");
  EXPECT_EQ(store.run("lpos l a count 0 maxlen 3"), "*1\r\n:0\r\n");
  EXPECT_EQ(store.run("lpos l zz count 1"), "*0\r\n");
  EXPECT_EQ(store.run("lpos nope zz count 1"), "*0\r\n");
  EXPECT_EQ(store.run("lpos nope zz"), kNull);
  EXPECT_EQ(store.run("lpos l a count x"), "-ERR COUNT can't be negative\r\n");
  EXPECT_EQ(store.run("lpos l a maxlen -1"), "-ERR MAXLEN can't be negative\r\n");
  EXPECT_EQ(store.run("lpos l a rank"), kSyntaxError);
  EXPECT_EQ(store.run("lpos l a rank 0").substr(0, 23), "-ERR RANK can't be zero");
}

TEST_P(List, Move) {
  store.run("rpush l a b c");
  EXPECT_EQ(store.run("lmove l m left right"), "$1\r\na\r\n");
  EXPECT_EQ(store.events(), "rpush m, lpop l");
  EXPECT_EQ(store.run("rpoplpush l m"), "$1\r\nc\r\n");
  EXPECT_EQ(store.events(), "lpush m, rpop l");
  EXPECT_EQ(elements("m"), "c a");
  EXPECT_EQ(store.run("lmove l m right right"), "$1\r\nb\r\n");
  EXPECT_EQ(store.events(), "rpush m, rpop l, del l");
  EXPECT_EQ(store.run("lmove m m left right"), "$1\r\nc\r\n");
  EXPECT_EQ(store.events(), "rpush m, lpop m");
  EXPECT_EQ(elements("m"), "a b c");
}

TEST_P(List, MoveOfTheOnlyElementToItself) {
  store.run("rpush one x");
  store.run("expire one 100");
  EXPECT_EQ(store.run("rpoplpush one one"), "$1\r\nx\r\n");
  EXPECT_EQ(store.events(), "lpush one, rpop one");
  EXPECT_EQ(store.run("ttl one"), ":100\r\n");
}

TEST_P(List, MoveErrors) {
  store.run("set s v");
  store.run("rpush l a");
  EXPECT_EQ(store.run("lmove l m foo left"), kSyntaxError);
  EXPECT_EQ(store.run("lmove nope s left left"), kNull);
  EXPECT_EQ(store.run("lmove s m left left"), kWrongType);
  EXPECT_EQ(store.run("lmove l s left left"), kWrongType);
  EXPECT_EQ(elements("l"), "a");
}

TEST_P(List, PopOfSeveralKeys) {
  store.run("rpush m a b c");
  store.run("set s v");
  EXPECT_EQ(store.run("lmpop 2 nope m right count 2"),
            "*2\r\n$1\r\nm\r\n*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
  EXPECT_EQ(store.events(), "rpop m");
  EXPECT_EQ(store.run("lmpop 1 m left"), "*2\r\n$1\r\nm\r\n*1\r\n$1\r\na\r\n");
  EXPECT_EQ(store.events(), "lpop m, del m");
  EXPECT_EQ(store.run("lmpop 1 m left"), kNullArray);
  EXPECT_EQ(store.run("lmpop 2 nope s left"), kWrongType);
  EXPECT_EQ(store.run("lmpop x m left"), "-ERR numkeys should be greater than 0\r\n");
  EXPECT_EQ(store.run("lmpop 9223372036854775807 m left"), kSyntaxError);
  EXPECT_EQ(store.run("lmpop 2 m left"), kSyntaxError);
  EXPECT_EQ(store.run("lmpop 1 m left count 0"), "-ERR count should be greater than 0\r\n");
  EXPECT_EQ(store.run("lmpop 1 m left count 1 count 2"), kSyntaxError);
}

TEST_P(List, MoveOfMany) {
  const auto moved = [&](const std::string& how) {
    store.run("del l m");
    store.run("rpush l 1 2 3 4");
    store.run("rpush m 5 6");
    store.run("lmovem l m " + how);
    return elements("m");
  };
  EXPECT_EQ(moved("left left count 2 obo"), "2 1 5 6");
  EXPECT_EQ(moved("left left count 2 bulk"), "1 2 5 6");
  EXPECT_EQ(moved("left right count 2 obo"), "5 6 1 2");
  EXPECT_EQ(moved("left right count 2 bulk"), "5 6 1 2");
  EXPECT_EQ(moved("right left count 2 obo"), "3 4 5 6");
  EXPECT_EQ(moved("right left count 2 bulk"), "3 4 5 6");
  EXPECT_EQ(moved("right right count 2 obo"), "5 6 4 3");
  EXPECT_EQ(moved("right right count 2 bulk"), "5 6 3 4");
  EXPECT_EQ(elements("l"), "1 2");
  EXPECT_EQ(moved("left left exactly 5 bulk"), "5 6");
  EXPECT_EQ(moved("left left exactly 4 bulk"), "1 2 3 4 5 6");
  EXPECT_EQ(store.events(), "") << "of the LRANGE";
  EXPECT_EQ(store.run("exists l"), ":0\r\n");
}

TEST_P(List, MoveOfManyWithinOneList) {
  const auto moved = [&](const std::string& how) {
    store.run("del l");
    store.run("rpush l 1 2 3 4");
    store.run("lmovem l l " + how);
    return elements("l");
  };
  EXPECT_EQ(moved("left right count 3 bulk"), "4 1 2 3");
  EXPECT_EQ(moved("right left count 3 obo"), "2 3 4 1");
  EXPECT_EQ(moved("left left count 3 bulk"), "1 2 3 4");
  EXPECT_EQ(moved("left left count 3 obo"), "3 2 1 4");
  EXPECT_EQ(moved("right right count 9 obo"), "4 3 2 1");
}

TEST_P(List, MoveOfManyReplies) {
  store.run("rpush l 1 2 3");
  EXPECT_EQ(store.run("lmovem l m left left"), "*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(store.run("lmovem l m left left count 9 obo"), "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
  EXPECT_EQ(store.events(), "lpush m, lpop l, del l");
  EXPECT_EQ(store.run("lmovem l m left left"), kNullArray);
  EXPECT_EQ(store.run("lmovem m l left left exactly 9 obo"), kNullArray);
  EXPECT_EQ(store.run("lmovem m l left left count 1"), kSyntaxError);
  EXPECT_EQ(store.run("lmovem m l left left count 1 foo"), kSyntaxError);
  EXPECT_EQ(store.run("lmovem m l left left count 0 obo"),
            "-ERR count should be greater than 0\r\n");
}

}  // namespace
}  // namespace pollux
