// What a worker may take on at once, and what it holds for its clients: however much one client
// asks for or leaves lying about, others are served and the bytes are in the account.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "dataplane/sim/threaded_engine.h"
#include "src/base/log.h"

namespace pollux {
namespace {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kMegabyte = 1 << 20;

class Bench {
 public:
  explicit Bench(const std::string& config = {}, size_t cells = 4)
      : scheduler({.workers = 3, .config = config, .cells_per_channel = cells}) {
    log_open("/dev/null");
    for (int i = 0; i < 3; ++i) {
      scheduler.sim().transport(i).set_exact(true);
    }
  }

  MemoryClient connect(int worker = 0) { return scheduler.connect(worker); }
  Worker& worker(int index) { return scheduler.engine().worker(index); }
  std::string key_on(int worker, std::string_view name) {
    return scheduler.sim().key_on(worker, name);
  }
  std::string run(MemoryClient& client, const Request& request) {
    client.send_whole(encode(request));
    EXPECT_TRUE(scheduler.run_until_quiet());
    return client.take();
  }
  // A whole turn of one worker.
  void turn(int index) {
    for (const Phase phase : {Phase::kPoll, Phase::kMailbox, Phase::kTick, Phase::kFlush}) {
      worker(index).step(phase);
    }
  }

  Scheduler scheduler;
};

std::string times_text(int count, std::string_view text) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += text;
  }
  return bytes;
}

std::string times(int count, const Request& request) {
  return times_text(count, encode(request));
}

TEST(WorkerShareTest, BigRepliesOfOnePipelineTakeManyTurns) {
  Bench bench;
  MemoryClient greedy = bench.connect();
  MemoryClient other = bench.connect();
  const std::string key = bench.key_on(0, "k");
  EXPECT_EQ(bench.run(other, {"SET", key, std::string(kMegabyte, 'v')}), "+OK\r\n");
  greedy.set_window(0);
  greedy.send_whole(times(40, {"GET", key}));
  bench.turn(0);
  other.send_whole(encode({"PING"}));
  for (int turns = 0; turns < 3; ++turns) {
    const int64_t before = bench.worker(0).chunk_bytes();
    bench.turn(0);
    EXPECT_LE(bench.worker(0).chunk_bytes() - before, 12 * kMegabyte);
  }
  EXPECT_EQ(other.take(), "+PONG\r\n");
  EXPECT_LT(bench.worker(0).chunk_bytes(), 40 * kMegabyte);
  greedy.set_window(SIZE_MAX);
  EXPECT_TRUE(bench.scheduler.run_until_quiet());
  const std::string reply = "$1048576\r\n" + std::string(kMegabyte, 'v') + "\r\n";
  EXPECT_EQ(greedy.take().size(), 40 * reply.size());
}

TEST(WorkerShareTest, BigRepliesForOtherWorkersTakeManyTurns) {
  Bench bench({}, /*cells=*/64);
  MemoryClient greedy = bench.connect();
  const std::string key = bench.key_on(1, "k");
  EXPECT_EQ(bench.run(greedy, {"SET", key, std::string(kMegabyte, 'v')}), "+OK\r\n");
  greedy.send_whole(times(40, {"GET", key}));
  bench.turn(0);
  const int64_t before = bench.worker(1).chunk_bytes();
  bench.turn(1);
  EXPECT_LE(bench.worker(1).chunk_bytes() - before, 6 * kMegabyte);
  EXPECT_TRUE(bench.scheduler.run_until_quiet());
  EXPECT_GT(greedy.take().size(), 40U << 20);
}

TEST(WorkerShareTest, AClientOverItsOutputLimitIsClosedBeforeItsPipelineIsDone) {
  Bench bench("client-output-buffer-limit normal 8mb 0 0");
  MemoryClient greedy = bench.connect();
  const std::string key = bench.key_on(0, "k");
  EXPECT_EQ(bench.run(greedy, {"SET", key, std::string(kMegabyte, 'v')}), "+OK\r\n");
  greedy.set_window(0);
  greedy.send_whole(times(60, {"GET", key}));
  int64_t most = 0;
  while (!greedy.closed()) {
    bench.turn(0);
    most = std::max(most, bench.worker(0).chunk_bytes());
  }
  EXPECT_LT(most, 16 * kMegabyte);
}

