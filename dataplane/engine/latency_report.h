// The latency monitor's samples for people: LATENCY GRAPH and LATENCY DOCTOR. Functions of values,
// for any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/engine/config.h"
#include "dataplane/engine/latency_events.h"

namespace pollux {

// A drawing of at most 80 columns and 4 rows, with the age of each sample under it, as redis-server
// draws it. Requires a series that isn't empty.
std::string latency_graph(std::string_view event, const LatencySeries& series, int64_t now_s);

// What was seen, event by event, and what to do about it.
std::string latency_advice(const LatencyEvents& events, const WatchConfig& config);

}  // namespace pollux
