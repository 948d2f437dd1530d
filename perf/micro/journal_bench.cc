// What a change costs its worker on the way into the journal: a ticket, and a command of 60 bytes
// from the ticket to publish; with one thread and with as many as there are cores, beside
// the one that reads the journal now and then and forgets what it has read.
//
//   micro_journal --benchmark_min_time=0.5
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>

#include "storage/journal.h"
#include "storage/journal_reader.h"

namespace pollux {
namespace {

constexpr std::string_view kCommand =
    "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$17\r\n0123456789abcdefg\r\n";
static_assert(kCommand.size() == 60);

int cores() {
  return static_cast<int>(std::thread::hardware_concurrency());
}

// Shared by the threads of one run.
std::unique_ptr<Journal> journal;
std::atomic<bool> reads;
std::thread reader;

void set_up(const benchmark::State& state) {
  journal = std::make_unique<Journal>(static_cast<size_t>(state.threads()));
}

void set_up_reader(const benchmark::State& state) {
  set_up(state);
  reads = true;
  reader = std::thread([] {
    JournalReader all(*journal);
    while (reads.load(std::memory_order_relaxed)) {
      while (all.next() != nullptr) {
        all.pop();
      }
      // As one that naps.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
}

void tear_down(const benchmark::State&) {
  if (reader.joinable()) {
    reads = false;
    reader.join();
  }
  journal.reset();
}

void BM_Ticket(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(journal->draw());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Ticket)->Setup(set_up)->Teardown(tear_down)->ThreadRange(1, cores())->UseRealTime();

// A turn of so many commands, with a ticket for each of them, or one for all.
void BM_Turn(benchmark::State& state) {
  JournalLane& lane = journal->lane(WorkerId{static_cast<uint16_t>(state.thread_index())});
  const auto commands = state.range(0);
  const bool each = state.range(1) != 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < commands; ++i) {
      if (each || i == 0) {
        lane.begin(journal->draw(), {});
      }
      lane.select(0);
      lane.append(kCommand);
    }
    lane.publish();
    journal->tell_reader(lane);
    while (lane.pending_bytes() > (16 << 20)) {
      std::this_thread::yield();
    }
  }
  state.SetItemsProcessed(state.iterations() * commands);
}
BENCHMARK(BM_Turn)
    ->Setup(set_up_reader)
    ->Teardown(tear_down)
    ->Args({1, 1})
    ->Args({16, 1})
    ->Args({16, 0})
    ->ThreadRange(1, cores())
    ->UseRealTime();

// The reader's share: a lane that is full, of entries of one command.
void BM_Read(benchmark::State& state) {
  Journal one(1);
  JournalReader all(one);
  JournalLane& lane = one.lane(WorkerId{0});
  int64_t entries = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 10'000; ++i) {
      lane.begin(one.draw(), {});
      lane.append(kCommand);
    }
    lane.publish();
    state.ResumeTiming();
    while (const JournalPart* part = all.next()) {
      benchmark::DoNotOptimize(part->bytes.data());
      all.pop();
      ++entries;
    }
  }
  state.SetItemsProcessed(entries);
}
BENCHMARK(BM_Read);

}  // namespace
}  // namespace pollux
