#include "dataplane/sim/whole/server_play.h"

#include <algorithm>
#include <utility>

namespace pollux::tcp {

ServerPlay::ServerPlay(uint64_t seed, int workers, const PlaySettings& settings,
                       const RespOptions& requests, std::optional<OneNic> nic)
    : seed_(seed),
      workers_(static_cast<uint32_t>(workers)),
      settings_(settings),
      requests_(requests),
      nic_(nic),
      network_(seed),
      clock_(network_) {
  std::vector<std::unique_ptr<Transport>> transports;
  if (nic_) {
    Rng rng(seed);
    std::ranges::generate(key_, [&] { return static_cast<uint8_t>(rng.below(256)); });
    steering_ = std::make_unique<Steering>(
        FlowSpread::even(key_, static_cast<uint16_t>(workers)), static_cast<uint16_t>(workers),
        [this](uint16_t worker) { network_.machine(worker).kick(); });
  }
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
  if (nic_) {
    std::vector<Machine*> queues;
    for (size_t i = 0; i < workers_; ++i) {
      queues.push_back(&network_.machine(i));
    }
    connect_to_hub(network_, queues, nic_->spreading, key_, hub, settings);
  }
  for (size_t i = nic_ ? workers_ : 0; i < network_.machines(); ++i) {
    connect_to_hub(network_, network_.machine(i), hub, settings);
  }
  Rng rng(seed);
  for (uint32_t client = 0; client < settings.clients; ++client) {
    for (uint32_t n = 0; n < settings.connections; ++n) {
      const Moment at{kFirstConnectNs + static_cast<int64_t>(rng.below(kConnectsNs))};
      const auto worker = nic_ ? 0 : static_cast<uint32_t>(rng.below(workers_));
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
  PlayHost made = play_host(settings_, nic_ ? 0 : i);
  StackKeys keys = play_keys(seed_ * 1'000 + (nic_ ? 0 : i));
  const size_t pinned_max = 1 + seed_ * 997 % 40'000;
  if (nic_) {
    keys.seed += i;
    if (nic_->hashes) {
      made.device.hash = [this](FrameView frame) {
        SpreadKey key = key_;
        key[5] ^= nic_->spreading == Spreading::kAsTold ? 0 : 0xff;
        return spread_hash(frame, key);
      };
    }
    made.stack.interface.leads = i == 0;
    made.stack.is_ours = [this, i](const Flow& flow) {
      return steering_->spread().worker_of(flow) == i;
    };
    servers_.push_back(std::make_unique<WorkerHost>(
        network_, made.device, made.stack, keys, pinned_max, *steering_, static_cast<uint16_t>(i)));
  } else {
    servers_.push_back(
        std::make_unique<WorkerHost>(network_, made.device, made.stack, keys, pinned_max));
  }
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

SteeringCounters ServerPlay::steered() const {
  SteeringCounters all;
  for (const std::unique_ptr<WorkerHost>& server : servers_) {
    const SteeringCounters& one = server->steered()->counters();
    all.handed_on += one.handed_on;
    all.handed_over += one.handed_over;
    all.no_parcel += one.no_parcel;
    all.told_to_all += one.told_to_all;
    all.hashed_right += one.hashed_right;
    all.hashed_wrong += one.hashed_wrong;
  }
  return all;
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
    if (server->device().rx_buffers_out() > Stack::kBurst) {
      return "frames were not released";
    }
  }
  return "";
}

}  // namespace pollux::tcp
