// Blocking commands of whole engines, stepped: who waits, who is served, how a wait ends. Commands
// that move elements on are in blocking_move_test.cc; what many clients see of it all together is
// tests/sim's.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"

namespace pollux {
namespace {

class BlockingTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    log_open("/dev/null");
    for (int i = 0; i < workers(); ++i) {
      scheduler.clock().set_skew_us(i, 0);
      scheduler.sim().transport(i).set_exact(true);
    }
  }
  // When all have left, nothing is left of them.
  void TearDown() override {
    for (MemoryClient& client : clients) {
      client.reset();
    }
    settle();
    EXPECT_EQ(scheduler.sim().leaks(), "");
  }

  int workers() const { return GetParam(); }
  MemoryClient connect(int worker) {
    clients.push_back(scheduler.connect(worker % workers()));
    return clients.back();
  }
  void settle() { ASSERT_TRUE(scheduler.run_until_quiet()); }
  std::string more(MemoryClient& client) {
    settle();
    return client.take();
  }
  std::string run(MemoryClient& client, const Request& request) {
    client.send_whole(encode(request));
    return more(client);
  }
  std::string run_all(MemoryClient& client, const std::vector<Request>& requests) {
    std::string bytes;
    for (const Request& request : requests) {
      bytes += encode(request);
    }
    client.send_whole(bytes);
    return more(client);
  }
  void wait_ms(int64_t ms) {
    scheduler.clock().advance_us(ms * 1000);
    for (int i = 0; i < 500; ++i) {
      scheduler.step();
    }
    settle();
  }
  std::string key_on(int worker, const std::string& name = "k") {
    return scheduler.sim().key_on(worker % workers(), name);
  }
  static std::string popped(const std::string& key, const std::string& element) {
    return encode({key, element});
  }
  int64_t sum(Counter CoreBlock::*counter) { return scheduler.engine().sum(counter); }
  size_t records() {
    size_t count = 0;
    for (int i = 0; i < workers(); ++i) {
      count += scheduler.engine().side(ShardId{static_cast<uint16_t>(i)}).waits().records();
    }
    return count;
  }
  std::string id_of(MemoryClient& client) {
    const std::string id = run(client, {"CLIENT", "ID"}).substr(1);
    return id.substr(0, id.find('\r'));
  }

  Scheduler scheduler{{.workers = GetParam()}};
  std::vector<MemoryClient> clients;
};
INSTANTIATE_TEST_SUITE_P(Workers, BlockingTest, testing::Values(1, 3));

// Wherever the key lies and whoever pushes.
TEST_P(BlockingTest, APushServesWhoWaits) {
  for (int home = 0; home < workers(); ++home) {
    for (int shard = 0; shard < workers(); ++shard) {
      for (int other = 0; other < workers(); ++other) {
        const std::string key = key_on(shard);
        MemoryClient waiter = connect(home);
        MemoryClient pusher = connect(other);
        EXPECT_EQ(run(waiter, {"BLPOP", key, "0"}), "");
        EXPECT_EQ(sum(&CoreBlock::blocked_clients), 1);
        EXPECT_EQ(run(pusher, {"RPUSH", key, "a", "b"}), ":2\r\n");
        EXPECT_EQ(more(waiter), popped(key, "a"));
        EXPECT_EQ(sum(&CoreBlock::blocked_clients), 0);
        EXPECT_EQ(records(), 0U);
        EXPECT_EQ(run(waiter, {"BRPOP", key, "0"}), popped(key, "b"));
        EXPECT_EQ(run(pusher, {"EXISTS", key}), ":0\r\n");
      }
    }
  }
}

TEST_P(BlockingTest, WhoCameFirstIsServedFirst) {
  const std::string key = key_on(0);
  std::vector<MemoryClient> waiters;
  for (int i = 0; i < 7; ++i) {
    waiters.push_back(connect(i * 2));
    EXPECT_EQ(run(waiters.back(), {"BLPOP", key, "0"}), "");
  }
  MemoryClient pusher = connect(1);
  EXPECT_EQ(run(pusher, {"RPUSH", key, "0", "1", "2", "3"}), ":4\r\n");
  EXPECT_EQ(run(pusher, {"RPUSH", key, "4"}), ":1\r\n");
  EXPECT_EQ(run(pusher, {"LPUSH", key, "6", "5"}), ":2\r\n");
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(more(waiters[static_cast<size_t>(i)]), popped(key, std::to_string(i)));
  }
}

