// The configuration: one row per option (config_options.cc), immutable versions, one writer.
// A version is a plain struct that a core reads without asking anybody. Worker 0 alone makes new
// versions (CONFIG SET visits it first); each core picks the newest up at the top of a turn, and
// CONFIG SET is answered when all have. Options are parsed the same way from a redis.conf file,
// from `--name value` on the command line, and from CONFIG SET.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/engine/address_list.h"
#include "dataplane/engine/pause.h"
#include "dataplane/engine/key_events.h"
#include "src/base/log.h"
#include "src/base/types.h"
#include "src/commands/context.h"
#include "storage/fsync.h"

namespace pollux {

// Where the keys lie: kTry takes huge pages as long as there are any, kYes does not start without
// as many as maxmemory takes.
enum class HugePageUse : uint8_t { kNo, kTry, kYes };

enum class PollMode : uint8_t { kAdaptive, kBusy };

// Who may use commands that are dangerous or only for tests (enable-debug-command, ...).
enum class Permission : uint8_t { kNo, kYes, kLocal };

// client-output-buffer-limit of one class of clients; 0 is no limit.
// Of a limit that 0 turns off.
inline int64_t limit_or_none(int64_t limit) { return limit > 0 ? limit : INT64_MAX; }

struct OutputLimit {
  int64_t hard_bytes = 0;
  int64_t soft_bytes = 0;
  int64_t soft_seconds = 0;
};

// What is watched of commands while they run (command_watch.h).
struct WatchConfig {
  int64_t slow_us_min = 10000;  // slowlog-log-slower-than; -1: none
  int64_t request_bytes_min = 1 << 20;  // -1: none
  int64_t reply_bytes_min = 1 << 20;
  int64_t slow_entries_max = 128;
  int64_t large_request_entries_max = 128;
  int64_t large_reply_entries_max = 128;
  int64_t latency_ms_min = 0;  // latency-monitor-threshold; 0: no events are kept
  bool latency_tracking = true;
  std::vector<std::string> percentiles;  // of INFO latencystats, as they are written
};

// The append-only file.
struct AofConfig {
  Fsync fsync = Fsync::kEverysec;
  bool timestamps = false;      // aof-timestamp-enabled
  bool rdb_base = true;         // aof-use-rdb-preamble
  bool load_truncated = true;   // aof-load-truncated
  int64_t growth_percent = 100;  // auto-aof-rewrite-percentage; 0: never by itself
  int64_t growth_bytes_min = 64 << 20;  // auto-aof-rewrite-min-size
  std::string directory;        // appenddirname
  std::string file;             // appendfilename
  int64_t backlog_bytes_max = 64 << 20;  // aof-backlog-max: changes that wait for the disk
  bool refuses_when_full = false;        // aof-backlog refuse: writes then; else they wait
  bool syncs_rest = false;  // no-appendfsync-on-rewrite: with everysec, while a snapshot is saved
  bool operator==(const AofConfig&) const = default;
};

// A save begins when so many changes are not saved, and the last one is longer ago.
struct SavePoint {
  int64_t seconds = 0;
  int64_t changes = 0;
};

struct Config {
  uint64_t version = 0;

