// HyperLogLogs, GEO arithmetic, and what DUMP payloads are made with.
//
//   sketch_bench --benchmark_filter='Hll|Geo|Crc|Lzf'
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/data/crc64.h"
#include "src/data/geohash.h"
#include "src/data/hyperloglog.h"
#include "src/data/lzf.h"

namespace pollux {
namespace {

constexpr size_t kSparseMax = 3000;

std::string element(uint64_t i) {
  return "element:" + std::to_string(1'000'000'000 + i);
}

std::string filled_hll(uint64_t elements, size_t sparse_max) {
  std::string hll(kHllEmpty);
  for (uint64_t i = 0; i < elements; ++i) {
    hll_add_to(hll, hll_element(element(i)), sparse_max);
  }
  return hll;
}

// The argument: elements that were added before. 1500 are sparse and near the limit.
void BM_HllAddAgain(benchmark::State& state) {
  const auto elements = static_cast<uint64_t>(state.range(0));
  std::string hll = filled_hll(elements, kSparseMax);
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < 1024; ++i) {
    texts.push_back(element(i * 7919 % elements));
  }
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        hll_add(hll, hll_element(texts[i++ % 1024]), kSparseMax).outcome());
  }
}
BENCHMARK(BM_HllAddAgain)->Arg(100)->Arg(1500)->Arg(1'000'000);

// From empty to 1500 elements, all of them new.
void BM_HllFillSparse(benchmark::State& state) {
  std::vector<HllElement> elements;
  for (uint64_t i = 0; i < 1500; ++i) {
    elements.push_back(hll_element(element(i)));
  }
  for (auto _ : state) {
    std::string hll(kHllEmpty);
    for (const HllElement& element : elements) {
      hll_add_to(hll, element, kSparseMax);
    }
    benchmark::DoNotOptimize(hll);
  }
  state.SetItemsProcessed(state.iterations() * 1500);
}
BENCHMARK(BM_HllFillSparse);

void BM_HllCount(benchmark::State& state) {
  const std::string hll = filled_hll(static_cast<uint64_t>(state.range(0)), kSparseMax);
  for (auto _ : state) {
    benchmark::DoNotOptimize(hll_count(hll));
  }
}
BENCHMARK(BM_HllCount)->Arg(1500)->Arg(10'000)->Arg(1'000'000);

void BM_HllCountPlainLoop(benchmark::State& state) {
  const std::string hll = filled_hll(1'000'000, kSparseMax);
  for (auto _ : state) {
    benchmark::DoNotOptimize(hll_estimate(hll_histogram_packed(hll.data() + kHllHeaderBytes)));
  }
}
BENCHMARK(BM_HllCountPlainLoop);

void BM_HllMergeTwo(benchmark::State& state) {
  const std::string hll = filled_hll(static_cast<uint64_t>(state.range(0)), kSparseMax);
  const std::string other = filled_hll(static_cast<uint64_t>(state.range(0)) / 2, kSparseMax);
  for (auto _ : state) {
    HllUnion both;
    both.add(hll);
    both.add(other);
    std::string target = hll;
    both.raise(target, kSparseMax);
    benchmark::DoNotOptimize(target);
  }
}
BENCHMARK(BM_HllMergeTwo)->Arg(1500)->Arg(1'000'000);

std::vector<double> scores_around(GeoPoint centre, double degrees) {
  Rng rng(1);
  std::vector<double> scores;
  for (int i = 0; i < 4096; ++i) {
    scores.push_back(geo_score({centre.longitude + (rng.unit() - 0.5) * degrees,
                                centre.latitude + (rng.unit() - 0.5) * degrees}));
  }
  return scores;
}

void BM_GeoScore(benchmark::State& state) {
  double longitude = 13.361389;
  for (auto _ : state) {
    benchmark::DoNotOptimize(longitude);
    benchmark::DoNotOptimize(geo_score({longitude, 38.115556}));
  }
}
BENCHMARK(BM_GeoScore);

void BM_GeoDistance(benchmark::State& state) {
  const std::vector<double> scores = scores_around({13, 38}, 4);
  const GeoPoint centre{13, 38};
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(geo_distance_m(centre, geo_point(scores[i++ % 4096])));
  }
}
BENCHMARK(BM_GeoDistance);

