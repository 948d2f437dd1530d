// SLOWLOG and COMMANDLOG: the logs of all workers as one, newest first. Each worker keeps at most
// as many entries as the whole log may have, so the newest of all are always among them.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/engine/command_log.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

constexpr int64_t kCountDefault = 10;
constexpr std::string_view kBadCount = "ERR count should be greater than or equal to -1";

struct LogLuggage final : TourLuggage {
  std::vector<LogEntry> entries;
};

size_t entries_max(const WatchConfig& config, LogKind kind) {
  switch (kind) {
    case LogKind::kSlow:
      return static_cast<size_t>(config.slow_entries_max);
    case LogKind::kLargeRequest:
      return static_cast<size_t>(config.large_request_entries_max);
    case LogKind::kLargeReply:
      break;
  }
  return static_cast<size_t>(config.large_reply_entries_max);
}

// Which log a command is about: SLOWLOG's, or the one that COMMANDLOG's last argument names.
std::optional<LogKind> kind_of(Args args) {
  if (is_word(args[0], "slowlog")) {
    return LogKind::kSlow;
  }
  constexpr std::string_view kNames[kLogKinds] = {"slow", "large-request", "large-reply"};
  for (size_t i = 0; i < kLogKinds; ++i) {
    if (is_word(args.back(), kNames[i])) {
      return static_cast<LogKind>(i);
    }
  }
  return std::nullopt;
}

// True if the command is about a log; else the tour ends, and its handler answers what is wrong.
bool has_kind(Tour& tour) {
  if (!kind_of(tour.args)) {
    tour.text = "ERR type should be one of the following: slow, large-request, large-reply";
    tour.done_early = true;
  }
  return tour.text.empty();
}

std::optional<int64_t> count_of(Args args) {
  const bool given = args.size() > 2;
  const std::optional<int64_t> count = given ? parse_int64(args[2]) : kCountDefault;
  return count && *count >= -1 ? count : std::nullopt;
}

void get_visit(Worker& worker, Tour& tour) {
  if (!has_kind(tour)) {
    return;
  }
  const std::optional<int64_t> count = count_of(tour.args);
  if (is_word(tour.args[0], "slowlog") && tour.args.size() > 3) {
    tour.text = error_text::wrong_subcommand(tour.args[1], "SLOWLOG");
  } else if (!count) {
    tour.text = kBadCount;
  }
  if (!tour.text.empty()) {
    tour.done_early = true;
    return;
  }
  const LogKind kind = *kind_of(tour.args);
  const auto& log = worker.watch().log(kind).entries();
  const size_t most = entries_max(worker.config().watch, kind);
  const size_t wanted = *count < 0 ? most : std::min(static_cast<size_t>(*count), most);
  auto& entries = tour.luggage_of<LogLuggage>().entries;
  entries.insert(entries.end(), log.end() - static_cast<std::ptrdiff_t>(
                                                std::min(wanted, log.size())),
                 log.end());
  std::sort(entries.begin(), entries.end(),
            [](const LogEntry& a, const LogEntry& b) { return a.id > b.id; });
  entries.resize(std::min(entries.size(), wanted));
}

void get(Context& ctx) {
  Tour& tour = *engine_host(ctx).tour;
  if (!tour.text.empty()) {
    ctx.reply.error(tour.text);
    return;
  }
  const auto& entries = tour.luggage_of<LogLuggage>().entries;
  ctx.reply.array(entries.size());
  for (const LogEntry& entry : entries) {
    ctx.reply.array(6);
    ctx.reply.integer(static_cast<int64_t>(entry.id));
    ctx.reply.integer(entry.unix_s);
    ctx.reply.integer(entry.value);
    ctx.reply.array(entry.args.size());
    for (const std::string& arg : entry.args) {
      ctx.reply.bulk(arg);
    }
    ctx.reply.bulk(entry.address);
    ctx.reply.bulk(entry.client_name);
  }
}

void length_visit(Worker& worker, Tour& tour) {
  if (!has_kind(tour)) {
    return;
  }
  const LogKind kind = *kind_of(tour.args);
  const size_t most = entries_max(worker.config().watch, kind);
  const size_t sum =
      static_cast<size_t>(tour.number) + worker.watch().log(kind).entries().size();
  tour.number = static_cast<int64_t>(std::min(sum, most));
}

void length(Context& ctx) {
  const Tour& tour = *engine_host(ctx).tour;
  if (tour.text.empty()) {
    ctx.reply.integer(tour.number);
  } else {
    ctx.reply.error(tour.text);
  }
}

