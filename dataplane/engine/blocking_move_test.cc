// Commands that wait for an element and move it on (BLMOVE and its kin), over several shards: a
// write and all that it sets in motion are one step. And waits that holders of two shards look at
// in the same moment.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/engine/waiter.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"

namespace pollux {
namespace {

class BlockingMoveTest : public testing::Test {
 protected:
  BlockingMoveTest() {
    log_open("/dev/null");
    for (int i = 0; i < 4; ++i) {
      scheduler.sim().transport(i).set_exact(true);
    }
  }
  ~BlockingMoveTest() override {
    for (MemoryClient& client : clients) {
      client.reset();
    }
    EXPECT_TRUE(scheduler.run_until_quiet());
    EXPECT_EQ(scheduler.sim().leaks(), "");
  }

  MemoryClient connect(int worker) {
    clients.push_back(scheduler.connect(worker));
    return clients.back();
  }
  std::string more(MemoryClient& client) {
    EXPECT_TRUE(scheduler.run_until_quiet());
    return client.take();
  }
  std::string run(MemoryClient& client, const std::vector<Request>& requests) {
    std::string bytes;
    for (const Request& request : requests) {
      bytes += encode(request);
    }
    client.send_whole(bytes);
    return more(client);
  }
  std::string key(int worker, const std::string& name = "k") {
    return scheduler.sim().key_on(worker, name);
  }
  int64_t leases() { return scheduler.engine().sum(&CoreBlock::leases); }

