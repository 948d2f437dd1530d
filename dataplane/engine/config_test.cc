#include "dataplane/engine/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "dataplane/engine/config_options.h"

namespace pollux {
namespace {

using Pairs = std::vector<std::string_view>;

std::string value_of(const ConfigStore& store, std::string_view name) {
  std::vector<std::pair<std::string, std::string>> out;
  const std::string_view patterns[] = {name};
  ConfigStore::get(*store.current(), patterns, out);
  return out.size() == 1 ? out[0].second : "(" + std::to_string(out.size()) + " values)";
}

std::string set(ConfigStore& store, Pairs pairs) {
  return store.set(pairs);
}

std::string load(ConfigStore& store, std::string_view text) {
  ConfigProblem problem;
  if (store.load(text, problem)) {
    return "";
  }
  return std::to_string(problem.line) + "|" + problem.text + "|" + problem.reason;
}

std::string words_of(std::string_view line) {
  std::vector<std::string> words;
  if (!split_config_line(line, words)) {
    return "unbalanced";
  }
  std::string out;
  for (const std::string& word : words) {
    out += "<" + word + ">";
  }
  return out;
}

// CONFIG GET '*' of redis-server 7.0.15.
constexpr std::string_view kRedisNames[] = {"acl-pubsub-default",
                                            "aclfile",
                                            "acllog-max-len",
                                            "active-defrag-cycle-max",
                                            "active-defrag-cycle-min",
                                            "active-defrag-ignore-bytes",
                                            "active-defrag-max-scan-fields",
                                            "active-defrag-threshold-lower",
                                            "active-defrag-threshold-upper",
                                            "active-expire-effort",
                                            "activedefrag",
                                            "activerehashing",
                                            "always-show-logo",
                                            "aof-disable-auto-gc",
                                            "aof-load-truncated",
                                            "aof-rewrite-incremental-fsync",
                                            "aof-timestamp-enabled",
                                            "aof-use-rdb-preamble",
                                            "aof_rewrite_cpulist",
                                            "appenddirname",
                                            "appendfilename",
                                            "appendfsync",
                                            "appendonly",
                                            "auto-aof-rewrite-min-size",
                                            "auto-aof-rewrite-percentage",
                                            "bgsave_cpulist",
                                            "bind",
                                            "bind-source-addr",
                                            "bio_cpulist",
                                            "busy-reply-threshold",
                                            "client-output-buffer-limit",
                                            "client-query-buffer-limit",
                                            "cluster-allow-pubsubshard-when-down",
                                            "cluster-allow-reads-when-down",
                                            "cluster-allow-replica-migration",
                                            "cluster-announce-bus-port",
                                            "cluster-announce-hostname",
                                            "cluster-announce-ip",
                                            "cluster-announce-port",
                                            "cluster-announce-tls-port",
                                            "cluster-config-file",
                                            "cluster-enabled",
                                            "cluster-link-sendbuf-limit",
                                            "cluster-migration-barrier",
                                            "cluster-node-timeout",
                                            "cluster-port",
                                            "cluster-preferred-endpoint-type",
                                            "cluster-replica-no-failover",
                                            "cluster-replica-validity-factor",
                                            "cluster-require-full-coverage",
                                            "cluster-slave-no-failover",
                                            "cluster-slave-validity-factor",
                                            "crash-log-enabled",
                                            "crash-memcheck-enabled",
                                            "daemonize",
                                            "databases",
                                            "dbfilename",
                                            "dir",
                                            "disable-thp",
                                            "dynamic-hz",
                                            "enable-debug-command",
                                            "enable-module-command",
                                            "enable-protected-configs",
                                            "hash-max-listpack-entries",
                                            "hash-max-listpack-value",
                                            "hash-max-ziplist-entries",
                                            "hash-max-ziplist-value",
                                            "hll-sparse-max-bytes",
                                            "hz",
                                            "ignore-warnings",
                                            "io-threads",
                                            "io-threads-do-reads",
                                            "jemalloc-bg-thread",
                                            "latency-monitor-threshold",
                                            "latency-tracking",
                                            "latency-tracking-info-percentiles",
                                            "lazyfree-lazy-eviction",
                                            "lazyfree-lazy-expire",
                                            "lazyfree-lazy-server-del",
                                            "lazyfree-lazy-user-del",
                                            "lazyfree-lazy-user-flush",
                                            "lfu-decay-time",
                                            "lfu-log-factor",
                                            "list-compress-depth",
                                            "list-max-listpack-size",
                                            "list-max-ziplist-size",
                                            "logfile",
                                            "loglevel",
                                            "lua-time-limit",
                                            "masterauth",
                                            "masteruser",
                                            "maxclients",
                                            "maxmemory",
                                            "maxmemory-clients",
                                            "maxmemory-eviction-tenacity",
                                            "maxmemory-policy",
                                            "maxmemory-samples",
                                            "min-replicas-max-lag",
                                            "min-replicas-to-write",
                                            "min-slaves-max-lag",
                                            "min-slaves-to-write",
                                            "no-appendfsync-on-rewrite",
                                            "notify-keyspace-events",
                                            "oom-score-adj",
                                            "oom-score-adj-values",
                                            "pidfile",
                                            "port",
                                            "proc-title-template",
                                            "propagation-error-behavior",
                                            "protected-mode",
                                            "proto-max-bulk-len",
                                            "rdb-del-sync-files",
                                            "rdb-save-incremental-fsync",
                                            "rdbchecksum",
                                            "rdbcompression",
                                            "repl-backlog-size",
                                            "repl-backlog-ttl",
                                            "repl-disable-tcp-nodelay",
                                            "repl-diskless-load",
                                            "repl-diskless-sync",
                                            "repl-diskless-sync-delay",
                                            "repl-diskless-sync-max-replicas",
                                            "repl-ping-replica-period",
                                            "repl-ping-slave-period",
                                            "repl-timeout",
                                            "replica-announce-ip",
                                            "replica-announce-port",
                                            "replica-announced",
                                            "replica-ignore-disk-write-errors",
                                            "replica-ignore-maxmemory",
                                            "replica-lazy-flush",
                                            "replica-priority",
                                            "replica-read-only",
                                            "replica-serve-stale-data",
                                            "replicaof",
                                            "requirepass",
                                            "sanitize-dump-payload",
                                            "save",
                                            "server_cpulist",
                                            "set-max-intset-entries",
                                            "set-proc-title",
                                            "shutdown-on-sigint",
                                            "shutdown-on-sigterm",
                                            "shutdown-timeout",
                                            "slave-announce-ip",
                                            "slave-announce-port",
                                            "slave-ignore-maxmemory",
                                            "slave-lazy-flush",
                                            "slave-priority",
                                            "slave-read-only",
                                            "slave-serve-stale-data",
                                            "slaveof",
                                            "slowlog-log-slower-than",
                                            "slowlog-max-len",
                                            "socket-mark-id",
                                            "stop-writes-on-bgsave-error",
                                            "stream-node-max-bytes",
                                            "stream-node-max-entries",
                                            "supervised",
                                            "syslog-enabled",
                                            "syslog-facility",
                                            "syslog-ident",
                                            "tcp-backlog",
                                            "tcp-keepalive",
                                            "timeout",
                                            "tls-auth-clients",
                                            "tls-ca-cert-dir",
                                            "tls-ca-cert-file",
                                            "tls-cert-file",
                                            "tls-ciphers",
                                            "tls-ciphersuites",
                                            "tls-client-cert-file",
                                            "tls-client-key-file",
                                            "tls-client-key-file-pass",
                                            "tls-cluster",
                                            "tls-dh-params-file",
                                            "tls-key-file",
                                            "tls-key-file-pass",
                                            "tls-port",
                                            "tls-prefer-server-ciphers",
                                            "tls-protocols",
                                            "tls-replication",
                                            "tls-session-cache-size",
                                            "tls-session-cache-timeout",
                                            "tls-session-caching",
                                            "tracking-table-max-keys",
                                            "unixsocket",
                                            "unixsocketperm",
                                            "zset-max-listpack-entries",
                                            "zset-max-listpack-value",
                                            "zset-max-ziplist-entries",
                                            "zset-max-ziplist-value"};

TEST(ConfigOptions, EveryOptionOfRedis70IsKnown) {
  for (const std::string_view name : kRedisNames) {
    EXPECT_NE(find_option(name), nullptr) << name;
  }
}

TEST(ConfigOptions, GetStarShowsThemAll) {
  ConfigStore store;
  std::vector<std::pair<std::string, std::string>> out;
  const std::string_view patterns[] = {"*"};
  ConfigStore::get(*store.current(), patterns, out);
  for (const std::string_view name : kRedisNames) {
    EXPECT_TRUE(std::any_of(out.begin(), out.end(), [&](auto& p) { return p.first == name; }))
        << name;
  }
}

TEST(ConfigOptions, NamesAreUnique) {
  std::vector<std::string_view> names;
  for (const OptionRow& row : option_rows()) {
    names.push_back(row.name);
    if (!row.former_name.empty()) {
      names.push_back(row.former_name);
    }
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(ConfigOptions, MemoryUnits) {
  EXPECT_EQ(parse_memory("100"), 100u);
  EXPECT_EQ(parse_memory("100b"), 100u);
  EXPECT_EQ(parse_memory("1k"), 1000u);
  EXPECT_EQ(parse_memory("1KB"), 1024u);
  EXPECT_EQ(parse_memory("100mb"), 100u << 20);
  EXPECT_EQ(parse_memory("2m"), 2000000u);
  EXPECT_EQ(parse_memory("1Gb"), 1u << 30);
  EXPECT_EQ(parse_memory(""), 0u);
  EXPECT_EQ(parse_memory("99999999999999999999999999gb"), UINT64_MAX);
  EXPECT_EQ(parse_memory("-1"), std::nullopt);
  EXPECT_EQ(parse_memory(" 1"), std::nullopt);
  EXPECT_EQ(parse_memory("1.5gb"), std::nullopt);
  EXPECT_EQ(parse_memory("1t"), std::nullopt);
}

TEST(ConfigLine, QuotesAndEscapes) {
  EXPECT_EQ(words_of("  save 3600\t1 "), "<save><3600><1>");
  EXPECT_EQ(words_of("a \"b c\" 'd e'"), "<a><b c><d e>");
  EXPECT_EQ(words_of(R"(a "\x41\n\"\\q\q")"), "<a><A\n\"\\qq>");
  EXPECT_EQ(words_of(R"(a '\n\'')"), "<a><\\n'>");
  EXPECT_EQ(words_of("save \"\""), "<save><>");
  EXPECT_EQ(words_of("a\"b\""), "<ab>");
  EXPECT_EQ(words_of("a \"b\"c"), "unbalanced");
  EXPECT_EQ(words_of("a \"b"), "unbalanced");
  EXPECT_EQ(words_of("a 'b"), "unbalanced");
  EXPECT_EQ(words_of(""), "");
}

TEST(ConfigCommandLine, NamesAndValues) {
  const auto text = [](std::vector<std::string_view> args) { return options_text(args); };
  EXPECT_EQ(text({"--port", "7000", "--save", "3600", "1"}),
            "port \"7000\" \nsave \"3600\" \"1\" ");
  EXPECT_EQ(text({"--port 7000", "--timeout 3"}), "port 7000 \ntimeout 3 ");
  EXPECT_EQ(text({"--save", "--port", "1"}), "save \"\"\nport \"1\" ");
  EXPECT_EQ(text({"--save"}), "save \"\"");
  EXPECT_EQ(text({"--requirepass", "--odd", "--port", "1"}), "requirepass \"--odd\" \nport \"1\" ");
  EXPECT_EQ(text({"--requirepass", "a\"b\\\n"}), "requirepass \"a\\\"b\\\\\\n\" ");
}

TEST(ConfigLoad, ReadsLines) {
  ConfigStore store;
  EXPECT_EQ(load(store,
                 "# comment\n\n  PORT 7000 \nbind 127.0.0.1 -::1\nrequirepass 'a b'\r\n"
                 "maxmemory 100mb\nlua-time-limit 7\nrepl-ping-slave-period 3"),
            "");
  EXPECT_EQ(store.current()->port, 7000);
  EXPECT_EQ(store.current()->bind, (std::vector<std::string>{"127.0.0.1", "-::1"}));
  EXPECT_EQ(store.current()->requirepass, "a b");
  EXPECT_EQ(store.current()->maxmemory, 100 << 20);
  EXPECT_EQ(value_of(store, "busy-reply-threshold"), "7");
  EXPECT_EQ(value_of(store, "repl-ping-replica-period"), "3");
}

TEST(ConfigLoad, SaysWhatIsWrongAndWhere) {
  ConfigStore store;
  EXPECT_EQ(load(store, "port 7000\n\n bogus x\n"),
            "3|bogus x|Bad directive or wrong number of arguments");
  EXPECT_EQ(load(store, "port 1 2"), "1|port 1 2|wrong number of arguments");
  EXPECT_EQ(load(store, "port"), "1|port|wrong number of arguments");
  EXPECT_EQ(load(store, "port abc"), "1|port abc|argument couldn't be parsed into an integer");
  EXPECT_EQ(load(store, "port 70000"),
            "1|port 70000|argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(load(store, "maxmemory 5x"), "1|maxmemory 5x|argument must be a memory value");
  EXPECT_EQ(load(store, "requirepass \"a"),
            "1|requirepass \"a|Unbalanced quotes in configuration line");
  EXPECT_EQ(load(store, "unixsocketperm 999"),
            "1|unixsocketperm 999|argument couldn't be parsed as an octal number");
  EXPECT_EQ(load(store, "dir /nonexistent"), "1|dir /nonexistent|No such file or directory");
  EXPECT_EQ(load(store, "appendfilename a/b"),
            "1|appendfilename a/b|appendfilename can't be a path, just a filename");
  EXPECT_EQ(load(store, "appendfilename \"\""),
            "1|appendfilename \"\"|appendfilename can't be empty");
  EXPECT_EQ(load(store, "appenddirname \"\""),
            "1|appenddirname \"\"|appenddirname can't be empty");
  EXPECT_EQ(load(store, "appenddirname a/b"),
            "1|appenddirname a/b|appenddirname can't be a path, just a dirname");
  EXPECT_EQ(load(store, "appendfilename a\\b"),
            "1|appendfilename a\\b|appendfilename can't be a path, just a filename");
  EXPECT_EQ(load(store, "include /nonexistent.conf"),
            "0|/nonexistent.conf|No such file or directory");
  EXPECT_EQ(load(store, "workers 0"), "1|workers 0|argument must be 'auto' or between 1 and 256");
  EXPECT_EQ(load(store, "worker-cpus a"),
            "1|worker-cpus a|argument must be a list of processors, as in 0,2,4-7");
}

TEST(ConfigLoad, NothingIsKeptOfATextThatFails) {
  ConfigStore store;
  EXPECT_NE(load(store, "port 7000\nbogus"), "");
  EXPECT_EQ(store.current()->port, 6379);
}

TEST(ConfigLoad, SavePointsCollect) {
  ConfigStore store;
  EXPECT_EQ(value_of(store, "save"), "3600 1 300 100 60 10000");
  EXPECT_EQ(load(store, "save 3600 1\nsave 300 100 60 10000"), "");
  EXPECT_EQ(value_of(store, "save"), "3600 1 300 100 60 10000");
  EXPECT_EQ(load(store, "save 5 5"), "");
  EXPECT_EQ(value_of(store, "save"), "5 5");
  EXPECT_EQ(load(store, "save 5 5\nsave \"\""), "");
  EXPECT_EQ(value_of(store, "save"), "");
  EXPECT_EQ(load(store, "save \"900 1\""), "");
  EXPECT_EQ(value_of(store, "save"), "900 1");
  EXPECT_EQ(load(store, "save 5"), "1|save 5|Invalid save parameters");
  EXPECT_EQ(set(store, {"save", "007 +1 60 "}), "");
  EXPECT_EQ(value_of(store, "save"), "7 1 60 0") << "an empty word is 0";
  EXPECT_EQ(set(store, {"save", "5 5"}), "");
  EXPECT_NE(set(store, {"save", " 1"}), "");
}

// redis-server's defaults hold for a file without `save` too; the word that silences is `save ""`.
TEST(ConfigLoad, IncludesByGlob) {
  char directory[] = "/tmp/pollux-config-test-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string base(directory);
  std::ofstream(base + "/a.conf") << "timeout 5\ninclude " << base << "/loop.conf\n";
  std::ofstream(base + "/loop.conf") << "include " << base << "/loop.conf\n";
  std::ofstream(base + "/b1.inc") << "maxclients 77\n";
  ConfigStore store;
  EXPECT_EQ(load(store, "include " + base + "/*.inc\ninclude " + base + "/none*.inc"), "");
  EXPECT_EQ(store.current()->maxclients, 77);
  EXPECT_NE(load(store, "include " + base + "/a.conf").find("too deep"), std::string::npos);
  for (const char* name : {"/a.conf", "/loop.conf", "/b1.inc"}) {
    std::remove((base + name).c_str());
  }
  std::remove(directory);
}

TEST(ConfigLoad, IdleOptionsAreNamedWhenTheyDiffer) {
  ConfigStore store;
  EXPECT_TRUE(store.idle_options().empty());
  EXPECT_EQ(load(store, "hz 10\nactivedefrag yes\nport 7"), "");
  EXPECT_EQ(store.idle_options(), std::vector<std::string_view>{"activedefrag"});
}

TEST(ConfigSet, AllOrNothing) {
  ConfigStore store;
  EXPECT_EQ(set(store, {"maxclients", "100", "maxmemory", "xx"}),
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be "
            "a memory value");
  EXPECT_EQ(store.current()->maxclients, 10000);
  EXPECT_EQ(set(store, {"MaxClients", "100", "maxmemory", "1gb"}), "");
  EXPECT_EQ(store.current()->maxclients, 100);
  EXPECT_EQ(store.current()->maxmemory, 1 << 30);
  EXPECT_EQ(value_of(store, "maxmemory"), "1073741824");
}

TEST(ConfigSet, RefusesAsRedisDoes) {
  ConfigStore store;
  EXPECT_EQ(set(store, {"maxmemory", "bad", "no-such", "1"}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'no-such'");
  EXPECT_EQ(set(store, {"databases", "3", "maxmemory", "bad"}),
            "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set "
            "immutable config");
  EXPECT_EQ(set(store, {"dir", "/tmp"}),
            "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected "
            "config");
  EXPECT_EQ(set(store, {"maxmemory", "1", "MAXMEMORY", "2"}),
            "ERR CONFIG SET failed (possibly related to argument 'MAXMEMORY') - duplicate "
            "parameter");
  EXPECT_EQ(set(store, {"replica-priority", "1", "slave-priority", "2"}), "");
  EXPECT_EQ(value_of(store, "replica-priority"), "2");
  EXPECT_EQ(set(store, {"timeout", "010"}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be "
            "parsed into an integer");
  store.set_clients_ceiling(500);
  EXPECT_EQ(set(store, {"maxclients", "501"}),
            "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating "
            "system is not able to handle the specified number of clients, try with 500");
}

TEST(ConfigSet, ListsWithRulesOfTheirOwn) {
  ConfigStore store;
  EXPECT_EQ(set(store, {"client-output-buffer-limit", "normal 1mb 2 3 replica 1 2 3"}), "");
  EXPECT_EQ(value_of(store, "client-output-buffer-limit"),
            "normal 1048576 2 3 slave 1 2 3 pubsub 33554432 8388608 60");
  EXPECT_EQ(store.current()->output_limit_normal.hard_bytes, 1 << 20);
  EXPECT_EQ(store.current()->output_limit_normal.soft_seconds, 3);
  EXPECT_NE(set(store, {"client-output-buffer-limit", "foo 1 2 3"}), "");
  EXPECT_EQ(set(store, {"notify-keyspace-events", "KEA"}), "");
  EXPECT_EQ(value_of(store, "notify-keyspace-events"), "AKE");
  EXPECT_EQ(set(store, {"notify-keyspace-events", "Kn"}), "");
  EXPECT_EQ(value_of(store, "notify-keyspace-events"), "nK");
  EXPECT_EQ(set(store, {"shutdown-on-sigterm", "FORCE nosave"}), "");
  EXPECT_EQ(value_of(store, "shutdown-on-sigterm"), "nosave force");
  EXPECT_EQ(set(store, {"latency-tracking-info-percentiles", "50 99.123 100"}), "");
  EXPECT_EQ(value_of(store, "latency-tracking-info-percentiles"), "50 99.123 100");
  EXPECT_EQ(set(store, {"maxmemory-clients", "5%", "maxmemory", "1000"}), "");
  EXPECT_EQ(store.current()->clients_bytes_max, 50);
  EXPECT_EQ(value_of(store, "maxmemory-clients"), "5%");
  for (const auto& [delay, ns] : {std::pair("20", 20'000), {"-4", 250}, {"0", 0}}) {
    EXPECT_EQ(set(store, {"rdb-key-save-delay", delay}), "");
    EXPECT_EQ(store.current()->save_key_delay_ns, ns);
  }
}

TEST(ConfigGet, PatternsInOrderEachNameOnce) {
  ConfigStore store;
  std::vector<std::pair<std::string, std::string>> out;
  const std::string_view patterns[] = {"MAXMEMORY", "maxmem*", "no-such"};
  ConfigStore::get(*store.current(), patterns, out);
  ASSERT_EQ(out.size(), 5u);
  EXPECT_EQ(out[0].first, "MAXMEMORY");
}

TEST(ConfigVersions, AVersionLivesWhileAReaderMayHoldIt) {
  ConfigStore store;
  store.expect_readers(1);
  const Config& held = store.pick_up(WorkerId{0});
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(set(store, {"timeout", std::to_string(i)}), "");
  }
  EXPECT_EQ(held.timeout_s, 0);
  EXPECT_EQ(store.pick_up(WorkerId{0}).timeout_s, 99);
}

TEST(ConfigVersions, ReadersAndTheWriterMeetNoFreedVersion) {
  ConfigStore store;
  ASSERT_EQ(set(store, {"timeout", "0", "requirepass", "0"}), "");
  store.expect_readers(2);
  std::atomic<bool> over{false};
  std::vector<std::thread> readers;
  for (uint16_t i = 0; i < 2; ++i) {
    readers.emplace_back([&, i] {
      uint64_t last = 0;
      while (!over.load()) {
        const Config& config = store.pick_up(WorkerId{i});
        ASSERT_GE(config.version, last);
        ASSERT_EQ(config.requirepass, std::to_string(config.timeout_s));
        last = config.version;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    const std::string text = std::to_string(i);
    ASSERT_EQ(set(store, {"timeout", text, "requirepass", text}), "");
  }
  over.store(true);
  for (std::thread& reader : readers) {
    reader.join();
  }
}

}  // namespace
}  // namespace pollux