// However many big values one request asks for, and wherever they are.
TEST(WorkerShareTest, OneRequestTakesNoMoreThanItsClientMay) {
  Bench bench("client-output-buffer-limit normal 8mb 0 0");
  MemoryClient writer = bench.connect();
  const std::string here = bench.key_on(0, "k");
  const std::string there = bench.key_on(1, "k");
  for (const std::string& key : {here, there}) {
    EXPECT_EQ(bench.run(writer, {"SET", key, std::string(kMegabyte, 'v')}), "+OK\r\n");
  }
  const auto mget = [](const std::string& one, const std::string& other) {
    Request request{"MGET"};
    for (int i = 0; i < 100; ++i) {
      request.insert(request.end(), {one, other});
    }
    return encode(request);
  };
  const std::string multi = encode({"MULTI"});
  const std::string exec = encode({"EXEC"});
  for (const std::string& bytes :
       {mget(here, here), mget(there, there), mget(here, there),
        multi + times(200, {"GET", here}) + exec, multi + times(200, {"GET", there}) + exec,
        multi + times(100, {"GET", here}) + times(100, {"GET", there}) + exec}) {
    MemoryClient greedy = bench.connect();
    greedy.set_window(0);
    greedy.send_whole(bytes);
    int64_t most = 0;
    for (int turns = 0; turns < 1000 && !greedy.closed(); ++turns) {
      for (int worker = 0; worker < 3; ++worker) {
        bench.turn(worker);
        most = std::max(most, bench.worker(0).chunk_bytes() + bench.worker(1).chunk_bytes());
      }
    }
    EXPECT_TRUE(greedy.closed());
    EXPECT_LT(most, 20 * kMegabyte);
  }
}

// Each write waits for the one before it, on another worker; what comes meanwhile waits in the
// client's kernel.
TEST(WorkerShareTest, WhoSendsFasterThanItIsServedIsHeldBack) {
  Bench bench("client-query-buffer-limit 2mb");
  MemoryClient fast = bench.connect();
  constexpr int kWrites = 8'000;
  for (int i = 0; i < kWrites; ++i) {
    fast.send_whole(encode({"SET", bench.key_on(i % 3, "k"), std::string(1000, 'v')}));
  }
  int64_t most = 0;
  std::string replies;
  for (int turns = 0; turns < 100'000 && replies.size() < kWrites * 5 && !fast.closed(); ++turns) {
    for (int worker = 0; worker < 3; ++worker) {
      bench.turn(worker);
    }
    most = std::max(most, bench.worker(0).client_bytes());
    replies += fast.take();
  }
  EXPECT_FALSE(fast.closed());
  EXPECT_EQ(replies, times_text(kWrites, "+OK\r\n"));
  EXPECT_LT(most, 2 * kMegabyte);
}

