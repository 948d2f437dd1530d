// The limits of memory over several workers, stepped by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"
#include "src/base/sanitized.h"

namespace pollux {
namespace {

constexpr int kWorkers = 3;
constexpr int64_t kLimit = 2'000'000;
constexpr int64_t kTickUs = 62'500;  // of the LRU clock

class Bench {
 public:
  explicit Bench(const std::string& config)
      : scheduler({.workers = kWorkers,
                   .config = "maxmemory " + std::to_string(kLimit) + "\n" + config,
                   .cells_per_channel = 16}),
        client(scheduler.connect(0)) {
    log_open("/dev/null");
    for (int i = 0; i < kWorkers; ++i) {
      scheduler.sim().transport(i).set_exact(true);
    }
  }

  std::string run(const Request& request) { return run(client, request); }
  std::string run(MemoryClient& who, const Request& request) {
    who.send_whole(encode(request));
    EXPECT_TRUE(scheduler.run_until_quiet());
    return who.take();
  }
  void pass(int64_t us) {
    scheduler.clock().advance_us(us);
    scheduler.run_turns(2);
  }
  Worker& worker(int index) { return scheduler.engine().worker(index); }
  CoreBlock& core(int index) { return scheduler.engine().core(index); }
  std::string key(int worker, int number) {
    return scheduler.sim().key_on(worker, "k" + std::to_string(number) + ".");
  }
  // What the limit weighs of all shards, and what is in use.
  int64_t weighed_bytes() { return sum(&ShardStore::weighed_bytes); }
  int64_t used_bytes() { return sum(&ShardStore::used_bytes); }
  int64_t sum(int64_t (ShardStore::*bytes_of)() const) {
    int64_t bytes = 0;
    for (int i = 0; i < kWorkers; ++i) {
      bytes += (worker(i).shard().*bytes_of)();
    }
    return bytes;
  }
  int64_t evicted() {
    int64_t keys = 0;
    for (int i = 0; i < kWorkers; ++i) {
      keys += static_cast<int64_t>(worker(i).shard().stats().evicted_keys);
    }
    return keys;
  }

