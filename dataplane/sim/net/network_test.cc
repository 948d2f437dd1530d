#include "dataplane/sim/net/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/sim/net/echo_host.h"
#include "dataplane/sim/net/net_test_support.h"
#include "dataplane/sim/net/shrink.h"

namespace pollux::tcp {
namespace {

// Hosts 0 to n - 1 with the addresses mac_of(0) on; those from `first_echo` on answer.
struct Hosts {
  Hosts(Network& network, uint32_t count, uint32_t first_echo, const HostConfig& config = {}) {
    for (uint32_t i = 0; i < count; ++i) {
      HostConfig own = config;
      own.mac = mac_of(i);
      EchoHost& host = hosts.emplace_back(
          EchoHost::Options{.mac = mac_of(i), .answers = i >= first_echo, .keeps = true});
      machines.push_back(&network.add_host(host, own, "host " + std::to_string(i)));
    }
  }
  // Host `from` sends a frame, from within a turn of its core.
  void send(uint32_t from, MacAddress to, uint64_t number = 0, size_t bytes = 100) {
    machines[from]->post([this, from, to, number, bytes](Moment) {
      hosts[from].send(plain_frame(mac_of(from), to, bytes, number));
    });
  }

  std::deque<EchoHost> hosts;
  std::vector<Machine*> machines;
};

TEST(Network, TwoHostsBackToBack) {
  Network network(1);
  Hosts all(network, 2, 1, {.packet_ns = 300, .send_ns = 20, .dma_ns = 100});
  const Cable cable =
      network.connect(*all.machines[0], *all.machines[1],
                      {.rate_bps = 8'000'000'000, .delay_ns = 10'000, .overhead_bytes = 0});
  all.send(0, mac_of(1), 0, /*bytes=*/1'000);
  EXPECT_TRUE(
      network.events().run_until([&] { return all.hosts[0].received() == 1; }, Moment{kSecondNs}));
  // There 20 + 100 + 1000 + 10000, the turn 300, back the same.
  EXPECT_EQ(network.now(), Moment{2 * 11'120 + 300});
  EXPECT_EQ(cable.there->count(NetEvent::kArrived), 1U);
  EXPECT_EQ(cable.back->arrived_bytes(), 1'000U);
  EXPECT_EQ(cable.there->name(), "host 0 > host 1");
}

TEST(Network, EchoesAgainByTimer) {
  Network network(1);
  EchoHost asks({.mac = mac_of(0), .answers = false, .keeps = true});
  EchoHost echoes({.mac = mac_of(1), .again_ns = kMillisecondNs});
  Machine& client = network.add_host(asks, {}, "client");
  network.connect(client, network.add_host(echoes, {}, "server"), {.rate_bps = 0});
  client.post([&](Moment) { asks.send(plain_frame(mac_of(0), mac_of(1), 60)); });
  network.run_until_idle();
  ASSERT_EQ(asks.got().size(), 2U);
  // The second comes without the 500 ns that a packet costs, but with the 200 of a timer.
  EXPECT_EQ(asks.got()[1].at - asks.got()[0].at, kMillisecondNs - 500 + 200);
  EXPECT_EQ(echoes.ticks(), 1U);
}

TEST(Network, SwitchesLearn) {
  Network network(1);
  Hosts all(network, 4, 1);
  const Star star = connect_star(network, all.machines);
  all.send(0, mac_of(2));
  network.run_until_idle();
  EXPECT_EQ(all.hosts[2].received(), 1U);
  EXPECT_EQ(all.hosts[0].received(), 1U);
  // Flooded to three, of which two did not want it; the answer knew its way.
  EXPECT_EQ(star.hub->flooded(), 1U);
  EXPECT_EQ(star.hub->forwarded(), 1U);
  EXPECT_EQ(star.hub->learnt(), 2U);
  EXPECT_EQ(all.machines[1]->count(NetEvent::kRxNotForUs), 1U);
  EXPECT_EQ(all.machines[3]->count(NetEvent::kRxNotForUs), 1U);
  all.send(0, mac_of(2));
  network.run_until_idle();
  EXPECT_EQ(star.hub->flooded(), 1U);
  star.hub->forget();
  all.send(0, mac_of(2));
  network.run_until_idle();
  EXPECT_EQ(star.hub->flooded(), 2U);
}

// A group is nobody's address: who learnt it would send all broadcasts to one port.
TEST(Network, GroupsAreNotLearnt) {
  Network network(1);
  Hosts all(network, 3, 3);
  const Star star = connect_star(network, all.machines);
  star.cables[0].there->send(plain_frame(kBroadcast, mac_of(1), 60));
  network.run_until_idle();
  EXPECT_EQ(star.hub->learnt(), 0U);
}

TEST(Network, BroadcastReachesAllOthersOnce) {
  Network network(1);
  Hosts all(network, 200, 1);
  const Star star = connect_star(network, all.machines);
  all.send(0, kBroadcast);
  network.run_until_idle();
  for (size_t i = 1; i < 200; ++i) {
    EXPECT_EQ(all.hosts[i].received(), 1U);
  }
  EXPECT_EQ(all.hosts[0].received(), 199U);  // the answers
  EXPECT_EQ(star.hub->learnt(), 200U);
}

TEST(Network, RuntsAndFramesToTheirOwnPortEndAtTheSwitch) {
  Network network(1);
  Hosts all(network, 2, 2);
  const Star star = connect_star(network, all.machines);
  all.send(0, mac_of(0));
  network.run_until_idle();
  EXPECT_EQ(star.hub->filtered(), 1U);
  star.cables[0].there->send(Frame(13));
  network.run_until_idle();
  EXPECT_EQ(star.hub->runts(), 1U);
  EXPECT_EQ(all.hosts[1].received(), 0U);
}

TEST(Network, ABottleneckIsShared) {
  Network network(1);
  Hosts all(network, 4, 4, {.tx_ring = 1'024});
  const Dumbbell bell =
      connect_dumbbell(network, std::span(all.machines).first(2), std::span(all.machines).last(2),
                       {.rate_bps = 1'000'000'000, .queue_frames_max = 100});
  for (uint32_t from = 0; from < 2; ++from) {
    for (uint64_t i = 0; i < 1'000; ++i) {
      all.send(from, mac_of(from + 2), i, 1'514);
    }
  }
  network.run_until_idle();
  const Link& shared = *bell.bottleneck.there;
  EXPECT_EQ(shared.count(NetEvent::kOffered), 2'000U);
  EXPECT_EQ(shared.count(NetEvent::kArrived) + shared.count(NetEvent::kLostQueueFull), 2'000U);
  // Twice 10 Gbit/s into one: what passes is a twentieth, and the queue at the end.
  EXPECT_NEAR(static_cast<double>(shared.count(NetEvent::kArrived)), 2'000 / 20 + 100, 5);
  EXPECT_EQ(bell.left->learnt(), 2U);
}

// Which link of a cable is cut, only that direction is.
TEST(Network, PartitionsHaveADirection) {
  Network network(1);
  Hosts all(network, 2, 1);
  const Cable cable = network.connect(*all.machines[0], *all.machines[1]);
  cable.back->set_faults({.down = {{Moment{0}, Moment{kMillisecondNs}}}});
  all.send(0, mac_of(1));
  network.run_until_idle();
  EXPECT_EQ(all.hosts[1].received(), 1U);
  EXPECT_EQ(all.hosts[0].received(), 0U);
  network.at(Moment{kMillisecondNs}, [&] { all.send(0, mac_of(1)); });
  network.run_until_idle();
  EXPECT_EQ(all.hosts[0].received(), 1U);
}

// ---- the same seed ----

// Forty hosts ask each other, and much goes wrong.
struct Turmoil {
  explicit Turmoil(uint64_t seed, const std::optional<std::vector<NetFault>>& script = {})
      : network(seed) {
    if (script) {
      network.replay(*script);
    }
    Hosts& all = *(hosts = std::make_unique<Hosts>(network, 40, 20));
    const Star star = connect_star(network, all.machines, {.jitter_ns = 3'000});
    for (const Cable& cable : star.cables) {
      for (Link* link : {cable.there, cable.back}) {
        link->set_faults({.loss = 200,
                          .bursts = {.begin = 30},
                          .duplicate = 200,
                          .reorder = 200,
                          .corrupt = 200,
                          .corrupt_anywhere = true,
                          .truncate = 200});
      }
    }
    for (Machine* machine : all.machines) {
      machine->set_faults({.stalls = 100, .rx_buffers = 100});
    }
    for (uint64_t round = 0; round < 50; ++round) {
      for (uint32_t i = 0; i < 20; ++i) {
        all.send(i, mac_of(20 + static_cast<uint32_t>(round + i) % 20), round);
      }
      network.run_for(100 * kMicrosecondNs);
    }
    network.run_until_idle();
  }
  // All that a host could tell.
  std::string experience() const {
    std::string all;
    for (size_t i = 0; i < hosts->hosts.size(); ++i) {
      const EchoHost& host = hosts->hosts[i];
      for (const EchoHost::Got& got : host.got()) {
        all += std::to_string(got.at.ns) + ":" + std::to_string(hash_of(got.frame)) + " ";
      }
      all += std::to_string(hosts->machines[i]->turns()) + " turns, busy " +
             std::to_string(hosts->machines[i]->busy_ns()) + "\n";
    }
    return all;
  }
  Network network;
  std::unique_ptr<Hosts> hosts;
};

// Chances of links and hosts that are set afterwards, on links and hosts that come afterwards.
TEST(Network, WhatWentWrongIsAScript) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Turmoil by_chance(seed);
    const std::vector<NetFault> all = by_chance.network.decided();
    for (const FaultKind kind : {FaultKind::kLose, FaultKind::kStall, FaultKind::kNoRxBuffer}) {
      EXPECT_NE(std::ranges::find(all, kind, &NetFault::kind), all.end());
    }
    const Turmoil again(seed, all);
    EXPECT_EQ(again.experience(), by_chance.experience());
    EXPECT_EQ(again.network.decided(), all);
  }
}

TEST(Network, WithoutFaultsAReplayIsAQuietRun) {
  const Turmoil quiet(1, std::vector<NetFault>{});
  EXPECT_TRUE(quiet.network.decided().empty());
  uint64_t received = 0;
  for (const EchoHost& host : quiet.hosts->hosts) {
    received += host.received();
  }
  EXPECT_EQ(received, 2'000U);
}

TEST(Network, TheSameSeedIsTheSameRun) {
  std::vector<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Turmoil once(seed);
    Turmoil again(seed);
    EXPECT_GT(once.network.trace().events(), 2'000U);
    EXPECT_EQ(once.network.trace().hash(), again.network.trace().hash()) << "seed " << seed;
    EXPECT_EQ(once.network.report(), again.network.report());
    EXPECT_EQ(once.network.violations(), "");
    hashes.push_back(once.network.trace().hash());
  }
  std::ranges::sort(hashes);
  EXPECT_EQ(std::ranges::adjacent_find(hashes), hashes.end());
}

// A host more leaves the chances of the others what they were.
TEST(Network, ChancesDoNotDependOnWhoElseIsThere) {
  std::vector<std::vector<NetFault>> decided;
  for (const uint32_t hosts : {2U, 3U}) {
    Network network(7);
    Hosts all(network, hosts, hosts);
    network.connect(*all.machines[0], *all.machines[1]).there->set_faults({.loss = 1'000});
    for (uint64_t i = 1; i <= 500; ++i) {
      all.send(0, mac_of(1), i);
    }
    network.run_until_idle();
    decided.push_back(network.decided());
  }
  EXPECT_GT(decided[0].size(), 20U);
  EXPECT_EQ(decided[0], decided[1]);
}

TEST(Network, ReportsTellWhatHappened) {
  Network network(4711);
  Hosts all(network, 2, 1);
  const Cable cable = network.connect(*all.machines[0], *all.machines[1]);
  cable.there->set_faults({.rules = {drop_nth(1, match::any())}});
  all.send(0, mac_of(1));
  network.run_until_idle();
  const std::string report = network.report();
  EXPECT_NE(report.find("seed 4711"), std::string::npos);
  EXPECT_NE(report.find("host 0 > host 1: offered 1; lost by rule 1;"), std::string::npos);
  EXPECT_NE(report.find("0.000000700 host 0 > host 1: lost by rule, 100 bytes, 02:00:00:00:00:00 "
                        "> 02:00:00:00:00:01 type 88b5"),
            std::string::npos)
      << report;
}

// ---- from a failure to its cause ----

// "Fails" if neither frame 30 nor its repetition, 40, came through: two faults of a hundred.
struct Exchange {
  explicit Exchange(uint64_t seed) : network(seed), all(network, 2, 2) {
    cable = network.connect(*all.machines[0], *all.machines[1]);
  }
  bool fails() {
    uint64_t came = 0;
    network.link(0).add_tap(tap);
    for (uint64_t i = 1; i <= 60; ++i) {
      all.send(0, mac_of(1), i);
      network.run_for(20 * kMicrosecondNs);
    }
    network.run_until_idle();
    came = tap.came;
    return came == 0;
  }
  struct Tap final : LinkTap {
    void see(Moment, NetEvent event, FrameView frame) override {
      came += event == NetEvent::kArrived && (number_of(frame) == 30 || number_of(frame) == 40);
    }
    uint64_t came = 0;
  };
  Network network;
  Hosts all;
  Cable cable;
  Tap tap;
};

// What a host's own faults do stands in the list, too: without them there would be nothing to
// shrink to.
TEST(Network, FailuresShrinkToFaultsOfHosts) {
  Exchange by_chance(1);
  by_chance.all.machines[1]->set_faults({.rx_buffers = 3'000});
  by_chance.network.link(0).set_faults({.duplicate = 1'000});
  const auto lost = [](Exchange& exchange) {
    exchange.fails();
    return exchange.all.hosts[1].received() < 60;
  };
  ASSERT_TRUE(lost(by_chance));
  const std::vector<NetFault> all = by_chance.network.decided();
  const Shrunk shrunk = shrink(all.size(), [&](const std::vector<size_t>& kept) {
    Exchange exchange(1);
    exchange.network.replay(pick(all, kept));
    exchange.all.machines[1]->set_faults({.rx_buffers = 3'000});
    return lost(exchange);
  });
  EXPECT_TRUE(shrunk.reproduced && shrunk.minimal);
  const std::vector<NetFault> some = pick(all, shrunk.kept);
  ASSERT_EQ(some.size(), 1U);
  EXPECT_EQ(some[0].kind, FaultKind::kNoRxBuffer);
  EXPECT_EQ(text(some[0]), "host 1 frame " + std::to_string(some[0].number) + ": no buffer 0");
}

TEST(Network, AFailureShrinksToItsFaults) {
  constexpr LinkFaults kNoFaults;
  LinkFaults faults = kNoFaults;
  faults.loss = 3'000;
  faults.duplicate = 2'000;
  faults.reorder = 2'000;
  for (uint64_t seed = 1; seed < 100; ++seed) {
    Exchange by_chance(seed);
    by_chance.cable.there->set_faults(faults);
    if (!by_chance.fails()) {
      continue;
    }
    const std::vector<NetFault> all = by_chance.network.decided();
    const Shrunk shrunk = shrink(all.size(), [&](const std::vector<size_t>& kept) {
      Exchange exchange(seed);
      exchange.network.replay(pick(all, kept));
      return exchange.fails();
    });
    EXPECT_TRUE(shrunk.reproduced && shrunk.minimal);
    EXPECT_GT(all.size(), 20U);
    EXPECT_EQ(pick(all, shrunk.kept),
              (std::vector<NetFault>{{0, 30, FaultKind::kLose, 0}, {0, 40, FaultKind::kLose, 0}}));
    return;
  }
  FAIL() << "no seed fails";
}

}  // namespace
}  // namespace pollux::tcp