  // read by the engine at every turn or request
  DataConfig data;  // what handlers see
  PollMode poll_mode = PollMode::kAdaptive;
  int64_t poll_spin_us = 50;
  int64_t poll_gather_us = 100;         // one worker that doesn't spin: see kernel/gather.h
  bool turn_cpu_stats = false;  // measure the thread CPU time of each turn (a system call)
  int64_t maxmemory = 0;        // bytes of data over all shards; 0: no limit
  int64_t eviction_tenacity = 10;  // how long a slice of eviction may take
  int64_t maxclients = 10000;
  int64_t timeout_s = 0;  // idle clients are closed; 0: never
  int64_t query_buffer_bytes_max = 1LL << 30;
  OutputLimit output_limit_normal;
  OutputLimit output_limit_replica;
  OutputLimit output_limit_pubsub;
  EventClasses key_events;  // notify-keyspace-events
  int64_t clients_bytes_max = 0;  // maxmemory-clients; 0: clients_bytes_default
  int64_t clients_bytes_default = 0;  // boot: an eighth of the machine's memory; 0: no limit
  int64_t clients_percent = 0;    // if not 0, clients_bytes_max is this share of maxmemory
  std::string requirepass;
  bool protected_mode = true;  // without a password only this host may connect
  AddressList allow_from;      // who else may connect; empty: everybody
  WatchConfig watch;
  bool active_expiry = true;   // DEBUG SET-ACTIVE-EXPIRE
  Pause pause;                 // CLIENT PAUSE, SHUTDOWN
  int64_t tracking_keys_max = 0;  // over all shards; 0: no limit
  bool pipeline_order_relaxed = false;
  std::string compat_redis_version = "7.4.0";
  bool debug_command_allowed = false;  // enable-debug-command yes
  bool debug_command_local = false;    // enable-debug-command local: unix socket and loopback
  bool protected_configs_allowed = false;
  LogLevel log_level = LogLevel::kNotice;

  // changes go into the journal
  bool keeps_history() const { return append_only; }
  AofConfig aof;

  // read at start
  int workers = 0;               // 0: auto (one per allowed processor)
  std::vector<int> worker_cpus;  // empty: the allowed ones in order
  HugePageUse huge_pages = HugePageUse::kNo;
  int databases = 16;
  std::vector<std::string> bind;  // a leading '-' makes an address optional
  int port = 6379;
  int tcp_backlog = 511;
  int tcp_keepalive_s = 300;
  bool transport_dpdk = false;  // with it, the kernel's sockets serve this host alone
  std::string dpdk_args;        // words
  std::string dpdk_port;
  std::string net_host_tap;   // empty: none
  std::string net_addresses;  // words: addresses with their prefixes
  std::string net_gateways;   // words
  bool net_flow_rules = true;  // the device is asked to spread flows by rules, if need be
  AddressList net_capture;    // peers whose frames are captured; empty: none
  int64_t net_capture_bytes_max = 0;
  int net_mtu = 1500;
  int net_vlan = 0;  // 0: none
  bool net_path_wan = false;
  std::string net_rss_key;  // hexadecimal; empty: drawn at each start
  std::string unix_socket;
  unsigned unix_socket_perm = 0;
  std::string control_page;  // a file to map the control page from; empty: anonymous
  bool control_daemon = false;
  std::string log_file;
  std::string dir;
  std::string db_file;       // dbfilename: loaded at the start, if it is there
  bool rdb_checksum = true;  // of it
  int64_t save_key_delay_ns = 0;
  std::string save;          // save points as text; empty: none
  bool append_only = false;  // the append-only history is loaded instead of db_file
  std::vector<SavePoint> save_points;
  std::string shutdown_on_sigint;  // words of SHUTDOWN, or "default"
  std::string shutdown_on_sigterm;
  bool stop_writes_on_save_error = true;  // stop-writes-on-bgsave-error
  std::string pid_file;
  bool daemonize = false;
  bool supervised = false;  // tell the service manager when ready (NOTIFY_SOCKET)
  bool crash_log = true;

  // about the process, set by the boot
  std::string config_file;
  std::string run_id;          // 40 hexadecimal digits, new at each start
  std::string replication_id;  // the same; DEBUG CHANGE-REPL-ID draws another
  std::string loaded_file;     // what db_file was at the start; empty if it was not there

  // asks for what Pollux does not do (yet); boot refuses or warns
  bool cluster_enabled = false;
  int tls_port = 0;
  std::string replica_of;
  std::string acl_file;
  // rename-command, in the order of the file: old name, new name (empty: the command is gone).
  std::vector<std::pair<std::string, std::string>> renamed_commands;

  // What CONFIG GET prints, by row of the option table.
  std::vector<std::string> texts;
};

// Why a configuration text was not accepted.
struct ConfigProblem {
  int line = 0;      // 1 is the first; 0: the file could not be read
  std::string text;  // the line, trimmed; or the name of the file that could not be read
  std::string reason;
  std::string file;  // the included file that the line stands in; empty: the text itself
};

class ConfigStore {
 public:
  ConfigStore();
  ~ConfigStore();
  ConfigStore(const ConfigStore&) = delete;
  ConfigStore& operator=(const ConfigStore&) = delete;

