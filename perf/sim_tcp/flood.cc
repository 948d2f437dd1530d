#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/sim/net/echo_host.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/tcp_header.h"
#include "dataplane/tcp/wire/tcp_options.h"
#include "perf/sim_tcp/hosts.h"
#include "perf/sim_tcp/scenarios.h"

namespace pollux::tcp {
namespace {

constexpr double kSynsPerSecond = 1e6;
constexpr Moment kWarm{300 * kMillisecondNs};
constexpr Moment kFloods{1'300 * kMillisecondNs};
constexpr Moment kFloodIsFull{1'400 * kMillisecondNs};
constexpr Moment kEnds{3'400 * kMillisecondNs};

// Sends SYNs at random times, and says nothing to what comes back.
class Attacker final : public SimHost {
 public:
  // `sources`: how many addresses they come from, each with any port.
  Attacker(uint64_t seed, uint32_t sources) : rng_(seed), sources_(sources), buffers_(kBuffers) {}
  void attached(Machine& machine) override { machine_ = &machine; }
  void receive(Frame&, Moment) override {}
  void tick(Moment now) override {
    for (; next_ <= now; next_ = next_ + gap_ns()) {
      send_syn();
    }
  }
  Moment next_deadline() const override { return next_ < kEnds ? next_ : kNever; }
  uint64_t syns() const { return syns_; }

 private:
  static constexpr size_t kBuffers = 2'048;

  int64_t gap_ns() {
    return static_cast<int64_t>(-std::log(1 - rng_.unit()) * 1e9 / kSynsPerSecond);
  }
  void send_syn() {
    std::array<uint8_t, 128>& frame = buffers_[syns_ % kBuffers];
    const Room room(frame);
    const auto source = static_cast<uint32_t>(rng_.below(sources_));
    const Flow flow{IpAddress::v4(0x0a100000 + source), address_of(0),
                    static_cast<uint16_t>(rng_.below(64'000) + 1'024), kPort};
    TcpOptions options;
    options.mss = 1'460;
    options.window_scale = 7;
    options.sack_permitted = true;
    options.timestamps = {static_cast<uint32_t>(rng_.next()), 0};
    const size_t ip = write_ethernet(
        room, {.destination = mac_of(1), .source = mac_of(9), .type = EtherType::kIpv4});
    const size_t tcp = ip + kIpv4Bytes;
    const size_t bytes = write_tcp(room.subspan(tcp),
                                   {.source_port = flow.local_port,
                                    .destination_port = flow.remote_port,
                                    .seq = Seq{static_cast<uint32_t>(rng_.next())},
                                    .ack = {},
                                    .flags = kSyn,
                                    .window = 64'000},
                                   options);
    write_ipv4(room.subspan(ip),
               {.source = flow.local, .destination = flow.remote, .protocol = IpProtocol::kTcp},
               bytes);
    set_tcp_checksum(room.subspan(tcp, bytes),
                     pseudo_header(flow.local, flow.remote, 6, static_cast<uint32_t>(bytes)));
    syns_ += machine_->send(FrameView(frame).first(tcp + bytes), 0);
  }

  Rng rng_;
  const uint32_t sources_;
  std::vector<std::array<uint8_t, 128>> buffers_;
  Machine* machine_ = nullptr;
  Moment next_ = kFloods;
  uint64_t syns_ = 0;
};

void flood_from(uint64_t seed, Figures& figures, const std::string& name, uint32_t sources,
                const Costs& costs, bool has_goals) {
  const auto goal = [has_goals](Goal of) { return has_goals ? std::optional(of) : std::nullopt; };
  constexpr LinkConfig kEach = {.rate_bps = 10'000'000'000, .delay_ns = 12'500};
  constexpr uint32_t kEstablished = 50;
  ServerApp answers(64);
  AskApp asks({.think_ns_min = 500 * kMicrosecondNs, .think_ns_max = 1'500 * kMicrosecondNs}, seed);
  VisitApp visits(address_of(0), kFloodIsFull, kEnds, kMillisecondNs);
  PerfHostConfig server_config = perf_host(0);
  server_config.costs = costs;
  PerfHost server(server_config, seed, answers);
  PerfHost asking(perf_host(1), seed, asks);
  PerfHost visiting(perf_host(2), seed, visits);
  Attacker attacker(seed, sources);
  answers.set_stack(server.stack());
  asks.set_stack(asking.stack());
  visits.set_stack(visiting.stack());
  Network network(seed);
  Switch& hub = network.add_switch("hub");
  Machine& core = server.attach_to(network, "server");
  network.connect(core, hub, kEach);
  network.connect(asking.attach_to(network, "asking"), hub, kEach);
  network.connect(visiting.attach_to(network, "visiting"), hub, kEach);
  Machine& attacks = network.add_host(attacker,
                                      {.mac = mac_of(9),
                                       .rx_ring = 4'096,
                                       .tx_ring = 1'024,
                                       .packet_ns = 10,
                                       .send_ns = 10,
                                       .timer_ns = 10},
                                      "attacker");
  network.connect(attacks, hub, kEach);
  server.stack().listen({{.address = std::nullopt, .port = kPort}});
  asking.machine().post([&](Moment now) {
    for (uint32_t i = 0; i < kEstablished; ++i) {
      asks.connect(address_of(0), now);
    }
  });
  visiting.machine().kick();
  attacks.kick();

  const auto run_to = [&](Moment moment) { network.run_for(moment - network.now()); };
  run_to(kWarm);
  asks.take_times_ns();
  run_to(kFloods);
  const double without_us = percentile(asks.take_times_ns(), 99) / 1e3;
  run_to(kFloodIsFull);
  asks.take_times_ns();
  const int64_t busy_before = core.busy_ns();
  run_to(kEnds);
  const std::vector<int64_t> during_ns = asks.take_times_ns();
  const double busy = 100.0 * static_cast<double>(core.busy_ns() - busy_before) /
                      static_cast<double>(kEnds - kFloodIsFull);
  network.run_for(2 * kSecondNs);

  const ListenerCounters& counters = server.stack().listener().counters();
  figures.add(name + ": SYNs", "M", static_cast<double>(attacker.syns()) / 1e6);
  figures.add(
      name + ": answered by cookies", "%",
      100 * static_cast<double>(counters.cookies_sent) / static_cast<double>(attacker.syns()));
  figures.add(name + ": lost for want of room in the ring", "",
              static_cast<double>(core.count(NetEvent::kRxOverflow)));
  figures.add(name + ": the core is busy", "%", busy);
  figures.add(name + ": others that connect, ask and close", "%",
              100 * static_cast<double>(visits.done()) / static_cast<double>(visits.begun()),
              goal(at_least(100)));
  figures.add(name + ": of these, the longest handshake", "us",
              percentile(visits.connect_ns(), 100) / 1e3);
  figures.add(name + ": p99 of 50 established ones before", "us", without_us);
  figures.add(name + ": p99 meanwhile", "us", percentile(during_ns, 99) / 1e3);
  figures.add(name + ": meanwhile to before", "x", percentile(during_ns, 99) / 1e3 / without_us,
              goal(at_most(2)));
  figures.add(name + ": longest meanwhile", "us", percentile(during_ns, 100) / 1e3);
}

}  // namespace

void flood(uint64_t seed, Figures& figures) {
  figures.heading("A million SYNs a second for 2 s at one core, which is charged for what it does");
  const Costs costs;
  flood_from(seed, figures, "from a million addresses", 1'000'000, costs, true);
  flood_from(seed, figures, "from 16 addresses", 16, costs, true);
  // As if a driver took so much for each frame that comes or goes.
  constexpr int64_t kDriverNs = 100;
  flood_from(seed, figures, "from a million, 100 ns a frame more", 1'000'000,
             {.request = costs.request + 2 * kDriverNs,
              .ack = costs.ack + kDriverNs,
              .syn = costs.syn + 2 * kDriverNs,
              .connection = costs.connection + 2 * kDriverNs},
             false);
}

}  // namespace pollux::tcp
