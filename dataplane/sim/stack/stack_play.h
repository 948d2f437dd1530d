// A whole scenario of stacks by one seed: hosts at a switch, what goes wrong between them, and
// streams from each client to the server. run() says what did not hold, or "".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/sim/net/network.h"
#include "dataplane/sim/stack/stack_host.h"
#include "dataplane/sim/stack/stream_app.h"

namespace pollux::tcp {

struct PlaySettings {
  uint32_t clients = 2;
  uint32_t connections = 5;  // of each client
  bool v6 = false;
  uint32_t mtu = 1500;
  LinkConfig link;
  LinkFaults link_faults;  // of each direction of each cable
  HostFaults host_faults;
  HostConfig host;
  SimDeviceConfig device;
  StackConfig stack;
  StreamOptions streams;
  // When faults end; from then on all must end well.
  Moment faults_end{20 * kSecondNs};
  bool hard = false;  // connections may break: RSTs and timeouts are no failure
};

PlaySettings drawn_settings(uint64_t seed);
// The same, and now and then what a stack meets seldom, or is configured to: clocks that are coarse
// or far ahead, a path that becomes narrow in silence, little memory, small tables, late ACKs.
PlaySettings wide_settings(uint64_t seed);

// What plays have in common: secrets of a host, its address and what is beside it, what it is made
// of, its cable.
StackKeys play_keys(uint64_t seed);
LinkPrefix play_address(const PlaySettings& settings, uint32_t host);
struct PlayHost {
  SimDeviceConfig device;
  StackConfig stack;
  HostConfig machine;
};
PlayHost play_host(const PlaySettings& settings, uint32_t host);
void connect_to_hub(Network& network, Machine& machine, Switch& hub, const PlaySettings& settings);
// The same of machines that are one NIC.
void connect_to_hub(Network& network, std::vector<Machine*> queues, Spreading how,
                    const SpreadKey& key, Switch& hub, const PlaySettings& settings);
// Calls connect() on the machine's core, and again a little later, until it does: while an address
// or memory is not there.
void connect_from(Network& network, Machine& machine, std::function<bool(Moment)> connect);
// What is with the devices comes back to their stacks, at the end.
void bring_back(Network& network);
// Addresses of IPv6 are usable a second after the start.
inline constexpr int64_t kFirstConnectNs = 1'500 * kMillisecondNs;
inline constexpr int64_t kConnectsNs = 500 * kMillisecondNs;
// Behind the last fault: backoff of retransmissions, and the wait for a peer that went silent.
inline constexpr int64_t kRecoverNs = 300 * kSecondNs;

class StackPlay {
 public:
  StackPlay(uint64_t seed, const PlaySettings& settings);

  std::string run();

  Network& network() { return network_; }
  StackHost& host(size_t i) { return *hosts_[i]; }  // 0: the server
  StreamApp& app(size_t i) { return *apps_[i]; }

 private:
  static constexpr uint16_t kPort = 6379;

  void add_host(uint32_t i);
  std::string wrong() const;
  bool is_done() const;
  std::string leftover();

  const uint64_t seed_;
  const PlaySettings settings_;
  std::vector<std::unique_ptr<StackHost>> hosts_;
  std::vector<std::unique_ptr<StreamApp>> apps_;
  Network network_;
  uint32_t connects_ = 0;
};

}  // namespace pollux::tcp
