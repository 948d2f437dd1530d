// CLIENT: what a connection asks about itself, and the table of all subcommands.
#include <string>

#include "dataplane/engine/client_commands.h"
#include "dataplane/engine/client_list.h"
#include "dataplane/engine/client_name.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

Session& session_of(Context& ctx) { return *engine_host(ctx).session; }

void client_id(Context& ctx) { ctx.reply.integer(static_cast<int64_t>(session_of(ctx).id)); }

void client_getname(Context& ctx) {
  const std::string_view name = session_of(ctx).name();
  if (name.empty()) {
    ctx.reply.null();
  } else {
    ctx.reply.bulk(name);
  }
}

void client_setname(Context& ctx) {
  if (check_client_name(ctx.reply, ctx.args[2])) {
    engine_host(ctx).worker->set_name(session_of(ctx), &ClientNames::name, ctx.args[2]);
    ctx.reply.ok();
  }
}

void client_setinfo(Context& ctx) {
  const std::string_view what = ctx.args[2];
  const std::string_view value = ctx.args[3];
  const bool is_name = is_word(what, "lib-name");
  if (!is_name && !is_word(what, "lib-ver")) {
    ctx.reply.error("ERR Unrecognized option '" + std::string(what) + "'");
    return;
  }
  if (!is_plain_word(value)) {
    ctx.reply.error(std::string("ERR ") + (is_name ? "lib-name" : "lib-ver") +
                    " cannot contain spaces, newlines or special characters.");
    return;
  }
  engine_host(ctx).worker->set_name(
      session_of(ctx), is_name ? &ClientNames::lib_name : &ClientNames::lib_version, value);
  ctx.reply.ok();
}

void client_info(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  ctx.reply.verbatim(client_line(*host.worker, *host.session, ctx.args), "txt");
}

void client_reply(Context& ctx) {
  Session& session = session_of(ctx);
  if (is_word(ctx.args[2], "on")) {
    session.reply_mode = ReplyMode::kOn;
    ctx.reply.ok();
  } else if (is_word(ctx.args[2], "off")) {
    session.reply_mode = ReplyMode::kOff;
  } else if (is_word(ctx.args[2], "skip")) {
    if (session.reply_mode != ReplyMode::kOff) {
      session.reply_mode = ReplyMode::kSkipNext;
    }
  } else {
    ctx.reply.error(error_text::kSyntax);
  }
}

void set_switch(Context& ctx, bool& state) {
  if (is_word(ctx.args[2], "on")) {
    state = true;
  } else if (is_word(ctx.args[2], "off")) {
    state = false;
  } else {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  ctx.reply.ok();
}

void client_no_evict(Context& ctx) { set_switch(ctx, session_of(ctx).no_evict); }
void client_no_touch(Context& ctx) { set_switch(ctx, session_of(ctx).no_touch); }

void client_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "CACHING (YES|NO)",
      "    Whether the keys of the next request are tracked.",
      "GETNAME",
      "    The name of this connection.",
      "GETREDIR",
      "    Where invalidations of this connection go: -1, nowhere.",
      "ID",
      "    The number of this connection.",
      "INFO",
      "    The line of CLIENT LIST for this connection.",
      "KILL <ip:port>",
      "    Close the connection from that address.",
      "KILL <option> <value> [<option> <value> [...]]",
      "    Close all connections that fit: ADDR, LADDR, ID, TYPE, USER, MAXAGE; SKIPME (YES|NO)",
      "    says whether this one is spared (default: yes).",
      "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]",
      "    A line for each connection.",
      "NO-EVICT (ON|OFF)",
      "    Spare this connection when memory of clients runs short.",
      "NO-TOUCH (ON|OFF)",
      "    Reads of this connection leave the access time of keys alone.",
      "PAUSE <timeout> [WRITE|ALL]",
      "    Hold back commands of all connections, or those that write, for that many ms.",
      "REPLY (ON|OFF|SKIP)",
      "    Whether commands are answered; SKIP: the next one is not.",
      "SETINFO (LIB-NAME|LIB-VER) <value>",
      "    Which library the client uses.",
      "SETNAME <name>",
      "    Give this connection a name.",
      "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
      "    Whether this client hears of changes of the keys that it has read.",
      "TRACKINGINFO",
      "    How it does.",
      "UNBLOCK <id> [TIMEOUT|ERROR]",
      "    End the wait of a blocked connection.",
      "UNPAUSE",
      "    End CLIENT PAUSE.",
  };
  write_help(ctx.reply, "CLIENT", kLines);
}

constexpr uint32_t kOwn = kNoScript | kLoading | kStale;
constexpr uint32_t kOperator = kAdmin | kOwn;

