#include "dataplane/sim/net/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/sim/net/echo_host.h"
#include "dataplane/sim/net/net_test_support.h"
#include "dataplane/sim/net/network.h"

namespace pollux::tcp {
namespace {

// Links that take no time but 1 us, so that what is measured is the machine.
constexpr LinkConfig kShort = {.rate_bps = 0, .delay_ns = 1'000, .mtu = 9'000};

// One machine under test; the test is the other end of its cable.
struct Bench {
  explicit Bench(SimHost& host, const HostConfig& config = {}, const LinkConfig& cable = kShort,
                 uint64_t seed = 1)
      : machine(events, trace, 0, seed, host, config, "host"),
        in(events, trace, 0, seed + 1, cable, "test > host"),
        out(events, trace, 1, seed + 2, cable, "host > test"),
        end(events) {
    in.set_sink(machine, 0);
    out.set_sink(end, 0);
    machine.plug_in(out);
  }
  void offer(uint64_t frames, size_t bytes = 100) {
    for (uint64_t i = 1; i <= frames; ++i) {
      in.send(plain_frame(mac_of(1), mac_of(2), bytes, i));
    }
  }

  EventQueue events;
  Trace trace;
  Machine machine;
  Link in;
  Link out;
  Collector end;
};

// Does what the test says.
struct Scripted final : SimHost {
  std::function<void(Frame&, Moment)> on_receive = [](Frame&, Moment) {};
  std::function<void(Moment)> on_received = [](Moment) {};
  std::function<void(Moment)> on_tick = [](Moment) {};
  std::function<bool()> on_wants_turn = [] { return false; };
  Moment deadline = kNever;
  std::string calls;
  std::vector<uint64_t> tokens;
  Machine* machine = nullptr;

