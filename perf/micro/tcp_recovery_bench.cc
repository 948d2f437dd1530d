// What recovery costs a segment: in order, and with a thousand outstanding and a hole.
//
//   micro_tcp_recovery --benchmark_filter='InOrder|Sack|Reassembly'
//
// `cycles` is of the time stamp counter, which runs at the nominal rate of the processor: the mean
// of the best batch of 1000, so that what the machine does besides is not in it.
#include <benchmark/benchmark.h>

#include <x86intrin.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "dataplane/tcp/recovery/ack_policy.h"
#include "dataplane/tcp/recovery/congestion.h"
#include "dataplane/tcp/recovery/prr.h"
#include "dataplane/tcp/recovery/rack.h"
#include "dataplane/tcp/recovery/reassembly.h"
#include "dataplane/tcp/recovery/receive_window.h"
#include "dataplane/tcp/recovery/rtt.h"
#include "dataplane/tcp/recovery/send_queue.h"
#include "dataplane/tcp/recovery/tlp.h"
#include "dataplane/tcp/recovery/undo.h"

namespace pollux::tcp {
namespace {

constexpr uint16_t kMss = 1460;

// Copies nothing, so that the queue alone is measured.
struct Piece {
  explicit Piece(Bytes bytes) : length(static_cast<uint32_t>(bytes.size())) {}
  uint32_t length;
  size_t size() const { return length; }
  size_t memory_bytes() const { return length; }
  static size_t memory_of(size_t bytes) { return bytes; }
};

struct Sender {
  Seq una{0xffff0000};
  Seq nxt{0xffff0000};
  Moment now{kSecondNs};
  SendQueue queue{kMss};
  RttEstimator rtt;
  Rack rack{Seq{0xffff0000}};
  Congestion congestion;

  explicit Sender(CongestionAlgorithm algorithm) : congestion(algorithm, kMss) {}

  void send() {
    queue.sent({nxt, nxt + kMss}, 0, now);
    nxt += kMss;
    now = now + 500;
  }
  // All that an ACK without surprises goes through.
  void ack(Seq number, std::span<const SeqRange> sacks, bool app_limited) {
    const AckOutcome outcome = queue.on_ack(number, sacks, now, [&](const Segment& segment) {
      rack.on_delivered(segment, now, kNever, rtt.min_rtt_ns());
    });
    una = later(una, number);
    if (outcome.rtt_ns >= 0) {
      rtt.sample(outcome.rtt_ns, now);
    }
    rack.on_ack(outcome.dsack.has_value(), una, nxt);
    benchmark::DoNotOptimize(rack.detect_loss(
        queue, now, {.srtt_ns = rtt.srtt_ns(), .min_rtt_ns = rtt.min_rtt_ns()}));
    congestion.on_ack({.now = now,
                       .una = una,
                       .nxt = nxt,
                       .delivered_bytes = outcome.delivered_bytes(),
                       .delivered_in_rtt_bytes = outcome.delivered_in_rtt_bytes,
                       .rtt_ns = outcome.newest_rtt_ns,
                       .srtt_ns = rtt.srtt_ns(),
                       .app_limited = app_limited});
  }
};

class Meter {
 public:
  void begin() { begin_ = __rdtsc(); }
  void end() {
    batch_ += __rdtsc() - begin_;
    if (++count_ == kBatch) {
      best_ = std::min(best_, batch_);
      batch_ = count_ = 0;
    }
  }
  void report(benchmark::State& state) const {
    state.counters["cycles"] = static_cast<double>(best_) / kBatch - overhead();
  }

