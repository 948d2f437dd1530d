// DEBUG: what tests and tools use. One row, because redis-server's has no subcommand rows either.
// It is routed like a command with keys, so that OBJECT finds its key on the shard, and DIGEST gets
// them all; the subcommands without a key run on worker 0, which is the one that may make
// configuration versions.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <optional>
#include <string>

#include "dataplane/engine/config.h"
#include "dataplane/engine/config_options.h"
#include "dataplane/engine/config_rewrite.h"
#include "dataplane/engine/debug_data.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/reload.h"
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/commands/args.h"
#include "src/commands/key_extractor.h"
#include "src/data/value.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

std::string c_string(std::string_view text) { return std::string(text); }

constexpr double kSleepSecondsMax = 1e9;  // more is no time that anybody will see pass

void debug_sleep(Context& ctx) {
  const double seconds = std::strtod(c_string(ctx.args[2]).c_str(), nullptr);
  if (seconds > 0) {
    // The worker stands still: that is the point.
    const double whole = std::floor(std::min(seconds, kSleepSecondsMax));
    timespec time{static_cast<time_t>(whole), 0};
    time.tv_nsec = static_cast<long>(std::min((seconds - whole) * 1e9, 999'999'999.0));
    nanosleep(&time, nullptr);
  }
  ctx.reply.ok();
}

void debug_set_active_expire(Context& ctx) {
  const bool on = std::atoi(c_string(ctx.args[2]).c_str()) != 0;
  EngineHost& host = engine_host(ctx);
  host.engine->config().change([on](Config& config) { config.active_expiry = on; });
  ctx.reply.ok();
}

void debug_skip_checksums(Context& ctx) {
  const bool skip = std::atoi(c_string(ctx.args[2]).c_str()) != 0;
  EngineHost& host = engine_host(ctx);
  host.engine->config().change([skip](Config& config) { config.data.dump_sums = !skip; });
  ctx.reply.ok();
}

// Unlike CONFIG REWRITE its worker waits for the disk.
void debug_rewrite_config(Context& ctx) {
  const Config& config = engine_host(ctx).worker->config();
  const std::string problem =
      config.config_file.empty()
          ? "The server is running without a config file"
          : rewrite_config_file(config.config_file, config.texts, /*all=*/true);
  if (problem.empty()) {
    ctx.reply.ok();
  } else {
    ctx.reply.error("ERR CONFIG-REWRITE-FORCE-ALL failed: " + problem);
  }
}

void debug_change_repl_id(Context& ctx) {
  std::string id;
  while (id.size() < 40) {
    constexpr char kDigits[] = "0123456789abcdef";
    id += kDigits[ctx.rng.below(16)];
  }
  EngineHost& host = engine_host(ctx);
  host.engine->config().change([&id](Config& config) { config.replication_id = id; });
  ctx.reply.ok();
}

void debug_error(Context& ctx) { ctx.reply.error(ctx.args[2]); }

void debug_log(Context& ctx) {
  log_line(LogLevel::kWarning, "DEBUG LOG: %s", c_string(ctx.args[2]).c_str());
  ctx.reply.ok();
}

void write_numbers(Reply& reply) {
  for (int i = 0; i < 3; ++i) {
    reply.integer(i);
  }
}

