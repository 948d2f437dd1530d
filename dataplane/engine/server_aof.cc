// Commands about the append-only history. What they ask for is the work of its thread (aof_desk.h);
// how far that is stands in the control page.
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"

namespace pollux {

namespace {

void bgrewriteaof(Context& ctx) {
  Engine& engine = *engine_host(ctx).engine;
  const AofBlock& aof = engine.page().aof;
  // What is asked for within EXEC begins behind it, as in redis-server.
  const bool waits = engine_host(ctx).in_exec ||
                     (engine.save_desk() != nullptr && engine.save_desk()->under_way());
  if (engine.aof_desk() == nullptr) {
    ctx.reply.error("ERR nothing is written to disk in this version of Pollux");
  } else if (aof.rewriting.get() != 0) {
    ctx.reply.error("ERR Background append only file rewriting already in progress");
  } else {
    engine.aof_desk()->ask_rewrite();
    ctx.reply.simple(waits ? "Background append only file rewriting scheduled"
                           : "Background append only file rewriting started");
  }
}

void waitaof(Context& ctx) {
  int64_t local = 0;
  int64_t replicas = 0;
  int64_t timeout_ms = 0;
  if (!read_int64(ctx, 1, local) || !read_int64(ctx, 2, replicas) ||
      !read_int64(ctx, 3, timeout_ms, "ERR timeout is not an integer or out of range")) {
    return;
  }
  EngineHost& host = engine_host(ctx);
  if (local < 0 || local > 1) {
    ctx.reply.error("ERR value is out of range, value must between 0 and 1");
  } else if (replicas < 0) {
    ctx.reply.error("ERR value is out of range, must be positive");
  } else if (timeout_ms < 0) {
    ctx.reply.error("ERR timeout is negative");
  } else if (local > 0 && !host.worker->config().append_only) {
    ctx.reply.error(
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  } else {
    const bool on_disk = host.session == nullptr || host.worker->is_on_disk(*host.session);
    const bool over = (local == 0 || on_disk) && replicas == 0;
    const int64_t until_ms = timeout_ms == 0 ? 0 : ctx.keys.now().ms() + timeout_ms;
    if (over || !ctx.host.wait(ctx, {.until_ms = until_ms})) {
      reply_waitaof(ctx.reply, on_disk);
    } else {
      host.session->waiter->replicas = replicas;
    }
  }
}

constexpr CommandRow kRows[] = {
    {.name = "bgrewriteaof", .arity = 1, .flags = kAdmin | kNoScript | kNoAsyncLoading, .acl = 0,
     .handler = bgrewriteaof, .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Writes the append-only file anew.",
     .complexity = "O(1)"},
    {.name = "waitaof", .arity = 4, .flags = kNoScript | kBlocking, .acl = kAclConnection,
     .handler = waitaof, .route = Route::kSession,
     .group = "generic", .since = "7.2.0",
     .summary = "Waits until the connection's writes are in the append-only files.",
     .complexity = "O(1)", .syntax = "numlocal:integer numreplicas:integer timeout:integer",
     .tips = "request_policy:all_shards response_policy:agg_min"},
};

}  // namespace

void reply_waitaof(Reply& reply, bool local) {
  reply.array(2);
  reply.integer(local ? 1 : 0);
  reply.integer(0);
}

std::span<const CommandRow> aof_commands() { return kRows; }

}  // namespace pollux