  Scheduler scheduler{{.workers = 4}};
  std::vector<MemoryClient> clients;
};

const char* const kX = "$1\r\nx\r\n";

// The push runs where the list is, for whomever, and takes the other shard with it.
TEST_F(BlockingMoveTest, APushTakesTheTargetsShardAlong) {
  for (int home = 0; home < 4; ++home) {
    for (int pusher_at = 0; pusher_at < 4; ++pusher_at) {
      MemoryClient mover = connect(home);
      MemoryClient pusher = connect(pusher_at);
      EXPECT_EQ(run(mover, {{"BRPOPLPUSH", key(0), key(1), "0"}}), "");
      const int64_t before = leases();
      EXPECT_EQ(run(pusher, {{"RPUSH", key(0), "x"}, {"LLEN", key(0)}}), ":1\r\n:0\r\n");
      EXPECT_EQ(leases(), before + 1);
      EXPECT_EQ(more(mover), kX);
      EXPECT_EQ(run(pusher, {{"LPOP", key(1)}}), kX);
      // Nobody waits any more: no leases.
      const int64_t after = leases();
      run(pusher, {{"RPUSH", key(0), "x"}, {"DEL", key(0)}});
      EXPECT_EQ(leases(), after);
    }
  }
}

TEST_F(BlockingMoveTest, OtherKeysOfTheShardAreNotConcerned) {
  MemoryClient mover = connect(2);
  MemoryClient pusher = connect(3);
  EXPECT_EQ(run(mover, {{"BLMOVE", key(0), key(1), "LEFT", "LEFT", "0"}}), "");
  const int64_t before = leases();
  EXPECT_EQ(run(pusher, {{"RPUSH", key(0, "other"), "x"}, {"LPOP", key(0, "other")}}),
            std::string(":1\r\n") + kX);
  EXPECT_EQ(leases(), before);
}

// A chain over all shards: one write, one step, wherever it begins.
TEST_F(BlockingMoveTest, AChainIsOneStep) {
  std::vector<MemoryClient> movers;
  for (int i = 2; i >= 0; --i) {
    movers.push_back(connect(3 - i));
    EXPECT_EQ(run(movers.back(), {{"BLMOVE", key(i), key(i + 1), "LEFT", "RIGHT", "0"}}), "");
  }
  MemoryClient pusher = connect(2);
  EXPECT_EQ(run(pusher, {{"RPUSH", key(0), "x"}, {"LRANGE", key(3), "0", "-1"}}),
            std::string(":1\r\n*1\r\n") + kX);
  for (MemoryClient& mover : movers) {
    EXPECT_EQ(more(mover), kX);
  }
}

TEST_F(BlockingMoveTest, AChainThroughTheSameShard) {
  MemoryClient first = connect(1);
  MemoryClient second = connect(3);
  EXPECT_EQ(run(first, {{"BLMOVE", key(0, "a"), key(0, "b"), "LEFT", "RIGHT", "0"}}), "");
  EXPECT_EQ(run(second, {{"BLMOVE", key(0, "b"), key(2), "LEFT", "RIGHT", "0"}}), "");
  MemoryClient pusher = connect(0);
  EXPECT_EQ(run(pusher, {{"RPUSH", key(0, "a"), "x"}, {"LLEN", key(2)}}), ":1\r\n:1\r\n");
  EXPECT_EQ(more(first), kX);
  EXPECT_EQ(more(second), kX);
}

TEST_F(BlockingMoveTest, ARingComesToRest) {
  MemoryClient first = connect(1);
  MemoryClient second = connect(2);
  EXPECT_EQ(run(first, {{"BLMOVE", key(0), key(1), "LEFT", "RIGHT", "0"}}), "");
  EXPECT_EQ(run(second, {{"BLMOVE", key(1), key(0), "LEFT", "RIGHT", "0"}}), "");
  MemoryClient pusher = connect(3);
  EXPECT_EQ(run(pusher, {{"RPUSH", key(0), "x"}, {"LLEN", key(0)}, {"LLEN", key(1)}}),
            ":1\r\n:1\r\n:0\r\n");
  EXPECT_EQ(more(first), kX);
  EXPECT_EQ(more(second), kX);
  // To itself: turned around.
  EXPECT_EQ(run(first, {{"BLMOVE", key(2), key(2), "LEFT", "RIGHT", "0"}}), "");
  EXPECT_EQ(run(pusher, {{"RPUSH", key(2), "x", "y"}, {"LRANGE", key(2), "0", "-1"}}),
            std::string(":2\r\n*2\r\n$1\r\ny\r\n") + kX);
  EXPECT_EQ(more(first), kX);
}

// What the client sent behind the write runs behind it, though the write had to wait for a lease
// at its shard.
TEST_F(BlockingMoveTest, TheWritersOrderHolds) {
  for (const int home : {0, 2}) {
    MemoryClient mover = connect(1);
    MemoryClient writer = connect(home);
    EXPECT_EQ(run(mover, {{"BLMOVE", key(0), key(1), "LEFT", "RIGHT", "0"}}), "");
    const std::string s = key(0, "s");
    EXPECT_EQ(run(writer, {{"SET", s, "1"}, {"RPUSH", key(0), "x"}, {"APPEND", s, "2"},
                           {"LLEN", key(0)}, {"GET", s}, {"LPOP", key(1)}, {"APPEND", s, "3"}}),
              std::string("+OK\r\n:1\r\n:2\r\n:0\r\n$2\r\n12\r\n") + kX + ":3\r\n");
    EXPECT_EQ(more(mover), kX);
  }
}

TEST_F(BlockingMoveTest, TransactionsTakeTheShardsAlongToo) {
  for (int home = 0; home < 4; ++home) {
    MemoryClient mover = connect(1);
    MemoryClient further = connect(2);
    MemoryClient writer = connect(home);
    // All keys on one shard; then two; then one that touches the session.
    for (const Request& second :
         {Request{"LLEN", key(0)}, Request{"LLEN", key(3)}, Request{"ECHO", "1"}}) {
      EXPECT_EQ(run(mover, {{"BLMOVE", key(0), key(1), "LEFT", "RIGHT", "0"}}), "");
      EXPECT_EQ(run(further, {{"BLMOVE", key(1), key(2), "LEFT", "RIGHT", "0"}}), "");
      run(writer, {{"MULTI"}, {"RPUSH", key(0), "x"}, second, {"EXEC"}});
      EXPECT_EQ(more(mover), kX);
      EXPECT_EQ(more(further), kX);
      EXPECT_EQ(run(writer, {{"EXISTS", key(0), key(1)}, {"LPOP", key(2)}}),
                std::string(":0\r\n") + kX);
    }
  }
}

// Requests of many sessions of the same worker, behind one that must wait, and parks between them.
TEST_F(BlockingMoveTest, WhoComesBehindAHeldRequestIsServed) {
  MemoryClient mover = connect(3);
  std::vector<MemoryClient> others;
  for (int i = 0; i < 6; ++i) {
    others.push_back(connect(i % 4));
  }
  for (int round = 0; round < 50; ++round) {
    mover.send(encode({"BLMOVE", key(0), key(1), "LEFT", "RIGHT", "0"}));
    for (size_t i = 0; i < others.size(); ++i) {
      const std::string n = key(0, "n" + std::to_string(i));
      others[i].send(encode({"INCR", n}) + encode({"MSET", n, "5", key(2), "6"}) +
                     encode({"INCR", n}));
    }
    others[0].send(encode({"RPUSH", key(0), "x"}));
    ASSERT_TRUE(scheduler.run_until_quiet());
    EXPECT_EQ(mover.take(), kX);
    for (MemoryClient& other : others) {
      other.take();
    }
    EXPECT_EQ(run(others[1], {{"DEL", key(0), key(1)}}), ":1\r\n");
  }
}

TEST_F(BlockingMoveTest, WaitsForAsManyAsItWants) {
  MemoryClient all = connect(1);
  MemoryClient one = connect(2);
  MemoryClient pusher = connect(3);
  EXPECT_EQ(run(all, {{"BLMOVEM", key(0), key(1), "LEFT", "RIGHT", "0", "EXACTLY", "3", "BULK"}}),
            "");
  EXPECT_EQ(run(pusher, {{"RPUSH", key(0), "a", "b"}}), ":2\r\n");
  EXPECT_EQ(more(all), "");
  EXPECT_EQ(run(pusher, {{"RPUSH", key(0), "c", "d"}}), ":4\r\n");
  EXPECT_EQ(more(all), encode({"a", "b", "c"}));
  EXPECT_EQ(run(one, {{"BLMOVEM", key(0), key(1), "LEFT", "LEFT", "0"}}), encode({"d"}));
  EXPECT_EQ(run(one, {{"LRANGE", key(1), "0", "-1"}}), encode({"d", "a", "b", "c"}));
}

// Who is the second must come again, because the first may find nothing for the wait after all.
TEST_F(BlockingMoveTest, WhatChangesWhileAnotherShardLooksAtTheWaitIsSeen) {
  MemoryClient reader = connect(2);
  MemoryClient writer = connect(3);
  EXPECT_EQ(run(reader, {{"XREAD", "BLOCK", "0", "STREAMS", key(0), key(1), "5-0", "0"}}), "");
  WaitTable& waits = scheduler.engine().side(ShardId{1}).waits();
  const std::string other = key(1);
  Waiter& waiter = *waits.find(0, Key::of(other))->records.front().waiter;
  ASSERT_TRUE(waiter.claim(waiter.id()));  // as for an entry of key(0) whose id is smaller
  EXPECT_EQ(run(writer, {{"XADD", other, "1-1", "f", "v"}}), "$3\r\n1-1\r\n");
  for (const bool over : {false, true}) {
    if (over) {
      waiter.unclaim();
    }
    scheduler.clock().advance_us(5'000);
    scheduler.run_turns(2);
    EXPECT_EQ(more(reader).find("1-1") != std::string::npos, over);
  }
  EXPECT_EQ(waits.records(), 0U);
}

}  // namespace
}  // namespace pollux
