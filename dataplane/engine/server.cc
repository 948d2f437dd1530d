// Commands about the server as a whole that need no table of their own: time, the end, persistence
// (there is none yet, and they say so), replication's outside.
#include <string>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/commands/rows.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

constexpr std::string_view kNoDisk = "ERR nothing is written to disk in this version of Pollux";

void bulk_number(Reply& reply, int64_t number) { reply.bulk_int64(number); }

void time(Context& ctx) {
  const int64_t now_us = ctx.keys.now().us;
  ctx.reply.array(2);
  bulk_number(ctx.reply, now_us / 1'000'000);
  bulk_number(ctx.reply, now_us % 1'000'000);
}

// Nobody saves, so NOSAVE, NOW and FORCE say what happens anyway.
void shutdown(Context& ctx) {
  bool save = false;
  bool no_save = false;
  bool abort = false;
  for (const std::string_view word : ctx.args.subspan(1)) {
    if (is_word(word, "nosave")) {
      no_save = true;
    } else if (is_word(word, "save")) {
      save = true;
    } else if (is_word(word, "abort")) {
      abort = true;
    } else if (!is_word(word, "now") && !is_word(word, "force")) {
      ctx.reply.error(error_text::kSyntax);
      return;
    }
  }
  if ((save && no_save) || (abort && ctx.args.size() > 2)) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  if (abort) {
    ctx.reply.error("ERR No shutdown in progress.");
    return;
  }
  // While it loads, a server ends without saving, whatever it is asked for, as Redis does.
  if (save && !engine_host(ctx).worker->loading()) {
    ctx.reply.error(kNoDisk);
    return;
  }
  // No answer: the connection closes.
  engine_host(ctx).engine->stop(kStopGraceMs);
}

void lastsave(Context& ctx) {
  ctx.reply.integer(engine_host(ctx).engine->page().started_ms / 1000);
}

void save(Context& ctx) { ctx.reply.error(kNoDisk); }

void bgsave(Context& ctx) {
  if (ctx.args.size() > 2 || (ctx.args.size() == 2 && !is_word(ctx.args[1], "schedule"))) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  ctx.reply.error(kNoDisk);
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

// There are no replicas: nothing to wait for.
void wait(Context& ctx) {
  int64_t replicas = 0;
  int64_t timeout_ms = 0;
  if (!read_int64(ctx, 1, replicas) ||
      !read_int64(ctx, 2, timeout_ms, "ERR timeout is not an integer or out of range")) {
    return;
  }
  if (timeout_ms < 0) {
    ctx.reply.error("ERR timeout is negative");
    return;
  }
  ctx.reply.integer(0);
}

constexpr uint32_t kSaves = kAdmin | kNoScript | kNoAsyncLoading;
constexpr std::string_view kMasterSyntax =
    "args=(host-port=(host port:integer)|no-one=(NO ONE))";

constexpr CommandRow kRows[] = {
    {.name = "time", .arity = 1, .flags = kLoading | kStale | kFast, .acl = 0, .handler = time,
     .route = Route::kSession,
     .group = "server", .since = "2.6.0", .summary = "Returns the server's time.",
     .complexity = "O(1)", .tips = "nondeterministic_output"},
    {.name = "shutdown", .arity = -1,
     .flags = kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy, .acl = 0,
     .handler = shutdown, .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Ends the server.", .complexity = "O(1)",
     .syntax = "[nosave_save=(NOSAVE|SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
     .history = "7.0.0 NOW, FORCE and ABORT came in"},
    {.name = "lastsave", .arity = 1, .flags = kLoading | kStale | kFast,
     .acl = kAclAdmin | kAclDangerous, .handler = lastsave, .route = Route::kSession,
     .group = "server", .since = "1.0.0",
     .summary = "Returns when the data was last saved; before that, when the server started.",
     .complexity = "O(1)", .tips = "nondeterministic_output"},
    {.name = "save", .arity = 1, .flags = kSaves | kNoMulti, .acl = 0, .handler = save,
     .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Saves the data while clients wait.",
     .complexity = "O(N) for N keys"},
    {.name = "bgsave", .arity = -1, .flags = kSaves, .acl = 0, .handler = bgsave,
     .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Saves the data while clients go on.",
     .complexity = "O(1)", .syntax = "[SCHEDULE@3.2.2]", .history = "3.2.2 SCHEDULE came in"},
    {.name = "bgrewriteaof", .arity = 1, .flags = kSaves, .acl = 0, .handler = save,
     .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Writes the append-only file anew.",
     .complexity = "O(1)"},
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
