// CLIENT PAUSE: who may not run commands, and until when. A part of the configuration's versions,
// so that worker 0 makes it and every core picks it up in one order (config.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace pollux {

// In the order of what they hold back.
enum class PauseMode : uint8_t {
  kOff,
  kWrite,  // commands that change data or are replicated; expiry and eviction stand still
  kAll,    // every command
};

struct Pause {
  PauseMode mode = PauseMode::kOff;
  int64_t end_ms = 0;  // Unix time; it holds up to this moment, and no longer

  PauseMode at(int64_t now_ms) const { return now_ms < end_ms ? mode : PauseMode::kOff; }

  // A pause on top of one that still holds never makes it shorter or weaker, as in Redis.
  void extend(PauseMode with, int64_t until_ms, int64_t now_ms) {
    const PauseMode held = at(now_ms);
    end_ms = held == PauseMode::kOff ? until_ms : std::max(end_ms, until_ms);
    mode = std::max(held, with);
  }
};

// What a worker had begun at one moment.
struct UnderWay {
  std::vector<uint64_t> sent;  // commands, to each other worker
  uint64_t lease = 0;          // the ticket after that of the newest lease; 0: there was none
};

}  // namespace pollux
