#include "dataplane/sim/scheduler.h"

#include <gtest/gtest.h>

#include <string>

#include "dataplane/sim/history_checker.h"
#include "dataplane/sim/test_client.h"

namespace pollux {
namespace {

// All that comes back, with the number of phases at which it came: a run's fingerprint.
std::string fingerprint(uint64_t seed) {
  Scheduler scheduler({.workers = 3, .seed = seed, .cells_per_channel = 2});
  MemoryClient clients[2] = {scheduler.connect(0), scheduler.connect(1)};
  for (MemoryClient& client : clients) {
    for (int i = 0; i < 20; ++i) {
      client.send(encode({"INCR", "a"}) + encode({"INCR", "b"}) + encode({"MGET", "a", "b", "c"}));
    }
  }
  std::string all;
  EXPECT_TRUE(scheduler.run_until([&] {
    for (MemoryClient& client : clients) {
      const std::string bytes = client.take();
      if (!bytes.empty()) {
        all += std::to_string(scheduler.phases()) + ":" + bytes;
      }
    }
    return scheduler.quiet();
  }));
  return all;
}

TEST(SchedulerTest, TheSameSeedGivesTheSameRun) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(fingerprint(seed), fingerprint(seed));
  }
}

TEST(SchedulerTest, OtherSeedsGiveOtherRuns) { EXPECT_NE(fingerprint(1), fingerprint(2)); }

// Each takes the newest configuration at the begin of its turn.
TEST(SchedulerTest, EachWorkerHasItsTurnsHoweverRarelyItIsChosen) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Scheduler scheduler({.workers = 4, .seed = seed});
    for (int i = 1; i <= 10; ++i) {
      scheduler.sim().config().change([i](Config& config) { config.timeout_s = i; });
      scheduler.run_turns(1);
      for (int worker = 0; worker < 4; ++worker) {
        EXPECT_EQ(scheduler.engine().worker(worker).config().timeout_s, i) << seed;
      }
    }
  }
}

TEST(SchedulerTest, AnEngineThatWaitsForAClientIsQuiet) {
  Scheduler scheduler({});
  MemoryClient client = scheduler.connect(1);
  client.send_whole("*1\r\n$4\r\nPI");
  EXPECT_TRUE(scheduler.run_until_quiet());
  EXPECT_EQ(client.take(), "");
  client.send_whole("NG\r\n");
  EXPECT_FALSE(scheduler.quiet());
  EXPECT_TRUE(scheduler.run_until_quiet());
  EXPECT_EQ(client.take(), "+PONG\r\n");
}

TEST(SchedulerTest, AnEngineThatOwesItsJournalAChangeIsNotQuiet) {
  HistoryChecker history(1);
  Scheduler scheduler({.workers = 1, .journal = &history.journal()});
  MemoryClient client = scheduler.connect(0);
  client.send_whole(encode({"SET", "k", "v", "PX", "1000"}));
  EXPECT_TRUE(scheduler.run_until_quiet());
  scheduler.clock().advance_us(2'000'000);
  Worker& worker = scheduler.engine().worker(0);
  for (const Phase phase : {Phase::kPoll, Phase::kMailbox, Phase::kTick}) {
    worker.step(phase);
  }
  EXPECT_EQ(history.journal().drawn().value, 2U);
  EXPECT_FALSE(scheduler.quiet());
  worker.step(Phase::kFlush);
  EXPECT_TRUE(scheduler.quiet());
  EXPECT_TRUE(history.dense());
}

TEST(SchedulerTest, KeysAreFoundOnEveryWorker) {
  Scheduler scheduler({.workers = 4});
  for (int worker = 0; worker < 4; ++worker) {
    EXPECT_EQ(scheduler.sim().owner_of(scheduler.sim().key_on(worker, "k")), worker);
  }
}

TEST(SchedulerTest, WhatHasNotComeHomeIsReported) {
  Scheduler scheduler({});
  MemoryClient client = scheduler.connect(0);
  client.send("PING\r\n");
  EXPECT_TRUE(scheduler.run_until_quiet());
  EXPECT_NE(scheduler.sim().leaks(), "");
  client.half_close();
  EXPECT_TRUE(scheduler.run_until_quiet());
  EXPECT_EQ(scheduler.sim().leaks(), "");
}

}  // namespace
}  // namespace pollux
