// The runner over a simulated server in virtual time: what it says is compared with what was so.
#include "perf/load/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "perf/load/sim_channel.h"

namespace pollux {
namespace {

constexpr int64_t kUs = 1'000;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr double kStep = 0.004;  // of FineHistogram

Workload workload(const std::vector<std::string>& lines) {
  Workload work;
  for (const std::string& line : lines) {
    EXPECT_TRUE(CommandTemplate::parse(line, "k", work.kinds.emplace_back().command));
  }
  work.keys = {0, 999};
  return work;
}

// A runner with all that it needs.
struct Load {
  explicit Load(const SimServer& server, uint32_t flows = 1, unsigned depth_max = 1,
                const Greeting& greets = {})
      : greeting(greets),
        channel(server, flows),
        runner(channel, {.flows = flows, .depth_max = depth_max}, greeting, stop, progress) {}

  void connect() {
    std::string error;
    ASSERT_TRUE(runner.connect(kSecond, error)) << error;
  }
  Tally run(Phase phase) {
    connect();
    phase.workload = &work;
    phase.begin_ns = channel.now_ns();
    Tally tally;
    runner.run(phase, tally);
    return tally;
  }

  Workload work = workload({"GET __key__"});
  Greeting greeting;
  std::atomic<bool> stop{false};
  RunnerProgress progress;
  SimChannel channel;
  Runner runner;
};

SimServer server_with_delay(int64_t delay_ns) {
  SimServer server;
  server.answer_at_ns = [=](uint64_t, int64_t at_ns) { return at_ns + delay_ns; };
  return server;
}

void expect_percentile(const Durations& durations, double percent, int64_t ns) {
  const auto got = static_cast<double>(durations.histogram.percentile(percent));
  EXPECT_GE(got, static_cast<double>(ns)) << percent;
  EXPECT_LE(got, static_cast<double>(ns) * (1 + kStep)) << percent;
}

// ---- what is measured ----

TEST(RunnerTest, AClosedLoopMeasuresTheDelayAndSendsAsSoonAsItIsAnswered) {
  Load load(server_with_delay(100 * kUs), 3);
  const Tally tally = load.run({.duration_ns = kSecond});
  // 3 connections, each with 10,000 round trips; those sent before the end are waited for.
  EXPECT_EQ(tally.kinds[0].latency.count(), 30'000U);
  EXPECT_NEAR(tally.achieved_per_s(), 30'000, 4);
  expect_percentile(tally.kinds[0].latency, 0.01, 100 * kUs);
  expect_percentile(tally.kinds[0].latency, 100, 100 * kUs);
  EXPECT_EQ(tally.kinds[0].latency.mean_ns(), 100.0 * kUs);
  EXPECT_EQ(tally.late.count(), 0U);
}

TEST(RunnerTest, AnOpenLoopKeepsItsRateWhateverTheDelay) {
  for (const int64_t delay : {kUs, 100 * kUs, kMs}) {
    Load load(server_with_delay(delay), 50);
    const Tally tally = load.run({.rate_per_s = 10'000, .duration_ns = kSecond});
    EXPECT_EQ(tally.kinds[0].latency.count(), 10'000U);
    expect_percentile(tally.kinds[0].latency, 0.01, delay);
    expect_percentile(tally.kinds[0].latency, 100, delay);
    EXPECT_EQ(tally.late.histogram.max(), 0U);
    expect_percentile(tally.service, 50, delay);
  }
}

// A thread with a third of the connections has a third of the load.
TEST(RunnerTest, AThreadHasItsShareByItsConnections) {
  const std::atomic<bool> stop{false};
  const Greeting none;
  const Workload work = workload({"GET __key__"});
  for (const uint32_t flows : {10U, 20U}) {
    RunnerProgress progress;
    SimChannel channel(server_with_delay(kUs), flows);
    Runner runner(channel,
                  {.thread = flows == 10 ? 0U : 1U,
                   .threads = 2,
                   .flows = flows,
                   .flows_before = flows == 10 ? 0U : 10U,
                   .flows_of_all = 30},
                  none, stop, progress);
    std::string error;
    ASSERT_TRUE(runner.connect(kSecond, error)) << error;
    Tally tally;
    runner.run({.workload = &work,
                .rate_per_s = 3'000,
                .begin_ns = channel.now_ns(),
                .duration_ns = kSecond},
               tally);
    EXPECT_EQ(tally.due(), flows * 100);
    runner.run({.workload = &work, .requests = 100, .begin_ns = channel.now_ns()}, tally);
    EXPECT_EQ(tally.due(), flows == 10 ? 33U : 67U);
  }
}

// Delays drawn from a list, whose percentiles are known exactly.
TEST(RunnerTest, PercentilesAreThoseOfTheServersDistribution) {
  constexpr int kCount = 100'000;
  std::vector<int64_t> delays(kCount);
  Rng rng(8);
  for (int64_t& delay : delays) {
    delay = 10 * kUs + static_cast<int64_t>(-std::log1p(-rng.unit()) * 50.0 * kUs);
  }
  SimServer server;
  server.answer_at_ns = [&](uint64_t number, int64_t at_ns) { return at_ns + delays[number]; };
  Load load(server, 200);
  const Tally tally = load.run({.rate_per_s = 50'000, .requests = kCount});
  ASSERT_EQ(tally.kinds[0].latency.count(), static_cast<uint64_t>(kCount));
  std::sort(delays.begin(), delays.end());
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<size_t>(std::ceil(kCount * percent / 100));
    expect_percentile(tally.all(), percent, delays[rank - 1]);
  }
}

constexpr int64_t kAtOnceNs = 100;

// A server that answers at once, but for 100 ms in the middle of 10 s, when it answers nobody.
SimServer server_that_stalls() {
  SimServer server;
  server.answer_at_ns = [](uint64_t, int64_t at_ns) {
    const bool stalled = at_ns >= 5 * kSecond && at_ns < 5 * kSecond + 100 * kMs;
    return stalled ? 5 * kSecond + 100 * kMs : at_ns + kAtOnceNs;
  };
  return server;
}

// Coordinated omission: of 10,000 requests a second for 10 s, 1 % are due in the stall; the k-th of
// them waits for 100 ms - k * 0.1 ms. Whatever the number of connections.
TEST(RunnerTest, AnOpenLoopSeesAStallByTheShareOfTheRequestsThatMetIt) {
  for (const uint32_t flows : {1U, 10U, 2000U}) {
    Load load(server_that_stalls(), flows);
    const Tally tally = load.run({.rate_per_s = 10'000, .duration_ns = 10 * kSecond});
    const Durations all = tally.all();
    ASSERT_EQ(all.count(), 100'000U);
    expect_percentile(all, 98.9, kAtOnceNs);
    const auto p99_5 = static_cast<double>(all.histogram.percentile(99.5));
    const auto p99_9 = static_cast<double>(all.histogram.percentile(99.9));
    EXPECT_NEAR(p99_5, 50.0 * kMs, 0.5 * kMs + p99_5 * kStep) << flows;
    EXPECT_NEAR(p99_9, 90.0 * kMs, 0.5 * kMs + p99_9 * kStep) << flows;
    EXPECT_NEAR(static_cast<double>(all.histogram.max()), 100.0 * kMs, 0.1 * kMs);
    EXPECT_NEAR(tally.achieved_per_s(), 10'000, 10);
    if (flows == 1) {
      // What waited, waited here; the server was slow for one request, as far as anyone asked.
      EXPECT_LE(tally.service.histogram.percentile(99.9), 2U * kAtOnceNs);
      EXPECT_GT(tally.late.histogram.percentile(99.9), 80U * kMs);
    }
  }
}

// The same server, asked by a closed loop: the reason for the other.
TEST(RunnerTest, AClosedLoopHardlySeesTheStall) {
  SimServer server = server_that_stalls();
  server.answer_at_ns = [stalls = server.answer_at_ns](uint64_t number, int64_t at_ns) {
    return stalls(number, at_ns) + 100 * kUs;
  };
  Load load(server, 2);
  const Tally tally = load.run({.duration_ns = 10 * kSecond});
  EXPECT_LE(tally.all().histogram.percentile(99.9), 101U * kUs);
  EXPECT_GT(tally.all().histogram.max(), 99U * kMs);
}

TEST(RunnerTest, AServerTooSlowForTheRateIsSeenInLatencyAndInWhatWasNeverSent) {
  // One connection, one request at a time, 100 us each: half of what is due.
  Load load(server_with_delay(100 * kUs), 1);
  const Tally tally = load.run({.rate_per_s = 20'000, .duration_ns = kSecond});
  EXPECT_NEAR(tally.achieved_per_s(), 10'000, 2);
  EXPECT_EQ(tally.all().count(), 20'000U);
  EXPECT_NEAR(static_cast<double>(tally.unsent.count()), 10'000, 2);
  // Waits grow evenly up to half a second among the answered, and fall to none among the others.
  EXPECT_NEAR(static_cast<double>(tally.kinds[0].latency.histogram.max()), 0.5 * kSecond,
              0.01 * kSecond);
  EXPECT_NEAR(static_cast<double>(tally.all().histogram.percentile(50)), 0.25 * kSecond,
              0.01 * kSecond);
}

TEST(RunnerTest, HowBusyTheGeneratorIsIsCounted) {
  // 100 us to send one: half of what is due.
  SimServer server = server_with_delay(kUs);
  server.send_ns = 100 * kUs;
  Load load(server, 3);
  const Tally late = load.run({.rate_per_s = 20'000, .duration_ns = kSecond});
  EXPECT_NEAR(static_cast<double>(late.unsent.count()), 10'000, 100);
  EXPECT_GT(late.busy_percent(), 98);
  // A tenth of what it can do; and the same with a server that is too slow.
  const Tally idle = load.run({.rate_per_s = 1'000, .duration_ns = kSecond});
  EXPECT_EQ(idle.unsent.count(), 0U);
  EXPECT_NEAR(idle.busy_percent(), 10, 0.2);
  Load slow(server_with_delay(kMs), 3);
  const Tally waits = slow.run({.rate_per_s = 20'000, .duration_ns = kSecond});
  EXPECT_GT(waits.unsent.count(), 16'000U);
  EXPECT_LT(waits.busy_percent(), 1);
}

// It is in the middle of a send when the window ends, and another request is due: that leaves yet,
// as there is room.
TEST(RunnerTest, WhatBecomesDueInTheLastTurnIsSent) {
  SimServer server = server_with_delay(kUs);
  server.send_ns = 100 * kUs;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Load load(server, 50);
    const Tally tally = load.run({.rate_per_s = 5'000,
                                  .arrivals = Arrivals::kPoisson,
                                  .duration_ns = 20 * kMs,
                                  .seed = seed});
    EXPECT_EQ(tally.unsent.count(), 0U) << seed;
    EXPECT_EQ(tally.due(), tally.kinds[0].latency.count());
  }
}

TEST(RunnerTest, PoissonArrivalsHaveTheRateAndTheSpreadOfTheirs) {
  // M/D/1 on one connection at half load: the mean wait is rho / (2 (1 - rho)) of the service time
  // (Pollaczek, Khinchine).
  Load load(server_with_delay(100 * kUs), 1);
  const Tally tally =
      load.run({.rate_per_s = 5'000, .arrivals = Arrivals::kPoisson, .duration_ns = 60 * kSecond});
  EXPECT_NEAR(tally.achieved_per_s(), 5'000, 50);
  EXPECT_NEAR(tally.all().mean_ns(), 150.0 * kUs, 3.0 * kUs);
}

// Where several are due at once, none leaves before it is: what it waits for is from due to sent
// and from sent to answer, and neither is less than nothing.
TEST(RunnerTest, NoRequestLeavesBeforeItIsDue) {
  for (const unsigned depth : {1U, 16U, 64U}) {
    SimServer server;
    server.answer_at_ns = [](uint64_t, int64_t at_ns) { return (at_ns / kMs + 1) * kMs; };
    for (const Arrivals arrivals : {Arrivals::kPoisson, Arrivals::kFixed}) {
      Load load(server, 1, depth);
      const Tally tally = load.run(
          {.rate_per_s = 950.0 * depth, .arrivals = arrivals, .depth = depth, .requests = 20'000});
      ASSERT_EQ(tally.all().count(), 20'000U);
      EXPECT_EQ(tally.all().sum_ns, tally.late.sum_ns + tally.service.sum_ns) << depth;
      EXPECT_TRUE(arrivals == Arrivals::kFixed || tally.late.sum_ns > 0) << depth;
    }
  }
}

TEST(RunnerTest, TheWarmUpIsNotMeasured) {
  SimServer server;
  server.answer_at_ns = [](uint64_t, int64_t at_ns) {
    return at_ns + (at_ns < kSecond ? 5 * kMs : 100 * kUs);
  };
  for (const double rate : {0.0, 1000.0}) {
    Load load(server, 10);
    const Tally tally =
        load.run({.rate_per_s = rate, .warmup_ns = kSecond + 10 * kMs, .duration_ns = kSecond});
    EXPECT_LE(tally.all().histogram.max(), 101U * kUs);
    EXPECT_NEAR(tally.achieved_per_s(), rate > 0 ? 1000 : 100'000, 20);
    EXPECT_NEAR(static_cast<double>(tally.looked_ns), kSecond, 2.0 * kMs);
    // What a server's own time is divided by has it, though, to the last answer.
    EXPECT_EQ(tally.answered, load.channel.requests());
    EXPECT_GT(tally.answered, tally.answered_in_window);
  }
}

TEST(RunnerTest, AnswersThatNeverCameCountWithTheirAge) {
  SimServer server;
  server.answer_at_ns = [](uint64_t number, int64_t at_ns) {
    return number == 5 ? 3600 * kSecond : at_ns;
  };
  Load load(server, 4);
  const Tally tally = load.run({.rate_per_s = 100, .duration_ns = kSecond, .drain_ns = 500 * kMs});
  EXPECT_EQ(tally.unanswered.count(), 1U);
  EXPECT_GE(tally.all().histogram.max(), static_cast<uint64_t>(1400 * kMs));
  EXPECT_EQ(tally.all().count(), 100U);
  // The connection is replaced before the next phase.
  const Tally next = load.run({.rate_per_s = 100, .duration_ns = kSecond});
  EXPECT_EQ(next.all().count(), 100U);
  EXPECT_EQ(next.unanswered.count(), 0U);
  EXPECT_EQ(load.channel.connects(), 5U);
}

// ---- what is sent ----

TEST(RunnerTest, TheDepthIsKeptAndNotPassed) {
  uint64_t answered = 0;
  SimServer server = server_with_delay(10 * kUs);
  server.answer = [&](uint64_t number, const std::vector<std::string_view>&) {
    answered = number + 1;
    return std::string("$1\r\nx\r\n");
  };
  Load load(server, 2, 16);
  const Tally tally = load.run({.depth = 16, .requests = 1000});
  EXPECT_EQ(answered, 1000U);
  EXPECT_EQ(tally.kinds[0].latency.count(), 1000U);
  // 32 at a time, 10 us each time: 31.25 rounds.
  EXPECT_EQ(tally.end_ns - tally.begin_ns, 320 * kUs);
}

TEST(RunnerTest, KindsComeByTheirWeights) {
  uint64_t sets = 0;
  SimServer server = server_with_delay(kUs);
  server.answer = [&](uint64_t, const std::vector<std::string_view>& args) {
    sets += args[0] == "SET" ? 1 : 0;
    return std::string(args[0] == "SET" ? "+OK\r\n" : "$-1\r\n");
  };
  Load load(server, 4);
  load.work = workload({"SET __key__ __data__", "GET __key__"});
  load.work.kinds[1].weight = 9;
  const Tally tally = load.run({.requests = 100'000});
  EXPECT_NEAR(static_cast<double>(sets), 10'000, 400);
  EXPECT_EQ(tally.kinds[0].latency.count(), sets);
  EXPECT_EQ(tally.kinds[1].latency.count(), 100'000 - sets);
  EXPECT_EQ(tally.kinds[0].nulls, 0U);
  EXPECT_EQ(tally.kinds[1].nulls, 100'000 - sets);
}

TEST(RunnerTest, AllFlowsTakeTheirTurnInAnOpenLoop) {
  Load load(server_with_delay(kUs), 100, 4);
  const Tally tally = load.run({.rate_per_s = 1'000'000, .depth = 4, .requests = 10'000});
  EXPECT_EQ(tally.all().count(), 10'000U);
  EXPECT_LT(tally.late.histogram.max(), 1U * kUs);
}

TEST(RunnerTest, WhatAWindowRefusesIsSentLaterAndWhole) {
  for (const size_t window : {1U, 7U, 100U, 5000U}) {
    SimServer server = server_with_delay(10 * kUs);
    server.window_bytes = window;
    server.piece_bytes = 3;
    Load load(server, 3, 8);
    load.work = workload({"SET __key__ __data__"});
    load.work.values = ValuePool({.bytes_min = 1, .bytes_max = 300}, 1);
    const Tally tally = load.run({.depth = 8, .requests = 2000});
    EXPECT_EQ(tally.all().count(), 2000U) << window;
    EXPECT_EQ(load.channel.requests(), 2000U);
    EXPECT_EQ(tally.errors(), 0U);
    EXPECT_EQ(tally.ends, 0U);
  }
}

// ---- what goes wrong ----

TEST(RunnerTest, ErrorsAreCountedAndTheFirstIsKept) {
  SimServer server;
  server.answer_at_ns = [](uint64_t, int64_t at_ns) { return at_ns + kUs; };
  server.answer = [](uint64_t number, const std::vector<std::string_view>&) {
    return number % 10 == 3 ? "-OOM " + std::to_string(number) + "\r\n" : std::string("+OK\r\n");
  };
  Load load(server);
  const Tally tally = load.run({.requests = 100});
  EXPECT_EQ(tally.errors(), 10U);
  EXPECT_EQ(tally.first_error, "OOM 3");
}

TEST(RunnerTest, AnErrorThatComesInPiecesIsToldWhole) {
  for (const size_t piece : {1U, 5U, 13U}) {
    SimServer server = server_with_delay(kUs);
    server.piece_bytes = piece;
    server.answer = [](uint64_t, const std::vector<std::string_view>&) {
      return std::string("-ERR some long error continues here\r\n");
    };
    Load load(server, 3);
    const Tally tally = load.run({.requests = 9});
    EXPECT_EQ(tally.errors(), 9U);
    EXPECT_EQ(tally.first_error, "ERR some long error continues here");
  }
}

TEST(RunnerTest, AConnectionThatEndsIsReplacedAndWhatWasUnderWayIsLost) {
  SimServer server = server_with_delay(100 * kUs);
  server.answers_max = 10;
  Load load(server, 2, 4);
  const Tally tally = load.run({.depth = 4, .duration_ns = 10 * kSecond});
  EXPECT_GT(tally.ends, 10U);
  EXPECT_GT(tally.lost, 0U);
  // But for those that ended just before all did.
  EXPECT_LE(load.channel.connects(), tally.ends + 2);
  EXPECT_GE(load.channel.connects(), tally.ends);
  EXPECT_NE(tally.first_end.find("closed by the server"), std::string::npos);
  EXPECT_EQ(tally.fatal, "");
}

TEST(RunnerTest, ALoadOfSoManyRequestsEndsThoughSomeAreLost) {
  SimServer server = server_with_delay(100 * kUs);
  server.answers_max = 7;
  Load load(server, 3, 4);
  const Tally tally = load.run({.depth = 4, .requests = 100});
  EXPECT_EQ(tally.all().count() + tally.lost, 100U);
}

// One that asks for a number of requests would wait for ever for a server that hangs.
TEST(RunnerTest, ALoadOfSoManyRequestsIsGivenUpIfNothingIsAnswered) {
  SimServer server;
  server.answer_at_ns = [](uint64_t number, int64_t at_ns) {
    return number == 50 ? 24 * 3600 * kSecond : at_ns + 50 * kSecond;
  };
  Load load(server);
  const Tally tally = load.run({.requests = 100});
  EXPECT_NE(tally.fatal.find("no answer for 60 s, and 1 are due"), std::string::npos)
      << tally.fatal;
  EXPECT_EQ(tally.kinds[0].latency.count(), 50U);
  EXPECT_EQ(tally.unanswered.count(), 1U);
  EXPECT_LT(load.channel.now_ns(), (50 * 50 + 70) * kSecond);
}

// What was lost in the warm-up is no request of the window.
TEST(RunnerTest, WhatIsLostInTheWarmUpIsNotCounted) {
  SimServer server = server_with_delay(100 * kUs);
  server.answers_max = 20'001;  // half a second, and some are under way then
  for (const int64_t warmup : {600 * kMs, int64_t{0}}) {
    Load load(server, 1, 4);
    const Tally tally =
        load.run({.depth = 4, .warmup_ns = warmup, .duration_ns = 700 * kMs - warmup});
    EXPECT_EQ(tally.ends, 1U);
    EXPECT_EQ(tally.lost > 0, warmup == 0);
  }
}

TEST(RunnerTest, NobodyListening) {
  SimServer server;
  server.refuses = true;
  Load load(server, 3);
  std::string error;
  EXPECT_FALSE(load.runner.connect(kSecond, error));
  EXPECT_NE(error.find("refused"), std::string::npos) << error;
}

// A server above its maxclients says so unasked, and closes.
TEST(RunnerTest, WhatAServerRefusesConnectionsWithIsTold) {
  SimServer server = server_with_delay(kUs);
  server.hello = "-ERR max number of clients reached\r\n";
  Load load(server, 3);
  std::string error;
  EXPECT_FALSE(load.runner.connect(kSecond, error));
  EXPECT_NE(error.find("of 3 connections"), std::string::npos) << error;
  EXPECT_NE(error.find("ERR max number of clients reached"), std::string::npos) << error;
}

TEST(RunnerTest, AServerThatSpeaksNoRespIsNone) {
  SimServer server = server_with_delay(kUs);
  server.answer = [](uint64_t, const std::vector<std::string_view>&) {
    return std::string("HTTP/1.1 400 Bad Request\r\n");
  };
  Load load(server);
  const Tally tally = load.run({.duration_ns = kSecond});
  EXPECT_NE(tally.first_end.find("no RESP"), std::string::npos);
  EXPECT_EQ(tally.all().count(), 0U);
}

TEST(RunnerTest, GreetingsComeFirstAndOnEveryConnection) {
  std::vector<std::string> seen;
  SimServer server = server_with_delay(kUs);
  server.answer = [&](uint64_t, const std::vector<std::string_view>& args) {
    seen.emplace_back(args[0]);
    return std::string("+OK\r\n");
  };
  const Greeting greeting{"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n", 2};
  Load load(server, 2, 1, greeting);
  const Tally tally = load.run({.requests = 2});
  EXPECT_EQ(seen, (std::vector<std::string>{"AUTH", "SELECT", "AUTH", "SELECT", "GET", "GET"}));
  EXPECT_EQ(tally.all().count(), 2U);
}

TEST(RunnerTest, ARefusedGreetingIsSaid) {
  SimServer server;
  server.answer = [](uint64_t, const std::vector<std::string_view>&) {
    return std::string("-WRONGPASS no\r\n");
  };
  Load load(server, 1, 1, {"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n", 1});
  std::string error;
  EXPECT_FALSE(load.runner.connect(kSecond, error));
  EXPECT_NE(error.find("WRONGPASS no"), std::string::npos) << error;
}

TEST(RunnerTest, AStopEndsTheLoadAndItsWindow) {
  uint64_t answered = 0;
  SimServer stopping = server_with_delay(100 * kUs);
  std::atomic<bool>* stop = nullptr;
  stopping.answer = [&](uint64_t, const std::vector<std::string_view>&) {
    if (++answered == 1000 && stop != nullptr) {
      stop->store(true);
    }
    return std::string("+OK\r\n");
  };
  Load stopped(stopping, 1);
  stop = &stopped.stop;
  const Tally tally = stopped.run({.duration_ns = 3600 * kSecond});
  EXPECT_EQ(tally.all().count(), 1000U);
  EXPECT_NEAR(tally.achieved_per_s(), 10'000, 20);
  // In the warm-up: no window, none of less than nothing.
  stopped.stop = false;
  answered = 0;
  const Tally none = stopped.run({.warmup_ns = 60 * kSecond, .duration_ns = kSecond});
  EXPECT_EQ(none.seconds(), 0);
  EXPECT_EQ(none.all().count(), 0U);
}

}  // namespace
}  // namespace pollux
