// A list in its large form: nodes (list_node.h) in order, in a directory of segments.
//
//   segments   [ 30720 elements | 30711 | ... ]      an array with room at both ends
//   nodes      each segment: up to 128 nodes of some 240 elements, such an array too
//
// Finding element number i adds up counts: over the segments, from the nearer end, then over the
// nodes of one, then a walk in one listpack. With 10 million elements of 32 bytes that is at most
// 163 segments, 64 nodes and 120 elements, where a chain of nodes would be 20,000 steps. (A tree
// would not be shorter before a list has a billion elements, and costs the ends, where lists live,
// more.)
//
// Both ends are edited in place: a push or pop touches the directory, the header of a node and the
// element. A node's block doubles up to list-max-listpack-size, starting at an eighth of what the
// list takes, and is cut to size when the node is no end any more: so at most about an eighth is
// idle.
//
// Blocks are those of long strings (ShardMemory::new_outside). Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/data/collection.h"
#include "src/data/list_node.h"
#include "src/data/shard_memory.h"
#include "src/data/two_ended_array.h"

namespace pollux {

class LargeList final : public Collection {
 public:
  explicit LargeList(ShardMemory& memory) : Collection(memory) {}
  ~LargeList() override;  // Requires that it was freed (free_some).

  size_t size() const override { return size_; }
  size_t bytes() const override;
  Collection* clone(ShardMemory& memory) const override;
  bool free_some(uint64_t until) override;
  void member_moved(Handle from, Handle to) override;  // Never: it has no members.

  // Values point into the list, until its next change. All require that the index is in the list.
  PackedValue end_value(ListEnd end) const;
  PackedValue value(uint64_t index) const;
  // visit(PackedValue) for the elements from number `index` on, backwards if `towards` is the
  // front, until it says false.
  template <typename Visit>
  void walk(uint64_t index, ListEnd towards, Visit visit) const;

  // What comes must not point into this list.
  void push(ListEnd end, const PackedValue& value, const ListLimits& limits);
  // Drops `n` elements. Whole segments go in slices, later. Requires n <= size().
  void drop(ListEnd end, uint64_t n);
  void set(uint64_t index, const PackedValue& value, const ListLimits& limits);
  // Before the element with this number, or at the end.
  void insert(uint64_t index, const PackedValue& value, const ListLimits& limits);
  // The first `max` elements that match, seen from `from`. Returns how many went.
  uint64_t remove(const PackedNeedle& needle, ListEnd from, uint64_t max,
                  const ListLimits& limits);
  // All elements of a listpack, which is not empty, behind the others, in a node of their own.
  void append_listpack(const Listpack& listpack);

  // Changes of what is in it are told to this reader from here on, by segments, which have the
  // numbers 0, 1, 2... visit(std::span<const ListNode>) for each: they stand there until the reader
  // is told.
  template <typename Visit>
  void be_read(ReaderId reader, Visit visit);

  size_t node_count() const;
  // visit(const ListNode&) for all, in order.
  template <typename Visit>
  void for_each_node(Visit visit) const;

 private:
  static constexpr size_t kSegmentNodesMax = 128;

  struct Segment {
    TwoEndedArray<ListNode> nodes;  // at least one
    uint64_t elements = 0;
    // Of the snapshot's walk that reads it (pre_images.h), and its number there.
    ReaderId reader = 0;
    uint32_t reader_number = 0;
  };
  // Where an element stands.
  struct Place {
    size_t segment;
    size_t node;
    size_t index;  // in the node
  };

  ListNode& node_at(const Place& place) { return segments_[place.segment].nodes[place.node]; }
  Place locate(uint64_t index) const;
  Segment& end_segment(ListEnd end) {
    return end == ListEnd::kFront ? segments_.front() : segments_.back();
  }
  static ListNode& end_node(Segment& segment, ListEnd end) {
    return end == ListEnd::kFront ? segment.nodes.front() : segment.nodes.back();
  }

