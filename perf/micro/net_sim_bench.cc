// What the simulated network costs: events, packets through a link, packets from host to host.
// items_per_second is packets (or events) a second on one core.
//
//   micro_net_sim --benchmark_min_time=1
#include <benchmark/benchmark.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "dataplane/sim/net/echo_host.h"
#include "dataplane/sim/net/event_queue.h"
#include "dataplane/sim/net/link.h"
#include "dataplane/sim/net/network.h"
#include "dataplane/sim/net/stream_check.h"
#include "dataplane/sim/net/trace.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

void count_items(benchmark::State& state, uint64_t items) {
  state.SetItemsProcessed(static_cast<int64_t>(items));
}

// The argument: how many events are pending, each of which schedules its successor.
void BM_Events(benchmark::State& state) {
  EventQueue events;
  Rng rng(1);
  struct Chain {
    EventQueue& events;
    Rng& rng;
    void next() {
      events.schedule_in(static_cast<int64_t>(rng.below(1'000'000)), [this] { next(); });
    }
  };
  Chain chain{events, rng};
  for (int64_t i = 0; i < state.range(0); ++i) {
    chain.next();
  }
  for (auto _ : state) {
    events.step();
  }
  count_items(state, events.happened());
}
BENCHMARK(BM_Events)->Arg(10)->Arg(1'000)->Arg(100'000);

// A timer that is put off again and again, as retransmission timers are.
void BM_CancelAndSchedule(benchmark::State& state) {
  EventQueue events;
  std::vector<EventQueue::EventId> timers(1'000);
  size_t i = 0;
  for (auto _ : state) {
    EventQueue::EventId& timer = timers[i++ % timers.size()];
    events.cancel(timer);
    timer = events.schedule(Moment{static_cast<int64_t>(i)} + kSecondNs, [] {});
  }
  count_items(state, i);
}
BENCHMARK(BM_CancelAndSchedule);

class Sink final : public FrameSink {
 public:
  void arrive(Frame frame, uint32_t) override { spare.push_back(std::move(frame)); }
  std::vector<Frame> spare;
};

// Through one link; the frames themselves are used again. Arguments: bytes of a frame, and whether
// all kinds of faults are on.
void BM_Link(benchmark::State& state) {
  EventQueue events;
  Trace trace;
  Link link(events, trace, 0, 1, {.rate_bps = 100'000'000'000, .jitter_ns = 1'000}, "a > b");
  Sink sink;
  link.set_sink(sink, 0);
  if (state.range(1) != 0) {
    link.set_faults({.loss = 100,
                     .bursts = {.begin = 10},
                     .duplicate = 100,
                     .reorder = 100,
                     .corrupt = 100,
                     .corrupt_anywhere = true,  // the frames here are no IP
                     .rules = {drop_nth(5, match::fin()), drop_nth(2, match::syn())}});
  }
  const Frame frame = plain_frame(mac_of(1), mac_of(2), static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    for (int i = 0; i < 32; ++i) {
      Frame next = sink.spare.empty() ? Frame() : std::move(sink.spare.back());
      if (!sink.spare.empty()) {
        sink.spare.pop_back();
      }
      next.assign(frame.begin(), frame.end());
      link.send(std::move(next));
    }
    events.run_for(5'000);
    if (link.decided().size() > 1'000'000) {
      link.set_faults({});
    }
  }
  count_items(state, link.count(NetEvent::kOffered));
}
BENCHMARK(BM_Link)->Args({60, 0})->Args({1'514, 0})->Args({60, 1})->Args({1'514, 1});

// Hosts in pairs at one switch, each pair with eight frames that go to and fro for ever: rings,
// cores, checks of bytes under way, two links and the switch. Arguments: hosts, bytes of a frame.
// Items are packets that a host got.
void BM_EchoStar(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  Network network(1);
  std::vector<EchoHost> hosts;
  std::vector<Machine*> machines;
  for (uint32_t i = 0; i < count; ++i) {
    hosts.emplace_back(EchoHost::Options{.mac = mac_of(i)});
  }
  for (uint32_t i = 0; i < count; ++i) {
    machines.push_back(
        &network.add_host(hosts[i], {.mac = mac_of(i)}, "host " + std::to_string(i)));
  }
  connect_star(network, machines);
  for (uint32_t i = 0; i < count; ++i) {
    for (int k = 0; k < 4; ++k) {
      hosts[i].send(plain_frame(mac_of(i), mac_of(i ^ 1), static_cast<size_t>(state.range(1))));
    }
  }
  for (auto _ : state) {
    network.run_for(100 * kMicrosecondNs);
  }
  uint64_t received = 0;
  for (const EchoHost& host : hosts) {
    received += host.received();
  }
  count_items(state, received);
}
BENCHMARK(BM_EchoStar)->Args({2, 60})->Args({2, 1'514})->Args({200, 60})->Args({200, 1'514});

// Bytes a second made and checked.
void BM_StreamCheck(benchmark::State& state) {
  StreamCheck check(1, 1);
  const StreamBytes bytes(1, 1);
  std::array<uint8_t, 1'460> piece;
  for (auto _ : state) {
    bytes.fill(piece, check.taken());
    check.take(piece);
  }
  state.SetBytesProcessed(static_cast<int64_t>(check.taken()));
}
BENCHMARK(BM_StreamCheck);

}  // namespace
}  // namespace pollux::tcp
