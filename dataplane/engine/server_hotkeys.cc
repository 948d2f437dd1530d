// HOTKEYS. START, STOP, RESET and GET are Redis 8.6's: a session that measures CPU time and network
// bytes by key. TOP is Pollux' own: the shares of keys among recent commands, from samples that are
// always taken.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/hot_keys.h"
#include "dataplane/engine/worker.h"
#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/data/key.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

// METRICS count name ...: names that are not known are passed over, so that clients may ask for
// metrics of later versions. Moves `at` behind them; empty, or what is wrong.
std::string read_metrics(Args args, size_t& at, HotKeysSession& session) {
  const std::optional<int64_t> count =
      at + 1 < args.size() ? parse_int64(args[at + 1]) : std::nullopt;
  if (!count || *count <= 0) {
    return "ERR METRICS count must be positive";
  }
  if (static_cast<uint64_t>(*count) > args.size() - at - 2) {
    return "ERR METRICS count does not match number of metric types provided";
  }
  at += 2;
  for (int64_t i = 0; i < *count; ++i, ++at) {
    const bool cpu = is_word(args[at], "cpu");
    const bool net = is_word(args[at], "net");
    if ((cpu && session.by_cpu) || (net && session.by_net)) {
      return std::string("ERR METRICS ") + (cpu ? "CPU" : "NET") + " was given twice";
    }
    session.by_cpu |= cpu;
    session.by_net |= net;
  }
  return session.by_cpu || session.by_net ? ""
                                          : "ERR METRICS no valid metrics: CPU and NET are known";
}

// One of COUNT, DURATION, SAMPLE with its number.
std::string read_setting(std::string_view name, std::string_view text, HotKeysSession& session) {
  const std::optional<int64_t> number = parse_int64(text);
  if (is_word(name, "count")) {
    if (!number || *number < 1 || *number > static_cast<int64_t>(HotKeys::kCountMax)) {
      return "ERR COUNT must be between 1 and 64";
    }
    session.count = static_cast<size_t>(*number);
    return {};
  }
  if (is_word(name, "duration")) {
    if (!number || *number < 0 || *number > INT64_MAX / 1000) {
      return "ERR DURATION must be a number of seconds";
    }
    session.duration_ms = *number * 1000;
    return {};
  }
  constexpr int64_t kRatioMax = int64_t{1} << 32;
  if (is_word(name, "sample")) {
    if (!number || *number < 1 || *number > kRatioMax) {
      return "ERR SAMPLE ratio must be positive";
    }
    session.ratio = static_cast<uint64_t>(*number);
    return {};
  }
  return std::string(error_text::kSyntax);
}

std::string read_session(Args args, HotKeysSession& session) {
  bool metrics = false;
  for (size_t at = 2; at < args.size();) {
    std::string problem;
    if (is_word(args[at], "metrics") && !metrics) {
      metrics = true;
      problem = read_metrics(args, at, session);
    } else if (is_word(args[at], "slots")) {
      problem = "ERR SLOTS parameter cannot be used in non-cluster mode";
    } else if (at + 1 == args.size()) {
      problem = error_text::kSyntax;
    } else {
      problem = read_setting(args[at], args[at + 1], session);
      at += 2;
    }
    if (!problem.empty()) {
      return problem;
    }
  }
  return metrics ? "" : "ERR METRICS parameter is required";
}

void refuse(Tour& tour, std::string error) {
  tour.text = std::move(error);
  tour.done_early = true;
}

// Worker 0, the first stop, decides; the others follow it.
void start_visit(Worker& worker, Tour& tour) {
  HotKeysSession session;
  std::string problem = read_session(tour.args, session);
  if (problem.empty() && worker.id().value == 0 && worker.watch().hot_keys().active(worker.now())) {
    problem = "ERR hotkey tracking session already in progress";
  }
  if (!problem.empty()) {
    refuse(tour, std::move(problem));
    return;
  }
  worker.watch().hot_keys().start(session, worker.now(), worker.usage());
}

void stop_visit(Worker& worker, Tour& tour) {
  HotKeys& hot_keys = worker.watch().hot_keys();
  tour.number |= hot_keys.started() ? 1 : 0;
  hot_keys.stop(worker.now(), worker.usage());
}

