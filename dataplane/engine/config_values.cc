// Values of the simple kinds: text to number to the text that CONFIG GET prints, with
// redis-server's sentences for what is not a value.
#include <algorithm>
#include <cstdlib>

#include "dataplane/engine/config_options.h"
#include "src/base/assert.h"
#include "src/base/num.h"

namespace pollux {

namespace {

std::optional<int64_t> parse_choice(std::string_view choices, std::string_view word,
                                    std::string& canonical) {
  const std::string wanted = lower_case(word);
  for (int64_t index = 0; !choices.empty(); ++index) {
    const size_t end = choices.find(", ");
    if (choices.substr(0, end) == wanted) {
      canonical = wanted;
      return index;
    }
    choices.remove_prefix(end == std::string_view::npos ? choices.size() : end + 2);
  }
  return std::nullopt;
}

bool in_range(const OptionRow& row, bool fits, int64_t number, std::string& reason) {
  if (fits && number >= row.min && number <= row.max) {
    return true;
  }
  reason = "argument must be between " + std::to_string(row.min) + " and " +
           std::to_string(row.max) + " inclusive";
  return false;
}

bool parse_memory_option(const OptionRow& row, const std::string& word, OptionValue& value,
                         std::string& reason) {
  if ((row.flags & kPercent) != 0 && word.ends_with('%')) {
    const std::optional<int64_t> percent = parse_int64(word.substr(0, word.size() - 1));
    if (!percent || *percent < 0 || *percent > 100) {
      reason = percent && *percent > 100 ? "percentage argument must be less or equal to 100"
                                         : "argument must be a memory or percent value";
      return false;
    }
    value.number = -*percent;
    value.text = *percent == 0 ? "0" : word;
    return true;
  }
  const std::optional<uint64_t> bytes = parse_memory(word);
  if (!bytes) {
    reason = (row.flags & kPercent) != 0 ? "argument must be a memory or percent value"
                                         : "argument must be a memory value";
    return false;
  }
  value.number = static_cast<int64_t>(std::min<uint64_t>(*bytes, INT64_MAX));
  const bool fits = *bytes <= INT64_MAX || (row.flags & kUnsigned) != 0;
  if (!in_range(row, fits, value.number, reason)) {
    return false;
  }
  value.text = std::to_string(*bytes);
  return true;
}

bool parse_octal(const OptionRow& row, const std::string& word, OptionValue& value,
                 std::string& reason) {
  if (word.empty() || word.size() > 12 || word.find_first_not_of("01234567") != std::string::npos) {
    reason = "argument couldn't be parsed as an octal number";
    return false;
  }
  value.number = std::strtoll(word.c_str(), nullptr, 8);
  if (value.number > row.max) {
    reason = "argument must be between 0 and 777 inclusive";
    return false;
  }
  value.text = word;
  return true;
}

// Some numbers are quietly brought into what redis-server can work with.
int64_t tempered(const OptionRow& row, int64_t number) {
  if (row.name == "hz") {
    return std::clamp<int64_t>(number, 1, 500);
  }
  return row.name == "repl-backlog-size" ? std::max<int64_t>(number, 16 * 1024) : number;
}

}  // namespace

std::optional<uint64_t> parse_memory(std::string_view text) {
  size_t digits = 0;
  unsigned __int128 number = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    number = std::min<unsigned __int128>(number * 10 + static_cast<unsigned>(text[digits] - '0'),
                                         UINT64_MAX);
    ++digits;
  }
  struct Unit {
    std::string_view name;
    uint64_t bytes;
  };
  constexpr Unit kUnits[] = {{"", 1},        {"b", 1},        {"k", 1000},       {"kb", 1024},
                             {"m", 1000000}, {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
  const std::string unit = lower_case(text.substr(digits));
  for (const Unit& row : kUnits) {
    if (row.name == unit) {
      return static_cast<uint64_t>(std::min<unsigned __int128>(number * row.bytes, UINT64_MAX));
    }
  }
  return std::nullopt;
}

bool parse_option(const OptionRow& row, Words words, OptionValue& value, std::string& reason) {
  if (row.kind == OptionKind::kWords) {
    return row.parse(words, value, reason);
  }
  POLLUX_ASSERT(words.size() == 1);
  const std::string& word = words[0];
  switch (row.kind) {
    case OptionKind::kBool:
      value.text = lower_case(word);
      value.number = value.text == "yes" ? 1 : 0;
      reason = "argument must be 'yes' or 'no'";
      return (value.text == "yes" || value.text == "no") &&
             (row.check == nullptr || row.check(value.text, reason));
    case OptionKind::kInt: {
      const std::optional<int64_t> number = parse_int64(word);
      if (!number) {
        reason = "argument couldn't be parsed into an integer";
        return false;
      }
      value.number = tempered(row, *number);
      value.text = std::to_string(value.number);
      return in_range(row, true, *number, reason);
    }
    case OptionKind::kMemory: {
      if (!parse_memory_option(row, word, value, reason)) {
        return false;
      }
      if (tempered(row, value.number) != value.number) {
        value.number = tempered(row, value.number);
        value.text = std::to_string(value.number);
      }
      return true;
    }
    case OptionKind::kOctal:
      return parse_octal(row, word, value, reason);
    case OptionKind::kChoice: {
      const std::optional<int64_t> index = parse_choice(row.choices, word, value.text);
      value.number = index.value_or(0);
      if (row.name == "oom-score-adj" && value.text == "relative") {
        value.text = "yes";  // two names of one choice; redis-server gives back this one
      }
      reason = "argument(s) must be one of the following: " + std::string(row.choices);
      return index.has_value();
    }
    case OptionKind::kText:
    case OptionKind::kWords:
      break;
  }
  if ((row.flags & kNotEmpty) != 0 && word.empty()) {
    reason = std::string(row.name) + " can't be empty";
    return false;
  }
  // Redis reads no manifest of an append-only history with a backslash in a name.
  if ((row.flags & (kFileName | kDirectoryName)) != 0 &&
      word.find_first_of("/\\") != std::string::npos) {
    reason = std::string(row.name) + " can't be a path, just a " +
             ((row.flags & kFileName) != 0 ? "filename" : "dirname");
    return false;
  }
  if (row.check != nullptr && !row.check(word, reason)) {
    return false;
  }
  value.text = word;
  return true;
}

}  // namespace pollux
