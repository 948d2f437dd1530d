#include "src/data/list_node.h"

#include <algorithm>
#include <cstring>

namespace pollux {

ListLimits ListLimits::of(const EncodingLimits& limits) {
  // An eighth below Redis' 4 to 64 KB: blocks of these sizes stand side by side in the allocator's
  // slabs. Each one of a power of two is an extent by itself, described in 128 bytes (10 million
  // elements of 32 bytes, in nodes of 8 KB: 35.0 bytes each, in these 34.6).
  constexpr size_t kSmallest = 3584;
  constexpr size_t kCountedBytesMax = 2 * kSmallest;  // where elements are counted
  const int64_t said = limits.list_listpack_size;
  if (said >= 0) {
    return {kCountedBytesMax, static_cast<uint32_t>(std::clamp<int64_t>(said, 1, INT32_MAX))};
  }
  return {kSmallest << (std::min<int64_t>(-said, 5) - 1), UINT32_MAX};
}

void ListNode::shift(size_t to) {
  std::memmove(block + to, base(), bytes());
  offset = static_cast<uint32_t>(to);
}

PackedValue ListNode::end_value(ListEnd end) const {
  if (plain()) {
    return PackedValue::string_of(block, capacity);
  }
  const Listpack pack = packed();
  return pack.get(end == ListEnd::kFront ? Listpack::first() : pack.last());
}

PackedValue ListNode::value(size_t index) const {
  if (plain()) {
    return PackedValue::string_of(block, capacity);
  }
  return packed().get(packed().seek(static_cast<int64_t>(index)));
}

void ListNode::push(ListEnd end, const PackedValue& value, size_t element_bytes) {
  const size_t elements = bytes() - Listpack::kEmptyBytes;
  size_t at = Listpack::kHeaderBytes;
  if (end == ListEnd::kFront) {
    offset -= static_cast<uint32_t>(element_bytes);
  } else {
    at += elements;
  }
  write_packed(value, base() + at);
  ++count;
  Listpack::write_frame(base(), elements + element_bytes, count);
}

void ListNode::drop(ListEnd end, size_t n) {
  const Listpack pack = packed();
  const size_t elements = bytes() - Listpack::kEmptyBytes;
  size_t gone;
  if (end == ListEnd::kFront) {
    gone = pack.advance(Listpack::first(), n) - Listpack::first();
    offset += static_cast<uint32_t>(gone);
  } else {
    Listpack::Position at = pack.end();
    for (size_t i = 0; i < n; ++i) {
      at = pack.prev(at);
    }
    gone = pack.end() - at;
  }
  count -= static_cast<uint32_t>(n);
  Listpack::write_frame(base(), elements - gone, count);
}

size_t count_matches(const Listpack& pack, const PackedNeedle& needle) {
  size_t found = 0;
  const Listpack::Position stop = pack.end();
  for (Listpack::Position at = Listpack::first(); at < stop;) {
    found += needle.matches(pack.take(at)) ? 1 : 0;
  }
  return found;
}

size_t ListNode::remove(const PackedNeedle& needle, size_t skip, size_t max) {
  const RemovedMatches gone = remove_matches(
      {base() + Listpack::kLeadBytes, bytes() - Listpack::kFrameBytes}, needle, skip, max);
  if (gone.count > 0) {
    Listpack::write_frame(base(), gone.bytes - Listpack::kCountBytes, count - gone.count);
  }
  return gone.count;
}

// What stays moves down run by run, each byte at most once.
RemovedMatches remove_matches(std::span<char> bare, const PackedNeedle& needle, size_t skip,
                              size_t max) {
  char* const listpack = bare.data();
  const Listpack pack(std::string_view(listpack, bare.size()));
  const Listpack::Position stop = pack.end();
  const size_t count = pack.count();
  size_t write = Listpack::first();
  size_t read = Listpack::first();
  size_t removed = 0;
  Listpack::Position at = pack.find(needle, Listpack::first());
  while (at != Listpack::kNone && removed < max) {
    const Listpack::Position behind = pack.next(at);
    if (skip > 0) {
      --skip;
    } else {
      std::memmove(listpack + write, listpack + read, at - read);
      write += at - read;
      read = behind;
      ++removed;
    }
    at = behind < stop ? pack.find(needle, behind) : Listpack::kNone;
  }
  if (removed > 0) {
    std::memmove(listpack + write, listpack + read, stop - read);
    Listpack::write_count(listpack, count - removed);
  }
  return {removed, write + (stop - read)};
}

}  // namespace pollux
