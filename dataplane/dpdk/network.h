// The server's network over DPDK: environment, port, and a stack with the engine's port over it for
// each worker. Made by the main thread; each transport is then its worker's, the rest nobody's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/dpdk/counters.h"
#include "dataplane/dpdk/flow_rules.h"
#include "dataplane/dpdk/network_options.h"
#include "dataplane/tcp/capture/capture.h"
#include "dataplane/tcp/steering/steering.h"
#include "dataplane/tcp/transport/tcp_transport.h"

namespace pollux::dpdk {

class Port;

class Network {
 public:
  // Null with `error`: what is wrong, and what the operator can change.
  static std::unique_ptr<Network> open(const NetworkOptions& options, int workers,
                                       std::string& error);

  // Once for each worker. The network outlives it.
  std::unique_ptr<tcp::TcpTransport> make_transport(int worker);
  // How to rouse that worker, from the thread of another one; before any of them polls.
  void set_wake(int worker, std::function<void()> wake);
  // Its worker, before it sleeps: false if there are frames for it that came to others. Behind true
  // it is woken when there are.
  bool may_sleep(int worker);
  // The first worker: whether the link has come up since it asked last.
  bool take_link_up();
  // No worker uses its transport any more; what they have refers to is not looked at from then on.
  void stop();
  std::string summary() const;
  // The NUMA node that the NIC hangs on; -1: none is nearer.
  int node() const;

  // The way to the kernel and back; null: none was asked for. Its thread comes with set_host_wake.
  tcp::HostPath* host_path() { return host_path_.get(); }
  tcp::Steering* steering() { return steering_.get(); }
  void set_host_wake(std::function<void()> wake) { host_wake_ = std::move(wake); }
  tcp::MacAddress mac() const;
  tcp::Capture& capture() { return *capture_; }

  // --- one thread beside the workers ---
  // Sees whether the link is up; true if that has changed since the last look. (Before the first
  // one it is taken for up.)
  bool look_at_link();
  PortCounters port_counters();

  // --- its worker ---
  const QueueCounters& queue_counters(int worker) const;
  tcp::SteeringCounters steering_counters(int worker) const;  // of one alone: zeros
  // Frames of these are copied for capture() from now on.
  void capture_peers(int worker, std::vector<tcp::LinkPrefix> peers);

  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

 private:
  Network();
  std::string configure(const NetworkOptions& options);

  std::optional<FlowRules> rules_for(const NetworkOptions& options, int workers) const;
  void make_queues(uint16_t workers);
  void share(bool host_path);

  std::unique_ptr<Port> port_;
  std::unique_ptr<tcp::Capture> capture_;
  std::vector<std::unique_ptr<tcp::CapturedDevice>> queues_;  // of the port, by worker
  std::function<void()> host_wake_;
  std::unique_ptr<tcp::HostPath> host_path_;
  std::unique_ptr<tcp::Steering> steering_;  // null: one worker, and no way to the host
  std::vector<std::unique_ptr<tcp::SteeredDevice>> steered_;
  std::vector<std::function<void()>> wakes_;
  tcp::StackConfig stack_;
  tcp::StackKeys keys_;  // of all workers, but for `seed`
};

}  // namespace pollux::dpdk
