// The threads of load: each with a channel and a runner of its own, kept with their connections
// over all phases of a run. One thread, the owner's, drives them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "perf/load/channel.h"
#include "perf/load/runner.h"
#include "perf/load/tally.h"

namespace pollux {

struct CrewOptions {
  std::vector<uint32_t> clients = {1};  // of each thread; none of 0
  unsigned depth_max = 1;
  std::vector<int> cpus;
  int64_t connect_timeout_ns = 10'000'000'000;
};

// The sum of what the runners show while they run.
struct CrewProgress {
  uint64_t answered = 0;
  uint64_t errors = 0;
  uint64_t latency_sum_ns = 0;
  uint64_t under_way = 0;
  uint64_t connected = 0;
  int64_t behind_ns = 0;  // of the thread that is furthest
};

class Crew {
 public:
  // Starts the threads and makes their channels. Null with a sentence. `maker`, `greeting` and
  // `stop` live longer.
  static std::unique_ptr<Crew> create(ChannelMaker& maker, const CrewOptions& options,
                                      const Greeting& greeting, const std::atomic<bool>& stop,
                                      std::string& error);
  ~Crew();

  // Connects what is not connected, then loads. `phase.begin_ns` is set here. Calls `tick` once a
  // second meanwhile, with the time since the load began. What went wrong is in Tally::fatal.
  Tally run(Phase phase, const std::function<void(const CrewProgress&, double seconds)>& tick);

  // Any time; the sums go on from phase to phase.
  CrewProgress progress() const;

  // What the channels have counted, added up.
  const std::vector<std::pair<std::string, uint64_t>>& counters() const { return counters_; }

 private:
  enum class Step : uint8_t { kMake, kConnect, kRun, kEnd };
  struct Member {
    std::thread thread;
    RunnerProgress progress;
    Tally tally;
    std::string error;
    std::vector<ChannelCounter> counters;  // names are the channel's
  };

  Crew(ChannelMaker& maker, const CrewOptions& options, const Greeting& greeting,
       const std::atomic<bool>& stop);
  void work(unsigned index);
  // Has all members do the step; returns the first error.
  std::string all_do(Step step, const std::function<void()>& each_second);
  void add_counters();

  ChannelMaker& maker_;
  const CrewOptions options_;
  const Greeting& greeting_;
  const std::atomic<bool>& stop_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::pair<std::string, uint64_t>> counters_;

  // Below: the step that all do, and how many have not done it yet.
  std::mutex mutex_;
  std::mutex making_;  // one at a time
  std::condition_variable changed_;
  Step step_ = Step::kMake;
  uint64_t steps_ = 0;
  unsigned busy_ = 0;
  Phase phase_;
};

}  // namespace pollux
