// INFO. Counters come from the control page, where every core publishes its own; keys per database
// and errors by code are gathered from worker to worker (tour.h). Names and units are
// redis-server's; fields of what does not exist here yet are there with the value of a server that
// doesn't use it.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/figures.h"
#include "dataplane/engine/info_text.h"
#include "dataplane/engine/latency_stats.h"
#include "dataplane/engine/memory_figures.h"
#include "dataplane/engine/version.h"
#include "dataplane/engine/worker.h"
#include "src/commands/args.h"
#include "src/commands/command_table.h"

namespace pollux {

namespace {

struct InfoSource {
  Engine& engine;
  const Config& config;
  Instant now;
  bool loading;
  std::map<int, DbCounts> databases;       // those with keys
  std::map<std::string, int64_t> errors;   // replies by code
  std::array<int64_t, kTopicKinds> topics;  // that are listened to

  int64_t sum(Counter CoreBlock::*member) const { return engine.sum(member); }
  int64_t highest(Counter CoreBlock::*member) const {
    int64_t most = 0;
    for (int i = 0; i < engine.worker_count(); ++i) {
      most = std::max(most, (engine.core(i).*member).get());
    }
    return most;
  }
  int64_t uptime_ms() const { return std::max<int64_t>(now.ms() - engine.page().started_ms, 0); }
};

std::string executable_path() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return std::string(path, size > 0 ? static_cast<size_t>(size) : 0);
}

void add_server(InfoText& info, const InfoSource& from) {
  utsname host{};
  uname(&host);
  info.section("Server");
  info.add("redis_version", from.config.compat_redis_version);
  info.add("redis_git_sha1", "00000000");
  info.add("redis_git_dirty", 0);
  info.add("redis_build_id", "0");
  info.add("redis_mode", "standalone");
  info.add("os", std::string(host.sysname) + " " + host.release + " " + host.machine);
  info.add("arch_bits", 64);
  info.add("monotonic_clock", "POSIX clock_gettime");
  info.add("multiplexing_api", "io_uring");
  info.add("atomicvar_api", "c11-builtin");
  info.add("gcc_version", std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." +
                              std::to_string(__GNUC_PATCHLEVEL__));
  info.add("process_id", static_cast<int64_t>(getpid()));
  info.add("process_supervised", from.config.supervised ? "systemd" : "no");
  info.add("run_id", from.config.run_id);
  info.add("tcp_port", from.config.port);
  info.add("server_time_usec", from.now.us);
  info.add("uptime_in_seconds", from.uptime_ms() / 1000);
  info.add("uptime_in_days", from.uptime_ms() / 86'400'000);
  info.add("hz", 10);  // of cron, whatever is configured
  info.add("configured_hz", ConfigStore::text(from.config, "hz"));
  info.add("lru_clock", static_cast<int64_t>(lru_stamp(from.now)) / kLruTicksPerSecond);
  info.add("executable", executable_path());
  info.add("config_file", from.config.config_file);
  info.add("io_threads_active", 0);
}

void add_clients(InfoText& info, const InfoSource& from) {
  info.section("Clients");
  info.add("connected_clients", from.sum(&CoreBlock::clients));
  info.add("cluster_connections", 0);
  info.add("maxclients", from.config.maxclients);
  info.add("client_recent_max_input_buffer", 0);
  info.add("client_recent_max_output_buffer", 0);
  info.add("blocked_clients", from.sum(&CoreBlock::blocked_clients));
  info.add("tracking_clients", from.sum(&CoreBlock::tracking_clients));
  info.add("clients_in_timeout_table", from.sum(&CoreBlock::timed_clients));
}

void add_memory(InfoText& info, const InfoSource& from) {
  add_memory_info(info, from.engine, from.config);
}

// What is left is told as if it went on as it went up to now.
void add_loading(InfoText& info, const InfoSource& from) {
  const LoadBlock& load = from.engine.page().load;
  const int64_t total = load.total_bytes.get();
  const int64_t loaded = load.loaded_bytes.get();
  const int64_t began_s = load.started_s.get();
  const int64_t elapsed_s = std::max<int64_t>(from.now.us / 1'000'000 - began_s, 0);
  const int64_t left = total > 0 ? total - loaded : 1;
  info.add("loading_start_time", began_s);
  info.add("loading_total_bytes", total);
  info.add("loading_rdb_used_mem", load.saved_memory_bytes.get());
  info.add("loading_loaded_bytes", loaded);
  info.add_real("loading_loaded_perc", ratio(loaded, total) * 100, 2);
  info.add("loading_eta_seconds",
           elapsed_s == 0 ? 1
                          : static_cast<int64_t>(static_cast<double>(elapsed_s) *
                                                 ratio(left, loaded + 1)));
}

// What Redis calls copy on write is here what a snapshot holds beside the data.
void add_saving(InfoText& info, const InfoSource& from) {
  const SaveBlock& save = from.engine.page().save;
  SaveDesk* const desk = from.engine.save_desk();
  const bool saving = desk != nullptr && desk->under_way();
  const bool saving_rdb = saving && !desk->is_aof_base();
  const int64_t keys = saving ? save.keys_saved.get() : 0;
  const int64_t keys_total = saving ? save.keys_total.get() : 0;
  info.add("current_cow_peak", saving ? from.sum(&CoreBlock::save_held_peak_bytes) : 0);
  info.add("current_cow_size", saving ? from.sum(&CoreBlock::save_held_bytes) : 0);
  info.add("current_cow_size_age", 0);
  info.add_real("current_fork_perc", ratio(keys, keys_total) * 100, 2);
  info.add("current_save_keys_processed", keys);
  info.add("current_save_keys_total", keys_total);
  info.add("rdb_changes_since_last_save",
           from.sum(&CoreBlock::changes) - (desk != nullptr ? desk->changes_saved() : 0));
  info.add("rdb_bgsave_in_progress", saving_rdb ? 1 : 0);
  info.add("rdb_last_save_time", last_save_s(from.engine));
  info.add("rdb_last_bgsave_status", save.last_failed.get() != 0 ? "err" : "ok");
  info.add("rdb_last_bgsave_time_sec",
           save.saves_ended.get() > 0 ? save.last_duration_s.get() : int64_t{-1});
  info.add("rdb_current_bgsave_time_sec",
           saving_rdb ? std::max<int64_t>((from.now.us - desk->ordered_at().us) / 1'000'000, 0)
                  : int64_t{-1});
  info.add("rdb_saves", save.saves_begun.get());
  info.add("rdb_last_cow_size", from.sum(&CoreBlock::save_held_peak_bytes));
  info.add("rdb_cuts_put_off", desk != nullptr ? desk->cuts_put_off() : 0);
}

void add_history(InfoText& info, const InfoSource& from) {
  const AofBlock& aof = from.engine.page().aof;
  // One whose base is refused for now is not under way for Redis.
  const bool scheduled = aof.rewrite_scheduled.get() != 0;
  const bool rewriting = aof.rewriting.get() != 0 && !scheduled;
  const int64_t now_s = from.now.us / 1'000'000;
  info.add("aof_enabled", from.config.append_only ? 1 : 0);
  info.add("aof_rewrite_in_progress", rewriting ? 1 : 0);
  info.add("aof_rewrite_scheduled", scheduled ? 1 : 0);
  info.add("aof_last_rewrite_time_sec",
           aof.rewrites_ended.get() > 0 ? aof.last_rewrite_duration_s.get() : int64_t{-1});
  info.add("aof_current_rewrite_time_sec",
           rewriting ? std::max<int64_t>(now_s - aof.rewrite_started_s.get(), 0) : int64_t{-1});
  info.add("aof_last_bgrewrite_status", aof.last_rewrite_failed.get() != 0 ? "err" : "ok");
  info.add("aof_rewrites", aof.rewrites_begun.get());
  info.add("aof_rewrites_consecutive_failures", aof.rewrite_failures.get());
  info.add("aof_last_write_status", aof.last_write_failed.get() != 0 ? "err" : "ok");
  info.add("aof_last_cow_size", 0);
}

// ":p50=12.345,p99=..." by the option latency-tracking-info-percentiles.
std::string percentiles_of(const CommandLatency& latency, const WatchConfig& config) {
  std::string line;
  for (const std::string& percent : config.percentiles) {
    char text[80];
    std::snprintf(text, sizeof text, "%cp%s=%.3f", line.empty() ? ':' : ',', percent.c_str(),
                  latency.percentile_us(std::strtod(percent.c_str(), nullptr)));
    line += text;
  }
  return line;
}

// Only while there is a history, as in Redis; the last ones are Pollux' own.
void add_history_files(InfoText& info, const InfoSource& from) {
  const AofBlock& aof = from.engine.page().aof;
  info.add("aof_current_size", aof.current_bytes.get());
  info.add("aof_base_size", aof.base_bytes.get());
  info.add("aof_pending_rewrite", aof.in_force.get() != 0 ? 0 : 1);
  info.add("aof_buffer_length", aof.buffered_bytes.get() + aof.pending_bytes.get());
  info.add("aof_pending_bio_fsync", aof.sync_under_way.get());
  info.add("aof_delayed_fsync", aof.delayed_fsyncs.get());
  info.add("aof_backlog_full", aof.full.get());
  info.add("aof_backlog_fulls", aof.fulls.get());
  info.add("aof_fsyncs", aof.syncs.get());
  info.add("aof_fsyncs_failed", aof.syncs_failed.get());
  const CommandLatency syncs(aof.sync_us);
  if (syncs.count() > 0 && !from.config.watch.percentiles.empty()) {
    info.line("aof_fsync_percentiles_usec" + percentiles_of(syncs, from.config.watch));
  }
  info.add("aof_written_ticket", aof.written_ticket.get());
  info.add("aof_durable_ticket", aof.durable_ticket.get());
}

void add_persistence(InfoText& info, const InfoSource& from) {
  info.section("Persistence");
  info.add("loading", from.loading ? 1 : 0);
  info.add("async_loading", 0);
  add_saving(info, from);
  info.add("rdb_last_load_keys_expired", from.engine.page().load.keys_expired.get());
  info.add("rdb_last_load_keys_loaded", from.engine.page().load.keys_loaded.get());
  add_history(info, from);
  info.add("module_fork_in_progress", 0);
  info.add("module_fork_last_cow_size", 0);
  if (from.config.append_only) {
    add_history_files(info, from);
  }
  if (from.loading) {
    add_loading(info, from);
  }
}

void add_zeros(InfoText& info, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    info.add(name, 0);
  }
}

