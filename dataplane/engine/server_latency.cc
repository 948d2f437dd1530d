// LATENCY: the latency monitor's events, gathered from all workers, and the histograms of commands.
#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/latency_events.h"
#include "dataplane/engine/latency_report.h"
#include "dataplane/engine/latency_stats.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"
#include "src/commands/command_table.h"

namespace pollux {

namespace {

struct EventsLuggage final : TourLuggage {
  LatencyEvents events;
};

void gather_visit(Worker& worker, Tour& tour) {
  LatencyEvents& all = tour.luggage_of<EventsLuggage>().events;
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    all[i].merge(worker.watch().events()[i]);
  }
}

const LatencyEvents& gathered(Context& ctx) {
  return engine_host(ctx).tour->luggage_of<EventsLuggage>().events;
}

void latest(Context& ctx) {
  const LatencyEvents& events = gathered(ctx);
  const auto seen = [](const LatencySeries& series) { return !series.empty(); };
  ctx.reply.array(static_cast<size_t>(std::count_if(events.begin(), events.end(), seen)));
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    if (events[i].empty()) {
      continue;
    }
    const LatencySample& last = events[i].samples().back();
    ctx.reply.array(4);
    ctx.reply.bulk(kLatencyEventNames[i]);
    ctx.reply.integer(last.unix_s);
    ctx.reply.integer(last.ms);
    ctx.reply.integer(events[i].all_time_ms());
  }
}

// Null for a name that is none.
const LatencySeries* named_series(Context& ctx) {
  const std::optional<LatencyEvent> event = find_latency_event(ctx.args[2]);
  return event ? &gathered(ctx)[static_cast<size_t>(*event)] : nullptr;
}

void history(Context& ctx) {
  const LatencySeries* series = named_series(ctx);
  if (series == nullptr) {
    ctx.reply.array(0);
    return;
  }
  ctx.reply.array(series->samples().size());
  for (const LatencySample& sample : series->samples()) {
    ctx.reply.array(2);
    ctx.reply.integer(sample.unix_s);
    ctx.reply.integer(sample.ms);
  }
}

void graph(Context& ctx) {
  const LatencySeries* series = named_series(ctx);
  if (series == nullptr || series->empty()) {
    reply_error_quoting(ctx.reply, "ERR No samples available for event '", ctx.args[2], "'");
    return;
  }
  const size_t event = static_cast<size_t>(*find_latency_event(ctx.args[2]));
  ctx.reply.verbatim(
      latency_graph(kLatencyEventNames[event], *series, ctx.keys.now().ms() / 1000), "txt");
}

void doctor(Context& ctx) {
  ctx.reply.verbatim(
      latency_advice(gathered(ctx), engine_host(ctx).worker->config().watch), "txt");
}

// The number is a bit per event that was there.
void reset_visit(Worker& worker, Tour& tour) {
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    const Args names = Args(tour.args).subspan(2);
    const bool chosen =
        names.empty() || std::any_of(names.begin(), names.end(), [i](std::string_view name) {
          return find_latency_event(name) == static_cast<LatencyEvent>(i);
        });
    LatencySeries& series = worker.watch().events()[i];
    if (chosen && !series.empty()) {
      series.clear();
      tour.number |= int64_t{1} << i;
    }
  }
}

void reset(Context& ctx) {
  ctx.reply.integer(__builtin_popcountll(static_cast<uint64_t>(engine_host(ctx).tour->number)));
}

struct Shown {
  const CommandRow* row;
  CommandLatency latency;
};

