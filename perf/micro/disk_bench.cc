// The disk by io_uring, in the working directory: 256 MB in order, in pieces of 1 MiB, through the
// system's cache and past it; and 4 KiB appended and synced, over and over.
//
//   cd SOMEWHERE-ON-THE-DISK && micro_disk
//
// The arguments say what is under way at a time, and whether the time includes a sync at the end.
// The file is removed. CPU time is the process', with that of the kernel's threads for it.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "storage/uring_disk.h"

namespace pollux {
namespace {

constexpr std::string_view kName = "micro_disk.tmp";
constexpr size_t kPieceBytes = 1 << 20;
constexpr size_t kPieces = 256;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "micro_disk: %s\n", why.c_str());
  std::exit(1);
}

struct Bench {
  Bench() {
    std::string error;
    disk = UringDisk::create(error);
    if (disk == nullptr) {
      give_up(error);
    }
    std::memset(bytes, 'x', kPieceBytes);
  }
  ~Bench() {
    disk->remove(kName);
    std::free(bytes);
  }

  Disk::File open(Disk::Cache cache) {
    Disk::File file = Disk::kNoFile;
    if (disk->open(kName, Disk::Mode::kNew, cache, file) != 0) {
      give_up("cannot make a file in the working directory");
    }
    return file;
  }
  size_t wait() {
    std::array<Disk::Completion, 64> out;
    const size_t count = disk->poll(out, -1);
    for (size_t i = 0; i < count; ++i) {
      if (out[i].result < 0) {
        give_up("an operation failed: " +
                std::string(std::strerror(static_cast<int>(-out[i].result))));
      }
    }
    return count;
  }
  void sync(Disk::File file) {
    disk->sync(file, 0);
    while (wait() == 0) {
    }
  }

  std::unique_ptr<UringDisk> disk;
  char* bytes = static_cast<char*>(std::aligned_alloc(Disk::kDirectAlign, kPieceBytes));
};

void BM_Sequential(benchmark::State& state) {
  Bench bench;
  const auto depth = static_cast<size_t>(state.range(1));
  for (auto _ : state) {
    state.PauseTiming();
    const Disk::File file =
        bench.open(state.range(0) != 0 ? Disk::Cache::kDirect : Disk::Cache::kSystem);
    bench.sync(file);  // of the truncation
    state.ResumeTiming();
    size_t begun = 0;
    for (size_t ended = 0; ended < kPieces; ended += bench.wait()) {
      for (; begun < kPieces && begun - ended < depth; ++begun) {
        bench.disk->write(file, begun * kPieceBytes, {bench.bytes, kPieceBytes}, begun);
      }
    }
    if (state.range(2) != 0) {
      bench.sync(file);
    }
    bench.disk->close(file);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kPieces * kPieceBytes));
}
BENCHMARK(BM_Sequential)
    ->ArgNames({"direct", "depth", "sync"})
    ->ArgsProduct({{0, 1}, {1, 8}, {0, 1}})
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// One at a time, over a file of 64 MB that grows in the first round.
void append(benchmark::State& state, bool sync) {
  constexpr size_t kAppendBytes = 4096;
  constexpr uint64_t kFileBytesMax = 64 << 20;
  Bench bench;
  const Disk::File file = bench.open(Disk::Cache::kSystem);
  uint64_t end = 0;
  for (auto _ : state) {
    bench.disk->write(file, end, {bench.bytes, kAppendBytes}, 0);
    while (bench.wait() == 0) {
    }
    if (sync) {
      bench.sync(file);
    }
    end = (end + kAppendBytes) % kFileBytesMax;
  }
  bench.disk->close(file);
}
void BM_Append(benchmark::State& state) {
  append(state, false);
}
BENCHMARK(BM_Append)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMicrosecond);
void BM_AppendAndSync(benchmark::State& state) {
  append(state, true);
}
BENCHMARK(BM_AppendAndSync)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace pollux
