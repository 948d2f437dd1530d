// Quoted words as Redis reads them in inline commands and in redis.conf: in "..." a backslash makes
// line ends, tabs and bytes in hex; in '...' it only makes a quote. Total: any bytes in.
#pragma once

#include <string>

namespace pollux {

// What C calls space.
inline bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Appends what stands between quotes to `out`; `in` points behind the opening one and ends behind
// the closing one. False if that is missing or not followed by space or the end of the line.
bool take_quoted(const char*& in, const char* end, char quote, std::string& out);

}  // namespace pollux
