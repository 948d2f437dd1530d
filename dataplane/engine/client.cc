// CLIENT: what a connection asks about itself, and what operators ask about all of them. LIST and
// KILL visit every worker in turn (tour.h): each writes or ends its own sessions, home answers.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "dataplane/engine/client_list.h"
#include "dataplane/engine/client_name.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

Session& session_of(Context& ctx) { return *engine_host(ctx).session; }

void client_id(Context& ctx) { ctx.reply.integer(static_cast<int64_t>(session_of(ctx).id)); }

void client_getname(Context& ctx) {
  const std::string& name = session_of(ctx).name;
  if (name.empty()) {
    ctx.reply.null();
  } else {
    ctx.reply.bulk(name);
  }
}

void client_setname(Context& ctx) {
  if (check_client_name(ctx.reply, ctx.args[2])) {
    session_of(ctx).name = ctx.args[2];
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
  (is_name ? session_of(ctx).lib_name : session_of(ctx).lib_version) = value;
  ctx.reply.ok();
}

void client_info(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  ctx.reply.verbatim(client_line(*host.worker, *host.session), "txt");
}

void list_visit(Worker& worker, Tour& tour) {
  ClientFilter filter;
  std::string error;
  if (!read_list_filter(tour.args, filter, error)) {
    tour.done_early = true;
    return;
  }
  worker.for_each_session([&](const Session& session) {
    if (filter.matches(worker, session, tour.session_id)) {
      tour.text += client_line(worker, session);
    }
  });
}

// Workers list theirs in no order; the answer is by age, or as the ids were asked for.
void client_list(Context& ctx) {
  ClientFilter filter;
  std::string error;
  if (!read_list_filter(ctx.args, filter, error)) {
    ctx.reply.error(error);
    return;
  }
  std::map<uint64_t, std::string_view> lines;
  std::string_view text = engine_host(ctx).tour->text;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    const std::string_view id = line.substr(3, line.find(' ') - 3);  // behind "id="
    lines[parse_uint64(id).value_or(0)] = line;
    text.remove_prefix(line.size());
  }
  std::string out;
  if (filter.ids.empty()) {
    for (const auto& [id, line] : lines) {
      out += line;
    }
  }
  for (const uint64_t id : filter.ids) {
    const auto line = lines.find(id);
    out += line == lines.end() ? std::string_view() : line->second;
  }
  ctx.reply.verbatim(out, "txt");
}

void kill_visit(Worker& worker, Tour& tour) {
  ClientFilter filter;
  std::string error;
  if (!read_kill_filter(tour.args, filter, error)) {
    tour.done_early = true;
    return;
  }
  std::vector<Session*> chosen;
  worker.for_each_session([&](Session& session) {
    if (filter.matches(worker, session, tour.session_id)) {
      chosen.push_back(&session);
    }
  });
  for (Session* session : chosen) {
    ++tour.number;
    if (session->id == tour.session_id) {
      tour.kill_self = true;  // after its reply
    } else {
      worker.kill(*session);
    }
    if (filter.by_address_only) {
      tour.done_early = true;
      return;
    }
  }
}

