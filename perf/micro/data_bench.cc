// The key table and the entries under load: hot and cold lookups with and without the prefetch of
// a burst, writes, the longest single insert while a table grows, and resident bytes per entry.
//
//   data_bench --benchmark_filter='Find|Set|Tick'
//   data_bench --benchmark_filter=Growth      about a minute, 1.2 GB
//   data_bench --benchmark_filter=Resident    alone, as it reads the process' resident size
//
// Keys have 16 bytes, values 32.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "src/base/assert.h"
#include "src/base/time.h"
#include "src/data/keyspace.h"

namespace pollux {
namespace {

constexpr std::string_view kValue = "abcdefghijklmnopqrstuvwxyz012345";
constexpr Instant kNow{1'700'000'000'000'000};

struct KeyText {
  explicit KeyText(uint64_t number) {
    std::memcpy(text, "key:000000000000", 16);
    for (char* at = text + 15; number > 0; number /= 10) {
      *at-- = static_cast<char>('0' + number % 10);
    }
  }
  Key key() const { return Key::of({text, 16}); }
  char text[16];
};

struct Store {
  Store() { keys.bind(ShardId{0}, 0, kNow); }
  void set(uint64_t number) {
    const KeyText text(number);
    Edit edit(keys, text.key());
    edit.set_string(kValue);
    edit.notify(KeyEvent::kSet);
  }
  void fill(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      set(i);
    }
  }

  ShardStore shard{ShardId{0}, 16};
  ShardStore* shards[1] = {&shard};
  Keyspace keys{shards};
};

// One store of each size for all benchmarks that only read.
Store& store_of(int64_t count) {
  static int64_t filled = 0;
  static std::unique_ptr<Store> store;
  if (filled != count) {
    store.reset();
    store = std::make_unique<Store>();
    store->fill(static_cast<uint64_t>(count));
    filled = count;
  }
  return *store;
}

// Hash, table, entry, compare; the same 512 keys again and again.
void BM_FindHot(benchmark::State& state) {
  Store& store = store_of(state.range(0));
  std::vector<KeyText> texts;
  for (uint64_t i = 0; i < 512; ++i) {
    texts.emplace_back(i * 7 % static_cast<uint64_t>(state.range(0)));
  }
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.keys.find(texts[i].key()));
    i = (i + 1) % texts.size();
  }
}
BENCHMARK(BM_FindHot)->Arg(1'000)->Arg(1'000'000);

// Random keys, one after the other: every lookup waits for its cache misses.
void BM_FindCold(benchmark::State& state) {
  Store& store = store_of(state.range(0));
  Rng rng(1);
  for (auto _ : state) {
    const KeyText text(rng.below(static_cast<uint64_t>(state.range(0))));
    benchmark::DoNotOptimize(store.keys.find(text.key()));
  }
}
BENCHMARK(BM_FindCold)->Arg(1'000'000)->Arg(5'000'000);

// Random keys in bursts: hash all, prefetch buckets, prefetch entries, find. Time per key.
void BM_FindBurst(benchmark::State& state) {
  Store& store = store_of(state.range(0));
  const size_t burst = static_cast<size_t>(state.range(1));
  Rng rng(1);
  std::vector<KeyText> texts(burst, KeyText(0));
  std::vector<Key> keys(burst);
  size_t found = 0;
  while (state.KeepRunningBatch(static_cast<int64_t>(burst))) {
    for (size_t i = 0; i < burst; ++i) {
      texts[i] = KeyText(rng.below(static_cast<uint64_t>(state.range(0))));
      keys[i] = texts[i].key();
      store.shard.prefetch_bucket(0, keys[i].hash);
    }
    for (size_t i = 0; i < burst; ++i) {
      store.shard.prefetch_entry(0, keys[i].hash);
    }
    for (size_t i = 0; i < burst; ++i) {
      found += store.keys.find(keys[i]) != nullptr;
    }
  }
  benchmark::DoNotOptimize(found);
}
BENCHMARK(BM_FindBurst)->Args({5'000'000, 4})->Args({5'000'000, 16})->Args({5'000'000, 64});

void BM_SetOverwriteHot(benchmark::State& state) {
  Store& store = store_of(1'000);
  uint64_t i = 0;
  for (auto _ : state) {
    store.set(i);
    i = (i + 1) % 512;
  }
}
BENCHMARK(BM_SetOverwriteHot);

void BM_SetNewKey(benchmark::State& state) {
  Store store;
  uint64_t i = 0;
  for (auto _ : state) {
    store.set(i++);
  }
}
BENCHMARK(BM_SetNewKey)->Iterations(5'000'000);

void BM_TickExpiry(benchmark::State& state) {
  Store store;
  constexpr uint64_t kKeys = 1'000'000;
  Rng rng(2);
  for (uint64_t i = 0; i < kKeys; ++i) {
    const KeyText text(i);
    Edit edit(store.keys, text.key());
    edit.set_string(kValue);
    edit.set_expiry(kNow.ms() + static_cast<int64_t>(rng.below(100'000)));
    edit.notify(KeyEvent::kSet);
  }
  Instant now = kNow;
  const int64_t start_ns = thread_cpu_ns();
  for (auto _ : state) {
    bool more = true;
    while (store.shard.key_count(0) > 0 || more) {
      more = store.shard.tick(now, 50);
      now.us += 1000;
    }
  }
  state.counters["ns_per_key"] = static_cast<double>(thread_cpu_ns() - start_ns) / kKeys;
}
BENCHMARK(BM_TickExpiry)->Iterations(1)->Unit(benchmark::kMillisecond);

// The longest insert while a table grows from 1 to 10 million keys. The same growth runs several
// times and each insert counts with its shortest time, so what other processes and interrupts took
// falls out and what the table does stays.
void BM_GrowthLongestInsert(benchmark::State& state) {
  constexpr uint64_t kFrom = 1'000'000;
  constexpr uint64_t kTo = 10'000'000;
  constexpr int kRounds = 4;
  std::vector<float> shortest(kTo, 1e9F);
  for (auto _ : state) {
    for (int round = 0; round < kRounds; ++round) {
      Store store;
      store.fill(kFrom);
      for (uint64_t i = kFrom; i < kTo; ++i) {
        const uint64_t start = tsc();
        store.set(i);
        shortest[i] = std::min(shortest[i], static_cast<float>(tsc() - start));
      }
    }
  }
  const double per_us = tsc_per_us();
  std::sort(shortest.begin() + kFrom, shortest.end());
  const auto top = [&](uint64_t rank) { return shortest[kTo - 1 - rank] / per_us; };
  state.counters["longest_us"] = top(0);
  state.counters["10th_us"] = top(10);
  state.counters["1000th_us"] = top(1'000);
  state.counters["median_ns"] = shortest[kFrom + (kTo - kFrom) / 2] / per_us * 1000;
}
BENCHMARK(BM_GrowthLongestInsert)->Iterations(1)->Unit(benchmark::kSecond);

int64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  POLLUX_ASSERT(file != nullptr);
  long size = 0;
  long resident = 0;
  POLLUX_ASSERT(std::fscanf(file, "%ld %ld", &size, &resident) == 2);
  std::fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

void BM_ResidentBytesPerEntry(benchmark::State& state) {
  const int64_t base = resident_bytes();
  Store store;
  uint64_t count = 0;
  for (auto _ : state) {
    for (uint64_t millions = 1; millions <= 10; ++millions) {
      for (; count < millions * 1'000'000; ++count) {
        store.set(count);
      }
      const double keys = static_cast<double>(count);
      std::string name = std::to_string(millions);
      name.insert(0, 2 - name.size(), '0');
      state.counters[name + "M"] = static_cast<double>(resident_bytes() - base) / keys;
      state.counters[name + "M_account"] = static_cast<double>(store.shard.used_bytes()) / keys;
    }
  }
}
BENCHMARK(BM_ResidentBytesPerEntry)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace pollux

BENCHMARK_MAIN();