void reset_visit(Worker& worker, Tour& tour) {
  HotKeys& hot_keys = worker.watch().hot_keys();
  if (worker.id().value == 0 && hot_keys.active(worker.now())) {
    refuse(tour, "ERR hotkey tracking session in progress, stop tracking first");
    return;
  }
  hot_keys.reset();
}

void reply_outcome(Context& ctx) {
  const Tour& tour = *engine_host(ctx).tour;
  if (tour.text.empty()) {
    ctx.reply.ok();
  } else {
    ctx.reply.error(tour.text);
  }
}

void stop(Context& ctx) {
  if (engine_host(ctx).tour->number == 0) {
    ctx.reply.null();
  } else {
    ctx.reply.ok();
  }
}

struct HotKeysLuggage final : TourLuggage {
  static constexpr size_t kPlaces = 4096;  // more than all workers of a usual machine bring

  bool started = false;
  bool active = false;
  HotKeysSession session;
  int64_t began_ms = 0;
  int64_t lasted_ms = 0;
  HotKeysUsage used;
  TopKeys by_cpu{kPlaces};
  TopKeys by_net{kPlaces};
  TopKeys always{kPlaces};
};

void get_visit(Worker& worker, Tour& tour) {
  const HotKeys& from = worker.watch().hot_keys();
  auto& all = tour.luggage_of<HotKeysLuggage>();
  if (worker.id().value == 0) {
    all.started = from.started();
    all.active = from.active(worker.now());
    all.session = from.session();
    all.began_ms = from.began_ms();
    all.lasted_ms = from.lasted_ms(worker.now());
  }
  if (!all.started) {
    tour.done_early = true;
    return;
  }
  all.used += from.used(worker.usage());
  all.by_cpu.merge(from.by_cpu());
  all.by_net.merge(from.by_net());
}

void write_keys(Reply& reply, const TopKeys& keys, size_t count, double divisor) {
  const auto top = keys.top(count);
  reply.array(top.size() * 2);
  for (const TopKeys::Entry& entry : top) {
    reply.bulk(entry.key);
    reply.integer(static_cast<int64_t>(static_cast<double>(entry.weight) / divisor));
  }
}

void get(Context& ctx) {
  const EngineHost& host = engine_host(ctx);
  const auto& all = host.tour->luggage_of<HotKeysLuggage>();
  Reply& reply = ctx.reply;
  if (!all.started) {
    reply.null();
    return;
  }
  const double cycles_per_us = host.engine->page().tsc_per_us;
  const auto field = [&reply](std::string_view name, int64_t value) {
    reply.bulk(name);
    reply.integer(value);
  };
  reply.array(1);
  reply.map(7 + (all.session.by_cpu ? 3u : 0u) + (all.session.by_net ? 2u : 0u));
  field("tracking-active", all.active ? 1 : 0);
  field("sample-ratio", static_cast<int64_t>(all.session.ratio));
  reply.bulk("selected-slots");
  reply.array(1);
  reply.array(2);
  reply.integer(0);
  reply.integer(kSlots - 1);
  field("all-commands-all-slots-us",
        static_cast<int64_t>(static_cast<double>(all.used.cycles) / cycles_per_us));
  field("net-bytes-all-commands-all-slots", all.used.net_bytes);
  field("collection-start-time-unix-ms", all.began_ms);
  field("collection-duration-ms", all.lasted_ms);
  if (all.session.by_cpu) {
    field("total-cpu-time-user-ms", all.used.user_us / 1000);
    field("total-cpu-time-sys-ms", all.used.system_us / 1000);
    reply.bulk("by-cpu-time-us");
    write_keys(reply, all.by_cpu, all.session.count, cycles_per_us);
  }
  if (all.session.by_net) {
    field("total-net-bytes", all.used.net_bytes);
    reply.bulk("by-net-bytes");
    write_keys(reply, all.by_net, all.session.count, 1);
  }
}

void top_visit(Worker& worker, Tour& tour) {
  tour.luggage_of<HotKeysLuggage>().always.merge(worker.watch().hot_keys().always());
}

