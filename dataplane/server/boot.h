// The boot: the one room that knows all others. Takes a configuration, makes every part in order,
// runs one pinned thread per worker, and waits on the main thread for the end.
#pragma once

#include <string>
#include <vector>

#include "dataplane/engine/config.h"
#include "dataplane/server/command_line.h"

namespace pollux {

// What the configuration asks for that this version can't do: sentences for the operator, each with
// what to change. Empty: it can start.
std::vector<std::string> refusals(const Config& config);

// Until the server has ended; the exit code.
int serve(const CommandLine& line, ConfigStore& store);

}  // namespace pollux
