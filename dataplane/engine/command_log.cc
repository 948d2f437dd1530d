#include "dataplane/engine/command_log.h"

#include <utility>

namespace pollux {

namespace {

constexpr size_t kArgsMax = 32;
constexpr size_t kArgBytesMax = 128;

std::string logged_arg(std::string_view arg) {
  if (arg.size() <= kArgBytesMax) {
    return std::string(arg);
  }
  return std::string(arg.substr(0, kArgBytesMax)) + "... (" +
         std::to_string(arg.size() - kArgBytesMax) + " more bytes)";
}

}  // namespace

std::vector<std::string> logged_args(const CommandRow& row, Args args) {
  const bool all = args.size() <= kArgsMax;
  const size_t shown = all ? args.size() : kArgsMax - 1;
  std::vector<std::string> out;
  out.reserve(shown + 1);
  for (size_t i = 0; i < shown; ++i) {
    const bool secret = row.secret != nullptr && row.secret(args, i);
    out.push_back(secret ? "(redacted)" : logged_arg(args[i]));
  }
  if (!all) {
    out.push_back("... (" + std::to_string(args.size() - shown) + " more arguments)");
  }
  return out;
}

void CommandLog::add(LogEntry entry, size_t entries_max) {
  entries_.push_back(std::move(entry));
  while (entries_.size() > entries_max) {
    entries_.pop_front();
  }
}

}  // namespace pollux
