#include "src/base/glob.h"

#include <cstddef>
#include <utility>

namespace pollux {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same(char a, char b, bool ignore_case) {
  return a == b || (ignore_case && lower(a) == lower(b));
}

// Matches `c` against the bracket expression that opens before `in`; `in` ends behind it.
bool match_class(const char*& in, const char* end, char c, bool ignore_case) {
  const bool inverted = in < end && *in == '^';
  if (inverted) {
    ++in;
  }
  bool found = false;
  while (in < end) {
    if (*in == '\\' && end - in >= 2) {
      found |= in[1] == c;
      in += 2;
    } else if (*in == ']') {
      ++in;
      break;
    } else if (end - in >= 3 && in[1] == '-') {
      // As signed bytes, whatever the compiler thinks of char: it decides which end is the low one.
      auto low = static_cast<signed char>(in[0]);
      auto high = static_cast<signed char>(in[2]);
      auto byte = static_cast<signed char>(c);
      if (low > high) {
        std::swap(low, high);
      }
      if (ignore_case) {
        low = static_cast<signed char>(lower(static_cast<char>(low)));
        high = static_cast<signed char>(lower(static_cast<char>(high)));
        byte = static_cast<signed char>(lower(c));
      }
      found |= byte >= low && byte <= high;
      in += 3;
    } else {
      found |= same(*in, c, ignore_case);
      ++in;
    }
  }
  return found != inverted;
}

// Matches `c` against the one element at `in` (not a star); `in` ends behind it.
bool match_one(const char*& in, const char* end, char c, bool ignore_case) {
  switch (*in) {
    case '?':
      ++in;
      return true;
    case '[':
      ++in;
      return match_class(in, end, c, ignore_case);
    case '\\':
      if (end - in >= 2) {
        ++in;
      }
      break;
    default:
      break;
  }
  return same(*in++, c, ignore_case);
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case) {
  if (text.empty()) {
    return pattern.empty();
  }
  const char* in = pattern.data();
  const char* const pattern_end = in + pattern.size();
  const char* at = text.data();
  const char* const text_end = at + text.size();
  // Every element but the star takes exactly one byte, so if the rest fails behind the last star,
  // no other length of an earlier star could help: only the last one is tried again.
  const char* after_star = nullptr;
  const char* star_text = nullptr;
  while (at < text_end) {
    if (in < pattern_end && *in == '*') {
      while (in < pattern_end && *in == '*') {
        ++in;
      }
      if (in == pattern_end) {
        return true;
      }
      after_star = in;
      star_text = at;
      continue;
    }
    if (in < pattern_end && match_one(in, pattern_end, *at, ignore_case)) {
      ++at;
      continue;
    }
    if (after_star == nullptr) {
      return false;
    }
    in = after_star;
    at = ++star_text;
  }
  while (in < pattern_end && *in == '*') {
    ++in;
  }
  return in == pattern_end;
}

}  // namespace pollux
