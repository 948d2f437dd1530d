// Commands about the append-only history. What they ask for is the work of its thread (aof_desk.h);
// how far that is stands in the control page.
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"

namespace pollux {

namespace {

void bgrewriteaof(Context& ctx) {
  Engine& engine = *engine_host(ctx).engine;
  const AofBlock& aof = engine.page().aof;
  const bool save_is_under_way = engine.save_desk() != nullptr && engine.save_desk()->under_way();
  if (engine.aof_desk() == nullptr || !engine_host(ctx).worker->config().append_only) {
    ctx.reply.error(
        "ERR there is no append-only file with appendonly no. Use BGSAVE, or CONFIG SET "
        "appendonly yes");
  } else if (aof.rewriting.get() != 0) {
    ctx.reply.error("ERR Background append only file rewriting already in progress");
  } else {
    engine.aof_desk()->ask_rewrite();
    ctx.reply.simple(save_is_under_way ? "Background append only file rewriting scheduled"
                                       : "Background append only file rewriting started");
  }
}

constexpr CommandRow kRows[] = {
    {.name = "bgrewriteaof", .arity = 1, .flags = kAdmin | kNoScript | kNoAsyncLoading, .acl = 0,
     .handler = bgrewriteaof, .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Writes the append-only file anew.",
     .complexity = "O(1)"},
};

}  // namespace

std::span<const CommandRow> aof_commands() { return kRows; }

}  // namespace pollux
