// What a command that waits for something (a key, replicas) leaves in its session, so that others
// can end the wait: CLIENT UNBLOCK, and whoever else may. On the session's worker. A session that
// CLIENT PAUSE holds back is not blocked in this sense: its request has not begun.
#pragma once

#include <cstdint>

namespace pollux {

class Session;
class Worker;

enum class UnblockAs : uint8_t {
  kTimeout,  // answer as if the time were up
  kError,    // answer -UNBLOCKED
};

class Blocked {
 public:
  virtual ~Blocked() = default;
  // Ends the wait of `session` with its reply; Session::blocked is null afterwards. Never called
  // while a command of that session runs.
  virtual void unblock(Worker& worker, Session& session, UnblockAs as) = 0;
};

}  // namespace pollux