 private:
  static constexpr uint64_t kBatch = 1000;
  // Of reading the counter twice.
  static double overhead() {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 10'000; ++i) {
      const uint64_t begin = __rdtsc();
      best = std::min<uint64_t>(best, __rdtsc() - begin);
    }
    return static_cast<double>(best);
  }
  uint64_t begin_ = 0;
  uint64_t batch_ = 0;
  uint64_t count_ = 0;
  uint64_t best_ = UINT64_MAX;
};

// Sent and acknowledged one by one, `outstanding` at a time. Second argument: whether the window
// limits, so that CUBIC's curve is computed.
void BM_InOrder(benchmark::State& state) {
  Sender sender(CongestionAlgorithm::kCubic);
  sender.congestion.on_loss(100 * kMss);
  for (int64_t i = 0; i < state.range(0); ++i) {
    sender.send();
  }
  const bool app_limited = state.range(1) == 0;
  Meter meter;
  for (auto _ : state) {
    meter.begin();
    sender.send();
    sender.ack(sender.una + kMss, {}, app_limited);
    meter.end();
  }
  meter.report(state);
}
BENCHMARK(BM_InOrder)->Args({0, 0})->Args({10, 0})->Args({1000, 0})->Args({10, 1});

// A thousand outstanding, the first lost. Each ACK SACKs one more segment; when all are SACKed the
// hole is filled and it begins again (not timed).
void BM_SackUpdate(benchmark::State& state) {
  Sender sender(CongestionAlgorithm::kCubic);
  const auto holes = static_cast<uint32_t>(state.range(0));  // alternating ones before the run
  uint32_t at = 1000;
  Meter meter;
  std::vector<SeqRange> blocks;
  for (auto _ : state) {
    if (at >= 1000) {
      state.PauseTiming();
      sender.ack(sender.nxt, {}, true);
      for (int i = 0; i < 1000; ++i) {
        sender.send();
      }
      blocks.clear();
      const Seq una = sender.una;
      for (uint32_t i = 0; i < holes; ++i) {
        blocks.insert(blocks.begin(), {una + (2 * i + 1) * kMss, una + (2 * i + 2) * kMss});
        sender.ack(una, blocks, true);
      }
      at = 2 * holes + 1;
      blocks.insert(blocks.begin(), {una + at * kMss, una + at * kMss});
      blocks.resize(std::min<size_t>(blocks.size(), 3));
      state.ResumeTiming();
    }
    blocks[0].end += kMss;
    ++at;
    meter.begin();
    sender.ack(sender.una, blocks, true);
    meter.end();
  }
  meter.report(state);
}
BENCHMARK(BM_SackUpdate)->Arg(0)->Arg(2)->Arg(100);

// Receive side: a segment beyond a gap, and its blocks.
void BM_Reassembly(benchmark::State& state) {
  Reassembly<Piece> queue;
  const ReassemblyLimits limits{.memory_bytes_max = 1U << 30, .segments_max = 1U << 20};
  const std::vector<uint8_t> payload(kMss);
  const Seq nxt{0xffff0000};
  uint32_t at = 0;
  Meter meter;
  for (auto _ : state) {
    if (++at == 1000) {
      queue.drop_all();
      at = 1;
    }
    SeqRange blocks[4];
    meter.begin();
    benchmark::DoNotOptimize(queue.add(nxt, nxt + at * kMss, payload, limits));
    benchmark::DoNotOptimize(queue.sack_blocks(blocks, std::nullopt));
    meter.end();
  }
  meter.report(state);
}
BENCHMARK(BM_Reassembly);

// Bytes of one connection: idle, and what its send queue holds besides while segments are out.
void BM_Memory(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(state.iterations());
  }
  const auto bytes = [](size_t value) { return static_cast<double>(value); };
  state.counters["always"] =
      bytes(sizeof(SendQueue) + sizeof(RttEstimator) + sizeof(Rack) + sizeof(TailLossProbe) +
            sizeof(Congestion) + sizeof(Reassembly<Piece>) + sizeof(AckPolicy) +
            sizeof(ReceiveWindow));
  state.counters["episode"] =
      bytes(sizeof(ProportionalRate) + sizeof(UndoDetector) + sizeof(ForwardRto));
  for (const uint32_t segments : {1U, 10U, 1000U}) {
    Sender sender(CongestionAlgorithm::kCubic);
    for (uint32_t i = 0; i < segments; ++i) {
      sender.send();
    }
    state.counters["queue_" + std::to_string(segments)] = bytes(sender.queue.memory_bytes());
  }
}
BENCHMARK(BM_Memory);

}  // namespace
}  // namespace pollux::tcp
