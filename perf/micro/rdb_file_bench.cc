// Whole RDB files of 5 million strings (names of 16 bytes, values of 32), from memory to memory:
// how many bytes of file a second, and keys.
//
//   micro_rdb_file
//   micro_rdb_file --benchmark_filter=Split
//
// Values are hexadecimal digits by chance, which LZF tries and gives up on. Arguments: whether the
// checksum is computed; for writing, whether strings are compressed.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/rng.h"
#include "src/data/crc64.h"
#include "storage/rdb_file_splitter.h"
#include "storage/rdb_file_writer.h"

namespace pollux {
namespace {

constexpr size_t kKeys = 5'000'000;
constexpr size_t kNameBytes = 16;
constexpr size_t kValueBytes = 32;
constexpr size_t kWindowBytes = 1 << 20;

// Names and values, one behind the other.
const std::string& data() {
  static const std::string all = [] {
    Rng rng(1);
    std::string bytes;
    bytes.reserve(kKeys * (kNameBytes + kValueBytes));
    for (size_t i = 0; i < kKeys; ++i) {
      char name[kNameBytes + 1];
      std::snprintf(name, sizeof name, "key:%012zu", i);
      bytes.append(name, kNameBytes);
      for (size_t j = 0; j < kValueBytes; ++j) {
        bytes += "0123456789abcdef"[rng.below(16)];
      }
    }
    return bytes;
  }();
  return all;
}

// Memory of the file's size, in windows as a disk's buffers would be.
class MemorySink final : public ByteSink {
 public:
  explicit MemorySink(size_t bytes) : bytes_(bytes, '\0') {}
  void restart() { cursor_ = limit_ = nullptr; }
  std::string_view written() const {
    return {bytes_.data(), static_cast<size_t>(cursor_ - bytes_.data())};
  }

 private:
  size_t refill(size_t) override {
    cursor_ = cursor_ == nullptr ? bytes_.data() : cursor_;
    limit_ = cursor_ + kWindowBytes;
    return 0;
  }

  std::string bytes_;
};

MemorySink& sink() {
  static MemorySink one(kKeys * (kNameBytes + kValueBytes + 3) + 2 * kWindowBytes);
  return one;
}

size_t write_file(RdbFileWriter::Options options) {
  sink().restart();
  RdbFileWriter writer(sink(), options);
  writer.begin({.redis_version = "7.4.0"});
  writer.database(0, kKeys, 0);
  const std::string_view all = data();
  RdbWriter value(writer.open_key(0, {}, RdbType::kString, "first"), options.compress);
  value.text("1");
  for (size_t at = 0; at < all.size(); at += kNameBytes + kValueBytes) {
    writer.open_key(0, {}, RdbType::kString, all.substr(at, kNameBytes));
    value.text(all.substr(at + kNameBytes, kValueBytes));
  }
  writer.finish();
  return writer.bytes();
}

void report(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kKeys));
}

void BM_Write(benchmark::State& state) {
  size_t bytes = 0;
  data();
  for (auto _ : state) {
    bytes = write_file({.compress = state.range(1) != 0, .checksum = state.range(0) != 0});
  }
  report(state, bytes);
}
BENCHMARK(BM_Write)->Args({1, 0})->Args({0, 0})->Args({1, 1})->Unit(benchmark::kMillisecond);

void BM_Split(benchmark::State& state) {
  write_file({.compress = false});
  const std::string_view file = sink().written();
  for (auto _ : state) {
    RdbFileSplitter splitter({.checksum = state.range(0) != 0});
    size_t keys = 0;
    size_t window_bytes = kWindowBytes;
    RdbFileSplitter::Step step = RdbFileSplitter::Step::kMore;
    while (step == RdbFileSplitter::Step::kMore) {
      const std::string_view rest = file.substr(splitter.offset());
      const std::string_view window = rest.substr(0, window_bytes);
      splitter.feed(window, rest.size() - window.size());
      while ((step = splitter.next()) == RdbFileSplitter::Step::kEvent) {
        keys += splitter.event().kind == RdbFileEvent::Kind::kKey;
      }
      window_bytes = std::max(kWindowBytes, splitter.window_bytes_min());
    }
    if (step != RdbFileSplitter::Step::kEnd || keys != kKeys + 1) {
      state.SkipWithError("the file is not read to its end");
    }
  }
  report(state, file.size());
}
BENCHMARK(BM_Split)->Arg(1)->Arg(0)->Unit(benchmark::kMillisecond);

// The sum alone, of the same bytes.
void BM_Sum(benchmark::State& state) {
  write_file({.compress = false});
  for (auto _ : state) {
    uint64_t sum = crc64(sink().written());
    benchmark::DoNotOptimize(sum);
  }
  report(state, sink().written().size());
}
BENCHMARK(BM_Sum)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pollux
