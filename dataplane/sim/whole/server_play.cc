#include "dataplane/sim/whole/server_play.h"

#include <utility>

#include "dataplane/sim/net/echo_host.h"

namespace pollux::tcp {

ServerPlay::ServerPlay(uint64_t seed, int workers, const PlaySettings& settings,
                       const RespOptions& requests)
    : seed_(seed),
      workers_(static_cast<uint32_t>(workers)),
      settings_(settings),
      requests_(requests),
      network_(seed),
      clock_(network_) {
  std::vector<std::unique_ptr<Transport>> transports;
  for (uint32_t i = 0; i < workers_; ++i) {
    add_worker(i);
    transports.push_back(servers_[i]->take_transport());
  }
  engine_ = std::make_unique<SimEngine>(
      SimOptions{.workers = workers, .seed = seed, .config = "protected-mode no\n"},
      std::move(transports), clock_);
  for (uint32_t i = 0; i < workers_; ++i) {
    servers_[i]->set_worker(engine_->engine().worker(static_cast<int>(i)));
  }
  for (uint32_t i = 0; i < settings.clients; ++i) {
    add_client(i);
  }
  Switch& hub = network_.add_switch("hub");
  for (size_t i = 0; i < network_.machines(); ++i) {
    connect_to_hub(network_, network_.machine(i), hub, settings);
  }
  Rng rng(seed);
  for (uint32_t client = 0; client < settings.clients; ++client) {
    for (uint32_t n = 0; n < settings.connections; ++n) {
      const Moment at{kFirstConnectNs + static_cast<int64_t>(rng.below(kConnectsNs))};
      const auto worker = static_cast<uint32_t>(rng.below(workers_));
      network_.at(at, [this, client, worker] { connect(client, worker); });
    }
  }
}

// Machines first: they hold turns of hosts.
ServerPlay::~ServerPlay() = default;

void ServerPlay::add_worker(uint32_t i) {
  SimDeviceConfig device = settings_.device;
  device.caps.mac = mac_of(i + 1);
  StackConfig config = settings_.stack;
  config.interface.addresses = {play_address(settings_, i)};
  servers_.push_back(std::make_unique<WorkerHost>(
      network_, device, config, play_keys(seed_ * 1'000 + i), 1 + seed_ * 997 % 40'000));
  const std::string problem = servers_[i]->transport().listen({.bind = {"*"}, .port = kPort}, true);
  POLLUX_ASSERT(problem.empty());
  HostConfig host = settings_.host;
  host.mac = device.caps.mac;
  network_.add_host(*servers_[i], host, "worker" + std::to_string(i));
}

void ServerPlay::add_client(uint32_t i) {
  const uint32_t number = workers_ + i;
  SimDeviceConfig device = settings_.device;
  device.caps.mac = mac_of(number + 1);
  StackConfig config = settings_.stack;
  config.interface.addresses = {play_address(settings_, number)};
  const uint64_t seed = seed_ * 1'000 + number;
  clients_.push_back(std::make_unique<StackHost>(device, config, play_keys(seed), network_.now()));
  apps_.push_back(std::make_unique<RespApp>(clients_[i]->stack(), seed,
                                            "client" + std::to_string(i), requests_));
  clients_[i]->set_app(*apps_[i]);
  HostConfig host = settings_.host;
  host.mac = device.caps.mac;
  network_.add_host(*clients_[i], host, "client" + std::to_string(i));
}

// Again a little later, while an address or memory is not there.
void ServerPlay::connect(uint32_t client, uint32_t worker) {
  network_.machine(workers_ + client).post([this, client, worker](Moment now) {
    if (apps_[client]->connect(play_address(settings_, worker).address, kPort, now)) {
      ++connects_;
    } else {
      network_.events().schedule_in(kConnectsNs / 10,
                                    [this, client, worker] { connect(client, worker); });
    }
  });
}

std::string ServerPlay::wrong() const {
  for (const std::unique_ptr<WorkerHost>& server : servers_) {
    if (!server->violation().empty()) {
      return "a worker: " + server->violation();
    }
  }
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (!clients_[i]->violation().empty()) {
      return "a client: " + clients_[i]->violation();
    }
    if (!apps_[i]->error().empty()) {
      return apps_[i]->error();
    }
  }
  return network_.violations();
}

bool ServerPlay::is_done() const {
  if (connects_ < settings_.clients * settings_.connections) {
    return false;
  }
  for (const std::unique_ptr<RespApp>& app : apps_) {
    if (app->open() != 0) {
      return false;
    }
  }
  for (const std::unique_ptr<WorkerHost>& server : servers_) {
    if (server->transport().stack().connections() != 0) {
      return false;
    }
  }
  return true;
}

uint64_t ServerPlay::answers() const {
  uint64_t answers = 0;
  for (const std::unique_ptr<RespApp>& app : apps_) {
    answers += app->answered();
  }
  return answers;
}

std::string ServerPlay::state() const {
  std::string text;
  for (const std::unique_ptr<RespApp>& app : apps_) {
    text += app->state();
  }
  return text;
}

std::string ServerPlay::run() {
  const bool ended = network_.events().run_until([this] { return !wrong().empty() || is_done(); },
                                                 settings_.faults_end + kRecoverNs);
  if (const std::string what = wrong(); !what.empty()) {
    return what + "\n" + state();
  }
  if (!ended) {
    return "it does not end\n" + state();
  }
  bring_back(network_);
  if (const std::string what = engine_->leaks(); !what.empty()) {
    return what;
  }
  for (const std::unique_ptr<WorkerHost>& server : servers_) {
    if (server->transport().stack().memory_bytes() != 0) {
      return "bytes are kept for nobody";
    }
  }
  return "";
}

}  // namespace pollux::tcp
