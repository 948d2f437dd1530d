// What a session may not send yet: bytes that show changes which are not on disk (appendfsync
// always). Bytes leave in order, so what stands behind them waits, too.
//
// Belongs to a session, whose output it counts along with; empty, and without memory of its own,
// as long as nothing waits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "src/base/types.h"

namespace pollux {

class DurableGate {
 public:
  // Of the session's output, which has `size` bytes unsent, those that came since the last call
  // show changes up to `shown`.
  void note(size_t size, Ticket shown, Ticket durable) {
    const size_t fresh = size - counted_;
    counted_ = size;
    if (fresh == 0) {
      return;
    }
    if (parts_.empty() && shown <= durable) {
      open_bytes_ += fresh;
    } else if (!parts_.empty() && parts_.back().shown == shown) {
      parts_.back().bytes += fresh;
    } else {
      parts_.push_back({fresh, shown});
    }
  }

  // How many of the first bytes may leave now; SIZE_MAX: all.
  size_t open(Ticket durable) {
    while (first_ < parts_.size() && parts_[first_].shown <= durable) {
      open_bytes_ += parts_[first_++].bytes;
    }
    if (first_ == parts_.size()) {
      forget_parts();
      return SIZE_MAX;
    }
    if (first_ > kPartsGoneMax && first_ > parts_.size() / 2) {
      parts_.erase(parts_.begin(), parts_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return open_bytes_;
  }

  // Whether there are some that may not leave, as far as open has seen.
  bool waits() const { return first_ < parts_.size(); }

  // The first bytes, which were open, have left.
  void consume(size_t bytes) {
    counted_ -= std::min(bytes, counted_);
    open_bytes_ -= std::min(bytes, open_bytes_);
  }

 private:
  struct Part {
    size_t bytes;
    Ticket shown;
  };
  static constexpr size_t kPartsGoneMax = 64;

  void forget_parts() {
    parts_.clear();
    first_ = 0;
  }

  std::vector<Part> parts_;  // behind the open bytes, from first_ on
  size_t first_ = 0;
  size_t open_bytes_ = 0;
  size_t counted_ = 0;  // open bytes, and those of all parts
};

}  // namespace pollux
