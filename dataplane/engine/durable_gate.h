// What a session may not send yet: bytes that show changes which are not on disk (appendfsync
// always). Bytes leave in order, so what stands behind them waits, too.
//
// Belongs to a session, whose output it counts along with; empty as long as nothing waits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

#include "src/base/types.h"

namespace pollux {

class DurableGate {
 public:
  // Of the session's output, which has `size` bytes unsent, those that came since the last call
  // show changes up to `shown`.
  void note(size_t size, Ticket shown, Ticket durable) {
    const size_t fresh = size - counted_;
    if (fresh == 0 || (parts_.empty() && shown <= durable)) {
      return;
    }
    if (parts_.empty()) {
      parts_.push_back({size, shown});
    } else if (parts_.back().shown == shown) {
      parts_.back().bytes += fresh;
    } else {
      parts_.push_back({fresh, shown});
    }
    counted_ = size;
  }

  // How many of the first bytes may leave now; SIZE_MAX: all.
  size_t open(Ticket durable) {
    size_t bytes = 0;
    for (const Part& part : parts_) {
      if (part.shown > durable) {
        return bytes;
      }
      bytes += part.bytes;
    }
    clear();
    return SIZE_MAX;
  }

  // The first bytes have left.
  void consume(size_t bytes) {
    counted_ -= std::min(bytes, counted_);
    while (!parts_.empty() && bytes > 0) {
      const size_t of_part = std::min(bytes, parts_.front().bytes);
      parts_.front().bytes -= of_part;
      bytes -= of_part;
      if (parts_.front().bytes == 0) {
        parts_.pop_front();
      }
    }
  }

  void clear() {
    parts_.clear();
    counted_ = 0;
  }

 private:
  struct Part {
    size_t bytes;
    Ticket shown;
  };
  std::deque<Part> parts_;
  size_t counted_ = 0;  // bytes of all parts
};

}  // namespace pollux
