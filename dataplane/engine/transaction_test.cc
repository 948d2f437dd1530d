// Transactions of whole engines, stepped: where EXEC runs and what it leaves behind. What
// concurrent clients see of them is tests/sim's.
#include <gtest/gtest.h>

#include <string>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"

namespace pollux {
namespace {

class TransactionTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    log_open("/dev/null");
    for (int i = 0; i < GetParam(); ++i) {
      scheduler.sim().transport(i).set_exact(true);
    }
  }

  void settle() { ASSERT_TRUE(scheduler.run_until_quiet()); }
  std::string talk(MemoryClient& client, std::initializer_list<Request> requests) {
    std::string bytes;
    for (const Request& request : requests) {
      bytes += encode(request);
    }
    client.send_whole(bytes);
    settle();
    return client.take();
  }
  std::string key_on(int worker, const std::string& name) {
    return scheduler.sim().key_on(worker % GetParam(), name);
  }
  void expect_no_leaks() {
    settle();
    EXPECT_EQ(scheduler.sim().leaks(), "");
  }

  Scheduler scheduler{{.workers = GetParam(), .config = "client-query-buffer-limit 1mb"}};
};

// The same answers wherever the keys lie.
TEST_P(TransactionTest, ExecAnswersAllInOneArray) {
  MemoryClient client = scheduler.connect(0);
  for (int worker = 0; worker < GetParam(); ++worker) {
    const std::string a = key_on(worker, "a");
    const std::string b = key_on(worker + 1, "b");
    EXPECT_EQ(talk(client, {{"MULTI"}, {"SET", a, "1"}, {"INCR", a}, {"EXEC"}}),
              "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n");
    EXPECT_EQ(talk(client, {{"MULTI"}, {"APPEND", a, "x"}, {"SET", b, "3"}, {"INCR", a},
                            {"MGET", a, b}, {"EXEC"}, {"DEL", a, b}}),
              "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n:2\r\n+OK\r\n"
              "-ERR value is not an integer or out of range\r\n*2\r\n$2\r\n2x\r\n"
              "$1\r\n3\r\n:2\r\n");
  }
  EXPECT_EQ(talk(client, {{"MULTI"}, {"EXEC"}}), "+OK\r\n*0\r\n");
  client.reset();
  expect_no_leaks();
}

TEST_P(TransactionTest, CommandsOfAllShardsAndAllWorkersRunAtTheirPlace) {
  MemoryClient client = scheduler.connect(GetParam() - 1);
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  EXPECT_EQ(talk(client, {{"MULTI"}, {"SET", a, "1"}, {"DBSIZE"}, {"CONFIG", "GET", "timeout"},
                          {"CONFIG", "SET", "timeout", "7"}, {"CONFIG", "GET", "timeout"},
                          {"SELECT", "3"}, {"DBSIZE"}, {"SET", b, "2"}, {"KEYS", "*"},
                          {"RANDOMKEY"}, {"FLUSHALL"}, {"DBSIZE"}, {"EXEC"}, {"DBSIZE"}}),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
            "+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*12\r\n+OK\r\n:1\r\n"
            "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n+OK\r\n*2\r\n$7\r\ntimeout\r\n$1\r\n7\r\n+OK\r\n"
            ":0\r\n+OK\r\n*1\r\n$" +
                std::to_string(b.size()) + "\r\n" + b + "\r\n$" + std::to_string(b.size()) +
                "\r\n" + b + "\r\n+OK\r\n:0\r\n:0\r\n");
  client.reset();
  expect_no_leaks();
}

// A command for all workers that ends at its first one leaves nothing behind for the next.
TEST_P(TransactionTest, CommandsOfAllWorkersFollowARefusedOne) {
  MemoryClient client = scheduler.connect(GetParam() - 1);
  EXPECT_EQ(talk(client, {{"MULTI"}, {"CONFIG", "SET", "timeout", "x"},
                          {"CONFIG", "SET", "timeout", "7", "timeout", "8"},
                          {"CONFIG", "SET", "timeout", "9"}, {"EXEC"},
                          {"CONFIG", "GET", "timeout"}}),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n"
            "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't "
            "be parsed into an integer\r\n"
            "-ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate "
            "parameter\r\n+OK\r\n*2\r\n$7\r\ntimeout\r\n$1\r\n9\r\n");
  client.reset();
  expect_no_leaks();
}

