// One node of a large list: a block of the arena with some elements, or with a single long one.
//
//   packed   a framed listpack somewhere inside the block, room before and behind it. The header of
//            six bytes stands before the first element, so it moves along when the front grows or
//            shrinks: both ends are edited without touching what lies between.
//   plain    the bytes of one element that no packed node may hold.
//
// A node is moved by its bytes; its owner (large_list.h) frees the block. Belongs to the holder of
// the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/data/encoding_limits.h"
#include "src/data/entry.h"
#include "src/data/listpack.h"

namespace pollux {

enum class ListEnd : uint8_t { kFront, kBack };

// What one node may hold: list-max-listpack-size, in numbers.
struct ListLimits {
  size_t bytes;     // of the listpack, header and end mark included
  uint32_t count;  // elements

  static ListLimits of(const EncodingLimits& limits);
  // No packed node may hold it.
  bool oversize(size_t element_bytes) const {
    return element_bytes + Listpack::kEmptyBytes > bytes;
  }
};

struct ListNode {
  static constexpr uint32_t kPlain = UINT32_MAX;

  char* block;
  size_t capacity;  // of the block, as asked of the arena; of a plain one: its element's bytes
  uint32_t offset;  // of the listpack in the block; kPlain
  uint32_t count;   // elements

  bool plain() const { return offset == kPlain; }
  // These require a packed node.
  char* base() { return block + offset; }
  Listpack packed() const { return Listpack::framed(block + offset); }
  std::string_view framed() const { return Listpack::whole(block + offset); }
  size_t bytes() const { return framed().size(); }

  // Whether `element_bytes` more are within the limits; whether there is room is another matter.
  bool accepts(size_t element_bytes, const ListLimits& limits) const {
    return !plain() && count < limits.count && bytes() + element_bytes <= limits.bytes;
  }
  // Whether that many bytes can come at this end without another block.
  bool has_room(ListEnd end, size_t element_bytes) const {
    return (end == ListEnd::kFront ? offset : capacity - offset - bytes()) >= element_bytes;
  }
  // The listpack, to another place in its block.
  void shift(size_t to);

  PackedValue end_value(ListEnd end) const;
  PackedValue value(size_t index) const;

  // An element of packed_bytes(value) == element_bytes at an end that has the room.
  void push(ListEnd end, const PackedValue& value, size_t element_bytes);
  // Drops n < count elements of a packed node.
  void drop(ListEnd end, size_t n);
  // As remove_matches, of a packed node; the count is the caller's. Returns how many went.
  size_t remove(const PackedNeedle& needle, size_t skip, size_t max);
};

// How many elements of a listpack match.
size_t count_matches(const Listpack& pack, const PackedNeedle& needle);
// Removes elements of a bare listpack that match, where it stands: the first `skip` that match
// stay, then `max` go. `count` went, and `bytes` are left.
struct RemovedMatches {
  size_t count;
  size_t bytes;
};
RemovedMatches remove_matches(std::span<char> bare, const PackedNeedle& needle, size_t skip,
                              size_t max);

}  // namespace pollux
