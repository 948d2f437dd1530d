// libFuzzer target: glob patterns against a slow matcher, and numbers against the C library. The
// first byte chooses; the rest is the text.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/text_fuzz.cc src/base/glob.cc src/base/num.cc src/base/assert.cc -o text_fuzz
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/glob.h"
#include "src/base/num.h"

namespace {

using namespace pollux;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// --- glob ---

// Literals, '?' and '*' only: for each beginning of the pattern, the beginnings of the text that it
// matches.
bool plain_match(std::string_view pattern, std::string_view text) {
  std::vector<bool> matched(text.size() + 1);
  matched[0] = true;
  for (const char wanted : pattern) {
    std::vector<bool> with_this(text.size() + 1);
    with_this[0] = wanted == '*' && matched[0];
    for (size_t i = 1; i <= text.size(); ++i) {
      with_this[i] = wanted == '*' ? matched[i] || with_this[i - 1]
                                   : matched[i - 1] && (wanted == '?' || wanted == text[i - 1]);
    }
    matched.swap(with_this);
  }
  return matched[text.size()];
}

void check_glob(std::string_view input) {
  const size_t cut = input.find('\n');
  const std::string_view pattern = input.substr(0, cut);
  const std::string_view text =
      cut == std::string_view::npos ? std::string_view() : input.substr(cut + 1);
  const bool matched = glob_match(pattern, text);
  const bool is_plain = pattern.find_first_of("[\\") == std::string_view::npos;
  // An empty text is a case of its own (glob.h).
  if (is_plain && !text.empty()) {
    require(matched == plain_match(pattern, text));
  }
  if (matched) {
    require(glob_match(pattern, text, /*ignore_case=*/true) || !is_plain);
  }
}

// --- numbers ---

void check_integer(std::string_view text) {
  const auto value = parse_int64(text);
  if (value) {
    char out[kInt64TextMax];
    require(std::string_view(out, format_int64(*value, out)) == text);
  }
  const std::string copy(text);
  errno = 0;
  char* end = nullptr;
  const long long by_library = std::strtoll(copy.c_str(), &end, 10);
  if (!value && errno == 0 && std::to_string(by_library) == copy) {
    std::abort();  // it is canonical
  }
  if (const auto natural = parse_uint64(text)) {
    require(std::strtoull(copy.c_str(), &end, 10) == *natural);
  }
}

void check_real(std::string_view text) {
  const std::string copy(text);
  const bool begins_well =
      !text.empty() && std::isspace(static_cast<unsigned char>(text[0])) == 0;
  errno = 0;
  char* end = nullptr;
  const double by_library = std::strtod(copy.c_str(), &end);
  const bool whole = begins_well && end == copy.c_str() + copy.size();
  const bool in_range = errno != ERANGE || (by_library != 0 && std::isfinite(by_library));
  const auto value = parse_double(text);
  if (value) {
    require(whole && *value == by_library);
    char out[kDoubleTextMax];
    const size_t size = format_double(*value, out);
    require(std::isinf(*value) || parse_double({out, size}) == value);
  } else {
    require(!whole || std::isnan(by_library) || !in_range || errno == ERANGE);
  }
  if (const auto wide = parse_long_double(text)) {
    char out[kLongDoubleTextMax];
    const size_t size = format_long_double(*wide, out);
    char expected[kLongDoubleTextMax];
    const int printed = std::snprintf(expected, sizeof(expected), "%.17Lf", *wide);
    // The same up to the zeros at the end, and but for the sign of 0.
    require(std::string_view(out, size) == "0" || std::isinf(*wide) ||
            std::string_view(expected, static_cast<size_t>(printed)).starts_with({out, size}));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      check_glob(text);
      break;
    case 1:
      check_integer(text);
      break;
    default:
      check_real(text);
      break;
  }
  return 0;
}
