// MEMORY: what a key takes, where the process' memory is, and what is wrong with it.
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/info_text.h"
#include "dataplane/engine/memory_figures.h"
#include "dataplane/engine/worker.h"
#include "src/base/arena.h"
#include "src/commands/args.h"
#include "src/commands/rows.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

void memory_usage(Context& ctx) {
  for (size_t i = 3; i < ctx.args.size(); i += 2) {
    int64_t samples = 0;
    if (!is_word(ctx.args[i], "samples") || i + 1 == ctx.args.size()) {
      ctx.reply.error(error_text::kSyntax);
      return;
    }
    if (!read_int64(ctx, i + 1, samples)) {
      return;
    }
    if (samples < 0) {
      ctx.reply.error(error_text::kSyntax);
      return;
    }
  }
  const Entry* entry = ctx.keys.peek(ctx.key(2));
  if (entry == nullptr) {
    ctx.reply.null();
  } else {
    ctx.reply.integer(static_cast<int64_t>(entry->memory_usage()));
  }
}

// --- STATS ---

// One line per database that has keys; home sums them up.
void stats_visit(Worker& worker, Tour& tour) {
  const ShardStore& shard = worker.shard();
  for (int db = 0; db < shard.databases(); ++db) {
    if (shard.key_count(db) == 0) {
      continue;
    }
    const DbOverhead overhead = shard.overhead(db);
    char line[96];
    std::snprintf(line, sizeof line, "%d %llu %llu %llu\n", db,
                  static_cast<unsigned long long>(shard.key_count(db)),
                  static_cast<unsigned long long>(overhead.table),
                  static_cast<unsigned long long>(overhead.expiry));
    tour.text += line;
  }
}

struct DbRow {
  int64_t keys = 0;
  int64_t table = 0;
  int64_t expiry = 0;
};

std::map<int, DbRow> gather(const std::string& text) {
  std::map<int, DbRow> rows;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    int db = 0;
    unsigned long long keys = 0;
    unsigned long long table = 0;
    unsigned long long expiry = 0;
    if (std::sscanf(text.c_str() + at, "%d %llu %llu %llu", &db, &keys, &table, &expiry) == 4) {
      DbRow& row = rows[db];
      row.keys += static_cast<int64_t>(keys);
      row.table += static_cast<int64_t>(table);
      row.expiry += static_cast<int64_t>(expiry);
    }
  }
  return rows;
}

void add(Reply& reply, std::string_view name, int64_t value) {
  reply.bulk(name);
  reply.integer(value);
}

void add_real(Reply& reply, std::string_view name, double value) {
  reply.bulk(name);
  reply.real(value);
}

void add_database(Reply& reply, int db, const DbRow& row) {
  reply.bulk("db." + std::to_string(db));
  reply.map(3);
  add(reply, "overhead.hashtable.main", row.table);
  add(reply, "overhead.hashtable.expires", row.expiry);
  add(reply, "overhead.hashtable.slot-to-keys", 0);
}

void memory_stats(Context& ctx) {
  constexpr size_t kFields = 27;
  EngineHost& host = engine_host(ctx);
  const std::map<int, DbRow> databases = gather(host.tour->text);
  MemoryFigures figures = memory_figures(*host.engine);
  figures.keys = figures.tables = 0;  // of this moment rather than of the last tenth of a second
  for (const auto& [db, row] : databases) {
    figures.keys += row.keys;
    figures.tables += row.table + row.expiry;
  }
  Reply& reply = ctx.reply;
  reply.map(kFields + databases.size());
  add(reply, "peak.allocated", figures.peak);
  add(reply, "total.allocated", figures.used());
  add(reply, "startup.allocated", 0);
  add(reply, "replication.backlog", 0);
  add(reply, "clients.slaves", 0);
  add(reply, "clients.normal", figures.clients);
  add(reply, "cluster.links", 0);
  add(reply, "aof.buffer", 0);
  add(reply, "lua.caches", 0);
  add(reply, "functions.caches", 0);
  for (const auto& [db, row] : databases) {
    add_database(reply, db, row);
  }
  add(reply, "overhead.total", figures.overhead());
  add(reply, "keys.count", figures.keys);
  add(reply, "keys.bytes-per-key", figures.keys > 0 ? figures.used() / figures.keys : 0);
  add(reply, "dataset.bytes", figures.dataset());
  add_real(reply, "dataset.percentage", ratio(figures.dataset(), figures.used()) * 100);
  add_real(reply, "peak.percentage", ratio(figures.used(), figures.peak) * 100);
  add(reply, "allocator.allocated", figures.allocated);
  add(reply, "allocator.active", figures.active);
  add(reply, "allocator.resident", figures.in_pages);
  add_real(reply, "allocator-fragmentation.ratio",
           ratio(figures.active, figures.allocated));
  add(reply, "allocator-fragmentation.bytes", figures.active - figures.allocated);
  add_real(reply, "allocator-rss.ratio", ratio(figures.in_pages, figures.active));
  add(reply, "allocator-rss.bytes", figures.in_pages - figures.active);
  add_real(reply, "rss-overhead.ratio", ratio(figures.resident, figures.in_pages));
  add(reply, "rss-overhead.bytes", figures.resident - figures.in_pages);
  add_real(reply, "fragmentation", ratio(figures.resident, figures.used()));
  add(reply, "fragmentation.bytes", figures.resident - figures.used());
}

// --- DOCTOR ---

constexpr int64_t kMiB = 1 << 20;

