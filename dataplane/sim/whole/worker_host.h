// A host of the simulated network that is one worker of a Pollux server, on our own TCP: a turn of
// its core is a turn of the worker. The workers of one engine stand on machines of their own, so
// that requests cross from one to the other while packets get lost; or these are the queues of one
// NIC, and frames cross, too.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "dataplane/engine/worker.h"
#include "dataplane/sim/net/host.h"
#include "dataplane/sim/net/network.h"
#include "dataplane/sim/net/sim_device.h"
#include "dataplane/tcp/steering/steering.h"
#include "dataplane/tcp/transport/tcp_transport.h"

namespace pollux::tcp {

class WorkerHost final : public SimHost {
 public:
  WorkerHost(Network& network, const SimDeviceConfig& device, const StackConfig& config,
             const StackKeys& keys, size_t pinned_max);
  // One of those who share a port.
  WorkerHost(Network& network, const SimDeviceConfig& device, const StackConfig& config,
             const StackKeys& keys, size_t pinned_max, Steering& steering, uint16_t worker);

  // For the engine, which owns it from then on.
  std::unique_ptr<Transport> take_transport() { return std::move(owned_); }
  // The engine's, once there is one; it outlives all turns.
  void set_worker(Worker& worker) { worker_ = &worker; }

  TcpTransport& transport() { return *transport_; }
  SimDevice& device() { return device_; }
  const SteeredDevice* steered() const { return steered_.get(); }
  const std::string& violation() const { return violation_; }

  void attached(Machine& machine) override;
  void receive(Frame& frame, Moment /*now*/) override { device_.arrived(std::move(frame)); }
  void tick(Moment /*now*/) override {}  // the worker's poll does it
  void flush(Moment now) override;
  void sent(uint64_t token) override { device_.sent(token); }
  Moment next_deadline() const override;
  bool wants_turn() const override;

 private:
  // The worker's own timers (expiry, clients' limits) look at the time so often, and at mail of
  // other workers; while something of its own is with one of these more often.
  static constexpr int64_t kCronNs = kMillisecondNs;
  static constexpr int64_t kBusyNs = 5 * kMicrosecondNs;

  WorkerHost(Network& network, const SimDeviceConfig& device, const StackConfig& config,
             const StackKeys& keys, size_t pinned_max, Steering* steering, uint16_t worker);

  SimDevice device_;
  const std::unique_ptr<SteeredDevice> steered_;  // null: its port is its own
  Moment now_{};
  std::unique_ptr<TcpTransport> owned_;
  TcpTransport* transport_;
  Worker* worker_ = nullptr;
  Moment next_cron_{};
  std::string violation_;
};

// The engine's time of day, as the network has it.
class NetworkClock final : public Clock {
 public:
  explicit NetworkClock(Network& network) : network_(network) {}
  Instant now() override { return {kStartUs + network_.now().ns / kMicrosecondNs}; }

 private:
  static constexpr int64_t kStartUs = 1'700'000'000'000'000;
  Network& network_;
};

}  // namespace pollux::tcp
