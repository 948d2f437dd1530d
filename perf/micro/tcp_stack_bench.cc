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
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "perf/micro/meter.h"
#include "src/base/assert.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr MacAddress kOurs = {{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kTheirs = {{2, 0, 0, 0, 0, 2}};
constexpr IpAddress kUs = IpAddress::v4(0x0a000001);
constexpr size_t kBurst = Stack::kBurst;
// Bursts whose frames are made at a time: to leave that out of the time takes two system calls,
// 1,200 cycles or more.
constexpr size_t kAhead = 16;
constexpr size_t kFrameBytes = 192;
constexpr std::array<uint8_t, 64> kPayload{};

// Gives the frames that were made, takes what is sent, and keeps the last number of it.
class BenchDevice final : public Device {
 public:
  BenchDevice() : heads_(kHeads * kTxHeadBytes) {
    caps_.mac = kOurs;
    caps_.rx_checksums = caps_.tx_checksums = true;
    for (uint64_t i = 0; i < kHeads; ++i) {
      free_.push_back(i);
    }
  }
  const DeviceCaps& caps() const override { return caps_; }
  // A burst of what was made.
  size_t receive(std::span<RxFrame> frames) override {
    const size_t count = std::min({frames.size(), made_ - taken_, kBurst});
    for (RxFrame& frame : frames.first(count)) {
      frame = {.bytes = frames_[taken_].data(), .size = sizes_[taken_], .checksums_ok = true};
      ++taken_;
    }
    if (taken_ == made_) {
      taken_ = made_ = 0;
    }
    return count;
  }
  void release(std::span<const RxFrame> /*frames*/) override {}
  size_t allocate(std::span<TxHead> heads, TxUse /*use*/) override {
    size_t count = 0;
    for (; count < heads.size() && !free_.empty(); ++count, free_.pop_back()) {
      heads[count] = {&heads_[free_.back() * kTxHeadBytes], kTxHeadBytes, free_.back()};
    }
    return count;
  }
  void drop(std::span<const TxHead> heads) override {
    for (const TxHead& head : heads) {
      free_.push_back(head.buffer);
    }
  }
  size_t send(std::span<const TxFrame> frames) override {
    for (const TxFrame& frame : frames) {
      POLLUX_ASSERT(frame.piece_count == 0);
      last_ = {frame.head.bytes, frame.head_bytes};
      free_.push_back(frame.head.buffer);
    }
    sent_ += frames.size();
    return frames.size();
  }
  size_t reap(std::span<uint64_t> /*tokens*/, bool /*eager*/) override { return 0; }

  std::array<uint8_t, kFrameBytes>& next_frame() { return frames_[made_]; }
  void made(size_t bytes) { sizes_[made_++] = static_cast<uint32_t>(bytes); }
  Bytes last() const { return last_; }
  uint64_t sent() const { return sent_; }

 private:
  static constexpr size_t kHeads = 4096;
  DeviceCaps caps_;
  std::vector<uint8_t> heads_;
  std::vector<uint64_t> free_;
  std::array<std::array<uint8_t, kFrameBytes>, kAhead * kBurst> frames_{};
  std::array<uint32_t, kAhead * kBurst> sizes_{};
  size_t made_ = 0;
  size_t taken_ = 0;
  Bytes last_;
  uint64_t sent_ = 0;
};

// A client of each connection, as far as its numbers go.
struct Peer {
  Seq next;
  Seq ack;
  bool asked = false;  // and the reply is not acknowledged yet
  uint32_t burst = 0;  // the last one that it has sent in
};

