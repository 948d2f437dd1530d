// Commands about the append-only history. What they ask for is the work of its thread (aof_desk.h);
// how far that is stands in the control page.
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/tour.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"
#include "src/commands/blocking.h"

namespace pollux {

namespace {

// Its thread says what becomes of it, and the tour waits for that at the first worker.
struct RewriteLuggage final : TourLuggage {
  uint64_t number = 0;
  AofDesk::Rewrite outcome = AofDesk::Rewrite::kUnderWay;
};

void bgrewriteaof_visit(Worker& worker, Tour& tour) {
  Engine& engine = worker.engine();
  AofDesk* const desk = engine.aof_desk();
  auto& luggage = tour.luggage_of<RewriteLuggage>();
  tour.done_early = true;
  if (desk == nullptr) {
    tour.text = "ERR nothing is written to disk in this version of Pollux";
    return;
  }
  if (tour.in_exec) {
    // It begins behind the transaction, as in redis-server, and nobody waits for it.
    const AofBlock& aof = engine.page().aof;
    if (aof.rewriting.get() != 0 && aof.rewrite_scheduled.get() == 0) {
      luggage.outcome = AofDesk::Rewrite::kAlready;
    } else {
      desk->schedule_rewrite();
      luggage.outcome = AofDesk::Rewrite::kScheduled;
    }
    return;
  }
  if (luggage.number == 0) {
    luggage.number = desk->ask_rewrite();
  }
  if (luggage.number != 0) {
    luggage.outcome = desk->rewrite(luggage.number);
  }
  tour.stay = luggage.outcome == AofDesk::Rewrite::kUnderWay && !engine.stopping();
  tour.done_early = !tour.stay;
}

void bgrewriteaof(Context& ctx) {
  Tour& tour = *engine_host(ctx).tour;
  if (!tour.text.empty()) {
    return ctx.reply.error(tour.text);
  }
  switch (tour.luggage_of<RewriteLuggage>().outcome) {
    case AofDesk::Rewrite::kStarted:
      return ctx.reply.simple("Background append only file rewriting started");
    case AofDesk::Rewrite::kScheduled:
      return ctx.reply.simple("Background append only file rewriting scheduled");
    case AofDesk::Rewrite::kAlready:
      return ctx.reply.error("ERR Background append only file rewriting already in progress");
    case AofDesk::Rewrite::kCant:
    case AofDesk::Rewrite::kUnderWay:  // the server ends
      return ctx.reply.error(
          "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
          "information.");
  }
}

void waitaof(Context& ctx) {
  int64_t local = 0;
  int64_t replicas = 0;
  int64_t until_ms = 0;
  EngineHost& host = engine_host(ctx);
  if (!read_int64(ctx, 1, local)) {
    return;
  }
  if (local < 0 || local > 1) {
    ctx.reply.error("ERR value is out of range, value must between 0 and 1");
    return;
  }
  if (!read_int64(ctx, 2, replicas)) {
    return;
  }
  if (replicas < 0) {
    ctx.reply.error("ERR value is out of range, must be positive");
    return;
  }
  if (!read_timeout_ms(ctx, 3, until_ms)) {
    return;
  }
  if (local > 0 && !host.worker->config().append_only) {
    ctx.reply.error("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    return;
  }
  const bool on_disk = host.session == nullptr || host.worker->is_on_disk(*host.session);
  const bool over = (local == 0 || on_disk) && replicas == 0;
  if (over || !ctx.host.wait(ctx, {.until_ms = until_ms})) {
    reply_waitaof(ctx.reply, on_disk);
  } else {
    host.session->waiter->for_disk = true;
    host.session->waiter->replicas = replicas;
  }
}

constexpr CommandRow kRows[] = {
    {.name = "bgrewriteaof", .arity = 1, .flags = kAdmin | kNoScript | kNoAsyncLoading, .acl = 0,
     .handler = bgrewriteaof, .route = Route::kEachWorker, .each_worker = bgrewriteaof_visit,
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
