// A whole Pollux server in the simulated network, by one seed: an engine whose workers stand on
// machines of their own, clients that ask and know each answer, and all that goes wrong between
// them. run() says what did not hold, or "".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/sim/sim_engine.h"
#include "dataplane/sim/stack/stack_host.h"
#include "dataplane/sim/stack/stack_play.h"
#include "dataplane/sim/whole/resp_app.h"
#include "dataplane/sim/whole/worker_host.h"

namespace pollux::tcp {

// Where the server's workers are.
struct OneNic {
  Spreading spreading = Spreading::kAsTold;
  bool hashes = false;  // it says by what
};

class ServerPlay {
 public:
  // Of the settings the streams are not used. Workers have an address each, or are the queues of
  // one NIC.
  ServerPlay(uint64_t seed, int workers, const PlaySettings& settings, const RespOptions& requests,
             std::optional<OneNic> nic = {});

  std::string run();
  Network& network() { return network_; }
  // Of all workers.
  SteeringCounters steered() const;

 private:
  static constexpr uint16_t kPort = 6379;

  void add_worker(uint32_t i);
  void add_client(uint32_t i);
  std::string wrong() const;
  std::string state() const;
  bool is_done() const;

  const uint64_t seed_;
  const uint32_t workers_;
  const PlaySettings settings_;
  const RespOptions requests_;
  const std::optional<OneNic> nic_;
  SpreadKey key_{};
  std::unique_ptr<Steering> steering_;
  std::vector<std::unique_ptr<WorkerHost>> servers_;
  std::vector<std::unique_ptr<StackHost>> clients_;
  std::vector<std::unique_ptr<RespApp>> apps_;
  Network network_;
  NetworkClock clock_;
  std::unique_ptr<SimEngine> engine_;
  uint32_t connects_ = 0;
};

}  // namespace pollux::tcp
