#include <string>

#include "perf/sim_tcp/hosts.h"
#include "perf/sim_tcp/scenarios.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

constexpr LinkConfig kCable = {.rate_bps = 10'000'000'000, .delay_ns = 25 * kMicrosecondNs};
constexpr int64_t kAckDelayNs = 40 * kMillisecondNs;

// A client as Linux is one: its ACKs wait for 40 ms behind the first 16, and it repeats nothing
// before 200 ms have passed, neither by timer nor by probe.
PerfHostConfig slow_client() {
  PerfHostConfig config = perf_host(1);
  config.stack.connection.receive.ack.delay_ns = kAckDelayNs;
  config.stack.sender.rtt = kWanRtt;
  config.stack.sender.rtt.granularity_ns = 200 * kMillisecondNs;
  return config;
}

struct Pair {
  Pair(uint64_t seed, const PerfHostConfig& client_config, const AskOptions& options,
       const LinkConfig& link, uint32_t connections)
      : asks(options, seed),
        server(perf_host(0), seed, answers),
        client(client_config, seed, asks),
        network(seed) {
    answers.set_stack(server.stack());
    asks.set_stack(client.stack());
    Machine& machine = server.attach_to(network, "server");
    client.attach_to(network, "client");
    cable = network.connect(machine, client.machine(), link);
    server.stack().listen({{.address = std::nullopt, .port = kPort}});
    client.machine().post([this, connections](Moment now) {
      for (uint32_t i = 0; i < connections; ++i) {
        const bool connects = asks.connect(address_of(0), now);
        POLLUX_ASSERT(connects);
      }
    });
    network.run_for(100 * kMillisecondNs);
    asks.take_times_ns();
  }
  ServerApp answers{64};
  AskApp asks;
  PerfHost server;
  PerfHost client;
  Network network;
  Cable cable;  // from the server
};

void replies_of(uint64_t seed, Figures& figures, const std::string& name,
                const PerfHostConfig& client, bool goal, int64_t pause_ns = 0) {
  const bool pauses = pause_ns != 0;
  Pair pair(seed, client, {.think_ns_min = pause_ns, .think_ns_max = pause_ns}, kCable,
            pauses ? 50 : 1);
  pair.cable.there->set_faults({.loss = 100});
  pair.network.run_for((pauses ? 300 : 10) * kSecondNs);
  const std::vector<int64_t> times_ns = pair.asks.take_times_ns();
  const auto add = [&](const char* what, double percent, std::optional<Goal> of) {
    figures.add(name + ": " + what, "us", percentile(times_ns, percent) / 1e3, of);
  };
  add("p50", 50, std::nullopt);
  add("p99", 99, std::nullopt);
  add("p99.9", 99.9, goal ? std::optional(at_most(5'000)) : std::nullopt);
  add("longest", 100, std::nullopt);
  figures.add(name + ": replies", "", static_cast<double>(times_ns.size()));
  POLLUX_ASSERT(pair.asks.broken() == 0);
}

}  // namespace

void lost_replies(uint64_t seed, Figures& figures) {
  figures.heading(
      "Requests and replies of 64 bytes, one connection, 50 us; 1 % of what the server sends is "
      "lost");
  replies_of(seed, figures, "client with Linux' timers (ACKs after 40 ms)", slow_client(), true);
  replies_of(seed, figures, "our stack at both ends", perf_host(1), false);
  // Its ACKs are as late as a lost reply is silent: who does not wait for them sends twice.
  replies_of(seed, figures, "50 with Linux' timers, each pauses for 100 ms behind a reply",
             slow_client(), false, 100 * kMillisecondNs);
}

void delayed_acks(uint64_t seed, Figures& figures) {
  figures.heading(
      "A request every 100 ms on each of 10 connections, ACKs after 40 ms, nothing is lost");
  const auto run = [&](const std::string& name, int64_t tick_ns, int64_t jitter_ns,
                       int64_t pause_ns_min = 100 * kMillisecondNs,
                       int64_t pause_ns_max = 100 * kMillisecondNs) {
    PerfHostConfig client = slow_client();
    client.machine.clock_granularity_ns = tick_ns;
    LinkConfig link = kCable;
    link.jitter_ns = jitter_ns;
    Pair pair(seed, client, {.think_ns_min = pause_ns_min, .think_ns_max = pause_ns_max}, link, 10);
    const auto again = [&pair] { return pair.server.stack().sender_counters().retransmissions; };
    pair.network.run_for(3 * kSecondNs);
    const uint64_t first = again();
    const uint64_t asked = pair.asks.asked();
    pair.network.run_for(600 * kSecondNs);
    figures.add(name + ": sent again in the first 3 s, each", "", static_cast<double>(first) / 10);
    figures.add(
        name + ": share sent again, the 600 s behind", "%",
        100 * static_cast<double>(again() - first) / static_cast<double>(pair.asks.asked() - asked),
        at_most(0.1));
  };
  run("exact", 1, 0);
  run("a tick of 4 ms", 4 * kMillisecondNs, 0);
  run("a tick of 4 ms, jitter of 1 ms", 4 * kMillisecondNs, kMillisecondNs);
  run("pauses of 0 to 200 ms", 4 * kMillisecondNs, 0, 0, 200 * kMillisecondNs);
}

}  // namespace pollux::tcp