void add_stats(InfoText& info, const InfoSource& from) {
  const auto kbps = [](int64_t bytes) { return static_cast<double>(bytes) / 1024; };
  info.section("Stats");
  info.add("total_connections_received", from.sum(&CoreBlock::connections_received));
  info.add("total_commands_processed", from.sum(&CoreBlock::commands));
  info.add("instantaneous_ops_per_sec", from.sum(&CoreBlock::ops_per_sec));
  info.add("total_net_input_bytes", from.sum(&CoreBlock::net_input_bytes));
  info.add("total_net_output_bytes", from.sum(&CoreBlock::net_output_bytes));
  add_zeros(info, {"total_net_repl_input_bytes", "total_net_repl_output_bytes"});
  info.add_real("instantaneous_input_kbps", kbps(from.sum(&CoreBlock::input_bytes_per_sec)), 2);
  info.add_real("instantaneous_output_kbps", kbps(from.sum(&CoreBlock::output_bytes_per_sec)), 2);
  info.add("instantaneous_input_repl_kbps", "0.00");
  info.add("instantaneous_output_repl_kbps", "0.00");
  info.add("rejected_connections", from.sum(&CoreBlock::connections_rejected));
  add_zeros(info, {"sync_full", "sync_partial_ok", "sync_partial_err"});
  info.add("expired_keys", from.sum(&CoreBlock::expired_keys));
  info.add("expired_subkeys", from.sum(&CoreBlock::expired_fields));
  info.add("expired_stale_perc", "0.00");
  info.add("expired_time_cap_reached_count", from.sum(&CoreBlock::ticks_cut_short));
  info.add("expire_cycle_cpu_milliseconds",
           static_cast<int64_t>(static_cast<double>(from.sum(&CoreBlock::tick_cycles)) /
                                from.engine.page().tsc_per_us / 1000));
  info.add("evicted_keys", from.sum(&CoreBlock::evicted_keys));
  info.add("evicted_clients", from.sum(&CoreBlock::evicted_clients));
  // Every worker measures the same time.
  const int64_t since_us = from.highest(&CoreBlock::over_limit_since_us);
  const int64_t current_us = since_us == 0 ? 0 : std::max<int64_t>(from.now.us - since_us, 0);
  info.add("total_eviction_exceeded_time",
           (from.highest(&CoreBlock::over_limit_us) + current_us) / 1000);
  info.add("current_eviction_exceeded_time", current_us / 1000);
  info.add("keyspace_hits", from.sum(&CoreBlock::keyspace_hits));
  info.add("keyspace_misses", from.sum(&CoreBlock::keyspace_misses));
  info.add("pubsub_channels", from.topics[static_cast<size_t>(TopicKind::kChannel)]);
  info.add("pubsub_patterns", from.topics[static_cast<size_t>(TopicKind::kPattern)]);
  info.add("pubsubshard_channels", from.topics[static_cast<size_t>(TopicKind::kShardChannel)]);
  add_zeros(info, {"latest_fork_usec", "total_forks", "migrate_cached_sockets",
                   "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses",
                   "active_defrag_key_hits", "active_defrag_key_misses",
                   "total_active_defrag_time", "current_active_defrag_time"});
  info.add("tracking_total_keys", from.sum(&CoreBlock::tracked_keys));
  info.add("tracking_total_items", from.sum(&CoreBlock::tracked_reads));
  info.add("tracking_total_prefixes", from.engine.core(0).tracked_prefixes.get());
  info.add("unexpected_error_replies", 0);
  info.add("total_error_replies", from.sum(&CoreBlock::error_replies));
  info.add("dump_payload_sanitizations", 0);
  info.add("total_reads_processed", from.sum(&CoreBlock::reads));
  info.add("total_writes_processed", from.sum(&CoreBlock::writes));
  add_zeros(info, {"io_threaded_reads_processed", "io_threaded_writes_processed",
                   "reply_buffer_shrinks", "reply_buffer_expands"});
}

