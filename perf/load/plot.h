// A drawing of latency against load, as SVG.
#pragma once

#include <string>
#include <vector>

namespace pollux {

struct PlotPoint {
  double asked_per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
  double p99_9_us = 0;
  bool kept_up = true;  // drawn hollow if not: its latency grows with the length of the run
};

// At least one point, by rising rate. `knee_per_s`: 0 if there is none.
std::string latency_plot(const std::string& title, const std::vector<PlotPoint>& points,
                         double knee_per_s);

}  // namespace pollux