  void attached(Machine& attached_to) override { machine = &attached_to; }
  void receive(Frame& frame, Moment now) override {
    calls += 'r';
    on_receive(frame, now);
  }
  void received(Moment now) override { on_received(now); }
  bool wants_turn() const override { return on_wants_turn(); }
  void tick(Moment now) override {
    calls += 't';
    deadline = kNever;
    on_tick(now);
  }
  Moment next_deadline() const override { return deadline; }
  void flush(Moment) override { calls += 'f'; }
  void sent(uint64_t token) override {
    calls += 's';
    tokens.push_back(token);
  }
};

// ---- the core ----

TEST(Machine, AnswersWhenItsCostHasPassed) {
  EchoHost host;
  Bench bench(host, {.packet_ns = 300, .send_ns = 50, .dma_ns = 40});
  bench.offer(1);
  bench.events.run_until_idle();
  ASSERT_EQ(bench.end.got.size(), 1U);
  EXPECT_EQ(bench.end.got[0].at, Moment{1'000 + 300 + 50 + 40 + 1'000});
  // The second turn is that of the completion; it costs the least that a turn can.
  EXPECT_EQ(bench.machine.turns(), 2U);
  EXPECT_EQ(bench.machine.busy_ns(), 351);
}

TEST(Machine, SendingTakesTime) {
  EchoHost host;
  Bench bench(host, {.send_ns = 70, .dma_ns = 40});
  bench.machine.post([&](Moment) {
    for (uint64_t i = 1; i <= 3; ++i) {
      host.send(plain_frame(mac_of(2), mac_of(1), 100, i));
    }
  });
  bench.events.run_until(Moment{1'500});
  EXPECT_EQ(bench.machine.busy_ns(), 210);
  ASSERT_EQ(bench.end.got.size(), 3U);
  EXPECT_EQ(bench.end.got[0].at, Moment{70 + 40 + 1'000});
  EXPECT_EQ(bench.end.got[2].at, Moment{210 + 40 + 1'000});
}

TEST(Machine, FramesOfABurstShareATurn) {
  Scripted host;
  std::vector<int64_t> nows;
  host.on_receive = [&](Frame&, Moment now) { nows.push_back(now.ns); };
  Bench bench(host, {.burst_max = 4, .packet_ns = 100});
  bench.offer(6);
  bench.events.run_until_idle();
  EXPECT_EQ(nows, (std::vector<int64_t>{1000, 1000, 1000, 1000, 1400, 1400}));
  EXPECT_EQ(host.calls, "rrrrfrrf");
}

TEST(Machine, FullRingsLoseFrames) {
  EchoHost host({.answers = false});
  Bench bench(host, {.rx_ring = 8, .burst_max = 1, .packet_ns = 1'000});
  bench.offer(20);
  bench.events.run_until_idle();
  // Nothing runs between arrivals of one moment.
  EXPECT_EQ(host.received(), 8U);
  EXPECT_EQ(bench.machine.count(NetEvent::kRxOverflow), 12U);
}

TEST(Machine, WaitsForItsDeadline) {
  Scripted host;
  std::vector<int64_t> ticks;
  host.deadline = Moment{5'000};
  host.on_tick = [&](Moment now) {
    ticks.push_back(now.ns);
    host.deadline = ticks.size() < 3 ? now + 7'000 : kNever;
  };
  Bench bench(host, {.timer_ns = 200});
  bench.machine.kick();
  bench.events.run_until_idle();
  EXPECT_EQ(ticks, (std::vector<int64_t>{5'000, 12'000, 19'000}));
  EXPECT_EQ(bench.machine.busy_ns(), 600);
}

TEST(Machine, BusyCoresTickLate) {
  Scripted host;
  int64_t ticked = 0;
  host.deadline = Moment{1'500};
  host.on_tick = [&](Moment now) { ticked = now.ns; };
  Bench bench(host, {.packet_ns = 10'000});
  bench.offer(1);
  bench.events.run_until_idle();
  EXPECT_EQ(ticked, 11'000);
}

// A retransmission timer that ran out while the core stood still is not due any more when the
// acknowledgement that lay in the ring meanwhile has been seen.
TEST(Machine, TimersComeBehindTheFramesThatWereThere) {
  Scripted host;
  Bench bench(host, {.burst_max = 2, .packet_ns = 100});
  bench.machine.stall(10'000);
  host.deadline = Moment{500};
  bench.machine.kick();
  bench.offer(5);
  bench.events.run_until_idle();
  EXPECT_EQ(host.calls, "rrfrrfrtf");
}

TEST(Machine, BurstsAreWorkedOnBeforeTimers) {
  Scripted host;
  host.on_received = [&](Moment) {
    host.calls += 'R';
    host.deadline = host.calls.find('r') == std::string::npos ? host.deadline : kNever;
  };
  Bench bench(host);
  host.deadline = Moment{500};
  bench.machine.stall(10'000);
  bench.machine.kick();
  bench.offer(2);
  bench.events.run_until_idle();
  EXPECT_EQ(host.calls, "rrRf");
}

// Frames that keep coming do not keep timers from running out.
TEST(Machine, OverloadedCoresTick) {
  Scripted host;
  int64_t ticked = 0;
  host.deadline = Moment{20'000};
  host.on_tick = [&](Moment now) { ticked = now.ns; };
  Bench bench(host, {.rx_ring = 8, .burst_max = 2, .packet_ns = 1'000});
  for (int64_t i = 0; i < 100; ++i) {
    bench.events.run_until(Moment{i * 500});
    bench.offer(1);
  }
  bench.events.run_until_idle();
  EXPECT_GE(ticked, 20'000);
  EXPECT_LE(ticked, 20'000 + 8 * 1'000 + 2'000);
}

TEST(Machine, PollsWhileTheHostWantsTo) {
  Scripted host;
  std::vector<int64_t> nows;
  host.on_received = [&](Moment now) { nows.push_back(now.ns); };
  host.on_wants_turn = [&] { return nows.size() < 4; };
  Bench bench(host, {.packet_ns = 500, .poll_ns = 80});
  bench.events.run_until_idle();
  EXPECT_TRUE(nows.empty()) << "nobody asked yet";
  bench.offer(1);
  bench.events.run_until_idle();
  EXPECT_EQ(nows, (std::vector<int64_t>{1'000, 1'500, 1'580, 1'660}));
  EXPECT_EQ(host.calls, "rffff");
  nows.clear();
  bench.machine.kick();
  bench.events.run_until_idle();
  EXPECT_EQ(nows.size(), 4U);
}

// Or a core that polls would stand still all the time: it does so a million times between frames.
TEST(Machine, CoresStallBehindWorkNotBehindPolls) {
  Scripted host;
  Bench bench(host);
  bench.machine.set_faults({.stalls = kChanceMax, .stall_ns_min = 7'000, .stall_ns_max = 7'000});
  int polls = 0;
  host.on_received = [&](Moment) { ++polls; };
  host.on_wants_turn = [&] { return polls < 1'000; };
  bench.machine.kick();
  bench.events.run_until(Moment{50'000});
  EXPECT_EQ(bench.machine.count(NetEvent::kStalled), 0U);
  EXPECT_EQ(bench.machine.turns(), 0U);
  bench.offer(1);
  bench.events.run_until_idle();
  EXPECT_EQ(bench.machine.decided(), (std::vector<NetFault>{{0, 1, FaultKind::kStall, 7'000}}));
  EXPECT_EQ(polls, 1'000);
}

// 1,500 bytes take 48 ms: 240,000 ticks that can do nothing.
TEST(Machine, TicksMayWaitForRoom) {
  Scripted host;
  Bench bench(host, {.tx_ring = 1, .timer_ns = 200}, {.rate_bps = 250'000});
  const Frame frame = plain_frame(mac_of(2), mac_of(1), 1'500);
  int sent = 0;
  host.on_tick = [&](Moment now) {
    sent += bench.machine.tx_room() != 0 && bench.machine.send(frame, 1) ? 1 : 0;
    host.deadline = sent == 2 ? kNever : now;
  };
  host.deadline = Moment{1};
  bench.machine.kick();
  bench.events.run_until_idle();
  EXPECT_EQ(sent, 2);
}

TEST(Machine, TicksMayWaitForMemory) {
  Scripted host;
  Bench bench(host, {.timer_ns = 200});
  bench.machine.set_faults({.until = Moment{30 * kMillisecondNs}, .allocations = kChanceMax});
  host.on_tick = [&](Moment now) { host.deadline = bench.machine.may_allocate() ? kNever : now; };
  host.deadline = Moment{1};
  bench.machine.kick();
  bench.events.run_until_idle();
  EXPECT_EQ(bench.events.now(), Moment{30 * kMillisecondNs + 1});
}

TEST(MachineDeathTest, TicksThatWaitForNothingAreABug) {
  Scripted host;
  host.on_tick = [&](Moment now) { host.deadline = now; };
  Bench bench(host);
  host.deadline = Moment{1};
  bench.machine.kick();
  EXPECT_DEATH(bench.events.run_until_idle(), "ticks_in_vain");
}

TEST(Machine, DeadlinesMoveBothWays) {
  Scripted host;
  std::vector<int64_t> ticks;
  host.on_tick = [&](Moment now) { ticks.push_back(now.ns); };
  Bench bench(host);
  const auto set = [&](int64_t at) { return [&host, at](Moment) { host.deadline = Moment{at}; }; };
  bench.machine.post(set(9'000));
  bench.events.run_until(Moment{100});
  bench.machine.post(set(20'000));
  bench.events.run_until(Moment{10'000});
  EXPECT_TRUE(ticks.empty());
  bench.machine.post(set(12'000));
  bench.events.run_until_idle();
  EXPECT_EQ(ticks, (std::vector<int64_t>{12'000}));
}

TEST(Machine, ClocksBeginAnywhereAndStepCoarsely) {
  Scripted host;
  std::vector<int64_t> nows;
  host.on_tick = [&](Moment now) { nows.push_back(now.ns); };
  Bench bench(host, {.clock_offset_ns = 5'000'000'300, .clock_granularity_ns = 1'000});
  bench.machine.post([&](Moment now) {
    nows.push_back(now.ns);
    host.deadline = now + 10'500;
  });
  bench.events.run_until_idle();
  // The clock says ..011'000 first when 10'700 ns have passed.
  EXPECT_EQ(nows, (std::vector<int64_t>{5'000'000'000, 5'000'011'000}));
  EXPECT_EQ(bench.events.now(), Moment{10'700});
}

// ---- stalls ----

TEST(Machine, StallsByScript) {
  EchoHost host({.answers = false, .keeps = true});
  Bench bench(host, {.rx_ring = 16, .packet_ns = 100});
  bench.machine.set_faults({.stall_script = {{Moment{50'000}, 5 * kMillisecondNs}}});
  for (int64_t i = 0; i < 40; ++i) {
    bench.events.run_until(Moment{i * 10'000});
    bench.offer(1);
  }
  bench.events.run_until_idle();
  // 0 to 4 come before; of the 35 others the ring holds 16 until it is over.
  EXPECT_EQ(host.received(), 21U);
  EXPECT_EQ(bench.machine.count(NetEvent::kRxOverflow), 19U);
  EXPECT_EQ(host.got()[4].at, Moment{41'000});
  EXPECT_EQ(host.got()[5].at, Moment{5'050'000});
  EXPECT_EQ(bench.machine.count(NetEvent::kStalled), 1U);
}

// All anew: what an earlier script had in store does not come any more, and what lies in the past
// does not come now.
TEST(Machine, StallScriptsReplaceEachOther) {
  EchoHost host;
  Bench bench(host);
  const HostFaults faults = {.stall_script = {{Moment{10'000}, 5'000}, {Moment{50'000}, 5'000}}};
  bench.machine.set_faults(faults);
  bench.machine.set_faults(faults);
  bench.events.run_until(Moment{20'000});
  EXPECT_EQ(bench.machine.count(NetEvent::kStalled), 1U);
  bench.machine.set_faults(faults);
  bench.events.run_until(Moment{40'000});
  EXPECT_EQ(bench.machine.count(NetEvent::kStalled), 1U);
  bench.machine.set_faults({});
  bench.events.run_until_idle();
  EXPECT_EQ(bench.machine.count(NetEvent::kStalled), 1U);
}

TEST(MachineDeathTest, RangesAreChecked) {
  EchoHost host;
  Bench bench(host);
  EXPECT_DEATH(bench.machine.set_faults({.stalls = kChanceMax + 1}), "stalls");
  EXPECT_DEATH(bench.machine.set_faults({.allocations = kChanceMax + 1}), "allocations");
  EXPECT_DEATH(bench.machine.set_faults({.rx_buffers = kChanceMax + 1}), "rx_buffers");
  EXPECT_DEATH(bench.machine.set_faults({.stall_ns_min = 2, .stall_ns_max = 1}), "stall_ns");
  EXPECT_DEATH(bench.machine.set_faults({.stall_ns_min = -1}), "stall_ns");
  EXPECT_DEATH(bench.machine.set_faults({.stall_script = {{Moment{1}, -1}}}), "ns");
  EXPECT_DEATH(Bench(host, {.completion_ns_min = 2, .completion_ns_max = 1}), "completion_ns");
  EXPECT_DEATH(Bench(host, {.completion_ns_min = -1}), "completion_ns");
  EXPECT_DEATH(Bench(host, {.tx_ring = 0, .completion_batch = 0}), "completion_batch");
  EXPECT_DEATH(Bench(host, {.packet_ns = -1}), "packet_ns");
  EXPECT_DEATH(Bench(host, {.dma_ns = -1}), "dma_ns");
  EXPECT_DEATH(Bench(host, {.clock_offset_ns = -1}), "clock_offset_ns");
}

TEST(Machine, DeadlinesFarAwayNeverCome) {
  Scripted host;
  Bench bench(host, {.clock_offset_ns = 5, .clock_granularity_ns = 1'000});
  host.deadline = Moment{kNever.ns - 1};
  bench.machine.kick();
  EXPECT_EQ(bench.events.next(), kNever);
}

TEST(Machine, StallsAfterTheTurnOfTheScript) {
  EchoHost host({.answers = false, .keeps = true});
  Bench bench(host, {.burst_max = 1, .packet_ns = 100});
  bench.machine.set_faults({.script = {{0, 2, FaultKind::kStall, 5'000}}});
  bench.offer(3);
  bench.events.run_until_idle();
  ASSERT_EQ(host.got().size(), 3U);
  EXPECT_EQ(host.got()[1].at, Moment{1'100});
  EXPECT_EQ(host.got()[2].at, Moment{1'200 + 5'000});
}

TEST(Machine, StallsFromWithinATurn) {
  EchoHost host({.answers = false, .keeps = true});
  Bench bench(host);
  bench.machine.post([&](Moment) { bench.machine.stall(kMillisecondNs); });
  bench.offer(1);
  bench.events.run_until_idle();
  ASSERT_EQ(host.got().size(), 1U);
  EXPECT_EQ(host.got()[0].at, Moment{kMillisecondNs});
}

TEST(Machine, StallsByChance) {
  EchoHost host({.answers = false});
  Bench bench(host, {.packet_ns = 100});
  bench.machine.set_faults({.stalls = 200});
  int64_t longest = 0;
  for (int64_t i = 0; i < 2'000; ++i) {
    bench.offer(1);
    const Moment before = bench.events.now();
    bench.events.run_until_idle();
    longest = std::max(longest, bench.events.now() - before);
  }
  EXPECT_NEAR(static_cast<double>(bench.machine.count(NetEvent::kStalled)), 40, 32);
  EXPECT_GT(longest, 20 * kMillisecondNs);
  EXPECT_LE(longest, 50 * kMillisecondNs + 2'000);
}

// ---- memory ----

TEST(Machine, AllocationsFailByNumberAndByChance) {
  EchoHost host;
  Bench bench(host);
  bench.machine.set_faults({.script = {{0, 5, FaultKind::kNoAllocation},
                                       {0, 2, FaultKind::kNoAllocation},
                                       {0, 1, FaultKind::kStall},
                                       {1, 1, FaultKind::kNoAllocation}}});
  std::string got;
  for (int i = 0; i < 6; ++i) {
    got += bench.machine.may_allocate() ? '1' : '0';
  }
  EXPECT_EQ(got, "101101");
  bench.machine.set_faults({.until = Moment{1'000}, .allocations = kChanceMax});
  EXPECT_FALSE(bench.machine.may_allocate());
  bench.events.run_until(Moment{1'000});
  EXPECT_TRUE(bench.machine.may_allocate());
  EXPECT_EQ(bench.machine.count(NetEvent::kNoAllocation), 3U);
}

TEST(Machine, FramesFindNoBuffer) {
  EchoHost host({.answers = false});
  Bench bench(host, {.rx_ring = 2'000});
  bench.machine.set_faults({.rx_buffers = 1'000});
  bench.offer(1'000);
  bench.events.run_until_idle();
  const uint64_t lost = bench.machine.count(NetEvent::kRxNoBuffer);
  EXPECT_NEAR(static_cast<double>(lost), 100, 50);
  EXPECT_EQ(host.received() + lost, 1'000U);
}

// Stalls, lack of memory and sends take nothing from the chances of buffers.
TEST(Machine, NoChanceShiftsAnother) {
  std::vector<std::vector<NetFault>> decided;
  for (const bool others : {false, true}) {
    EchoHost host({.answers = others});
    Bench bench(host, {.rx_ring = 2'000});
    bench.machine.set_faults(
        {.stalls = others ? 1'000U : 0U, .allocations = others ? 1'000U : 0U, .rx_buffers = 1'000});
    for (int i = 0; i < 50; ++i) {
      bench.offer(10);
      bench.machine.may_allocate();
      bench.events.run_until_idle();
    }
    decided.push_back(bench.machine.decided());
    const size_t erased = std::erase_if(
        decided.back(), [](const NetFault& fault) { return fault.kind != FaultKind::kNoRxBuffer; });
    EXPECT_EQ(erased != 0, others);
  }
  EXPECT_GT(decided[0].size(), 20U);
  EXPECT_EQ(decided[0], decided[1]);
}

TEST(Machine, TakesOnlyWhatIsForIt) {
  EchoHost host({.answers = false});
  Bench bench(host, {.mac = mac_of(2)});
  const MacAddress group = {{0x33, 0x33, 0, 0, 0, 1}};
  for (const MacAddress& to : {mac_of(2), mac_of(3), kBroadcast, group}) {
    bench.in.send(plain_frame(mac_of(1), to, 60));
  }
  bench.events.run_until_idle();
  EXPECT_EQ(host.received(), 3U);
  EXPECT_EQ(bench.machine.count(NetEvent::kRxNotForUs), 1U);
}

// ---- the transmit ring ----

// 1000 bytes take 1 us.
constexpr LinkConfig kSlow = {.rate_bps = 8'000'000'000, .delay_ns = 0, .overhead_bytes = 0};

TEST(Machine, WhatWaitsForTheWireWaitsInTheRing) {
  EchoHost host;
  Bench bench(host, {.tx_ring = 4, .dma_ns = 0, .completion_ns_min = 100, .completion_ns_max = 100},
              kSlow);
  std::string taken;
  for (uint64_t i = 1; i <= 6; ++i) {
    taken += host.send(plain_frame(mac_of(2), mac_of(1), 1'000, i)) ? '1' : '0';
  }
  EXPECT_EQ(taken, "111100");
  EXPECT_EQ(bench.machine.count(NetEvent::kTxRefused), 2U);
  EXPECT_EQ(bench.machine.tx_room(), 0U);
  bench.events.run_until(Moment{1'100});  // the first is done
  EXPECT_EQ(bench.machine.tx_room(), 1U);
  EXPECT_LE(bench.out.queued_frames(), 1U);
  bench.events.run_until_idle();
  EXPECT_EQ(numbers_of(bench.end.got), (std::vector<uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(bench.end.got[3].at, Moment{4'000});
  EXPECT_EQ(host.completed(), 4U);
  EXPECT_EQ(bench.machine.transmitted(), 4U);
}

TEST(Machine, PiecesBecomeOneFrame) {
  Scripted host;
  Bench bench(host);
  const Frame whole = segment({.payload = "value by reference"});
  const FrameView view(whole);
  const FrameView pieces[] = {view.first(54), view.subspan(54, 5), view.subspan(59)};
  EXPECT_TRUE(bench.machine.send(pieces, 7));
  bench.events.run_until_idle();
  ASSERT_EQ(bench.end.got.size(), 1U);
  EXPECT_EQ(bench.end.got[0].frame, whole);
  EXPECT_EQ(host.tokens, (std::vector<uint64_t>{7}));
  EXPECT_EQ(host.calls, "sf");
}

TEST(Machine, GivesBackInBatchesOrWhenAsked) {
  Scripted host;
  Bench bench(host, {.tx_ring = 8, .completion_batch = 4});
  const Frame frame = plain_frame(mac_of(2), mac_of(1), 100);
  for (uint64_t token = 1; token <= 6; ++token) {
    EXPECT_TRUE(bench.machine.send(frame, token));
  }
  bench.events.run_until_idle();
  EXPECT_EQ(host.tokens, (std::vector<uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(bench.machine.tx_under_way(), 2U);
  bench.machine.reap();
  bench.events.run_until_idle();
  EXPECT_EQ(host.tokens, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6}));
}

// Completions keep the order of sends: a quick one does not give back the frame before it.
TEST(Machine, GivesBackNothingEarly) {
  int64_t sum_ns = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Scripted host;
    Bench bench(host, {.dma_ns = 0, .completion_ns_min = 0, .completion_ns_max = 100'000}, kShort,
                seed);
    const Frame frame = plain_frame(mac_of(2), mac_of(1), 100);
    bench.machine.send(frame, 1);
    bench.machine.send(frame, 2);
    bench.events.run_until([&] { return !host.tokens.empty(); }, Moment{kSecondNs});
    sum_ns += bench.events.now().ns;
    EXPECT_EQ(host.tokens[0], 1U);
  }
  // The mean of one delay; of the shorter of two it would be 33 us.
  EXPECT_NEAR(static_cast<double>(sum_ns) / 400, 50'000, 7'500);
}

TEST(Machine, FindsWhoChangesWhatIsUnderWay) {
  EchoHost host({.scribbles = true});
  Bench bench(host);
  bench.offer(1);
  bench.events.run_until_idle();
  EXPECT_GE(bench.machine.count(NetEvent::kTxChanged), 1U);
  EXPECT_NE(bench.machine.first_change().find("host: what was sent with token 1 changed when the "
                                              "device read it, at 2200 ns"),
            std::string::npos)
      << bench.machine.first_change();
}

// The device has read it, but might read it again: it is not the host's yet.
TEST(Machine, FindsAChangeAfterTheRead) {
  Scripted host;
  Bench bench(host, {.dma_ns = 100, .completion_ns_min = 5'000, .completion_ns_max = 5'000});
  Frame frame = plain_frame(mac_of(2), mac_of(1), 100);
  const Frame before = frame;
  EXPECT_TRUE(bench.machine.send(frame, 9));
  bench.events.run_until(Moment{3'000});
  frame[50] = 1;
  bench.events.run_until_idle();
  EXPECT_EQ(bench.end.got[0].frame, before);
  EXPECT_EQ(bench.machine.count(NetEvent::kTxChanged), 1U);
  EXPECT_NE(bench.machine.first_change().find("token 9 changed before it was given back"),
            std::string::npos)
      << bench.machine.first_change();
}

TEST(Machine, WhatIsGivenBackMayChange) {
  Scripted host;
  Bench bench(host);
  Frame frame = plain_frame(mac_of(2), mac_of(1), 100);
  EXPECT_TRUE(bench.machine.send(frame, 9));
  bench.events.run_until_idle();
  frame[50] = 1;
  EXPECT_TRUE(bench.machine.send(frame, 10));
  bench.events.run_until_idle();
  EXPECT_EQ(bench.machine.first_change(), "");
}

// What a device cuts waits in the machine, as all that waits for the wire: a link that begins here
// has no queue, and what is behind it comes when it is through.
TEST(Machine, SegmentsThatItCutsGoOneByOne) {
  Scripted host;
  LinkConfig cable = kShort;
  cable.rate_bps = 1'000'000'000;
  cable.queue_bytes_max = 1;
  Bench bench(host, {}, cable);
  const std::string payload(3'000, 'v');
  const Frame longer = segment({.payload = payload});
  const Frame next = plain_frame(mac_of(1), mac_of(2), 100, 9);
  const FrameView first(longer);
  ASSERT_TRUE(host.machine->send({&first, 1}, 1, {.checksums = true, .segment_bytes = 1'000}));
  ASSERT_TRUE(host.machine->send(next, 2));
  bench.events.run_until_idle();
  ASSERT_EQ(bench.end.got.size(), 4U);
  EXPECT_EQ(bench.out.lost(), 0U);
  const int64_t step = bench.out.serialization_ns(1'054);
  EXPECT_EQ(bench.end.got[1].at - bench.end.got[0].at, step);
  EXPECT_EQ(bench.end.got[2].at - bench.end.got[1].at, step);
  EXPECT_EQ(number_of(bench.end.got[3].frame), 9U);
  EXPECT_EQ(bench.machine.transmitted(), 4U);
  EXPECT_EQ(host.tokens, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(bench.machine.tx_under_way(), 0U);
}

}  // namespace
}  // namespace pollux::tcp