void add_replication(InfoText& info, const InfoSource& from) {
  info.section("Replication");
  info.add("role", "master");
  info.add("connected_slaves", 0);
  info.add("master_failover_state", "no-failover");
  info.add("master_replid", from.config.replication_id);
  info.add("master_replid2", std::string(40, '0'));
  info.add("master_repl_offset", 0);
  info.add("second_repl_offset", -1);
  info.add("repl_backlog_active", 0);
  info.add("repl_backlog_size", 1048576);
  info.add("repl_backlog_first_byte_offset", 0);
  info.add("repl_backlog_histlen", 0);
}

void add_cpu(InfoText& info, const InfoSource&) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  rusage self{};
  rusage children{};
  rusage thread{};
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &children);
  getrusage(RUSAGE_THREAD, &thread);
  info.section("CPU");
  info.add_real("used_cpu_sys", seconds(self.ru_stime), 6);
  info.add_real("used_cpu_user", seconds(self.ru_utime), 6);
  info.add_real("used_cpu_sys_children", seconds(children.ru_stime), 6);
  info.add_real("used_cpu_user_children", seconds(children.ru_utime), 6);
  info.add_real("used_cpu_sys_main_thread", seconds(thread.ru_stime), 6);
  info.add_real("used_cpu_user_main_thread", seconds(thread.ru_utime), 6);
}

