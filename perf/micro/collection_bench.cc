// Small collections as commands use them, key look-up and all: reads, and the edits that change the
// size of an entry and put it back.
//
//   micro_collection
//   micro_collection --benchmark_filter=Hash
//
// 1,000 keys of 16 bytes, so that everything stays in the cache; each has ten elements, fields of 6
// bytes with values of 8. Time per operation, of pairs per pair.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "perf/micro/collection_store.h"
#include "src/data/hash_value.h"
#include "src/data/list_value.h"
#include "src/data/set_value.h"
#include "src/data/zset_value.h"

namespace pollux {
namespace {

constexpr size_t kKeys = 1000;
constexpr size_t kElements = 10;

// One of small collections.
class Store : public CollectionStore {
 public:
  explicit Store(const Add& add) : CollectionStore(kKeys, kElements, add) {}
};

const EncodingLimits kLimits;

std::string field(size_t number) { return numbered("name", number, 2); }

Store hashes() {
  return Store([](Edit& edit, size_t i) {
    HashEditor(edit, kLimits).set(field(i), numbered("", i, 8));
  });
}

void BM_HashFind(benchmark::State& state) {
  Store store = hashes();
  const std::string name = field(kElements / 2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(HashView(store.find(store.next())).find(name));
  }
}
BENCHMARK(BM_HashFind);

// HSET of a value of the same size.
void BM_HashReplace(benchmark::State& state) {
  Store store = hashes();
  const std::string name = field(kElements / 2);
  for (auto _ : state) {
    store.change(store.next(), [&](Edit& edit) {
      HashEditor(edit, kLimits).set(name, "abcdefgh");
    });
  }
}
BENCHMARK(BM_HashReplace);

// HSET of a new field and HDEL of it.
void BM_HashSetAndErase(benchmark::State& state) {
  Store store = hashes();
  const std::string name = field(kElements);
  for (auto _ : state) {
    const Key key = store.next();
    store.change(key, [&](Edit& edit) { HashEditor(edit, kLimits).set(name, "abcdefgh"); });
    store.change(key, [&](Edit& edit) { HashEditor(edit, kLimits).erase(name); });
  }
}
BENCHMARK(BM_HashSetAndErase);

Store zsets() {
  return Store([](Edit& edit, size_t i) {
    const std::string member = field(i);
    ZsetEditor(edit, kLimits).add(Key::of(member), static_cast<double>(100 * i), {});
  });
}

void BM_ZsetScore(benchmark::State& state) {
  Store store = zsets();
  const std::string member = field(kElements / 2);
  const Key key = Key::of(member);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ZsetView(store.find(store.next())).score(key));
  }
}
BENCHMARK(BM_ZsetScore);

// ZADD of a new member and ZREM of it.
void BM_ZsetAddAndErase(benchmark::State& state) {
  Store store = zsets();
  const std::string name = field(kElements);
  const Key member = Key::of(name);
  for (auto _ : state) {
    const Key key = store.next();
    store.change(key, [&](Edit& edit) { ZsetEditor(edit, kLimits).add(member, 450, {}); });
    store.change(key, [&](Edit& edit) { ZsetEditor(edit, kLimits).erase(member); });
  }
}
BENCHMARK(BM_ZsetAddAndErase);

// ZINCRBY of one that moves by some places.
void BM_ZsetMove(benchmark::State& state) {
  Store store = zsets();
  const std::string name = field(kElements / 2);
  const Key member = Key::of(name);
  double score = 0;
  for (auto _ : state) {
    score = score < 900 ? score + 150.5 : 0.5;
    store.change(store.next(),
                 [&](Edit& edit) { ZsetEditor(edit, kLimits).add(member, score, {}); });
  }
}
BENCHMARK(BM_ZsetMove);

Store sets() {
  return Store([](Edit& edit, size_t i) {
    const std::string member = field(i);
    SetEditor(edit, kLimits).add(SetMember(member));
  });
}

void BM_SetContains(benchmark::State& state) {
  Store store = sets();
  const std::string name = field(kElements / 2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(SetView(store.find(store.next())).contains(SetMember(name)));
  }
}
BENCHMARK(BM_SetContains);

// SADD of a new member and SREM of it.
void BM_SetAddAndErase(benchmark::State& state) {
  Store store = sets();
  const std::string name = field(kElements);
  for (auto _ : state) {
    const Key key = store.next();
    store.change(key, [&](Edit& edit) { SetEditor(edit, kLimits).add(SetMember(name)); });
    store.change(key, [&](Edit& edit) { SetEditor(edit, kLimits).erase(SetMember(name)); });
  }
}
BENCHMARK(BM_SetAddAndErase);

// LPUSH and RPOP.
void BM_ListPushAndDrop(benchmark::State& state) {
  Store store([](Edit& edit, size_t i) {
    ListEdit(edit, kLimits).push(ListEnd::kBack, numbered("", i, 8));
  });
  for (auto _ : state) {
    const Key key = store.next();
    store.change(key, [&](Edit& edit) {
      ListEdit(edit, kLimits).push(ListEnd::kFront, "abcdefgh");
    });
    store.change(key, [&](Edit& edit) { ListEdit(edit, kLimits).drop(ListEnd::kBack, 1); });
  }
}
BENCHMARK(BM_ListPushAndDrop);

}  // namespace
}  // namespace pollux
