// An append-only file of 5 million SETs (names of 16 bytes, values of 32) in memory, taken apart in
// windows as a disk's buffers would be: how many bytes of file a second, and commands.
//
//   micro_aof_file
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "storage/aof_splitter.h"

namespace pollux {
namespace {

constexpr size_t kCommands = 5'000'000;
constexpr size_t kWindowBytes = 1 << 20;

const std::string& file_of_sets() {
  static const std::string file = [] {
    std::string bytes;
    for (size_t i = 0; i < kCommands; ++i) {
      char command[128];
      const int size = std::snprintf(command, sizeof command,
                                     "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012zu\r\n$32\r\n%032zx\r\n", i,
                                     i * 0x9e3779b97f4a7c15);
      bytes.append(command, static_cast<size_t>(size));
    }
    return bytes;
  }();
  return file;
}

void BM_Split(benchmark::State& state) {
  const std::string_view file = file_of_sets();
  for (auto _ : state) {
    AofSplitter splitter;
    size_t arguments = 0;
    size_t window_bytes = kWindowBytes;
    AofSplitter::Step step = AofSplitter::Step::kMore;
    while (step == AofSplitter::Step::kMore) {
      const std::string_view rest = file.substr(splitter.offset());
      const std::string_view window = rest.substr(0, window_bytes);
      splitter.feed(window, rest.size() - window.size());
      while ((step = splitter.next()) == AofSplitter::Step::kRecord) {
        arguments += splitter.record().args.size();
      }
      window_bytes = std::max(kWindowBytes, splitter.window_bytes_min());
    }
    if (step != AofSplitter::Step::kEnd || arguments != 3 * kCommands) {
      state.SkipWithError("the file is not read to its end");
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(file.size()));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCommands));
}
BENCHMARK(BM_Split)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pollux
