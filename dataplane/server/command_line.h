// What stands behind `pollux-server` on the command line: an option that only prints something, or
// a configuration (file, standard input, --name value).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dataplane/engine/config.h"

namespace pollux {

enum class CommandLineAction : unsigned char { kServe, kHelp, kVersion, kCheckSystem };

struct CommandLine {
  CommandLineAction action = CommandLineAction::kServe;
  std::string config_path;  // absolute; empty: none
  bool config_from_stdin = false;
  std::string options;  // configuration text of the --name value pairs
};

// `args`: without the program's name.
CommandLine read_command_line(std::span<const std::string_view> args);

// Fills the store from all sources, in order: file, standard input, options. On failure prints why
// to standard error, in redis-server's form, and returns false.
bool load_config(const CommandLine& line, ConfigStore& store);

void print_help();
void print_version();

}  // namespace pollux
