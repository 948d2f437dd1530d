// CLIENT over whole engines, stepped: pauses, waits that are ended from elsewhere, traces that are
// not left. What the filters of LIST and KILL read is client_list_test's.
#include <gtest/gtest.h>

#include <string>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"

namespace pollux {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : scheduler({.workers = 3, .config = "enable-debug-command yes"}) {
    log_open("/dev/null");
    for (int i = 0; i < 3; ++i) {
      scheduler.clock().set_skew_us(i, 0);
      scheduler.sim().transport(i).set_exact(true);
    }
  }
  ~ClientTest() override {
    for (MemoryClient* client : {&one, &two, &three}) {
      client->reset();
    }
    scheduler.clock().advance_us(1'000'000'000);
    EXPECT_TRUE(scheduler.run_until_quiet());
    EXPECT_EQ(scheduler.sim().leaks(), "");
  }

  std::string run(MemoryClient& client, const Request& request) {
    client.send_whole(encode(request));
    return more(client);
  }
  std::string more(MemoryClient& client) {
    EXPECT_TRUE(scheduler.run_until_quiet());
    return client.take();
  }
  // Nothing need be under way for time to have its effects: everybody gets some turns.
  void wait_ms(int64_t ms) {
    scheduler.clock().advance_us(ms * 1000);
    scheduler.run_turns(2);
    EXPECT_TRUE(scheduler.run_until_quiet());
  }
  std::string key(int worker) { return scheduler.sim().key_on(worker, "k"); }
  // The field of CLIENT LIST's line for this connection.
  std::string field(MemoryClient& client, const std::string& name) {
    const std::string line = " " + run(client, {"CLIENT", "INFO"});
    const size_t at = line.find(" " + name + "=") + name.size() + 2;
    return line.substr(at, line.find_first_of(" \n", at) - at);
  }
  // The same, of one that rests meanwhile.
  size_t memory_of(const std::string& id, MemoryClient& asks) {
    const std::string line = run(asks, {"CLIENT", "LIST", "ID", id});
    const size_t at = line.find(" tot-mem=");
    EXPECT_NE(at, std::string::npos) << line;
    return at == std::string::npos ? 0 : std::stoul(line.substr(at + 9));
  }
  int64_t blocked() {
    int64_t count = 0;
    for (int i = 0; i < 3; ++i) {
      count += scheduler.engine().core(i).blocked_clients.get();
    }
    return count;
  }

  Scheduler scheduler;
  MemoryClient one = scheduler.connect(0);
  MemoryClient two = scheduler.connect(1);
  MemoryClient three = scheduler.connect(2);
};

TEST_F(ClientTest, PauseWriteHoldsWritesBackAndLetsReadsPass) {
  EXPECT_EQ(run(one, {"CLIENT", "PAUSE", "1000", "WRITE"}), "+OK\r\n");
  EXPECT_EQ(run(two, {"SET", key(0), "1"}), "");
  EXPECT_EQ(run(three, {"MSET", key(0), "2", key(1), "2"}), "");
  EXPECT_EQ(run(one, {"GET", key(0)}), "$-1\r\n");
  EXPECT_EQ(blocked(), 2);
  wait_ms(900);
  EXPECT_EQ(two.take() + three.take(), "");
  wait_ms(101);
  EXPECT_EQ(two.take() + three.take(), "+OK\r\n+OK\r\n");
  EXPECT_EQ(blocked(), 0);
}

TEST_F(ClientTest, PauseHoldsEverythingButWhatIsWrong) {
  EXPECT_EQ(run(one, {"CLIENT", "PAUSE", "1000"}), "+OK\r\n");
  EXPECT_EQ(run(two, {"PING"}), "");
  EXPECT_EQ(run(one, {"CLIENT", "UNPAUSE"}), "");
  EXPECT_EQ(run(three, {"GET"}), "-ERR wrong number of arguments for 'get' command\r\n");
  wait_ms(1001);
  EXPECT_EQ(one.take() + two.take(), "+OK\r\n+PONG\r\n");
}

TEST_F(ClientTest, UnpauseLetsGoInOrder) {
  EXPECT_EQ(run(one, {"CLIENT", "PAUSE", "1000", "WRITE"}), "+OK\r\n");
  EXPECT_EQ(run(two, {"APPEND", key(1), "a"}), "");
  two.send_whole(encode({"APPEND", key(1), "b"}) + encode({"GET", key(1)}));
  EXPECT_EQ(more(two), "");
  EXPECT_EQ(run(one, {"CLIENT", "UNPAUSE"}), "+OK\r\n");
  EXPECT_EQ(two.take(), ":1\r\n:2\r\n$2\r\nab\r\n");
}

TEST_F(ClientTest, APauseOnTopOfAnotherNeitherShortensNorWeakensIt) {
  run(one, {"CLIENT", "PAUSE", "1000", "WRITE"});
  run(one, {"CLIENT", "PAUSE", "100", "WRITE"});
  EXPECT_EQ(run(two, {"SET", key(0), "1"}), "");
  wait_ms(900);
  EXPECT_EQ(two.take(), "");
  run(one, {"CLIENT", "PAUSE", "10", "ALL"});
  EXPECT_EQ(run(three, {"PING"}), "");
  wait_ms(50);  // ALL, to the end of the first
  EXPECT_EQ(three.take(), "");
  wait_ms(51);
  EXPECT_EQ(three.take(), "+PONG\r\n");
  EXPECT_EQ(two.take(), "+OK\r\n");
}

TEST_F(ClientTest, WhatExpiresDuringAPauseIsNotSeenAndStays) {
  run(one, {"SET", key(1), "1", "PX", "100"});
  run(one, {"CLIENT", "PAUSE", "1000", "WRITE"});
  wait_ms(500);
  EXPECT_EQ(run(two, {"GET", key(1)}), "$-1\r\n");
  EXPECT_EQ(run(three, {"EXISTS", key(1)}), ":0\r\n");
  EXPECT_EQ(run(one, {"DBSIZE"}), ":1\r\n");
  wait_ms(600);
  EXPECT_EQ(run(one, {"DBSIZE"}), ":0\r\n");
}

TEST_F(ClientTest, ThePausedLeaveWhenTheyLike) {
  run(one, {"CLIENT", "PAUSE", "100000", "WRITE"});
  EXPECT_EQ(run(two, {"SET", key(0), "1"}), "");
  two.half_close();
  EXPECT_EQ(run(three, {"SET", key(0), "1"}), "");
  const std::string all = run(one, {"CLIENT", "LIST"});
  EXPECT_NE(all.find("flags=b"), std::string::npos);
  EXPECT_TRUE(two.closed());
  EXPECT_EQ(run(one, {"CLIENT", "KILL", "SKIPME", "yes"}), ":1\r\n");
  EXPECT_TRUE(three.closed());
  EXPECT_EQ(blocked(), 0);
  EXPECT_EQ(run(one, {"CLIENT", "UNPAUSE"}), "+OK\r\n");
  EXPECT_EQ(run(one, {"EXISTS", key(0)}), ":0\r\n");
}

TEST_F(ClientTest, ThePausedAreNotIdle) {
  run(one, {"CONFIG", "SET", "timeout", "10"});
  run(one, {"CLIENT", "PAUSE", "60000", "WRITE"});
  EXPECT_EQ(run(two, {"SET", key(0), "1"}), "");
  for (int i = 0; i < 30; ++i) {
    run(one, {"PING"});
    wait_ms(1000);
  }
  EXPECT_FALSE(two.closed());
  EXPECT_TRUE(three.closed());
}

// The pause waits for what was begun before it: a write is behind it only once it is answered.
TEST_F(ClientTest, NoWriteRunsBehindThePausesReply) {
  for (int i = 0; i < 300; ++i) {
    two.send(encode({"INCR", key(0)}) + encode({"INCR", key(2)}));
    three.send(encode({"MSET", key(0), "1", key(1), "1"}) + encode({"INCR", key(1)}));
    one.send(encode({"CLIENT", "PAUSE", "1000", "WRITE"}));
    std::string reply;
    ASSERT_TRUE(scheduler.run_until([&] { return (reply += one.take()).ends_with('\n'); }));
    EXPECT_EQ(reply, "+OK\r\n");
    const Request read = {"MGET", key(0), key(1), key(2)};
    const std::string before = run(one, read);
    EXPECT_EQ(run(one, read), before);
    EXPECT_EQ(run(one, {"CLIENT", "UNPAUSE"}), "+OK\r\n");
    two.take();
    three.take();
  }
}

TEST_F(ClientTest, UnblockEndsAWaitOfAnyWorker) {
  const std::string id = run(three, {"CLIENT", "ID"}).substr(1);
  const std::string number = id.substr(0, id.find('\r'));
  EXPECT_EQ(run(one, {"CLIENT", "UNBLOCK", number}), ":0\r\n");
  EXPECT_EQ(run(three, {"BLPOP", key(0), "0"}), "");
  EXPECT_EQ(blocked(), 1);
  EXPECT_EQ(run(one, {"CLIENT", "UNBLOCK", number}), ":1\r\n");
  EXPECT_EQ(three.take(), "*-1\r\n");
  EXPECT_EQ(blocked(), 0);
  EXPECT_EQ(run(one, {"CLIENT", "UNBLOCK", number, "ERROR"}), ":0\r\n");
  EXPECT_EQ(run(three, {"BLPOP", key(2), "0"}), "");
  EXPECT_EQ(run(two, {"CLIENT", "UNBLOCK", number, "error"}), ":1\r\n");
  EXPECT_EQ(three.take(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
}

TEST_F(ClientTest, UnblockDoesNotUnpause) {
  const std::string id = run(two, {"CLIENT", "ID"}).substr(1);
  run(one, {"CLIENT", "PAUSE", "1000", "WRITE"});
  EXPECT_EQ(run(two, {"SET", key(0), "1"}), "");
  EXPECT_EQ(run(one, {"CLIENT", "UNBLOCK", id.substr(0, id.find('\r')), "ERROR"}), ":0\r\n");
  EXPECT_EQ(two.take(), "");
}

TEST_F(ClientTest, NoTouchLeavesAccessTimesAlone) {
  for (const int worker : {0, 1, 2}) {
    run(one, {"SET", key(worker), "1"});
  }
  wait_ms(100'000);
  EXPECT_EQ(run(one, {"CLIENT", "NO-TOUCH", "ON"}), "+OK\r\n");
  EXPECT_EQ(run(one, {"MGET", key(0), key(1)}), "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
  EXPECT_EQ(run(one, {"GET", key(0)}), "$1\r\n1\r\n");
  EXPECT_EQ(run(one, {"GET", key(1)}), "$1\r\n1\r\n");
  EXPECT_EQ(run(two, {"OBJECT", "IDLETIME", key(0)}), ":100\r\n");
  EXPECT_EQ(run(two, {"OBJECT", "IDLETIME", key(1)}), ":100\r\n");
  EXPECT_EQ(run(one, {"TOUCH", key(1)}), ":1\r\n");  // this one means it
  EXPECT_EQ(run(two, {"OBJECT", "IDLETIME", key(1)}), ":0\r\n");
  EXPECT_EQ(run(one, {"CLIENT", "NO-TOUCH", "OFF"}), "+OK\r\n");
  EXPECT_EQ(run(one, {"GET", key(0)}), "$1\r\n1\r\n");
  EXPECT_EQ(run(two, {"OBJECT", "IDLETIME", key(0)}), ":0\r\n");
}

TEST_F(ClientTest, ListCountsTheRequestThatAsks) {
  EXPECT_EQ(field(one, "qbuf"), "26");
  EXPECT_EQ(field(one, "argv-mem"), "10");
  EXPECT_EQ(field(one, "cmd"), "client|info");
  EXPECT_EQ(field(one, "obl"), "0");
  const std::string all = run(one, {"CLIENT", "LIST"});
  EXPECT_NE(all.find("qbuf=26 "), std::string::npos);
  EXPECT_NE(all.find("qbuf=0 "), std::string::npos);
}

TEST_F(ClientTest, WhoRestsKeepsNoMemoryOfWhatItHasSaid) {
  std::string id = run(one, {"CLIENT", "ID"});
  id = id.substr(1, id.size() - 3);
  const size_t before = memory_of(id, two);
  one.send_whole("SET k \"" + std::string(60'000, 'v') + "\"\r\n");
  EXPECT_EQ(more(one), "+OK\r\n");
  EXPECT_EQ(memory_of(id, two), before);
  run(one, {"CLIENT", "SETNAME", std::string(100'000, 'n')});
  EXPECT_GT(memory_of(id, two), before + 100'000);
  run(one, {"CLIENT", "SETNAME", "short"});
  EXPECT_LT(memory_of(id, two), before + 1'000);
  run(one, {"CLIENT", "SETNAME", ""});
  EXPECT_EQ(memory_of(id, two), before);
}

}  // namespace
}  // namespace pollux
