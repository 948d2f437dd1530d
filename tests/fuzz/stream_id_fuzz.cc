// libFuzzer target: whatever the text, parse_stream_id says what the C library's strtoull and
// redis-server's rule for canonical numbers make of its two parts; and what it accepts is written
// and read back the same.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/stream_id_fuzz.cc src/data/stream_id.cc src/base/num.cc src/base/assert.cc \
//     -o stream_id_fuzz
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/num.h"
#include "src/data/stream_id.h"

namespace {

using pollux::StreamId;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

std::optional<uint64_t> slow_part(const std::string& text) {
  if (const auto canonical = pollux::parse_int64(text)) {
    return *canonical < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(*canonical));
  }
  errno = 0;
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 10);
  return errno != 0 || text.empty() || end == text.c_str() || *end != '\0' ? std::nullopt
                                                                         : std::optional(value);
}

std::optional<StreamId> slow(std::string_view bytes, uint64_t missing_seq) {
  if (bytes.size() > 127) {
    return std::nullopt;
  }
  const std::string text(bytes.substr(0, bytes.find('\0')));
  const size_t dash = text.find('-');
  const auto ms = slow_part(text.substr(0, dash));
  const auto seq =
      dash == std::string::npos ? std::optional(missing_seq) : slow_part(text.substr(dash + 1));
  return ms && seq ? std::optional(StreamId{*ms, *seq}) : std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A block of the exact size: reads beyond it are seen.
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto id = pollux::parse_stream_id(bytes, 7);
  require(id == slow(bytes, 7));
  const auto bound = pollux::parse_stream_bound(bytes, 7);
  require(!id || bound == id);
  const auto pattern = pollux::parse_stream_id_pattern(bytes);
  require(!id || (pattern && !pattern->any_seq && pattern->id.ms == id->ms));
  require(id || !pattern || pattern->any_seq);
  if (id) {
    char text[pollux::kStreamIdTextMax];
    const size_t length = pollux::format_stream_id(*id, text);
    require(length <= sizeof text);
    require(pollux::parse_stream_id({text, length}, 0) == id);
    const auto next = pollux::next_stream_id(*id);
    require(!next || (*next > *id && pollux::previous_stream_id(*next) == id));
  }
  return 0;
}
