// The tables of the TCP stack at 10 thousand and at 1 million connections of 256 bytes, which are
// found by flow, whose timers move, and for whose SYNs cookies are made.
//
//   micro_tcp_tables
//   micro_tcp_tables --benchmark_filter=Find --benchmark_repetitions=5
//
// "ns" is CPU time of an item (a packet, a timer, a cookie), "tsc" the same in cycles of the time
// stamp counter, "tsc_GHz" its rate. Packets come in random order, so at a million connections each
// touches lines that no cache has; the hash of the flow is part of a find.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/tcp/tables/flow_table.h"
#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/tables/syn_cookie.h"
#include "dataplane/tcp/tables/timer_wheel.h"
#include "perf/micro/meter.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr SipKey kKey{0x1234, 0x5678};
constexpr size_t kBurst = 32;

Flow flow_of(uint32_t number) {
  return {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a010000 + (number >> 14)), 6379,
          static_cast<uint16_t>(1024 + (number & 0x3fff))};
}

struct alignas(64) Connection {
  Flow flow;
  alignas(64) TimerNode timer;
  char rest[256 - 128];
};
static_assert(sizeof(Connection) == 256);

class Connections {
 public:
  explicit Connections(size_t count) : connections_(new Connection[count]) {
    for (size_t i = 0; i < count; ++i) {
      connections_[i].flow = flow_of(static_cast<uint32_t>(i));
    }
  }
  bool is(uint32_t index, const Flow& flow) const {
    return same_flow(connections_[index].flow, flow);
  }
  uint64_t hash(uint32_t index) const { return flow_hash(kKey, connections_[index].flow); }
  void prefetch(uint32_t index) const { pollux::prefetch(&connections_[index]); }
  TimerNode& timer(uint32_t index) { return connections_[index].timer; }

 private:
  const std::unique_ptr<Connection[]> connections_;
};

// Timers alone, one after the other.
class DenseTimers {
 public:
  explicit DenseTimers(size_t count) : timers_(count) {}
  TimerNode& timer(uint32_t index) { return timers_[index]; }

 private:
  std::vector<TimerNode> timers_;
};

