// The differential test: the same command stream to redis-server and to Pollux, every reply
// compared, then the whole data set. Work is cut into rounds, each with a seed of its own and an
// empty data set, so that a difference is found again from `--seed` and `--round` alone.
// Started by tests/differential/run, which starts the servers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/grammar.h"
#include "tests/differential/report.h"
#include "tests/differential/resp.h"
#include "tests/differential/round.h"
#include "tests/differential/stream.h"

namespace pollux {
namespace {

constexpr size_t kRoundCommands = 20000;

// Makes a failing stream short: drops runs of steps, then single commands, as long as the rest
// still fails. Stops after a minute.
class Shrinker {
 public:
  Shrinker(const Options& options, std::vector<Step> steps)
      : options_(options), steps_(std::move(steps)), deadline_(seconds_now() + 60) {}

  std::vector<Step> run() {
    for (size_t chunk = std::max<size_t>(steps_.size() / 2, 1);; chunk /= 2) {
      drop_steps(chunk);
      if (chunk <= 1) {
        break;
      }
    }
    for (size_t i = 0; i < steps_.size(); i++) {
      drop_commands(i);
    }
    drop_steps(1);
    return steps_;
  }

 private:
  bool fails(const std::vector<Step>& steps) {
    std::optional<Difference> found = run_round(options_, steps);
    return found && found->what.find("accepts no connection") == std::string::npos;
  }

  void drop_steps(size_t chunk) {
    for (size_t begin = 0; begin < steps_.size() && seconds_now() < deadline_;) {
      std::vector<Step> fewer = steps_;
      size_t end = std::min(begin + chunk, fewer.size());
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(begin),
                  fewer.begin() + static_cast<std::ptrdiff_t>(end));
      if (fails(fewer)) {
        steps_ = fewer;
      } else {
        begin += chunk;
      }
    }
  }

  void drop_commands(size_t step) {
    if (steps_[step].kind == Step::Kind::kBlocking) {
      return;  // it counts who waits
    }
    size_t chunk = std::max<size_t>(steps_[step].commands.size() / 2, 1);
    for (;; chunk /= 2) {
      for (size_t begin = 0; begin < steps_[step].commands.size();) {
        if (seconds_now() > deadline_) {
          return;
        }
        std::vector<Step> fewer = steps_;
        std::vector<Command>& commands = fewer[step].commands;
        size_t end = std::min(begin + chunk, commands.size());
        bool last_of_special = fewer[step].kind != Step::Kind::kPipeline && end == commands.size();
        commands.erase(commands.begin() + static_cast<std::ptrdiff_t>(begin),
                       commands.begin() + static_cast<std::ptrdiff_t>(end));
        if (!last_of_special && fails(fewer)) {
          steps_ = fewer;
        } else {
          begin += chunk;
        }
      }
      if (chunk <= 1) {
        return;
      }
    }
  }

  const Options& options_;
  std::vector<Step> steps_;
  double deadline_;
};

void shrink_and_print(const Options& options, std::vector<Step> steps,
                      const Difference& difference) {
  steps.resize(std::min(steps.size(), difference.step + 1));
  std::printf("shrinking %zu commands\n", command_count(steps));
  std::fflush(stdout);
  steps = Shrinker(options, std::move(steps)).run();
  std::optional<Difference> again = run_round(options, steps);
  std::printf("shrunk to %zu commands:\n", command_count(steps));
  for (size_t i = 0; i < steps.size(); i++) {
    print_step(i, steps[i], steps[i].commands.size());
  }
  if (again) {
    std::printf("which ends in: %s\nredis   %s\npollux  %s\n", again->what.c_str(),
                printable(again->redis, 300).c_str(), printable(again->pollux, 300).c_str());
  } else {
    std::printf("which does not fail every time\n");
  }
}

bool parse_options(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "--shrink") == 0) {
      options->shrink = true;
      continue;
    }
    if (std::strcmp(argv[i], "--events") == 0) {
      options->events = true;
      continue;
    }
    if (std::strcmp(argv[i], "--one-order") == 0) {
      options->one_order = true;
      continue;
    }
    if (i + 1 >= argc) {
      return false;
    }
    std::string name = argv[i];
    unsigned long long value = std::strtoull(argv[++i], nullptr, 10);
    if (name == "--redis-port") {
      options->redis.port = static_cast<int>(value);
    } else if (name == "--pollux-port") {
      options->pollux.port = static_cast<int>(value);
    } else if (name == "--pollux-host") {
      options->pollux.host = argv[i];
    } else if (name == "--seed") {
      options->seed = value;
    } else if (name == "--round") {
      options->first_round = value;
    } else if (name == "--family") {
      options->family = argv[i];
    } else if (name == "--commands") {
      options->commands = value;
    } else if (name == "--connections") {
      options->connections = std::max<size_t>(value, 1);
    } else if (name == "--base-time-ms") {
      options->base_time_ms = value;
    } else {
      return false;
    }
  }
  return options->redis.port != 0 && options->pollux.port != 0;
}

// Else says what there is.
bool is_family(std::string_view name) {
  std::string names;
  for (const CommandFamily& family : command_families()) {
    if (family.name == name) {
      return true;
    }
    names += " " + std::string(family.name);
  }
  std::fprintf(stderr, "differ: --family %s: no such family; there are:%s\n",
               std::string(name).c_str(), names.c_str());
  return false;
}

int differ(int argc, char** argv) {
  Options options;
  options.base_time_ms = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::system_clock::now().time_since_epoch())
          .count());
  if (!parse_options(argc, argv, &options)) {
    std::fprintf(
        stderr,
        "usage: differ --redis-port P --pollux-port P [--pollux-host A] [--seed S] [--round R] "
        "[--commands N] [--connections C] [--base-time-ms T] [--shrink] [--events "
        "[--one-order]] [--family NAME]\n");
    return 2;
  }
  if (!options.family.empty() && !is_family(options.family)) {
    return 2;
  }
  const Grammar grammar(options.family, options.base_time_ms);
  double start = seconds_now();
  size_t done = 0;
  for (uint64_t round = options.first_round; done < options.commands; round++) {
    uint64_t seed = options.seed * 1000003 + round;
    std::vector<Step> steps = make_round(grammar, seed, kRoundCommands, options.connections);
    std::optional<Difference> difference = run_round(options, steps);
    if (difference) {
      print_difference(options, round, steps, *difference);
      if (options.shrink) {
        shrink_and_print(options, steps, *difference);
      }
      return 1;
    }
    done += options.family.empty() ? command_count(steps) : family_commands(steps);
  }
  double seconds = seconds_now() - start;
  std::printf("%zu commands without a difference, %.1f s, %.0f commands/s\n", done, seconds,
              static_cast<double>(done) / seconds);
  return 0;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) { return pollux::differ(argc, argv); }
