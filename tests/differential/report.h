// What a run was told, what it has found, and how that is told to people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/differential/link.h"
#include "tests/differential/stream.h"

namespace pollux {

struct Options {
  Place redis;
  Place pollux;
  uint64_t seed = 1;
  uint64_t first_round = 0;
  std::string family;         // of most commands; `commands` are of that then
  size_t commands = 100000;
  size_t connections = 4;
  uint64_t base_time_ms = 0;
  bool shrink = false;
  bool events = false;      // compare events of keys, too
  bool one_order = false;   // of all keys
};

// A difference: where in the stream, and what.
struct Difference {
  size_t step = 0;
  size_t command = 0;
  std::string what;
  std::string redis;
  std::string pollux;
};

// The commands of a step up to that number.
void print_step(size_t number, const Step& step, size_t commands_end);

// With the commands that led there, and the options that repeat it.
void print_difference(const Options& options, uint64_t round, const std::vector<Step>& steps,
                      const Difference& difference);

}  // namespace pollux
