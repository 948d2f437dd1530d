// For tests: an append-only file as the lines of what is in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "storage/aof_splitter.h"
#include "storage/splitter_test_support.h"

namespace pollux {

// "OFFSET ARGS", with "multi", "in" or "exec" before the arguments in a transaction; "OFFSET time
// N"; "OFFSET # TEXT".
inline std::string line_of(const AofRecord& record) {
  std::string line = std::to_string(record.offset);
  switch (record.kind) {
    case AofRecord::Kind::kTimestamp:
      return line + " time " + std::to_string(record.time_s);
    case AofRecord::Kind::kComment:
      return line + " # " + std::string(record.text);
    case AofRecord::Kind::kCommand:
      break;
  }
  constexpr std::string_view kGroups[] = {"", " multi:", " in:", " exec:"};
  line += kGroups[static_cast<size_t>(record.group)];
  for (const std::string_view arg : record.args) {
    line += ' ';
    line += arg;
  }
  return line;
}

struct SplitAof {
  std::string lines;  // each with '\n'
  std::string error;
  AofSplitter::Step end = AofSplitter::Step::kMore;
  uint64_t valid_to = 0;
  size_t window_max = 0;  // the largest that was asked for
};

// From `start` on.
inline SplitAof split_aof(std::string_view file, size_t window_bytes, bool told = true,
                          uint64_t start = 0, const AofSplitter::Options& options = {}) {
  SplitAof result;
  AofSplitter splitter(options, start);
  TestWindows windows = {.bytes = window_bytes, .told = told};
  result.end = split_in_windows(splitter, file, windows, AofSplitter::Step::kRecord,
                                [&] { result.lines += line_of(splitter.record()) + "\n"; });
  result.valid_to = splitter.valid_to();
  result.error = splitter.error();
  result.window_max = windows.max;
  return result;
}

}  // namespace pollux