  // --- any thread ---
  // The newest version. Lives until all readers have picked up a newer one (see pick_up), and
  // for ever if nobody calls that.
  const Config* current() const {
    return current_.load(std::memory_order_acquire);  // pairs with publish
  }
  // The same for worker `reader`, who promises to use no older version from now on.
  const Config& pick_up(WorkerId reader);

  // Appends (name, value) of every option that a pattern names, each once. A pattern without glob
  // characters is an exact name and is given back as it was written.
  static void get(const Config& config, std::span<const std::string_view> patterns,
                  std::vector<std::pair<std::string, std::string>>& out);
  // One option as `get` gives it; empty if there is none of that name.
  static std::string text(const Config& config, std::string_view name);

  // --- before threads start ---
  // Reads configuration text, line by line; the last line that names an option wins (`save` and
  // client-output-buffer-limit collect). Nothing on success.
  bool load(std::string_view text, ConfigProblem& problem);
  // Only versions that are no longer in use by these many readers may be freed.
  void expect_readers(int count) { readers_ = count; }
  // CONFIG SET maxclients beyond this is refused; 0: unknown. `why` ends before the number.
  void set_clients_ceiling(int64_t clients, std::string_view why =
                                                "The operating system is not able to handle the "
                                                "specified number of clients, try with ") {
    clients_ceiling_ = clients;
    why_no_more_clients_ = why;
  }
  // Options that were set to other than their default though they have no meaning here.
  std::vector<std::string_view> idle_options() const;

  // --- worker 0 only, or before threads start ---
  // CONFIG SET: all pairs or none. Returns the error reply's text, empty on success. Pairs are
  // name, value, name, value.
  // `commit` sees the version before it is published and may still refuse it: with a sentence, and
  // the option that it is about if that is none of the addresses.
  struct Refusal {
    std::string reason;  // empty: it is not refused
    std::string_view option = {};
  };
  using Commit = std::function<Refusal(const Config& next)>;
  std::string set(std::span<const std::string_view> pairs, const Commit& commit = {});
  // A new version with a change that no option names (DEBUG SET-ACTIVE-EXPIRE, maxclients cut down
  // to what the system allows).
  void change(const std::function<void(Config&)>& change);

 private:
  void publish(std::unique_ptr<Config> next);
  void free_unused();
  bool load_line(Config& config, std::string_view line, ConfigProblem& problem, int depth);
  bool load_into(Config& config, std::string_view text, const std::string& file,
                 ConfigProblem& problem, int depth);
  bool include(Config& config, const std::string& pattern, ConfigProblem& problem, int depth);

  // release: a reader of the pointer sees the version's content.
  std::atomic<const Config*> current_{nullptr};
  std::vector<std::unique_ptr<const Config>> versions_;  // ascending; the last is current
  // The version each reader last said it uses: it holds that one or a newer one, never an older.
  // release: what the reader read of older versions is over before the writer frees them.
  std::array<std::atomic<uint64_t>, kWorkersMax> in_use_{};
  int readers_ = kWorkersMax;
  int64_t clients_ceiling_ = 0;
  std::string_view why_no_more_clients_;
  bool save_seen_ = false;  // the first `save` of a load replaces what stood, others add to it
};

// --- for boot and tests ---

// Splits a line into words as Redis does for configuration lines and inline commands: blanks
// separate, "..." with \n \r \t \b \a \xHH \\ \" escapes, '...' with \' only. False if quotes are
// not balanced or a closing quote is followed by other than a blank.
bool split_config_line(std::string_view line, std::vector<std::string>& words);

// The whole file; false with errno.
bool read_whole_file(const std::string& path, std::string& out);

// How `--name value value --name ...` becomes configuration text (the rules of redis-server 7.0).
std::string options_text(std::span<const std::string_view> args);

}  // namespace pollux