class Bench {
 public:
  explicit Bench(uint32_t connections) : peers_(connections) {
    StackConfig config;
    config.interface.addresses = {{kUs, 8}};
    config.connection.receive.ack.delay_ns = 0;  // each segment is acknowledged
    config.connections_max = connections + kBurst;
    config.listener.half_open.capacity = 4096;
    config.memory_bytes_max = size_t{1} << 34;
    now_ = Moment{10 * kSecondNs};
    stack_ = std::make_unique<Stack>(
        config, StackKeys{.listener = {.table = {1, 2}, .offsets = {3, 4}}}, device_, now_);
    stack_->listen({{.address = std::nullopt, .port = 6379}});
    turn();
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (uint32_t i = 0; i < connections; ++i) {
      open(i);
    }
    bytes_ = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd - before) / connections;
  }

  void open(uint32_t i) {
    Peer& peer = peers_[i];
    peer.next = Seq{i * 7919};
    TcpOptions options;
    options.mss = 1460;
    options.window_scale = 7;
    options.sack_permitted = true;
    options.timestamps = {milliseconds(), 0};
    frame(i, kSyn, {}, 0, &options);
    turn();
    TcpSegment answer;
    const Fault fault = parse_tcp(device_.last().subspan(kEthernetBytes + kIpv4Bytes), answer);
    POLLUX_ASSERT(fault == Fault::kNone && answer.header.has(kSyn | kAck));
    echo_ = parse_tcp_options(answer.options).timestamps->value;
    peer.next += 1;
    peer.ack = answer.header.seq + 1;
    frame(i, kAck, {}, 0);
    turn();
  }
  void close(uint32_t i) {
    const bool asked = std::exchange(peers_[i].asked, false);
    frame(i, kAck | kFin, {}, asked ? static_cast<uint32_t>(kPayload.size()) : 0);
    turn();
    peers_[i].next += 1;
    frame(i, kAck, {}, 1);
    turn();
  }

  // A segment of the connection's client, which goes on by its bytes.
  void frame(uint32_t i, TcpFlags flags, Bytes payload, uint32_t acked,
             const TcpOptions* options = nullptr) {
    Peer& peer = peers_[i];
    peer.ack += acked;
    TcpOptions stamped;
    stamped.timestamps = {milliseconds(), echo_};
    const Flow flow{remote(i), kUs, static_cast<uint16_t>(1'024 + i % kPorts), 6379};
    segment(flow, peer, flags, payload, options != nullptr ? *options : stamped);
    peer.next += static_cast<uint32_t>(payload.size());
  }
  // Of anybody. `flow`: as that one sees it.
  void segment(const Flow& flow, const Peer& peer, TcpFlags flags, Bytes payload,
               const TcpOptions& options) {
    const Room room = device_.next_frame();
    const size_t ethernet =
        write_ethernet(room, {.destination = kOurs, .source = kTheirs, .type = EtherType::kIpv4});
    const size_t tcp = write_tcp(room.subspan(ethernet + kIpv4Bytes),
                                 {.source_port = flow.local_port,
                                  .destination_port = flow.remote_port,
                                  .seq = peer.next,
                                  .ack = peer.ack,
                                  .flags = flags,
                                  .window = 60'000},
                                 options);
    std::ranges::copy(payload, room.subspan(ethernet + kIpv4Bytes + tcp).begin());
    write_ipv4(room.subspan(ethernet),
               {.source = flow.local, .destination = flow.remote, .protocol = IpProtocol::kTcp},
               tcp + payload.size());
    device_.made(ethernet + kIpv4Bytes + tcp + payload.size());
  }

  // A request, which acknowledges the reply to the one before.
  void ask(uint32_t i) {
    const bool asked = std::exchange(peers_[i].asked, true);
    frame(i, kAck | kPsh, kPayload, asked ? static_cast<uint32_t>(kPayload.size()) : 0);
  }
  // Of one that is picked at random and has sent nothing in this burst: it can't acknowledge what
  // is not there yet.
  template <typename Send>
  void burst(Rng& rng, Send send) {
    ++burst_;
    for (size_t left = kBurst; left != 0;) {
      const auto who = static_cast<uint32_t>(rng.below(peers_.size()));
      if (peers_.size() < kBurst || std::exchange(peers_[who].burst, burst_) != burst_) {
        send(who);
        --left;
      }
    }
  }
  [[gnu::noinline]] void measured_turn(Bytes reply = {}) { turn(reply); }
  // `reply`: what the application answers to each piece of data.
  void turn(Bytes reply = {}) {
    now_ = now_ + kTurnNs;
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
  double bytes() const { return bytes_; }
  uint32_t milliseconds() const { return static_cast<uint32_t>(now_.ns / kMillisecondNs); }

 private:
  static constexpr uint32_t kPorts = 50'000;
  // So short that no timer comes up, though a peer of a million is rarely heard of.
  static constexpr int64_t kTurnNs = 10;
  static IpAddress remote(uint32_t i) { return IpAddress::v4(0x0a010000 + i / kPorts); }

  BenchDevice device_;
  Moment now_;
  std::unique_ptr<Stack> stack_;
  std::vector<Peer> peers_;
  uint32_t echo_ = 0;
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
          bench.burst(rng, [&](uint32_t who) { bench.frame(who, kAck | kPsh, kPayload, 0); });
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
// next request.
void RequestAndReply(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  Bench& bench = bench_of(connections);
  Rng rng(2);
  Meter meter(state);
  for (auto _ : state) {
    meter.leave_out([&] {
      for (size_t i = 0; i < kAhead; ++i) {
        bench.burst(rng, [&](uint32_t who) { bench.ask(who); });
      }
    });
    for (size_t i = 0; i < kAhead; ++i) {
      bench.measured_turn(kPayload);
    }
    meter.items(kAhead * kBurst);
  }
}
BENCHMARK(RequestAndReply)->Arg(10'000)->Arg(1'000'000);

// SYN, ACK, FIN of the client, FIN of ours, last ACK; making the frames included.
void OpenAndClose(benchmark::State& state) {
  Bench& bench = bench_of(10'000);
  Meter meter(state);
  uint32_t i = 0;
  for (auto _ : state) {
    bench.close(i);
    bench.open(i);
    i = (i + 1) % 10'000;
    meter.items(1);
  }
}
BENCHMARK(OpenAndClose);

// SYNs of a million addresses that nobody listens to: all but the first ones are answered by
// cookies.
void Flood(benchmark::State& state) {
  Bench bench(kBurst);
  Rng rng(3);
  Meter meter(state);
  for (auto _ : state) {
    meter.leave_out([&] {
      for (size_t i = 0; i < kBurst; ++i) {
        TcpOptions options;
        options.mss = 1460;
        options.window_scale = 7;
        options.sack_permitted = true;
        options.timestamps = {bench.milliseconds(), 0};
        const IpAddress who = IpAddress::v4(0x0b000000 + static_cast<uint32_t>(rng.below(1 << 20)));
        const Flow flow{who, kUs, static_cast<uint16_t>(rng.below(60'000) + 1'024), 6379};
        bench.segment(flow, {.next = Seq{static_cast<uint32_t>(rng.next())}, .ack = {}}, kSyn, {},
                      options);
      }
    });
    bench.turn();
    meter.items(kBurst);
  }
}
BENCHMARK(Flood);

}  // namespace
}  // namespace pollux::tcp
