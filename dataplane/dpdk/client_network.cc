#include "dataplane/dpdk/client_network.h"

#include <chrono>
#include <thread>

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/network_options.h"
#include "dataplane/dpdk/port.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/base/time.h"

namespace pollux::dpdk {

namespace {

constexpr uint16_t kFirstPort = 1024;
constexpr int64_t kSecondNs = 1'000'000'000;

tcp::SipKey random_key() {
  return {entropy64(), entropy64()};
}

tcp::StackKeys random_keys() {
  return {.listener = {.table = random_key(),
                       .offsets = random_key(),
                       .cookie_flow = random_key(),
                       .cookie_period = random_key(),
                       .limits = random_key()},
          .limits = random_key(),
          .ports = random_key(),
          .seed = entropy64()};
}

// As the other end sees it.
tcp::Flow seen_by_peer(const tcp::Flow& flow) {
  return {.local = flow.remote,
          .remote = flow.local,
          .local_port = flow.remote_port,
          .remote_port = flow.local_port};
}

}  // namespace

ClientNetwork::ClientNetwork() = default;

// Stacks give back to their devices what they hold, so these are last.
ClientNetwork::~ClientNetwork() {
  if (port_ != nullptr) {
    port_->stop();
  }
  stacks_.clear();
}

std::string ClientNetwork::summary() const {
  return port_->summary();
}

std::unique_ptr<ClientNetwork> ClientNetwork::open(const ClientOptions& options,
                                                   std::string& error) {
  std::unique_ptr<ClientNetwork> network(new ClientNetwork());
  tcp::InterfaceConfig interface;
  error = read_options({.port = options.port, .addresses = {options.address}}, interface);
  std::vector<uint8_t> key;
  if (error.empty()) {
    error = read_rss_key(options.server_key, key);
  }
  if (error.empty() && options.queues > 1 && key.empty()) {
    error =
        "several queues: which of the server's workers a connection belongs to is not known. Give "
        "the server a net-rss-key, and the same here";
  }
  if (error.empty()) {
    log_eal_messages();
    error = start_eal(options.arguments);
  }
  if (error.empty()) {
    network->port_ =
        Port::open({.name = options.port, .queues = options.queues, .mtu = options.mtu}, error);
  }
  if (error.empty()) {
    error = network->wait_for_link(options.link_wait_ns);
  }
  if (!error.empty()) {
    return nullptr;
  }
  if (options.queues > 1) {
    network->server_ = tcp::FlowSpread::even(key, options.queues);
  }
  network->make_stacks(options, interface);
  return network;
}

// A question that goes out before is lost, and comes again a second later.
std::string ClientNetwork::wait_for_link(int64_t wait_ns) {
  constexpr auto kStep = std::chrono::milliseconds(1);
  const int64_t until_ns = monotonic_ns() + wait_ns;
  if (!port_->counters().link_up) {
    log_line(LogLevel::kNotice, "The port is ready and waits for its peer, for %lld s at most",
             static_cast<long long>(wait_ns / kSecondNs));
  }
  while (!port_->counters().link_up) {
    if (monotonic_ns() > until_ns) {
      return "its link stays down for " + std::to_string(wait_ns / kSecondNs) +
             " s: is the peer running, and on the same socket?";
    }
    std::this_thread::sleep_for(kStep);
  }
  return {};
}

void ClientNetwork::make_stacks(const ClientOptions& options,
                                const tcp::InterfaceConfig& interface) {
  tcp::StackConfig config;
  config.interface = interface;
  config.connections_max = options.connections_max;
  config.sender.rtt = tcp::kDataCentreRtt;
  config.ephemeral_port_min = kFirstPort;
  config.ephemeral_port_max = UINT16_MAX;
  const tcp::StackKeys keys = random_keys();
  for (uint16_t queue = 0; queue < options.queues; ++queue) {
    if (server_) {
      config.is_ours = [this, queue](const tcp::Flow& flow) {
        return server_->worker_of(seen_by_peer(flow)) == queue;
      };
    }
    tcp::StackKeys own = keys;
    own.seed = entropy64();
    stacks_.push_back(std::make_unique<tcp::Stack>(config, own, port_->device(queue),
                                                   tcp::Moment{monotonic_ns()}));
  }
}

}  // namespace pollux::dpdk
