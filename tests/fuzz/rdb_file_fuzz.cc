// libFuzzer target: whatever bytes a file holds, it is split into the same parts in one window and
// in many small ones, told or not how long it is, and refused or ended at the same place; no window
// is asked for that is much larger than the file.
//
// The first byte of the input chooses the windows and whether sums are checked; the rest is the
// file. Seeds: tests/fuzz/make_rdb_file_corpus.py.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/rdb_file_test_support.h"

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const size_t window_bytes = 1 + (data[0] & 0x1f);
  const pollux::RdbFileSplitter::Options options = {
      .checksum = (data[0] & 0x40) != 0, .databases = 16, .text_bytes_max = 1 << 20};
  const bool told = (data[0] & 0x20) != 0;
  const std::string_view file(reinterpret_cast<const char*>(data) + 1, size - 1);
  const pollux::SplitFile whole = pollux::split_file(file, file.size(), true, options);
  const pollux::SplitFile parts = pollux::split_file(file, window_bytes, told, options);
  require(whole.ended == whole.error.empty());
  require(whole.lines == parts.lines && whole.ended == parts.ended && whole.used == parts.used);
  require(whole.error == parts.error);
  require(parts.window_max <= 2 * file.size() + 8192);
  return 0;
}
