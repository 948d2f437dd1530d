#include "dataplane/server/command_line.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dataplane/engine/version.h"

namespace pollux {

CommandLine read_command_line(std::span<const std::string_view> args) {
  CommandLine line;
  if (args.empty()) {
    return line;
  }
  const std::string_view first = args[0];
  if (first == "-h" || first == "--help") {
    line.action = CommandLineAction::kHelp;
    return line;
  }
  if (first == "-v" || first == "--version") {
    line.action = CommandLineAction::kVersion;
    return line;
  }
  if (first == "--check-system") {
    line.action = CommandLineAction::kCheckSystem;
    return line;
  }
  if (!first.starts_with('-')) {
    char absolute[PATH_MAX];
    const std::string path(first);
    line.config_path = realpath(path.c_str(), absolute) != nullptr ? absolute : path;
    args = args.subspan(1);
  }
  // A lone "-", first or last, is standard input.
  if (!args.empty() && args.front() == "-") {
    line.config_from_stdin = true;
    args = args.subspan(1);
  }
  if (!args.empty() && args.back() == "-") {
    line.config_from_stdin = true;
    args = args.first(args.size() - 1);
  }
  line.options = options_text(args);
  return line;
}

namespace {

// Where a line of the configuration stands, as an operator would look for it. The options of the
// command line come after `file_lines` lines of a file or of standard input.
std::string whereabouts(const ConfigProblem& problem, int file_lines) {
  if (!problem.file.empty()) {
    return "Reading the included file '" + problem.file + "', at line " +
           std::to_string(problem.line);
  }
  if (problem.line > file_lines) {
    return "Reading the options of the command line";
  }
  return "Reading the configuration file, at line " + std::to_string(problem.line);
}

}  // namespace

bool load_config(const CommandLine& line, ConfigStore& store) {
  std::string text;
  if (!line.config_path.empty() && !read_whole_file(line.config_path, text)) {
    std::fprintf(stderr, "Fatal error, can't open config file '%s': %s\n", line.config_path.c_str(),
                 std::strerror(errno));
    return false;
  }
  if (line.config_from_stdin && !read_whole_file("-", text)) {
    std::fprintf(stderr, "Fatal error, can't read the configuration from standard input: %s\n",
                 std::strerror(errno));
    return false;
  }
  text += '\n';
  const auto file_lines = static_cast<int>(std::ranges::count(text, '\n'));
  text += line.options;
  ConfigProblem problem;
  if (store.load(text, problem)) {
    return true;
  }
  if (problem.line == 0) {
    std::fprintf(stderr, "Fatal error, can't open config file '%s': %s\n", problem.text.c_str(),
                 problem.reason.c_str());
    return false;
  }
  std::fprintf(stderr,
               "\n*** FATAL CONFIG FILE ERROR (Pollux %s) ***\n"
               "%s\n>>> '%s'\n%s\n",
               kPolluxVersion.data(), whereabouts(problem, file_lines).c_str(),
               problem.text.c_str(), problem.reason.c_str());
  return false;
}

void print_help() {
  std::puts(
      "Usage: pollux-server [/path/to/redis.conf] [--name value ...] [-]\n"
      "       pollux-server -                 configuration from standard input\n"
      "       pollux-server -v | --version\n"
      "       pollux-server -h | --help\n"
      "\n"
      "A redis.conf is taken as it is; every option also works as --name value.\n"
      "\n"
      "Options of Pollux:\n"
      "  --workers auto|N            data cores; auto: one per processor this process may use\n"
      "  --worker-cpus LIST          where they are pinned, as in 0,2,4-7\n"
      "  --poll-mode adaptive|busy   adaptive: spin a little, then sleep; busy: never sleep\n"
      "  --poll-spin-us N            how long adaptive spins; 0: sleep at once\n"
      "  --poll-gather-us N          one worker, spin 0, many clients: sleep through the first\n"
      "                              arrivals, none waits longer than this; 0: never\n"
      "  --pipeline-order strict|relaxed\n"
      "                              relaxed: writes of one pipeline may overtake each other\n"
      "                              between shards\n"
      "  --control-page PATH         show counters in this file (best under /dev/shm)\n"
      "  --compat-redis-version V    the redis_version that clients are told\n"
      "  --turn-cpu-stats yes|no     measure the thread CPU time of every turn of a worker\n"
      "\n"
      "Examples:\n"
      "  pollux-server\n"
      "  pollux-server --port 7000 --workers 4\n"
      "  pollux-server /etc/redis/redis.conf --daemonize no\n"
      "  echo 'maxmemory 128mb' | pollux-server -");
}

void print_version() {
#ifdef POLLUX_JEMALLOC
  const char* allocator = "jemalloc";
#else
  const char* allocator = "libc";
#endif
  std::printf("Pollux server v=%s malloc=%s bits=64\n", kPolluxVersion.data(), allocator);
}

}  // namespace pollux
