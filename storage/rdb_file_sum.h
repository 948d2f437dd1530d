// A sink in front of another that sums up what passes: CRC-64. Bytes are written into the window of
// the sink below and summed where they stand, in pieces that are still in the cache. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "src/base/byte_sink.h"
#include "src/data/crc64.h"

namespace pollux {

class RdbFileSum final : public ByteSink {
 public:
  // `on`: otherwise the sum stays 0. Between settle() and the next byte, `below` may be written to
  // by others; at other times not.
  RdbFileSum(ByteSink& below, bool on) : below_(below), on_(on) {}

  // Gives all bytes so far to the sink below.
  void settle() {
    const auto size = static_cast<size_t>(cursor_ - start_);
    sum_ = on_ ? crc64({start_, size}, sum_) : 0;
    bytes_ += size;
    below_.commit(size);
    start_ = limit_ = cursor_ = nullptr;
  }
  // Both are of what was settled.
  uint64_t sum() const { return sum_; }
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kPieceBytes = 64 << 10;

  size_t refill(size_t bytes) override {
    if (start_ != nullptr) {
      settle();
    }
    start_ = cursor_ = below_.reserve(std::min(bytes, kReserveMax));
    limit_ = start_ + std::min(below_.room(), kPieceBytes);
    return 0;
  }

  ByteSink& below_;
  const bool on_;
  char* start_ = nullptr;  // of the window; null if there is none
  uint64_t sum_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace pollux
