// The flat collections: looking for a field of a small hash, reading all of it, the commonest
// edits, and what the check of a foreign payload costs.
//
//   micro_flat
//   micro_flat --benchmark_filter='Find|Intset'
//
// Fields are "field:NNN", values of 8 bytes. Time per operation; where a listpack is walked as a
// whole, items are elements.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/intset.h"
#include "src/data/listpack.h"

namespace pollux {
namespace {

std::string field_name(int64_t number) {
  std::string name = "field:000";
  for (size_t i = name.size(); number > 0; number /= 10) {
    name[--i] = static_cast<char>('0' + number % 10);
  }
  return name;
}

enum class Values { kTexts, kIntegers };

// A bare listpack with room behind it for edits that are undone.
class Pack {
 public:
  Listpack view() const { return Listpack(std::string_view(bytes_).substr(0, size_)); }
  void apply(const ListpackSplice& splice) {
    if (splice.bare_bytes() > bytes_.size()) {
      bytes_.resize(splice.bare_bytes() + 64);
    }
    splice.apply(bytes_.data());
    size_ = splice.bare_bytes();
  }

 private:
  std::string bytes_{Listpack().bare()};
  size_t size_ = bytes_.size();
};

// A hash of `fields` fields.
Pack hash_of(int64_t fields, Values kind = Values::kTexts) {
  Pack bytes;
  for (int64_t i = 0; i < fields; ++i) {
    const std::string name = field_name(i);
    const PackedValue pair[] = {PackedValue::of(name), kind == Values::kTexts
                                                           ? PackedValue::of("value-of")
                                                           : PackedValue(i * 1'000'003)};
    bytes.apply(bytes.view().insert(bytes.view().end(), pair));
  }
  return bytes;
}

// HGET: any field that is there; the names of 256 draws, so that no loop is learnt by heart.
void find_field(benchmark::State& state, Values kind) {
  const Pack bytes = hash_of(state.range(0), kind);
  const Listpack pack = bytes.view();
  Rng rng(1);
  std::vector<std::string> names;
  for (int i = 0; i < 256; ++i) {
    names.push_back(
        field_name(static_cast<int64_t>(rng.below(static_cast<uint64_t>(state.range(0))))));
  }
  size_t i = 0;
  for (auto _ : state) {
    const Listpack::Position at = pack.find(names[i++ % names.size()], Listpack::first(), 1);
    benchmark::DoNotOptimize(pack.get(pack.next(at)));
  }
}
void BM_FindField(benchmark::State& state) {
  find_field(state, Values::kTexts);
}
BENCHMARK(BM_FindField)->Arg(8)->Arg(32)->Arg(128);
void BM_FindFieldOfIntegers(benchmark::State& state) {
  find_field(state, Values::kIntegers);
}
BENCHMARK(BM_FindFieldOfIntegers)->Arg(8)->Arg(32)->Arg(128);

// A field that is not there: every one is passed. Of the same length, so that each is compared.
void BM_FindNoField(benchmark::State& state) {
  const Pack bytes = hash_of(state.range(0));
  const Listpack pack = bytes.view();
  for (auto _ : state) {
    benchmark::DoNotOptimize(pack.find("field:abc", Listpack::first(), 1));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_FindNoField)->Arg(8)->Arg(128);

// HGETALL without the reply.
void BM_ReadAll(benchmark::State& state) {
  const Pack bytes = hash_of(state.range(0), Values::kIntegers);
  const Listpack pack = bytes.view();
  for (auto _ : state) {
    for (Listpack::Position at = Listpack::first(); at != pack.end();) {
      benchmark::DoNotOptimize(pack.take(at));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * 2);
}
BENCHMARK(BM_ReadAll)->Arg(8)->Arg(128);

// The middle of a list, from the nearer end.
void BM_SeekMiddle(benchmark::State& state) {
  const Pack bytes = hash_of(state.range(0));
  const Listpack pack = bytes.view();
  for (auto _ : state) {
    benchmark::DoNotOptimize(pack.seek(state.range(0)));
  }
}
BENCHMARK(BM_SeekMiddle)->Arg(8)->Arg(128);

// HSET of a new field, and HDEL of it.
void BM_AppendAndEraseAPair(benchmark::State& state) {
  Pack bytes = hash_of(state.range(0));
  for (auto _ : state) {
    const Listpack pack = bytes.view();
    const PackedValue pair[] = {PackedValue::of("new-field"), PackedValue::of("12345")};
    const Listpack::Position at = pack.end();
    bytes.apply(pack.insert(at, pair));
    bytes.apply(bytes.view().erase(at, 2));
  }
}
BENCHMARK(BM_AppendAndEraseAPair)->Arg(8)->Arg(128);

// LPUSH and RPOP on one chunk.
void BM_PushFrontPopBack(benchmark::State& state) {
  Pack bytes = hash_of(state.range(0));
  for (auto _ : state) {
    const Listpack pack = bytes.view();
    const PackedValue one[] = {PackedValue::of("value-of")};
    bytes.apply(pack.insert(Listpack::first(), one));
    const Listpack longer = bytes.view();
    bytes.apply(longer.erase(longer.last(), 1));
  }
}
BENCHMARK(BM_PushFrontPopBack)->Arg(8)->Arg(128);

// HINCRBY: the value's width stays, nothing moves.
void BM_ReplaceAValue(benchmark::State& state) {
  Pack bytes = hash_of(8, Values::kIntegers);
  const Listpack pack = bytes.view();
  const Listpack::Position at = pack.seek(9);
  int64_t number = 1'000'000;
  for (auto _ : state) {
    const PackedValue value[] = {PackedValue(++number & 0x3fffffff)};
    bytes.apply(pack.replace(at, 1, value));
  }
}
BENCHMARK(BM_ReplaceAValue);

void BM_Valid(benchmark::State& state) {
  const Pack bytes = hash_of(state.range(0), Values::kIntegers);
  std::string whole(bytes.view().bytes(), '\0');
  Listpack::write_framed(bytes.view().bare(), whole.data());
  for (auto _ : state) {
    benchmark::DoNotOptimize(Listpack::valid(whole));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * 2);
}
BENCHMARK(BM_Valid)->Arg(8)->Arg(128);

// Integers from 0 on, `step` apart: the step chooses the width.
std::string intset_of(int64_t count, int64_t step) {
  std::string bytes(Intset::kEmpty);
  for (int64_t i = 0; i < count; ++i) {
    const Intset set(bytes.data());
    const IntsetSplice splice = set.insert(i * step, set.find(i * step));
    bytes.resize(splice.total);
    splice.apply(bytes.data());
  }
  bytes.resize(bytes.size() + 8);
  return bytes;
}

// SISMEMBER of random integers, half of them there.
void BM_IntsetFind(benchmark::State& state) {
  const int64_t step = state.range(1);
  const std::string bytes = intset_of(state.range(0), step);
  const Intset set(bytes.data());
  Rng rng(1);
  std::vector<int64_t> wanted;
  for (int i = 0; i < 1024; ++i) {
    wanted.push_back(static_cast<int64_t>(rng.below(static_cast<uint64_t>(state.range(0)))) * step +
                     static_cast<int64_t>(rng.below(2)));
  }
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(set.contains(wanted[i++ % wanted.size()]));
  }
}
BENCHMARK(BM_IntsetFind)->Args({16, 3})->Args({512, 3})->Args({512, 100'000});

// SADD and SREM of one in the middle.
void BM_IntsetInsertAndErase(benchmark::State& state) {
  std::string bytes = intset_of(state.range(0), 3);
  const int64_t value = state.range(0) / 2 * 3 + 1;
  for (auto _ : state) {
    const Intset set(bytes.data());
    const Intset::Place place = set.find(value);
    set.insert(value, place).apply(bytes.data());
    set.erase(place.index).apply(bytes.data());
  }
}
BENCHMARK(BM_IntsetInsertAndErase)->Arg(16)->Arg(512);

void BM_IntsetValid(benchmark::State& state) {
  const std::string bytes = intset_of(state.range(0), 3);
  const std::string_view whole = Intset(bytes.data()).whole();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Intset::valid(whole));
  }
}
BENCHMARK(BM_IntsetValid)->Arg(512);

}  // namespace
}  // namespace pollux
