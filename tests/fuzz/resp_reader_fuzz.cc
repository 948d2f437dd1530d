// libFuzzer target: whatever the bytes and however they are cut on arrival, the RESP reader comes
// to the same requests, the same error and the same number of bytes used as without a cut.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/resp_reader_fuzz.cc src/protocol/resp_reader.cc src/base/num.cc -o reader_fuzz
//
// The first three bytes of the input choose limits and cuts; the rest is the stream.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/protocol/resp_reader.h"

namespace {

using pollux::ReadLimits;
using pollux::ReadStatus;
using pollux::RespReader;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

struct Outcome {
  std::vector<std::string> words;  // all arguments, with an empty mark behind each request
  std::string error;
  size_t used = 0;
  bool operator==(const Outcome&) const = default;
};

class Feeder {
 public:
  explicit Feeder(const ReadLimits& limits) : limits_(limits) {}

  void feed(std::string_view chunk) {
    pending_ += chunk;
    while (outcome_.error.empty()) {
      // A buffer of the exact size at a new address: reads beyond it and stale views are seen.
      const auto copy = std::make_unique<char[]>(pending_.size());
      std::memcpy(copy.get(), pending_.data(), pending_.size());
      size_t consumed = 0;
      const ReadStatus status =
          reader_.read({copy.get(), pending_.size()}, limits_, args_, consumed);
      if (status == ReadStatus::kNeedMore) {
        require(reader_.bytes_wanted() > pending_.size());
        return;
      }
      if (status == ReadStatus::kError) {
        outcome_.error = reader_.error();
        return;
      }
      require(consumed > 0 && consumed <= pending_.size());
      require((status == ReadStatus::kEmpty) == args_.empty());
      for (const std::string_view arg : args_) {
        outcome_.words.push_back("+" + std::string(arg));
      }
      outcome_.words.emplace_back();
      outcome_.used += consumed;
      pending_.erase(0, consumed);
    }
  }
  const Outcome& outcome() const { return outcome_; }

 private:
  ReadLimits limits_;
  RespReader reader_;
  std::vector<std::string_view> args_;
  std::string pending_;
  Outcome outcome_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 3;
  if (size < kHead) {
    return 0;
  }
  ReadLimits limits;
  limits.authenticated = (data[0] & 1) == 0;
  limits.inline_bytes_max = (data[0] & 2) == 0 ? limits.inline_bytes_max : 20;
  limits.bulk_bytes_max = (data[0] & 4) == 0 ? limits.bulk_bytes_max : 100;
  limits.multibulk_max = (data[0] & 8) == 0 ? limits.multibulk_max : 3;
  const size_t cut_max = size_t{1} << (data[1] % 11);
  uint32_t random = data[2] + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + kHead, size - kHead);

  Feeder whole(limits);
  whole.feed(bytes);
  Feeder cut(limits);
  for (size_t at = 0; at < bytes.size();) {
    random = random * 1664525 + 1013904223;
    const size_t part = 1 + (random >> 8) % cut_max;
    cut.feed(bytes.substr(at, part));
    at += part;
  }
  require(cut.outcome() == whole.outcome());
  return 0;
}
