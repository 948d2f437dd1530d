// CLIENT PAUSE, and the end of the server: who may not run commands, and until when. A part of the
// configuration's versions, so that worker 0 makes it and every core picks it up in one order
// (config.h).
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
  // What clients ask for.
  PauseMode mode = PauseMode::kOff;
  int64_t end_ms = 0;  // Unix time; it holds up to this moment, and no longer
  // SHUTDOWN saves: no write runs until it is over, whatever clients ask for meanwhile.
  bool for_end = false;

  PauseMode asked_at(int64_t now_ms) const { return now_ms < end_ms ? mode : PauseMode::kOff; }
  PauseMode at(int64_t now_ms) const {
    return std::max(asked_at(now_ms), for_end ? PauseMode::kWrite : PauseMode::kOff);
  }
  // When what clients ask for ends by itself; INT64_MAX if nothing does.
  int64_t next_end_ms(int64_t now_ms) const {
    return asked_at(now_ms) == PauseMode::kOff ? INT64_MAX : end_ms;
  }

  // A pause on top of one that still holds never makes it shorter or weaker, as in Redis.
  void extend(PauseMode with, int64_t until_ms, int64_t now_ms) {
    const PauseMode held = asked_at(now_ms);
    end_ms = held == PauseMode::kOff ? until_ms : std::max(end_ms, until_ms);
    mode = std::max(held, with);
  }
  void end() {
    mode = PauseMode::kOff;
    end_ms = 0;
  }
};

// What a worker had begun at one moment.
struct UnderWay {
  std::vector<uint64_t> sent;  // commands, to each other worker
  uint64_t lease = 0;          // the ticket after that of the newest lease; 0: there was none
};

}  // namespace pollux