void BM_FlowHash(benchmark::State& state) {
  Flow flow = flow_of(1);
  if (state.range(0) == 6) {
    flow.local.bytes[0] = 0x20;
  }
  uint64_t sum = 0;
  Meter meter(state);
  for (auto _ : state) {
    flow.remote_port = static_cast<uint16_t>(sum);  // each waits for the one before
    sum += flow_hash(kKey, flow);
    meter.items(1);
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(BM_FlowHash)->ArgName("v")->Arg(4)->Arg(6);

void BM_FlowHashBurst(benchmark::State& state) {
  std::array<Flow, kBurst> flows;
  for (size_t i = 0; i < kBurst; ++i) {
    flows[i] = flow_of(static_cast<uint32_t>(i));
  }
  Meter meter(state);
  for (auto _ : state) {
    for (const Flow& flow : flows) {
      benchmark::DoNotOptimize(flow_hash(kKey, flow));
    }
    meter.items(kBurst);
  }
}
BENCHMARK(BM_FlowHashBurst);

// Packets of flows that are there, or of as many others, in random order.
std::vector<Flow> packets(size_t connections, bool hit) {
  Rng rng(9);
  std::vector<Flow> flows(std::min<size_t>(connections * 4, 1 << 20));
  for (Flow& flow : flows) {
    flow = flow_of(static_cast<uint32_t>(rng.below(connections) + (hit ? 0 : connections)));
  }
  return flows;
}

struct Filled {
  explicit Filled(size_t count) : connections(count), table(connections, count) {
    for (uint32_t i = 0; i < count; ++i) {
      static_cast<void>(table.insert(connections.hash(i), i));
    }
  }
  Connections connections;
  FlowTable<Connections> table;
};

void BM_Find(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const Filled filled(count);
  const std::vector<Flow> flows = packets(count, state.range(1) != 0);
  size_t at = 0;
  uint32_t sum = 0;
  Meter meter(state);
  for (auto _ : state) {
    sum += filled.table.find(flow_hash(kKey, flows[at]), flows[at]);
    at = at + 1 == flows.size() ? 0 : at + 1;
    meter.items(1);
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(BM_Find)->ArgNames({"connections", "hit"})->ArgsProduct({{10'000, 1'000'000}, {1, 0}});

void BM_FindBurst(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const Filled filled(count);
  const std::vector<Flow> flows = packets(count, state.range(1) != 0);
  std::array<uint64_t, kBurst> hashes;
  std::array<uint32_t, kBurst> found;
  size_t at = 0;
  Meter meter(state);
  for (auto _ : state) {
    const std::span<const Flow> burst(&flows[at], kBurst);
    for (size_t i = 0; i < kBurst; ++i) {
      hashes[i] = flow_hash(kKey, burst[i]);
    }
    filled.table.find_burst(hashes, burst, found);
    benchmark::DoNotOptimize(found);
    at = at + 2 * kBurst > flows.size() ? 0 : at + kBurst;
    meter.items(kBurst);
  }
}
BENCHMARK(BM_FindBurst)
    ->ArgNames({"connections", "hit"})
    ->ArgsProduct({{10'000, 1'000'000}, {1, 0}});

// From nothing to all and back, the moves of the table included, or in a table of fixed size.
// "p99.9_tsc": of an insert; what comes more seldom is other programs' time here.
void BM_InsertErase(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const Connections connections(count);
  std::vector<uint64_t> inserts(count);
  Meter meter(state);
  for (auto _ : state) {
    FlowTable<Connections> table(connections, count, state.range(1) != 0 ? count : 0);
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t before = __rdtsc();
      static_cast<void>(table.insert(connections.hash(i), i));
      inserts[i] = __rdtsc() - before;
    }
    for (uint32_t i = 0; i < count; ++i) {
      table.erase(connections.hash(i), i);
    }
    meter.items(2 * count);
  }
  std::sort(inserts.begin(), inserts.end());
  state.counters["p99.9_tsc"] = static_cast<double>(inserts[inserts.size() - count / 1000]);
}
BENCHMARK(BM_InsertErase)
    ->ArgNames({"connections", "fixed"})
    ->ArgsProduct({{10'000, 1'000'000}, {0, 1}});

// An ACK: the deadline of a random connection goes 5 ms away from now.
void BM_WheelLater(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Connections connections(count);
  Moment now{0};
  TimerWheel<Connections> wheel(connections, now);
  Rng rng(1);
  std::vector<uint32_t> order(1 << 20);
  for (uint32_t& index : order) {
    index = static_cast<uint32_t>(rng.below(count));
  }
  for (uint32_t i = 0; i < count; ++i) {
    wheel.arm(i, now + 5 * kMillisecondNs);
  }
  size_t at = 0;
  Meter meter(state);
  for (auto _ : state) {
    now = now + 10;
    wheel.arm(order[at++ % order.size()], now + 5 * kMillisecondNs);
    meter.items(1);
  }
}
BENCHMARK(BM_WheelLater)->ArgName("connections")->Arg(1)->Arg(10'000)->Arg(1'000'000);

// A deadline that comes nearer, and goes away again for good.
void BM_WheelSooner(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Connections connections(count);
  TimerWheel<Connections> wheel(connections, Moment{0});
  Rng rng(1);
  std::vector<uint32_t> order(1 << 20);
  for (uint32_t& index : order) {
    index = static_cast<uint32_t>(rng.below(count));
  }
  for (uint32_t i = 0; i < count; ++i) {
    wheel.arm(i, Moment{300 * kSecondNs});
  }
  size_t at = 0;
  Meter meter(state);
  for (auto _ : state) {
    const uint32_t index = order[at++ % order.size()];
    wheel.arm(index, Moment{static_cast<int64_t>(at % 1000) * kMillisecondNs});
    wheel.cancel(index);
    wheel.arm(index, Moment{300 * kSecondNs});
    meter.items(1);
  }
}
BENCHMARK(BM_WheelSooner)->ArgName("connections")->Arg(1)->Arg(10'000)->Arg(1'000'000);

// Timers all over a second come up, turn by turn of 100 us, and are armed for a second later.
// Nodes are in the connections or in an array of their own.
template <typename Nodes>
void BM_WheelAdvance(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Nodes nodes(count);
  Moment now{0};
  TimerWheel<Nodes> wheel(nodes, now);
  Rng rng(1);
  for (uint32_t i = 0; i < count; ++i) {
    wheel.arm(i, now + static_cast<int64_t>(rng.below(kSecondNs)));
  }
  Meter meter(state);
  for (auto _ : state) {
    now = now + 100 * kMicrosecondNs;
    uint64_t due = 0;
    wheel.advance(now, SIZE_MAX, [&](uint32_t index) {
      wheel.arm(index, now + kSecondNs);
      ++due;
    });
    meter.items(due);
  }
}
BENCHMARK(BM_WheelAdvance<Connections>)
    ->ArgName("connections")
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Iterations(40'000);
BENCHMARK(BM_WheelAdvance<DenseTimers>)->ArgName("connections")->Arg(1'000'000)->Iterations(40'000);

// A turn in which nothing is due: the price of asking.
void BM_WheelIdle(benchmark::State& state) {
  Connections connections(1000);
  Moment now{0};
  TimerWheel<Connections> wheel(connections, now);
  for (uint32_t i = 0; i < 1000; ++i) {
    wheel.arm(i, Moment{INT64_MAX / 2});
  }
  Meter meter(state);
  for (auto _ : state) {
    now = now + 100;
    benchmark::DoNotOptimize(wheel.advance(now, SIZE_MAX, [](uint32_t) {}));
    benchmark::DoNotOptimize(wheel.next_deadline());
    meter.items(1);
  }
}
BENCHMARK(BM_WheelIdle);

void BM_CookieMake(benchmark::State& state) {
  SynCookies cookies({1, 2}, {3, 4});
  uint32_t number = 0;
  Meter meter(state);
  for (auto _ : state) {
    ++number;
    benchmark::DoNotOptimize(cookies.make(flow_of(number), Seq{number}, 1460, Moment{5}));
    meter.items(1);
  }
}
BENCHMARK(BM_CookieMake);

void BM_CookieCheck(benchmark::State& state) {
  SynCookies cookies({1, 2}, {3, 4});
  const Seq cookie = cookies.make(flow_of(0), Seq{1}, 1460, Moment{5});
  uint32_t number = 0;
  Meter meter(state);
  for (auto _ : state) {
    ++number;
    benchmark::DoNotOptimize(cookies.check(flow_of(number), Seq{number}, cookie, 77, Moment{6}));
    meter.items(1);
  }
}
BENCHMARK(BM_CookieCheck);

}  // namespace
}  // namespace pollux::tcp
