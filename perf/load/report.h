// What was measured, as text for a terminal and as JSON. All durations are told in microseconds.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "perf/load/options.h"
#include "perf/load/tally.h"

namespace pollux {

// A second of a phase, as the progress line showed it.
struct SecondOfLoad {
  double at_s = 0;  // since the load began
  double answered_per_s = 0;
  double mean_us = 0;
  double behind_us = 0;
};

struct PhaseResult {
  double asked_per_s = 0;  // 0: closed loop
  double warmup_s = 0;
  Tally tally;
  std::vector<SecondOfLoad> seconds;
};

// Answers kept up with what was due in the window (of a Poisson process that is not what was asked
// for): 98 % of it came within it, or all but one, no request was lost, and no answer was an error,
// which says nothing of how fast a server does its work. Where answers take long, and no warm-up
// was as long, those of the end come behind the window though nothing is behind: that time is taken
// off.
bool kept_up(const PhaseResult& result);

// "1,234,567"
std::string with_commas(double number);
// Of nanoseconds: "23.4", "1,234", without the unit.
std::string microseconds(double ns);

// All of one phase.
std::string phase_text(const LoadOptions& options, const PhaseResult& result);
// The table of a sweep with what went wrong in any of its steps; `knee` is the place of the last
// rate before the knee, -1 if the first was too much already.
std::string sweep_text(const LoadOptions& options, const std::vector<PhaseResult>& steps, int knee);

// `steps` are those of a sweep, or the one phase there was.
std::string json_text(const LoadOptions& options, const std::string& where,
                      const std::vector<PhaseResult>& steps, int knee,
                      const std::vector<std::pair<std::string, uint64_t>>& counters);

}  // namespace pollux
