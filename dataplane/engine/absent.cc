// Rooms that this version does not have, seen from outside: clients and tools ask for them when
// they connect, and get a true answer or a clear error, never half of one.
#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"
#include "src/commands/command_docs.h"
#include "src/commands/command_table.h"

namespace pollux {

namespace {

void no_cluster(Context& ctx) {
  ctx.reply.error("ERR This instance has cluster support disabled");
}

void module_list(Context& ctx) { ctx.reply.array(0); }

void no_modules(Context& ctx) { ctx.reply.error("ERR Pollux loads no modules"); }

void module_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "LIST",
      "    The modules that are loaded: none.",
  };
  write_help(ctx.reply, "MODULE", kLines);
}

void acl_whoami(Context& ctx) { ctx.reply.bulk("default"); }

void acl_users(Context& ctx) {
  ctx.reply.array(1);
  ctx.reply.bulk("default");
}

void acl_cat(Context& ctx) {
  constexpr std::string_view kCategories[] = {
      "keyspace", "read",   "write",       "set",       "sortedset", "list",       "hash",
      "string",   "bitmap", "hyperloglog", "geo",       "stream",    "pubsub",     "admin",
      "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
  };
  if (ctx.args.size() == 2) {
    ctx.reply.array(std::size(kCategories));
    for (const std::string_view name : kCategories) {
      ctx.reply.bulk(name);
    }
    return;
  }
  const auto category =
      std::find_if(std::begin(kCategories), std::end(kCategories),
                   [&](std::string_view name) { return is_word(ctx.args[2], name); });
  if (category == std::end(kCategories)) {
    ctx.reply.error("ERR Unknown category '" + std::string(ctx.args[2]) + "'");
    return;
  }
  std::vector<std::string> names;
  std::string wanted = "@";
  wanted += *category;
  for (const CommandRow* row : engine_host(ctx).engine->commands().rows()) {
    const std::vector<std::string_view> own = acl_categories(*row);
    if (std::find(own.begin(), own.end(), wanted) != own.end()) {
      append_full_name(names.emplace_back(), *row);
    }
  }
  ctx.reply.array(names.size());
  for (const std::string& name : names) {
    ctx.reply.bulk(name);
  }
}

void acl_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "CAT [<category>]",
      "    The categories, or the commands of one.",
      "USERS",
      "    The users: there is one, default.",
      "WHOAMI",
      "    The user of this connection.",
  };
  write_help(ctx.reply, "ACL", kLines);
}

constexpr uint32_t kAlways = kLoading | kStale;

// (Member by member: GCC 12 takes no designated initializers here.)
constexpr CommandRow cluster_row(std::string_view name, int arity, uint32_t flags,
                                 std::string_view since, std::string_view syntax = {},
                                 std::string_view tips = {},
                                 std::string_view deprecated_since = {},
                                 std::string_view replaced_by = {}) {
  CommandRow row{};
  row.name = name;
  row.arity = arity;
  row.flags = kStale | flags;
  row.handler = no_cluster;
  row.route = Route::kSession;
  row.group = "cluster";
  row.since = since;
  row.summary = "This server is no cluster.";
  row.complexity = "O(1)";
  row.syntax = syntax;
  row.tips = tips;
  row.deprecated_since = deprecated_since;
  row.replaced_by = replaced_by;
  return row;
}

constexpr uint32_t kChanges = kAdmin | kNoAsyncLoading;
constexpr std::string_view kVaries = "nondeterministic_output";

constexpr CommandRow kClusterRows[] = {
    cluster_row("addslots", -3, kChanges, "3.0.0", "slot:integer..."),
    cluster_row("addslotsrange", -4, kChanges, "7.0.0",
                "start-slot_end-slot=(start-slot:integer end-slot:integer)..."),
    cluster_row("bumpepoch", 2, kChanges, "3.0.0", "", kVaries),
    cluster_row("count-failure-reports", 3, kAdmin, "3.0.0", "node-id", kVaries),
    cluster_row("countkeysinslot", 3, 0, "3.0.0", "slot:integer"),
    cluster_row("delslots", -3, kChanges, "3.0.0", "slot:integer..."),
    cluster_row("delslotsrange", -4, kChanges, "7.0.0",
                "start-slot_end-slot=(start-slot:integer end-slot:integer)..."),
    cluster_row("failover", -2, kChanges, "3.0.0", "[options=(FORCE|TAKEOVER)]"),
    cluster_row("flushslots", 2, kChanges, "3.0.0"),
    cluster_row("forget", 3, kChanges, "3.0.0", "node-id"),
    cluster_row("getkeysinslot", 4, 0, "3.0.0", "slot:integer count:integer", kVaries),
    cluster_row("help", 2, kLoading, "5.0.0"),
    cluster_row("info", 2, 0, "3.0.0", "", kVaries),
    cluster_row("keyslot", 3, 0, "3.0.0", "key"),
    cluster_row("links", 2, 0, "7.0.0", "", kVaries),
    cluster_row("meet", -4, kChanges, "3.0.0",
                "ip port:integer [cluster_bus_port:integer@4.0.0]"),
    cluster_row("myid", 2, 0, "3.0.0"),
    cluster_row("nodes", 2, 0, "3.0.0", "", kVaries),
    cluster_row("replicas", 3, kAdmin, "5.0.0", "node-id", kVaries),
    cluster_row("replicate", 3, kChanges, "3.0.0", "node-id"),
    cluster_row("reset", -2, kAdmin | kNoScript, "3.0.0", "[hard_soft=(HARD|SOFT)]"),
    cluster_row("saveconfig", 2, kChanges, "3.0.0"),
    cluster_row("set-config-epoch", 3, kChanges, "3.0.0", "config-epoch:integer"),
    cluster_row("setslot", -4, kChanges, "3.0.0",
                "slot:integer "
                "subcommand=(IMPORTING node-id|MIGRATING node-id|NODE node-id|STABLE)"),
    cluster_row("shards", 2, 0, "7.0.0", "", kVaries),
    cluster_row("slaves", 3, kAdmin, "3.0.0", "node-id", kVaries, "5.0.0", "`CLUSTER REPLICAS`"),
    cluster_row("slots", 2, 0, "3.0.0", "", kVaries, "7.0.0", "`CLUSTER SHARDS`"),
};

