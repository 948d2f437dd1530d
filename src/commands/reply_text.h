// For tests: a reply of a server in a form that can be read, "[1-0 [f v]] nil". Texts with blanks
// in them are not told apart; errors keep their sign.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

namespace pollux {

// One reply from the front of `bytes`, which lose it.
inline std::string take_reply(std::string_view& bytes) {
  const size_t line_end = bytes.find("\r\n");
  const char type = bytes[0];
  const std::string line(bytes.substr(1, line_end - 1));
  bytes.remove_prefix(line_end + 2);
  if (type == '$' && line != "-1") {
    const size_t size = std::strtoul(line.c_str(), nullptr, 10);
    std::string text(bytes.substr(0, size));
    bytes.remove_prefix(size + 2);
    return text;
  }
  if ((type == '*' || type == '%') && line != "-1") {
    const size_t size = std::strtoul(line.c_str(), nullptr, 10) * (type == '%' ? 2 : 1);
    std::string text = type == '%' ? "{" : "[";
    for (size_t i = 0; i < size; ++i) {
      text += (i == 0 ? "" : " ") + take_reply(bytes);
    }
    return text + (type == '%' ? "}" : "]");
  }
  if (type == '*') {
    return "nil-array";
  }
  return type == '$' || type == '_' ? "nil" : type == '-' ? "-" + line : line;
}

inline std::string reply_text(std::string_view bytes) { return take_reply(bytes); }

}  // namespace pollux
