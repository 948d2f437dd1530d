// When a history is rewritten without being asked: when it has grown by so much, and not again and
// again if that fails. The rules are those of redis-server 7.0 (auto-aof-rewrite-percentage,
// auto-aof-rewrite-min-size): after three failures in a row it waits for 1, 2, 4, ... up to 60
// minutes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "src/base/types.h"

namespace pollux {

// By how many percent it has grown; -1: that is nothing to do anything about.
inline int64_t aof_growth(uint64_t bytes, uint64_t base_bytes, uint32_t percentage,
                          uint64_t bytes_min) {
  if (percentage == 0 || bytes <= bytes_min) {
    return -1;
  }
  const double growth =
      static_cast<double>(bytes) * 100 / static_cast<double>(std::max<uint64_t>(base_bytes, 1)) -
      100;
  return growth >= percentage ? static_cast<int64_t>(std::min(growth, 1e18)) : -1;
}

class AofRewriteDelay {
 public:
  static constexpr int64_t kFailuresMax = 3;
  static constexpr int64_t kMinutesMax = 60;

  // Whether one may begin now after so many failures in a row. Asked when one would.
  bool allows(int64_t failures, Instant now) {
    if (failures < kFailuresMax) {
      minutes_ = 0;
      until_ = {};
      return true;
    }
    if (until_ != Instant{}) {
      if (now < until_) {
        return false;
      }
      until_ = {};
      return true;
    }
    minutes_ = std::clamp<int64_t>(minutes_ * 2, 1, kMinutesMax);
    until_ = {now.us + minutes_ * 60'000'000};
    return false;
  }
  // The delay, when it was begun by the last question; else 0.
  int64_t begun_minutes(Instant now) const {
    return until_.us == now.us + minutes_ * 60'000'000 ? minutes_ : 0;
  }

 private:
  int64_t minutes_ = 0;
  Instant until_;
};

}  // namespace pollux
