// pollux-server: see boot.h for what it does and `--help` for how to ask it.
#include <cstdio>
#include <string_view>
#include <vector>

#include "dataplane/server/boot.h"
#include "dataplane/server/command_line.h"
#include "src/base/cpu.h"

int main(int argc, char** argv) {
  const std::string missing = pollux::missing_cpu_features();
  if (!missing.empty()) {
    std::fprintf(stderr,
                 "This pollux-server was built for a newer processor: this one lacks %s. Build it "
                 "with -Dcpu=x86-64-v2, or another value of the compiler's -march.\n",
                 missing.c_str());
    return 1;
  }
  const std::vector<std::string_view> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const pollux::CommandLine line = pollux::read_command_line(args);
  switch (line.action) {
    case pollux::CommandLineAction::kHelp:
      pollux::print_help();
      return 0;
    case pollux::CommandLineAction::kVersion:
      pollux::print_version();
      return 0;
    case pollux::CommandLineAction::kCheckSystem:
      std::fputs("--check-system is not in this version of Pollux.\n", stderr);
      return 1;
    case pollux::CommandLineAction::kServe:
      break;
  }
  pollux::ConfigStore store;
  return pollux::load_config(line, store) ? pollux::serve(line, store) : 1;
}
