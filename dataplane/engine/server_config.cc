// CONFIG. GET reads the version of the connection's worker; SET makes a new one on worker 0 and is
// answered when every worker has picked it up.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/engine/config.h"
#include "dataplane/engine/config_options.h"
#include "dataplane/engine/config_rewrite.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/tour_reply.h"
#include "dataplane/engine/worker.h"
#include "src/base/log.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

void config_get(Context& ctx) {
  std::vector<std::pair<std::string, std::string>> found;
  ConfigStore::get(engine_host(ctx).worker->config(), ctx.args.subspan(2), found);
  ctx.reply.map(found.size());
  for (const auto& [name, value] : found) {
    ctx.reply.bulk(name);
    ctx.reply.bulk(value);
  }
}

// A history that is turned on is tried out first, by its thread; not within EXEC, where nobody can
// wait, and redis-server does not either.
struct SetLuggage final : TourLuggage {
  uint64_t trial = 0;  // 0: none was asked for
};

// What has to happen outside of the configuration for the next version to hold. A sentence, if it
// can't.
std::string commit(Worker& worker, const Config& next) {
  if (std::string none = capture_problem(next); !none.empty()) {
    return none;
  }
  const std::string problem = worker.listen(next);
  if (problem.empty()) {
    // Files are named from there. That it is a directory was looked at.
    if (next.dir != worker.config().dir && chdir(next.dir.c_str()) != 0) {
      log_line(LogLevel::kWarning, "CONFIG SET dir: can't change to %s: %s", next.dir.c_str(),
               std::strerror(errno));
    }
    return {};
  }
  log_line(LogLevel::kWarning, "CONFIG SET: %s", problem.c_str());
  return next.port == worker.config().port ? "Failed to bind to specified addresses."
                                           : "Unable to listen on this port. Check server logs.";
}

// On the first worker. False as long as it waits for a trial.
bool set_is_over(Worker& worker, Tour& tour) {
  Engine& engine = worker.engine();
  AofDesk* const desk = engine.aof_desk();
  uint64_t& trial = tour.luggage_of<SetLuggage>().trial;
  if (trial != 0) {
    const AofDesk::Trial outcome = desk->trial(trial);
    if (outcome != AofDesk::Trial::kCan) {  // the text says so already
      return outcome == AofDesk::Trial::kCant || engine.stopping();
    }
  }
  bool tries = false;
  tour.text = engine.config().set(
      std::span(tour.args).subspan(2), [&](const Config& next) -> ConfigStore::Refusal {
        tries = trial == 0 && next.append_only && !worker.config().append_only &&
                desk != nullptr && desk->is_served() && !tour.in_exec;
        if (tries) {
          return {"Unable to turn on AOF. Check server logs.", "appendonly"};
        }
        return {commit(worker, next)};
      });
  if (tries) {
    trial = desk->ask_trial();
  }
  return !tries;
}

void set_visit(Worker& worker, Tour& tour) {
  if (tour.args.size() % 2 != 0) {
    tour.text = error_text::kSyntax;
    tour.done_early = true;
    return;
  }
  if (worker.id().value == 0) {
    tour.stay = !set_is_over(worker, tour);
    tour.done_early = !tour.stay && !tour.text.empty();
  }
  worker.refresh_config();
}

void resetstat_visit(Worker& worker, Tour&) { worker.reset_stats(); }

void config_resetstat(Context& ctx) { ctx.reply.ok(); }

// What the errand takes along: it must not look at configuration versions, which workers free.
struct RewriteLuggage final : TourLuggage {
  std::string path;
  std::vector<std::string> texts;
};

// One stop is enough: every worker has what an answered CONFIG SET has set.
void rewrite_visit(Worker& worker, Tour& tour) {
  tour.done_early = true;
  if (worker.config().config_file.empty()) {
    tour.text = "ERR The server is running without a config file";
    tour.errand_due = false;
    return;
  }
  auto& luggage = tour.luggage_of<RewriteLuggage>();
  luggage.path = worker.config().config_file;
  luggage.texts = worker.config().texts;
}

void rewrite_errand(Tour& tour) {
  const auto& luggage = tour.luggage_of<RewriteLuggage>();
  const std::string problem = rewrite_config_file(luggage.path, luggage.texts);
  if (problem.empty()) {
    log_line(LogLevel::kNotice, "CONFIG REWRITE has written %s", luggage.path.c_str());
    return;
  }
  log_line(LogLevel::kWarning, "CONFIG REWRITE can't write %s: %s", luggage.path.c_str(),
           problem.c_str());
  tour.text = "ERR Rewriting config file: " + problem;
}

bool is_secret_setting(Args args, size_t index) {
  if (index < 3 || index % 2 == 0) {
    return false;
  }
  const OptionRow* row = find_option(args[index - 1]);
  return row != nullptr && (row->flags & kSecret) != 0;
}

void config_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "GET <pattern> [<pattern> ...]",
      "    Options whose names match, with their values.",
      "SET <option> <value> [<option> <value> ...]",
      "    Change options, all of them or none.",
      "RESETSTAT",
      "    Set the statistics of INFO back.",
      "REWRITE",
      "    Write the configuration file anew.",
  };
  write_help(ctx.reply, "CONFIG", kLines);
}

constexpr uint32_t kOperator = kAdmin | kNoScript | kLoading | kStale;

constexpr CommandRow kSubcommands[] = {
    {.name = "get", .arity = -3, .flags = kOperator, .acl = 0, .handler = config_get,
     .route = Route::kSession,
     .group = "server", .since = "2.0.0", .summary = "Returns options and their values.",
     .complexity = "O(N) for N options", .syntax = "parameter=(parameter)...",
     .history = "7.0.0 several patterns in one call"},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = 0, .handler = config_help,
     .route = Route::kSession,
     .group = "server", .since = "5.0.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "resetstat", .arity = 2, .flags = kOperator, .acl = 0, .handler = config_resetstat,
     .route = Route::kEachWorker, .each_worker = resetstat_visit,
     .group = "server", .since = "2.0.0", .summary = "Sets the statistics of INFO back.",
     .complexity = "O(1)"},
    {.name = "rewrite", .arity = 2, .flags = kOperator, .acl = 0, .handler = reply_outcome,
     .route = Route::kEachWorker, .each_worker = rewrite_visit, .errand = rewrite_errand,
     .group = "server", .since = "2.8.0", .summary = "Writes the configuration file anew.",
     .complexity = "O(1)"},
    {.name = "set", .arity = -4, .flags = kOperator, .acl = 0, .handler = reply_outcome,
     .route = Route::kEachWorker, .each_worker = set_visit,
     .group = "server", .since = "2.0.0", .summary = "Changes options.",
     .complexity = "O(N) for N options", .syntax = "parameter_value=(parameter value)...",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .history = "7.0.0 several options in one call", .secret = is_secret_setting},
};

constexpr CommandRow kRows[] = {
    {.name = "config", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kSubcommands,
     .group = "server", .since = "2.0.0", .summary = "Reads and changes options.",
     .complexity = "Depends on the subcommand."},
};

}  // namespace

std::span<const CommandRow> config_commands() { return kRows; }

}  // namespace pollux
