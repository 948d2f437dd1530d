// What the splitters of files share: the window that they look at, where it stands in the file, and
// how long the next one has to be. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "src/base/assert.h"

namespace pollux {

class SplitterWindow {
 public:
  static constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

  // `following`: bytes of the file behind this window; 0 with the last. Only after the step that
  // asks for more, or first.
  void feed(std::string_view window, uint64_t following = kUnknown) {
    POLLUX_ASSERT(!fed_);
    fed_ = true;
    window_offset_ += used_;
    used_ = 0;
    window_ = window;
    following_ = following;
  }

  // After the step that asks for more, or the end: bytes of the window that are done. Behind the
  // end of an RDB file others may follow (the commands of an append-only file).
  size_t used() const { return used_; }
  // After the step that asks for more.
  size_t window_bytes_min() const { return window_bytes_min_; }
  // Bytes of the file that are done.
  uint64_t offset() const { return window_offset_ + used_; }

 protected:
  SplitterWindow(uint64_t offset, size_t bytes_min)
      : window_offset_(offset), window_bytes_min_(bytes_min) {}
  ~SplitterWindow() = default;

  // The window ends within a part that lacks at least so many bytes, which is not more than what
  // follows: a claim that is believed only as far as there are bytes.
  void want(uint64_t lacking) {
    // More than doubling small windows costs no memory worth a thought.
    constexpr size_t kSmallWindowBytes = 4 << 10;
    const size_t rest = window_.size() - used_;
    const size_t more = static_cast<size_t>(std::min<uint64_t>(lacking, rest + kSmallWindowBytes));
    // Half as much again, so that what is gone over twice adds up to three times the part.
    window_bytes_min_ = rest + std::max(more, rest / 2);
    if (following_ != kUnknown) {
      window_bytes_min_ = std::min<size_t>(window_bytes_min_, rest + following_);
    }
  }

  std::string_view window_;
  uint64_t window_offset_;
  uint64_t following_ = kUnknown;
  bool fed_ = false;  // a window is being read
  size_t used_ = 0;
  size_t window_bytes_min_;
};

}  // namespace pollux
