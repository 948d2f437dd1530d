// libFuzzer target: whatever bytes an append-only file holds, it is split into the same records in
// one window and in many small ones, told or not how long it is, and ends or is refused at the same
// place; no window is asked for that is much larger than the file; and what is said to be whole is
// whole.
//
// The first byte of the input chooses the windows; the rest is the file. Seeds:
// tests/fuzz/make_aof_corpus.py.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/base/assert.h"
#include "storage/aof_splitter_test_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Step = pollux::AofSplitter::Step;
  if (size == 0) {
    return 0;
  }
  const size_t window_bytes = 1 + (data[0] & 0x1f);
  const bool told = (data[0] & 0x20) != 0;
  const pollux::AofSplitter::Options options = {.bulk_bytes_max = 1 << 20};
  const std::string_view file(reinterpret_cast<const char*>(data) + 1, size - 1);
  const pollux::SplitAof whole = pollux::split_aof(file, file.size(), true, 0, options);
  const pollux::SplitAof parts = pollux::split_aof(file, window_bytes, told, 0, options);
  POLLUX_ASSERT(whole.end == parts.end && whole.valid_to == parts.valid_to);
  POLLUX_ASSERT(whole.lines == parts.lines && whole.error == parts.error);
  POLLUX_ASSERT(parts.window_max <= 2 * file.size() + 8192);
  POLLUX_ASSERT(whole.error.empty() == (whole.end == Step::kEnd || whole.end == Step::kRdb));
  POLLUX_ASSERT((whole.valid_to == file.size()) == (whole.end == Step::kEnd));
  if (whole.end == Step::kTruncated || whole.end == Step::kBroken) {
    const auto valid = static_cast<size_t>(whole.valid_to);
    const pollux::SplitAof cut =
        pollux::split_aof(file.substr(0, valid), window_bytes, told, 0, options);
    POLLUX_ASSERT(cut.end == Step::kEnd && cut.valid_to == valid);
    POLLUX_ASSERT(whole.lines.starts_with(cut.lines));
  }
  return 0;
}