void add_modules(InfoText& info, const InfoSource&) { info.section("Modules"); }

void add_commandstats(InfoText& info, const InfoSource& from) {
  info.section("Commandstats");
  for (const CommandRow* row : from.engine.commands().rows()) {
    int64_t calls = 0;
    int64_t cycles = 0;
    int64_t rejected = 0;
    int64_t failed = 0;
    for (int i = 0; i < from.engine.worker_count(); ++i) {
      const CommandCounters& counters = from.engine.core(i).per_command[row->id];
      calls += counters.calls.get();
      cycles += counters.cycles.get();
      rejected += counters.rejected.get();
      failed += counters.failed.get();
    }
    if (calls + rejected + failed == 0) {
      continue;
    }
    const double us = static_cast<double>(cycles) / from.engine.page().tsc_per_us;
    std::string name;
    append_full_name(name, *row);
    char text[256];
    std::snprintf(text, sizeof text,
                  "cmdstat_%s:calls=%lld,usec=%lld,usec_per_call=%.2f,rejected_calls=%lld,"
                  "failed_calls=%lld",
                  name.c_str(), static_cast<long long>(calls), static_cast<long long>(us),
                  calls > 0 ? us / static_cast<double>(calls) : 0.0,
                  static_cast<long long>(rejected), static_cast<long long>(failed));
    info.line(text);
  }
}

void add_errorstats(InfoText& info, const InfoSource& from) {
  info.section("Errorstats");
  for (const auto& [code, count] : from.errors) {
    info.line("errorstat_" + code + ":count=" + std::to_string(count));
  }
}

void add_latencystats(InfoText& info, const InfoSource& from) {
  info.section("Latencystats");
  const WatchConfig& config = from.config.watch;
  if (!config.latency_tracking || config.percentiles.empty()) {
    return;
  }
  for (const CommandRow* row : from.engine.commands().rows()) {
    const CommandLatency latency(from.engine.page(), row->id);
    if (latency.count() == 0) {
      continue;
    }
    std::string line = "latency_percentiles_usec_";
    append_full_name(line, *row);
    info.line(line + percentiles_of(latency, config));
  }
}

