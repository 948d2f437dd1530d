#include "dataplane/engine/monitors.h"

#include <cstdio>

#include "dataplane/engine/config_options.h"

namespace pollux {

std::string monitor_line(const CommandRow& row, Args args, Instant now, int db,
                         std::string_view address) {
  char head[64];
  std::snprintf(head, sizeof head, "+%lld.%06lld [%d ", static_cast<long long>(now.us / 1'000'000),
                static_cast<long long>(now.us % 1'000'000), db);
  std::string line(head);
  line += address;
  line += ']';
  for (size_t i = 0; i < args.size(); ++i) {
    line += ' ';
    const bool secret = row.secret != nullptr && row.secret(args, i);
    line += quoted_word(secret ? "(redacted)" : args[i]);
  }
  line += "\r\n";
  return line;
}

}  // namespace pollux
