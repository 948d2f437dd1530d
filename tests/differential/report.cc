#include "tests/differential/report.h"

#include <algorithm>
#include <cstdio>

#include "tests/differential/grammar.h"
#include "tests/differential/resp.h"

namespace pollux {

void print_step(size_t number, const Step& step, size_t commands_end) {
  if (step.kind == Step::Kind::kRaw) {
    std::printf("  %zu: raw %s\n", number, printable(step.raw, 300).c_str());
  } else if (step.kind == Step::Kind::kWait) {
    std::printf("  %zu: wait %d ms\n", number, step.wait_ms);
  }
  for (size_t i = 0; i < step.commands.size() && i < commands_end; i++) {
    std::printf("  %zu.%zu conn %zu: %s\n", number, i, step.connection,
                printable(step.commands[i].request).c_str());
  }
}

namespace {

// The commands before the difference that share the first argument of the failing one, mostly
// its key. The EXISTS of all keys tells nothing.
void print_history(const std::vector<Step>& steps, const Difference& difference) {
  constexpr size_t kHistoryMax = 20;
  if (difference.step >= steps.size() || steps[difference.step].commands.empty()) {
    return;
  }
  size_t index = std::min(difference.command, steps[difference.step].commands.size() - 1);
  const Request& failing = steps[difference.step].commands[index].request;
  if (failing.size() < 2) {
    return;
  }
  std::vector<std::string> lines;
  for (size_t s = difference.step + 1; s-- > 0 && lines.size() < kHistoryMax;) {
    size_t end = s == difference.step ? index : steps[s].commands.size();
    for (size_t c = end; c-- > 0 && lines.size() < kHistoryMax;) {
      const Request& request = steps[s].commands[c].request;
      bool touches = std::find(request.begin() + 1, request.end(), failing[1]) != request.end();
      if (touches && request.size() < exists_all_keys().size()) {
        lines.push_back("  " + std::to_string(s) + "." + std::to_string(c) + " conn " +
                        std::to_string(steps[s].connection) + ": " + printable(request));
      }
    }
  }
  std::printf("last commands with the same argument:\n");
  for (size_t i = lines.size(); i-- > 0;) {
    std::printf("%s\n", lines[i].c_str());
  }
}

}  // namespace

void print_difference(const Options& options, uint64_t round, const std::vector<Step>& steps,
                      const Difference& difference) {
  std::printf("\nDIFFERENCE: %s\n", difference.what.c_str());
  std::printf("seed %llu round %llu step %zu command %zu\n",
              static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(round), difference.step, difference.command);
  if (difference.step < steps.size()) {
    const Step& step = steps[difference.step];
    if (step.kind == Step::Kind::kRaw) {
      std::printf("raw     %s\n", printable(step.raw, 500).c_str());
    } else if (!step.commands.empty()) {
      size_t index = std::min(difference.command, step.commands.size() - 1);
      std::printf("command %s%s\n", printable(step.commands[index].request).c_str(),
                  step.commands[index].inline_form ? " (inline)" : "");
    }
  }
  std::printf("redis   %s\n", printable(difference.redis, 600).c_str());
  std::printf("pollux  %s\n", printable(difference.pollux, 600).c_str());
  print_history(steps, difference);
  std::printf("again:  --seed %llu --round %llu --commands 1 --connections %zu "
              "--base-time-ms %llu%s%s\n",
              static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(round), options.connections,
              static_cast<unsigned long long>(options.base_time_ms),
              options.family.empty() ? "" : " --family ", options.family.c_str());
}

}  // namespace pollux