constexpr CommandRow module_row(std::string_view name, int arity, std::string_view since,
                                std::string_view syntax) {
  CommandRow row{};
  row.name = name;
  row.arity = arity;
  row.flags = kAdmin | kNoScript | kNoAsyncLoading;
  row.handler = no_modules;
  row.route = Route::kSession;
  row.group = "server";
  row.since = since;
  row.summary = "Pollux loads no modules.";
  row.complexity = "O(1)";
  row.syntax = syntax;
  return row;
}

constexpr CommandRow kModuleRows[] = {
    {.name = "help", .arity = 2, .flags = kAlways, .acl = 0, .handler = module_help,
     .route = Route::kSession,
     .group = "server", .since = "5.0.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "list", .arity = 2, .flags = kAdmin | kNoScript, .acl = 0, .handler = module_list,
     .route = Route::kSession,
     .group = "server", .since = "4.0.0", .summary = "Names the loaded modules: none.",
     .complexity = "O(1)", .tips = "nondeterministic_output_order"},
    module_row("load", -3, "4.0.0", "path [arg...]"),
    module_row("loadex", -3, "7.0.0",
               "path [CONFIG configs=(name value)&...] [ARGS args=(arg)...]"),
    module_row("unload", 3, "4.0.0", "name"),
};

constexpr CommandRow kAclRows[] = {
    {.name = "cat", .arity = -2, .flags = kNoScript | kAlways, .acl = 0, .handler = acl_cat,
     .route = Route::kSession,
     .group = "server", .since = "6.0.0", .summary = "Names categories, or commands of one.",
     .complexity = "O(1)", .syntax = "[categoryname]"},
    {.name = "help", .arity = 2, .flags = kAlways, .acl = 0, .handler = acl_help,
     .route = Route::kSession,
     .group = "server", .since = "6.0.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "users", .arity = 2, .flags = kAdmin | kNoScript | kAlways, .acl = 0,
     .handler = acl_users, .route = Route::kSession,
     .group = "server", .since = "6.0.0", .summary = "Names the users.", .complexity = "O(1)"},
    {.name = "whoami", .arity = 2, .flags = kNoScript | kAlways, .acl = 0,
     .handler = acl_whoami, .route = Route::kSession,
     .group = "server", .since = "6.0.0", .summary = "Names the connection's user.",
     .complexity = "O(1)"},
};

constexpr CommandRow kRows[] = {
    {.name = "acl", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kAclRows,
     .group = "server", .since = "6.0.0", .summary = "Asks about users.",
     .complexity = "Depends on the subcommand."},
    {.name = "cluster", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kClusterRows,
     .group = "cluster", .since = "3.0.0", .summary = "Asks about the cluster.",
     .complexity = "Depends on the subcommand."},
    {.name = "module", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kModuleRows,
     .group = "server", .since = "4.0.0", .summary = "Asks about modules.",
     .complexity = "Depends on the subcommand."},
    {.name = "readonly", .arity = 1, .flags = kAlways | kFast, .acl = kAclConnection,
     .handler = no_cluster, .route = Route::kSession,
     .group = "cluster", .since = "3.0.0", .summary = "Allows reads on a replica's slots.",
     .complexity = "O(1)"},
    {.name = "readwrite", .arity = 1, .flags = kAlways | kFast, .acl = kAclConnection,
     .handler = no_cluster, .route = Route::kSession,
     .group = "cluster", .since = "3.0.0", .summary = "Takes READONLY back.",
     .complexity = "O(1)"},
    {.name = "asking", .arity = 1, .flags = kFast, .acl = kAclConnection, .handler = no_cluster,
     .route = Route::kSession,
     .group = "cluster", .since = "3.0.0", .summary = "Follows a redirection of ASK.",
     .complexity = "O(1)"},
};

}  // namespace

std::span<const CommandRow> absent_commands() { return kRows; }

}  // namespace pollux
