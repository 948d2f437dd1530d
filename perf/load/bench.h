// A run of pollux-bench, from its options to its reports: fills the key space, loads, sweeps, and
// shows how it goes meanwhile. One thread; that of main.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "perf/load/crew.h"
#include "perf/load/options.h"
#include "perf/load/report.h"

namespace pollux {

class Bench {
 public:
  // `to_terminal`: progress is shown in place. All live longer.
  Bench(const LoadOptions& options, ChannelMaker& maker, const std::atomic<bool>& stop,
        bool to_terminal);

  // Returns the status of the process: 0, or 1 with a sentence on the standard error.
  int run();

 private:
  bool populate();
  void sweep();
  // The first rate of a sweep and the step to the next.
  bool sweep_rates(double& from, double& step);
  // Puts that rate's result in its place. False: the sweep is over.
  bool sweep_to(double rate_per_s);
  PhaseResult load(const Workload& work, double rate_per_s, double seconds, uint64_t requests);
  void show(const CrewProgress& progress, double at_s, PhaseResult& result);
  void clear_line();
  bool write_files(int knee);
  // What the channels have counted so far is of no load that is told.
  void leave_out_counters() { left_out_ = crew_->counters(); }

  const LoadOptions& options_;
  ChannelMaker& maker_;
  const std::atomic<bool>& stop_;
  const bool to_terminal_;
  Greeting greeting_;
  Workload work_;
  std::unique_ptr<Crew> crew_;
  std::vector<PhaseResult> results_;
  std::vector<std::pair<std::string, uint64_t>> left_out_;
  int knee_ = -1;
  std::string fatal_;
  const char* doing_ = "";
  CrewProgress shown_;
  double shown_at_s_ = 0;
};

// The place of the last rate before the knee: the server kept up, and p99 was less than `factor`
// times that of the first rate; -1 if the first did not keep up. A rate that is worse than a higher
// one behind it was the host's doing, and is no knee.
int find_knee(const std::vector<PhaseResult>& steps, double factor);
// In the middle between the knee and the rate behind it, which halves what is not known of it; 0 if
// one of these is not there. Rates rise.
double rate_above_knee(const std::vector<PhaseResult>& steps, double factor);

}  // namespace pollux