constexpr CommandRow kSubcommands[] = {
    {.name = "caching", .arity = 3, .flags = kOwn, .acl = kAclConnection,
     .handler = client_caching, .route = Route::kSession,
     .group = "connection", .since = "6.0.0",
     .summary = "Whether the keys of the next request are tracked.", .complexity = "O(1)",
     .syntax = "mode=(YES|NO)"},
    {.name = "getname", .arity = 2, .flags = kOwn, .acl = kAclConnection,
     .handler = client_getname, .route = Route::kSession,
     .group = "connection", .since = "2.6.9", .summary = "Returns the connection's name.",
     .complexity = "O(1)"},
    {.name = "getredir", .arity = 2, .flags = kOwn, .acl = kAclConnection,
     .handler = client_getredir, .route = Route::kSession,
     .group = "connection", .since = "6.0.0",
     .summary = "Returns where invalidations of the connection go.", .complexity = "O(1)"},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = kAclConnection,
     .handler = client_help, .route = Route::kSession,
     .group = "connection", .since = "5.0.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "id", .arity = 2, .flags = kOwn, .acl = kAclConnection, .handler = client_id,
     .route = Route::kSession,
     .group = "connection", .since = "5.0.0", .summary = "Returns the connection's number.",
     .complexity = "O(1)"},
    {.name = "info", .arity = 2, .flags = kOwn, .acl = kAclConnection, .handler = client_info,
     .route = Route::kSession,
     .group = "connection", .since = "6.2.0", .summary = "Describes the connection.",
     .complexity = "O(1)", .tips = "nondeterministic_output"},
    {.name = "kill", .arity = -3, .flags = kOperator, .acl = kAclConnection,
     .handler = client_kill, .route = Route::kEachWorker, .each_worker = client_kill_visit,
     .group = "connection", .since = "2.4.0", .summary = "Closes connections.",
     .complexity = "O(N) for N connections", .syntax = "filter=(ip-port|option-value...)",
     .history = "2.8.12 filters came in;6.2.0 LADDR came in"},
    {.name = "list", .arity = -2, .flags = kOperator, .acl = kAclConnection,
     .handler = client_list, .route = Route::kEachWorker, .each_worker = client_list_visit,
     .group = "connection", .since = "2.4.0", .summary = "Describes all connections.",
     .complexity = "O(N) for N connections",
     .syntax = "[TYPE normal_master_replica_pubsub=(NORMAL|MASTER|REPLICA|PUBSUB)@5.0.0] "
               "[ID id=(client-id:integer...)@6.2.0]",
     .tips = "nondeterministic_output",
     .history = "5.0.0 TYPE came in;6.2.0 ID came in"},
    {.name = "no-evict", .arity = 3, .flags = kOperator, .acl = kAclConnection,
     .handler = client_no_evict, .route = Route::kSession,
     .group = "connection", .since = "7.0.0",
     .summary = "Spares the connection when memory of clients runs short.", .complexity = "O(1)",
     .syntax = "enabled=(ON|OFF)"},
    {.name = "no-touch", .arity = 3, .flags = kOwn, .acl = kAclConnection,
     .handler = client_no_touch, .route = Route::kSession,
     .group = "connection", .since = "7.2.0",
     .summary = "Lets the connection's reads leave access times alone.", .complexity = "O(1)",
     .syntax = "enabled=(ON|OFF)"},
    {.name = "pause", .arity = -3, .flags = kOperator, .acl = kAclConnection,
     .handler = client_pause, .route = Route::kEachWorker, .each_worker = client_pause_visit,
     .group = "connection", .since = "2.9.50",
     .summary = "Holds back the commands of all connections for a while.", .complexity = "O(1)",
     .syntax = "timeout:integer [mode=(WRITE|ALL)@6.2.0]",
     .history = "6.2.0 WRITE and ALL came in"},
    {.name = "reply", .arity = 3, .flags = kOwn, .acl = kAclConnection, .handler = client_reply,
     .route = Route::kSession,
     .group = "connection", .since = "3.2.0", .summary = "Chooses whether commands are answered.",
     .complexity = "O(1)", .syntax = "on_off_skip=(ON|OFF|SKIP)"},
    {.name = "setinfo", .arity = 4, .flags = kOwn, .acl = kAclConnection,
     .handler = client_setinfo, .route = Route::kSession,
     .group = "connection", .since = "7.2.0", .summary = "Says which library the client uses.",
     .complexity = "O(1)", .syntax = "attribute value"},
    {.name = "setname", .arity = 3, .flags = kOwn, .acl = kAclConnection,
     .handler = client_setname, .route = Route::kSession,
     .group = "connection", .since = "2.6.9", .summary = "Names the connection.",
     .complexity = "O(1)", .syntax = "connection-name"},
    {.name = "tracking", .arity = -3, .flags = kOwn, .acl = kAclConnection,
     .handler = client_tracking, .route = Route::kEachWorker,
     .each_worker = client_tracking_visit,
     .group = "connection", .since = "6.0.0", .summary = "Turns invalidations on or off.",
     .complexity = "O(1)",
     .syntax = "status=(ON|OFF) [REDIRECT client-id:integer] [PREFIX prefix&...] [BCAST] "
               "[OPTIN] [OPTOUT] [NOLOOP]"},
    {.name = "trackinginfo", .arity = 2, .flags = kOwn, .acl = kAclConnection,
     .handler = client_trackinginfo, .route = Route::kSession,
     .group = "connection", .since = "6.2.0",
     .summary = "Describes the connection's invalidations.", .complexity = "O(1)"},
    {.name = "unblock", .arity = -3, .flags = kOperator, .acl = kAclConnection,
     .handler = client_unblock, .route = Route::kEachWorker, .each_worker = client_unblock_visit,
     .group = "connection", .since = "5.0.0", .summary = "Ends the wait of a blocked connection.",
     .complexity = "O(log N) for N connections",
     .syntax = "client-id:integer [timeout_error=(TIMEOUT|ERROR)]"},
    {.name = "unpause", .arity = 2, .flags = kOperator, .acl = kAclConnection,
     .handler = client_unpause, .route = Route::kEachWorker, .each_worker = client_unpause_visit,
     .group = "connection", .since = "6.2.0", .summary = "Ends CLIENT PAUSE.",
     .complexity = "O(N) for N paused connections"},
};

constexpr CommandRow kRows[] = {
    {.name = "client", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kSubcommands,
     .group = "connection", .since = "2.4.0", .summary = "Asks about connections.",
     .complexity = "Depends on the subcommand."},
};

}  // namespace

std::span<const CommandRow> client_commands() { return kRows; }

}  // namespace pollux
