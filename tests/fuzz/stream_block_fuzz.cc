// libFuzzer target: whatever the bytes, BlockView::valid reads only inside of them; what it accepts
// is walked in both directions to the same entries, takes another entry and loses one.
//
//   clang++ -std=c++20 -O1 -g -march=x86-64-v3 -fsanitize=fuzzer,address,undefined -I. \
//     tests/fuzz/stream_block_fuzz.cc src/data/stream_block.cc src/data/listpack.cc \
//     src/base/num.cc src/base/assert.cc -o stream_block_fuzz
//
// The first byte says whether the listpack's header is repaired, 16 are the id of the block.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "src/data/stream_block.h"

namespace {

using pollux::BlockView;
using pollux::StreamEntry;
using pollux::StreamId;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

size_t element_bytes(const StreamEntry& entry) {
  size_t bytes = 0;
  entry.for_each([&bytes](const pollux::PackedValue& name, const pollux::PackedValue& value) {
    bytes += pollux::packed_bytes(name) + pollux::packed_bytes(value);
  });
  return bytes;
}

void change(StreamId id, const BlockView& block, std::string_view bytes) {
  const std::string_view fields[] = {"field", "1"};
  const BlockView::Append plan = block.plan_append(pollux::kStreamIdMax, fields);
  const size_t with_counts = block.bytes_with_counts(block.live() + 200, block.deleted() + 200);
  const auto room = std::make_unique<char[]>(std::max({plan.total, with_counts, bytes.size()}));
  std::copy(bytes.begin(), bytes.end(), room.get());
  block.append(plan, pollux::kStreamIdMax, fields, room.get());
  const BlockView longer(id, room.get());
  require(longer.pack().bytes() == plan.total && longer.live() == block.live() + 1);
  BlockView::Position at = longer.end();
  require(longer.take_back(at).id == pollux::kStreamIdMax);
  std::copy(bytes.begin(), bytes.end(), room.get());
  block.set_counts(block.live() + 200, block.deleted() + 200, room.get());
  require(BlockView(id, room.get()).deleted() == block.deleted() + 200);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 1 + sizeof(StreamId);
  if (size < kHead + pollux::Listpack::kEmptyBytes || size > (1 << 20)) {
    return 0;
  }
  StreamId id;
  std::memcpy(&id, data + 1, sizeof(id));
  // A block of the exact size: reads beyond it are seen.
  const size_t bytes = size - kHead;
  const auto copy = std::make_unique<char[]>(bytes);
  std::copy(data + kHead, data + size, copy.get());
  if ((data[0] & 1) != 0) {
    pollux::Listpack::write_frame(copy.get(), bytes - pollux::Listpack::kEmptyBytes,
                                  pollux::Listpack::kCountUnknown);
  }
  if (!BlockView::valid(id, {copy.get(), bytes})) {
    return 0;
  }
  const BlockView block(id, copy.get());
  std::vector<StreamId> forward;
  uint64_t live = 0;
  for (BlockView::Position at = block.first(); at < block.end();) {
    const StreamEntry entry = block.take(at);
    require(element_bytes(entry) <= bytes * (entry.fields + 1));
    forward.push_back(entry.id);
    live += entry.deleted ? 0 : 1;
  }
  require(live == block.live() && forward.size() == live + block.deleted());
  for (BlockView::Position at = block.end(); at > block.first();) {
    require(block.take_back(at).id == forward.back());
    forward.pop_back();
  }
  require(forward.empty());
  change(id, block, {copy.get(), bytes});
  return 0;
}
