// For tests: a file as the lines of what is in it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/assert.h"
#include "storage/rdb_file_splitter.h"

namespace pollux {

inline std::string line_of(const RdbFileEvent& event) {
  const auto number = [](uint64_t value) { return std::to_string(value); };
  std::string line;
  switch (event.kind) {
    case RdbFileEvent::Kind::kAux:
      return "aux " + std::string(event.name.view()) + "=" + std::string(event.text.view());
    case RdbFileEvent::Kind::kFunction:
      return "function " + std::string(event.text.view());
    case RdbFileEvent::Kind::kDatabase:
      return "db " + number(event.db);
    case RdbFileEvent::Kind::kSizes:
      return "sizes " + number(event.db) + " " + number(event.keys) + " " + number(event.expires);
    case RdbFileEvent::Kind::kKey:
      break;
  }
  line = "key " + number(event.db) + " " + std::string(event.name.view()) + " type " +
         number(static_cast<uint8_t>(event.type)) + " bytes " + std::string(event.value);
  if (event.meta.expire_ms) {
    line += " expire " + std::to_string(*event.meta.expire_ms);
  }
  if (event.meta.idle_s) {
    line += " idle " + number(*event.meta.idle_s);
  }
  if (event.meta.frequency) {
    line += " frequency " + number(*event.meta.frequency);
  }
  return line;
}

struct SplitFile {
  std::string lines;  // each with '\n'
  std::string error;
  RdbFileSplitter::Sum sum = RdbFileSplitter::Sum::kNotChecked;
  unsigned version = 0;
  bool ended = false;
  uint64_t used = 0;
  size_t window_max = 0;  // the largest that was asked for
};

// Feeds a file in windows of `window_bytes`, larger only if asked to; each in a block of its exact
// size. `told`: the splitter is told how much follows, not only with the last window.
inline SplitFile split_file(std::string_view file, size_t window_bytes, bool told = true,
                            const RdbFileSplitter::Options& options = {}) {
  using Step = RdbFileSplitter::Step;
  SplitFile result;
  RdbFileSplitter splitter(options);
  size_t wanted = window_bytes;
  for (;;) {
    const std::string_view rest = file.substr(splitter.offset());
    const std::string_view part = rest.substr(0, wanted);
    const auto exact = std::make_unique<char[]>(part.size());
    part.copy(exact.get(), part.size());
    const bool last = part.size() == rest.size();
    splitter.feed({exact.get(), part.size()},
                  last || told ? rest.size() - part.size() : RdbFileSplitter::kUnknown);
    Step step;
    while ((step = splitter.next()) == Step::kEvent) {
      result.lines += line_of(splitter.event()) + "\n";
    }
    result.version = splitter.version();
    result.used = splitter.offset();
    if (step != Step::kMore) {
      result.ended = step == Step::kEnd;
      result.sum = splitter.sum();
      result.error = splitter.error();
      return result;
    }
    POLLUX_ASSERT(!last);  // with all it has, it knows
    wanted = std::max(window_bytes, splitter.window_bytes_min());
    result.window_max = std::max(result.window_max, wanted);
  }
}

}  // namespace pollux
