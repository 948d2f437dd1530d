// libFuzzer target: whatever the bytes, Intset::valid reads only inside of them; what it accepts is
// a set in order, in which each integer is found, and any integer comes and goes, in place and by
// copy alike.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/intset_fuzz.cc src/data/intset.cc src/base/assert.cc -o intset_fuzz
//
// The first byte of the input says whether the header is repaired, the next eight are an integer;
// the rest is the intset.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/intset.h"

namespace {

using pollux::Intset;
using pollux::IntsetSplice;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

std::vector<int64_t> read_all(std::string_view bytes) {
  // A block of the exact size: reads beyond it are seen.
  const auto block = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), block.get());
  require(Intset::valid({block.get(), bytes.size()}));
  const Intset set(block.get());
  std::vector<int64_t> values;
  for (uint32_t i = 0; i < set.count(); ++i) {
    values.push_back(set.get(i));
    const Intset::Place place = set.find(values.back());
    require(place.found && place.index == i);
    require(i == 0 || values[i - 1] < values[i]);
  }
  return values;
}

// The result of `splice`, made in both ways.
std::string edited(const std::string& bytes, const IntsetSplice& splice) {
  std::string in_place = bytes;
  in_place.resize(std::max(splice.total, bytes.size()));
  splice.apply(in_place.data());
  in_place.resize(splice.total);
  std::string copied(splice.total, '\0');
  splice.build(bytes.data(), copied.data());
  require(in_place == copied);
  return copied;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 9;
  if (size < kHead) {
    return 0;
  }
  int64_t value = 0;
  std::memcpy(&value, data + 1, sizeof(value));
  value >>= data[0] & 63;
  std::string bytes(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  if ((data[0] & 64) == 0 && bytes.size() >= Intset::kHeaderBytes) {
    const uint32_t width = 2U << (data[0] % 3);
    const auto count = static_cast<uint32_t>((bytes.size() - Intset::kHeaderBytes) / width);
    bytes.resize(Intset::kHeaderBytes + size_t{count} * width);
    std::memcpy(bytes.data(), &width, sizeof(width));
    std::memcpy(bytes.data() + sizeof(width), &count, sizeof(count));
  }
  const auto block = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), block.get());
  if (!Intset::valid({block.get(), bytes.size()})) {
    return 0;
  }
  std::vector<int64_t> model = read_all(bytes);
  const Intset set(bytes.data());
  const Intset::Place place = set.find(value);
  const auto at = std::lower_bound(model.begin(), model.end(), value);
  require(place.index == static_cast<size_t>(at - model.begin()));
  require(place.found == (at != model.end() && *at == value));
  if (place.found) {
    model.erase(at);
    require(read_all(edited(bytes, set.erase(place.index))) == model);
  } else {
    model.insert(at, value);
    require(read_all(edited(bytes, set.insert(value, place))) == model);
  }
  return 0;
}
