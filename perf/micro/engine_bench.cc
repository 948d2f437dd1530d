// What a request costs in the engine, without a wire: parse, route, table, reply, output.
//   BM_GetHere       a GET whose shard is this worker's, `pipeline` of them per read
//   BM_GetElsewhere  a GET whose shard is another worker's, both cores polling: the time from the
//                    arrival of the bytes to the reply; the hop is this less BM_GetHere
//   BM_LineThereAndBack  a bare cache line that goes to the other core and back: what the host
//                    makes of any hop, before the engine does anything
//   BM_MultiHere     a transaction of ten INCRs, `pipeline` of them per read
//   BM_MsetLease     an MSET over two shards: claim, park, acknowledge, run, release
// The transport below makes the bytes in memory and takes the reply at send().
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/engine/config.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/base/cpu.h"
#include "src/base/time.h"
#include "src/commands/families.h"

namespace pollux {
namespace {

// Before any pinning narrows it.
const bool kTwoProcessors = allowed_cpus().size() >= 2;

class BenchTransport final : public Transport {
 public:
  size_t poll(std::span<TransportEvent> events) override {
    size_t count = 0;
    if (!opened_) {
      opened_ = true;
      events[count++] = {.kind = TransportEvent::Kind::kOpen, .conn = conn_};
    }
    if (sent_ > 0) {
      events[count++] = {.kind = TransportEvent::Kind::kSent, .conn = conn_, .sent = sent_};
      sent_ = 0;
    }
    if (!request_.empty()) {
      events[count++] = {
          .kind = TransportEvent::Kind::kData, .conn = conn_, .bytes = request_};
      request_ = {};
    }
    return count;
  }
  const PeerInfo& peer(ConnId) override { return peer_; }
  void send(ConnId, std::span<const TxSlice> slices) override {
    for (const TxSlice& slice : slices) {
      sent_ += slice.bytes.size();
    }
    received_ += sent_;
  }
  void pause(ConnId) override {}
  void resume(ConnId) override {}
  void close(ConnId) override {}
  void stop_accepting() override {}
  void flush() override {}
  void sleep(int64_t) override {}
  void wake() override {}

  void ask(std::string_view request) { request_ = request; }
  size_t received() const { return received_; }

 private:
  ConnId conn_{0, 1};
  PeerInfo peer_{.address = "bench:0", .local_address = "bench:1", .loopback = true};
  bool opened_ = false;
  std::string_view request_;
  size_t sent_ = 0;
  size_t received_ = 0;
};

class Bench {
 public:
  explicit Bench(int workers) {
    add_command_families(commands_);
    add_engine_families(commands_);
    const std::string_view busy[] = {"poll-mode", "busy"};
    config_.set(busy);
    page_memory_.resize(ControlPage::size_for(workers));
    page_ = new (page_memory_.data()) ControlPage();
    page_->workers = static_cast<uint32_t>(workers);
    for (int i = 1; i < workers; ++i) {
      new (&page_->cores[i]) CoreBlock();
    }
    std::vector<std::unique_ptr<Transport>> transports;
    for (int i = 0; i < workers; ++i) {
      auto transport = std::make_unique<BenchTransport>();
      wires_.push_back(transport.get());
      transports.push_back(std::move(transport));
    }
    engine_ = std::make_unique<Engine>(EngineParts{.workers = workers,
                                                   .commands = &commands_,
                                                   .config = &config_,
                                                   .page = page_,
                                                   .clock = &clock_},
                                       std::move(transports));
    pin_thread(0);
    for (int i = 1; i < workers; ++i) {
      threads_.emplace_back([this, i] {
        pin_thread(i);
        while (!stop_.load(std::memory_order_relaxed)) {
          turn(i);
        }
      });
    }
  }
  ~Bench() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  void turn(int worker) {
    for (int phase = 0; phase < static_cast<int>(Phase::kCount); ++phase) {
      engine_->worker(worker).step(static_cast<Phase>(phase));
    }
  }
  // One request to worker 0, until `bytes` of reply are there.
  void ask(std::string_view request, size_t bytes) {
    BenchTransport& wire = *wires_[0];
    const size_t until = wire.received() + bytes;
    wire.ask(request);
    while (wire.received() < until) {
      turn(0);
    }
  }
  // A key of the given shard.
  std::string key_of(int shard, int number) {
    for (int i = 0;; ++i) {
      std::string key = "key:" + std::to_string(number) + ":" + std::to_string(i);
      key.resize(16, '.');
      const size_t shards = engine_->shards().size();
      if (shard_of_slot(key_slot(key), shards).value == shard) {
        return key;
      }
    }
  }