void histogram(Context& ctx) {
  Engine& engine = *engine_host(ctx).engine;
  std::vector<Shown> shown;
  const auto add = [&](const CommandRow& row) {
    CommandLatency latency(engine.page(), row.id);
    if (latency.count() > 0) {
      shown.push_back({&row, std::move(latency)});
    }
  };
  if (ctx.args.size() == 2) {
    for (const CommandRow* row : engine.commands().rows()) {
      add(*row);
    }
  }
  for (const std::string_view name : ctx.args.subspan(2)) {
    const CommandRow* row = find_full_name(engine.commands(), name);
    if (row == nullptr) {
      continue;
    }
    add(*row);
    for (const CommandRow& sub : row->subcommands) {  // a container stands for what is in it
      add(sub);
    }
  }
  ctx.reply.map(shown.size());
  for (const Shown& one : shown) {
    std::string name;
    append_full_name(name, *one.row);
    ctx.reply.bulk(name);
    ctx.reply.map(2);
    ctx.reply.bulk("calls");
    ctx.reply.integer(static_cast<int64_t>(one.latency.count()));
    ctx.reply.bulk("histogram_usec");
    const auto bounds = one.latency.cumulative();
    ctx.reply.map(bounds.size());
    for (const auto& [bound_us, runs] : bounds) {
      ctx.reply.integer(bound_us);
      ctx.reply.integer(runs);
    }
  }
}

void latency_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "DOCTOR",
      "    What the latency monitor has seen, and what to do about it.",
      "GRAPH <event>",
      "    A drawing of an event's samples.",
      "HISTORY <event>",
      "    An event's samples: Unix time and milliseconds.",
      "LATEST",
      "    Of each event the time and milliseconds of its last sample, and the most ever.",
      "RESET [<event> ...]",
      "    Forget events, or all of them.",
      "HISTOGRAM [<command> ...]",
      "    How many runs of commands took how long, from their start or CONFIG RESETSTAT on.",
  };
  write_help(ctx.reply, "LATENCY", kLines);
}

constexpr uint32_t kOperator = kAdmin | kNoScript | kLoading | kStale;
constexpr std::string_view kTips =
    "nondeterministic_output request_policy:all_nodes response_policy:special";

constexpr CommandRow kSubcommands[] = {
    {.name = "doctor", .arity = 2, .flags = kOperator, .acl = 0, .handler = doctor,
     .route = Route::kEachWorker, .each_worker = gather_visit,
     .group = "server", .since = "2.8.13", .summary = "Tells what took long, and what to do.",
     .complexity = "O(1)", .tips = kTips},
    {.name = "graph", .arity = 3, .flags = kOperator, .acl = 0, .handler = graph,
     .route = Route::kEachWorker, .each_worker = gather_visit,
     .group = "server", .since = "2.8.13", .summary = "Draws the samples of an event.",
     .complexity = "O(1)", .syntax = "event", .tips = kTips},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = 0, .handler = latency_help,
     .route = Route::kSession,
     .group = "server", .since = "2.8.13", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "histogram", .arity = -2, .flags = kOperator, .acl = 0, .handler = histogram,
     .route = Route::kSession,
     .group = "server", .since = "7.0.0", .summary = "Returns how long commands took.",
     .complexity = "O(N) for N commands", .syntax = "[command...]", .tips = kTips},
    {.name = "history", .arity = 3, .flags = kOperator, .acl = 0, .handler = history,
     .route = Route::kEachWorker, .each_worker = gather_visit,
     .group = "server", .since = "2.8.13", .summary = "Returns the samples of an event.",
     .complexity = "O(1)", .syntax = "event", .tips = kTips},
    {.name = "latest", .arity = 2, .flags = kOperator, .acl = 0, .handler = latest,
     .route = Route::kEachWorker, .each_worker = gather_visit,
     .group = "server", .since = "2.8.13", .summary = "Returns the last sample of each event.",
     .complexity = "O(1)", .tips = kTips},
    {.name = "reset", .arity = -2, .flags = kOperator, .acl = 0, .handler = reset,
     .route = Route::kEachWorker, .each_worker = reset_visit,
     .group = "server", .since = "2.8.13", .summary = "Forgets the samples of events.",
     .complexity = "O(1)", .syntax = "[event...]",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
};

constexpr CommandRow kRows[] = {
    {.name = "latency", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kSubcommands,
     .group = "server", .since = "2.8.13", .summary = "Shows what took how long.",
     .complexity = "Depends on the subcommand."},
};

}  // namespace

std::span<const CommandRow> latency_commands() { return kRows; }

}  // namespace pollux
