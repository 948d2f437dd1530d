// For tests: an engine that loads files, with its disk, stepped in an interleaving drawn by a seed.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "dataplane/sim/threaded_engine.h"
#include "src/abi/control_page.h"
#include "src/base/time.h"
#include "storage/file_loader.h"
#include "storage/sim_disk.h"

namespace pollux {

inline constexpr int64_t kSchedulerStartMs = 1'700'000'000'000;

class LoadStart {
 public:
  LoadStart(int workers, uint64_t seed, const SimDisk::Image& image, const std::string& config)
      : scheduler({.workers = workers, .seed = seed, .config = config, .loads = true}),
        clock(Instant{kSchedulerStartMs * 1000}),
        disk(seed, clock, image) {
    disk.set_faults({.stalls = 20, .stall_us_max = 3'000});
    desk().set_waker([this] { disk.wake(); });
  }

  LoadDesk& desk() { return scheduler.engine().load_desk(); }
  LoadBlock& figures() { return scheduler.engine().page().load; }
  // One step of somebody.
  void step() {
    if (outcome != FileLoader::Step::kAgain || scheduler.rng().below(6) != 0) {
      scheduler.step();
      return;
    }
    clock.advance_us(static_cast<int64_t>(scheduler.rng().below(500)));
    outcome = loader->step(clock.now(), 0);
    if (outcome == FileLoader::Step::kDone) {
      desk().finish();
    }
  }
  template <typename Done>
  bool run_until(Done done) {
    return Scheduler::run_until(done, [this] { step(); });
  }
  bool run_to_the_end() {
    return run_until([this] { return outcome != FileLoader::Step::kAgain; }) &&
           scheduler.run_until_quiet();
  }
  std::string ask(MemoryClient& client, const Request& request) {
    client.send_whole(encode(request));
    EXPECT_TRUE(scheduler.run_until_quiet());
    return client.take();
  }

  Scheduler scheduler;
  ManualClock clock;
  SimDisk disk;
  std::unique_ptr<FileLoader> loader;  // made by who knows what is to be loaded
  FileLoader::Step outcome = FileLoader::Step::kAgain;
};

// Loads over threads that sleep, and returns what `request` is answered behind that.
// `make`(disk, engine): the loader.
template <typename Make>
std::string load_on_threads(int workers, const SimDisk::Image& image, Make make,
                            const Request& request) {
  ThreadedEngine threads({.workers = workers,
                          .seed = static_cast<uint64_t>(workers),
                          .config = "poll-spin-us 0\n",
                          .loads = true});
  Engine& engine = threads.sim().engine();
  threads.sim().transport(0).set_exact(true);  // answers come in one piece
  ManualClock clock(Instant{kSchedulerStartMs * 1000});
  SimDisk disk(1, clock, image);
  std::atomic<int> woken{0};
  engine.load_desk().set_waker([&woken] {
    woken.store(1);
    woken.notify_one();
  });
  const std::unique_ptr<FileLoader> loader = make(disk, engine);
  FileLoader::Step step = FileLoader::Step::kAgain;
  while ((step = loader->step(clock.now(), 0)) == FileLoader::Step::kAgain) {
    clock.advance_us(100);
  }
  EXPECT_EQ(step, FileLoader::Step::kDone) << loader->error();
  engine.load_desk().finish();
  MemoryClient client = threads.sim().transport(0).connect();
  std::string answer = "-LOADING";
  while (answer.starts_with("-LOADING")) {  // until this worker has seen the end
    client.send(encode(request));
    EXPECT_TRUE(client.wait(10'000));
    answer = client.take();
  }
  client.half_close();
  EXPECT_TRUE(threads.wait_for_departures(10'000));
  EXPECT_TRUE(threads.stop());
  EXPECT_EQ(threads.sim().leaks(), "");
  return answer;
}

}  // namespace pollux
