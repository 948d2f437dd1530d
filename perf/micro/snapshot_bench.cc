// The walk of a snapshot into nowhere: what a key or an element costs the shard's holder, what the
// cut's first touch of a big value costs the write that makes it, and the longest slice.
//
//   micro_snapshot                              all: 1.5 GB, two minutes
//   micro_snapshot --benchmark_filter=strings
//
// each_ns     CPU time of an uninterrupted walk, by keys or elements
// GB_s        the bytes of the record over the same time
// touch_us    the shortest of 5 first touches: what a write pays that comes before the walk
// longest_us  the longest of all slices of 100 us, in CPU time; the least of 5 walks
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/base/time.h"
#include "src/data/hash_value.h"
#include "src/data/keyspace.h"
#include "src/data/list_value.h"
#include "src/data/set_value.h"
#include "src/data/stream.h"
#include "src/data/zset_value.h"
#include "src/snapshot/shard_snapshot.h"

namespace pollux {
namespace {

constexpr Instant kNow{1'700'000'000'000'000};
constexpr size_t kMillion = 1'000'000;
constexpr int kWalks = 5;
constexpr std::string_view kBigKey = "big";
const EncodingLimits kLimits;

// Counts bytes.
class Nowhere final : public RecordOut {
 public:
  ByteSink& sink(Lane lane) override { return lanes_[static_cast<size_t>(lane)]; }
  void begin_record(Lane, uint32_t) override {}
  void end_record(Lane) override {}
  bool has_room(Lane) override { return true; }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const Window& lane : lanes_) {
      sum += lane.bytes();
    }
    return sum;
  }

 private:
  class Window final : public ByteSink {
   public:
    Window() { refill(0); }
    uint64_t bytes() const { return before_ + static_cast<uint64_t>(cursor_ - room_.data()); }

   private:
    size_t refill(size_t) override {
      if (cursor_ != nullptr) {
        before_ = bytes();
      }
      cursor_ = room_.data();
      limit_ = cursor_ + room_.size();
      return 0;
    }
    std::vector<char> room_ = std::vector<char>(1 << 20);
    uint64_t before_ = 0;
  };
  Window lanes_[kLanes];
};

std::string numbered(std::string text, uint64_t number, size_t digits) {
  const std::string tail = std::to_string(number);
  return text.append(digits - tail.size(), '0') + tail;
}

// 32 bytes that do not get shorter.
std::string value_of(uint64_t number) {
  Rng rng(number);
  std::string text;
  for (int i = 0; i < 32; ++i) {
    text += static_cast<char>('0' + rng.below(75));
  }
  return text;
}

struct Store {
  Store() { keys.bind(ShardId{0}, 0, kNow); }
  ~Store() { shard.tick(kNow, INT64_MAX); }
  template <typename Change>
  void change(std::string_view key, Change change) {
    Edit edit(keys, Key::of(key));
    change(edit);
    edit.notify(KeyEvent::kSet);
  }

