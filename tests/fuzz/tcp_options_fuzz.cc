// libFuzzer target: whatever the bytes, parse_tcp_options reads only inside of them and keeps its
// promises; the short way for timestamps alone agrees with the long one; what was read, written
// anew, reads the same.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/tcp_options_fuzz.cc dataplane/tcp/wire/tcp_options.cc src/base/assert.cc \
//     -o tcp_options_fuzz
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "dataplane/tcp/wire/tcp_options.h"

namespace {

using pollux::tcp::kSackBlocksMax;
using pollux::tcp::kTcpOptionsBytesMax;
using pollux::tcp::kWindowScaleMax;
using pollux::tcp::TcpOptions;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A block of the exact size: reads beyond it are seen.
  const auto block = std::make_unique<uint8_t[]>(size);
  std::copy_n(data, size, block.get());
  TcpOptions options = pollux::tcp::parse_tcp_options({block.get(), size});
  require(options == pollux::tcp::parse_tcp_option_list({block.get(), size}));
  require(options.sack_count <= kSackBlocksMax);
  require(options.window_scale.value_or(0) <= kWindowScaleMax);

  uint8_t out[kTcpOptionsBytesMax];
  const size_t bytes = pollux::tcp::write_tcp_options(out, options);
  require(bytes == pollux::tcp::tcp_options_bytes(options) && bytes % 4 == 0);
  const TcpOptions again = pollux::tcp::parse_tcp_options({out, bytes});
  require(again.sack_count <= options.sack_count);
  // Of SACK blocks only what had room.
  std::fill(options.sack.begin() + again.sack_count, options.sack.end(), pollux::tcp::SeqRange{});
  options.sack_count = again.sack_count;
  options.malformed = false;
  require(again == options);
  return 0;
}
