// What a frame's piece costs, hung behind the head and copied into it: on net_null, which reads
// nothing, so that what is seen is ours. One core.
//
//   build/release/dataplane/dpdk/micro_port_device
#include <benchmark/benchmark.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/port.h"

namespace pollux::dpdk {
namespace {

constexpr size_t kBurst = 32;
constexpr uint32_t kHeadBytes = 66;  // Ethernet, IPv4, TCP with timestamps

Port& port() {
  static const std::unique_ptr<Port> made = [] {
    std::string error = start_eal({"--no-pci", "--no-huge", "-m", "256", "--no-telemetry",
                                   "--no-shconf", "--log-level", "error"});
    std::unique_ptr<Port> opened =
        error.empty() ? Port::open({.name = "net_null0"}, error) : nullptr;
    if (opened == nullptr) {
      std::fprintf(stderr, "%s\n", error.c_str());
      std::exit(1);
    }
    enter_eal_thread();
    return opened;
  }();
  return *made;
}

rte_mempool* pool(const char* name, uint16_t room) {
  return rte_pktmbuf_pool_create(name, 8191, 256, 0, room, SOCKET_ID_ANY);
}

// Arguments: bytes of the piece; KiB that pieces come from, one after the other, just written (a
// reply that was made this turn) or long ago.
template <bool kByReference>
void send_piece(benchmark::State& state) {
  const tcp::DeviceCaps& caps = port().caps();
  static rte_mempool* const heads = pool("bench_heads", 10 * 1024);
  static rte_mempool* const pieces = pool("bench_pieces", 0);
  static const LinkState link;
  PortDevice device(port().id(), 0, caps, DriverSums{.makes_ip = true},
                    {.heads = heads,
                     .control = heads,
                     .pieces = kByReference ? pieces : nullptr,
                     .pieces_max = kByReference ? 8191U : 0U},
                    link);
  const auto bytes = static_cast<size_t>(state.range(0));
  std::vector<uint8_t> values(static_cast<size_t>(state.range(1)) << 10, 'v');
  size_t at = 0;
  std::array<tcp::TxHead, kBurst> made;
  std::array<tcp::TxFrame, kBurst> frames;
  std::array<uint64_t, 2 * kBurst> tokens;
  for (auto _ : state) {
    device.allocate(made, tcp::TxUse::kData);
    for (size_t i = 0; i < kBurst; ++i) {
      at = at + bytes > values.size() ? 0 : at;
      std::memset(made[i].bytes, 1, kHeadBytes);
      frames[i] = {.head = made[i], .head_bytes = kHeadBytes, .piece_count = 1};
      frames[i].pieces[0] = tcp::Bytes(values).subspan(at, bytes);
      at += bytes;
    }
    benchmark::DoNotOptimize(device.send(frames));
    benchmark::DoNotOptimize(device.reap(tokens, false));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBurst));
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const int64_t kib : {256, 64 << 10}) {
    for (const int64_t bytes : {256, 512, 1024, 1448, 2048, 4096, 8948}) {
      bench->Args({bytes, kib});
    }
  }
}
BENCHMARK(send_piece<true>)->Name("piece_by_reference")->Apply(sizes);
BENCHMARK(send_piece<false>)->Name("piece_copied")->Apply(sizes);

}  // namespace
}  // namespace pollux::dpdk

BENCHMARK_MAIN();
