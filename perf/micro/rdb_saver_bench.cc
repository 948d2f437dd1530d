// A snapshot of 5 million strings (names of 16 bytes, values of 32; 255 MB) from batches that are
// ready, through the saver to a file in the working directory, durable under its name.
//
//   cd SOMEWHERE-ON-THE-DISK && micro_rdb_saver
//
// Arguments: whether bytes go past the system's cache, how many blocks of 1 MiB there are, and
// whether the checksum is computed. The file is removed. CPU time is the process', with that of the
// kernel's threads for it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/base/time.h"
#include "storage/rdb_saver.h"
#include "storage/uring_disk.h"

namespace pollux {
namespace {

constexpr size_t kKeys = 5'000'000;
constexpr size_t kNameBytes = 16;
constexpr size_t kValueBytes = 32;
constexpr uint32_t kShards = 4;

// All that it has is there at once, of each shard in turn.
class ReadySource final : public SnapshotSource {
 public:
  ReadySource() {
    Rng rng(1);
    std::string record;
    for (size_t i = 0; i < kKeys; ++i) {
      char name[kNameBytes + 1];
      std::snprintf(name, sizeof name, "key:%012zu", i);
      record.assign(1, static_cast<char>(RdbType::kString));
      record += static_cast<char>(kNameBytes);
      record.append(name, kNameBytes);
      record += static_cast<char>(kValueBytes);
      for (size_t j = 0; j < kValueBytes; ++j) {
        record += "0123456789abcdef"[rng.below(16)];
      }
      add(record);
    }
    cut_.databases = {{.number = 0, .keys = kKeys, .expires = 0}};
    cut_.keys = kKeys;
  }

  void ask() override { next_ = 0; }
  const SnapshotCut* cut() override { return &cut_; }
  uint32_t lanes() const override { return 2 * kShards; }
  SaveBatch* take(bool) override {
    return next_ < batches_.size() ? batches_[next_++].get() : nullptr;
  }
  void give_back(SaveBatch&) override {}
  bool at_end() override { return next_ == batches_.size(); }
  void cancel() override { next_ = batches_.size(); }

 private:
  void add(const std::string& record) {
    if (batches_.empty() || batches_.back()->room() - batches_.back()->size < record.size()) {
      const auto lane = static_cast<uint32_t>(batches_.size() % kShards * 2);
      SaveBatch& begun = *batches_.emplace_back(std::make_unique<SaveBatch>());
      begun.lane = lane;
    }
    SaveBatch& batch = *batches_.back();
    record.copy(batch.memory() + batch.size, record.size());
    batch.size += record.size();
    ++batch.keys;
  }

  std::vector<std::unique_ptr<SaveBatch>> batches_;
  SnapshotCut cut_;
  size_t next_ = 0;
};

void BM_Save(benchmark::State& state) {
  static ReadySource source;
  std::string error;
  const std::unique_ptr<UringDisk> disk = UringDisk::create(error);
  const RdbSaver::Options options = {
      .temporary = "micro_rdb_saver.tmp",
      .name = "micro_rdb_saver.rdb",
      .redis_version = "7.4.0",
      .format = {.checksum = state.range(2) != 0},
      .writes = {.cache = state.range(0) != 0 ? Disk::Cache::kDirect : Disk::Cache::kSystem,
                 .blocks = static_cast<size_t>(state.range(1))}};
  SystemClock clock;
  SaveBlock figures{};
  for (auto _ : state) {
    if (disk == nullptr) {
      state.SkipWithError(error.c_str());
      break;
    }
    RdbSaver saver(options, *disk, source, figures);
    RdbSaver::Step step = RdbSaver::Step::kAgain;
    while (step == RdbSaver::Step::kAgain) {
      step = saver.step(clock.now(), -1);
    }
    if (step != RdbSaver::Step::kDone) {
      state.SkipWithError(saver.error().c_str());
      break;
    }
    state.PauseTiming();
    disk->remove(options.name);
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * figures.last_done_bytes.get());
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kKeys));
}
BENCHMARK(BM_Save)
    ->ArgNames({"direct", "blocks", "sum"})
    ->Args({1, 4, 1})
    ->Args({1, 4, 0})
    ->Args({1, 2, 1})
    ->Args({1, 8, 1})
    ->Args({0, 4, 1})
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pollux