// By more than a tenth, and by more than is worth a word.
bool exceeds(int64_t larger, int64_t smaller) {
  return larger > smaller + smaller / 10 && larger - smaller > 10 * kMiB;
}

struct Complaint {
  bool (*holds)(const MemoryFigures&);
  std::string_view text;
};

// Thresholds as redis-server's, where it has the same complaint.
constexpr Complaint kComplaints[] = {
    {[](const MemoryFigures& f) { return f.peak > f.used() + f.used() / 2; },
     "Peak: at its highest, memory in use was more than half as much again as now. What is free "
     "since then may still be resident; MEMORY PURGE gives it back to the system.\n"},
    {[](const MemoryFigures& f) { return exceeds(f.active, f.allocated); },
     "Allocator: more than a tenth of the allocator's pages is holes. Values over 512 bytes that "
     "changed their sizes leave such holes; they close as such values come and go.\n"},
    {[](const MemoryFigures& f) { return exceeds(f.in_pages, f.active); },
     "Allocator: it keeps free pages resident, more than a tenth of what is used. It gives them "
     "back by itself within seconds; MEMORY PURGE does it now.\n"},
    {[](const MemoryFigures& f) { return exceeds(f.resident, f.in_pages); },
     "Process: more is resident than the allocator accounts for. Huge pages of the system are the "
     "usual cause (/sys/kernel/mm/transparent_hugepage/enabled).\n"},
    {[](const MemoryFigures& f) {
       return f.client_count > 0 && f.clients / f.client_count > 200 << 10;
     },
     "Clients: they take more than 200 KiB each on average. CLIENT LIST shows who (tot-mem); "
     "client-output-buffer-limit and maxmemory-clients bound it.\n"},
};

void memory_doctor(Context& ctx) {
  const MemoryFigures figures = memory_figures(*engine_host(ctx).engine);
  std::string text;
  if (figures.used() < 5 * kMiB) {
    text = "Less than 5 MiB are in use: too little to judge anything by.\n";
  } else {
    for (const Complaint& complaint : kComplaints) {
      if (complaint.holds(figures)) {
        text += complaint.text;
      }
    }
    if (text.empty()) {
      text = "Nothing is wrong with the memory of this server.\n";
    }
  }
  ctx.reply.verbatim(text, "txt");
}

// --- the allocator ---

// Not on the worker's thread, which would stand still for 0.1 s where there are some GB.
void memory_purge(Context& ctx) {
  if (Errands* errands = engine_host(ctx).engine->errands(); errands != nullptr) {
    errands->run(purge_allocator);
  } else {
    purge_allocator();
  }
  ctx.reply.ok();
}

void memory_malloc_stats(Context& ctx) {
  const std::string report = allocator_report();
  ctx.reply.verbatim(report.empty() ? "This build uses the allocator of the C library.\n" : report,
                     "txt");
}

void memory_help(Context& ctx) {
  constexpr std::string_view kLines[] = {
      "DOCTOR",
      "    Say what is wrong with the server's memory.",
      "MALLOC-STATS",
      "    The allocator's own report.",
      "PURGE",
      "    Give free pages back to the system; it goes on for a moment after the reply.",
      "STATS",
      "    Where the memory is.",
      "USAGE <key> [SAMPLES <count>]",
      "    Bytes that a key with its value takes.",
  };
  write_help(ctx.reply, "MEMORY", kLines);
}

constexpr std::string_view kReportTips =
    "nondeterministic_output request_policy:all_shards response_policy:special";

constexpr CommandRow kSubcommands[] = {
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = 0, .handler = memory_help,
     .route = Route::kSession,
     .group = "server", .since = "4.0.0", .summary = "Tells about the subcommands.",
     .complexity = "O(1)"},
    {.name = "doctor", .arity = 2, .flags = 0, .acl = 0, .handler = memory_doctor,
     .route = Route::kSession,
     .group = "server", .since = "4.0.0", .summary = "Says what is wrong with memory.",
     .complexity = "O(1)", .tips = kReportTips},
    {.name = "malloc-stats", .arity = 2, .flags = 0, .acl = 0, .handler = memory_malloc_stats,
     .route = Route::kSession,
     .group = "server", .since = "4.0.0", .summary = "Returns the allocator's report.",
     .complexity = "Depends on how much memory is allocated.", .tips = kReportTips},
    {.name = "purge", .arity = 2, .flags = 0, .acl = 0, .handler = memory_purge,
     .route = Route::kSession,
     .group = "server", .since = "4.0.0", .summary = "Gives free pages back to the system.",
     .complexity = "Depends on how much memory is free.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "stats", .arity = 2, .flags = 0, .acl = 0, .handler = memory_stats,
     .route = Route::kEachWorker, .each_worker = stats_visit,
     .group = "server", .since = "4.0.0", .summary = "Tells where the memory is.",
     .complexity = "O(1)", .tips = kReportTips},
    {.name = "usage", .arity = -3, .flags = kReadonly, .acl = 0, .handler = memory_usage,
     .keys = {key_at(2, "RO")},
     .group = "server", .since = "4.0.0", .summary = "Returns the bytes that a key takes.",
     .complexity = "O(1)", .syntax = "key#0 [SAMPLES count:integer]"},
};

constexpr CommandRow kRows[] = {
    {.name = "memory", .arity = -2, .flags = 0, .acl = 0, .handler = nullptr,
     .route = Route::kSession, .subcommands = kSubcommands,
     .group = "server", .since = "4.0.0", .summary = "Asks about memory.",
     .complexity = "Depends on the subcommand."},
};

}  // namespace

std::span<const CommandRow> memory_commands() { return kRows; }

}  // namespace pollux
