// libFuzzer target: whatever is unpacked, and into whatever length, no byte outside of the two
// buffers is touched; what was packed is what liblzf makes of it, and unpacks to itself. liblzf is
// not compiled for the fuzzer, so the buffers end where memory that nobody may touch begins.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/lzf_fuzz.cc src/data/lzf.cc -llzf -o lzf_fuzz
//
// The first two bytes say how long the output is to be; the rest is unpacked, and packed, into that
// and into what RdbWriter would give it.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "src/data/lzf.h"
#include "src/data/test_lzf.h"

namespace {

constexpr size_t kRoom = size_t{1} << 17;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// Memory between two pages that nobody may touch.
class Fenced {
 public:
  Fenced() {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* const map = mmap(nullptr, kRoom + 2 * page, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(map != MAP_FAILED);
    first_ = static_cast<char*>(map) + page;
    require(mprotect(map, page, PROT_NONE) == 0);
    require(mprotect(first_ + kRoom, page, PROT_NONE) == 0);
  }
  // At the end or at the front of it.
  std::span<char> last(size_t size) { return {first_ + kRoom - size, size}; }
  std::span<char> first(size_t size) { return {first_, size}; }

 private:
  char* first_;
};

void check(std::span<char> in, std::span<char> out, std::span<char> again) {
  (void)pollux::lzf_unpack({in.data(), in.size()}, out);
  const size_t packed = pollux::lzf_pack({in.data(), in.size()}, out);
  require(packed <= out.size());
  static char plain[kRoom];
  require(pollux::plain_lzf_pack({in.data(), in.size()}, {plain, out.size()}) == packed);
  require(std::equal(plain, plain + packed, out.data()));
  if (packed > 0) {
    require(pollux::lzf_unpack({out.data(), packed}, again));
    require(std::equal(in.begin(), in.end(), again.begin(), again.end()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 2;
  if (size < kHead || size > kRoom) {
    return 0;
  }
  static Fenced in;
  static Fenced out;
  static Fenced again;
  const size_t in_size = size - kHead;
  const size_t out_size = data[0] + size_t{data[1]} * 256;
  if (in_size > 0) {
    std::memcpy(in.last(in_size).data(), data + kHead, in_size);
    std::memcpy(in.first(in_size).data(), data + kHead, in_size);
  }
  check(in.last(in_size), out.last(out_size), again.last(in_size));
  if (in_size > pollux::kLzfSavedBytes) {
    const size_t asked = in_size - pollux::kLzfSavedBytes;  // as RdbWriter does
    check(in.last(in_size), out.last(asked), again.last(in_size));
  }
  if (2 * in_size <= kRoom) {
    check(in.first(in_size), out.first(out_size), again.first(in_size));
  }
  return 0;
}
