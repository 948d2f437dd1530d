// libFuzzer target: whatever the bytes, Listpack::valid reads only inside of them; what it accepts
// reads the same forwards, backwards and by index, and any edit of it gives a valid listpack with
// the elements that a vector would have, in place and by copy.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/listpack_fuzz.cc src/data/listpack.cc src/base/num.cc src/base/assert.cc \
//     -o listpack_fuzz
//
// The first six bytes of the input choose the edit and what is repaired; the rest is the listpack.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/listpack.h"

namespace {

using pollux::Listpack;
using pollux::ListpackSplice;
using pollux::PackedValue;
using Texts = std::vector<std::string>;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// A block of the exact size: reads beyond it are seen.
std::unique_ptr<char[]> exact_copy(std::string_view bytes, size_t room) {
  auto block = std::make_unique<char[]>(room);
  std::copy(bytes.begin(), bytes.end(), block.get());
  return block;
}

std::string text_of(const PackedValue& value) {
  char scratch[pollux::kInt64TextMax];
  return std::string(value.text(scratch));
}

Texts read_every_way(std::string_view bytes) {
  const auto block = exact_copy(bytes, bytes.size());
  size_t count = 0;
  require(Listpack::valid({block.get(), bytes.size()}, &count));
  const auto bare = exact_copy(Listpack::bare(bytes), bytes.size() - Listpack::kFrameBytes);
  const Listpack pack({bare.get(), bytes.size() - Listpack::kFrameBytes});
  require(pack.bytes() == bytes.size() && pack.count() == count);
  require(Listpack::framed(block.get()).bare() == pack.bare());
  Texts texts;
  for (Listpack::Position at = Listpack::first(); at != pack.end();) {
    texts.push_back(text_of(pack.take(at)));
  }
  require(texts.size() == count);
  size_t left = count;
  for (Listpack::Position at = pack.end(); at != Listpack::first();) {
    require(left > 0 && text_of(pack.take_back(at)) == texts[--left]);
  }
  require(left == 0);
  for (size_t i = 0; i < std::min<size_t>(count, 40); ++i) {
    const auto index = static_cast<int64_t>(i);
    require(pack.get(pack.seek(index)).equals(texts[i]));
    require(pack.get(pack.seek(-index - 1)).equals(texts[count - i - 1]));
    // The first that is equal: itself, or one before it.
    const Listpack::Position found = pack.find(texts[i], Listpack::first());
    require(found != Listpack::kNone && found <= pack.seek(index));
    require(pack.get(found).equals(texts[i]));
  }
  return texts;
}

void edit(std::string_view bytes, Texts model, const uint8_t* choices) {
  const Listpack pack = Listpack::framed(bytes.data());
  const size_t place = choices[1] % (model.size() + 1);
  const size_t go = choices[2] % (model.size() - place + 1);
  // Texts of all lengths, a number, and elements that are there already.
  Texts come(choices[3] % 4, std::string(choices[4] * size_t{20}, 'v'));
  come.push_back(std::to_string(static_cast<int64_t>(choices[5]) << (choices[4] % 64)));
  if (!model.empty()) {
    come.push_back(model[choices[5] % model.size()]);
  }
  std::vector<PackedValue> values;
  for (const std::string& text : come) {
    values.push_back(PackedValue::of(text));
  }
  const ListpackSplice splice = pack.replace(pack.advance(Listpack::first(), place), go, values);

  const auto in_place = exact_copy(bytes, std::max(splice.total, bytes.size()));
  splice.apply_framed(in_place.get());
  const auto bare = std::make_unique<char[]>(splice.bare_bytes());
  splice.build(pack.bare().data(), bare.get());
  const auto copied = std::make_unique<char[]>(splice.total);
  Listpack::write_framed({bare.get(), splice.bare_bytes()}, copied.get());
  require(std::memcmp(in_place.get(), copied.get(), splice.total) == 0);

  const auto begin = model.begin() + static_cast<ptrdiff_t>(place);
  model.erase(begin, begin + static_cast<ptrdiff_t>(go));
  model.insert(model.begin() + static_cast<ptrdiff_t>(place), come.begin(), come.end());
  require(read_every_way({copied.get(), splice.total}) == model);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 6;
  if (size < kHead) {
    return 0;
  }
  std::string bytes(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  // Mostly a right frame, so that the elements are what is looked at.
  if ((data[0] & 3) != 0 && bytes.size() >= Listpack::kEmptyBytes) {
    Listpack::write_frame(bytes.data(), bytes.size() - Listpack::kEmptyBytes,
                          Listpack::kCountUnknown);
  }
  const auto block = exact_copy(bytes, bytes.size());
  if (Listpack::valid({block.get(), bytes.size()})) {
    edit(bytes, read_every_way(bytes), data);
  }
  return 0;
}
