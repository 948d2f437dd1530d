// What a request costs in the engine, without a wire: parse, route, table, reply, output.
//   BM_GetHere       a GET whose shard is this worker's, `pipeline` of them per read
//   BM_GetElsewhere  a GET whose shard is another worker's, both cores polling: the time from the
//                    arrival of the bytes to the reply; the hop is this less BM_GetHere
//   BM_LineThereAndBack  a bare cache line that goes to the other core and back: what the host
//                    makes of any hop, before the engine does anything
//   BM_GetOfMany     32 of 1,000 clients ask in a turn, `pipeline` GETs each, of `keys` random
//                    ones, as it is over our own TCP
//   BM_SetOfMany     the same with SETs, of values of the length that is there
//   BM_MultiHere     a transaction of ten INCRs, `pipeline` of them per read
//   BM_MsetLease     an MSET over two shards: claim, park, acknowledge, run, release
// The transport below makes the bytes in memory and takes the reply at send().
//
// Instructions of a request, which no neighbor disturbs, are counted of measured_turn alone; with
// few keys, for nothing is prefetched there:
//
//   valgrind --tool=callgrind --toggle-collect='*measured_turn*' micro_engine
//       --benchmark_filter=BM_GetOfMany/16/1000
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
#include "perf/micro/meter.h"
#include "src/base/cpu.h"
#include "src/base/rng.h"
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
    for (std::vector<TransportEvent>* list : {&sent_, &asked_}) {
      for (const TransportEvent& event : *list) {
        if (event.conn.index >= opened_) {
          opened_ = event.conn.index + 1;
          events[count++] = {.kind = TransportEvent::Kind::kOpen, .conn = event.conn};
        }
        events[count++] = event;
      }
      list->clear();
    }
    return count;
  }
  const PeerInfo& peer(ConnId) override { return peer_; }
  void send(ConnId conn, std::span<const TxSlice> slices) override {
    size_t bytes = 0;
    for (const TxSlice& slice : slices) {
      bytes += slice.bytes.size();
    }
    sent_.push_back({.kind = TransportEvent::Kind::kSent, .conn = conn, .sent = bytes});
    received_ += bytes;
  }
  void pause(ConnId) override {}
  void resume(ConnId) override {}
  void close(ConnId) override {}
  void stop_accepting() override {}
  void flush() override {}
  void sleep(int64_t) override {}
  void wake() override {}

  // At most kAskedMax a turn, each of a client of its own; new clients come in order.
  static constexpr size_t kAskedMax = 64;
  void ask(std::string_view request, uint32_t client = 0) {
    asked_.push_back({.kind = TransportEvent::Kind::kData, .conn = {client, 1}, .bytes = request});
  }
  size_t received() const { return received_; }

 private:
  PeerInfo peer_{.address = "bench:0", .local_address = "bench:1", .loopback = true};
  uint32_t opened_ = 0;
  std::vector<TransportEvent> sent_;
  std::vector<TransportEvent> asked_;
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
  // For what is asked in one turn; see BenchTransport::ask.
  BenchTransport& wire() { return *wires_[0]; }
  [[gnu::noinline]] void measured_turn() { turn(0); }
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

std::string numbered_key(uint64_t number) {
  std::string digits = std::to_string(number);
  return "memtier-" + std::string(8 - digits.size(), '0') + digits;
}

void of_many(benchmark::State& state, bool set) {
  constexpr uint32_t kClients = 1000;
  constexpr size_t kAsk = 32;
  constexpr size_t kTurnsAhead = 8;
  const auto pipeline = static_cast<size_t>(state.range(0));
  const auto keys = static_cast<uint64_t>(state.range(1));
  Bench bench(1);
  for (uint32_t i = 0; i < kClients; ++i) {
    bench.wire().ask("", i);
    bench.turn(0);
  }
  for (uint64_t i = 0; i < keys; ++i) {
    bench.ask(resp({"SET", numbered_key(i), kValue}), 5);
  }
  Rng rng(1);
  uint32_t client = 0;
  std::vector<std::string> requests(kTurnsAhead * kAsk);
  const auto prepare = [&] {
    for (std::string& request : requests) {
      request.clear();
      for (size_t i = 0; i < pipeline; ++i) {
        const std::string key = numbered_key(rng.below(keys));
        request += set ? resp({"SET", key, kValue}) : resp({"GET", key});
      }
    }
  };
  Meter meter(state);
  for (auto _ : state) {
    meter.leave_out(prepare);
    for (size_t turn = 0; turn < kTurnsAhead; ++turn) {
      for (size_t i = 0; i < kAsk; ++i) {
        client = (client + 7) % kClients;
        bench.wire().ask(requests[turn * kAsk + i], client);
      }
      const size_t until = bench.wire().received() + kAsk * pipeline * (set ? 5 : kValueReply);
      while (bench.wire().received() < until) {
        bench.measured_turn();
      }
    }
    meter.items(kTurnsAhead * kAsk * pipeline);
  }
}

void BM_GetOfMany(benchmark::State& state) {
  of_many(state, /*set=*/false);
}
void BM_SetOfMany(benchmark::State& state) {
  of_many(state, /*set=*/true);
}
BENCHMARK(BM_GetOfMany)->ArgsProduct({{1, 16}, {1000, 1'000'000}});
BENCHMARK(BM_SetOfMany)->ArgsProduct({{1, 16}, {1000, 1'000'000}});

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
