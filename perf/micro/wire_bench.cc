// What packets cost on their way between bytes and structs: hot cache, one core.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/packet.h"
#include "dataplane/tcp/wire/tcp_header.h"

namespace pollux::tcp {
namespace {

constexpr size_t kPayloadBytes = 64;

void checksum_bytes(benchmark::State& state) {
  const std::vector<uint8_t> bytes(static_cast<size_t>(state.range(0)) + 1, 0x5a);
  for (auto _ : state) {
    Checksum sum;
    sum.add(Bytes(bytes).subspan(1));  // as it comes: aligned to nothing
    benchmark::DoNotOptimize(sum.value());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum_bytes)->Arg(20)->Arg(64)->Arg(128)->Arg(1460)->Arg(9000);

const IpAddress kHere = *IpAddress::parse("192.0.2.1");
const IpAddress kThere = *IpAddress::parse("192.0.2.2");
const IpAddress kHere6 = *IpAddress::parse("2001:db8::1");
const IpAddress kThere6 = *IpAddress::parse("2001:db8::2");

// Headers of a segment with timestamps; `finish` does the checksum. Returns their bytes.
template <bool kSix, typename Finish>
size_t build(Room out, Bytes payload, uint32_t n, Finish finish) {
  const TcpOptions options{.timestamps = Timestamps{n, n + 1}};
  const TcpHeader header{.source_port = 6379,
                         .destination_port = 51000,
                         .seq = {n},
                         .ack = {n + 7},
                         .flags = kAck | kPsh,
                         .window = 502};
  const size_t segment_bytes = kTcpBytes + tcp_options_bytes(options) + payload.size();
  const EtherType type = kSix ? EtherType::kIpv6 : EtherType::kIpv4;
  size_t at = write_ethernet(out, {.destination = {}, .source = {}, .type = type});
  if constexpr (kSix) {
    at += write_ipv6(out.subspan(at),
                     {.source = kHere6, .destination = kThere6, .protocol = IpProtocol::kTcp},
                     segment_bytes);
  } else {
    at += write_ipv4(out.subspan(at),
                     {.source = kHere, .destination = kThere, .protocol = IpProtocol::kTcp},
                     segment_bytes);
  }
  const size_t header_bytes = write_tcp(out.subspan(at), header, options);
  const Checksum sum = pseudo_header(kSix ? kHere6 : kHere, kSix ? kThere6 : kThere, 6,
                                     static_cast<uint32_t>(segment_bytes));
  finish(out.subspan(at, header_bytes), sum, payload);
  return at + header_bytes;
}

void finish_here(Room header, Checksum sum, Bytes payload) {
  sum.add(payload);
  set_tcp_checksum(header, sum);
}

void finish_by_device(Room header, Checksum sum, Bytes /*payload*/) {
  set_tcp_checksum_partial(header, sum);
}

template <bool kSix, auto kFinish>
void build_segment(benchmark::State& state) {
  uint8_t out[256];
  const std::vector<uint8_t> payload(kPayloadBytes, 'v');
  uint32_t n = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(build<kSix>(out, payload, ++n, kFinish));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(build_segment<false, finish_here>)->Name("build_v4_checksum");
BENCHMARK(build_segment<false, finish_by_device>)->Name("build_v4_offload");
BENCHMARK(build_segment<true, finish_here>)->Name("build_v6_checksum");

template <bool kSix>
std::vector<uint8_t> frame() {
  std::vector<uint8_t> out(256);
  const std::vector<uint8_t> payload(kPayloadBytes, 'v');
  const size_t headers = build<kSix>(out, payload, 1, finish_here);
  std::copy(payload.begin(), payload.end(), out.begin() + static_cast<ptrdiff_t>(headers));
  out.resize(headers + payload.size());
  return out;
}

// Without the options, which only whoever knows the connection asks for.
template <bool kSix>
void parse(benchmark::State& state) {
  const auto bytes = frame<kSix>();
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes.data());
    benchmark::ClobberMemory();
    const Packet packet = parse_packet(bytes);
    benchmark::DoNotOptimize(packet);
  }
}
BENCHMARK(parse<false>)->Name("parse_v4");
BENCHMARK(parse<true>)->Name("parse_v6");

void parse_all(benchmark::State& state, const std::vector<uint8_t>& bytes, bool checksums) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes.data());
    benchmark::ClobberMemory();
    const Packet packet = parse_packet(bytes);
    const TcpOptions options = parse_tcp_options(packet.tcp_options());
    benchmark::DoNotOptimize(packet);
    benchmark::DoNotOptimize(options);
    if (checksums && !(network_checksum_ok(packet) && transport_checksum_ok(packet))) {
      state.SkipWithError("a wrong checksum");
      return;
    }
  }
}
void parse_v4_with_options(benchmark::State& state) { parse_all(state, frame<false>(), false); }
BENCHMARK(parse_v4_with_options);
void parse_v4_with_checksums(benchmark::State& state) { parse_all(state, frame<false>(), true); }
BENCHMARK(parse_v4_with_checksums);

// Three SACK blocks beside timestamps: the longest list that a loss brings.
void parse_sack_list(benchmark::State& state) {
  TcpOptions options{.sack_count = 3, .timestamps = Timestamps{1, 2}};
  uint8_t bytes[kTcpOptionsBytesMax];
  const size_t size = write_tcp_options(bytes, options);
  for (auto _ : state) {
    benchmark::ClobberMemory();
    benchmark::DoNotOptimize(parse_tcp_options({bytes, size}));
  }
}
BENCHMARK(parse_sack_list);

}  // namespace
}  // namespace pollux::tcp
