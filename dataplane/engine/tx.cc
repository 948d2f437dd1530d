// Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH. What they do is the engine's
// (worker_transaction.cc); here is what they answer.
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/commands/rows.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

void multi(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  if (host.session->in_multi) {
    ctx.reply.error("ERR MULTI calls can not be nested");
    return;
  }
  host.worker->begin_transaction(*host.session);
  ctx.reply.ok();
}

// If there is something to run the engine runs that instead.
void exec(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  if (!host.session->in_multi) {
    ctx.reply.error("ERR EXEC without MULTI");
    return;
  }
  host.worker->drop_transaction(*host.session);
  ctx.reply.error(error_text::kExecAborted);
}

void discard(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  if (!host.session->in_multi) {
    ctx.reply.error("ERR DISCARD without MULTI");
    return;
  }
  host.worker->drop_transaction(*host.session);
  ctx.reply.ok();
}

// Runs where the keys are: with the session in place and under a lease, without it for another
// worker.
void watch(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  if (host.session != nullptr && host.session->in_multi) {
    ctx.reply.error("ERR WATCH inside MULTI is not allowed");
    return;
  }
  Transaction* transaction =
      host.session == nullptr ? nullptr : &host.worker->watching_transaction(*host.session);
  Watching here;
  Watching& watching = transaction == nullptr ? *host.watching : here;
  if (transaction != nullptr) {
    here.id = transaction->watching.id;
  }
  for (size_t i = 1; i < ctx.args.size(); ++i) {
    const Key key = ctx.key(i);
    const ShardId shard = ctx.keys.store_of(key).id();
    if (transaction != nullptr) {
      transaction->watched.add(shard);
    }
    host.engine->side(shard).watch(watching, ctx.keys.db(), key, ctx.keys.now());
  }
  if (transaction != nullptr) {
    host.worker->count_watches(*host.session, here);
  }
  ctx.reply.ok();
}

void unwatch(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  host.worker->unwatch(*host.session);
  ctx.reply.ok();
}

constexpr uint32_t kAlways = kNoScript | kLoading | kStale;

constexpr CommandRow kRows[] = {
    {.name = "multi", .arity = 1, .flags = kAlways | kFast | kAllowBusy, .acl = kAclTransaction,
     .handler = multi, .route = Route::kSession,
     .group = "transactions", .since = "1.2.0", .summary = "Begins a transaction.",
     .complexity = "O(1)", .in_multi = InMulti::kRefused},
    {.name = "exec", .arity = 1, .flags = kAlways | kSkipSlowlog, .acl = kAclTransaction,
     .handler = exec, .route = Route::kExec,
     .group = "transactions", .since = "1.2.0",
     .summary = "Runs the commands that were queued since MULTI.",
     .complexity = "Depends on the queued commands.", .in_multi = InMulti::kAtOnce},
    {.name = "discard", .arity = 1, .flags = kAlways | kFast | kAllowBusy, .acl = kAclTransaction,
     .handler = discard, .route = Route::kSession,
     .group = "transactions", .since = "2.0.0",
     .summary = "Forgets the commands that were queued since MULTI.",
     .complexity = "O(N) for N queued commands", .in_multi = InMulti::kAtOnce},
    {.name = "watch", .arity = -2, .flags = kAlways | kFast | kAllowBusy, .acl = kAclTransaction,
     .handler = watch, .keys = {keys_from(1, -1, 1, "RO")},
     .group = "transactions", .since = "2.2.0",
     .summary = "Makes the next EXEC depend on keys that nobody changes until then.",
     .complexity = "O(1) for each key", .syntax = "key#0...", .in_multi = InMulti::kRefused},
    {.name = "unwatch", .arity = 1, .flags = kAlways | kFast | kAllowBusy, .acl = kAclTransaction,
     .handler = unwatch, .route = Route::kSession,
     .group = "transactions", .since = "2.2.0", .summary = "Ends all watches of the connection.",
     .complexity = "O(1) for each watched key"},
};

}  // namespace

std::span<const CommandRow> tx_commands() { return kRows; }

}  // namespace pollux
