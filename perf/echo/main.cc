// pollux-echo: the bare floor under every figure of the server, on either of its transports. One
// worker sends back whatever came, byte for byte. A RESP request is itself a valid RESP reply, so
// redis-benchmark can drive it.
//
// On the kernel's sockets it sleeps in the kernel when there is nothing to do (the server's
// adaptive mode with spin 0), or polls without end with --busy; on DPDK it polls without end. At
// SIGUSR1, and at SIGTERM or SIGINT, it prints its CPU time, and the cycles of the turns in which
// something came (without what a call that sleeps does).
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/dpdk/network.h"
#include "dataplane/engine/config_options.h"
#include "dataplane/kernel/uring_transport.h"
#include "perf/echo/echo.h"
#include "src/base/cpu.h"
#include "src/base/num.h"
#include "src/base/time.h"

namespace pollux {
namespace {

constexpr char kUsage[] =
    "usage: pollux-echo [--port N] [--cpu C] [--busy] [--gather US]\n"
    "       pollux-echo [--port N] [--cpu C] --dpdk-args WORDS --dpdk-port NAME\n"
    "                   --net-address ADDRESS/PREFIX       (as these options of pollux-server)\n";

volatile std::sig_atomic_t stop_asked = 0;
volatile std::sig_atomic_t figures_asked = 0;

void on_signal(int number) {
  (number == SIGUSR1 ? figures_asked : stop_asked) = 1;
}

struct EchoOptions {
  int port = 7777;
  int cpu = -1;
  bool busy = false;
  unsigned gather_us = UringOptions().gather_us;
  dpdk::NetworkOptions network;  // without a port: kernel sockets
};

bool parse(int argc, char** argv, EchoOptions& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--busy") {
      out.busy = true;
      continue;
    }
    if (i + 1 == argc) {
      return false;
    }
    const char* const value = argv[++i];
    const std::optional<int64_t> number = parse_int64(value);
    const auto takes = [&](std::string_view option, int64_t most) {
      return name == option && number && *number >= 0 && *number <= most;
    };
    if (takes("--port", 65'535)) {
      out.port = static_cast<int>(*number);
    } else if (takes("--cpu", kCpuMax)) {
      out.cpu = static_cast<int>(*number);
    } else if (takes("--gather", 1'000'000)) {
      out.gather_us = static_cast<unsigned>(*number);
    } else if (name == "--dpdk-args") {
      out.network.arguments = split_words(value);
    } else if (name == "--dpdk-port") {
      out.network.port = value;
    } else if (name == "--net-address") {
      out.network.addresses = split_words(value);
    } else {
      return false;
    }
  }
  return true;
}

std::unique_ptr<Transport> kernel_transport(const EchoOptions& arguments, std::string& error) {
  UringOptions options;
  options.bind = {"127.0.0.1"};
  options.port = arguments.port;
  options.gather_us = arguments.gather_us;
  raise_open_files(20'000);
  error = check_addresses_free(options);
  return error.empty() ? UringTransport::create(options, error) : nullptr;
}

std::unique_ptr<Transport> dpdk_transport(dpdk::Network& network, int port, std::string& error) {
  std::unique_ptr<Transport> transport = network.make_transport(0);
  error = transport->listen({.bind = {"*"}, .port = port}, true);
  return transport;
}

void print_figures(uint64_t busy_cycles) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("pollux-echo: user %ld.%06ld s, system %ld.%06ld s, busy %llu cycles\n",
              usage.ru_utime.tv_sec, usage.ru_utime.tv_usec, usage.ru_stime.tv_sec,
              usage.ru_stime.tv_usec, static_cast<unsigned long long>(busy_cycles));
  std::fflush(stdout);
}

void serve(Transport& transport, bool sleeps) {
  Echo echo(transport);
  uint64_t busy_cycles = 0;
  while (stop_asked == 0) {
    if (sleeps) {
      transport.sleep(-1);
    }
    const uint64_t begin = tsc();
    const bool worked = echo.turn();
    if (!sleeps) {
      transport.flush();
    }
    busy_cycles += worked ? tsc() - begin : 0;
    if (figures_asked != 0) {
      figures_asked = 0;
      print_figures(busy_cycles);
    }
  }
  transport.end();
  print_figures(busy_cycles);
}

int run(const EchoOptions& arguments) {
  const bool on_dpdk = !arguments.network.port.empty();
  std::string error;
  std::unique_ptr<dpdk::Network> network;
  std::unique_ptr<Transport> transport;
  if (on_dpdk) {
    network = dpdk::Network::open(arguments.network, 1, error);
  }
  if (arguments.cpu >= 0 && !pin_thread(arguments.cpu)) {
    std::perror("pollux-echo: cannot pin");
    return 1;
  }
  if (error.empty()) {
    transport = on_dpdk ? dpdk_transport(*network, arguments.port, error)
                        : kernel_transport(arguments, error);
  }
  if (!error.empty()) {
    std::fprintf(stderr, "pollux-echo: %s\n", error.c_str());
    return 1;
  }
  std::printf("pollux-echo: port %d\n", arguments.port);
  std::fflush(stdout);
  serve(*transport, !on_dpdk && !arguments.busy);
  if (network != nullptr) {
    network->stop();
  }
  return 0;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  pollux::EchoOptions arguments;
  if (!pollux::parse(argc, argv, arguments)) {
    std::fputs(pollux::kUsage, stderr);
    return 2;
  }
  std::signal(SIGTERM, pollux::on_signal);
  std::signal(SIGINT, pollux::on_signal);
  std::signal(SIGUSR1, pollux::on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  return pollux::run(arguments);
}
