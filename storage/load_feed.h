// What takes a file apart, window by window, and puts what is in it into batches: one for RDB
// files (rdb_feed.h), one for commands (aof_feed.h). A file may have the one and behind it the
// other. No I/O, no clock. One thread.
//
//   feed(window, following);
//   while ((step = take()) == kStarved) { ... until batches have come back ... }
//   kMore: the first used() bytes of the window are done, and the next one begins behind them
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/load_batches.h"
#include "storage/splitter_window.h"

namespace pollux {

class LoadFeed {
 public:
  enum class Step : uint8_t {
    kMore,
    kStarved,    // a batch is missing; or one has come back with a key that was refused
    kEnd,        // of what this feed takes apart: what stands behind used() is another's
    kTruncated,  // the file ends in the middle of something; error() tells where
    kRdb,        // an RDB file stands there
    kError,      // error() is a sentence for the log
  };

  virtual ~LoadFeed() = default;
  LoadFeed(const LoadFeed&) = delete;
  LoadFeed& operator=(const LoadFeed&) = delete;

  // See SplitterWindow.
  void feed(std::string_view window, uint64_t following) { window_.feed(window, following); }
  size_t used() const { return window_.used(); }
  size_t window_bytes_min() const { return window_.window_bytes_min(); }
  uint64_t offset() const { return window_.offset(); }

  virtual Step take() = 0;
  // All that was given is built.
  virtual void finish() = 0;
  // What a key that could not be built is, in a sentence.
  virtual std::string refusal(const LoadBatches::Refused&) const { return {}; }
  const std::string& error() const { return error_; }

 protected:
  // `window`: of the splitter that the feed has.
  explicit LoadFeed(SplitterWindow& window) : window_(window) {}

  std::string error_;

 private:
  SplitterWindow& window_;
};

}  // namespace pollux
