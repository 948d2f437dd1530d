// Every option of redis-server 7.0.15 and Pollux' own, one row each: the source is `CONFIG GET *`
// and the error replies of that program. kIdle rows are accepted, checked and given back by CONFIG
// GET, and mean nothing here (yet): a room that gives one its meaning takes the flag away.
#include "dataplane/engine/config_options.h"

#include <algorithm>
#include <cstdlib>
#include <type_traits>

#include "src/base/cpu.h"
#include "src/base/num.h"

namespace pollux {

namespace {

constexpr int64_t kIntMin = INT32_MIN;
constexpr int64_t kIntMax = INT32_MAX;
// Each takes memory of every shard from the start.
constexpr int64_t kDatabasesMax = 1'000'000;
constexpr int64_t kUnsignedMax = UINT32_MAX;
constexpr int64_t kLongMax = INT64_MAX;

using enum OptionKind;

// Lands in one member as it is.
template <auto kMember>
void put(Config& config, const OptionValue& value) {
  using Member = std::remove_reference_t<decltype(config.*kMember)>;
  if constexpr (std::is_same_v<Member, std::string>) {
    config.*kMember = value.text;
  } else {
    config.*kMember = static_cast<Member>(value.number);
  }
}

void land_bulk_max(Config& config, const OptionValue& value) {
  config.data.bulk_bytes_max = value.number;
}

void land_rdb_compression(Config& config, const OptionValue& value) {
  config.data.rdb_compression = value.number != 0;
}

void land_save(Config& config, const OptionValue& value) {
  config.save = value.text;
  config.save_points.clear();
  const std::vector<std::string> words = split_words(value.text);
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    config.save_points.push_back(
        {.seconds = *parse_int64(words[i]), .changes = *parse_int64(words[i + 1])});
  }
}

// In microseconds; below zero, one of them at every so many keys.
void land_key_save_delay(Config& config, const OptionValue& value) {
  config.save_key_delay_ns = value.number >= 0 ? value.number * 1'000 : 1'000 / -value.number;
}

void land_bind(Config& config, const OptionValue& value) {
  config.bind.clear();
  if (!value.text.empty()) {
    config.bind = split_words(value.text);
  }
}

template <auto kMember>
void put_watch(Config& config, const OptionValue& value) {
  using Member = std::remove_reference_t<decltype(config.watch.*kMember)>;
  config.watch.*kMember = static_cast<Member>(value.number);
}

template <auto kMember>
void put_aof(Config& config, const OptionValue& value) {
  using Member = std::remove_reference_t<decltype(config.aof.*kMember)>;
  if constexpr (std::is_same_v<Member, std::string>) {
    config.aof.*kMember = value.text;
  } else {
    config.aof.*kMember = static_cast<Member>(value.number);
  }
}

template <auto kMember>
void put_encoding(Config& config, const OptionValue& value) {
  config.data.encoding.*kMember = value.number;
}

void land_percentiles(Config& config, const OptionValue& value) {
  config.watch.percentiles.clear();
  if (!value.text.empty()) {
    config.watch.percentiles = split_words(value.text);
  }
}

template <AddressList Config::*kMember>
void land_addresses(Config& config, const OptionValue& value) {
  config.*kMember = AddressList();
  if (!value.text.empty()) {
    for (const std::string& word : split_words(value.text)) {
      (config.*kMember).add(word);
    }
  }
}

// "normal hard soft seconds slave ... pubsub ...", always all three and in this order.
void land_output_limits(Config& config, const OptionValue& value) {
  const std::vector<std::string> words = split_words(value.text);
  const auto limit_at = [&words](size_t at) {
    return OutputLimit{std::atoll(words[at].c_str()), std::atoll(words[at + 1].c_str()),
                       std::atoll(words[at + 2].c_str())};
  };
  config.output_limit_normal = limit_at(1);
  config.output_limit_replica = limit_at(5);
  config.output_limit_pubsub = limit_at(9);
}

void land_key_events(Config& config, const OptionValue& value) {
  config.key_events = EventClasses(value.number != 0 ? value.text + 'n' : value.text);
}

// A share of maxmemory ("5%") comes as a negative number of per cent.
void land_clients_max(Config& config, const OptionValue& value) {
  config.clients_percent = value.number < 0 ? -value.number : 0;
  config.clients_bytes_max = std::max<int64_t>(value.number, 0);
}

void land_policy(Config& config, const OptionValue& value) {
  EvictionRules& rules = config.data.eviction;
  rules.policy = static_cast<EvictionPolicy>(value.number);
  rules.access.kind = access_kind(rules.policy);
}

void land_samples(Config& config, const OptionValue& value) {
  config.data.eviction.samples = value.number;
}

void land_debug_command(Config& config, const OptionValue& value) {
  config.debug_command_allowed = value.text == "yes";
  config.debug_command_local = value.text == "local";
}

void land_worker_cpus(Config& config, const OptionValue& value) {
  config.worker_cpus = value.text.empty() ? std::vector<int>() : *parse_cpu_list(value.text);
}

// name, former name, kind, flags, default, min, max, choices, landing, parser
constexpr OptionRow kRows[] = {
    // --- Pollux' own ---
    {"allow-from", "", kWords, kEmptyIsNone, "", 0, 0, {}, land_addresses<&Config::allow_from>,
     parse_addresses},
    {"aof-backlog", "", kChoice, 0, "wait", 0, 0, "wait, refuse",
     [](Config& c, const OptionValue& v) { c.aof.refuses_when_full = v.text == "refuse"; }},
    {"aof-backlog-max", "", kMemory, 0, "67108864", 1 << 20, kLongMax, {},
     put_aof<&AofConfig::backlog_bytes_max>},
    {"compat-redis-version", "", kWords, kImmutable, "7.4.0", 0, 0, {},
     put<&Config::compat_redis_version>,
     parse_redis_version},
    {"control-daemon", "", kBool, kImmutable | kIdle, "no", 0, 0, {}, put<&Config::control_daemon>},
    {"control-page", "", kText, kImmutable | kEmptyIsNone, "", 0, 0, {},
     put<&Config::control_page>},
    {"hugepages", "", kChoice, kImmutable, "no", 0, 0, "no, try, yes", put<&Config::huge_pages>},
    {"pipeline-order", "", kChoice, 0, "strict", 0, 0, "strict, relaxed",
     [](Config& c, const OptionValue& v) { c.pipeline_order_relaxed = v.text == "relaxed"; }},
    {"poll-mode", "", kChoice, 0, "adaptive", 0, 0, "adaptive, busy", put<&Config::poll_mode>},
    {"poll-spin-us", "", kInt, 0, "50", 0, 1000000, {}, put<&Config::poll_spin_us>},
    {"poll-gather-us", "", kInt, kImmutable, "100", 0, 10000, {}, put<&Config::poll_gather_us>},
    {"dpdk-args", "", kWords, kImmutable | kEmptyIsNone, "", 0, 0, {}, put<&Config::dpdk_args>,
     parse_any_words},
    {"dpdk-port", "", kText, kImmutable | kEmptyIsNone, "", 0, 0, {}, put<&Config::dpdk_port>},
    {"net-capture", "", kWords, kEmptyIsNone | kPassing, "", 0, 0, {},
     land_addresses<&Config::net_capture>, parse_addresses},
    {"net-capture-max", "", kMemory, kImmutable, "268435456", 1 << 16, kLongMax, {},
     put<&Config::net_capture_bytes_max>},
    {"net-host-tap", "", kText, kImmutable | kEmptyIsNone, "", 0, 0, {},
     put<&Config::net_host_tap>},
    {"net-address", "", kWords, kImmutable | kEmptyIsNone, "", 0, 0, {},
     put<&Config::net_addresses>, parse_any_words},
    {"net-flow-rules", "", kChoice, kImmutable, "try", 0, 0, "no, try",
     [](Config& c, const OptionValue& v) { c.net_flow_rules = v.text == "try"; }},
    {"net-gateway", "", kWords, kImmutable | kEmptyIsNone, "", 0, 0, {},
     put<&Config::net_gateways>, parse_any_words},
    {"net-mtu", "", kInt, kImmutable, "1500", 576, 9600, {}, put<&Config::net_mtu>},
    {"net-path", "", kChoice, kImmutable, "datacenter", 0, 0, "datacenter, wan",
     [](Config& c, const OptionValue& v) { c.net_path_wan = v.text == "wan"; }},
    {"net-rss-key", "", kText, kImmutable | kEmptyIsNone, "", 0, 0, {}, put<&Config::net_rss_key>},
    {"net-vlan", "", kInt, kImmutable, "0", 0, 4094, {}, put<&Config::net_vlan>},
    {"transport", "", kChoice, kImmutable, "kernel", 0, 0, "kernel, dpdk",
     [](Config& c, const OptionValue& v) { c.transport_dpdk = v.text == "dpdk"; }},
    {"turn-cpu-stats", "", kBool, 0, "no", 0, 0, {}, put<&Config::turn_cpu_stats>},
    {"worker-cpus", "", kWords, kImmutable | kEmptyIsNone, "", 0, 0, {}, land_worker_cpus,
     parse_cpus},
    {"workers", "", kWords, kImmutable, "auto", 0, 0, {}, put<&Config::workers>, parse_workers},

    // --- Valkey's ---
    {"commandlog-large-reply-max-len", "", kInt, 0, "128", 0, kLongMax, {},
     put_watch<&WatchConfig::large_reply_entries_max>},
    {"commandlog-large-request-max-len", "", kInt, 0, "128", 0, kLongMax, {},
     put_watch<&WatchConfig::large_request_entries_max>},
    {"commandlog-reply-larger-than", "", kInt, 0, "1048576", -1, kLongMax, {},
     put_watch<&WatchConfig::reply_bytes_min>},
    {"commandlog-request-larger-than", "", kInt, 0, "1048576", -1, kLongMax, {},
     put_watch<&WatchConfig::request_bytes_min>},

    // --- redis-server's ---
    {"acl-pubsub-default", "", kChoice, kIdle, "resetchannels", 0, 0, "allchannels, resetchannels"},
    {"aclfile", "", kText, kImmutable, "", 0, 0, {}, put<&Config::acl_file>},
    {"acllog-max-len", "", kInt, kIdle, "128", 0, kLongMax},
    {"active-defrag-cycle-max", "", kInt, kIdle, "25", 1, 99},
    {"active-defrag-cycle-min", "", kInt, kIdle, "1", 1, 99},
    {"active-defrag-ignore-bytes", "", kMemory, kIdle, "104857600", 1, kLongMax},
    {"active-defrag-max-scan-fields", "", kInt, kIdle, "1000", 1, kLongMax},
    {"active-defrag-threshold-lower", "", kInt, kIdle, "10", 0, 1000},
    {"active-defrag-threshold-upper", "", kInt, kIdle, "100", 0, 1000},
    {"active-expire-effort", "", kInt, kIdle, "1", 1, 10},
    {"activedefrag", "", kBool, kIdle, "no"},
    {"activerehashing", "", kBool, kIdle, "yes"},
    {"always-show-logo", "", kBool, kImmutable, "no"},
    {"aof-disable-auto-gc", "", kBool, kIdle, "no"},
    {"aof-load-truncated", "", kBool, 0, "yes", 0, 0, {}, put_aof<&AofConfig::load_truncated>},
    {"aof-rewrite-incremental-fsync", "", kBool, kIdle, "yes"},
    {"aof-timestamp-enabled", "", kBool, 0, "no", 0, 0, {}, put_aof<&AofConfig::timestamps>},
    {"aof-use-rdb-preamble", "", kBool, 0, "yes", 0, 0, {}, put_aof<&AofConfig::rdb_base>},
    {"aof_rewrite_cpulist", "", kText, kImmutable | kIdle | kEmptyIsNone, ""},
    {"appenddirname", "", kText, kImmutable | kDirectoryName | kNotEmpty, "appendonlydir", 0, 0,
     {}, put_aof<&AofConfig::directory>},
    {"appendfilename", "", kText, kImmutable | kFileName | kNotEmpty, "appendonly.aof", 0, 0, {},
     put_aof<&AofConfig::file>},
    {"appendfsync", "", kChoice, 0, "everysec", 0, 0, "everysec, always, no",
     put_aof<&AofConfig::fsync>},
    {"appendonly", "", kBool, 0, "no", 0, 0, {}, put<&Config::append_only>},
    {"auto-aof-rewrite-min-size", "", kMemory, 0, "67108864", 0, kLongMax, {},
     put_aof<&AofConfig::growth_bytes_min>},
    {"auto-aof-rewrite-percentage", "", kInt, 0, "100", 0, kIntMax, {},
     put_aof<&AofConfig::growth_percent>},
    {"bgsave_cpulist", "", kText, kImmutable | kIdle | kEmptyIsNone, ""},
    {"bind", "", kWords, 0, "* -::*", 0, 0, {}, land_bind, parse_bind},
    {"bind-source-addr", "", kText, kIdle | kEmptyIsNone, ""},
    {"bio_cpulist", "", kText, kImmutable | kIdle | kEmptyIsNone, ""},
    {"busy-reply-threshold", "lua-time-limit", kInt, kIdle, "5000", 0, kLongMax},
    {"client-output-buffer-limit", "", kWords, 0,
     "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", 0, 0, {},
     land_output_limits,
     parse_output_limits},
    {"client-query-buffer-limit", "", kMemory, 0, "1073741824", 1048576, kLongMax, {},
     put<&Config::query_buffer_bytes_max>},
    {"cluster-allow-pubsubshard-when-down", "", kBool, kIdle, "yes"},
    {"cluster-allow-reads-when-down", "", kBool, kIdle, "no"},
    {"cluster-allow-replica-migration", "", kBool, kIdle, "yes"},
    {"cluster-announce-bus-port", "", kInt, kIdle, "0", 0, 65535},
    {"cluster-announce-hostname", "", kText, kIdle | kEmptyIsNone, "", 0, 0, {}, nullptr, nullptr,
     check_host_name},
    {"cluster-announce-ip", "", kText, kIdle | kEmptyIsNone, ""},
    {"cluster-announce-port", "", kInt, kIdle, "0", 0, 65535},
    {"cluster-announce-tls-port", "", kInt, kIdle, "0", 0, 65535},
    {"cluster-config-file", "", kText, kImmutable | kIdle, "nodes.conf"},
    {"cluster-enabled", "", kBool, kImmutable, "no", 0, 0, {}, put<&Config::cluster_enabled>},
    {"cluster-link-sendbuf-limit", "", kMemory, kIdle | kUnsigned, "0", 0, kLongMax},
    {"cluster-migration-barrier", "", kInt, kIdle, "1", 0, kIntMax},
    {"cluster-node-timeout", "", kInt, kIdle, "15000", 0, kLongMax},
    {"cluster-port", "", kInt, kImmutable | kIdle, "0", 0, 65535},
    {"cluster-preferred-endpoint-type", "", kChoice, kIdle, "ip", 0, 0,
     "ip, hostname, unknown-endpoint"},
    {"cluster-replica-no-failover", "cluster-slave-no-failover", kBool, kIdle, "no"},
    {"cluster-replica-validity-factor", "cluster-slave-validity-factor", kInt, kIdle, "10", 0,
     kIntMax},
    {"cluster-require-full-coverage", "", kBool, kIdle, "yes"},
    {"crash-log-enabled", "", kBool, 0, "yes", 0, 0, {}, put<&Config::crash_log>},
    {"crash-memcheck-enabled", "", kBool, kIdle, "yes"},
    {"daemonize", "", kBool, kImmutable, "no", 0, 0, {}, put<&Config::daemonize>},
    {"databases", "", kInt, kImmutable, "16", 1, kDatabasesMax, {}, put<&Config::databases>},
    {"dbfilename", "", kText, kGuarded | kFileName, "dump.rdb", 0, 0, {}, put<&Config::db_file>},
    {"dir", "", kWords, kGuarded | kQuoted | kAlwaysWritten, ".", 0, 0, {},
     put<&Config::dir>, parse_directory},
    {"disable-thp", "", kBool, kImmutable | kIdle, "yes"},
    {"dynamic-hz", "", kBool, kIdle, "yes"},
    {"enable-debug-command", "", kChoice, kImmutable, "no", 0, 0, "no, yes, local",
     land_debug_command},
    {"enable-module-command", "", kChoice, kImmutable | kIdle, "no", 0, 0, "no, yes, local"},
    {"enable-protected-configs", "", kChoice, kImmutable, "no", 0, 0, "no, yes, local",
     [](Config& c, const OptionValue& v) { c.protected_configs_allowed = v.text == "yes"; }},
    {"hash-max-listpack-entries", "hash-max-ziplist-entries", kInt, 0, "512", 0, kLongMax, {},
     put_encoding<&EncodingLimits::hash_listpack_entries>},
    {"hash-max-listpack-value", "hash-max-ziplist-value", kMemory, 0, "64", 0, kLongMax, {},
     put_encoding<&EncodingLimits::hash_listpack_value>},
    {"hll-sparse-max-bytes", "", kMemory, 0, "3000", 0, kLongMax, {},
     put_encoding<&EncodingLimits::hll_sparse_bytes>},
    {"hz", "", kInt, kIdle, "10", 0, kIntMax},
    {"ignore-warnings", "", kText, kIdle, ""},
    {"io-threads", "", kInt, kImmutable | kIdle, "1", 1, 128},
    {"io-threads-do-reads", "", kBool, kImmutable | kIdle, "no"},
    {"jemalloc-bg-thread", "", kBool, kIdle, "yes"},
    {"latency-monitor-threshold", "", kInt, 0, "0", 0, kLongMax, {},
     put_watch<&WatchConfig::latency_ms_min>},
    {"latency-tracking", "", kBool, 0, "yes", 0, 0, {}, put_watch<&WatchConfig::latency_tracking>},
    {"latency-tracking-info-percentiles", "", kWords, kAlwaysWritten, "50 99 99.9", 0, 0, {},
     land_percentiles, parse_percentiles},
    {"lazyfree-lazy-eviction", "", kBool, kIdle, "no"},
    {"lazyfree-lazy-expire", "", kBool, kIdle, "no"},
    {"lazyfree-lazy-server-del", "", kBool, kIdle, "no"},
    {"lazyfree-lazy-user-del", "", kBool, kIdle, "no"},
    {"lazyfree-lazy-user-flush", "", kBool, kIdle, "no"},
    {"lfu-decay-time", "", kInt, 0, "1", 0, kIntMax, {},
     [](Config& c, const OptionValue& v) { c.data.eviction.access.lfu_decay_minutes = v.number; }},
    {"lfu-log-factor", "", kInt, 0, "10", 0, kIntMax, {},
     [](Config& c, const OptionValue& v) { c.data.eviction.access.lfu_log_factor = v.number; }},
    {"list-compress-depth", "", kInt, kIdle, "0", 0, kIntMax},
    {"list-max-listpack-size", "list-max-ziplist-size", kInt, 0, "-2", kIntMin, kIntMax, {},
     put_encoding<&EncodingLimits::list_listpack_size>},
    {"logfile", "", kText, kImmutable, "", 0, 0, {}, put<&Config::log_file>},
    {"loglevel", "", kChoice, 0, "notice", 0, 0, "debug, verbose, notice, warning",
     put<&Config::log_level>},
    {"masterauth", "", kText, kIdle | kSecret | kEmptyIsNone, ""},
    {"masteruser", "", kText, kIdle | kSecret | kEmptyIsNone, ""},
    {"maxclients", "", kInt, 0, "10000", 1, kUnsignedMax, {}, put<&Config::maxclients>},
    {"maxmemory", "", kMemory, kUnsigned, "0", 0, kLongMax, {}, put<&Config::maxmemory>},
    {"maxmemory-clients", "", kMemory, kPercent, "0", 0, kLongMax, {}, land_clients_max},
    {"maxmemory-eviction-tenacity", "", kInt, 0, "10", 0, 100, {},
     put<&Config::eviction_tenacity>},
    {"maxmemory-policy", "", kChoice, 0, "noeviction", 0, 0,
     "volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, "
     "allkeys-random, noeviction, allkeys-s3fifo",
     land_policy},
    {"maxmemory-samples", "", kInt, 0, "5", 1, kIntMax, {}, land_samples},
    {"min-replicas-max-lag", "min-slaves-max-lag", kInt, kIdle, "10", 0, kIntMax},
    {"min-replicas-to-write", "min-slaves-to-write", kInt, kIdle, "0", 0, kIntMax},
    {"no-appendfsync-on-rewrite", "", kBool, 0, "no", 0, 0, {}, put_aof<&AofConfig::syncs_rest>},
    {"notify-keyspace-events", "", kWords, kQuoted, "", 0, 0, {}, land_key_events,
     parse_event_classes},
    {"oom-score-adj", "", kChoice, kIdle, "no", 0, 0, "no, yes, relative, absolute"},
    {"oom-score-adj-values", "", kWords, kIdle, "0 200 800", 0, 0, {}, nullptr, parse_oom_values},
    {"pidfile", "", kText, kImmutable | kEmptyIsNone, "", 0, 0, {}, put<&Config::pid_file>},
    {"port", "", kInt, 0, "6379", 0, 65535, {}, put<&Config::port>},
    {"proc-title-template", "", kText, kIdle, "{title} {listen-addr} {server-mode}", 0, 0, {},
     nullptr, nullptr, check_title_template},
    {"propagation-error-behavior", "", kChoice, kIdle, "ignore", 0, 0,
     "ignore, panic, panic-on-replicas"},
    {"protected-mode", "", kBool, 0, "yes", 0, 0, {}, put<&Config::protected_mode>},
    {"proto-max-bulk-len", "", kMemory, 0, "536870912", 1048576, kLongMax, {}, land_bulk_max},
    {"rdb-del-sync-files", "", kBool, kIdle, "no"},
    {"rdb-save-incremental-fsync", "", kBool, kIdle, "yes"},
    {"rdbchecksum", "", kBool, kImmutable, "yes", 0, 0, {}, put<&Config::rdb_checksum>},
    {"rdbcompression", "", kBool, 0, "yes", 0, 0, {}, land_rdb_compression},
    {"repl-backlog-size", "", kMemory, kIdle, "1048576", 1, kLongMax},
    {"repl-backlog-ttl", "", kInt, kIdle, "3600", 0, kLongMax},
    {"repl-disable-tcp-nodelay", "", kBool, kIdle, "no"},
    {"repl-diskless-load", "", kChoice, kIdle, "disabled", 0, 0, "disabled, on-empty-db, swapdb"},
    {"repl-diskless-sync", "", kBool, kIdle, "yes"},
    {"repl-diskless-sync-delay", "", kInt, kIdle, "5", 0, kIntMax},
    {"repl-diskless-sync-max-replicas", "", kInt, kIdle, "0", 0, kIntMax},
    {"repl-ping-replica-period", "repl-ping-slave-period", kInt, kIdle, "10", 1, kIntMax},
    {"repl-timeout", "", kInt, kIdle, "60", 1, kIntMax},
    {"replica-announce-ip", "slave-announce-ip", kText, kIdle | kEmptyIsNone, ""},
    {"replica-announce-port", "slave-announce-port", kInt, kIdle, "0", 0, 65535},
    {"replica-announced", "", kBool, kIdle, "yes"},
    {"replica-ignore-disk-write-errors", "", kBool, kIdle, "no"},
    {"replica-ignore-maxmemory", "slave-ignore-maxmemory", kBool, kIdle, "yes"},
    {"replica-lazy-flush", "slave-lazy-flush", kBool, kIdle, "no"},
    {"replica-priority", "slave-priority", kInt, kIdle, "100", 0, kIntMax},
    {"replica-read-only", "slave-read-only", kBool, kIdle, "yes"},
    {"replica-serve-stale-data", "slave-serve-stale-data", kBool, kIdle, "yes"},
    {"replicaof", "slaveof", kWords, kImmutable | kEmptyIsNone, "", 0, 0, {},
     put<&Config::replica_of>,
     parse_replica_of},
    {"requirepass", "", kText, kSecret | kEmptyIsNone, "", 0, 0, {}, put<&Config::requirepass>},
    {"sanitize-dump-payload", "", kChoice, kIdle, "no", 0, 0, "no, yes, clients"},
    {"save", "", kWords, 0, "3600 1 300 100 60 10000", 0, 0, {}, land_save, parse_save},
    {"server_cpulist", "", kText, kImmutable | kIdle | kEmptyIsNone, ""},
    {"set-max-intset-entries", "", kInt, 0, "512", 0, kLongMax, {},
     put_encoding<&EncodingLimits::set_intset_entries>},
    {"set-proc-title", "", kBool, kImmutable | kIdle, "yes"},
    {"shutdown-on-sigint", "", kWords, 0, "default", 0, 0, {}, put<&Config::shutdown_on_sigint>,
     parse_shutdown_flags},
    {"shutdown-on-sigterm", "", kWords, 0, "default", 0, 0, {}, put<&Config::shutdown_on_sigterm>,
     parse_shutdown_flags},
    {"shutdown-timeout", "", kInt, kIdle, "10", 0, kIntMax},
    {"slowlog-log-slower-than", "commandlog-execution-slower-than", kInt, 0, "10000", -1,
     kLongMax, {}, put_watch<&WatchConfig::slow_us_min>},
    {"slowlog-max-len", "commandlog-slow-execution-max-len", kInt, 0, "128", 0, kLongMax, {},
     put_watch<&WatchConfig::slow_entries_max>},
    {"socket-mark-id", "", kInt, kImmutable | kIdle, "0", 0, kUnsignedMax},
    {"stop-writes-on-bgsave-error", "", kBool, 0, "yes", 0, 0, {},
     put<&Config::stop_writes_on_save_error>},
    {"stream-node-max-bytes", "", kMemory, 0, "4096", 0, kLongMax, {},
     put_encoding<&EncodingLimits::stream_node_bytes>},
    {"stream-node-max-entries", "", kInt, 0, "100", 0, kLongMax, {},
     put_encoding<&EncodingLimits::stream_node_entries>},
    {"supervised", "", kChoice, kImmutable, "no", 0, 0, "upstart, systemd, auto, no",
     [](Config& c, const OptionValue& v) {
       c.supervised = v.text == "systemd" || v.text == "auto";
     }},
    {"syslog-enabled", "", kBool, kImmutable | kIdle, "no"},
    {"syslog-facility", "", kChoice, kImmutable | kIdle, "local0", 0, 0,
     "user, local0, local1, local2, local3, local4, local5, local6, local7"},
    {"syslog-ident", "", kText, kImmutable | kIdle, "pollux"},
    {"tcp-backlog", "", kInt, kImmutable, "511", 0, kIntMax, {}, put<&Config::tcp_backlog>},
    {"tcp-keepalive", "", kInt, 0, "300", 0, kIntMax, {}, put<&Config::tcp_keepalive_s>},
    {"timeout", "", kInt, 0, "0", 0, kIntMax, {}, put<&Config::timeout_s>},
    {"tls-auth-clients", "", kChoice, kIdle, "yes", 0, 0, "no, yes, optional"},
    {"tls-ca-cert-dir", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-ca-cert-file", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-cert-file", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-ciphers", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-ciphersuites", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-client-cert-file", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-client-key-file", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-client-key-file-pass", "", kText, kIdle | kSecret | kEmptyIsNone, ""},
    {"tls-cluster", "", kBool, kIdle, "no", 0, 0, {}, nullptr, nullptr, check_no_tls},
    {"tls-dh-params-file", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-key-file", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-key-file-pass", "", kText, kIdle | kSecret | kEmptyIsNone, ""},
    {"tls-port", "", kInt, 0, "0", 0, 65535, {}, put<&Config::tls_port>},
    {"tls-prefer-server-ciphers", "", kBool, kIdle, "no"},
    {"tls-protocols", "", kText, kIdle | kEmptyIsNone, ""},
    {"tls-replication", "", kBool, kIdle, "no", 0, 0, {}, nullptr, nullptr, check_no_tls},
    {"tls-session-cache-size", "", kInt, kIdle, "20480", 0, kIntMax},
    {"tls-session-cache-timeout", "", kInt, kIdle, "300", 0, kIntMax},
    {"tls-session-caching", "", kBool, kIdle, "yes"},
    {"tracking-table-max-keys", "", kInt, 0, "1000000", 0, kLongMax, {},
     put<&Config::tracking_keys_max>},
    {"unixsocket", "", kText, kImmutable | kEmptyIsNone, "", 0, 0, {}, put<&Config::unix_socket>},
    {"unixsocketperm", "", kOctal, kImmutable, "0", 0, 0777, {}, put<&Config::unix_socket_perm>},
    {"zset-max-listpack-entries", "zset-max-ziplist-entries", kInt, 0, "128", 0, kLongMax, {},
     put_encoding<&EncodingLimits::zset_listpack_entries>},
    {"zset-max-listpack-value", "zset-max-ziplist-value", kMemory, 0, "64", 0, kLongMax, {},
     put_encoding<&EncodingLimits::zset_listpack_value>},
    {"key-load-delay", "", kInt, kHidden | kIdle, "0", kIntMin, kIntMax},
    {"loading-process-events-interval-bytes", "", kInt, kHidden | kIdle, "2097152", 1024, kIntMax},
    {"rdb-key-save-delay", "", kInt, kHidden, "0", kIntMin, kIntMax, {}, land_key_save_delay},
};

}  // namespace

std::span<const OptionRow> option_rows() {
  return kRows;
}

size_t option_index(const OptionRow& row) {
  return static_cast<size_t>(&row - kRows);
}

const OptionRow* find_option(std::string_view name) {
  const std::string wanted = lower_case(name);
  const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const OptionRow& r) {
    return r.name == wanted || (!r.former_name.empty() && r.former_name == wanted);
  });
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace pollux