TEST_P(BlockingTest, WhatIsPipelinedBehindWaits) {
  const std::string key = key_on(1);
  MemoryClient waiter = connect(0);
  MemoryClient pusher = connect(1);
  EXPECT_EQ(run_all(waiter, {{"SET", key_on(1, "x"), "1"}, {"BLPOP", key, "0"}, {"LLEN", key},
                             {"BLPOP", key, "0"}, {"PING"}}),
            "+OK\r\n");
  EXPECT_EQ(run(pusher, {"RPUSH", key, "a"}), ":1\r\n");
  EXPECT_EQ(more(waiter), popped(key, "a") + ":0\r\n");
  EXPECT_EQ(run(pusher, {"RPUSH", key, "b"}), ":1\r\n");
  EXPECT_EQ(more(waiter), popped(key, "b") + "+PONG\r\n");
}

TEST_P(BlockingTest, SeveralKeysOnSeveralShards) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  const std::string c = key_on(2, "c");
  MemoryClient waiter = connect(0);
  MemoryClient pusher = connect(2);
  for (const std::string& key : {a, b, c}) {
    EXPECT_EQ(run(waiter, {"BLPOP", a, b, c, b, "0"}), "");
    EXPECT_EQ(records(), 3U);
    EXPECT_EQ(run(pusher, {"RPUSH", key, "1"}), ":1\r\n");
    EXPECT_EQ(more(waiter), popped(key, "1"));
    EXPECT_EQ(records(), 0U);
  }
  // There is something already: the first key that has any.
  run_all(pusher, {{"RPUSH", c, "3"}, {"RPUSH", b, "2"}});
  EXPECT_EQ(run(waiter, {"BLPOP", a, b, c, "0"}), popped(b, "2"));
  EXPECT_EQ(run(waiter, {"BLMPOP", "0", "3", a, b, c, "RIGHT", "COUNT", "5"}),
            "*2\r\n$2\r\n" + c + "\r\n*1\r\n$1\r\n3\r\n");
  run(pusher, {"SET", b, "no list"});
  EXPECT_EQ(run(waiter, {"BLPOP", a, b, c, "0"}),
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  EXPECT_EQ(records(), 0U);
}

TEST_P(BlockingTest, ATimeoutEndsTheWait) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  MemoryClient one = connect(0);
  MemoryClient two = connect(1);
  MemoryClient late = connect(0);
  EXPECT_EQ(run(late, {"BLPOP", b, "5"}), "");
  EXPECT_EQ(run_all(one, {{"HELLO", "3"}, {"BLPOP", b, "0.100"}, {"PING"}}).ends_with("PONG\r\n"),
            false);
  EXPECT_EQ(run(two, {"BLMOVE", a, b, "LEFT", "LEFT", "0.2"}), "");
  EXPECT_EQ(sum(&CoreBlock::timed_clients), 3);
  wait_ms(90);
  EXPECT_EQ(one.take(), "");
  wait_ms(30);
  EXPECT_EQ(one.take(), "_\r\n+PONG\r\n");
  EXPECT_EQ(two.take(), "");
  wait_ms(100);
  EXPECT_EQ(two.take(), "*-1\r\n");
  EXPECT_EQ(sum(&CoreBlock::timed_clients), 1);
  EXPECT_EQ(records(), 1U);
  EXPECT_EQ(run(two, {"RPUSH", b, "x"}), ":1\r\n");
  EXPECT_EQ(more(late), popped(b, "x"));
}