TEST(WorkerShareTest, APipelineThatWaitedGoesOnInShares) {
  Bench bench;
  MemoryClient deep = bench.connect();
  MemoryClient other = bench.connect();
  // The pipeline waits for the answer of another worker, then nothing holds it back.
  deep.send_whole(encode({"GET", bench.key_on(1, "k")}) + times(10'000, {"PING"}));
  bench.turn(0);
  bench.turn(1);
  int turns = 0;
  std::string replies;
  while (replies.size() < 5 + 10'000 * 7) {
    const int64_t before = bench.worker(0).core().commands.get();
    other.send_whole(encode({"ECHO", "x"}));
    bench.turn(0);
    EXPECT_LE(bench.worker(0).core().commands.get() - before, 1'000);
    EXPECT_TRUE(other.take().size() <= 14) << "answered within two turns";
    replies += deep.take();
    ASSERT_LT(++turns, 1'000);
  }
  EXPECT_GT(turns, 10);
  EXPECT_TRUE(bench.scheduler.run_until_quiet());
}

TEST(WorkerShareTest, ABusyWorkerDoesNotKeepTheOthersRequestsWaiting) {
  Bench bench({}, /*cells=*/256);
  const std::string key = bench.key_on(2, "k");
  MemoryClient busy = bench.connect(0);
  MemoryClient modest = bench.connect(1);
  busy.send_whole(times(4'000, {"GET", key}));
  modest.send_whole(encode({"GET", key}));
  bench.turn(0);
  bench.turn(1);
  // Whenever worker 2 looks, all cells of worker 0 are full again.
  for (int i = 0; i < 2; ++i) {
    bench.turn(2);
    bench.turn(0);
  }
  bench.turn(1);
  bench.turn(1);
  EXPECT_EQ(modest.take(), "$-1\r\n");
  EXPECT_TRUE(bench.scheduler.run_until_quiet());
}

TEST(WorkerShareTest, AnIdleClientHoldsNothingOfItsLastRequest) {
  Bench bench;
  MemoryClient client = bench.connect();
  const std::string value(kMegabyte, 'v');
  const int64_t before = bench.worker(0).client_bytes();
  EXPECT_EQ(bench.run(client, {"MSET", bench.key_on(0, "k"), value, bench.key_on(1, "k"), value}),
            "+OK\r\n");
  EXPECT_LT(bench.worker(0).client_bytes() - before, 4'096);
  bench.worker(0).for_each_session(
      [](const Session& session) { EXPECT_LT(session.input.capacity(), 4'096U); });
}

TEST(WorkerShareTest, HalfRequestsOfAllClientsAreInTheAccountAndBounded) {
  Bench bench("maxmemory-clients 8mb");
  std::vector<MemoryClient> clients;
  int64_t most = 0;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(bench.connect());
    clients.back().send_whole("*2\r\n$4\r\nECHO\r\n$3000000\r\n");
    for (int part = 0; part < 4; ++part) {
      clients.back().send_whole(std::string(500'000, 'x'));
    }
    EXPECT_TRUE(bench.scheduler.run_until_quiet());
    most = std::max(most, bench.worker(0).client_bytes());
  }
  EXPECT_GT(most, 4 * kMegabyte);
  EXPECT_LT(most, 12 * kMegabyte);
  const auto closed = std::count_if(clients.begin(), clients.end(),
                                    [](const MemoryClient& client) { return client.closed(); });
  EXPECT_GT(closed, 4);
  EXPECT_LT(closed, 12);
}

// Deleting makes room at once, on whichever worker, though the memory is freed in slices.
TEST(WorkerShareTest, AWriteBehindADeleteFindsItsRoom) {
  Bench bench;
  MemoryClient client = bench.connect();
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      const std::string big = bench.key_on(i, "big");
      EXPECT_EQ(bench.run(client, {"SET", big, std::string(kMegabyte, 'v')}), "+OK\r\n");
      bench.scheduler.sim().config().change(
          [](Config& config) { config.maxmemory = kMegabyte / 2; });
      const Request write = {"SET", bench.key_on(j, "n"), "1"};
      EXPECT_TRUE(bench.run(client, write).starts_with("-OOM ")) << i << j;
      client.send_whole(encode({"DEL", big}) + encode(write));
      EXPECT_TRUE(bench.scheduler.run_until_quiet());
      EXPECT_EQ(client.take(), ":1\r\n+OK\r\n") << i << j;
      bench.scheduler.sim().config().change([](Config& config) { config.maxmemory = 0; });
      EXPECT_EQ(bench.run(client, {"SET", big, std::string(kMegabyte, 'v')}), "+OK\r\n");
      bench.scheduler.sim().config().change(
          [](Config& config) { config.maxmemory = kMegabyte / 2; });
      client.send_whole(encode({"FLUSHALL"}) + encode(write));
      EXPECT_TRUE(bench.scheduler.run_until_quiet());
      EXPECT_EQ(client.take(), "+OK\r\n+OK\r\n") << i << j;
      bench.scheduler.sim().config().change([](Config& config) { config.maxmemory = 0; });
    }
  }
}

TEST(WorkerShareTest, AClientThatTakesALongReplyIsNotIdle) {
  Bench bench("timeout 5");
  MemoryClient client = bench.connect();
  const std::string key = bench.key_on(0, "k");
  EXPECT_EQ(bench.run(client, {"SET", key, std::string(8 * kMegabyte, 'v')}), "+OK\r\n");
  client.set_window(0);
  client.send_whole(encode({"GET", key}));
  size_t taken = 0;
  for (int second = 0; second < 20; ++second) {
    bench.scheduler.clock().advance_us(kSecondUs);
    client.set_window(300'000);
    bench.scheduler.run_turns(8);
    taken += client.take().size();
  }
  EXPECT_FALSE(client.closed());
  EXPECT_GT(taken, 3U << 20);
}

// Each of these counts the bits of 16 MiB, a hundred times what a turn may take, and none has a
// reply to speak of: only the clock can end the turn, so each has a turn of its own.
TEST(WorkerShareTest, DearCommandsHaveTurnsOfTheirOwn) {
  constexpr int kCommands = 20;
  ThreadedEngine engine({.workers = 1});
  MemoryClient client = engine.sim().transport(0).connect();
  std::string got;
  const auto ask = [&](const std::string& bytes, size_t reply_bytes) {
    client.send_whole(bytes);
    got.clear();
    while (got.size() < reply_bytes) {
      client.wait(100);
      got += client.take();
    }
  };
  ask(encode({"SETBIT", "k", std::to_string(16 * kMegabyte * 8 - 1), "1"}), 4);
  const int64_t before = engine.sim().engine().core(0).turns.get();
  ask(times(kCommands, {"BITCOUNT", "k"}), kCommands * 4);
  EXPECT_EQ(got, times_text(kCommands, ":1\r\n"));
  client.reset();
  EXPECT_TRUE(engine.wait_for_departures(/*timeout_ms=*/10'000));
  EXPECT_TRUE(engine.stop());
  EXPECT_GE(engine.sim().engine().core(0).turns.get() - before, kCommands);
}

// The disk, and other workers' memory, may make room or take it between two looks: who is refused
// must not be answered before those whose requests are under way.
TEST(WorkerShareTest, ARefusalDoesNotOvertakeAReply) {
  constexpr int kRounds = 200;
  constexpr int kKeys = 64;
  Journal journal(2);
  Scheduler scheduler({.workers = 2, .config = "aof-backlog refuse\n", .journal = &journal});
  MemoryClient client = scheduler.connect(0);
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) {
    keys.push_back(scheduler.sim().key_on(1, "k" + std::to_string(i) + "."));
  }
  const auto ask_all = [&](const std::function<Request(const std::string&)>& make) {
    std::string bytes;
    for (const std::string& key : keys) {
      bytes += encode(make(key));
    }
    client.send_whole(bytes);
    std::vector<std::string> replies;
    std::string got;
    EXPECT_TRUE(scheduler.run_until([&] {
      got += client.take();
      for (size_t end = got.find("\r\n"); end != std::string::npos; end = got.find("\r\n")) {
        replies.push_back(got.substr(0, end));
        got.erase(0, end + 2);
      }
      return replies.size() == keys.size();
    }));
    return replies;
  };
  std::atomic<bool> flips{false};
  std::atomic<bool> over{false};
  std::thread disk([&] {
    for (bool full = true; !over.load(); full = !full) {
      journal.set_full(full && flips.load());
    }
  });
  int refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    flips = true;
    const std::vector<std::string> set = ask_all([](const std::string& key) {
      return Request{"SET", key, "v"};
    });
    flips = false;
    const std::vector<std::string> there = ask_all([](const std::string& key) {
      return Request{"EXISTS", key};
    });
    int wrong = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
      wrong += (set[i] == "+OK") == (there[i] == ":1") ? 0 : 1;
      refused += set[i] == "+OK" ? 0 : 1;
    }
    EXPECT_EQ(wrong, 0) << round;
    ASSERT_TRUE(scheduler.run_until([&] { return !journal.is_full(); }));
    ask_all([](const std::string& key) { return Request{"DEL", key}; });
  }
  over = true;
  disk.join();
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace pollux
