// The ordered index of sorted sets at 1,000 to a million members: time of each operation and bytes
// a member. Members are blocks of 32 bytes in an EntryHeap, as a sorted set has them, with names of
// 16 bytes; what happens to them is random, so at a million the blocks are out of the cache.
//
//   micro_rank_tree
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "src/base/rng.h"
#include "src/data/rank_tree.h"

namespace pollux {
namespace {

struct Block {
  uint32_t header;
  char score[8];
  uint8_t name_bytes;
  char name[16];
};
static_assert(sizeof(Block) <= 32);

struct ByScore {
  const EntryHeap* heap;

  const Block* block(Handle handle) const {
    return reinterpret_cast<const Block*>(heap->address(handle));
  }
  double score(Handle handle) const {
    double score;
    std::memcpy(&score, block(handle)->score, sizeof(score));
    return score;
  }
  int64_t key(Handle handle) const { return score_key(score(handle)); }
  // Asked for equal scores only.
  bool before(Handle left, Handle right) const {
    return std::memcmp(block(left)->name, block(right)->name, sizeof(Block::name)) < 0;
  }
  void prefetch(Handle handle) const { pollux::prefetch(block(handle)); }
};

// A set of members with random scores, or all with one and random names.
struct Set {
  explicit Set(int64_t count, double score_range = 1e6) : range(score_range) {
    for (int64_t i = 0; i < count; ++i) {
      const Handle handle = heap.allocate(32);
      Block* block = reinterpret_cast<Block*>(heap.address(handle));
      block->header = 0;
      block->name_bytes = sizeof(block->name);
      for (size_t at = 0; at < sizeof(block->name); at += 8) {
        const uint64_t some = rng.next();
        std::memcpy(block->name + at, &some, sizeof(some));
      }
      handles.push_back(handle);
      set_score(handle);
    }
  }
  void set_score(Handle handle) {
    const double score = range * rng.unit();
    std::memcpy(reinterpret_cast<Block*>(heap.address(handle))->score, &score, sizeof(score));
  }
  void fill() {
    for (const Handle handle : handles) {
      tree.insert(handle);
    }
  }
  Handle any() { return handles[rng.below(handles.size())]; }
  void report(benchmark::State& state) {
    state.counters["bytes"] =
        static_cast<double>(tree.bytes()) / static_cast<double>(std::max<uint64_t>(tree.size(), 1));
  }

  double range;
  Rng rng{1};
  EntryHeap heap{nullptr};
  Arena arena;
  RankTree<ByScore> tree{arena, ByScore{&heap}};
  std::vector<Handle> handles;
};

// One full set of each kind for all benchmarks that leave it full.
Set& set_of(int64_t count, double score_range = 1e6) {
  static std::unique_ptr<Set> set;
  if (set == nullptr || static_cast<int64_t>(set->handles.size()) != count ||
      set->range != score_range) {
    set = std::make_unique<Set>(count, score_range);
    set->fill();
  }
  return *set;
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
}

// From nothing to that many, in random order. Time of each.
void BM_Insert(benchmark::State& state) {
  Set set(state.range(0));
  while (state.KeepRunningBatch(state.range(0))) {
    state.PauseTiming();
    while (set.tree.drain(1'000)) {
    }
    state.ResumeTiming();
    set.fill();
  }
  set.report(state);
}
BENCHMARK(BM_Insert)->Apply(sizes);

// Each behind all others.
void BM_Append(benchmark::State& state) {
  Set set(state.range(0));
  set.fill();
  std::vector<Handle> sorted;
  for (auto cursor = set.tree.at(0); cursor; cursor.next()) {
    sorted.push_back(cursor.handle());
  }
  while (state.KeepRunningBatch(state.range(0))) {
    state.PauseTiming();
    while (set.tree.drain(1'000)) {
    }
    state.ResumeTiming();
    for (const Handle handle : sorted) {
      set.tree.append(handle);
    }
  }
  set.report(state);
}
BENCHMARK(BM_Append)->Apply(sizes);

void update(benchmark::State& state, double range) {
  Set& set = set_of(state.range(0), range);
  for (auto _ : state) {
    const Handle handle = set.any();
    set.tree.erase(handle);
    set.set_score(handle);
    set.tree.insert(handle);
  }
  set.report(state);
}

// A random member gets another score.
void BM_Update(benchmark::State& state) {
  update(state, 1e6);
}
BENCHMARK(BM_Update)->Apply(sizes);

// All have one score: names decide, which only the blocks know.
void BM_UpdateEqualScores(benchmark::State& state) {
  update(state, 0);
}
BENCHMARK(BM_UpdateEqualScores)->Apply(sizes);

void BM_RankOfMember(benchmark::State& state) {
  Set& set = set_of(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(set.tree.rank_of(set.any()));
  }
}
BENCHMARK(BM_RankOfMember)->Apply(sizes);

void BM_RankOfScore(benchmark::State& state) {
  Set& set = set_of(state.range(0));
  for (auto _ : state) {
    const int64_t key = score_key(set.rng.unit() * 1e6);
    benchmark::DoNotOptimize(set.tree.find(RankBound::at_least(key)).rank);
  }
}
BENCHMARK(BM_RankOfScore)->Apply(sizes);

// 100 members from a random rank on, their blocks read.
void BM_Range100(benchmark::State& state) {
  Set& set = set_of(state.range(0));
  const ByScore order{&set.heap};
  for (auto _ : state) {
    double sum = 0;
    auto cursor = set.tree.at(set.rng.below(set.tree.size() - 100));
    cursor.prefetch_next(100);
    for (int i = 0; i < 100; ++i, cursor.next()) {
      sum += order.score(cursor.handle());
    }
    benchmark::DoNotOptimize(sum);
  }
}
BENCHMARK(BM_Range100)->Apply(sizes);

// The first member goes and comes back with a random score.
void BM_PopFirst(benchmark::State& state) {
  Set& set = set_of(state.range(0));
  for (auto _ : state) {
    const Handle handle = set.tree.first();
    set.tree.erase_ranks(0, 1);
    set.set_score(handle);
    set.tree.insert(handle);
  }
}
BENCHMARK(BM_PopFirst)->Apply(sizes);

// All members, 1,000 at a time from random places. Time of each.
void BM_EraseRanks(benchmark::State& state) {
  Set set(state.range(0));
  while (state.KeepRunningBatch(state.range(0))) {
    state.PauseTiming();
    set.fill();
    state.ResumeTiming();
    while (set.tree.size() > 0) {
      const uint64_t count = std::min<uint64_t>(set.tree.size(), 1'000);
      set.tree.erase_ranks(set.rng.below(set.tree.size() - count + 1), count);
    }
  }
}
BENCHMARK(BM_EraseRanks)->Apply(sizes);

}  // namespace
}  // namespace pollux
