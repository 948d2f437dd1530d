// For tests: a file as the lines of what is in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "storage/rdb_file_splitter.h"
#include "storage/splitter_test_support.h"

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

inline SplitFile split_file(std::string_view file, size_t window_bytes, bool told = true,
                            const RdbFileSplitter::Options& options = {}) {
  using Step = RdbFileSplitter::Step;
  SplitFile result;
  RdbFileSplitter splitter(options);
  TestWindows windows = {.bytes = window_bytes, .told = told};
  result.ended = split_in_windows(splitter, file, windows, Step::kEvent, [&] {
                   result.lines += line_of(splitter.event()) + "\n";
                 }) == Step::kEnd;
  result.version = splitter.version();
  result.used = splitter.offset();
  result.sum = splitter.sum();
  result.error = splitter.error();
  result.window_max = windows.max;
  return result;
}

}  // namespace pollux
