// Whole engines over the in-memory transport, stepped: what one connection may do and what the
// engine does about it. What concurrent connections see of each other is tests/sim's.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"
#include "src/base/sanitized.h"

namespace pollux {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

class Bench {
 public:
  explicit Bench(const std::string& config = {}, int workers = 3)
      : scheduler({.workers = workers, .config = config}) {
    log_open("/dev/null");
    for (int i = 0; i < workers; ++i) {
      scheduler.sim().transport(i).set_exact(true);
    }
  }

  MemoryClient connect(int worker = 0) { return scheduler.connect(worker); }
  void settle() { EXPECT_TRUE(scheduler.run_until_quiet()); }
  // Sends, lets everything happen, returns what came back.
  std::string talk(MemoryClient& client, std::string_view bytes) {
    client.send_whole(bytes);
    settle();
    return client.take();
  }
  std::string run(MemoryClient& client, const Request& request) {
    return talk(client, encode(request));
  }
  void expect_no_leaks() {
    settle();
    EXPECT_EQ(scheduler.sim().leaks(), "");
  }

  Scheduler scheduler;
};

std::string bulk(const std::string& bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + bytes + "\r\n";
}

TEST(EngineTest, AProtocolErrorIsAnsweredAfterWhatCameBefore) {
  Bench bench;
  MemoryClient client = bench.connect();
  const std::string key = bench.scheduler.sim().key_on(1, "k");
  const std::string bytes = encode({"SET", key, "1"}) + encode({"GET", key}) + "*1\r\nx\r\n" +
                            encode({"SET", key, "2"});
  EXPECT_EQ(bench.talk(client, bytes),
            "+OK\r\n$1\r\n1\r\n-ERR Protocol error: expected '$', got 'x'\r\n");
  EXPECT_TRUE(client.closed());
  MemoryClient other = bench.connect();
  EXPECT_EQ(bench.run(other, {"GET", key}), bulk("1"));
}

TEST(EngineTest, QuitIsAnsweredAndWhatFollowsIsNot) {
  Bench bench;
  MemoryClient client = bench.connect();
  const std::string key = bench.scheduler.sim().key_on(1, "k");
  EXPECT_EQ(bench.talk(client, encode({"SET", key, "1"}) + encode({"QUIT"}) +
                                   encode({"SET", key, "2"})),
            "+OK\r\n+OK\r\n");
  EXPECT_TRUE(client.closed());
  MemoryClient other = bench.connect();
  EXPECT_EQ(bench.run(other, {"GET", key}), bulk("1"));
  other.reset();
  bench.expect_no_leaks();
}

// A pipeline that meets everything: in place, in cells, under a lease, on a tour, errors.
std::string mixed_pipeline(const SimEngine& sim) {
  const std::string here = sim.key_on(0, "here");
  const std::string there = sim.key_on(1, "there");
  const std::string far = sim.key_on(2, "far");
  return encode({"SET", here, "1"}) + encode({"SET", there, std::string(300, 'x')}) +
         "ECHO \"a b\"\r\n" + encode({"MSET", far, "3", there, "4"}) +
         encode({"MGET", here, there, far}) + "PING\r\n" + encode({"INCR", there}) +
         encode({"DBSIZE"}) + encode({"NOSUCH", "x"}) + encode({"GET"}) + "\r\n" +
         encode({"RENAME", far, here}) + encode({"GET", here}) + encode({"EXISTS", here, far}) +
         encode({"APPEND", far, std::string(2000, 'y')}) + encode({"STRLEN", far}) +
         encode({"GET", there}) + encode({"QUIT"});
}

TEST(EngineTest, APipelineSplitAtAnyByteGetsTheSameReplies) {
  std::string whole;
  {
    Bench bench;
    MemoryClient client = bench.connect();
    whole = bench.talk(client, mixed_pipeline(bench.scheduler.sim()));
    ASSERT_NE(whole.find("\r\n:2000\r\n$1\r\n5\r\n+OK\r\n"), std::string::npos) << whole;
  }
  Bench bench;
  const std::string bytes = mixed_pipeline(bench.scheduler.sim());
  for (size_t cut = 1; cut < bytes.size(); cut += kSanitized ? 3 : 1) {
    MemoryClient client = bench.connect();
    client.send_whole(encode({"FLUSHALL"}));
    client.send_whole(bytes.substr(0, cut));
    if (cut % 2 == 0) {
      bench.settle();  // else the halves may meet in one poll
    }
    EXPECT_EQ((client.send_whole(bytes.substr(cut)), bench.settle(), client.take()),
              "+OK\r\n" + whole)
        << "cut at " << cut;
    ASSERT_TRUE(client.closed());
  }
  bench.expect_no_leaks();
}

TEST(EngineTest, APipelineByteByByteGetsTheSameReplies) {
  Bench bench;
  MemoryClient client = bench.connect();
  const std::string bytes = mixed_pipeline(bench.scheduler.sim());
  std::string replies;
  for (const char byte : bytes) {
    client.send_whole(std::string_view(&byte, 1));
  }
  bench.settle();
  replies = client.take();
  Bench other;
  MemoryClient again = other.connect();
  EXPECT_EQ(replies, other.talk(again, bytes));
}

TEST(EngineTest, WhatCameBeforeTheEndStillRuns) {
  Bench bench;
  MemoryClient client = bench.connect();
  std::string bytes;
  std::string replies;
  for (int i = 0; i < 30; ++i) {
    const std::string name = "k" + std::to_string(i) + ".";
    bytes += encode({"SET", bench.scheduler.sim().key_on(i % 3, name), "v"});
    replies += "+OK\r\n";
  }
  bytes += encode({"MSET", "a", "1", "b", "2", "c", "3"}) + encode({"DBSIZE"});
  client.send_whole(bytes);
  client.half_close();
  bench.settle();
  EXPECT_EQ(client.take(), replies + "+OK\r\n:33\r\n");
  EXPECT_TRUE(client.closed());
  bench.expect_no_leaks();
}

TEST(EngineTest, ABrokenConnectionWithRepliesPendingIsClosed) {
  Bench bench;
  MemoryClient client = bench.connect();
  client.set_window(0);
  client.send_whole(encode({"ECHO", std::string(100'000, 'x')}) + encode({"PING"}));
  bench.settle();
  client.reset();
  bench.expect_no_leaks();
}

TEST(EngineTest, RepliesLeaveThoughTheNextRequestMustWait) {
  Bench bench;
  MemoryClient client = bench.connect();
  const std::string there = bench.scheduler.sim().key_on(1, "k");
  client.send_whole("PING\r\n" + encode({"SET", there, "1"}) + "PING\r\n");
  for (int turn = 0; turn < 3; ++turn) {  // of worker 0 alone
    for (const Phase phase : {Phase::kPoll, Phase::kMailbox, Phase::kTick, Phase::kFlush}) {
      bench.scheduler.engine().worker(0).step(phase);
    }
  }
  EXPECT_EQ(client.take(), "+PONG\r\n");
  bench.settle();
  EXPECT_EQ(client.take(), "+OK\r\n+PONG\r\n");
}

TEST(EngineTest, ClientReplyOffAndSkipHoldOnEveryShard) {
  Bench bench;
  MemoryClient client = bench.connect();
  const SimEngine& sim = bench.scheduler.sim();
  const std::string here = sim.key_on(0, "k");
  const std::string there = sim.key_on(1, "k");
  EXPECT_EQ(bench.talk(client, encode({"CLIENT", "REPLY", "OFF"}) + encode({"SET", here, "1"}) +
                                   encode({"SET", there, "2"}) + encode({"MGET", here, there}) +
                                   encode({"DBSIZE"}) + encode({"CLIENT", "REPLY", "ON"}) +
                                   encode({"GET", there})),
            "+OK\r\n" + bulk("2"));
  EXPECT_EQ(bench.talk(client, encode({"CLIENT", "REPLY", "SKIP"}) + encode({"GET", there}) +
                                   encode({"GET", here}) + encode({"CLIENT", "REPLY", "SKIP"}) +
                                   encode({"MGET", here, there}) + encode({"PING"})),
            bulk("1") + "+PONG\r\n");
  client.reset();
  bench.expect_no_leaks();
}

TEST(EngineTest, AMutedClientThatBreaksTheProtocolIsClosed) {
  Bench bench;
  MemoryClient client = bench.connect();
  EXPECT_EQ(bench.talk(client, encode({"CLIENT", "REPLY", "OFF"}) + "*1\r\nx\r\n"), "");
  EXPECT_TRUE(client.closed());
  bench.expect_no_leaks();
}

TEST(EngineTest, AClientOverItsHardOutputLimitIsClosed) {
  Bench bench("client-output-buffer-limit normal 100000 0 0");
  MemoryClient client = bench.connect();
  const std::string there = bench.scheduler.sim().key_on(1, "k");
  EXPECT_EQ(bench.run(client, {"SET", there, std::string(20'000, 'v')}), "+OK\r\n");
  client.set_window(0);
  for (int i = 0; i < 20; ++i) {
    client.send_whole(encode({"GET", there}));
  }
  bench.settle();
  EXPECT_TRUE(client.closed());
  bench.expect_no_leaks();
}

TEST(EngineTest, AnOutputLimitOfAFewBytesCanBeTakenBack) {
  Bench bench;
  MemoryClient client = bench.connect();
  const std::string option = "client-output-buffer-limit";
  EXPECT_EQ(bench.run(client, {"CONFIG", "SET", option, "normal 1 2 3"}), "+OK\r\n");
  EXPECT_EQ(bench.run(client, {"PING"}), "+PONG\r\n");
  EXPECT_EQ(bench.run(client, {"CONFIG", "SET", option, "normal 0 0 0"}), "+OK\r\n");
  client.half_close();
  bench.settle();
  bench.expect_no_leaks();
}

TEST(EngineTest, AClientOverItsSoftLimitForTooLongIsClosed) {
  Bench bench("client-output-buffer-limit normal 0 50000 2");
  MemoryClient client = bench.connect();
  client.set_window(0);
  client.send_whole(encode({"ECHO", std::string(70'000, 'v')}));
  bench.settle();
  EXPECT_FALSE(client.closed());
  for (int tenth = 0; tenth < 30; ++tenth) {
    bench.scheduler.clock().advance_us(kSecondUs / 10);
    bench.scheduler.run_turns(2);
  }
  EXPECT_TRUE(client.closed());
  bench.expect_no_leaks();
}

TEST(EngineTest, ARequestOverTheQueryBufferLimitEndsTheConnection) {
  Bench bench("client-query-buffer-limit 1mb");
  MemoryClient client = bench.connect();
  client.send_whole("*2\r\n$4\r\nECHO\r\n$3000000\r\n");
  for (int i = 0; i < 12; ++i) {
    client.send_whole(std::string(100'000, 'x'));
  }
  bench.settle();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(client.take(), "");
  bench.expect_no_leaks();
}

TEST(EngineTest, AClientTooManyIsToldAndClosed) {
  Bench bench("maxclients 2");
  MemoryClient first = bench.connect(0);
  MemoryClient second = bench.connect(1);
  bench.settle();
  MemoryClient third = bench.connect(2);
  EXPECT_EQ(bench.talk(third, encode({"PING"})), "-ERR max number of clients reached\r\n");
  EXPECT_TRUE(third.closed());
  first.reset();
  bench.settle();
  MemoryClient fourth = bench.connect(2);
  EXPECT_EQ(bench.talk(fourth, encode({"PING"})), "+PONG\r\n");
  EXPECT_EQ(bench.talk(second, encode({"PING"})), "+PONG\r\n");
}

TEST(EngineTest, WithoutAPasswordOnlyThisHostMayConnect) {
  Bench bench("protected-mode yes");
  MemoryClient stranger = bench.scheduler.sim().transport(0).connect(
      {.address = "192.0.2.7:40000", .local_address = "192.0.2.1:6379"});
  EXPECT_TRUE(bench.talk(stranger, "PING\r\n").starts_with("-DENIED "));
  EXPECT_TRUE(stranger.closed());
  Bench open("protected-mode no");
  MemoryClient guest = open.scheduler.sim().transport(0).connect(
      {.address = "192.0.2.7:40000", .local_address = "192.0.2.1:6379"});
  EXPECT_EQ(open.talk(guest, "PING\r\n"), "+PONG\r\n");
}

TEST(EngineTest, BeforeAuthOnlyAuthIsServed) {
  Bench bench("requirepass secret");
  MemoryClient client = bench.connect();
  EXPECT_EQ(bench.run(client, {"GET", "k"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(bench.talk(client, encode({"AUTH", "secret"}) + encode({"SET", "k", "1"}) +
                                   encode({"GET", "k"})),
            "+OK\r\n+OK\r\n" + bulk("1"));
}

TEST(EngineTest, OverMaxmemoryWritesAreRefusedOnEveryShardAndTheRestGoesOn) {
  Bench bench;
  MemoryClient client = bench.connect();
  const SimEngine& sim = bench.scheduler.sim();
  EXPECT_EQ(bench.run(client, {"SET", sim.key_on(2, "k"), std::string(100'000, 'v')}), "+OK\r\n");
  bench.scheduler.sim().config().change([](Config& config) { config.maxmemory = 50'000; });
  for (int worker = 0; worker < sim.workers(); ++worker) {
    EXPECT_TRUE(bench.run(client, {"SET", sim.key_on(worker, "n"), "1"}).starts_with("-OOM "));
  }
  EXPECT_TRUE(bench.run(client, {"MSET", sim.key_on(0, "n"), "1", sim.key_on(1, "n"), "1"})
                  .starts_with("-OOM "));
  EXPECT_EQ(bench.run(client, {"STRLEN", sim.key_on(2, "k")}), ":100000\r\n");
  EXPECT_EQ(bench.run(client, {"DEL", sim.key_on(2, "k")}), ":1\r\n");
  bench.scheduler.clock().advance_us(kSecondUs);
  bench.scheduler.run_turns(8);  // freeing is sliced work
  EXPECT_EQ(bench.run(client, {"SET", sim.key_on(1, "n"), "1"}), "+OK\r\n");
}

TEST(EngineTest, ASlowReaderDoesNotDisturbOthers) {
  Bench bench;
  MemoryClient slow = bench.connect();
  MemoryClient other = bench.connect();
  const std::string there = bench.scheduler.sim().key_on(1, "k");
  EXPECT_EQ(bench.run(other, {"SET", there, std::string(50'000, 'v')}), "+OK\r\n");
  slow.set_window(1000);
  std::string bytes;
  for (int i = 0; i < 50; ++i) {
    bytes += encode({"GET", there}) + encode({"MGET", there, "x"}) + encode({"DBSIZE"});
  }
  slow.send_whole(bytes);
  bench.settle();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bench.run(other, {"STRLEN", there}), ":50000\r\n");
  }
  EXPECT_FALSE(slow.closed());
  // It gets everything in the end.
  slow.set_window(SIZE_MAX);
  bench.settle();
  const std::string value = bulk(std::string(50'000, 'v'));
  std::string replies;
  for (int i = 0; i < 50; ++i) {
    replies += value + "*2\r\n" + value + "$-1\r\n:1\r\n";
  }
  EXPECT_TRUE(slow.take() == replies);
  slow.reset();
  other.reset();
  bench.expect_no_leaks();
}

TEST(EngineTest, AClientThatIsIdleTooLongIsClosed) {
  Bench bench("timeout 5");
  MemoryClient idle = bench.connect(0);
  MemoryClient busy = bench.connect(0);
  for (int tenth = 0; tenth < 100; ++tenth) {
    bench.scheduler.clock().advance_us(kSecondUs / 10);
    EXPECT_EQ(bench.run(busy, {"PING"}), "+PONG\r\n");
    bench.scheduler.run_turns(2);
  }
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(busy.closed());
}

// A key that one worker has called expired must be so for a lease that another, whose clock is
// behind, takes on it.
TEST(EngineTest, ALeaseRunsAtTheLatestClockOfItsOwners) {
  Bench bench;
  bench.scheduler.sim().config().change([](Config& config) { config.active_expiry = false; });
  for (int worker = 0; worker < 3; ++worker) {
    bench.scheduler.clock().set_skew_us(worker, 0);
  }
  MemoryClient first = bench.connect(0);
  MemoryClient last = bench.connect(2);
  const std::string key = bench.scheduler.sim().key_on(1, "k");
  const std::string other = bench.scheduler.sim().key_on(0, "k");
  EXPECT_EQ(bench.run(last, {"SET", key, "v", "PX", "100"}), "+OK\r\n");
  bench.scheduler.clock().set_skew_us(1, kSecondUs);
  // KEYS visits worker 0, then 1, whose clock is ahead, then 2; it doesn't remove what it skips.
  EXPECT_EQ(bench.run(last, {"KEYS", key}), "*0\r\n");
  EXPECT_EQ(bench.run(first, {"MGET", other, key}), "*2\r\n$-1\r\n$-1\r\n");
}

TEST(EngineTest, AnEmptyAddressNamesNobody) {
  Bench bench;
  MemoryClient client = bench.connect(0);
  MemoryClient other = bench.connect(1);
  EXPECT_EQ(bench.run(client, {"CLIENT", "KILL", ""}), "-ERR No such client\r\n");
  EXPECT_EQ(bench.run(client, {"CLIENT", "KILL", "ADDR", ""}), ":0\r\n");
  EXPECT_EQ(bench.run(client, {"CLIENT", "KILL", "LADDR", ""}), ":0\r\n");
  EXPECT_FALSE(other.closed());
}

TEST(EngineTest, ASessionKilledInTheMiddleOfItsPipelineLeavesNothingBehind) {
  Bench probe;
  const std::string bytes = mixed_pipeline(probe.scheduler.sim());
  for (size_t phases = 1; phases < 60; ++phases) {
    Bench bench;
    MemoryClient client = bench.connect();
    client.send_whole(bytes);
    bench.scheduler.run_until([] { return false; }, phases);
    Worker& worker = bench.scheduler.engine().worker(0);
    worker.for_each_session([&worker](Session& session) { worker.kill(session); });
    bench.expect_no_leaks();
    MemoryClient other = bench.connect();
    EXPECT_EQ(bench.run(other, {"PING"}), "+PONG\r\n");
  }
}

}  // namespace
}  // namespace pollux