void debug_protocol(Context& ctx) {
  Reply& reply = ctx.reply;
  const std::string_view type = ctx.args[2];
  if (is_word(type, "string")) {
    reply.bulk("Hello World");
  } else if (is_word(type, "integer")) {
    reply.integer(12345);
  } else if (is_word(type, "double")) {
    reply.real(3.141);
  } else if (is_word(type, "null")) {
    reply.null();
  } else if (is_word(type, "array")) {
    reply.array(3);
    write_numbers(reply);
  } else if (is_word(type, "set")) {
    reply.set(3);
    write_numbers(reply);
  } else if (is_word(type, "map")) {
    reply.map(3);
    for (int i = 0; i < 3; ++i) {
      reply.integer(i);
      reply.boolean(i == 1);
    }
  } else if (is_word(type, "attrib")) {
    if (reply.protocol() == 3) {
      // The only attribute anywhere; Reply has no call for it.
      reply.sink().append("|1\r\n");
      reply.bulk("key-popularity");
      reply.array(2);
      reply.bulk("key:123");
      reply.integer(90);
    }
    reply.bulk("Some real reply following the attribute");
  } else if (is_word(type, "push") && reply.protocol() == 2) {
    reply.error("ERR RESP2 is not supported by this command");
  } else if (is_word(type, "push")) {
    reply.push(2);
    reply.bulk("server-cpu-usage");
    reply.integer(42);
    reply.bulk("Some real reply following the push reply");
  } else if (is_word(type, "verbatim")) {
    reply.verbatim("This is a verbatim\nstring", "txt");
  } else if (is_word(type, "true") || is_word(type, "false")) {
    reply.boolean(is_word(type, "true"));
  } else if (is_word(type, "bignum")) {
    reply.bignum("1234567999999999999999999999999999999");
  } else {
    reply.error(
        "ERR Wrong protocol type name. Please use one of the following: "
        "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
  }
}

void debug_string_match(Context& ctx) {
  ctx.reply.integer(glob_match(ctx.args[2], ctx.args[3], /*ignore_case=*/false) ? 1 : 0);
}

// Random patterns against random strings: it is enough to come back.
void debug_string_match_test(Context& ctx) {
  constexpr std::string_view kLetters = "ab*?[]^-\\";
  const auto draw = [&ctx, kLetters] {
    std::string text(ctx.rng.below(32), ' ');
    for (char& c : text) {
      c = kLetters[ctx.rng.below(kLetters.size())];
    }
    return text;
  };
  int64_t matches = 0;
  for (int i = 0; i < 10000; ++i) {
    matches += glob_match(draw(), draw(), ctx.rng.below(2) == 0) ? 1 : 0;
  }
  ctx.reply.simple("No pattern has led astray, " + std::to_string(matches) + " of 10000 matched");
}

// Test suites turn parts of Redis off by these that Pollux does not have.
void debug_nothing(Context& ctx) { ctx.reply.ok(); }

// As debug_nothing, but of a size that redis-server would take.
void debug_packed_threshold(Context& ctx) {
  constexpr uint64_t kBytesMax = (uint64_t{4} << 30) - (uint64_t{1} << 20);
  const std::optional<uint64_t> bytes = parse_memory(ctx.args[2]);
  if (!bytes || *bytes > kBytesMax) {
    ctx.reply.error("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    return;
  }
  ctx.reply.ok();
}

void debug_client_eviction(Context& ctx) {
  const Config& config = engine_host(ctx).worker->config();
  if (config.clients_bytes_max == 0 && config.clients_percent == 0) {
    ctx.reply.error("ERR maxmemory-clients is disabled.");
  } else {
    ctx.reply.error("ERR clients stand in no buckets here; CLIENT LIST tells what each takes");
  }
}

void debug_reply_buffer(Context& ctx) {
  if (is_word(ctx.args[2], "peak-reset-time") || is_word(ctx.args[2], "resizing")) {
    ctx.reply.ok();
  } else {
    ctx.reply.error(error_text::wrong_subcommand(ctx.args[1], "DEBUG"));
  }
}

// The end, as a test of what the end leaves behind (the report in the log, a supervisor).
void debug_segfault(Context&) { raise(SIGSEGV); }
void debug_panic(Context&) { POLLUX_ASSERT(false && "DEBUG asked for it"); }
void debug_out_of_memory(Context&) {
  volatile size_t more_than_there_is = SIZE_MAX / 2;
  void* volatile memory = ::operator new(more_than_there_is);  // volatile: else it is left out
  ::operator delete(memory);
}

// --- what there is not, and why ---

void debug_no_cluster(Context& ctx) {
  ctx.reply.error("ERR Debug option only available for cluster mode enabled setup!");
}
void debug_no_flush_sleep(Context& ctx) {
  ctx.reply.error(
      "ERR The append-only file is written by a thread of its own, which can't be put to sleep");
}
void debug_no_leak(Context& ctx) {
  ctx.reply.error("ERR No memory is leaked on purpose; POPULATE takes some");
}
void debug_no_mallctl(Context& ctx) {
  ctx.reply.error("ERR The allocator is not tuned from here; MEMORY MALLOC-STATS tells of it");
}
void debug_no_replicate(Context& ctx) {
  ctx.reply.error("ERR This server has no replicas that could be told anything else");
}
void debug_no_restart(Context& ctx) {
  ctx.reply.error(
      "ERR This server does not start itself again; end it by SHUTDOWN, and let what supervises it "
      "start it");
}

void debug_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "ASSERT",
      "    Crash by an assertion.",
      "AOF-FLUSH-SLEEP, CLUSTERLINK, CRASH-AND-RECOVER, LEAK, MALLCTL, MALLCTL-STR, REPLICATE,",
      "RESTART",
      "    Not here: each answers why.",
      "CHANGE-REPL-ID",
      "    Draw another replication id.",
      "CONFIG-REWRITE-FORCE-ALL",
      "    CONFIG REWRITE with all options, also those at their defaults.",
      "DIGEST",
      "    A hash over all data, the same as redis-server's over the same data.",
      "DIGEST-VALUE <key> [<key> ...]",
      "    A hash of each key's value.",
      "ERROR <string>",
      "    Answer that error.",
      "HTSTATS <dbid>",
      "    What the tables of a database hold and take.",
      "HTSTATS-KEY <key>",
      "    What a value's table holds and takes, if it has one.",
      "LISTPACK <key>",
      "    Tell of a listpack in the log.",
      "LOADAOF",
      "    Write the append-only history out, drop all keys, load them from it again.",
      "LOG <message>",
      "    Write a line to the log.",
      "OBJECT <key>",
      "    How a value is stored.",
      "OOM",
      "    Crash as if there were no memory left.",
      "PANIC",
      "    The same as ASSERT.",
      "POPULATE <count> [<prefix>] [<size>]",
      "    Make as many keys, prefix:0 and on, where they don't exist.",
      "PROTOCOL <type>",
      "    Answer a value of that type of the protocol.",
      "QUICKLIST <key> [<0|1>]",
      "    Tell of the nodes of a list in the log; with 1, of each.",
      "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
      "    Save the RDB file, drop all keys, load them from it again. NOSAVE: from the file that",
      "    is there. NOFLUSH: the keys stay. MERGE: those of the file take their places.",
      "SDSLEN <key>",
      "    How much room a string's key and value have.",
      "SEGFAULT",
      "    Crash by SIGSEGV.",
      "SET-ACTIVE-EXPIRE <0|1>",
      "    Whether due keys are removed before somebody asks for them.",
      "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
      "    Whether RESTORE and RDB files go unchecked. (What RESTORE has taken so is not loaded",
      "    from an append-only file.)",
      "PAUSE-CRON, SET-DISABLE-DENY-SCRIPTS, REPLYBUFFER, QUICKLIST-PACKED-THRESHOLD,",
      "DROP-CLUSTER-PACKET-FILTER",
      "    Accepted, for test suites; there is nothing here to turn off.",
      "SLEEP <seconds>",
      "    Stop a worker (number 0) for that long.",
      "STRINGMATCH-LEN <pattern> <string>",
      "    Whether the pattern fits.",
      "STRINGMATCH-TEST",
      "    Try random patterns.",
      "STRUCTSIZE",
      "    What stands in memory for a key, a place in a table, a large collection; in bytes.",
  };
  write_help(ctx.reply, "DEBUG", kLines);
}

