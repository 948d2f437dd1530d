// What a worker's turn costs when it needs memory.
//
//   micro_base --benchmark_filter=HugePage     (with 64 huge pages: sysctl vm.nr_hugepages)
#include <benchmark/benchmark.h>

#include <array>

#include "src/base/huge_pages.h"

namespace pollux {
namespace {

// One page, mapped and cleared by the kernel, as it is for an arena that grows.
void BM_HugePage(benchmark::State& state) {
  constexpr size_t kAtOnce = 32;
  HugePages pages;
  std::array<char*, kAtOnce> taken{};
  size_t count = 0;
  for (auto _ : state) {
    taken[count] = pages.take(HugePages::kPageBytes);
    if (taken[count] == nullptr) {
      state.SkipWithError("no huge page is free");
      break;
    }
    if (++count == kAtOnce) {
      state.PauseTiming();
      while (count != 0) {
        pages.give_back(taken[--count], HugePages::kPageBytes);
      }
      state.ResumeTiming();
    }
  }
  while (count != 0) {
    pages.give_back(taken[--count], HugePages::kPageBytes);
  }
}
BENCHMARK(BM_HugePage)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace pollux