TEST_P(BlockingTest, WhoeverLeavesIsForgotten) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  MemoryClient pusher = connect(2);
  for (const std::string way : {"reset", "half_close", "kill"}) {
    MemoryClient waiter = connect(0);
    const std::string id = id_of(waiter);
    EXPECT_EQ(run(waiter, {"BLPOP", a, b, "0"}), "");
    if (way == "reset") {
      waiter.reset();
    } else if (way == "half_close") {
      waiter.half_close();
    } else {
      EXPECT_EQ(run(pusher, {"CLIENT", "KILL", "ID", id}), ":1\r\n");
    }
    settle();
    EXPECT_TRUE(waiter.closed()) << way;
    EXPECT_EQ(records(), 0U) << way;
    EXPECT_EQ(sum(&CoreBlock::blocked_clients), 0) << way;
    EXPECT_EQ(run_all(pusher, {{"RPUSH", a, "x"}, {"LLEN", a}, {"DEL", a}}),
              ":1\r\n:1\r\n:1\r\n");
  }
}

// So much that the server reads no more of it until the wait is over.
TEST_P(BlockingTest, WhoeverLeavesWithMuchBehindTheWaitIsForgotten) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  MemoryClient pusher = connect(2);
  for (const bool reset : {true, false}) {
    for (const bool over_shards : {true, false}) {
      MemoryClient waiter = connect(0);
      const Request wait =
          over_shards ? Request{"BLPOP", a, b, "0"} : Request{"BLPOP", a, "0"};
      EXPECT_EQ(run(waiter, wait), "");
      for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(run(waiter, {"SET", b, std::string(100'000, 'x')}), "");
      }
      reset ? waiter.reset() : waiter.half_close();
      settle();
      EXPECT_TRUE(waiter.closed());
      EXPECT_EQ(records(), 0U);
      EXPECT_EQ(sum(&CoreBlock::blocked_clients), 0);
      EXPECT_EQ(run_all(pusher, {{"RPUSH", a, "x"}, {"LLEN", a}, {"DEL", a, b}}),
                ":1\r\n:1\r\n:1\r\n");
    }
  }
}

// What it sent before it ended its side is done, if nothing blocks it.
TEST_P(BlockingTest, WhoeverEndsItsSideWithMuchToDoGetsAllAnswers) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  MemoryClient pusher = connect(2);
  MemoryClient waiter = connect(0);
  EXPECT_EQ(run(waiter, {"BLPOP", a, b, "0"}), "");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(run(waiter, {"SET", b, std::string(100'000, 'x')}), "");
  }
  waiter.send_whole(encode({"APPEND", b, "y"}));
  pusher.send_whole(encode({"RPUSH", a, "x"}));
  EXPECT_EQ(more(pusher), ":1\r\n");
  waiter.half_close();
  std::string answers = popped(a, "x");
  for (int i = 0; i < 10; ++i) {
    answers += "+OK\r\n";
  }
  EXPECT_EQ(more(waiter), answers + ":100001\r\n");
  EXPECT_TRUE(waiter.closed());
}

TEST_P(BlockingTest, TransactionsServeAtTheirEnd) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  MemoryClient waiter = connect(0);
  MemoryClient pusher = connect(1);
  EXPECT_EQ(run(waiter, {"BLPOP", a, b, "0"}), "");
  run_all(pusher, {{"MULTI"}, {"RPUSH", a, "x"}, {"DEL", a}, {"EXEC"}});
  EXPECT_EQ(more(waiter), "") << "what came has gone again";
  EXPECT_EQ(run_all(pusher, {{"MULTI"}, {"RPUSH", b, "1"}, {"LPUSH", b, "2"}, {"RPUSH", a, "3"},
                             {"LLEN", b}, {"EXEC"}, {"LLEN", b}}),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n:1\r\n:2\r\n:1\r\n:2\r\n"
            ":1\r\n");
  EXPECT_EQ(more(waiter), popped(b, "2")) << "the key that was ready first, as it is at the end";
  // Inside, it answers as if the time were up.
  EXPECT_EQ(run_all(waiter, {{"MULTI"}, {"BLPOP", b, "0"}, {"BLPOP", b, "0"},
                             {"BLMOVE", b, b, "LEFT", "RIGHT", "0"}, {"BZPOPMIN", b, "0"},
                             {"EXEC"}}),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n" + popped(b, "1") +
                "*-1\r\n$-1\r\n*-1\r\n");
  EXPECT_EQ(records(), 0U);
}

TEST_P(BlockingTest, EveryWayForAKeyToComeToLife) {
  const std::string key = key_on(1);
  const std::string other = key_on(2, "other");
  MemoryClient waiter = connect(0);
  MemoryClient pusher = connect(1);
  const std::vector<std::vector<Request>> ways = {
      {{"RPUSH", other, "x"}, {"RENAME", other, key}},
      {{"RPUSH", other, "x"}, {"COPY", other, key}},
      {{"SELECT", "3"}, {"RPUSH", key, "x"}, {"MOVE", key, "0"}, {"SELECT", "0"}},
      {{"SELECT", "3"}, {"RPUSH", key, "x"}, {"SWAPDB", "0", "3"}, {"SELECT", "0"}},
      {{"RPUSH", other, "x"}, {"LMOVE", other, key, "LEFT", "LEFT"}},
      {{"SET", key, "no list"}, {"RPUSH", other, "x"}, {"COPY", other, key, "REPLACE"}},
      {{"SELECT", "3"}, {"RPUSH", other, "x"}, {"COPY", other, key, "DB", "0"}, {"SELECT", "0"}},
  };
  for (const std::vector<Request>& way : ways) {
    EXPECT_EQ(run(waiter, {"BLPOP", key, "0"}), "");
    run_all(pusher, way);
    EXPECT_EQ(more(waiter), popped(key, "x")) << way.back()[0];
    run(pusher, {"FLUSHALL"});
  }
}

TEST_P(BlockingTest, EachTypeHasItsOwnWaiters) {
  const std::string key = key_on(1);
  MemoryClient list = connect(0);
  MemoryClient zset = connect(1);
  MemoryClient pusher = connect(2);
  EXPECT_EQ(run(list, {"BRPOP", key, "0"}), "");
  run(zset, {"HELLO", "3"});
  EXPECT_EQ(run(zset, {"BZPOPMAX", key, "0"}), "");
  run(pusher, {"SET", key, "neither"});
  run(pusher, {"DEL", key});
  run(pusher, {"ZADD", key, "1.5", "m", "2", "n"});
  EXPECT_EQ(more(zset), "*3\r\n$" + std::to_string(key.size()) + "\r\n" + key +
                            "\r\n$1\r\nn\r\n,2\r\n");
  EXPECT_EQ(more(list), "");
  EXPECT_EQ(run(zset, {"BZMPOP", "0", "1", key, "MIN"}),
            "*2\r\n$" + std::to_string(key.size()) + "\r\n" + key +
                "\r\n*1\r\n*2\r\n$1\r\nm\r\n,1.5\r\n");
  EXPECT_EQ(run(zset, {"BZPOPMIN", key, "0"}), "");
  run(pusher, {"RPUSH", key, "x"});
  EXPECT_EQ(more(list), popped(key, "x"));
  run(pusher, {"ZADD", key, "-1", "m"});
  EXPECT_EQ(more(zset), "*3\r\n$" + std::to_string(key.size()) + "\r\n" + key +
                            "\r\n$1\r\nm\r\n,-1\r\n");
}

TEST_P(BlockingTest, DatabasesAreApart) {
  const std::string key = key_on(1);
  MemoryClient waiter = connect(0);
  MemoryClient pusher = connect(1);
  run(waiter, {"SELECT", "2"});
  EXPECT_EQ(run(waiter, {"BLPOP", key, "0"}), "");
  run(pusher, {"RPUSH", key, "0"});
  EXPECT_EQ(more(waiter), "");
  run_all(pusher, {{"SELECT", "2"}, {"RPUSH", key, "2"}});
  EXPECT_EQ(more(waiter), popped(key, "2"));
}

TEST_P(BlockingTest, AMuteClientIsServedToo) {
  const std::string key = key_on(1);
  MemoryClient waiter = connect(0);
  MemoryClient pusher = connect(1);
  EXPECT_EQ(run_all(waiter, {{"CLIENT", "REPLY", "SKIP"}, {"BLPOP", key, "0"}, {"PING"}}), "");
  EXPECT_EQ(run(pusher, {"RPUSH", key, "a", "b"}), ":2\r\n");
  EXPECT_EQ(more(waiter), "+PONG\r\n");
  EXPECT_EQ(run(pusher, {"LLEN", key}), ":1\r\n");
}

// The wait weighs, and who is closed for his weight waits no more.
TEST_P(BlockingTest, WaitersAreInTheAccountOfClients) {
  MemoryClient waiter = connect(0);
  MemoryClient other = connect(1);
  run(other, {"CLIENT", "NO-EVICT", "on"});
  Request request{"BLPOP"};
  for (int i = 0; i < 1000; ++i) {
    request.push_back("key" + std::to_string(i));
  }
  request.push_back("0");
  EXPECT_EQ(run(waiter, request), "");
  EXPECT_EQ(records(), 1000U);
  int64_t bytes = 0;
  for (int i = 0; i < workers(); ++i) {
    bytes += scheduler.engine().worker(i).waiting_bytes();
  }
  EXPECT_GT(bytes, 100'000);
  run(other, {"CONFIG", "SET", "maxmemory-clients", "80000"});
  wait_ms(200);
  EXPECT_TRUE(waiter.closed());
  EXPECT_EQ(records(), 0U);
}

// Who is served causes the end of one who stands behind it in the queue.
TEST_P(BlockingTest, AWaiterMayBeClosedWhileAnotherIsServed) {
  const std::string source = "{q}s";
  const std::string target = "{q}" + std::string(20'000, 't');
  const int owner = scheduler.sim().owner_of(source);
  MemoryClient mover = connect(owner);
  MemoryClient reader = connect(owner);
  MemoryClient last = connect(owner);
  MemoryClient pusher = connect(owner + 1);
  EXPECT_EQ(run(mover, {"BLMOVE", source, target, "LEFT", "LEFT", "0"}), "");
  run_all(reader, {{"HELLO", "3"}, {"CLIENT", "TRACKING", "ON"}, {"LLEN", target}});
  EXPECT_EQ(run(reader, {"BLPOP", source, "0"}), "");
  EXPECT_EQ(run(last, {"BLPOP", source, "0"}), "");
  run(pusher, {"CONFIG", "SET", "client-output-buffer-limit", "normal 1 0 0"});
  // What moves there tells the reader, whose limit that is too much for.
  EXPECT_EQ(run(pusher, {"RPUSH", source, "a", "b", "c"}), ":3\r\n");
  EXPECT_TRUE(reader.closed());
  EXPECT_EQ(more(mover), "$1\r\na\r\n");
  EXPECT_EQ(more(last), popped(source, "b"));
  EXPECT_EQ(run(pusher, {"LLEN", source}), ":1\r\n");
}

TEST_P(BlockingTest, StatisticsCountACallOnce) {
  const std::string key = key_on(1);
  MemoryClient waiter = connect(0);
  MemoryClient pusher = connect(1);
  const auto stat = [&](const std::string& name) {
    const std::string all = run(pusher, {"INFO", "commandstats"});
    const size_t at = all.find("cmdstat_" + name + ":");
    return at == std::string::npos ? "" : all.substr(at, all.find(",usec", at) - at) +
                                              all.substr(all.find(",failed", at), 16);
  };
  EXPECT_EQ(run(waiter, {"BLPOP", key, "0"}), "");
  EXPECT_EQ(stat("blpop"), "cmdstat_blpop:calls=1,failed_calls=0\r");
  run(pusher, {"RPUSH", key, "a"});
  EXPECT_EQ(more(waiter), popped(key, "a"));
  EXPECT_EQ(stat("blpop"), "cmdstat_blpop:calls=1,failed_calls=0\r");
  run(pusher, {"SET", key_on(1, "s"), "no list"});
  EXPECT_EQ(run(waiter, {"BLMOVE", key, key_on(1, "s"), "LEFT", "LEFT", "0"}), "");
  run(pusher, {"RPUSH", key, "a"});
  EXPECT_EQ(more(waiter), "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  EXPECT_EQ(stat("blmove"), "cmdstat_blmove:calls=1,failed_calls=1\r");
  EXPECT_EQ(run(pusher, {"LLEN", key}), ":1\r\n") << "what could not be moved has stayed";
}

}  // namespace
}  // namespace pollux
