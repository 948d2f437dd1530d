// A play: the keys as they are at first, the actors, and what must hold when all have left. Plays
// are staged on the seeded scheduler (stepped_test.cc) and on threads (threads_test.cc).
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "dataplane/sim/scheduler.h"
#include "tests/sim/actor.h"
#include "tests/sim/board.h"

namespace pollux {

struct Stage {
  SimEngine& sim;
  Rng& rng;
  int rounds;                     // about how often each actor acts
  std::vector<Request> at_first;  // run by one client before the actors begin
  Board board;
  Cast cast;
  // How many actors of the front of the cast leave or are killed in the middle.
  size_t leavers = 0;
  // Looks at the actors when all are done; returns what is wrong. May be null.
  std::function<std::string()> finale;

  int any_worker() { return static_cast<int>(rng.below(static_cast<uint64_t>(sim.workers()))); }
  template <typename Part, typename... Args>
  Part& enter(int worker, int rounds_of_part, Args&&... args) {
    auto part = std::make_unique<Part>(sim, worker, rng.next(), rounds_of_part,
                                       std::forward<Args>(args)...);
    Part& entered = *part;
    cast.push_back(std::move(part));
    return entered;
  }
};

struct Play {
  const char* name;
  void (*set)(Stage&);
  const char* config = "";  // lines of a configuration file
};
inline void PrintTo(const Play& play, std::ostream* to) { *to << play.name; }  // GoogleTest's

std::span<const Play> plays();

// One run on the scheduler. Returns what was wrong, empty if nothing was; the same seed gives the
// same run. `phases` counts the phases it took.
std::string play_stepped(const Play& play, uint64_t seed, uint64_t& phases);

// Runs setup requests and then the actors until all are done, and lets them leave; what was wrong.
// For plays of a test's own.
std::string perform(Scheduler& scheduler, Stage& stage);

// queue_plays.cc
void set_queues(Stage& stage);
void set_queue_order(Stage& stage);
void set_belts(Stage& stage);
// claim_parts.cc
void set_claims(Stage& stage);
// field_parts.cc
void set_field_ttls(Stage& stage);

// All keys of `name` on different workers, at most `count`.
std::vector<std::string> spread_keys(Stage& stage, const std::string& name, size_t count);

}  // namespace pollux