void add_cluster(InfoText& info, const InfoSource&) {
  info.section("Cluster");
  info.add("cluster_enabled", 0);
}

void add_keyspace(InfoText& info, const InfoSource& from) {
  info.section("Keyspace");
  for (const auto& [db, counts] : from.databases) {
    info.line("db" + std::to_string(db) + ":keys=" + std::to_string(counts.keys) +
              ",expires=" + std::to_string(counts.keys_with_expiry) + ",avg_ttl=" +
              std::to_string(static_cast<int64_t>(counts.avg_ttl_ms)) + ",subexpiry=" +
              std::to_string(counts.keys_with_field_ttls));
  }
}

void add_pollux(InfoText& info, const InfoSource& from) {
  const double tsc_per_us = from.engine.page().tsc_per_us;
  const auto us = [tsc_per_us](int64_t cycles) {
    return static_cast<int64_t>(static_cast<double>(cycles) / tsc_per_us);
  };
  info.section("Pollux");
  info.add("pollux_version", kPolluxVersion);
  info.add("workers", from.engine.worker_count());
  info.add("transport", from.config.transport_dpdk ? "dpdk" : "kernel");
  info.add("poll_mode", from.config.poll_mode == PollMode::kBusy ? "busy" : "adaptive");
  info.add("poll_spin_us", from.config.poll_spin_us);
  info.add("connections_denied", from.sum(&CoreBlock::connections_denied));
  info.add("longest_turn_cpu_us", from.highest(&CoreBlock::longest_turn_cpu_ns) / 1000);
  info.add("cells_sent", from.sum(&CoreBlock::cells_sent));
  info.add("leases", from.sum(&CoreBlock::leases));
  info.add("lease_riders", from.sum(&CoreBlock::lease_riders));
  info.add("lease_wait_us", us(from.sum(&CoreBlock::lease_wait_cycles)));
  info.add("compaction_moves", from.sum(&CoreBlock::moved_blocks));
  const HugePages* const huge = from.engine.huge_pages();
  info.add("huge_pages", huge == nullptr ? 0 : huge->pages());
  info.add("huge_page_shortages", huge == nullptr ? 0 : huge->shortages());
  info.add("tickets", from.sum(&CoreBlock::tickets));
  for (int i = 0; i < from.engine.worker_count(); ++i) {
    const CoreBlock& core = from.engine.core(i);
    const int64_t busy_us = us(core.busy_cycles.get());
    const double busy = ratio(busy_us, from.uptime_ms() * 1000) * 100;
    char text[320];
    std::snprintf(
        text, sizeof text,
        "worker_%d:clients=%lld,commands=%lld,keys=%lld,data_bytes=%lld,turns=%lld,"
        "sleeps=%lld,busy_us=%lld,busy_percent=%.2f,cells_sent=%lld,cells_served=%lld",
        i, static_cast<long long>(core.clients.get()), static_cast<long long>(core.commands.get()),
        static_cast<long long>(core.keys.get()), static_cast<long long>(core.data_bytes.get()),
        static_cast<long long>(core.turns.get()), static_cast<long long>(core.sleeps.get()),
        static_cast<long long>(busy_us), busy, static_cast<long long>(core.cells_sent.get()),
        static_cast<long long>(core.cells_served.get()));
    info.line(text);
  }
}

// What the transport counts, where it is a network of its own: of its workers the sums.
void add_network(InfoText& info, const InfoSource& from) {
  const ControlPage& page = from.engine.page();
  if (page.core_figures == 0) {
    return;
  }
  info.section("Network");
  for (uint32_t i = 0; i < page.port_figures; ++i) {
    info.add(page.port_figure_names[i].text, page.port_block.figures[i].get());
  }
  for (uint32_t i = 0; i < page.core_figures; ++i) {
    int64_t sum = 0;
    for (int core = 0; core < from.engine.worker_count(); ++core) {
      sum += from.engine.core(core).figures[i].get();
    }
    info.add(page.core_figure_names[i].text, sum);
  }
}

