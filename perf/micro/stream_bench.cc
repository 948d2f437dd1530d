// Streams without server: appending, ranges, reading on as a group does, what is pending; and the
// bytes that all of it takes. Entries have one field with a value of 32 bytes.
//
//   micro_stream
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/data/shard_memory.h"
#include "src/data/stream.h"

namespace pollux {
namespace {

constexpr std::string_view kValue = "0123456789abcdef0123456789abcdef";

// A stream of `count` entries, 1-0 to count-0.
class Filled {
 public:
  explicit Filled(uint64_t count) {
    for (uint64_t n = 0; n < count; ++n) {
      append();
    }
  }
  ~Filled() {
    memory_.bury(stream_);
    uint64_t objects = 0;
    memory_.free_dead(UINT64_MAX, objects);
  }

  Stream& stream() { return *stream_; }
  void append() {
    const std::string_view fields[] = {"field", kValue};
    stream_->append({++last_, 0}, fields, limits_);
  }

 private:
  ShardMemory memory_{nullptr};
  EncodingLimits limits_;
  Stream* stream_ = memory_.make<Stream>();
  uint64_t last_ = 0;
};

void append(benchmark::State& state) {
  Filled filled(0);
  for (auto _ : state) {
    filled.append();
  }
  state.counters["bytes_each"] = static_cast<double>(filled.stream().bytes()) /
                                 static_cast<double>(filled.stream().length());
}
BENCHMARK(append)->Iterations(2'000'000);

void append_and_trim(benchmark::State& state) {
  Filled filled(2000);
  StreamTrim trim;
  trim.by = StreamTrim::By::kLength;
  trim.length = 1000;
  trim.approximate = state.range(0) != 0;
  for (auto _ : state) {
    filled.append();
    benchmark::DoNotOptimize(filled.stream().trim(trim));
  }
}
BENCHMARK(append_and_trim)->ArgName("approximate")->Arg(0)->Arg(1);

void find(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  Filled filled(count);
  Rng rng(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(filled.stream().contains({1 + rng.below(count), 0}));
  }
}
BENCHMARK(find)->Arg(1000)->Arg(1'000'000);

void range_of_100(benchmark::State& state) {
  constexpr uint64_t kCount = 100'000;
  Filled filled(kCount);
  Rng rng(1);
  for (auto _ : state) {
    const StreamId from{1 + rng.below(kCount - 100), 0};
    size_t bytes = 0;
    filled.stream().walk(from, {from.ms + 99, 0}, [&](const StreamEntry& entry) {
      entry.for_each([&](const PackedValue&, const PackedValue& value) {
        bytes += value.string().size();
      });
      return true;
    });
    benchmark::DoNotOptimize(bytes);
  }
}
BENCHMARK(range_of_100);

// One entry a time to one of a few consumers, acknowledged when 1,000 more have been delivered.
// Argument 1: in a group some of whose entries have been claimed.
void deliver_and_acknowledge(benchmark::State& state) {
  constexpr uint64_t kBehind = 1000;
  Filled filled(1'000'000);
  StreamGroup& group = filled.stream().add_group("group", kStreamIdMin, 0);
  std::vector<StreamConsumer*> consumers;
  for (int i = 0; i < 8; ++i) {
    consumers.push_back(&group.add_consumer("consumer" + std::to_string(i), 0));
  }
  uint64_t delivered = 0;
  for (auto _ : state) {
    filled.stream().walk_on(group.last_id(), group.place, [&](const StreamEntry& entry) {
      filled.stream().note_read(group, entry.id);
      group.deliver(entry.id, *consumers[delivered % consumers.size()],
                    static_cast<int64_t>(delivered / 64));
      return false;
    });
    if (++delivered > kBehind) {
      group.acknowledge({delivered - kBehind, 0});
    }
  }
}
BENCHMARK(deliver_and_acknowledge)->Iterations(900'000);

// What the first XREADGROUP CLAIM of a group with a million pending entries costs beyond others: to
// find the oldest. Argument: how many of 1,000 were delivered again since, the last ones first,
// which is the worst order; not the very last one.
void find_the_oldest_first(benchmark::State& state) {
  constexpr uint64_t kCount = 1'000'000;
  Rng rng(3);
  for (auto _ : state) {
    state.PauseTiming();
    auto filled = std::make_unique<Filled>(0);
    StreamGroup& group = filled->stream().add_group("group", kStreamIdMin, 0);
    StreamConsumer& consumer = group.add_consumer("consumer", 0);
    for (uint64_t n = 1; n <= kCount; ++n) {
      group.deliver({n, 0}, consumer, static_cast<int64_t>(n / 64));
    }
    const size_t before = group.bytes();
    for (uint64_t n = kCount - 1; n > 0; --n) {
      if (rng.below(1000) < static_cast<uint64_t>(state.range(0))) {
        group.hand_over({n, 0}, *group.find({n, 0}), consumer,
                        static_cast<int64_t>(kCount + rng.below(kCount)));
      }
    }
    state.counters["bytes_each"] =
        static_cast<double>(group.bytes() - before) / static_cast<double>(kCount);
    state.ResumeTiming();
    benchmark::DoNotOptimize(group.by_time().at_end());
    state.PauseTiming();
    filled.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(find_the_oldest_first)->Iterations(3)->Arg(0)->Arg(10)->Arg(1000);

// The oldest of `count` pending entries is claimed, again and again.
void claim_the_oldest(benchmark::State& state) {
  Filled filled(0);
  StreamGroup& group = filled.stream().add_group("group", kStreamIdMin, 0);
  StreamConsumer* consumers[] = {&group.add_consumer("a", 0), &group.add_consumer("b", 0)};
  const auto count = static_cast<uint64_t>(state.range(0));
  for (uint64_t n = 1; n <= count; ++n) {
    group.deliver({n, 0}, *consumers[0], static_cast<int64_t>(n / 64));
  }
  uint64_t claims = 0;
  for (auto _ : state) {
    StreamGroup::ByTime by_time = group.by_time();
    if (by_time.at_end()) {
      return;
    }
    const StreamId oldest = by_time.key().id;
    group.hand_over(oldest, *group.find(oldest), *consumers[(claims / count + 1) % 2],
                    static_cast<int64_t>((count + claims) / 64));
    ++claims;
  }
}
BENCHMARK(claim_the_oldest)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

void pending_bytes(benchmark::State& state) {
  constexpr uint64_t kCount = 1'000'000;
  for (auto _ : state) {
    Filled filled(0);
    StreamGroup& group = filled.stream().add_group("group", kStreamIdMin, 0);
    StreamConsumer& consumer = group.add_consumer("consumer", 0);
    for (uint64_t n = 1; n <= kCount; ++n) {
      group.deliver({n, 0}, consumer, 0);
    }
    state.counters["bytes_each"] =
        static_cast<double>(group.bytes()) / static_cast<double>(kCount);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCount));
}
BENCHMARK(pending_bytes)->Iterations(3);

}  // namespace
}  // namespace pollux