// Points all over a square as wide as `range` tenths of the circle's diameter: 10 are mostly
// inside, 30 are what nine squares around it hold.
void BM_GeoTestPoint(benchmark::State& state) {
  constexpr double kRadiusM = 50'000;
  const double degrees = static_cast<double>(state.range(0)) / 10 * 2 * kRadiusM / 111'000;
  const std::vector<double> scores = scores_around({13, 38}, degrees);
  const GeoArea area = GeoArea::circle({13, 38}, kRadiusM);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(area.distance_m(geo_point(scores[i++ % 4096])));
  }
}
BENCHMARK(BM_GeoTestPoint)->Arg(10)->Arg(30);

void BM_GeoRanges(benchmark::State& state) {
  GeoPoint centre{13, 38};
  for (auto _ : state) {
    benchmark::DoNotOptimize(centre);
    benchmark::DoNotOptimize(GeoArea::circle(centre, 50'000).ranges());
  }
}
BENCHMARK(BM_GeoRanges);

void BM_Crc64(benchmark::State& state) {
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(crc64(bytes));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc64)->Arg(40)->Arg(64)->Arg(79)->Arg(128)->Arg(1000)->Arg(1'000'000);

std::string text_of_words(size_t bytes, Rng& rng) {
  constexpr std::string_view kWords[] = {"shard ", "worker ", "lease ", "key ", "value ", "core ",
                                         "of ",    "the ",    "whose ", "when ", "segment "};
  std::string text;
  while (text.size() < bytes) {
    text += kWords[rng.below(std::size(kWords))];
  }
  text.resize(bytes);
  return text;
}

std::string random_text(size_t bytes, std::string_view letters, Rng& rng) {
  std::string text(bytes, '\0');
  for (char& byte : text) {
    byte = letters.empty() ? static_cast<char>(rng.next()) : letters[rng.below(letters.size())];
  }
  return text;
}

std::string json_text(size_t bytes, Rng& rng) {
  std::string text = "[";
  while (text.size() < bytes) {
    text += "{\"id\":" + std::to_string(rng.below(1'000'000)) + ",\"name\":\"" +
            random_text(8, "abcdefghijklmnopqrstuvwxyz", rng) + "\",\"score\":" +
            std::to_string(rng.below(1000)) + ",\"active\":" +
            (rng.below(2) == 0 ? "true" : "false") + "},";
  }
  text.resize(bytes);
  return text;
}

std::string repeated_text(size_t bytes, Rng& rng) {
  const std::string piece = random_text(1 + rng.below(20), {}, rng);
  std::string text;
  while (text.size() < bytes) {
    text += piece;
  }
  text.resize(bytes);
  return text;
}

enum TextKind { kRandom, kHex, kWords, kJson, kRepeated };

std::string text_of(TextKind kind, size_t bytes, Rng& rng) {
  switch (kind) {
    case kRandom:
      return random_text(bytes, {}, rng);
    case kHex:
      return random_text(bytes, "0123456789abcdef", rng);
    case kWords:
      return text_of_words(bytes, rng);
    case kJson:
      return json_text(bytes, rng);
    case kRepeated:
      return repeated_text(bytes, rng);
  }
  return {};
}

// As RdbWriter does it, with many texts in turn.
void BM_LzfPack(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(1));
  constexpr size_t kTexts = 1024;
  Rng rng(1);
  std::vector<std::string> texts;
  for (size_t i = 0; i < kTexts; ++i) {
    texts.push_back(text_of(static_cast<TextKind>(state.range(0)), size, rng));
  }
  std::string packed(size - kLzfSavedBytes, '\0');
  size_t i = 0;
  size_t shorter = 0;
  for (auto _ : state) {
    shorter += lzf_pack(texts[i++ % kTexts], packed) > 0;
  }
  state.SetBytesProcessed(state.iterations() * state.range(1));
  state.counters["shorter"] = static_cast<double>(shorter) / static_cast<double>(i);
}
BENCHMARK(BM_LzfPack)
    ->ArgNames({"kind", "bytes"})
    ->ArgsProduct({{kRandom, kHex, kWords, kJson, kRepeated}, {21, 32, 64, 200, 1000, 10'000}});

void BM_LzfUnpack(benchmark::State& state) {
  Rng rng(1);
  const std::string text = text_of_words(static_cast<size_t>(state.range(0)), rng);
  std::string packed(text.size(), '\0');
  packed.resize(lzf_pack(text, packed));
  std::string unpacked(text.size(), '\0');
  for (auto _ : state) {
    benchmark::DoNotOptimize(lzf_unpack(packed, unpacked));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_LzfUnpack)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace pollux
