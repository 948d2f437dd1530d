// For tests: a file that is fed to a splitter in windows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "src/base/assert.h"
#include "storage/splitter_window.h"

namespace pollux {

struct TestWindows {
  size_t bytes = 1;  // larger ones only if asked to
  bool told = true;  // how much follows, not only with the last window
  size_t max = 0;    // out: the largest that was asked for
};

// Feeds what follows the splitter's offset, each window in a block of its exact size. `take` is
// called when there is a part. The step that was neither that nor for more.
template <typename Splitter, typename Step, typename Take>
Step split_in_windows(Splitter& splitter, std::string_view file, TestWindows& windows, Step part,
                      Take&& take) {
  for (size_t wanted = windows.bytes;;) {
    const std::string_view rest = file.substr(splitter.offset());
    const std::string_view window = rest.substr(0, wanted);
    const auto exact = std::make_unique<char[]>(window.size());
    window.copy(exact.get(), window.size());
    const bool last = window.size() == rest.size();
    splitter.feed({exact.get(), window.size()},
                  last || windows.told ? rest.size() - window.size() : SplitterWindow::kUnknown);
    Step step;
    while ((step = splitter.next()) == part) {
      take();
    }
    if (step != Step::kMore) {
      return step;
    }
    POLLUX_ASSERT(!last);  // with all it has, it knows
    wanted = std::max(windows.bytes, splitter.window_bytes_min());
    windows.max = std::max(windows.max, wanted);
  }
}

}  // namespace pollux