void client_kill(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  ClientFilter filter;
  std::string error;
  if (!read_kill_filter(ctx.args, filter, error)) {
    ctx.reply.error(error);
    return;
  }
  if (!filter.by_address_only) {
    ctx.reply.integer(host.tour->number);
  } else if (host.tour->number > 0) {
    ctx.reply.ok();
  } else {
    ctx.reply.error("ERR No such client");
  }
  if (host.tour->kill_self) {
    host.worker->kill(*host.session);
  }
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

// Nothing blocks yet, so there is nobody to unblock.
void client_unblock(Context& ctx) {
  if (ctx.args.size() > 4) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  if (ctx.args.size() == 4 && !is_word(ctx.args[3], "timeout") && !is_word(ctx.args[3], "error")) {
    ctx.reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  int64_t id = 0;
  if (read_int64(ctx, 2, id)) {
    ctx.reply.integer(0);
  }
}

void client_getredir(Context& ctx) { ctx.reply.integer(-1); }

void client_tracking(Context& ctx) {
  for (size_t i = 3; i < ctx.args.size(); ++i) {
    const bool with_value = is_word(ctx.args[i], "redirect") || is_word(ctx.args[i], "prefix");
    if (with_value && i + 1 < ctx.args.size()) {
      ++i;
    } else if (!is_word(ctx.args[i], "bcast") && !is_word(ctx.args[i], "optin") &&
               !is_word(ctx.args[i], "optout") && !is_word(ctx.args[i], "noloop")) {
      ctx.reply.error(error_text::kSyntax);
      return;
    }
  }
  if (is_word(ctx.args[2], "off")) {
    ctx.reply.ok();
  } else if (is_word(ctx.args[2], "on")) {
    ctx.reply.error("ERR CLIENT TRACKING ON is not in this version of Pollux");
  } else {
    ctx.reply.error(error_text::kSyntax);
  }
}

void client_trackinginfo(Context& ctx) {
  ctx.reply.map(3);
  ctx.reply.bulk("flags");
  ctx.reply.set(1);
  ctx.reply.bulk("off");
  ctx.reply.bulk("redirect");
  ctx.reply.integer(-1);
  ctx.reply.bulk("prefixes");
  ctx.reply.array(0);
}

void client_caching(Context& ctx) {
  ctx.reply.error(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
      "OPTOUT mode enabled");
}

void client_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
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
      "REPLY (ON|OFF|SKIP)",
      "    Whether commands are answered; SKIP: the next one is not.",
      "SETINFO (LIB-NAME|LIB-VER) <value>",
      "    Which library the client uses.",
      "SETNAME <name>",
      "    Give this connection a name.",
      "TRACKING OFF, TRACKINGINFO",
      "    Invalidations are always off.",
      "UNBLOCK <id> [TIMEOUT|ERROR]",
      "    End the wait of a blocked connection.",
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
     .handler = client_kill, .route = Route::kEachWorker, .each_worker = kill_visit,
     .group = "connection", .since = "2.4.0", .summary = "Closes connections.",
     .complexity = "O(N) for N connections", .syntax = "filter=(ip-port|option-value...)",
     .history = "2.8.12 filters came in;6.2.0 LADDR came in"},
    {.name = "list", .arity = -2, .flags = kOperator, .acl = kAclConnection,
     .handler = client_list, .route = Route::kEachWorker, .each_worker = list_visit,
     .group = "connection", .since = "2.4.0", .summary = "Describes all connections.",
     .complexity = "O(N) for N connections",
     .syntax = "[TYPE normal_master_replica_pubsub=(NORMAL|MASTER|REPLICA|PUBSUB)@5.0.0] "
               "[ID client-id:integer...@6.2.0]",
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
     .handler = client_tracking, .route = Route::kSession,
     .group = "connection", .since = "6.0.0", .summary = "Turns invalidations on or off.",
     .complexity = "O(1)",
     .syntax = "status=(ON|OFF) [REDIRECT client-id:integer] [PREFIX prefix&...] [BCAST] "
               "[OPTIN] [OPTOUT] [NOLOOP]"},
    {.name = "trackinginfo", .arity = 2, .flags = kOwn, .acl = kAclConnection,
     .handler = client_trackinginfo, .route = Route::kSession,
     .group = "connection", .since = "6.2.0",
     .summary = "Describes the connection's invalidations.", .complexity = "O(1)"},
    {.name = "unblock", .arity = -3, .flags = kOperator, .acl = kAclConnection,
     .handler = client_unblock, .route = Route::kSession,
     .group = "connection", .since = "5.0.0", .summary = "Ends the wait of a blocked connection.",
     .complexity = "O(log N) for N connections",
     .syntax = "client-id:integer [timeout_error=(TIMEOUT|ERROR)]"},
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
