#include "dataplane/engine/monitors.h"

#include <cstdio>

namespace pollux {

namespace {

void append_quoted(std::string& line, std::string_view bytes) {
  line += '"';
  for (const char c : bytes) {
    switch (c) {
      case '\\':
      case '"':
        line += '\\';
        line += c;
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\t':
        line += "\\t";
        break;
      case '\a':
        line += "\\a";
        break;
      case '\b':
        line += "\\b";
        break;
      default:
        if (c >= ' ' && c <= '~') {
          line += c;
        } else {
          char text[5];
          std::snprintf(text, sizeof text, "\\x%02x", static_cast<unsigned char>(c));
          line += text;
        }
        break;
    }
  }
  line += '"';
}

}  // namespace

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
    append_quoted(line, secret ? "(redacted)" : args[i]);
  }
  line += "\r\n";
  return line;
}

}  // namespace pollux