void reset_visit(Worker& worker, Tour& tour) {
  if (has_kind(tour)) {
    worker.watch().log(*kind_of(tour.args)).clear();
  }
}

void reset(Context& ctx) {
  const Tour& tour = *engine_host(ctx).tour;
  if (tour.text.empty()) {
    ctx.reply.ok();
  } else {
    ctx.reply.error(tour.text);
  }
}

void slowlog_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "GET [<count>]",
      "    The newest entries (10 unless said otherwise; -1: all), each with id, Unix time,",
      "    microseconds, arguments, address and name of the client.",
      "LEN",
      "    How many entries there are.",
      "RESET",
      "    Forget them.",
  };
  write_help(ctx.reply, "SLOWLOG", kLines);
}

void commandlog_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "GET <count> <type>",
      "    The newest entries of a type (slow, large-request, large-reply; count -1: all), each",
      "    with id, Unix time, microseconds or bytes, arguments, address and name of the client.",
      "LEN <type>",
      "    How many entries of a type there are.",
      "RESET <type>",
      "    Forget them.",
  };
  write_help(ctx.reply, "COMMANDLOG", kLines);
}

constexpr uint32_t kOperator = kAdmin | kLoading | kStale;
constexpr std::string_view kTypeSyntax = "type=(SLOW|LARGE-REQUEST|LARGE-REPLY)";

constexpr CommandRow kSlowlogRows[] = {
    {.name = "get", .arity = -2, .flags = kOperator, .acl = 0, .handler = get,
     .route = Route::kEachWorker, .each_worker = get_visit,
     .group = "server", .since = "2.2.12", .summary = "Returns the newest slow commands.",
     .complexity = "O(N) for N entries", .syntax = "[count:integer]",
     .tips = "request_policy:all_nodes nondeterministic_output",
     .history = "4.0.0 address and name of the client came in"},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = 0, .handler = slowlog_help,
     .route = Route::kSession,
     .group = "server", .since = "6.2.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "len", .arity = 2, .flags = kOperator, .acl = 0, .handler = length,
     .route = Route::kEachWorker, .each_worker = length_visit,
     .group = "server", .since = "2.2.12", .summary = "Counts the entries of the slow log.",
     .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output"},
    {.name = "reset", .arity = 2, .flags = kOperator, .acl = 0, .handler = reset,
     .route = Route::kEachWorker, .each_worker = reset_visit,
     .group = "server", .since = "2.2.12", .summary = "Empties the slow log.",
     .complexity = "O(N) for N entries",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
};

constexpr CommandRow kCommandlogRows[] = {
    {.name = "get", .arity = 4, .flags = kOperator, .acl = 0, .handler = get,
     .route = Route::kEachWorker, .each_worker = get_visit,
     .group = "server", .since = "8.1.0", .summary = "Returns the newest remarkable commands.",
     .complexity = "O(N) for N entries",
     .syntax = "count:integer type=(SLOW|LARGE-REQUEST|LARGE-REPLY)",
     .tips = "request_policy:all_nodes nondeterministic_output"},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = 0, .handler = commandlog_help,
     .route = Route::kSession,
     .group = "server", .since = "8.1.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "len", .arity = 3, .flags = kOperator, .acl = 0, .handler = length,
     .route = Route::kEachWorker, .each_worker = length_visit,
     .group = "server", .since = "8.1.0", .summary = "Counts the entries of a command log.",
     .complexity = "O(1)", .syntax = kTypeSyntax,
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output"},
    {.name = "reset", .arity = 3, .flags = kOperator, .acl = 0, .handler = reset,
     .route = Route::kEachWorker, .each_worker = reset_visit,
     .group = "server", .since = "8.1.0", .summary = "Empties a command log.",
     .complexity = "O(N) for N entries", .syntax = kTypeSyntax,
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
};

constexpr CommandRow kRows[] = {
    {.name = "commandlog", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kCommandlogRows,
     .group = "server", .since = "8.1.0",
     .summary = "Shows commands that were slow, or had large requests or replies.",
     .complexity = "Depends on the subcommand."},
    {.name = "slowlog", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kSlowlogRows,
     .group = "server", .since = "2.2.12", .summary = "Shows commands that were slow.",
     .complexity = "Depends on the subcommand."},
};

}  // namespace

std::span<const CommandRow> slowlog_commands() { return kRows; }

}  // namespace pollux
