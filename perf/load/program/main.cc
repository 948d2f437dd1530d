// pollux-bench: how fast a Redis server is, and how fast it answers. `--help` says how it is used,
// ../README.md what its figures mean.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/load/bench.h"
#include "perf/load/kernel_channel.h"
#include "perf/load/options.h"
#include "src/base/log.h"
#ifdef POLLUX_BYPASS
#include "perf/load/bypass/bypass_channel.h"
#endif

namespace pollux {
namespace {

// Lock-free, so a signal may set it.
std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  stop.store(true, std::memory_order_relaxed);
}

// In whatever thread.
void on_no_memory() {
  constexpr std::string_view kText =
      "\npollux-bench: out of memory: take fewer connections (-c), less depth (-P) or smaller "
      "values "
      "(-d), or see `ulimit -v`\n";
  [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, kText.data(), kText.size());
  _exit(1);
}

#ifdef POLLUX_BYPASS
std::unique_ptr<ChannelMaker> make_dpdk_channels(const LoadOptions& options, std::string& error) {
  log_to_stderr();  // what DPDK says; a script reads the standard output
  BypassOptions bypass;
  bypass.network.arguments = options.dpdk_args;
  bypass.network.port = options.dpdk_port;
  bypass.network.address = options.net_address;
  bypass.network.server_key = options.net_rss_key;
  bypass.network.queues = queues_of(options);
  bypass.host = options.host;
  bypass.port = static_cast<uint16_t>(options.port);
  bypass.threads = options.threads;
  bypass.even = options.even;
  bypass.seed = options.seed;
  return make_bypass(bypass, error);
}
#else
std::unique_ptr<ChannelMaker> make_dpdk_channels(const LoadOptions&, std::string& error) {
  error = "built without DPDK: install libdpdk-dev, and set the build up again";
  return nullptr;
}
#endif

std::unique_ptr<ChannelMaker> make_channels(const LoadOptions& options, std::string& error) {
  if (options.dpdk) {
    return make_dpdk_channels(options, error);
  }
  const KernelTarget target{options.host, options.port, options.unix_path, options.busy};
  return KernelChannelMaker::create(target, options.clients, error);
}

int run(std::span<const std::string_view> args) {
  std::set_new_handler(on_no_memory);
  LoadOptions options;
  std::string error;
  if (!parse_options(args, options, error)) {
    std::fprintf(stderr, "pollux-bench: %s\n", error.c_str());
    return 2;
  }
  if (options.help) {
    std::fputs(help_text().c_str(), stdout);
    return 0;
  }
  const std::unique_ptr<ChannelMaker> maker = make_channels(options, error);
  if (maker == nullptr) {
    std::fprintf(stderr, "pollux-bench: %s\n", error.c_str());
    return 1;
  }
  // The first asks for an end with its report, the second for one at once.
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return Bench(options, *maker, stop, isatty(STDERR_FILENO) == 1).run();
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  return pollux::run(args);
}
