#include "dataplane/dpdk/network.h"

#include <utility>

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "src/base/rng.h"
#include "src/base/time.h"

namespace pollux::dpdk {

namespace {

tcp::SipKey random_key() { return {entropy64(), entropy64()}; }

}  // namespace

Network::Network() = default;
Network::~Network() = default;

void Network::stop() {
  port_->stop();
}

tcp::MacAddress Network::mac() const {
  return port_->caps().mac;
}

std::string Network::summary() const { return port_->summary(); }

int Network::node() const {
  return port_->node();
}

bool Network::take_link_up() {
  return port_->take_link_up();
}

bool Network::look_at_link() {
  return port_->look_at_link();
}

PortCounters Network::port_counters() {
  return port_->counters();
}

const QueueCounters& Network::queue_counters(int worker) const {
  return port_->device(static_cast<uint16_t>(worker)).counters();
}

tcp::SteeringCounters Network::steering_counters(int worker) const {
  return steering_ == nullptr ? tcp::SteeringCounters()
                              : steered_[static_cast<size_t>(worker)]->counters();
}

std::unique_ptr<Network> Network::open(const NetworkOptions& options, int workers,
                                       std::string& error) {
  std::unique_ptr<Network> network(new Network());
  error = network->configure(options);
  if (error.empty()) {
    log_eal_messages();
    error = start_eal(options.arguments);
  }
  if (error.empty()) {
    PortOptions port{.name = options.port,
                     .queues = static_cast<uint16_t>(workers),
                     .mtu = options.mtu,
                     .to_kernel = options.host_path,
                     .rules = network->rules_for(options, workers)};
    error = read_rss_key(options.rss_key, port.rss_key);
    network->port_ = error.empty() ? Port::open(port, error) : nullptr;
  }
  if (error.empty()) {
    network->make_queues(static_cast<uint16_t>(workers));
  }
  if (error.empty() && (workers > 1 || options.host_path)) {
    network->share(options.host_path);
  }
  return error.empty() ? std::move(network) : nullptr;
}

std::string Network::configure(const NetworkOptions& options) {
  std::string problem = read_options(options, stack_.interface);
  if (!problem.empty()) {
    return problem;
  }
  stack_.connections_max = options.connections_max;
  stack_.sender.rtt = options.wan ? tcp::kWanRtt : tcp::kDataCentreRtt;
  keys_.listener = {.table = random_key(),
                    .offsets = random_key(),
                    .cookie_flow = random_key(),
                    .cookie_period = random_key(),
                    .limits = random_key()};
  keys_.limits = random_key();
  keys_.ports = random_key();
  return {};
}

std::optional<FlowRules> Network::rules_for(const NetworkOptions& options, int workers) const {
  return options.flow_rules
             ? std::optional(flow_rules(stack_.interface.addresses, stack_.interface.vlan,
                                        static_cast<uint16_t>(workers)))
             : std::nullopt;
}

void Network::make_queues(uint16_t workers) {
  capture_ = std::make_unique<tcp::Capture>(workers, [] { return tcp::Moment{monotonic_ns()}; });
  for (uint16_t i = 0; i < workers; ++i) {
    queues_.push_back(std::make_unique<tcp::CapturedDevice>(*capture_, i, port_->device(i)));
  }
}

void Network::capture_peers(int worker, std::vector<tcp::LinkPrefix> peers) {
  queues_[static_cast<size_t>(worker)]->choose(std::move(peers));
}

void Network::share(bool host_path) {
  const auto count = static_cast<uint16_t>(queues_.size());
  const PortSpread& spread = port_->spread();
  steering_ =
      std::make_unique<tcp::Steering>(spread.told ? tcp::FlowSpread(spread.key, spread.queues)
                                                  : tcp::FlowSpread::even(spread.key, count),
                                      count, [this](uint16_t worker) { wakes_[worker](); });
  std::vector<tcp::IpAddress> ours;
  for (const tcp::LinkPrefix& prefix : stack_.interface.addresses) {
    ours.push_back(prefix.address);
  }
  steering_->set_addresses(std::move(ours));
  if (host_path) {
    const uint32_t frame_bytes =
        port_->caps().mtu + static_cast<uint32_t>(tcp::kEthernetBytes + 2 * tcp::kVlanTagBytes);
    host_path_ = std::make_unique<tcp::HostPath>(count, frame_bytes, [this] { host_wake_(); });
    steering_->set_host(*host_path_);
  }
  wakes_.resize(count);
  for (uint16_t i = 0; i < count; ++i) {
    steered_.push_back(steering_->attach(i, *queues_[i]));
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
  config.interface.leads = worker == 0;
  tcp::Device* device = queues_[static_cast<size_t>(worker)].get();
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
