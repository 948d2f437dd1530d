// What an option is: its kind, its default, where it lands in Config. Private to the config files
// of this room and their tests.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/config.h"

namespace pollux {

enum class OptionKind : uint8_t {
  kBool,    // yes, no
  kInt,     // decimal, min..max
  kMemory,  // bytes, or with a unit: k kb m mb g gb
  kOctal,   // file mode
  kChoice,  // one of `choices`, any case
  kText,    // anything
  kWords,   // a list with rules of its own: `parse`
};

enum OptionFlag : uint32_t {
  kImmutable = 1u << 0,  // only at start
  kGuarded = 1u << 1,    // CONFIG SET needs enable-protected-configs
  kHidden = 1u << 2,     // not shown by a glob of CONFIG GET
  kIdle = 1u << 3,       // known, kept, without meaning here
  kFileName = 1u << 4,   // must not be a path
  kPercent = 1u << 5,    // kMemory: "N%" is fine too
  kUnsigned = 1u << 6,   // kMemory: up to 2^64 - 1 (what is over INT64_MAX counts as that)
  kSecret = 1u << 7,     // its value is not shown in logs of commands
  kQuoted = 1u << 8,     // kWords: CONFIG REWRITE puts the list into quotes
  kEmptyIsNone = 1u << 9,     // CONFIG REWRITE: an empty value needs no line
  kAlwaysWritten = 1u << 10,  // CONFIG REWRITE: has a line also at its default
  kNotEmpty = 1u << 11,       // kText: must be something
  kDirectoryName = 1u << 12,  // must not be a path
  kPassing = 1u << 13,  // CONFIG REWRITE leaves the file's line as it is, and writes none
};

// A value as it was understood.
struct OptionValue {
  std::string text;    // as CONFIG GET prints it
  int64_t number = 0;  // kBool (0, 1), kInt, kMemory, kOctal; kChoice: which
};

using Words = std::span<const std::string>;

struct OptionRow {
  std::string_view name;
  std::string_view former_name;  // another name of the same option; may be empty
  OptionKind kind;
  uint32_t flags;
  std::string_view initial;  // as CONFIG GET prints it
  int64_t min = 0;
  int64_t max = 0;
  std::string_view choices = {};
  // Writes the value into a version; null: only the text is kept.
  void (*land)(Config&, const OptionValue&) = nullptr;
  // kWords: `value.text` comes in as what stands and goes out as what shall be; false with
  // `reason`. The words come split at blanks.
  bool (*parse)(Words, OptionValue& value, std::string& reason) = nullptr;
  // kBool, kText: what a value must be beyond its kind; false with `reason`.
  bool (*check)(std::string_view text, std::string& reason) = nullptr;
};

std::span<const OptionRow> option_rows();
// By either name, any case; null if there is none.
const OptionRow* find_option(std::string_view name);
size_t option_index(const OptionRow& row);

// Understands `words` as a value of `row`; false with `reason`. `value.text` comes in as the
// present text.
bool parse_option(const OptionRow& row, Words words, OptionValue& value, std::string& reason);

// "100mb": bytes. Digits, then a unit of any case; nothing if malformed. Saturates at UINT64_MAX.
std::optional<uint64_t> parse_memory(std::string_view text);

// The kinds with rules of their own (config_words.cc).
bool parse_save(Words words, OptionValue& value, std::string& reason);
bool parse_bind(Words words, OptionValue& value, std::string& reason);
bool parse_output_limits(Words words, OptionValue& value, std::string& reason);
bool parse_event_classes(Words words, OptionValue& value, std::string& reason);
bool parse_percentiles(Words words, OptionValue& value, std::string& reason);
bool parse_oom_values(Words words, OptionValue& value, std::string& reason);
bool parse_shutdown_flags(Words words, OptionValue& value, std::string& reason);
bool parse_replica_of(Words words, OptionValue& value, std::string& reason);
bool parse_directory(Words words, OptionValue& value, std::string& reason);
bool parse_addresses(Words words, OptionValue& value, std::string& reason);
bool parse_workers(Words words, OptionValue& value, std::string& reason);
bool parse_cpus(Words words, OptionValue& value, std::string& reason);
bool parse_redis_version(Words words, OptionValue& value, std::string& reason);
bool parse_any_words(Words words, OptionValue& value, std::string& reason);

// What values of text must be (config_words.cc).
bool check_host_name(std::string_view text, std::string& reason);
bool check_title_template(std::string_view text, std::string& reason);
bool check_no_tls(std::string_view text, std::string& reason);

std::vector<std::string> split_words(std::string_view text);
// A line without the blanks around it.
std::string_view trim_line(std::string_view line);
// A word in quotes, so that split_config_line gives it back; MONITOR's lines have the same form.
std::string quoted_word(std::string_view word);
std::string lower_case(std::string_view text);

}  // namespace pollux
