// The scenarios: each adds its figures of one seed.
#pragma once

#include <cstdint>
#include <string>

#include "perf/sim_tcp/figures.h"

namespace pollux::tcp {

// Goodput of one connection over a link of 10 Gb/s that loses packets.
void bulk(uint64_t seed, Figures& figures);
// How long a reply takes when one in a hundred is lost.
void lost_replies(uint64_t seed, Figures& figures);
// What is sent twice to a peer that keeps its ACKs back, when nothing is lost.
void delayed_acks(uint64_t seed, Figures& figures);
// A million SYNs a second.
void flood(uint64_t seed, Figures& figures);
// Seeds of sim_stack_test a second of CPU time, everything going wrong. Not the same twice.
void plays(uint64_t seed, Figures& figures);

}  // namespace pollux::tcp