  Scheduler scheduler;
  MemoryClient client;
};

const std::string kOk = "+OK\r\n";
const std::string kValue(1'000, 'v');

TEST(WorkerMemoryTest, NothingIsRefusedAndTheLimitHoldsUnderAllkeysPolicies) {
  for (const char* policy :
       {"allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-s3fifo"}) {
    Bench bench(std::string("maxmemory-policy ") + policy);
    for (int i = 0; i < 6'000; ++i) {
      ASSERT_EQ(bench.run({"SET", "key:" + std::to_string(i), kValue}), kOk);
      ASSERT_LE(bench.used_bytes(), kLimit + kLimit / 100);
    }
    EXPECT_GT(bench.evicted(), 3'000);
    // Not more than need be.
    bench.pass(1'000'000);
    EXPECT_GT(bench.weighed_bytes(), kLimit - kLimit / 32);
    EXPECT_LE(bench.used_bytes(), kLimit);
  }
}

// Whatever their size: small ones leave holes between entries, large ones are freed by the tick.
TEST(WorkerMemoryTest, UsedMemoryKeepsTheLimitWithValuesOfAnySize) {
  for (const size_t bytes : {16U, 64U, 300U, 5'000U, 60'000U, 90'000U}) {
    if (kSanitized && bytes < 300) {
      continue;  // so many of them fit that it takes a minute
    }
    Bench bench("maxmemory-policy allkeys-lru");
    const std::string value(bytes, 'v');
    const int64_t writes = 3 * kLimit / static_cast<int64_t>(bytes + 60);
    for (int64_t i = 0; i < writes; ++i) {
      ASSERT_EQ(bench.run({"SET", "key:" + std::to_string(i), value}), kOk);
      ASSERT_LE(bench.used_bytes(), kLimit + kLimit / 100) << bytes;
    }
    bench.pass(1'000'000);
    EXPECT_LE(bench.used_bytes(), kLimit) << bytes;
    EXPECT_GT(bench.evicted(), writes / 3);
  }
}

TEST(WorkerMemoryTest, TheColdestKeysGoFirstWhoeverOwnsThem) {
  Bench bench("maxmemory-policy allkeys-lru\nmaxmemory-samples 10");
  // Old keys on two shards, and then a flood of new ones on the third alone.
  for (int i = 0; i < 1'000; ++i) {
    bench.run({"SET", bench.key(1 + i % 2, i), kValue});
  }
  bench.pass(100 * kTickUs);
  for (int i = 0; i < 1'400; ++i) {
    ASSERT_EQ(bench.run({"SET", bench.key(0, i), kValue}), kOk);
    bench.pass(1'000);
  }
  const uint64_t from_hot = bench.worker(0).shard().stats().evicted_keys;
  EXPECT_GT(bench.evicted(), 400);
  EXPECT_LT(static_cast<double>(from_hot), 0.05 * static_cast<double>(bench.evicted()));
  // Of the others each gives as much as it has.
  const auto gone = [&bench](int worker) {
    return static_cast<double>(bench.worker(worker).shard().stats().evicted_keys);
  };
  EXPECT_NEAR(gone(1), gone(2), 0.4 * gone(1) + 20);
}

TEST(WorkerMemoryTest, WritesAreRefusedOnlyIfNothingCanBeEvicted) {
  Bench bench("maxmemory-policy volatile-lru");
  int stored = 0;
  while (bench.run({"SET", bench.key(0, stored), kValue}) == kOk) {
    ASSERT_LT(++stored, 4'000);
  }
  EXPECT_GT(stored, 1'700);
  EXPECT_TRUE(bench.run({"SET", bench.key(1, 0), "v"}).starts_with("-OOM "));
  EXPECT_EQ(bench.evicted(), 0);
  // What may go is on another shard than what comes.
  bench.run({"CONFIG", "SET", "maxmemory", std::to_string(kLimit * 2)});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(bench.run({"SET", bench.key(2, i), kValue, "EX", "1000"}), kOk);
  }
  // 1/128 of the limit is kept for what others are late with.
  bench.run({"CONFIG", "SET", "maxmemory", std::to_string(bench.weighed_bytes() * 128 / 127 + 1)});
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(bench.run({"SET", bench.key(1, i), kValue}), kOk) << i;
    bench.pass(2'000);
  }
  EXPECT_GE(bench.worker(2).shard().stats().evicted_keys, 14U);
  bool refused = false;
  for (int i = 100; i < 200 && !refused; ++i) {
    refused = bench.run({"SET", bench.key(1, i), kValue}).starts_with("-OOM ");
    bench.pass(2'000);
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(bench.worker(0).shard().key_count(0), static_cast<uint64_t>(stored));
}

// A worker in the middle of its turn has told what it is about to need, not yet what came of it.
TEST(WorkerMemoryTest, WhatAnotherIsAboutToNeedRefusesNobody) {
  Bench bench("maxmemory-policy volatile-lru");
  for (int i = 0; bench.weighed_bytes() < kLimit * 19 / 20; ++i) {
    ASSERT_EQ(bench.run({"SET", bench.key(2, i), kValue}), kOk);
  }
  const std::string large(kLimit / 20, 'x');
  bench.client.send_whole(encode({"SET", bench.key(0, 0), large, "EX", "1000"}));
  bench.worker(0).step(Phase::kPoll);
  MemoryClient other = bench.scheduler.connect(1);
  other.send_whole(encode({"SET", bench.key(1, 0), "v"}));
  for (int turn = 0; turn < 5; ++turn) {
    for (const Phase phase : {Phase::kPoll, Phase::kMailbox, Phase::kTick, Phase::kFlush}) {
      bench.worker(1).step(phase);
    }
  }
  EXPECT_EQ(other.take(), "");
  EXPECT_TRUE(bench.scheduler.run_until_quiet());
  EXPECT_EQ(bench.client.take(), kOk);
  EXPECT_EQ(other.take(), kOk);
}

// Also if nothing else has to be told at its end, since nobody wants an answer.
TEST(WorkerMemoryTest, WhatWasAboutToBeNeededIsForgottenWithTheTurn) {
  Bench bench("maxmemory-policy volatile-lru");
  const std::string large(kLimit / 50, 'x');
  ASSERT_EQ(bench.run({"SET", bench.key(0, 0), large}), kOk);
  for (int i = 0; bench.weighed_bytes() < kLimit * 49 / 50; ++i) {
    ASSERT_EQ(bench.run({"SET", bench.key(2, i), kValue}), kOk);
  }
  ASSERT_EQ(bench.run({"CLIENT", "REPLY", "OFF"}), "");
  bench.client.send_whole(encode({"SET", bench.key(0, 0), large}));
  const auto published = [&bench] { return bench.core(0).weighed_bytes.get(); };
  bench.worker(0).step(Phase::kPoll);
  EXPECT_GT(published(), bench.worker(0).shard().weighed_bytes() + kLimit / 50);
  for (const Phase phase : {Phase::kMailbox, Phase::kTick, Phase::kFlush}) {
    bench.worker(0).step(phase);
  }
  EXPECT_EQ(published(), bench.worker(0).shard().weighed_bytes());
}

TEST(WorkerMemoryTest, ALeaseMakesRoomInTheShardsItHolds) {
  Bench bench("maxmemory-policy allkeys-lru");
  for (int i = 0; i < 1'000; ++i) {
    Request request{"MSET"};
    for (int worker = 0; worker < kWorkers; ++worker) {
      request.insert(request.end(), {bench.key(worker, i), kValue});
    }
    ASSERT_EQ(bench.run(request), kOk);
    ASSERT_LE(bench.used_bytes(), kLimit + kLimit / 100);
  }
  EXPECT_GT(bench.evicted(), 800);
}

TEST(WorkerMemoryTest, ATransactionKeepsWhatItHasWrittenUntilItsEnd) {
  for (const bool leased : {false, true}) {
    Bench bench("maxmemory-policy volatile-random");
    for (int i = 0; i < 2'500; ++i) {
      bench.run({"SET", "key:" + std::to_string(i), std::string(100, 'v'), "EX", "1000"});
    }
    bench.run({"CONFIG", "SET", "maxmemory", std::to_string(bench.weighed_bytes())});
    for (int round = 0; round < 20; ++round) {
      constexpr int kPairs = 20;
      bench.run({"MULTI"});
      for (int i = 0; i < kPairs; ++i) {
        const std::string key = bench.key(leased ? i % kWorkers : 1, 10'000 + round * kPairs + i);
        bench.run({"SET", key, kValue, "EX", "1000"});
        bench.run({"EXISTS", key});
      }
      std::string expected = "*" + std::to_string(2 * kPairs) + "\r\n";
      for (int i = 0; i < kPairs; ++i) {
        expected += "+OK\r\n:1\r\n";
      }
      ASSERT_EQ(bench.run({"EXEC"}), expected) << round;
      ASSERT_LE(bench.used_bytes(), kLimit + kLimit / 50);
    }
    EXPECT_GT(bench.evicted(), 1'000);
  }
}

TEST(WorkerMemoryTest, EvictionOfAWatchedKeyEndsTheTransaction) {
  Bench bench("maxmemory-policy volatile-ttl");
  bench.run({"SET", bench.key(1, 0), "v", "EX", "10"});
  bench.run({"SET", bench.key(2, 0), "v"});
  EXPECT_EQ(bench.run({"WATCH", bench.key(1, 0), bench.key(2, 0)}), kOk);
  EXPECT_EQ(bench.run({"MULTI"}), kOk);
  bench.run({"GET", bench.key(2, 0)});
  MemoryClient other = bench.scheduler.connect(2);
  for (int i = 0; bench.evicted() == 0; ++i) {
    ASSERT_LT(i, 3'000);
    ASSERT_EQ(bench.run(other, {"SET", bench.key(1, 1 + i), kValue, "EX", "1000"}), kOk);
  }
  EXPECT_EQ(bench.run(other, {"EXISTS", bench.key(1, 0)}), ":0\r\n");
  EXPECT_EQ(bench.run({"EXEC"}), "*-1\r\n");
}

TEST(WorkerMemoryTest, ALowerLimitIsReachedInSlices) {
  Bench bench("maxmemory-policy allkeys-random");
  for (int i = 0; i < 1'800; ++i) {
    bench.run({"SET", "key:" + std::to_string(i), kValue});
  }
  bench.run({"CONFIG", "SET", "maxmemory", "500000"});
  EXPECT_EQ(bench.run({"SET", "new", "v"}), kOk) << "what can be evicted refuses nothing";
  EXPECT_TRUE(bench.scheduler.run_until([&bench] { return bench.weighed_bytes() < 500'000; }));
  // Each worker sees it in a turn of its own, however rarely it gets one.
  bench.scheduler.clock().advance_us(1'000);
  int64_t exceeded_us = 0;
  for (int i = 0; i < kWorkers; ++i) {
    const CoreBlock& core = bench.core(i);
    EXPECT_TRUE(bench.scheduler.run_until([&] { return core.over_limit_since_us.get() == 0; }));
    exceeded_us = std::max(exceeded_us, core.over_limit_us.get());
  }
  EXPECT_GT(exceeded_us, 0);
}

TEST(WorkerMemoryTest, TheLargestClientsAreClosedFirst) {
  Bench bench("maxmemory-clients 8mb");
  constexpr int kClients = 6;
  const std::string big = bench.key(0, 1);
  bench.run({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(bench.run({"SET", big, std::string(1 << 20, 'v')}), kOk);
  std::vector<MemoryClient> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(bench.scheduler.connect(i % kWorkers));
    if (i == kClients - 1) {
      EXPECT_EQ(bench.run(clients.back(), {"CLIENT", "NO-EVICT", "ON"}), kOk);
    }
    clients.back().set_window(0);
    const int replies = i == kClients - 1 ? 3 : (i == 2 ? 2 : 1);
    for (int j = 0; j < replies; ++j) {
      clients.back().send_whole(encode({"GET", big}));
    }
    bench.scheduler.run_turns(8);
  }
  // 1, 1, 2, 1, 1 and 3 MiB: the third goes, and nobody else need.
  for (int i = 0; i < 12; ++i) {
    bench.pass(50'000);
  }
  for (int i = 0; i < kClients; ++i) {
    EXPECT_EQ(clients[static_cast<size_t>(i)].closed(), i == 2) << i;
  }
  int64_t evicted = 0;
  for (int i = 0; i < kWorkers; ++i) {
    evicted += bench.core(i).evicted_clients.get();
  }
  EXPECT_EQ(evicted, 1);
}

// Clients are closed at the end of a turn, not in the middle of a delivery to them all; who stays
// gets each message once.
TEST(WorkerMemoryTest, SlowSubscribersAreClosedBehindTheDelivery) {
  Bench bench("maxmemory-clients 4500kb");
  constexpr size_t kSubscribers = 7;
  const std::string text(1 << 20, 'm');
  std::vector<MemoryClient> slow;
  for (size_t i = 0; i < kSubscribers; ++i) {
    slow.push_back(bench.scheduler.connect(i < 5 ? 1 : 2));
    bench.run(slow.back(), {"SUBSCRIBE", "news"});
    slow.back().set_window(0);
  }
  EXPECT_EQ(bench.run({"PUBLISH", "news", text}), ":7\r\n");
  for (int i = 0; i < 6; ++i) {
    bench.pass(50'000);
  }
  const std::string message = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1048576\r\n" + text + "\r\n";
  size_t closed = 0;
  for (MemoryClient& client : slow) {
    client.set_window(SIZE_MAX);
    bench.scheduler.run_turns(16);
    if (client.closed()) {
      ++closed;
    } else {
      EXPECT_TRUE(client.take() == message);
    }
  }
  EXPECT_EQ(closed, 3U);
  EXPECT_EQ(bench.run({"PUBLISH", "news", "more"}), ":4\r\n");
}

// There was room when it came; it is asked again when its turn has come, as who rides is.
TEST(WorkerMemoryTest, WhoWaitsForALeaseIsAskedAgain) {
  Bench bench("maxmemory-policy noeviction");
  MemoryClient other = bench.scheduler.connect(1);
  bench.run(other, {"PING"});
  bench.run({"PING"});
  const std::string mine = bench.key(0, 1);
  const std::string theirs = bench.key(2, 1);
  bench.client.send_whole(encode({"MSET", mine, "1", theirs, "2"}));
  bench.worker(0).step(Phase::kPoll);  // it wants a lease now
  other.send_whole(encode({"SETRANGE", bench.key(1, 1), std::to_string(2 * kLimit), "x"}));
  for (const Phase phase : {Phase::kPoll, Phase::kMailbox, Phase::kTick, Phase::kFlush}) {
    bench.worker(1).step(phase);
  }
  EXPECT_TRUE(bench.scheduler.run_until_quiet());
  EXPECT_EQ(bench.client.take().substr(0, 5), "-OOM ");
  EXPECT_EQ(bench.run({"EXISTS", mine, theirs}), ":0\r\n");
}

TEST(WorkerMemoryTest, ManySubscriptionsWeighToo) {
  Bench bench("maxmemory-clients 1mb");
  MemoryClient hog = bench.scheduler.connect(1);
  MemoryClient modest = bench.scheduler.connect(1);
  bench.run(modest, {"SUBSCRIBE", "news"});
  for (int i = 0; i < 100 && !hog.closed(); ++i) {
    Request request{"SUBSCRIBE"};
    for (int j = 0; j < 100; ++j) {
      request.push_back("channel:" + std::to_string(i) + ":" + std::to_string(j) +
                        std::string(100, 'c'));
    }
    bench.run(hog, request);
    bench.pass(100'000);
  }
  EXPECT_TRUE(hog.closed());
  EXPECT_FALSE(modest.closed());
}

}  // namespace
}  // namespace pollux
