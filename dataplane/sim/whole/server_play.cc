#include "dataplane/sim/whole/server_play.h"

#include <utility>

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
      network_.at(at, [this, client, worker] {
        connect_from(network_, network_.machine(workers_ + client), [=, this](Moment now) {
          const bool connects =
              apps_[client]->connect(play_address(settings_, worker).address, kPort, now);
          connects_ += connects;
          return connects;
        });
      });
    }
  }
}

void ServerPlay::add_worker(uint32_t i) {
  const PlayHost made = play_host(settings_, i);
  servers_.push_back(std::make_unique<WorkerHost>(
      network_, made.device, made.stack, play_keys(seed_ * 1'000 + i), 1 + seed_ * 997 % 40'000));
  const std::string problem = servers_[i]->transport().listen({.bind = {"*"}, .port = kPort}, true);
  POLLUX_ASSERT(problem.empty());
  network_.add_host(*servers_[i], made.machine, "worker" + std::to_string(i));
}

void ServerPlay::add_client(uint32_t i) {
  const uint32_t number = workers_ + i;
  const PlayHost made = play_host(settings_, number);
  const uint64_t seed = seed_ * 1'000 + number;
  clients_.push_back(
      std::make_unique<StackHost>(made.device, made.stack, play_keys(seed), network_.now()));
  apps_.push_back(std::make_unique<RespApp>(clients_[i]->stack(), seed,
                                            "client" + std::to_string(i), requests_));
  clients_[i]->set_app(*apps_[i]);
  network_.add_host(*clients_[i], made.machine, "client" + std::to_string(i));
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