  // --- who reads it ---
  // Before nodes of the segment are changed, come or go: who must be told more, if anybody.
  ListReader* before_nodes(Segment& segment) {
    return segment.reader == 0 ? nullptr : tell_reader(segment);
  }
  ListReader* tell_reader(Segment& segment);
  // Before the block of one of its nodes is written to.
  void before_write(Segment& segment, const ListNode& node) {
    if (ListReader* const reader = before_nodes(segment)) {
      reader->before_write(segment.reader_number, node);
    }
  }

  // --- blocks ---
  char* new_block(size_t capacity);
  void free_block(Segment& segment, const ListNode& node);
  ListNode plain_node(std::string_view bytes);
  ListNode packed_node(size_t capacity, size_t offset);
  void reblock(Segment& segment, ListNode& node, size_t capacity, size_t offset);
  void fit(Segment& segment, ListNode& node);
  bool make_room(Segment& segment, ListNode& node, ListEnd end, size_t element_bytes,
                 const ListLimits& limits);
  size_t first_capacity(size_t needed, const ListLimits& limits) const;

  // --- nodes ---
  void count(Segment& segment, int64_t elements);
  void start_node(ListEnd end, const PackedValue& value, size_t element_bytes,
                  const ListLimits& limits);
  Place insert_node(Place place, const ListNode& node);
  void erase_node(const Place& place);
  void splice(Segment& segment, ListNode& node, const ListpackSplice& edit);
  void split(const Place& place);
  bool merge(size_t segment, size_t node, const ListLimits& limits);
  void bury_segment(ListEnd end, LargeList*& grave);
  size_t remove_from(const Place& place, const PackedNeedle& needle, ListEnd from, uint64_t max);

  TwoEndedArray<Segment> segments_;
  uint64_t size_ = 0;
  size_t block_bytes_ = 0;  // of all blocks and of the segments' arrays, as the arena rounds them
};

template <typename Visit>
void LargeList::be_read(ReaderId reader, Visit visit) {
  for (size_t s = 0; s < segments_.size(); ++s) {
    Segment& segment = segments_[s];
    segment.reader = reader;
    segment.reader_number = static_cast<uint32_t>(s);
    visit(std::span(segment.nodes.data(), segment.nodes.size()));
  }
}

template <typename Visit>
void LargeList::for_each_node(Visit visit) const {
  for (size_t s = 0; s < segments_.size(); ++s) {
    const TwoEndedArray<ListNode>& nodes = segments_[s].nodes;
    for (size_t n = 0; n < nodes.size(); ++n) {
      visit(nodes[n]);
    }
  }
}

template <typename Visit>
void LargeList::walk(uint64_t index, ListEnd towards, Visit visit) const {
  const bool forward = towards == ListEnd::kBack;
  Place place = locate(index);
  bool fresh = false;  // whether the node is entered at its end
  for (size_t s = place.segment; s < segments_.size(); s += forward ? 1 : SIZE_MAX) {
    const TwoEndedArray<ListNode>& nodes = segments_[s].nodes;
    for (size_t n = fresh ? (forward ? 0 : nodes.size() - 1) : place.node; n < nodes.size();
         n += forward ? 1 : SIZE_MAX) {
      const ListNode& node = nodes[n];
      if (node.plain()) {
        if (!visit(node.end_value(ListEnd::kFront))) {
          return;
        }
      } else if (forward) {
        const Listpack pack = node.packed();
        const Listpack::Position stop = pack.end();
        Listpack::Position at =
            fresh ? Listpack::first() : pack.seek(static_cast<int64_t>(place.index));
        while (at < stop) {
          if (!visit(pack.take(at))) {
            return;
          }
        }
      } else {
        const Listpack pack = node.packed();
        Listpack::Position at =
            fresh ? pack.end() : pack.next(pack.seek(static_cast<int64_t>(place.index)));
        while (at > Listpack::first()) {
          if (!visit(pack.take_back(at))) {
            return;
          }
        }
      }
      fresh = true;
    }
  }
}

}  // namespace pollux
