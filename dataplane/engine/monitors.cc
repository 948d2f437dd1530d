#include "dataplane/engine/monitors.h"

#include <cstdio>

#include "dataplane/engine/config_options.h"

namespace pollux {

namespace {

// A line ends behind the argument that passes this; quotes make of an argument four times as much.
// What is longer could not be told anybody: a payload's bytes are counted in 32 bits.
constexpr size_t kLineMax = 256 << 20;

}  // namespace

std::string monitor_line(const CommandRow& row, Args args, Instant now, int db,
                         std::string_view address) {
  char head[64];
  std::snprintf(head, sizeof head, "+%lld.%06lld [%d ", static_cast<long long>(now.us / 1'000'000),
                static_cast<long long>(now.us % 1'000'000), db);
  std::string line(head);
  line += address;
  line += ']';
  for (size_t i = 0; i < args.size() && line.size() < kLineMax; ++i) {
    line += ' ';
    const bool secret = row.secret != nullptr && row.secret(args, i);
    line += quoted_word(secret ? "(redacted)" : args[i].substr(0, kLineMax));
  }
  line += "\r\n";
  return line;
}

}  // namespace pollux
