#include "src/base/glob.h"

#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <string>

#include "src/base/rng.h"

namespace pollux {
namespace {

using namespace std::string_view_literals;

// The obvious model: recursive, tries every length of every star.
bool slow_match(std::string_view pattern, std::string_view text, bool ignore_case) {
  auto fold = [ignore_case](int c) { return ignore_case && c >= 'A' && c <= 'Z' ? c + 32 : c; };
  if (pattern.empty() || text.empty()) {
    while (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
    }
    return pattern.empty() && text.empty();
  }
  const int c = static_cast<signed char>(text[0]);
  if (pattern[0] == '*') {
    return slow_match(pattern.substr(1), text, ignore_case) ||
           slow_match(pattern, text.substr(1), ignore_case);
  }
  bool match = false;
  if (pattern[0] == '[') {
    pattern.remove_prefix(1);
    const bool inverted = pattern.starts_with('^');
    pattern.remove_prefix(inverted ? 1 : 0);
    while (!pattern.empty() && pattern[0] != ']') {
      if (pattern[0] == '\\' && pattern.size() > 1) {
        match = match || pattern[1] == text[0];
        pattern.remove_prefix(2);
      } else if (pattern.size() > 2 && pattern[1] == '-') {
        const int a = static_cast<signed char>(pattern[0]);
        const int b = static_cast<signed char>(pattern[2]);
        match = match || (fold(c) >= fold(std::min(a, b)) && fold(c) <= fold(std::max(a, b)));
        pattern.remove_prefix(3);
      } else {
        match = match || fold(pattern[0]) == fold(text[0]);
        pattern.remove_prefix(1);
      }
    }
    pattern.remove_prefix(pattern.empty() ? 0 : 1);
    match = match != inverted;
  } else {
    const bool any = pattern[0] == '?';
    if (pattern[0] == '\\' && pattern.size() > 1) {
      pattern.remove_prefix(1);
    }
    match = any || fold(pattern[0]) == fold(text[0]);
    pattern.remove_prefix(1);
  }
  return match && slow_match(pattern, text.substr(1), ignore_case);
}

TEST(GlobTest, Stars) {
  EXPECT_TRUE(glob_match("*", "abc"));
  EXPECT_TRUE(glob_match("a*c", "abbbc"));
  EXPECT_TRUE(glob_match("a*c", "ac"));
  EXPECT_TRUE(glob_match("a**", "a"));
  EXPECT_TRUE(glob_match("*b*d", "abcbd"));
  EXPECT_FALSE(glob_match("a*c", "abb"));
}

TEST(GlobTest, AnEmptyTextMatchesTheEmptyPatternOnly) {
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("*", ""));
  EXPECT_FALSE(glob_match("**", ""));
  EXPECT_FALSE(glob_match("", "a"));
}

TEST(GlobTest, QuestionMarkTakesOneByte) {
  EXPECT_TRUE(glob_match("h?llo", "hello"));
  EXPECT_FALSE(glob_match("h?llo", "hllo"));
}

TEST(GlobTest, Classes) {
  EXPECT_TRUE(glob_match("h[ae]llo", "hallo"));
  EXPECT_FALSE(glob_match("h[ae]llo", "hillo"));
  EXPECT_TRUE(glob_match("h[^e]llo", "hallo"));
  EXPECT_FALSE(glob_match("h[^e]llo", "hello"));
  EXPECT_TRUE(glob_match("h[a-b]llo", "hbllo"));
  EXPECT_TRUE(glob_match("h[b-a]llo", "hbllo"));
  EXPECT_TRUE(glob_match("[\\]]", "]"));
  EXPECT_TRUE(glob_match("[a-]", "_"));  // the range from 'a' down to ']'
  EXPECT_FALSE(glob_match("[]", "a"));
  EXPECT_TRUE(glob_match("[^]", "a"));
}

TEST(GlobTest, UnterminatedClassEndsWithThePattern) {
  EXPECT_TRUE(glob_match("[ab", "a"));
  EXPECT_FALSE(glob_match("[ab", "ab"));
  EXPECT_FALSE(glob_match("[", "a"));
  EXPECT_TRUE(glob_match("[^", "a"));
}

TEST(GlobTest, Escapes) {
  EXPECT_TRUE(glob_match("a\\*c", "a*c"));
  EXPECT_FALSE(glob_match("a\\*c", "abc"));
  EXPECT_TRUE(glob_match("a\\", "a\\"));
}

TEST(GlobTest, BytesAreSigned) {
  EXPECT_TRUE(glob_match("[\x80-\x7f]", "a"));
  EXPECT_FALSE(glob_match("[\x01-\xff]", "a"));  // from -1 up to 1
  EXPECT_TRUE(glob_match("a\0?"sv, "a\0b"sv));
}

TEST(GlobTest, IgnoreCase) {
  EXPECT_TRUE(glob_match("MAX*", "maxmemory", true));
  EXPECT_FALSE(glob_match("MAX*", "maxmemory"));
  EXPECT_TRUE(glob_match("[A-C]x", "bX", true));
  EXPECT_FALSE(glob_match("[\\A]", "a", true));
}

TEST(GlobTest, RandomPatternsEqualTheModel) {
  Rng rng(11);
  constexpr std::string_view kPatternBytes = "**??[]^-\\abcABC\xfe";
  constexpr std::string_view kTextBytes = "abcABC]-^\\\xfe";
  for (int i = 0; i < 300'000; ++i) {
    std::string pattern(rng.below(10), ' ');
    for (char& c : pattern) {
      c = kPatternBytes[rng.below(kPatternBytes.size())];
    }
    std::string text(1 + rng.below(7), ' ');
    for (char& c : text) {
      c = kTextBytes[rng.below(kTextBytes.size())];
    }
    const bool ignore_case = rng.below(2) == 0;
    ASSERT_EQ(glob_match(pattern, text, ignore_case), slow_match(pattern, text, ignore_case))
        << pattern << " on " << text << " ignore_case " << ignore_case;
  }
}

TEST(GlobTest, ManyStarsAreNotExponential) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) {
    pattern += "a*";
  }
  pattern += "b";
  const std::string text(20'000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(pattern, text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace pollux
