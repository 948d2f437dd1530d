// One round of the differential test: one stream to both servers.
#pragma once

#include <optional>
#include <vector>

#include "tests/differential/report.h"
#include "tests/differential/stream.h"

namespace pollux {

// On a fresh data set, over fresh connections. The first difference, if there is one.
std::optional<Difference> run_round(const Options& options, const std::vector<Step>& steps);

// Of a clock that only goes on.
double seconds_now();

}  // namespace pollux
