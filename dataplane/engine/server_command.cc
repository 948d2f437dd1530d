// COMMAND: the command table, asked by clients. Everything is read from rows
// (src/commands/command.h).
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_families.h"
#include "src/base/glob.h"
#include "src/commands/args.h"
#include "src/commands/command_docs.h"
#include "src/commands/command_table.h"
#include "src/commands/key_extractor.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

CommandTable& table_of(Context& ctx) { return engine_host(ctx).engine->commands(); }

// The row that a request would run; null if there is none.
const CommandRow* find_request(CommandTable& table, Args request) {
  const CommandRow* row = table.find(request[0]);
  if (row == nullptr || row->subcommands.empty() || request.size() == 1) {
    return row;
  }
  return CommandTable::find_sub(*row, request[1]);
}

void write_all_info(Context& ctx) {
  const auto commands = table_of(ctx).commands();
  ctx.reply.array(commands.size());
  for (const CommandRow* row : commands) {
    write_command_info(ctx.reply, *row);
  }
}

void command_info(Context& ctx) {
  if (ctx.args.size() == 2) {
    write_all_info(ctx);
    return;
  }
  ctx.reply.array(ctx.args.size() - 2);
  for (const std::string_view name : ctx.args.subspan(2)) {
    const CommandRow* row = find_full_name(table_of(ctx), name);
    if (row == nullptr) {
      ctx.reply.null();
    } else {
      write_command_info(ctx.reply, *row);
    }
  }
}

void command_docs(Context& ctx) {
  std::vector<const CommandRow*> rows;
  if (ctx.args.size() == 2) {
    const auto commands = table_of(ctx).commands();
    rows.assign(commands.begin(), commands.end());
  }
  for (const std::string_view name : ctx.args.subspan(2)) {
    if (const CommandRow* row = find_full_name(table_of(ctx), name)) {
      rows.push_back(row);
    }
  }
  ctx.reply.map(rows.size());
  for (const CommandRow* row : rows) {
    write_command_docs(ctx.reply, *row);
  }
}

void command_count(Context& ctx) {
  ctx.reply.integer(static_cast<int64_t>(table_of(ctx).commands().size()));
}

bool in_category(const CommandRow& row, std::string_view category) {
  for (const std::string_view own : acl_categories(row)) {
    if (is_word(category, own.substr(1))) {
      return true;
    }
  }
  return false;
}

void command_list(Context& ctx) {
  const bool filtered = ctx.args.size() == 5 && is_word(ctx.args[2], "filterby");
  const bool by_module = filtered && is_word(ctx.args[3], "module");
  const bool by_category = filtered && is_word(ctx.args[3], "aclcat");
  const bool by_pattern = filtered && is_word(ctx.args[3], "pattern");
  if (ctx.args.size() != 2 && !by_module && !by_category && !by_pattern) {
    ctx.reply.error(error_text::kSyntax);
    return;
  }
  std::vector<std::string> names;
  for (const CommandRow* row : table_of(ctx).rows()) {
    std::string name;
    append_full_name(name, *row);
    if (by_module || (by_category && !in_category(*row, ctx.args[4])) ||
        (by_pattern && !glob_match(ctx.args[4], name, /*ignore_case=*/true))) {
      continue;
    }
    names.push_back(std::move(name));
  }
  ctx.reply.array(names.size());
  for (const std::string& name : names) {
    ctx.reply.bulk(name);
  }
}

// Not of arguments that are found as keys are, but are none (channels; DEBUG has no spec at all).
bool has_keys(const CommandRow& row) {
  return std::any_of(std::begin(row.keys), std::end(row.keys), [](const KeySpec& spec) {
    return spec.first != 0 && spec.flags.find("not_key") == std::string_view::npos;
  });
}

