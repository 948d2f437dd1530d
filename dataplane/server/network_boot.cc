#include "dataplane/server/network_boot.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/engine/config_options.h"
#include "dataplane/server/joined_transport.h"

namespace pollux {

namespace {

std::vector<std::string> words_of(const std::string& text) {
  return text.empty() ? std::vector<std::string>() : split_words(text);
}

// Besides clients those that are refused, who hear why, and those that are closed and not over.
uint32_t connections_for(int64_t clients) {
  return static_cast<uint32_t>(clients + std::max<int64_t>(1024, clients / 4));
}

}  // namespace

std::unique_ptr<dpdk::Network> open_network(const Config& config, int workers,
                                            std::string& error) {
  return dpdk::Network::open({.arguments = words_of(config.dpdk_args),
                              .port = config.dpdk_port,
                              .addresses = words_of(config.net_addresses),
                              .gateways = words_of(config.net_gateways),
                              .mtu = static_cast<uint32_t>(config.net_mtu),
                              .vlan = static_cast<uint16_t>(config.net_vlan),
                              .connections_max = connections_for(config.maxclients)},
                             workers, error);
}

std::unique_ptr<Transport> join_network(dpdk::Network& network, int worker,
                                        std::unique_ptr<Transport> kernel, const Config& config,
                                        std::string& error) {
  std::unique_ptr<tcp::TcpTransport> wire = network.make_transport(worker);
  const ListenOn where = listen_on(config);
  error = wire->listen(where, true);
  tcp::TcpTransport& of_wire = *wire;
  network.set_wake(worker, [&of_kernel = *kernel] { of_kernel.wake(); });
  return std::make_unique<JoinedTransport>(
      std::move(wire), std::move(kernel), where, [&network, &of_wire, worker]() -> int64_t {
        return network.may_sleep(worker) ? of_wire.patience_us() : 0;
      });
}

}  // namespace pollux
