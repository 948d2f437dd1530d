// Options whose values are lists with rules of their own. Each function takes the words of the
// value and makes the text that CONFIG GET prints, or says what is wrong in redis-server's words.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dataplane/engine/config_options.h"
#include "dataplane/engine/key_events.h"
#include "src/base/cpu.h"
#include "src/base/num.h"

namespace pollux {

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const size_t end = text.find(' ');
    words.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return words;
    }
    text.remove_prefix(end + 1);
  }
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return out;
}

namespace {

std::string join(Words words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) {
      out += ' ';
    }
    out += word;
  }
  return out;
}

std::optional<int64_t> whole_number(const std::string& word) {
  // strtol's reading: signs and leading zeros are fine, anything behind the digits is not; an empty
  // word (CONFIG SET divides at every space) is 0.
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(word.c_str(), &end, 10);
  if (*end != '\0' || errno != 0) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

bool parse_save(Words words, OptionValue& value, std::string& reason) {
  if (words.size() == 1 && words[0].empty()) {
    value.text.clear();
    return true;
  }
  bool good = !words.empty() && words.size() % 2 == 0;
  std::vector<std::string> numbers;
  for (size_t i = 0; good && i < words.size(); ++i) {
    const std::optional<int64_t> number = whole_number(words[i]);
    good = number && *number >= (i % 2 == 0 ? 1 : 0) && *number <= INT32_MAX;
    numbers.push_back(std::to_string(number.value_or(0)));
  }
  if (!good) {
    reason = "Invalid save parameters";
    return false;
  }
  value.text = join(numbers);
  return true;
}

bool parse_bind(Words words, OptionValue& value, std::string& reason) {
  if (words.size() > 16) {
    reason = "Too many bind addresses specified.";
    return false;
  }
  // A single empty word means no TCP at all.
  value.text = words.size() == 1 && words[0].empty() ? "" : join(words);
  return true;
}

bool parse_output_limits(Words words, OptionValue& value, std::string& reason) {
  if (words.size() == 1 && words[0].empty()) {
    return true;  // no class, no change
  }
  if (words.empty() || words.size() % 4 != 0) {
    reason = "Wrong number of arguments in buffer limit configuration.";
    return false;
  }
  std::vector<std::string> now = split_words(value.text);  // class hard soft seconds, three times
  for (size_t i = 0; i < words.size(); i += 4) {
    std::string name = lower_case(words[i]);
    if (name == "replica") {
      name = "slave";
    }
    const auto at = std::find(now.begin(), now.end(), name);
    if (at == now.end() || (at - now.begin()) % 4 != 0) {
      reason = "Invalid client class specified in buffer limit configuration.";
      return false;
    }
    const std::optional<uint64_t> hard = parse_memory(words[i + 1]);
    const std::optional<uint64_t> soft = parse_memory(words[i + 2]);
    const std::optional<int64_t> seconds = whole_number(words[i + 3]);
    if (!hard || !soft || !seconds || *seconds < 0) {
      reason = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
      return false;
    }
    at[1] = std::to_string(std::min<uint64_t>(*hard, INT64_MAX));
    at[2] = std::to_string(std::min<uint64_t>(*soft, INT64_MAX));
    at[3] = std::to_string(*seconds);
  }
  value.text = join(now);
  return true;
}

// notify-keyspace-events. Written back in a fixed order; 'A' stands for "g$lshzxetd". Redis forgets
// to write an 'n' beside it, so `number` tells of that.
bool parse_event_classes(Words words, OptionValue& value, std::string& reason) {
  constexpr auto& kAll = EventClasses::kAll;
  constexpr std::string_view kOrder = "g$lshzxetdn";
  std::string seen = words.empty() ? "" : words[0];
  if (words.size() > 1 || seen.find_first_not_of("Ag$lshzxeKEtmdn") != std::string::npos) {
    reason = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    return false;
  }
  const auto has = [&](char c) { return seen.find(c) != std::string::npos; };
  value.text.clear();
  value.number = has('n') ? 1 : 0;
  if (has('A') || std::all_of(kAll.begin(), kAll.end(), has)) {
    value.text = "A";
  } else {
    std::copy_if(kOrder.begin(), kOrder.end(), std::back_inserter(value.text), has);
  }
  constexpr std::string_view kOutsideAll = "KEm";
  std::copy_if(kOutsideAll.begin(), kOutsideAll.end(), std::back_inserter(value.text), has);
  return true;
}

bool parse_percentiles(Words words, OptionValue& value, std::string& reason) {
  std::string text;
  for (const std::string& word : words) {
    if (words.size() == 1 && word.empty()) {
      break;
    }
    const std::optional<double> percent = parse_double(word);
    if (!percent) {
      reason = "Invalid latency-tracking-info-percentiles parameters";
      return false;
    }
    if (*percent < 0 || *percent > 100) {
      reason = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
      return false;
    }
    char number[40];
    std::snprintf(number, sizeof number, "%.10g", *percent);
    text += text.empty() ? "" : " ";
    text += number;
  }
  value.text = text;
  return true;
}

bool parse_oom_values(Words words, OptionValue& value, std::string& reason) {
  if (words.size() != 3) {
    reason = "wrong number of arguments";
    return false;
  }
  std::vector<std::string> numbers;
  for (const std::string& word : words) {
    const std::optional<int64_t> number = whole_number(word);
    if (!number || *number < -2000 || *number > 2000) {
      reason = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
      return false;
    }
    numbers.push_back(std::to_string(*number));
  }
  value.text = join(numbers);
  return true;
}

bool parse_shutdown_flags(Words words, OptionValue& value, std::string& reason) {
  constexpr std::string_view kNames[] = {"default", "save", "nosave", "now", "force"};
  std::vector<std::string> lower;
  for (const std::string& word : words) {
    lower.push_back(lower_case(word));
    if (std::find(std::begin(kNames), std::end(kNames), lower.back()) == std::end(kNames)) {
      reason = "argument(s) must be one of the following: default, save, nosave, now, force";
      return false;
    }
  }
  const auto has = [&](std::string_view name) {
    return std::find(lower.begin(), lower.end(), name) != lower.end();
  };
  if (has("save") && has("nosave")) {
    reason = "shutdown options SAVE and NOSAVE can't be used simultaneously";
    return false;
  }
  value.text.clear();
  for (const std::string_view name : kNames) {
    if (name != "default" && has(name)) {
      value.text += value.text.empty() ? "" : " ";
      value.text += name;
    }
  }
  if (value.text.empty()) {
    value.text = "default";
  }
  return true;
}

bool parse_replica_of(Words words, OptionValue& value, std::string& reason) {
  if (words.size() != 2) {
    reason = "wrong number of arguments";
    return false;
  }
  if (lower_case(words[0]) == "no" && lower_case(words[1]) == "one") {
    value.text.clear();
    return true;
  }
  const std::optional<int64_t> port = parse_int64(words[1]);
  if (!port || *port < 0 || *port > 65535) {
    reason = "Invalid master port";
    return false;
  }
  value.text = join(words);
  return true;
}

bool parse_directory(Words words, OptionValue& value, std::string& reason) {
  if (words.size() != 1) {
    reason = "wrong number of arguments";
    return false;
  }
  struct stat status;
  char path[PATH_MAX];
  if (realpath(words[0].c_str(), path) == nullptr || stat(path, &status) != 0) {
    reason = std::strerror(errno);
    return false;
  }
  if (!S_ISDIR(status.st_mode)) {
    reason = std::strerror(ENOTDIR);
    return false;
  }
  value.text = path;
  return true;
}

bool parse_addresses(Words words, OptionValue& value, std::string& reason) {
  if (words.size() == 1 && words[0].empty()) {
    value.text.clear();
    return true;
  }
  AddressList list;
  for (const std::string& word : words) {
    if (!list.add(word)) {
      reason = "'" + word + "' is no address or CIDR block, as in 10.0.0.0/8 or fd00::/8";
      return false;
    }
  }
  value.text = join(words);
  return true;
}

bool parse_workers(Words words, OptionValue& value, std::string& reason) {
  const std::string word = words.size() == 1 ? lower_case(words[0]) : "";
  if (word == "auto") {
    value.number = 0;
    value.text = word;
    return true;
  }
  const std::optional<int64_t> count = parse_int64(word);
  if (!count || *count < 1 || *count > kWorkersMax) {
    reason = "argument must be 'auto' or between 1 and " + std::to_string(kWorkersMax);
    return false;
  }
  value.number = *count;
  value.text = word;
  return true;
}

// What they must be is known where they are used.
bool parse_any_words(Words words, OptionValue& value, std::string& /*reason*/) {
  value.text = join(words);
  return true;
}

bool parse_cpus(Words words, OptionValue& value, std::string& reason) {
  const std::string word = words.size() == 1 ? words[0] : "";
  if (!word.empty() || words.size() != 1) {
    const std::optional<std::vector<int>> cpus = parse_cpu_list(word);
    if (!cpus || cpus->empty()) {
      reason = "argument must be a list of processors, as in 0,2,4-7";
      return false;
    }
  }
  value.text = word;
  return true;
}

// --- checks of text ---

bool check_host_name(std::string_view text, std::string& reason) {
  constexpr size_t kHostNameMax = 256;
  if (text.size() >= kHostNameMax) {
    reason = "Hostnames must be less than 256 characters";
    return false;
  }
  const bool good = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.';
  });
  if (!good) {
    reason = "Hostnames may only contain alphanumeric characters, hyphens or dots";
  }
  return good;
}