void write_keys(Context& ctx, bool with_flags) {
  const Args request = ctx.args.subspan(2);
  const CommandRow* row = find_request(table_of(ctx), request);
  if (row == nullptr) {
    ctx.reply.error("ERR Invalid command specified");
    return;
  }
  if (!has_keys(*row)) {
    ctx.reply.error("ERR The command has no key arguments");
    return;
  }
  if (!arity_fits(*row, request.size())) {
    ctx.reply.error("ERR Invalid number of arguments specified for command");
    return;
  }
  KeyIndices keys;
  if (!extract_keys(*row, request, keys)) {
    ctx.reply.error("ERR Invalid arguments specified for command");
    return;
  }
  ctx.reply.array(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (with_flags) {
      ctx.reply.array(2);
    }
    ctx.reply.bulk(request[keys[i]]);
    if (with_flags) {
      write_word_set(ctx.reply, row->key_flags_of != nullptr ? row->key_flags_of(request)
                                                             : row->keys[keys.spec(i)].flags);
    }
  }
}

void command_getkeys(Context& ctx) { write_keys(ctx, false); }
void command_getkeysandflags(Context& ctx) { write_keys(ctx, true); }

void command_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "(no subcommand)",
      "    Facts about all commands.",
      "COUNT",
      "    How many commands there are.",
      "DOCS [<command-name> ...]",
      "    What commands are for and which arguments they take; all, if none is named.",
      "GETKEYS <full-command>",
      "    The keys of a command with its arguments.",
      "GETKEYSANDFLAGS <full-command>",
      "    The same, with what is done to each key.",
      "INFO [<command-name> ...]",
      "    Facts about commands; about all, if none is named.",
      "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
      "    Names of commands.",
  };
  write_help(ctx.reply, "COMMAND", kLines);
}

constexpr uint32_t kAlways = kLoading | kStale;
constexpr std::string_view kAnyOrder = "nondeterministic_output_order";

constexpr CommandRow kSubcommands[] = {
    {.name = "count", .arity = 2, .flags = kAlways, .acl = kAclConnection,
     .handler = command_count, .route = Route::kSession,
     .group = "server", .since = "2.8.13", .summary = "Counts the commands.",
     .complexity = "O(1)"},
    {.name = "docs", .arity = -2, .flags = kAlways, .acl = kAclConnection,
     .handler = command_docs, .route = Route::kSession,
     .group = "server", .since = "7.0.0",
     .summary = "Tells what commands are for and which arguments they take.",
     .complexity = "O(N) for N commands", .syntax = "[command-name...]", .tips = kAnyOrder},
    {.name = "getkeys", .arity = -4, .flags = kAlways, .acl = kAclConnection,
     .handler = command_getkeys, .route = Route::kSession,
     .group = "server", .since = "2.8.13", .summary = "Returns the keys of a full command.",
     .complexity = "O(N) for N arguments"},
    {.name = "getkeysandflags", .arity = -4, .flags = kAlways, .acl = kAclConnection,
     .handler = command_getkeysandflags, .route = Route::kSession,
     .group = "server", .since = "7.0.0",
     .summary = "Returns the keys of a full command and what it does to them.",
     .complexity = "O(N) for N arguments"},
    {.name = "help", .arity = 2, .flags = kAlways, .acl = kAclConnection,
     .handler = command_help, .route = Route::kSession,
     .group = "server", .since = "5.0.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "info", .arity = -2, .flags = kAlways, .acl = kAclConnection,
     .handler = command_info, .route = Route::kSession,
     .group = "server", .since = "2.8.13", .summary = "Returns facts about commands.",
     .complexity = "O(N) for N commands", .syntax = "[command-name...]", .tips = kAnyOrder,
     .history = "7.0.0 without names: all commands"},
    {.name = "list", .arity = -2, .flags = kAlways, .acl = kAclConnection,
     .handler = command_list, .route = Route::kSession,
     .group = "server", .since = "7.0.0", .summary = "Returns the names of commands.",
     .complexity = "O(N) for N commands",
     .syntax = "[FILTERBY filterby=(MODULE module-name|ACLCAT category|PATTERN pattern:pattern)]",
     .tips = kAnyOrder},
};

constexpr CommandRow kRows[] = {
    {.name = "command", .arity = -1, .flags = kAlways, .acl = kAclConnection,
     .handler = write_all_info, .route = Route::kSession, .subcommands = kSubcommands,
     .group = "server", .since = "2.8.13", .summary = "Returns facts about all commands.",
     .complexity = "O(N) for N commands", .tips = kAnyOrder},
};

}  // namespace

std::span<const CommandRow> command_commands() { return kRows; }

}  // namespace pollux
