// The whole TCP stack of a core over a device that costs nothing: segments in and out, connections
// opened and closed, at many connections. Packets come in random order, in bursts of 32.
//
//   micro_tcp_stack
//   micro_tcp_stack --benchmark_filter=Receive --benchmark_repetitions=5
//
// "ns" is CPU time of an item (a segment, a SYN, a request with its reply, a connection), "tsc" the
// same in cycles of the time stamp counter. Checksums are the device's, as with any NIC; what makes
// the frames is left out where it would count. "bytes" is memory of a connection that is idle.
//
// Instructions, which no neighbor disturbs, are counted of measured_turn alone; an item is a 32nd
// of a call:
//
//   valgrind --tool=callgrind --toggle-collect='*measured_turn*' micro_tcp_stack
//       --benchmark_filter=Receive/10000
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/tcp/stack/stack.h"
#include "perf/micro/meter.h"
#include "perf/micro/tcp_clients.h"
#include "src/base/assert.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

class Bench {
 public:
  explicit Bench(uint32_t connections) : clients_(connections, device_) {
    advance_to(Moment{10 * kSecondNs});
    stack_ = std::make_unique<Stack>(stack_for(connections), kBenchKeys, device_, now_);
    stack_->listen({{.address = std::nullopt, .port = kOurPort}});
    turn();
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (uint32_t i = 0; i < connections; ++i) {
      open(i);
    }
    bytes_ = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd - before) / connections;
  }

  void open(uint32_t i) {
    clients_.open(i, [this] { turn(); });
  }
  void close(uint32_t i) {
    clients_.close(i, [this] { turn(); });
  }

  // A request, which acknowledges the reply to the one before.
  void ask(uint32_t i) {
    const bool asked = std::exchange(clients_.peers()[i].asked, true);
    clients_.frame(i, kAck | kPsh, kPayload, asked ? static_cast<uint32_t>(kPayload.size()) : 0);
  }
  // Of one that is picked at random and has sent nothing in this burst, if that can be: it can't
  // acknowledge what is not there yet. `frames`: of a turn.
  template <typename Send>
  void burst(Rng& rng, size_t frames, Send send) {
    std::vector<Peer>& peers = clients_.peers();
    device_.set_burst(frames);
    ++burst_;
    for (size_t left = frames; left != 0;) {
      const auto who = static_cast<uint32_t>(rng.below(peers.size()));
      if (peers.size() < frames || std::exchange(peers[who].burst, burst_) != burst_) {
        send(who);
        --left;
      }
    }
  }
  [[gnu::noinline]] void measured_turn(Bytes reply = {}) { turn(reply); }
  // `reply`: what the application answers to each piece of data.
  void turn(Bytes reply = {}) {
    advance_to(now_ + kTurnNs);
    stack_->receive(now_);
    if (stack_->next_deadline() <= now_) {
      stack_->tick(now_);
    }
    while (const StackEvent* event = stack_->next_event()) {
      if (event->kind == StackEvent::Kind::kData && !reply.empty()) {
        const bool taken = stack_->write(event->conn, {&reply, 1}, 1U << 20);
        POLLUX_ASSERT(taken);
      } else if (event->kind == StackEvent::Kind::kEnd) {
        stack_->close(event->conn, now_);
      }
    }
    stack_->flush(now_);
  }

  Stack& stack() { return *stack_; }
  BenchDevice& device() { return device_; }
  TcpClients& clients() { return clients_; }
  double bytes() const { return bytes_; }

 private:
  // So short that no timer comes up, though a peer of a million is rarely heard of.
  static constexpr int64_t kTurnNs = 10;
  void advance_to(Moment now) {
    now_ = now;
    clients_.set_now(now);
  }

  BenchDevice device_;
  TcpClients clients_;
  Moment now_;
  std::unique_ptr<Stack> stack_;
  uint32_t burst_ = 0;
  double bytes_ = 0;
};

// One that is made once for all runs of a size: a million handshakes take seconds.
Bench& bench_of(uint32_t connections) {
  static std::unique_ptr<Bench> bench;
  static uint32_t size = 0;
  if (size != connections) {
    bench.reset();
    bench = std::make_unique<Bench>(connections);
    size = connections;
  }
  return *bench;
}

// 64 bytes in order, taken by the application and acknowledged.
void Receive(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  Bench& bench = bench_of(connections);
  Rng rng(1);
  const uint64_t sent = bench.device().sent();
  uint64_t segments = 0;
  {
    Meter meter(state);
    for (auto _ : state) {
      meter.leave_out([&] {
        for (size_t i = 0; i < kAhead; ++i) {
          bench.burst(rng, kBurst,
                      [&](uint32_t who) { bench.clients().frame(who, kAck | kPsh, kPayload, 0); });
        }
      });
      for (size_t i = 0; i < kAhead; ++i) {
        bench.measured_turn();
      }
      meter.items(kAhead * kBurst);
      segments += kAhead * kBurst;
    }
  }
  state.counters["acks"] =
      static_cast<double>(bench.device().sent() - sent) / static_cast<double>(segments);
  state.counters["bytes"] = bench.bytes();
}
BENCHMARK(Receive)->Arg(1)->Arg(10'000)->Arg(1'000'000);

// A request of 64 bytes, and a reply of as many that acknowledges it and is acknowledged by the
// next request. A connection alone has one of a turn.
void RequestAndReply(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  const size_t requests = std::min<size_t>(connections, kBurst);
  Bench& bench = bench_of(connections);
  Rng rng(2);
  Meter meter(state);
  for (auto _ : state) {
    meter.leave_out([&] {
      for (size_t i = 0; i < kAhead; ++i) {
        bench.burst(rng, requests, [&](uint32_t who) { bench.ask(who); });
      }
    });
    for (size_t i = 0; i < kAhead; ++i) {
      bench.measured_turn(kPayload);
    }
    meter.items(kAhead * requests);
  }
}
BENCHMARK(RequestAndReply)->Arg(1)->Arg(1'000)->Arg(10'000)->Arg(1'000'000);

// SYN, ACK, FIN of the client, FIN of ours, last ACK, of one among so many; making the frames
// included.
void OpenAndClose(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  Bench& bench = bench_of(connections);
  Meter meter(state);
  uint32_t i = 0;
  for (auto _ : state) {
    bench.close(i);
    bench.open(i);
    i = (i + 1) % connections;
    meter.items(1);
  }
}
BENCHMARK(OpenAndClose)->Arg(1)->Arg(10'000)->Arg(1'000'000);

// SYNs of a million addresses that nobody listens to: all but the first ones are answered by
// cookies.
void Flood(benchmark::State& state) {
  Bench bench(kBurst);
  Rng rng(3);
  Meter meter(state);
  for (auto _ : state) {
    meter.leave_out([&] {
      for (size_t i = 0; i < kBurst; ++i) {
        const IpAddress who = IpAddress::v4(0x0b000000 + static_cast<uint32_t>(rng.below(1 << 20)));
        const Flow flow{who, kUs, static_cast<uint16_t>(rng.below(60'000) + 1'024), 6379};
        bench.clients().segment(flow, {.next = Seq{static_cast<uint32_t>(rng.next())}, .ack = {}},
                                kSyn, {}, bench.clients().syn_options());
      }
    });
    bench.turn();
    meter.items(kBurst);
  }
}
BENCHMARK(Flood);

}  // namespace
}  // namespace pollux::tcp
