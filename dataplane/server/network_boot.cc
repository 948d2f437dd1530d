#include "dataplane/server/network_boot.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/engine/config_options.h"
#include "dataplane/server/joined_transport.h"
#include "dataplane/server/network_figures.h"
#include "src/base/log.h"
#include "src/base/time.h"

namespace pollux {

namespace {

std::vector<std::string> words_of(const std::string& text) {
  return text.empty() ? std::vector<std::string>() : split_words(text);
}

// What a worker has tables for: 384 bytes of addresses each, 4 GB in all.
constexpr int64_t kClientsMax = 8'000'000;

// Besides clients those that are refused, who hear why, and those that are closed and not over.
uint32_t connections_for(int64_t clients) {
  const int64_t most = std::min(clients, kClientsMax);
  return static_cast<uint32_t>(most + std::max<int64_t>(1024, most / 4));
}

dpdk::NetworkOptions options_of(const Config& config) {
  return {.arguments = words_of(config.dpdk_args),
          .port = config.dpdk_port,
          .host_path = !config.net_host_tap.empty(),
          .addresses = words_of(config.net_addresses),
          .gateways = words_of(config.net_gateways),
          .mtu = static_cast<uint32_t>(config.net_mtu),
          .vlan = static_cast<uint16_t>(config.net_vlan),
          .flow_rules = config.net_flow_rules,
          .rss_key = config.net_rss_key,
          .wan = config.net_path_wan,
          .connections_max = connections_for(config.maxclients)};
}

// An address of this host alone means that of all who come by the NIC nobody is answered.
void warn_of_bind(const Config& config) {
  std::string bound;
  for (const std::string& bind : config.bind) {
    const std::string_view name = std::string_view(bind).substr(bind.starts_with('-') ? 1 : 0);
    if (name != "::1" && !name.starts_with("127.")) {
      return;
    }
    bound += " " + bind;
  }
  log_line(LogLevel::kWarning,
           "bind%s: nobody reaches this server over dpdk-port. Set bind to *, or to addresses of "
           "net-address",
           bound.c_str());
}

// Whoever is still there would wait for ever: nobody answers for this process when it is gone. As
// much as the device takes; no longer than a moment, for it may take nothing.
void reset_all(tcp::TcpTransport& wire) {
  constexpr int64_t kMomentNs = 200'000'000;
  for (const ConnId conn : wire.conns()) {
    wire.stack().abort(conn);
  }
  const int64_t until_ns = monotonic_ns() + kMomentNs;
  for (wire.flush(); wire.stack().wants_to_send() && monotonic_ns() < until_ns; wire.flush()) {
    std::this_thread::yield();
  }
}

// While the link was down nothing came; who is there now may be others.
std::function<void()> announcer(dpdk::Network& network, tcp::TcpTransport& wire) {
  return [&network, &wire] {
    if (network.take_link_up()) {
      wire.stack().interface().on_link_up(tcp::Moment{monotonic_ns()});
    }
  };
}

// A worker has its part of the options. Segments to its port are ours from here on, and never the
// kernel's.
void apply(dpdk::Network& network, int worker, const ListenOn& where) {
  if (network.host_path() != nullptr && where.port != 0) {
    network.host_path()->add_port(static_cast<uint16_t>(where.port));
  }
  network.capture_peers(worker, tcp::prefixes_of(where.capture));
}

}  // namespace

std::string check_network(const Config& config) {
  if (!config.transport_dpdk) {
    return capture_problem(config);
  }
  if (config.maxclients > kClientsMax) {
    return "transport dpdk: maxclients is at most " + std::to_string(kClientsMax) + ", not " +
           std::to_string(config.maxclients);
  }
  return dpdk::check_options(options_of(config));
}

std::unique_ptr<dpdk::Network> open_network(const Config& config, int workers,
                                            std::string& error) {
  std::unique_ptr<dpdk::Network> network = dpdk::Network::open(options_of(config), workers, error);
  if (network != nullptr) {
    log_line(LogLevel::kNotice, "Network: %s", network->summary().c_str());
    warn_of_bind(config);
  }
  return network;
}

std::unique_ptr<Transport> join_network(dpdk::Network& network, int worker,
                                        std::unique_ptr<Transport> kernel, const Config& config,
                                        std::string& error) {
  std::unique_ptr<tcp::TcpTransport> wire = network.make_transport(worker);
  const ListenOn where = listen_on(config);
  error = wire->listen(where, true);
  tcp::TcpTransport& of_wire = *wire;
  apply(network, worker, where);
  network.set_wake(worker, [&of_kernel = *kernel] { of_kernel.wake(); });
  return std::make_unique<JoinedTransport>(
      std::move(wire), std::move(kernel), where,
      JoinedTransport::Surroundings{
          .patience_us = [&network, &of_wire, worker]() -> int64_t {
            return network.may_sleep(worker) ? of_wire.patience_us() : 0;
          },
          .figures =
              [&network, &of_wire, worker](std::span<TransportFigure> into) {
                return worker_figures(of_wire.stack(), network, worker, into);
              },
          .end = [&of_wire] { reset_all(of_wire); },
          .listening = [&network, worker](const ListenOn& on) { apply(network, worker, on); },
          .look = worker == 0 ? announcer(network, of_wire) : std::function<void()>()});
}

}  // namespace pollux
