// Commands about the server as a whole that need no table of their own: time, and the outside of
// what is not there yet (replication, the append-only file).
#include <string>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/blocking.h"
#include "src/commands/rows.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {


void bulk_number(Reply& reply, int64_t number) { reply.bulk_int64(number); }

void time(Context& ctx) {
  const int64_t now_us = ctx.keys.now().us;
  ctx.reply.array(2);
  bulk_number(ctx.reply, now_us / 1'000'000);
  bulk_number(ctx.reply, now_us % 1'000'000);
}

void role(Context& ctx) {
  ctx.reply.array(3);
  ctx.reply.bulk("master");
  ctx.reply.integer(0);
  ctx.reply.array(0);
}

void replicaof(Context& ctx) {
  if (is_word(ctx.args[1], "no") && is_word(ctx.args[2], "one")) {
    ctx.reply.ok();
    return;
  }
  const std::optional<int64_t> port = parse_int64(ctx.args[2]);
  if (!port || *port < 0 || *port > 65535) {
    ctx.reply.error("ERR Invalid master port");
    return;
  }
  ctx.reply.error("ERR Pollux can't be a replica in this version");
}

// There are no replicas: who waits for some waits until its time is over.
void wait(Context& ctx) {
  int64_t replicas = 0;
  int64_t until_ms = 0;
  if (read_int64(ctx, 1, replicas) && read_timeout_ms(ctx, 2, until_ms) &&
      (replicas <= 0 || !ctx.host.wait(ctx, {.until_ms = until_ms}))) {
    ctx.reply.integer(0);
  }
}

constexpr std::string_view kMasterSyntax =
    "args=(host-port=(host port:integer)|no-one=(NO ONE))";

constexpr CommandRow kRows[] = {
    {.name = "time", .arity = 1, .flags = kLoading | kStale | kFast, .acl = 0, .handler = time,
     .route = Route::kSession,
     .group = "server", .since = "2.6.0", .summary = "Returns the server's time.",
     .complexity = "O(1)", .tips = "nondeterministic_output"},
    {.name = "role", .arity = 1, .flags = kNoScript | kLoading | kStale | kFast,
     .acl = kAclAdmin | kAclDangerous, .handler = role, .route = Route::kSession,
     .group = "server", .since = "2.8.12", .summary = "Says which part replication gives it.",
     .complexity = "O(1)"},
    {.name = "replicaof", .arity = 3, .flags = kAdmin | kNoScript | kStale | kNoAsyncLoading,
     .acl = 0, .handler = replicaof, .route = Route::kSession,
     .group = "server", .since = "5.0.0", .summary = "Follows another server, or none.",
     .complexity = "O(1)", .syntax = kMasterSyntax},
    {.name = "slaveof", .arity = 3, .flags = kAdmin | kNoScript | kStale | kNoAsyncLoading,
     .acl = 0, .handler = replicaof, .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Follows another server, or none.",
     .complexity = "O(1)", .syntax = kMasterSyntax, .deprecated_since = "5.0.0",
     .replaced_by = "`REPLICAOF`"},
    {.name = "wait", .arity = 3, .flags = kNoScript, .acl = kAclConnection, .handler = wait,
     .route = Route::kSession,
     .group = "generic", .since = "3.0.0",
     .summary = "Waits until replicas have the connection's writes.", .complexity = "O(1)",
     .syntax = "numreplicas:integer timeout:integer",
     .tips = "request_policy:all_shards response_policy:agg_min"},
};

}  // namespace

std::span<const CommandRow> server_commands() { return kRows; }

}  // namespace pollux
