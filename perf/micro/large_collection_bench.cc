// Large collections, one of so many elements: hashes (with and without TTLs on fields), sets,
// sorted sets and lists; and what goes over the bytes of a string.
//
//   micro_large_collection
//   micro_large_collection --benchmark_filter=Hash
//
// Fields and members of 16 bytes, values of 32. Elements are asked for in an order that is not
// theirs. Time per operation, of pairs per pair.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "perf/micro/collection_store.h"
#include "src/base/rng.h"
#include "src/data/bits.h"
#include "src/data/hash_value.h"
#include "src/data/list_value.h"
#include "src/data/set_value.h"
#include "src/data/string_digest.h"
#include "src/data/zset_value.h"

namespace pollux {
namespace {

const EncodingLimits kLimits;
constexpr std::string_view kValue = "a value of two and thirty bytes.";

std::string member(size_t number) {
  return numbered("member:", number, 9);
}

// Of so many, each once, far from the one before.
class Numbers {
 public:
  explicit Numbers(size_t count) : count_(count) {}
  size_t next() { return at_ = (at_ + 611'953) % count_; }

 private:
  const size_t count_;
  size_t at_ = 0;
};

size_t elements_of(const benchmark::State& state) {
  return static_cast<size_t>(state.range(0));
}

CollectionStore hash(size_t fields) {
  return {1, fields,
          [](Edit& edit, size_t i) { HashEditor(edit, kLimits).set(member(i), kValue); }};
}

void BM_LargeHashFind(benchmark::State& state) {
  CollectionStore store = hash(elements_of(state));
  Numbers numbers(elements_of(state));
  for (auto _ : state) {
    benchmark::DoNotOptimize(HashView(store.find(store.next())).find(member(numbers.next())));
  }
}
BENCHMARK(BM_LargeHashFind)->Arg(1'000)->Arg(1'000'000);

void BM_LargeHashReplace(benchmark::State& state) {
  CollectionStore store = hash(elements_of(state));
  Numbers numbers(elements_of(state));
  for (auto _ : state) {
    store.change(store.next(), [&](Edit& edit) {
      HashEditor(edit, kLimits).set(member(numbers.next()), "another one of the length of it..");
    });
  }
}
BENCHMARK(BM_LargeHashReplace)->Arg(1'000)->Arg(1'000'000);

// HSET of a new field and HDEL of it.
void BM_LargeHashSetAndErase(benchmark::State& state) {
  CollectionStore store = hash(elements_of(state));
  size_t number = elements_of(state);
  for (auto _ : state) {
    const std::string name = member(++number);
    store.change(store.next(), [&](Edit& edit) { HashEditor(edit, kLimits).set(name, kValue); });
    store.change(store.next(), [&](Edit& edit) { HashEditor(edit, kLimits).erase(name); });
  }
}
BENCHMARK(BM_LargeHashSetAndErase)->Arg(1'000)->Arg(1'000'000);

void BM_LargeHashRandom(benchmark::State& state) {
  CollectionStore store = hash(elements_of(state));
  Rng rng(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(HashView(store.find(store.next())).random(rng));
  }
}
BENCHMARK(BM_LargeHashRandom)->Arg(1'000)->Arg(1'000'000);

// HEXPIRE, again and again. 10 fields: a flat hash with TTLs.
void BM_HashFieldTtl(benchmark::State& state) {
  CollectionStore store = hash(elements_of(state));
  Numbers numbers(elements_of(state));
  int64_t at_ms = kBenchNow.us / 1'000;
  for (auto _ : state) {
    at_ms += 1 + at_ms % 3'600'000;
    store.change(store.next(), [&](Edit& edit) {
      HashEditor(edit, kLimits).set_expiry(member(numbers.next()), at_ms);
    });
  }
}
BENCHMARK(BM_HashFieldTtl)->Arg(10)->Arg(1'000)->Arg(1'000'000);

CollectionStore set(size_t members) {
  return {1, members, [](Edit& edit, size_t i) {
            const std::string name = member(i);
            SetEditor(edit, kLimits).add(SetMember(name));
          }};
}

void BM_LargeSetContains(benchmark::State& state) {
  CollectionStore store = set(elements_of(state));
  Numbers numbers(elements_of(state));
  for (auto _ : state) {
    const std::string name = member(numbers.next());
    benchmark::DoNotOptimize(SetView(store.find(store.next())).contains(SetMember(name)));
  }
}
BENCHMARK(BM_LargeSetContains)->Arg(1'000)->Arg(1'000'000);

// SADD of a new member and SREM of it.
void BM_LargeSetAddAndErase(benchmark::State& state) {
  CollectionStore store = set(elements_of(state));
  size_t number = elements_of(state);
  for (auto _ : state) {
    const std::string name = member(++number);
    store.change(store.next(), [&](Edit& edit) { SetEditor(edit, kLimits).add(SetMember(name)); });
    store.change(store.next(),
                 [&](Edit& edit) { SetEditor(edit, kLimits).erase(SetMember(name)); });
  }
}
BENCHMARK(BM_LargeSetAddAndErase)->Arg(1'000)->Arg(1'000'000);

CollectionStore zset(size_t members) {
  return {1, members, [](Edit& edit, size_t i) {
            const std::string name = member(i);
            ZsetEditor(edit, kLimits).add(Key::of(name), static_cast<double>(i), {});
          }};
}

void BM_LargeZsetScore(benchmark::State& state) {
  CollectionStore store = zset(elements_of(state));
  Numbers numbers(elements_of(state));
  for (auto _ : state) {
    const std::string name = member(numbers.next());
    benchmark::DoNotOptimize(ZsetView(store.find(store.next())).score(Key::of(name)));
  }
}
BENCHMARK(BM_LargeZsetScore)->Arg(1'000)->Arg(1'000'000);

void BM_LargeZsetRank(benchmark::State& state) {
  CollectionStore store = zset(elements_of(state));
  Numbers numbers(elements_of(state));
  for (auto _ : state) {
    const std::string name = member(numbers.next());
    benchmark::DoNotOptimize(ZsetView(store.find(store.next())).rank(Key::of(name)));
  }
}
BENCHMARK(BM_LargeZsetRank)->Arg(1'000)->Arg(1'000'000);

// ZADD of a member that is there, to any place.
void BM_LargeZsetMove(benchmark::State& state) {
  CollectionStore store = zset(elements_of(state));
  Numbers numbers(elements_of(state));
  Rng rng(1);
  for (auto _ : state) {
    const std::string name = member(numbers.next());
    const auto score = static_cast<double>(rng.below(elements_of(state)));
    store.change(store.next(),
                 [&](Edit& edit) { ZsetEditor(edit, kLimits).add(Key::of(name), score, {}); });
  }
}
BENCHMARK(BM_LargeZsetMove)->Arg(1'000)->Arg(1'000'000);

CollectionStore list(size_t elements) {
  return {1, elements,
          [](Edit& edit, size_t) { ListEdit(edit, kLimits).push(ListEnd::kBack, kValue); }};
}

// LPUSH and RPOP.
void BM_LargeListPushAndDrop(benchmark::State& state) {
  CollectionStore store = list(elements_of(state));
  for (auto _ : state) {
    store.change(store.next(),
                 [&](Edit& edit) { ListEdit(edit, kLimits).push(ListEnd::kFront, kValue); });
    store.change(store.next(),
                 [&](Edit& edit) { ListEdit(edit, kLimits).drop(ListEnd::kBack, 1); });
  }
}
BENCHMARK(BM_LargeListPushAndDrop)->Arg(1'000)->Arg(1'000'000);

// LRANGE of 10 somewhere.
void BM_LargeListSeek(benchmark::State& state) {
  CollectionStore store = list(elements_of(state));
  Numbers numbers(elements_of(state) - 10);
  for (auto _ : state) {
    int left = 10;
    ListView(*store.find(store.next()))
        .walk(numbers.next(), ListEnd::kBack, [&](PackedValue value) {
          benchmark::DoNotOptimize(value);
          return --left > 0;
        });
  }
}
BENCHMARK(BM_LargeListSeek)->Arg(1'000)->Arg(1'000'000);

// LINSERT in the middle, by index; it grows by that.
void BM_LargeListInsert(benchmark::State& state) {
  CollectionStore store = list(elements_of(state));
  Numbers numbers(elements_of(state));
  for (auto _ : state) {
    store.change(store.next(),
                 [&](Edit& edit) { ListEdit(edit, kLimits).insert(numbers.next(), kValue); });
  }
}
BENCHMARK(BM_LargeListInsert)->Arg(1'000)->Arg(1'000'000)->Iterations(20'000);

std::string bytes_of(const benchmark::State& state) {
  std::string bytes(elements_of(state), 0);
  Rng rng(1);
  for (char& byte : bytes) {
    byte = static_cast<char>(rng.next());
  }
  return bytes;
}

void BM_BitCount(benchmark::State& state) {
  const std::string bytes = bytes_of(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(bit_count(bytes));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(BM_BitCount)->Arg(64)->Arg(1 << 20);

void BM_BitPosition(benchmark::State& state) {
  std::string bytes(elements_of(state), 0);
  bytes.back() = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bit_position(bytes, true, 0, 8 * bytes.size() - 1));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(BM_BitPosition)->Arg(64)->Arg(1 << 20);

void BM_StringDigest(benchmark::State& state) {
  const std::string bytes = bytes_of(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(digest_text(bytes));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(BM_StringDigest)->Arg(64)->Arg(1 << 20);

}  // namespace
}  // namespace pollux
