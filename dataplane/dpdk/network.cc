#include "dataplane/dpdk/network.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/port.h"
#include "src/base/rng.h"
#include "src/base/time.h"

namespace pollux::dpdk {

using tcp::IpAddress;
using tcp::LinkPrefix;

namespace {

constexpr uint8_t kV4Bits = 32;
constexpr uint8_t kV6Bits = 128;

// "address/bits"; without bits it is one address.
std::optional<LinkPrefix> parse_prefix(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  const uint8_t most = address->is_v4() ? kV4Bits : kV6Bits;
  uint8_t bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bits);
    if (error != std::errc() || end != digits.end() || bits > most) {
      return std::nullopt;
    }
  }
  return LinkPrefix{*address, bits};
}

tcp::SipKey random_key() { return {entropy64(), entropy64()}; }

}  // namespace

Network::Network() = default;
Network::~Network() = default;

void Network::stop() {
  port_->stop();
}

std::string Network::summary() const { return port_->summary(); }

std::unique_ptr<Network> Network::open(const NetworkOptions& options, int workers,
                                       std::string& error) {
  std::unique_ptr<Network> network(new Network());
  error = network->configure(options);
  if (error.empty()) {
    error = start_eal(options.arguments);
  }
  if (error.empty()) {
    network->port_ = Port::open({.name = options.port,
                                 .queues = static_cast<uint16_t>(workers),
                                 .mtu = options.mtu},
                                error);
  }
  if (error.empty() && workers > 1) {
    network->share(workers);
  }
  return error.empty() ? std::move(network) : nullptr;
}

std::string Network::configure(const NetworkOptions& options) {
  if (options.port.empty()) {
    return "transport dpdk needs dpdk-port: a PCI address (0000:03:00.0) or a device that "
           "dpdk-args make, as in net_tap0";
  }
  if (options.addresses.empty()) {
    return "transport dpdk needs net-address, as in 10.0.0.5/24 or fd00::5/64";
  }
  for (const std::string& text : options.addresses) {
    const std::optional<LinkPrefix> prefix = parse_prefix(text);
    if (!prefix) {
      return "net-address " + text + ": not an address with its prefix, as in 10.0.0.5/24";
    }
    stack_.interface.addresses.push_back(*prefix);
  }
  for (const std::string& text : options.gateways) {
    const std::optional<IpAddress> address = IpAddress::parse(text);
    if (!address) {
      return "net-gateway " + text + ": not an address";
    }
    std::optional<IpAddress>& gateway =
        address->is_v4() ? stack_.interface.gateway_v4 : stack_.interface.gateway_v6;
    if (gateway) {
      return "net-gateway " + text + ": a second one of this version of IP";
    }
    gateway = *address;
  }
  stack_.interface.vlan = options.vlan;
  stack_.connections_max = options.connections_max;
  keys_.listener = {.table = random_key(),
                    .offsets = random_key(),
                    .cookie_flow = random_key(),
                    .cookie_period = random_key(),
                    .limits = random_key()};
  keys_.limits = random_key();
  keys_.ports = random_key();
  return {};
}

void Network::share(int workers) {
  const auto count = static_cast<uint16_t>(workers);
  const PortSpread& spread = port_->spread();
  steering_ =
      std::make_unique<tcp::Steering>(spread.told ? tcp::FlowSpread(spread.key, spread.queues)
                                                  : tcp::FlowSpread::even(spread.key, count),
                                      count, [this](uint16_t worker) { wakes_[worker](); });
  wakes_.resize(count);
  for (uint16_t i = 0; i < count; ++i) {
    steered_.push_back(steering_->attach(i, port_->device(i)));
  }
}

void Network::set_wake(int worker, std::function<void()> wake) {
  if (steering_ != nullptr) {
    wakes_[static_cast<size_t>(worker)] = std::move(wake);
  }
}

bool Network::may_sleep(int worker) {
  return steering_ == nullptr || steered_[static_cast<size_t>(worker)]->may_sleep();
}

std::unique_ptr<tcp::TcpTransport> Network::make_transport(int worker) {
  tcp::StackKeys keys = keys_;
  keys.seed = entropy64();
  tcp::StackConfig config = stack_;
  tcp::Device* device = &port_->device(static_cast<uint16_t>(worker));
  if (steering_ != nullptr) {
    device = steered_[static_cast<size_t>(worker)].get();
    config.is_ours = [&spread = steering_->spread(), worker](const tcp::Flow& flow) {
      return spread.worker_of(flow) == worker;
    };
  }
  return std::make_unique<tcp::TcpTransport>(
      config, keys, *device,
      tcp::TcpSurroundings{.now = [] { return tcp::Moment{monotonic_ns()}; },
                           .wait = [](tcp::Moment) {},
                           .wake = [] {}});
}

}  // namespace pollux::dpdk