// The title must say something besides {title} and {unixsocket}, which may be empty.
bool check_title_template(std::string_view text, std::string& reason) {
  constexpr std::string_view kFilled[] = {"{listen-addr}", "{server-mode}", "{port}", "{tls-port}",
                                          "{config-file}"};
  constexpr std::string_view kPerhapsEmpty[] = {"{title}", "{unixsocket}"};
  reason = "template format is invalid or contains unknown variables";
  bool says_something = false;
  while (!text.empty()) {
    if (text[0] != '{') {
      says_something |= text[0] != ' ';
      text.remove_prefix(1);
      continue;
    }
    const std::string_view name = text.substr(0, text.find('}') + 1);
    const auto is_name = [name](std::string_view known) { return known == name; };
    const bool filled = std::any_of(std::begin(kFilled), std::end(kFilled), is_name);
    if (!filled && std::none_of(std::begin(kPerhapsEmpty), std::end(kPerhapsEmpty), is_name)) {
      return false;
    }
    says_something |= filled;
    text.remove_prefix(name.size());
  }
  return says_something;
}

bool check_no_tls(std::string_view text, std::string& reason) {
  reason = "TLS is not in this version of Pollux";
  return text == "no";
}

// Clients compare it number by number.
bool parse_redis_version(Words words, OptionValue& value, std::string& reason) {
  int numbers[3];
  char rest = 0;
  if (words.size() != 1 || words[0].size() > 16 ||
      words[0].find_first_not_of("0123456789.") != std::string::npos ||
      std::sscanf(words[0].c_str(), "%d.%d.%d%c", &numbers[0], &numbers[1], &numbers[2], &rest) !=
          3) {
    reason = "argument must be a version, as in 7.4.0";
    return false;
  }
  value.text = words[0];
  return true;
}

}  // namespace pollux
