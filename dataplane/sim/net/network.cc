#include "dataplane/sim/net/network.h"

#include <algorithm>
#include <utility>

#include "dataplane/sim/net/chance.h"
#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

// Of link or machine number `id`: of links and of machines each their own, so that one more of
// these leaves those what they were.
uint64_t link_seed(uint64_t seed, size_t id) {
  return mixed_at(mixed_at(seed, 1), id);
}
uint64_t machine_seed(uint64_t seed, size_t id) {
  return mixed_at(mixed_at(seed, 2), id);
}

}  // namespace

Network::Network(uint64_t seed, Moment start, size_t trace_kept)
    : seed_(seed), events_(start), trace_(trace_kept) {}

Machine& Network::add_host(SimHost& host, const HostConfig& config, std::string name) {
  POLLUX_ASSERT(machines_.size() < kHostsMax);
  const auto id = static_cast<uint32_t>(machines_.size());
  machines_.push_back(std::make_unique<Machine>(events_, trace_, id, machine_seed(seed_, id), host,
                                                config, std::move(name)));
  if (replayed_) {
    machines_.back()->replay(*replayed_);
  }
  return *machines_.back();
}

Switch& Network::add_switch(std::string name) {
  switches_.push_back(std::make_unique<Switch>(std::move(name)));
  return *switches_.back();
}

Link& Network::add_link(std::string name, const LinkConfig& config) {
  const auto id = static_cast<uint32_t>(links_.size());
  links_.push_back(
      std::make_unique<Link>(events_, trace_, id, link_seed(seed_, id), config, std::move(name)));
  if (replayed_) {
    links_.back()->replay(*replayed_);
  }
  return *links_.back();
}

Cable Network::add_cable(const std::string& a, const std::string& b, const LinkConfig& both) {
  Link& there = add_link(a + " > " + b, both);
  Link& back = add_link(b + " > " + a, both);
  return {&there, &back};
}

Cable Network::connect(Machine& a, Machine& b, const LinkConfig& both) {
  const Cable cable = add_cable(a.name(), b.name(), both);
  a.plug_in(*cable.there);
  b.plug_in(*cable.back);
  cable.there->set_sink(b, 0);
  cable.back->set_sink(a, 0);
  return cable;
}

Cable Network::connect(Machine& host, Switch& to, const LinkConfig& both) {
  const Cable cable = add_cable(host.name(), to.name(), both);
  host.plug_in(*cable.there);
  cable.there->set_sink(to, to.add_port(*cable.back));
  cable.back->set_sink(host, 0);
  return cable;
}

Cable Network::connect(std::vector<Machine*> queues, Spreading how, const SpreadKey& key,
                       Switch& to, const LinkConfig& both) {
  const Cable cable = add_cable(queues.front()->name(), to.name(), both);
  for (Machine* const queue : queues) {
    queue->plug_in(*cable.there);
  }
  nics_.push_back(
      std::make_unique<NicQueues>(link_seed(seed_, links_.size()), std::move(queues), how, key));
  cable.there->set_sink(to, to.add_port(*cable.back));
  cable.back->set_sink(*nics_.back(), 0);
  return cable;
}

Cable Network::connect(Switch& a, Switch& b, const LinkConfig& both) {
  const Cable cable = add_cable(a.name(), b.name(), both);
  cable.back->set_sink(a, a.add_port(*cable.there));
  cable.there->set_sink(b, b.add_port(*cable.back));
  return cable;
}

std::vector<NetFault> Network::decided() const {
  std::vector<NetFault> all;
  for (const std::unique_ptr<Link>& link : links_) {
    all.insert(all.end(), link->decided().begin(), link->decided().end());
  }
  for (const std::unique_ptr<Machine>& machine : machines_) {
    all.insert(all.end(), machine->decided().begin(), machine->decided().end());
  }
  return all;
}

void Network::replay(std::vector<NetFault> script) {
  replayed_ = std::move(script);
  for (const std::unique_ptr<Link>& link : links_) {
    link->replay(*replayed_);
  }
  for (const std::unique_ptr<Machine>& machine : machines_) {
    machine->replay(*replayed_);
  }
}

std::string Network::violations() const {
  std::string all;
  for (const std::unique_ptr<Machine>& machine : machines_) {
    all += machine->first_change().empty() ? "" : machine->first_change() + "\n";
  }
  return all;
}

namespace {

template <typename Counted>
std::string counters(const Counted& counted) {
  std::string line = counted.name() + ":";
  for (size_t i = 0; i < kNetEvents; ++i) {
    const auto event = static_cast<NetEvent>(i);
    if (counted.count(event) != 0) {
      line += " " + std::string(name_of(event)) + " " + std::to_string(counted.count(event)) + ";";
    }
  }
  return line + "\n";
}

}  // namespace

std::string Network::report() const {
  std::string out = "seed " + std::to_string(seed_) + ", at " + std::to_string(events_.now().ns) +
                    " ns after " + std::to_string(events_.happened()) + " events\n" + violations();
  for (const std::unique_ptr<Link>& link : links_) {
    out += counters(*link);
  }
  for (const std::unique_ptr<Machine>& machine : machines_) {
    out += counters(*machine);
  }
  return out + trace_.text();
}

Star connect_star(Network& network, std::span<Machine* const> hosts, const LinkConfig& each) {
  Star star{.hub = &network.add_switch("hub")};
  for (Machine* host : hosts) {
    star.cables.push_back(network.connect(*host, *star.hub, each));
  }
  return star;
}

Dumbbell connect_dumbbell(Network& network, std::span<Machine* const> left,
                          std::span<Machine* const> right, const LinkConfig& bottleneck,
                          const LinkConfig& each) {
  Dumbbell bell{.left = &network.add_switch("left"), .right = &network.add_switch("right")};
  bell.bottleneck = network.connect(*bell.left, *bell.right, bottleneck);
  for (Machine* host : left) {
    bell.left_cables.push_back(network.connect(*host, *bell.left, each));
  }
  for (Machine* host : right) {
    bell.right_cables.push_back(network.connect(*host, *bell.right, each));
  }
  return bell;
}

}  // namespace pollux::tcp