struct Section {
  std::string_view name;
  bool by_default;
  void (*write)(InfoText&, const InfoSource&);
};
constexpr Section kSections[] = {
    {"server", true, add_server},
    {"clients", true, add_clients},
    {"memory", true, add_memory},
    {"persistence", true, add_persistence},
    {"stats", true, add_stats},
    {"replication", true, add_replication},
    {"cpu", true, add_cpu},
    {"modules", true, add_modules},
    {"commandstats", false, add_commandstats},
    {"errorstats", true, add_errorstats},
    {"latencystats", false, add_latencystats},
    {"cluster", true, add_cluster},
    {"keyspace", true, add_keyspace},
    {"pollux", true, add_pollux},
    {"network", true, add_network},
};

bool wanted(Args args, const Section& section) {
  if (args.size() == 1) {
    return section.by_default;
  }
  for (const std::string_view word : args.subspan(1)) {
    if (is_word(word, section.name) || is_word(word, "all") || is_word(word, "everything") ||
        (is_word(word, "default") && section.by_default)) {
      return true;
    }
  }
  return false;
}

// One line per database and per code; home sums them up (gathered).
void info_visit(Worker& worker, Tour& tour) {
  char line[160];
  for (int db = 0; db < worker.config().databases; ++db) {
    if (worker.shard().key_count(db) == 0) {
      continue;
    }
    const DbCounts counts = worker.shard().counts(db);
    std::snprintf(line, sizeof line, "k %d %llu %llu %llu %.0f\n", db,
                  static_cast<unsigned long long>(counts.keys),
                  static_cast<unsigned long long>(counts.keys_with_expiry),
                  static_cast<unsigned long long>(counts.keys_with_field_ttls),
                  counts.avg_ttl_ms);
    tour.text += line;
  }
  const ShardId shard = worker.shard().id();
  const Topics& topics = worker.engine().side(shard).topics();
  std::snprintf(line, sizeof line, "t %zu %zu %zu\n", topics.count(TopicKind::kChannel, shard),
                topics.count(TopicKind::kPattern, shard),
                topics.count(TopicKind::kShardChannel, shard));
  tour.text += line;
  publish_figures(worker.transport(), worker.core());  // so that INFO tells them as they are
  for (const Worker::ErrorCount& error : worker.error_counts()) {
    tour.text += "e " + error.code + " " + std::to_string(error.count) + "\n";
  }
}

void gather(const std::string& text, InfoSource& into) {
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const char* line = text.c_str() + at;
    int db = 0;
    unsigned long long keys = 0;
    unsigned long long expiring = 0;
    unsigned long long with_field_ttls = 0;
    double ttl = 0;
    char code[64];
    long long count = 0;
    long long topics[kTopicKinds];
    if (std::sscanf(line, "k %d %llu %llu %llu %lf", &db, &keys, &expiring, &with_field_ttls,
                    &ttl) == 5) {
      DbCounts& sum = into.databases[db];
      const double weight = static_cast<double>(sum.keys_with_expiry) * sum.avg_ttl_ms +
                            static_cast<double>(expiring) * ttl;
      sum.keys += keys;
      sum.keys_with_expiry += expiring;
      sum.keys_with_field_ttls += with_field_ttls;
      sum.avg_ttl_ms =
          sum.keys_with_expiry > 0 ? weight / static_cast<double>(sum.keys_with_expiry) : 0;
    } else if (std::sscanf(line, "e %63s %lld", code, &count) == 2) {
      into.errors[code] += count;
    } else if (std::sscanf(line, "t %lld %lld %lld", &topics[0], &topics[1], &topics[2]) == 3) {
      for (size_t i = 0; i < kTopicKinds; ++i) {
        into.topics[i] += topics[i];
      }
    }
  }
}

void info(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  InfoSource source{*host.engine, host.worker->config(), ctx.keys.now(),
                    host.worker->loading(), {}, {}, {}};
  gather(host.tour->text, source);
  InfoText text;
  for (const Section& section : kSections) {
    if (wanted(ctx.args, section)) {
      section.write(text, source);
    }
  }
  ctx.reply.verbatim(text.text(), "txt");
}

constexpr CommandRow kRows[] = {
    {.name = "info", .arity = -1, .flags = kLoading | kStale, .acl = kAclDangerous,
     .handler = info, .route = Route::kEachWorker, .each_worker = info_visit,
     .group = "server", .since = "1.0.0", .summary = "Describes the server in text.",
     .complexity = "O(1)", .syntax = "[section...]",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .history = "7.0.0 several sections in one call"},
};

}  // namespace

std::span<const CommandRow> info_commands() { return kRows; }

}  // namespace pollux
