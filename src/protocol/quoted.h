// Quoted words as Redis reads them in inline commands, in redis.conf and in manifests: in "..." a
// backslash makes line ends, tabs and bytes in hex; in '...' it only makes a quote. Total: any
// bytes in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pollux {

// What C calls space.
inline bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// What ends a word; '\v' and '\f' only stand before one.
inline bool ends_word(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Appends what stands between quotes to `out`; `in` points behind the opening one and ends behind
// the closing one. False if that is missing or not followed by space or the end of the line.
bool take_quoted(const char*& in, const char* end, char quote, std::string& out);

// Splits a line by redis-cli's rules of quoting (Redis: sdssplitargs). `text` takes the bytes of
// the words and is what `words`, to which they are added, points into. False if quotes are
// unbalanced.
bool split_quoted(std::string_view line, std::string& text, std::vector<std::string_view>& words);

}  // namespace pollux