struct DebugRow {
  std::string_view name;
  size_t args_min;  // all, with DEBUG itself
  size_t args_max;
  Handler handler;
};
constexpr size_t kAnyNumber = SIZE_MAX;
constexpr DebugRow kDebugRows[] = {
    {"help", 2, 2, debug_help},
    {"aof-flush-sleep", 3, 3, debug_no_flush_sleep},
    {"assert", 2, 2, debug_panic},
    {"change-repl-id", 2, 2, debug_change_repl_id},
    {"client-eviction", 2, 2, debug_client_eviction},
    {"clusterlink", 5, 5, debug_no_cluster},
    {"config-rewrite-force-all", 2, 2, debug_rewrite_config},
    {"crash-and-recover", 2, 3, debug_no_restart},
    {"digest", 2, 2, debug_digest},
    {"digest-value", 2, kAnyNumber, debug_digest_value},
    {"drop-cluster-packet-filter", 3, 3, debug_nothing},
    {"error", 3, 3, debug_error},
    {"htstats", 3, 3, debug_table_stats},
    {"htstats-key", 3, 3, debug_table_of_key},
    {"leak", 3, 3, debug_no_leak},
    {"listpack", 3, 3, debug_listpack},
    {"loadaof", 2, 2, debug_reload},
    {"log", 3, 3, debug_log},
    {"mallctl", 3, 4, debug_no_mallctl},
    {"mallctl-str", 3, 4, debug_no_mallctl},
    {"object", 3, 3, debug_object},
    {"oom", 2, 2, debug_out_of_memory},
    {"panic", 2, 2, debug_panic},
    {"pause-cron", 3, 3, debug_nothing},
    {"populate", 3, 5, debug_populate},
    {"protocol", 3, 3, debug_protocol},
    {"quicklist", 3, 4, debug_quicklist},
    {"quicklist-packed-threshold", 3, 3, debug_packed_threshold},
    {"reload", 2, kAnyNumber, debug_reload},
    {"replicate", 3, kAnyNumber, debug_no_replicate},
    {"replybuffer", 4, 4, debug_reply_buffer},
    {"restart", 2, 3, debug_no_restart},
    {"sdslen", 3, 3, debug_sds_length},
    {"segfault", 2, 2, debug_segfault},
    {"set-active-expire", 3, 3, debug_set_active_expire},
    {"set-disable-deny-scripts", 3, 3, debug_nothing},
    {"set-skip-checksum-validation", 3, 3, debug_skip_checksums},
    {"sleep", 3, 3, debug_sleep},
    {"stringmatch-len", 4, 4, debug_string_match},
    {"stringmatch-test", 2, 2, debug_string_match_test},
    {"structsize", 2, 2, debug_struct_sizes},
};

