// A whole network and its time: machines, switches, cables. One seed gives all their chances.
//
//   Network network(seed);
//   Machine& client = network.add_host(client_host, {.mac = a}, "client");
//   Machine& server = network.add_host(server_host, {.mac = b}, "server");
//   const Cable cable = network.connect(client, server);
//   cable.there->set_faults({.loss = 100});  // client to server, 1 %
//   network.run_for(kSecondNs);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/sim/net/event_queue.h"
#include "dataplane/sim/net/host.h"
#include "dataplane/sim/net/link.h"
#include "dataplane/sim/net/machine.h"
#include "dataplane/sim/net/nic_queues.h"
#include "dataplane/sim/net/switch.h"
#include "dataplane/sim/net/trace.h"

namespace pollux::tcp {

// The network's; they live as long as it does.
struct Cable {
  Link* there = nullptr;  // from the first named to the second
  Link* back = nullptr;
};

class Network {
 public:
  static constexpr size_t kHostsMax = 1'000;

  explicit Network(uint64_t seed, Moment start = {}, size_t trace_kept = 256);

  // The host outlives the network.
  Machine& add_host(SimHost& host, const HostConfig& config, std::string name);
  Switch& add_switch(std::string name);
  // A machine has one cable.
  Cable connect(Machine& a, Machine& b, const LinkConfig& both = {});
  Cable connect(Machine& host, Switch& to, const LinkConfig& both = {});
  Cable connect(Switch& a, Switch& b, const LinkConfig& both = {});
  // Machines of one NIC; they have no other cable.
  Cable connect(std::vector<Machine*> queues, Spreading how, const SpreadKey& key, Switch& to,
                const LinkConfig& both = {});

  EventQueue& events() { return events_; }
  Trace& trace() { return trace_; }
  Moment now() const { return events_.now(); }
  uint64_t seed() const { return seed_; }
  void at(Moment moment, EventQueue::Action action) { events_.schedule(moment, std::move(action)); }
  bool run_for(int64_t ns) { return events_.run_for(ns); }
  bool run_until_idle() { return events_.run_until_idle(); }

  // By id.
  Link& link(uint32_t id) { return *links_[id]; }
  size_t links() const { return links_.size(); }
  Machine& machine(size_t i) { return *machines_[i]; }
  size_t machines() const { return machines_.size(); }

  // What went wrong on all links and hosts; and the same run from such a list, without chances:
  // Link::replay and Machine::replay of all that are here or come later.
  std::vector<NetFault> decided() const;
  void replay(std::vector<NetFault> script);

  // What no run may have: sends whose bytes changed under way. "" if all is well.
  std::string violations() const;
  // For a failed test: the seed, counters that are not 0, the last events.
  std::string report() const;

 private:
  Link& add_link(std::string name, const LinkConfig& config);
  Cable add_cable(const std::string& a, const std::string& b, const LinkConfig& both);

  const uint64_t seed_;
  EventQueue events_;
  Trace trace_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Switch>> switches_;
  std::vector<std::unique_ptr<NicQueues>> nics_;
  std::optional<std::vector<NetFault>> replayed_;
};

// All at one switch.
struct Star {
  Switch* hub = nullptr;
  std::vector<Cable> cables;  // host to switch, by host
};
Star connect_star(Network& network, std::span<Machine* const> hosts, const LinkConfig& each = {});

// Two switches with a cable between them that all of left's and right's traffic shares.
struct Dumbbell {
  Switch* left = nullptr;
  Switch* right = nullptr;
  Cable bottleneck;  // left to right
  std::vector<Cable> left_cables;
  std::vector<Cable> right_cables;
};
Dumbbell connect_dumbbell(Network& network, std::span<Machine* const> left,
                          std::span<Machine* const> right, const LinkConfig& bottleneck,
                          const LinkConfig& each = {});

}  // namespace pollux::tcp
