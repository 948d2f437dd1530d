#include "src/protocol/quoted.h"

namespace pollux {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

char unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

}  // namespace

bool take_quoted(const char*& in, const char* end, char quote, std::string& out) {
  for (; in < end; ++in) {
    if (*in == quote) {
      ++in;
      return in == end || is_space(*in);
    }
    const bool escape = *in == '\\' && end - in >= 2;
    if (quote == '"' && escape) {
      if (in[1] == 'x' && end - in >= 4 && hex_digit(in[2]) >= 0 && hex_digit(in[3]) >= 0) {
        out.push_back(static_cast<char>(hex_digit(in[2]) * 16 + hex_digit(in[3])));
        in += 3;
      } else {
        out.push_back(unescape(in[1]));
        ++in;
      }
    } else if (escape && in[1] == '\'') {
      out.push_back('\'');
      ++in;
    } else {
      out.push_back(*in);
    }
  }
  return false;
}

bool split_quoted(std::string_view line, std::string& text, std::vector<std::string_view>& words) {
  text.clear();
  text.reserve(line.size());  // words never get longer, so views into it stay
  const char* in = line.data();
  const char* const end = in + line.size();
  while (true) {
    while (in < end && is_space(*in)) {
      ++in;
    }
    if (in == end) {
      return true;
    }
    const size_t start = text.size();
    while (in < end && !ends_word(*in)) {
      if (*in == '"' || *in == '\'') {
        const char quote = *in++;
        if (!take_quoted(in, end, quote, text)) {
          return false;
        }
        break;  // a closing quote ends the word
      }
      text.push_back(*in++);
    }
    words.emplace_back(text.data() + start, text.size() - start);
  }
}

}  // namespace pollux