TEST_P(TransactionTest, WatchHoldsOnEveryShard) {
  MemoryClient client = scheduler.connect(0);
  MemoryClient other = scheduler.connect(GetParam() - 1);
  const std::string mine = key_on(0, "mine");
  for (int worker = 0; worker < GetParam(); ++worker) {
    const std::string watched = key_on(worker, "watched");
    const std::string also = key_on(worker + 1, "also");
    for (const bool touched : {false, true}) {
      EXPECT_EQ(talk(client, {{"WATCH", watched}, {"WATCH", also, watched}}), "+OK\r\n+OK\r\n");
      if (touched) {
        EXPECT_EQ(talk(other, {{"SET", also, "1"}}), "+OK\r\n");
      }
      EXPECT_EQ(talk(client, {{"MULTI"}, {"SET", mine, "x"}, {"EXEC"}}),
                touched ? "+OK\r\n+QUEUED\r\n*-1\r\n" : "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
    }
  }
  client.reset();
  other.reset();
  expect_no_leaks();
}

// Redis too lets watches go with an EXEC that is no EXEC.
TEST_P(TransactionTest, ARefusedExecLetsWatchesGo) {
  MemoryClient client = scheduler.connect(0);
  const std::string watched = key_on(GetParam() - 1, "watched");
  EXPECT_EQ(talk(client, {{"WATCH", watched}, {"EXEC", "x"}, {"SET", watched, "1"}, {"MULTI"},
                          {"PING"}, {"EXEC"}}),
            "+OK\r\n-EXECABORT Transaction discarded because of: wrong number of arguments for "
            "'exec' command\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n");
  client.reset();
  expect_no_leaks();
}

TEST_P(TransactionTest, WatchesGoWithUnwatchDiscardResetAndTheClient) {
  const auto watchers = [this] {
    size_t all = 0;
    for (int i = 0; i < GetParam(); ++i) {
      all += scheduler.engine().worker(i).side().watches().watchers();
    }
    return all;
  };
  Request watch{"WATCH"};
  for (int i = 0; i < GetParam(); ++i) {
    watch.push_back(key_on(i, "w"));
  }
  MemoryClient client = scheduler.connect(0);
  const auto shards = static_cast<size_t>(GetParam());
  talk(client, {watch});
  EXPECT_EQ(watchers(), shards);
  talk(client, {{"UNWATCH"}});
  EXPECT_EQ(watchers(), 0u);
  talk(client, {watch, {"MULTI"}, {"SET", "a", "1"}});
  EXPECT_EQ(watchers(), shards);
  talk(client, {{"DISCARD"}});
  EXPECT_EQ(watchers(), 0u);
  talk(client, {watch, {"RESET"}});
  EXPECT_EQ(watchers(), 0u);
  talk(client, {watch, {"MULTI"}, {"NOSUCH"}, {"EXEC"}});
  EXPECT_EQ(watchers(), 0u);
  talk(client, {watch, {"MULTI"}, {"SET", "a", "1"}});
  client.reset();
  expect_no_leaks();
}

TEST_P(TransactionTest, AQueueWithoutEndIsCutOff) {
  MemoryClient client = scheduler.connect(0);
  talk(client, {{"MULTI"}});
  const Request big{"SET", "k", std::string(100'000, 'x')};
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(talk(client, {big}), "+QUEUED\r\n");
  }
  EXPECT_GT(scheduler.engine().worker(0).transaction_bytes(), 1'000'000);
  talk(client, {big});
  EXPECT_TRUE(client.closed());
  expect_no_leaks();
}

// The client goes while EXEC is under way on all shards: EXEC is done to its end.
TEST_P(TransactionTest, ExecOnceBegunIsDoneToItsEnd) {
  for (int phases = 0; phases < 60; ++phases) {
    MemoryClient client = scheduler.connect(0);
    const std::string a = key_on(0, "a");
    const std::string b = key_on(1, "b");
    talk(client, {{"MSET", a, "0", b, "0"}});
    std::string bytes;
    for (const Request& request : {Request{"MULTI"}, Request{"SET", a, "1"},
                                   Request{"CONFIG", "RESETSTAT"}, Request{"SET", b, "1"},
                                   Request{"CLIENT", "KILL", "SKIPME", "no", "ID", "999"},
                                   Request{"EXEC"}}) {
      bytes += encode(request);
    }
    client.send_whole(bytes);
    for (int i = 0; i < phases; ++i) {
      scheduler.step();
    }
    client.reset();
    settle();
    MemoryClient other = scheduler.connect(0);
    const std::string seen = talk(other, {{"MGET", a, b}});
    EXPECT_TRUE(seen == "*2\r\n$1\r\n0\r\n$1\r\n0\r\n" || seen == "*2\r\n$1\r\n1\r\n$1\r\n1\r\n")
        << seen << " after " << phases << " phases";
    other.reset();
    expect_no_leaks();
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, TransactionTest, testing::Values(1, 2, 4),
                         [](const auto& workers) { return std::to_string(workers.param); });

}  // namespace
}  // namespace pollux
