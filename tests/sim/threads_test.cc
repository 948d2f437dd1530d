// The plays on real threads: 8 workers and 2 threads of clients, more than there are cores, so that
// threads are interrupted anywhere; and, shorter, 4 workers and 1, who meet otherwise. Under
// ThreadSanitizer this shows data races; anywhere it shows wake-ups that get lost, as a play that
// doesn't end.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <tuple>

#include "dataplane/sim/threaded_engine.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/base/sanitized.h"
#include "src/base/seeds.h"
#include "tests/sim/play.h"

namespace pollux {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kClientThreads = 2;
// How long each play goes on with so many workers.
struct Crew {
  int workers;
  std::chrono::milliseconds time;
};
constexpr Crew kCrews[] = {{1, std::chrono::milliseconds(500)},
                           {4, std::chrono::milliseconds(1000)},
                           {8, std::chrono::milliseconds(kSanitized ? 3000 : 1500)}};
constexpr auto kHangs = std::chrono::seconds(60);

// One thread's share of the cast; false if it does not come to an end.
bool drive_share(Stage& stage, size_t share, uint64_t seed) {
  Rng rng(seed);
  const auto end = SteadyClock::now() + kHangs;
  for (;;) {
    bool done = true;
    bool happened = false;
    for (size_t i = share; i < stage.cast.size(); i += kClientThreads) {
      Actor& actor = *stage.cast[i];
      happened |= actor.drive();
      if (i < stage.leavers && rng.below(50) == 0) {
        actor.leave();
      }
      done = done && actor.done();
    }
    if (done) {
      return true;
    }
    if (!happened) {
      if (SteadyClock::now() > end) {
        return false;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

bool prepare(ThreadedEngine& engine, const std::vector<Request>& requests) {
  TestClient client(engine.sim().transport(0).connect());
  for (const Request& request : requests) {
    client.add(request, {});
  }
  client.send_pipeline();
  const auto end = SteadyClock::now() + kHangs;
  while (client.awaited() > 0) {
    if (SteadyClock::now() > end) {
      return false;
    }
    client.wire().wait(100);
    client.receive();
  }
  client.wire().half_close();
  return true;
}

std::string play_threaded(const Play& play, int workers, uint64_t seed) {
  Rng rng(seed);
  // Not `poll-mode busy`: with more threads than cores each step of a lease would wait for the
  // operating system to take turns, and a play would take a minute.
  ThreadedEngine engine({.workers = workers,
                         .seed = seed,
                         .config = std::string(play.config) +
                                   (rng.below(2) == 0 ? "\npoll-spin-us 0" : "\npoll-spin-us 20"),
                         .cells_per_channel = 2});
  Stage stage{.sim = engine.sim(), .rng = rng, .rounds = 40};
  play.set(stage);
  if (!prepare(engine, stage.at_first)) {
    return "the first requests hang";
  }
  bool ended[kClientThreads] = {};
  std::vector<std::thread> clients;
  for (size_t share = 0; share < kClientThreads; ++share) {
    clients.emplace_back([&stage, &ended, share, own_seed = rng.next()] {
      ended[share] = drive_share(stage, share, own_seed);
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  std::string hanging;
  for (const auto& actor : stage.cast) {
    if (!actor->failure().empty()) {
      return actor->failure();
    }
    hanging += actor->done() ? "" : "[" + actor->state() + "] ";
  }
  if (!std::all_of(ended, ended + kClientThreads, [](bool end) { return end; })) {
    return "a hang: " + hanging;
  }
  if (stage.finale) {
    const std::string wrong = stage.finale();
    if (!wrong.empty()) {
      return wrong;
    }
  }
  for (const auto& actor : stage.cast) {
    actor->leave();
  }
  if (!engine.wait_for_departures(20'000)) {
    return "connections stay open after all have left";
  }
  if (!engine.stop()) {
    return "the engine does not come to rest";
  }
  return engine.sim().leaks();
}

class ThreadsTest : public testing::TestWithParam<std::tuple<Crew, Play>> {};

TEST_P(ThreadsTest, NothingImpossibleIsSeen) {
  log_open("/dev/null");
  const Seeds seeds = seeds_to_run(1'000'000);
  const auto& [crew, play] = GetParam();
  const auto end = SteadyClock::now() + crew.time;
  uint64_t seed = seeds.first;
  for (; seed < seeds.first + seeds.count && SteadyClock::now() < end; ++seed) {
    const std::string wrong = play_threaded(play, crew.workers, seed);
    ASSERT_EQ(wrong, "") << "with POLLUX_SEED=" << seed << " (threads: it may not come again)";
  }
  RecordProperty("runs", std::to_string(seed - seeds.first));
}

std::string name_of(const testing::TestParamInfo<ThreadsTest::ParamType>& test) {
  const auto& [crew, play] = test.param;
  return std::string(play.name) + "_" + std::to_string(crew.workers);
}

INSTANTIATE_TEST_SUITE_P(Plays, ThreadsTest,
                         testing::Combine(testing::ValuesIn(kCrews),
                                          testing::ValuesIn(plays().begin(), plays().end())),
                         name_of);

}  // namespace
}  // namespace pollux
