// What stands behind `pollux-bench` on the command line. An option is one row of a table
// (options.cc); its names are memtier_benchmark's and redis-benchmark's where the meaning is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/load/runner.h"

namespace pollux {

// Depth of what fills the key space, which is not measured, at least.
inline constexpr unsigned kPopulateDepth = 64;

struct CommandOption {
  std::string line;
  uint32_t ratio = 1;
  KeyPattern pattern = KeyPattern::kUniform;
};

struct LoadOptions {
  bool help = false;
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string unix_path;
  std::string user;
  std::string password;
  int db = 0;
  int protocol = 2;

  // The kernel's sockets, or our own TCP over a port of DPDK, as the others of the section say.
  bool dpdk = false;
  std::vector<std::string> dpdk_args;
  std::string dpdk_port;
  std::string net_address = "10.9.0.1/24";  // ours, with what is on the link
  std::string net_rss_key;                  // the server's
  uint16_t queues = 0;  // as many as the server has workers; 0: as many as threads
  // Connections over the queues by turns; else each is drawn, as a NIC's hash does it.
  bool even = true;

  uint32_t clients = 50;  // in all
  unsigned threads = 1;
  std::vector<int> cpus;  // thread i is pinned to cpus[i]; empty: none is
  bool busy = false;

  uint64_t requests = 0;   // in all; 0: by time
  double test_time_s = 0;  // 0: 10, unless `requests` says when it is over
  double warmup_s = 0;
  double rate_per_s = 0;     // in all; 0: closed loop
  double rate_limiting = 0;  // per connection
  Arrivals arrivals = Arrivals::kFixed;
  unsigned pipeline = 1;

  std::vector<CommandOption> commands;  // empty: SET and GET by `ratio_*`
  uint32_t ratio_set = 1;
  uint32_t ratio_get = 10;
  KeyPattern pattern_set = KeyPattern::kUniform;
  KeyPattern pattern_get = KeyPattern::kUniform;
  std::string key_prefix = "key:";
  KeyRange keys{0, 9'999'999};
  double zipf_exponent = 0.99;
  ValueShape values;
  bool populate = false;
  uint64_t seed = 1;

  bool sweep = false;
  unsigned sweep_steps = 20;  // at most
  double sweep_from = 0;      // requests a second; 0: a tenth of what a closed loop has
  double sweep_step = 0;      // 0: as much as the first
  double sweep_p99_factor = 10;
  unsigned sweep_refine = 3;  // further rates, between the knee and the one behind it

  bool quiet = false;
  bool histogram = true;
  std::string json_path;  // "-": standard output
  std::string svg_path;
};

// `args`: without the program's name. False with a sentence that says what to do.
bool parse_options(std::span<const std::string_view> args, LoadOptions& out, std::string& error);

// Memory for what is under way and for values, which is taken before any load. Requests that a
// server does not take whole need more, as they come.
double bytes_needed(const LoadOptions& options);

// Queues of all threads together. Queue q is thread q % threads's.
uint16_t queues_of(const LoadOptions& options);
// Connections of each thread, at least one: as even as can be, or as many as were drawn for its
// queues.
std::vector<uint32_t> clients_of_threads(const LoadOptions& options);

std::string help_text();

// What is sent: the commands, or SET and GET by their ratio.
std::vector<CommandOption> commands_of(const LoadOptions& options);
// Requests, as the options ask for them. False with a sentence if a command is none.
bool make_workload(const LoadOptions& options, Workload& out, std::string& error);
// What fills the key space: SET of each key once.
Workload make_populate(const LoadOptions& options);
Greeting make_greeting(const LoadOptions& options);

}  // namespace pollux
