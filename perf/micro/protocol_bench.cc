// How long the RESP reader and the reply writer take per request, hot cache, one core.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "src/protocol/reply.h"
#include "src/protocol/resp_reader.h"

namespace pollux {
namespace {

std::string request(const std::vector<std::string>& args) {
  std::string out = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    out += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return out;
}

const std::string kKey = "key:000000012345";  // 16 bytes
const std::string kValue(64, 'v');

// Reads `bytes`, which hold `requests` requests, over and over.
void read_all(benchmark::State& state, const std::string& bytes, int64_t requests) {
  RespReader reader;
  const ReadLimits limits;
  std::vector<std::string_view> args;
  for (auto _ : state) {
    std::string_view rest = bytes;
    while (!rest.empty()) {
      size_t consumed = 0;
      if (reader.read(rest, limits, args, consumed) != ReadStatus::kRequest) {
        state.SkipWithError("not a request");
        return;
      }
      benchmark::DoNotOptimize(args.data());
      rest.remove_prefix(consumed);
    }
  }
  state.SetItemsProcessed(state.iterations() * requests);
}

void read_get(benchmark::State& state) {
  read_all(state, request({"GET", kKey}), 1);
}
BENCHMARK(read_get);

void read_set64(benchmark::State& state) {
  read_all(state, request({"SET", kKey, kValue}), 1);
}
BENCHMARK(read_set64);

void read_inline(benchmark::State& state) {
  read_all(state, "GET " + kKey + "\r\n", 1);
}
BENCHMARK(read_inline);

void read_pipeline64(benchmark::State& state) {
  std::string bytes;
  for (int i = 0; i < 64; ++i) {
    bytes += i % 2 == 0 ? request({"GET", kKey}) : request({"SET", kKey, kValue});
  }
  read_all(state, bytes, 64);
}
BENCHMARK(read_pipeline64);

void read_mset100(benchmark::State& state) {
  std::vector<std::string> args = {"MSET"};
  for (int i = 0; i < 100; ++i) {
    args.push_back(kKey);
    args.push_back(kValue);
  }
  read_all(state, request(args), 1);
}
BENCHMARK(read_mset100);

// A request that comes in two parts: read once in vain, then again.
void read_half_then_whole(benchmark::State& state) {
  const std::string bytes = request({"SET", kKey, kValue});
  RespReader reader;
  const ReadLimits limits;
  std::vector<std::string_view> args;
  for (auto _ : state) {
    size_t consumed = 0;
    benchmark::DoNotOptimize(
        reader.read(std::string_view(bytes).substr(0, 50), limits, args, consumed));
    benchmark::DoNotOptimize(reader.read(bytes, limits, args, consumed));
  }
}
BENCHMARK(read_half_then_whole);

// Throws bytes away, a 16 KiB window at a time.
class NullSink final : public ByteSink {
 private:
  size_t refill(size_t /*bytes*/) override {
    cursor_ = window_;
    limit_ = window_ + sizeof(window_);
    return 0;
  }
  char window_[16384];
};

template <typename Fn>
void write_all(benchmark::State& state, Fn write) {
  NullSink sink;
  for (auto _ : state) {
    Reply reply(sink, 2);
    write(reply);
    benchmark::ClobberMemory();
  }
}

void write_ok(benchmark::State& state) {
  write_all(state, [](Reply& reply) { reply.ok(); });
}
BENCHMARK(write_ok);

void write_integer(benchmark::State& state) {
  write_all(state, [](Reply& reply) { reply.integer(1234567); });
}
BENCHMARK(write_integer);

void write_bulk64(benchmark::State& state) {
  write_all(state, [](Reply& reply) { reply.bulk(kValue); });
}
BENCHMARK(write_bulk64);

void write_bulk1000(benchmark::State& state) {
  const std::string value(1000, 'v');
  write_all(state, [&value](Reply& reply) { reply.bulk(value); });
}
BENCHMARK(write_bulk1000);

void write_null(benchmark::State& state) {
  write_all(state, [](Reply& reply) { reply.null(); });
}
BENCHMARK(write_null);

void write_double(benchmark::State& state) {
  write_all(state, [](Reply& reply) { reply.real(3.1415926); });
}
BENCHMARK(write_double);

void write_array10(benchmark::State& state) {
  write_all(state, [](Reply& reply) {
    reply.array(10);
    for (int i = 0; i < 10; ++i) {
      reply.bulk(kKey);
    }
  });
}
BENCHMARK(write_array10);

}  // namespace
}  // namespace pollux
