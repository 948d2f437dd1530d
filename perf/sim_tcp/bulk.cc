#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "perf/sim_tcp/hosts.h"
#include "perf/sim_tcp/scenarios.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

constexpr int64_t kMeasuredNs = kSecondNs;
// 10 Gb/s behind a queue of 1 MB, 50 us there and back. The hosts' own cables are faster, so that
// what waits does so in the switch, where DCTCP's marks are made.
constexpr LinkConfig kHostCable = {.rate_bps = 40'000'000'000, .delay_ns = 5 * kMicrosecondNs};
constexpr LinkConfig kNarrow = {.rate_bps = 10'000'000'000, .delay_ns = 20 * kMicrosecondNs};
constexpr uint32_t kDctcpThreshold = 65 * 1'514;  // of the DCTCP paper, for 10 Gb/s

// What Linux 6.18 did over veth with the same loss, in Mb/s.
struct Linux {
  uint32_t loss;  // of kChanceMax
  double reno;
  double cubic;
  double factor;  // of it that is the goal
};
constexpr std::array<Linux, 3> kLinux = {
    {{10, 1'930, 3'120, 1}, {100, 600, 1'030, 1}, {300, 71, 54, 5}}};

struct Result {
  std::vector<double> mbps;  // of each sender
  uint64_t timeouts = 0;
  uint64_t again = 0;
  uint64_t segments = 0;  // offered to the narrow link
};

PerfHostConfig bulk_host(uint32_t number, CongestionAlgorithm algorithm) {
  PerfHostConfig config = perf_host(number);
  config.stack.sender.congestion = algorithm;
  config.stack.connection.ecn = algorithm == CongestionAlgorithm::kDctcp;
  return config;
}

struct Sender {
  Sender(const PerfHostConfig& config, uint64_t seed) : host(config, seed, app) {
    app.set_stack(host.stack());
  }
  BulkApp app;
  PerfHost host;
};

// Hosts with a sender each, and one that receives.
Result run(uint64_t seed, CongestionAlgorithm algorithm, uint32_t loss, uint32_t count) {
  Network network(seed);
  Switch& hub = network.add_switch("hub");
  ServerApp receives(0);
  PerfHost receiver(bulk_host(0, algorithm), seed, receives);
  receives.set_stack(receiver.stack());
  receiver.stack().listen({{.address = std::nullopt, .port = kPort}});
  LinkConfig narrow = kNarrow;
  narrow.ecn_threshold_bytes = algorithm == CongestionAlgorithm::kDctcp ? kDctcpThreshold : 0;
  const Cable cable = network.connect(receiver.attach_to(network, "receiver"), hub, narrow);
  std::vector<std::unique_ptr<Sender>> senders;
  for (uint32_t i = 1; i <= count; ++i) {
    senders.push_back(std::make_unique<Sender>(bulk_host(i, algorithm), seed));
    PerfHost& host = senders.back()->host;
    Machine& machine = host.attach_to(network, "sender");
    network.connect(machine, hub, kHostCable);
    machine.post([&host](Moment now) { host.stack().connect(address_of(0), kPort, now); });
  }
  const auto all_connected = [&] {
    return std::ranges::all_of(
        senders, [](const auto& sender) { return sender->app.connected_at().has_value(); });
  };
  const bool connected = network.events().run_until(all_connected, Moment{10 * kSecondNs});
  POLLUX_ASSERT(connected);
  // Both ways, of what comes behind the handshake.
  cable.there->set_faults({.loss = loss});
  cable.back->set_faults({.loss = loss});
  const auto taken = [&] {
    std::vector<uint64_t> bytes;
    for (uint32_t i = 1; i <= count; ++i) {
      bytes.push_back(receives.bytes_from(address_of(i)));
    }
    return bytes;
  };
  const std::vector<uint64_t> before = taken();
  network.run_for(kMeasuredNs);
  const std::vector<uint64_t> after = taken();
  Result result;
  for (size_t i = 0; i < senders.size(); ++i) {
    result.mbps.push_back(static_cast<double>(after[i] - before[i]) * 8e3 /
                          static_cast<double>(kMeasuredNs));
    result.timeouts += senders[i]->host.stack().sender_counters().timeouts;
    result.again += senders[i]->host.stack().sender_counters().retransmissions;
  }
  result.segments = cable.back->count(NetEvent::kOffered);
  return result;
}

std::string percent(uint32_t loss) {
  const uint32_t tenths = loss / 10;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) +
         " %";
}

}  // namespace

void bulk(uint64_t seed, Figures& figures) {
  figures.heading(
      "Bulk: one connection, 10 Gb/s, 50 us there and back, queue of 1 MB, TSO; lost both ways");
  constexpr std::array<std::pair<CongestionAlgorithm, const char*>, 3> kAlgorithms = {
      {{CongestionAlgorithm::kNewReno, "NewReno"},
       {CongestionAlgorithm::kCubic, "CUBIC"},
       {CongestionAlgorithm::kDctcp, "DCTCP"}}};
  for (const auto& [algorithm, name] : kAlgorithms) {
    const std::string who = name;
    figures.add(who + ", nothing lost: goodput", "Mb/s", run(seed, algorithm, 0, 1).mbps[0],
                at_least(9'000));
    const std::vector<double> two = run(seed, algorithm, 0, 2).mbps;
    figures.add(who + ", two connections: the larger share to the smaller", "x",
                std::max(two[0], two[1]) / std::min(two[0], two[1]), at_most(2));
  }
  for (const Linux& them : kLinux) {
    for (const auto& [algorithm, name] : kAlgorithms) {
      const Result result = run(seed, algorithm, them.loss, 1);
      const double linux_mbps = algorithm == CongestionAlgorithm::kNewReno ? them.reno : them.cubic;
      const std::string what = std::string(name) + ", loss " + percent(them.loss);
      figures.add(what + ": goodput", "Mb/s", result.mbps[0], at_least(linux_mbps * them.factor));
      figures.add(what + ": timeouts", "", static_cast<double>(result.timeouts));
      figures.add(what + ": sent again, of 100 lost", "",
                  1e6 * static_cast<double>(result.again) /
                      (static_cast<double>(result.segments) * them.loss));
    }
  }
}

}  // namespace pollux::tcp