void top(Context& ctx) {
  int64_t count = 10;
  if (ctx.args.size() > 2 && !read_int64(ctx, 2, count)) {
    return;
  }
  if (ctx.args.size() > 3 || count < 1 || count > static_cast<int64_t>(HotKeys::kCountMax)) {
    ctx.reply.error(ctx.args.size() > 3 ? error_text::kSyntax
                                        : "ERR COUNT must be between 1 and 64");
    return;
  }
  const TopKeys& always = engine_host(ctx).tour->luggage_of<HotKeysLuggage>().always;
  const auto entries = always.top(static_cast<size_t>(count));
  ctx.reply.array(entries.size());
  for (const TopKeys::Entry& entry : entries) {
    ctx.reply.array(2);
    ctx.reply.bulk(entry.key);
    const double share =
        static_cast<double>(entry.weight) * 100 / static_cast<double>(always.total());
    ctx.reply.real(std::round(std::min(share, 100.0) * 100) / 100);
  }
}

void hotkeys_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "START METRICS <count> [CPU] [NET] [COUNT <keys>] [DURATION <seconds>] [SAMPLE <ratio>]",
      "    Measure CPU time or network bytes by key, of one command in <ratio> (default: each).",
      "STOP",
      "    End the measurement; what it found stays.",
      "RESET",
      "    Forget it.",
      "GET",
      "    What the measurement has found.",
      "TOP [<count>]",
      "    The keys that are asked for most at present, each with its share of all in percent;",
      "    from samples that are always taken.",
  };
  write_help(ctx.reply, "HOTKEYS", kLines);
}

constexpr uint32_t kOperator = kAdmin | kNoScript;

constexpr CommandRow kSubcommands[] = {
    {.name = "get", .arity = 2, .flags = kOperator, .acl = 0, .handler = get,
     .route = Route::kEachWorker, .each_worker = get_visit,
     .group = "server", .since = "8.6.0", .summary = "Returns what a measurement has found.",
     .complexity = "O(K) for K keys", .tips = "nondeterministic_output request_policy:special"},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = 0, .handler = hotkeys_help,
     .route = Route::kSession,
     .group = "server", .since = "8.6.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "reset", .arity = 2, .flags = kOperator, .acl = 0, .handler = reply_outcome,
     .route = Route::kEachWorker, .each_worker = reset_visit,
     .group = "server", .since = "8.6.0", .summary = "Forgets a measurement.",
     .complexity = "O(1)", .tips = "request_policy:special"},
    {.name = "start", .arity = -2, .flags = kOperator, .acl = 0, .handler = reply_outcome,
     .route = Route::kEachWorker, .each_worker = start_visit,
     .group = "server", .since = "8.6.0",
     .summary = "Begins to measure what each key costs.", .complexity = "O(1)",
     .syntax = "metrics=(METRICS count:integer [CPU] [NET]) [COUNT k:integer] "
               "[DURATION seconds:integer] [SAMPLE ratio:integer]",
     .tips = "request_policy:special"},
    {.name = "stop", .arity = 2, .flags = kOperator, .acl = 0, .handler = stop,
     .route = Route::kEachWorker, .each_worker = stop_visit,
     .group = "server", .since = "8.6.0", .summary = "Ends a measurement.",
     .complexity = "O(1)", .tips = "request_policy:special"},
    {.name = "top", .arity = -2, .flags = kOperator, .acl = 0, .handler = top,
     .route = Route::kEachWorker, .each_worker = top_visit,
     .group = "server", .since = "8.6.0",
     .summary = "Returns the keys that are asked for most at present.",
     .complexity = "O(1)", .syntax = "[count:integer]", .tips = "nondeterministic_output"},
};

constexpr CommandRow kRows[] = {
    {.name = "hotkeys", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kSubcommands,
     .group = "server", .since = "8.6.0", .summary = "Finds the keys that are used most.",
     .complexity = "Depends on the subcommand."},
};

}  // namespace

std::span<const CommandRow> hotkeys_commands() { return kRows; }

}  // namespace pollux
