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
    scheduler.run_turns(2);
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
  wait_ms(60);  // and some that pass by themselves
  EXPECT_EQ(one.take(), "");
  wait_ms(70);
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

TEST_P(BlockingTest, WhoeverLeavesWithMuchBehindTheWaitIsForgotten) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  MemoryClient pusher = connect(2);
  for (const bool reset : {true, false}) {
    for (const Request& wait : std::vector<Request>{
             {"BLPOP", a, b, "0"}, {"BLPOP", a, "0"}, {"BLPOP", b, "0"}}) {
      MemoryClient waiter = connect(0);
      EXPECT_EQ(run(waiter, wait), "");
      for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(run(waiter, {"SET", b, std::string(100'000, 'x')}), "");
      }
      reset ? waiter.reset() : waiter.half_close();
      settle();
      EXPECT_TRUE(waiter.closed());
      EXPECT_EQ(records(), 0U);
      EXPECT_EQ(sum(&CoreBlock::blocked_clients), 0);
      EXPECT_EQ(run_all(pusher, {{"RPUSH", wait[1], "x"}, {"LLEN", wait[1]}, {"DEL", a, b}}),
                ":1\r\n:1\r\n:1\r\n");
    }
  }
}

// Much comes while the command before the wait is with another worker, which takes its time: so
// much that no more is read.
TEST_P(BlockingTest, WhoeverWaitsIsReadFromAgain) {
  const std::string b = key_on(1, "b");
  MemoryClient waiter = connect(0);
  waiter.send_whole(encode({"GET", b}) + encode({"BLPOP", b, "0"}));
  for (int i = 0; i < 100; ++i) {
    waiter.send_whole(encode({"SET", b, std::string(10'000, 'x')}));
    scheduler.engine().worker(0).step(Phase::kPoll);
  }
  EXPECT_EQ(more(waiter), "$-1\r\n");
  waiter.half_close();
  settle();
  EXPECT_TRUE(waiter.closed());
  EXPECT_EQ(records(), 0U);
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
  for (int i = 0; i < 3000; ++i) {
    request.push_back("key" + std::to_string(i));
  }
  request.push_back("0");
  EXPECT_EQ(run(waiter, request), "");
  EXPECT_EQ(records(), 3000U);
  int64_t bytes = 0;
  for (int i = 0; i < workers(); ++i) {
    bytes += scheduler.engine().worker(i).waiting_bytes();
  }
  EXPECT_GT(bytes, 300'000);
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

// --- XREADGROUP CLAIM: a wait that time ends, too ---

class ClaimTest : public BlockingTest {
 protected:
  // A stream with a group g; the entries 1-0 up to `delivered` are pending with somebody.
  void make(MemoryClient& client, const std::string& key, int delivered) {
    run(client, {"XGROUP", "CREATE", key, "g", "0", "MKSTREAM"});
    for (int i = 1; i <= delivered; ++i) {
      run(client, {"XADD", key, std::to_string(i) + "-0", "f", "v"});
    }
    run(client, {"XREADGROUP", "GROUP", "g", "somebody", "STREAMS", key, ">"});
  }
  // As consumer `name`, waits for ever.
  void wait_for_claim(MemoryClient& client, const std::string& name, const std::string& idle_ms,
                      const std::vector<std::string>& keys, const std::string& block = "0") {
    Request request = {"XREADGROUP", "GROUP", "g", name, "BLOCK", block, "CLAIM", idle_ms,
                       "STREAMS"};
    request.insert(request.end(), keys.begin(), keys.end());
    request.insert(request.end(), keys.size(), ">");
    EXPECT_EQ(run(client, request), "");
  }
  // What has come: of each stream its name, and for each entry its id and how often it had been
  // delivered; the idle time of the first one is kept.
  std::string claimed(MemoryClient& client) {
    const std::string bytes = client.take();
    size_t at = 0;
    Answer answer;
    if (take_answer(bytes, at, answer) != TakeStatus::kTaken || at != bytes.size()) {
      return bytes;
    }
    std::string text = answer.elements.empty() ? answer.shown() : "";
    for (const Answer& stream : answer.elements) {
      text += (text.empty() ? "" : " ") + stream.elements.at(0).text;
      for (const Answer& entry : stream.elements.at(1).elements) {
        text += " " + entry.elements.at(0).text + "*" +
                std::to_string(entry.elements.at(3).number);
      }
      idle_ms = stream.elements.at(1).elements.at(0).elements.at(2).number;
    }
    return text;
  }

  int64_t idle_ms = 0;
};
INSTANTIATE_TEST_SUITE_P(Workers, ClaimTest, testing::Values(1, 3));

TEST_P(ClaimTest, WhatIsPendingComesWhenItsTimeHasCome) {
  for (int home = 0; home < workers(); ++home) {
    for (int shard = 0; shard < workers(); ++shard) {
      const std::string key = key_on(shard, "at" + std::to_string(home));
      MemoryClient client = connect(home);
      make(client, key, 2);
      wait_for_claim(client, "c", "1000", {key});
      wait_ms(800);
      EXPECT_EQ(claimed(client), "");
      wait_ms(300);
      EXPECT_EQ(claimed(client), key + " 1-0*1 2-0*1");
      EXPECT_GE(idle_ms, 1000);
      EXPECT_LT(idle_ms, 1300);
      EXPECT_EQ(records(), 0U);
      EXPECT_EQ(sum(&CoreBlock::blocked_clients), 0);
    }
  }
}

TEST_P(ClaimTest, WhatIsNewComesAtOnce) {
  const std::string key = key_on(1);
  MemoryClient client = connect(0);
  MemoryClient other = connect(1);
  make(other, key, 1);
  wait_for_claim(client, "c", "1000", {key});
  wait_ms(500);
  run(other, {"XADD", key, "2-0", "f", "v"});
  EXPECT_EQ(claimed(client), key + " 2-0*0");
  wait_for_claim(client, "c", "1000", {key});
  wait_ms(600);
  EXPECT_EQ(claimed(client), key + " 1-0*1");
}

TEST_P(ClaimTest, WhoCameFirstIsServedFirst) {
  const std::string key = key_on(0);
  std::vector<MemoryClient> waiting;
  MemoryClient other = connect(1);
  make(other, key, 1);
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(connect(i));
    wait_for_claim(waiting.back(), "c" + std::to_string(i), "1000", {key});
  }
  MemoryClient hasty = connect(2);
  wait_for_claim(hasty, "hasty", "400", {key});
  // Who needs less patience has it first; for the others its time begins anew, each time.
  wait_ms(600);
  EXPECT_EQ(claimed(hasty), key + " 1-0*1");
  for (int i = 0; i < 3; ++i) {
    wait_ms(600);
    for (MemoryClient& client : waiting) {
      EXPECT_EQ(claimed(client), "");
    }
    wait_ms(600);
    for (int j = 0; j < 3; ++j) {
      EXPECT_EQ(claimed(waiting[static_cast<size_t>(j)]),
                i == j ? key + " 1-0*" + std::to_string(i + 2) : "");
    }
  }
}

// Each change of what is pending is a change of the time.
TEST_P(ClaimTest, ItsTimeMayBePutOff) {
  const std::string key = key_on(1);
  MemoryClient client = connect(0);
  MemoryClient other = connect(2);
  make(other, key, 3);
  wait_for_claim(client, "c", "1000", {key});
  wait_ms(500);
  run(other, {"XACK", key, "g", "1"});
  run(other, {"XCLAIM", key, "g", "d", "0", "2"});
  run(other, {"XREADGROUP", "GROUP", "g", "somebody", "STREAMS", key, "2"});
  wait_ms(600);
  EXPECT_EQ(claimed(client), "");
  wait_ms(600);
  EXPECT_EQ(claimed(client), key + " 2-0*2 3-0*2");
  // It may also be brought forward.
  wait_for_claim(client, "c", "100000", {key});
  run(other, {"XCLAIM", key, "g", "d", "0", "3", "IDLE", "100000", "JUSTID"});
  EXPECT_EQ(claimed(client), key + " 3-0*3");
  // With nothing pending, what somebody else gets meanwhile counts from then on.
  run(other, {"XACK", key, "g", "2", "3"});
  wait_for_claim(client, "c", "1000", {key});
  wait_ms(700);
  run(other, {"MULTI"});
  run(other, {"XADD", key, "4-0", "f", "v"});
  run(other, {"XREADGROUP", "GROUP", "g", "d", "STREAMS", key, ">"});
  run(other, {"EXEC"});
  wait_ms(700);
  EXPECT_EQ(claimed(client), "");
  wait_ms(500);
  EXPECT_EQ(claimed(client), key + " 4-0*1");
}

TEST_P(ClaimTest, SeveralStreamsOnSeveralShards) {
  const std::string a = key_on(0, "a");
  const std::string b = key_on(1, "b");
  const std::string c = key_on(2, "c");
  MemoryClient client = connect(1);
  MemoryClient other = connect(2);
  make(other, a, 0);
  make(other, b, 1);
  wait_ms(300);
  make(other, c, 1);
  wait_for_claim(client, "c", "1000", {a, b, c});
  wait_ms(500);
  EXPECT_EQ(claimed(client), "");
  wait_ms(300);
  EXPECT_EQ(claimed(client), b + " 1-0*1");
  EXPECT_EQ(records(), 0U);
  wait_for_claim(client, "c", "1000", {a, b, c});
  EXPECT_EQ(records(), 3U);
  wait_ms(300);
  EXPECT_EQ(claimed(client), c + " 1-0*1");
  EXPECT_EQ(records(), 0U);
}

TEST_P(ClaimTest, WaitsThatEndOtherwise) {
  const std::string key = key_on(1);
  MemoryClient client = connect(0);
  MemoryClient leaver = connect(2);
  MemoryClient other = connect(1);
  make(other, key, 1);
  const std::string id = id_of(client);
  wait_for_claim(leaver, "leaver", "1000", {key});
  wait_for_claim(client, "c", "1000", {key}, "500");
  leaver.reset();
  wait_ms(600);
  EXPECT_EQ(claimed(client), "nil");
  wait_for_claim(client, "c", "1000", {key});
  run(other, {"CLIENT", "UNBLOCK", id});
  EXPECT_EQ(claimed(client), "nil");
  EXPECT_EQ(records(), 0U);
  wait_ms(600);
  EXPECT_EQ(run(other, {"XPENDING", key, "g", "IDLE", "1000", "-", "+", "9", "somebody"})
                .starts_with("*1\r\n"),
            true);
  wait_for_claim(client, "c", "5000", {key});
  run(other, {"XGROUP", "DESTROY", key, "g"});
  EXPECT_EQ(client.take(),
            "-NOGROUP the consumer group this client was blocked on no longer exists\r\n");
  // A transaction does not wait.
  make(other, key, 0);
  EXPECT_EQ(run_all(client, {{"MULTI"},
                             {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "CLAIM", "100000",
                              "STREAMS", key, ">"},
                             {"EXEC"}}),
            "+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n");
}

// Claiming is a write, though nobody writes at that moment.
TEST_P(ClaimTest, APauseHoldsItBack) {
  const std::string key = key_on(1);
  MemoryClient client = connect(0);
  MemoryClient other = connect(2);
  make(other, key, 1);
  wait_for_claim(client, "c", "500", {key});
  run(other, {"CLIENT", "PAUSE", "2000", "WRITE"});
  wait_ms(1000);
  EXPECT_EQ(claimed(client), "");
  wait_ms(1200);
  EXPECT_EQ(claimed(client), key + " 1-0*1");
}

TEST_P(ClaimTest, WhatIsGoneFromTheStreamIsForgotten) {
  const std::string key = key_on(1);
  MemoryClient client = connect(0);
  MemoryClient other = connect(2);
  make(other, key, 2);
  run(other, {"XTRIM", key, "MAXLEN", "0"});
  wait_for_claim(client, "c", "500", {key});
  wait_ms(700);
  EXPECT_EQ(claimed(client), "");
  EXPECT_EQ(run(other, {"XPENDING", key, "g"}), "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n");
  // Also when there are more than one look forgets.
  client.reset();
  settle();
  MemoryClient near = connect(1);
  std::vector<Request> many;
  for (int i = 3; i < 10'000; ++i) {
    many.push_back({"XADD", key, std::to_string(i) + "-0", "f", "v"});
  }
  many.push_back({"XREADGROUP", "GROUP", "g", "d", "STREAMS", key, ">"});
  many.push_back({"XTRIM", key, "MAXLEN", "1"});
  run_all(near, many);
  MemoryClient late = connect(0);
  wait_for_claim(late, "late", "500", {key});
  for (int i = 0; i < 4; ++i) {
    wait_ms(300);
  }
  EXPECT_EQ(claimed(late), key + " 9999-0*1");
  EXPECT_EQ(run(near, {"XPENDING", key, "g", "-", "+", "9", "d"}), "*0\r\n");
}

TEST_P(BlockingTest, TheLastEntryOfAStreamThatIsEmpty) {
  const std::string key = key_on(1);
  MemoryClient client = connect(0);
  MemoryClient other = connect(2);
  run(other, {"XADD", key, "5-0", "f", "v"});
  run(other, {"XDEL", key, "5"});
  EXPECT_EQ(run(client, {"XREAD", "BLOCK", "0", "STREAMS", key, "+"}), "");
  run_all(other, {{"MULTI"}, {"XADD", key, "6-0", "f", "v"}, {"XADD", key, "7-0", "f", "v"},
                  {"EXEC"}});
  const std::string entry = "-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
  EXPECT_EQ(more(client), "*1\r\n*2\r\n$" + std::to_string(key.size()) + "\r\n" + key +
                              "\r\n*2\r\n*2\r\n$3\r\n6" + entry + "*2\r\n$3\r\n7" + entry);
}

}  // namespace
}  // namespace pollux
