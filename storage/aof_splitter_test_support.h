// For tests: an append-only file as the lines of what is in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/assert.h"
#include "storage/aof_splitter.h"

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

// Feeds a file, from `start` on, in windows of `window_bytes`, larger only if asked to; each in a
// block of its exact size. `told`: the splitter is told how much follows, not only with the last
// window.
inline SplitAof split_aof(std::string_view file, size_t window_bytes, bool told = true,
                          uint64_t start = 0, const AofSplitter::Options& options = {}) {
  using Step = AofSplitter::Step;
  SplitAof result;
  AofSplitter splitter(options, start);
  for (size_t wanted = window_bytes;;) {
    const std::string_view rest = file.substr(splitter.offset());
    const std::string_view part = rest.substr(0, wanted);
    const auto exact = std::make_unique<char[]>(part.size());
    part.copy(exact.get(), part.size());
    const bool last = part.size() == rest.size();
    splitter.feed({exact.get(), part.size()},
                  last || told ? rest.size() - part.size() : kFollowingUnknown);
    Step step;
    while ((step = splitter.next()) == Step::kRecord) {
      result.lines += line_of(splitter.record()) + "\n";
    }
    if (step != Step::kMore) {
      result.end = step;
      result.valid_to = splitter.valid_to();
      result.error = splitter.error();
      return result;
    }
    POLLUX_ASSERT(!last);  // with all it has, it knows
    wanted = std::max(window_bytes, splitter.window_bytes_min());
    result.window_max = std::max(result.window_max, wanted);
  }
}

}  // namespace pollux
