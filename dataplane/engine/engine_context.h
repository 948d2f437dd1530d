// What families of the engine (connection, server) get beyond a handler's context: the session the
// command came from and the worker that runs it. Rows with Route::kSession, kEachWorker and kListen
// always run on the session's own worker; with any other route there may be no session (WATCH
// asks).
#pragma once

#include "dataplane/engine/session.h"
#include "src/commands/context.h"

namespace pollux {

class Engine;
class Worker;

struct EngineHost final : Host {
  Engine* engine = nullptr;
  Worker* worker = nullptr;
  Session* session = nullptr;
  Tour* tour = nullptr;  // Route::kEachWorker: the tour that has just come home, in the handler
  bool in_exec = false;  // EXEC runs it: it must not block, nor take the session over
  Watching* watching = nullptr;  // WATCH that runs for another worker, which has given the id
  std::string_view peer;  // without a session: whose command it is, while somebody uses MONITOR
  Waiter* waiter = nullptr;  // without a session: what its command may wait with
  bool waits = false;        // it does; who has called the handler looks, and takes it back
  int64_t again_ms = 0;      // it waits on, and this is the Wait::again_ms it has said

  bool wait(Context& ctx, const Wait& wait) override;
  void emptied_all() override;
};

inline EngineHost& engine_host(Context& ctx) { return static_cast<EngineHost&>(ctx.host); }

}  // namespace pollux
