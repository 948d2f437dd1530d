// A sink into a string, through a window so small that every write meets its end: for short texts
// that are written once, and for tests.
#pragma once

#include <string>
#include <utility>

#include "src/base/byte_sink.h"

namespace pollux {

class StringSink final : public ByteSink {
 public:
  StringSink() { refill(0); }
  // All that was written since the last call.
  std::string take() {
    refill(0);
    return std::exchange(text_, {});
  }

 private:
  size_t refill(size_t) override {
    if (cursor_ != nullptr) {
      text_.append(window_, static_cast<size_t>(cursor_ - window_));
    }
    cursor_ = window_;
    limit_ = window_ + sizeof window_;
    return 0;
  }

  std::string text_;
  char window_[kReserveMax];
};

}  // namespace pollux