void debug(Context& ctx) {
  for (const DebugRow& row : kDebugRows) {
    if (is_word(ctx.args[1], row.name) && ctx.args.size() >= row.args_min &&
        ctx.args.size() <= row.args_max) {
      row.handler(ctx);
      return;
    }
  }
  ctx.reply.error(error_text::wrong_subcommand(ctx.args[1], "DEBUG"));
}

bool find_debug_key(Args args, KeyIndices& keys) {
  const bool of_key = is_word(args[1], "object") || is_word(args[1], "listpack") ||
                      is_word(args[1], "sdslen") || is_word(args[1], "htstats-key");
  if ((args.size() == 3 && of_key) ||
      ((args.size() == 3 || args.size() == 4) && is_word(args[1], "quicklist"))) {
    keys.append(2, 0);
  } else if (is_word(args[1], "digest-value")) {
    for (size_t i = 2; i < args.size(); ++i) {
      keys.append(i, 0);
    }
  } else if (is_word(args[1], "digest") || is_word(args[1], "populate") ||
             is_word(args[1], "htstats")) {
    keys.set_need_all();
  } else if (is_word(args[1], "reload") || (is_word(args[1], "loadaof") && args.size() == 2)) {
    keys.set_on_tour();
  }
  return true;
}

constexpr CommandRow kRows[] = {
    {.name = "debug",
     .arity = -2,
     .flags = kAdmin | kNoScript | kLoading | kStale | kProtected | kLong,
     .acl = 0,
     .handler = debug,
     .each_worker = reload_visit,
     .key_finder = find_debug_key,
     .group = "server",
     .since = "1.0.0",
     .summary = "For tests and for looking inside.",
     .complexity = "Depends on the subcommand.",
     .syscmd = true},
};

}  // namespace

std::span<const CommandRow> debug_commands() { return kRows; }

}  // namespace pollux