 private:
  CommandTable commands_;
  ConfigStore config_;
  SystemClock clock_;
  std::vector<char> page_memory_;
  ControlPage* page_ = nullptr;
  std::vector<BenchTransport*> wires_;
  std::unique_ptr<Engine> engine_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

std::string resp(std::initializer_list<std::string_view> args) {
  std::string out = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string_view arg : args) {
    out += "$" + std::to_string(arg.size()) + "\r\n";
    out += arg;
    out += "\r\n";
  }
  return out;
}

const std::string kValue(64, 'v');
constexpr size_t kValueReply = 64 + 5 + 2;  // $64\r\n ... \r\n

void BM_GetHere(benchmark::State& state) {
  Bench bench(1);
  const auto pipeline = static_cast<size_t>(state.range(0));
  std::string request;
  for (size_t i = 0; i < pipeline; ++i) {
    const std::string key = bench.key_of(0, static_cast<int>(i));
    bench.ask(resp({"SET", key, kValue}), 5);
    request += resp({"GET", key});
  }
  for (auto _ : state) {
    bench.ask(request, kValueReply * pipeline);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * pipeline));
}
BENCHMARK(BM_GetHere)->Arg(1)->Arg(16)->Arg(64);

void BM_MultiHere(benchmark::State& state) {
  Bench bench(1);
  const auto pipeline = static_cast<size_t>(state.range(0));
  constexpr int kIncrs = 10;
  const std::string number = "1000000000";  // stays of one length
  std::string transaction = resp({"MULTI"});
  for (int i = 0; i < kIncrs; ++i) {
    const std::string key = bench.key_of(0, i);
    bench.ask(resp({"SET", key, number}), 5);
    transaction += resp({"INCR", key});
  }
  transaction += resp({"EXEC"});
  std::string request;
  for (size_t i = 0; i < pipeline; ++i) {
    request += transaction;
  }
  const size_t reply_bytes = 5 + kIncrs * 9 + 5 + kIncrs * (number.size() + 3);
  for (auto _ : state) {
    bench.ask(request, reply_bytes * pipeline);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * pipeline));
}
BENCHMARK(BM_MultiHere)->Arg(1)->Arg(16);

void BM_GetElsewhere(benchmark::State& state) {
  if (!kTwoProcessors) {
    state.SkipWithError("needs two processors");
    return;
  }
  Bench bench(2);
  const std::string key = bench.key_of(static_cast<int>(state.range(0)), 0);
  bench.ask(resp({"SET", key, kValue}), 5);
  const std::string request = resp({"GET", key});
  for (auto _ : state) {
    bench.ask(request, kValueReply);
  }
}
BENCHMARK(BM_GetElsewhere)->ArgName("shard")->Arg(0)->Arg(1)->UseRealTime();

void BM_LineThereAndBack(benchmark::State& state) {
  if (!kTwoProcessors) {
    state.SkipWithError("needs two processors");
    return;
  }
  alignas(64) std::atomic<uint64_t> line{0};  // odd: the other core has it
  constexpr uint64_t kEnd = UINT64_MAX;
  pin_thread(0);
  std::thread other([&line] {
    pin_thread(1);
    for (uint64_t seen = 0; seen != kEnd;) {
      seen = line.load(std::memory_order_acquire);
      if (seen % 2 == 1 && seen != kEnd) {
        line.store(seen + 1, std::memory_order_release);
      }
    }
  });
  uint64_t mine = 0;
  for (auto _ : state) {
    line.store(mine + 1, std::memory_order_release);
    mine += 2;
    while (line.load(std::memory_order_acquire) != mine) {
    }
  }
  line.store(kEnd, std::memory_order_release);
  other.join();
}
BENCHMARK(BM_LineThereAndBack)->UseRealTime();

void BM_MsetLease(benchmark::State& state) {
  if (!kTwoProcessors) {
    state.SkipWithError("needs two processors");
    return;
  }
  Bench bench(2);
  const std::string request =
      resp({"MSET", bench.key_of(0, 0), kValue, bench.key_of(1, 0), kValue});
  for (auto _ : state) {
    bench.ask(request, 5);
  }
}
BENCHMARK(BM_MsetLease)->UseRealTime();

// What "longest turn" says on this host when nothing is wrong with the turns: 300,000 loops of
// about 20 us that only compute, and the longest by the same clock: of all, and, in the median, of
// as many as there are turns in a window of perf/compare's growth.
void BM_TurnClockNoise(benchmark::State& state) {
  constexpr size_t kLoopsPerWindow = 250'000 / 32;
  std::vector<int64_t> windows_ns;
  size_t loops = 0;
  const auto cycles = static_cast<uint64_t>(20 * tsc_per_us());
  for (auto _ : state) {
    const int64_t began = thread_cpu_ns();
    const uint64_t until = tsc() + cycles;
    while (tsc() < until) {
    }
    if (loops++ % kLoopsPerWindow == 0) {
      windows_ns.push_back(0);
    }
    windows_ns.back() = std::max(windows_ns.back(), thread_cpu_ns() - began);
  }
  std::sort(windows_ns.begin(), windows_ns.end());
  state.counters["longest_us"] = static_cast<double>(windows_ns.back()) / 1000;
  state.counters["window_us"] = static_cast<double>(windows_ns[windows_ns.size() / 2]) / 1000;
}
BENCHMARK(BM_TurnClockNoise)->Iterations(300'000);

}  // namespace
}  // namespace pollux

BENCHMARK_MAIN();