  ShardStore shard{ShardId{0}, 16};
  ShardStore* shards[1] = {&shard};
  Keyspace keys{shards};
};

int64_t cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// What is in the store, `count` parts of it, is walked.
void measure(benchmark::State& state, Store& store, uint64_t count, bool compress) {
  Nowhere out;
  ShardSnapshot snapshot(store.shard, out);
  const ShardSnapshot::Options options{compress, {}, kNow};
  uint64_t bytes = 0;
  for (auto _ : state) {
    const uint64_t before = out.bytes();
    snapshot.begin(options);
    snapshot.walk(UINT64_MAX);
    bytes += out.bytes() - before;
  }
  const auto slice = static_cast<uint64_t>(100 * tsc_per_us());
  int64_t least_ns = INT64_MAX;
  for (int walk = 0; walk < kWalks; ++walk) {
    int64_t longest_ns = 0;
    snapshot.begin(options);
    while (!snapshot.is_over()) {
      const int64_t begin_ns = cpu_ns();
      snapshot.walk(tsc() + slice);
      longest_ns = std::max(longest_ns, cpu_ns() - begin_ns);
    }
    least_ns = std::min(least_ns, longest_ns);
  }
  const auto of = benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert;
  state.counters["each_ns"] = benchmark::Counter(static_cast<double>(count) * 1e-9, of);
  state.counters["GB_s"] =
      benchmark::Counter(static_cast<double>(bytes) / 1e9, benchmark::Counter::kIsRate);
  state.counters["longest_us"] = static_cast<double>(least_ns) / 1000;
}

// The big value is touched by a change before the walk has come to it.
void measure_touch(benchmark::State& state, Store& store) {
  double shortest = 1e9;
  Nowhere out;
  ShardSnapshot snapshot(store.shard, out);
  for (int i = 0; i < kWalks; ++i) {
    snapshot.begin({true, {}, kNow});
    const uint64_t begin = tsc();
    store.change(kBigKey, [](Edit& edit) { edit.collection(); });
    shortest = std::min(shortest, static_cast<double>(tsc() - begin) / tsc_per_us());
    snapshot.walk(UINT64_MAX);
  }
  state.counters["touch_us"] = shortest;
}

void strings(benchmark::State& state) {
  constexpr uint64_t kCount = 5 * kMillion;
  Store store;
  for (uint64_t i = 0; i < kCount; ++i) {
    store.change(numbered("key:", i, 12), [i](Edit& edit) { edit.set_string(value_of(i)); });
  }
  measure(state, store, kCount, state.range(0) != 0);
}
BENCHMARK(strings)
    ->ArgName("compress")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

void big(benchmark::State& state, const std::function<void(Edit&, uint64_t)>& add) {
  const auto count = static_cast<uint64_t>(state.range(0)) * kMillion;
  Store store;
  for (uint64_t i = 0; i < count; ++i) {
    store.change(kBigKey, [&](Edit& edit) { add(edit, i); });
  }
  measure(state, store, count, state.range(1) != 0);
  measure_touch(state, store);
}

void add_to_set(Edit& edit, uint64_t i) {
  const std::string name = numbered("member", i, 10);
  SetEditor(edit, kLimits).add(SetMember(name));
}
void add_to_hash(Edit& edit, uint64_t i) {
  HashEditor(edit, kLimits).set(numbered("field:", i, 10), value_of(i));
}
void add_to_zset(Edit& edit, uint64_t i) {
  const std::string name = numbered("member", i, 10);
  ZsetEditor(edit, kLimits).add(Key::of(name), static_cast<double>(i * 7919 % 1000003), {});
}
void add_to_list(Edit& edit, uint64_t i) {
  ListEdit(edit, kLimits).push(ListEnd::kBack, value_of(i));
}

Stream& stream_of(Edit& edit) {
  if (edit.entry() == nullptr) {
    edit.set_collection(ValueType::kStream, Encoding::kStream, edit.memory().make<Stream>());
  }
  return static_cast<Stream&>(*edit.collection());
}
void add_to_stream(Edit& edit, uint64_t i) {
  const std::string value = value_of(i);
  const std::string_view fields[] = {"field", value};
  stream_of(edit).append({i + 1, 0}, fields, kLimits);
}
// Pending entries of one group, with ten consumers in turn.
void add_pending(Edit& edit, uint64_t i) {
  Stream& stream = stream_of(edit);
  StreamGroup* group = stream.group("group");
  if (group == nullptr) {
    group = &stream.add_group("group", kStreamIdMin, 0);
  }
  const std::string name = numbered("consumer", i % 10, 2);
  StreamConsumer* consumer = group->consumer(name);
  if (consumer == nullptr) {
    consumer = &group->add_consumer(name, kNow.ms());
  }
  group->deliver({i + 1, 0}, *consumer, kNow.ms());
}

void sizes(benchmark::internal::Benchmark* of) {
  of->ArgNames({"millions", "compress"})
      ->Args({1, 1})
      ->Iterations(3)
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(big, set, add_to_set)->Apply(sizes);
BENCHMARK_CAPTURE(big, hash, add_to_hash)->Apply(sizes);
BENCHMARK_CAPTURE(big, zset, add_to_zset)->Apply(sizes);
BENCHMARK_CAPTURE(big, list, add_to_list)->Apply(sizes)->Args({1, 0})->Args({10, 0});
BENCHMARK_CAPTURE(big, stream, add_to_stream)->Apply(sizes)->Args({1, 0})->Args({10, 0});
BENCHMARK_CAPTURE(big, pending, add_pending)->Apply(sizes);

// A stream of so many groups, of which each has one entry pending.
void groups(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  Store store;
  for (uint64_t i = 0; i < count; ++i) {
    store.change(kBigKey, [i](Edit& edit) {
      StreamGroup& group = stream_of(edit).add_group(numbered("group", i, 6), kStreamIdMin, 0);
      group.deliver({1, 0}, group.add_consumer("consumer", kNow.ms()), kNow.ms());
    });
  }
  measure(state, store, count, /*compress=*/true);
  measure_touch(state, store);
}
BENCHMARK(groups)->ArgName("groups")->Arg(10'000)->Iterations(3)->Unit(benchmark::kMillisecond);

// A write to a value of a million elements, each of another part of it: without a snapshot, and the
// first since the cut.
void write(benchmark::State& state, const std::function<void(Edit&, uint64_t)>& add,
           const std::function<void(Edit&, uint64_t)>& change, uint64_t step) {
  Store store;
  for (uint64_t i = 0; i < kMillion; ++i) {
    store.change(kBigKey, [&](Edit& edit) { add(edit, i); });
  }
  Nowhere out;
  ShardSnapshot snapshot(store.shard, out);
  if (state.range(0) != 0) {
    snapshot.begin({true, {}, kNow});
  }
  uint64_t at = step;
  for (auto _ : state) {
    store.change(kBigKey, [&](Edit& edit) { change(edit, at); });
    at += step;
  }
}

void set_in_list(Edit& edit, uint64_t i) { ListEdit(edit, kLimits).set(i, value_of(i)); }
void erase_from_stream(Edit& edit, uint64_t i) { stream_of(edit).erase({i, 0}); }
void acknowledge(Edit& edit, uint64_t i) { stream_of(edit).group("group")->acknowledge({i, 0}); }

void writes(benchmark::internal::Benchmark* of) {
  of->ArgName("snapshot")->Arg(0)->Arg(1);
}
BENCHMARK_CAPTURE(write, list, add_to_list, set_in_list, 300)->Apply(writes)->Iterations(3'000);
BENCHMARK_CAPTURE(write, stream, add_to_stream, erase_from_stream, 120)
    ->Apply(writes)
    ->Iterations(8'000);
BENCHMARK_CAPTURE(write, pending, add_pending, acknowledge, 1)->Apply(writes)->Iterations(500'000);

}  // namespace
}  // namespace pollux
