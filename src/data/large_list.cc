#include "src/data/large_list.h"

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/slice_time.h"

namespace pollux {

LargeList::~LargeList() { POLLUX_ASSERT(segments_.empty()); }

size_t LargeList::bytes() const {
  return Arena::usable(sizeof(*this)) + segments_.bytes() + block_bytes_;
}

Collection* LargeList::clone(ShardMemory& memory) const {
  LargeList* const copy = memory.make<LargeList>();
  for (size_t s = 0; s < segments_.size(); ++s) {
    const TwoEndedArray<ListNode>& nodes = segments_[s].nodes;
    for (size_t n = 0; n < nodes.size(); ++n) {
      ListNode node = nodes[n];
      const std::string_view from = node.plain() ? std::string_view(node.block, node.capacity)
                                                 : node.framed();
      node.capacity = node.plain() ? from.size() : Arena::usable(from.size());
      node.block = copy->new_block(node.capacity);
      node.offset = node.plain() ? ListNode::kPlain : 0;
      std::memcpy(node.block, from.data(), from.size());
      const size_t last = copy->segments_.empty() ? 0 : copy->segments_.size() - 1;
      copy->insert_node({last, copy->segments_.empty() ? 0 : copy->segments_[last].nodes.size(), 0},
                        node);
    }
  }
  return copy;
}

bool LargeList::free_some(uint64_t until) {
  while (!segments_.empty()) {
    Segment& segment = segments_.back();
    erase_node({segments_.size() - 1, segment.nodes.size() - 1, 0});
    if (out_of_time(until) && !segments_.empty()) {
      return true;
    }
  }
  segments_.release(memory_.arena());
  return false;
}

void LargeList::member_moved(Handle /*from*/, Handle /*to*/) { POLLUX_ASSERT(false); }

// --- reading ---

LargeList::Place LargeList::locate(uint64_t index) const {
  POLLUX_ASSERT(index < size_);
  size_t s = 0;
  if (index < size_ / 2) {
    while (index >= segments_[s].elements) {
      index -= segments_[s].elements;
      ++s;
    }
  } else {
    uint64_t behind = size_ - index;  // elements from it to the end
    s = segments_.size() - 1;
    while (behind > segments_[s].elements) {
      behind -= segments_[s].elements;
      --s;
    }
    index = segments_[s].elements - behind;
  }
  const TwoEndedArray<ListNode>& nodes = segments_[s].nodes;
  size_t n = 0;
  if (index < segments_[s].elements / 2) {
    while (index >= nodes[n].count) {
      index -= nodes[n].count;
      ++n;
    }
    return {s, n, index};
  }
  uint64_t behind = segments_[s].elements - index;
  n = nodes.size() - 1;
  while (behind > nodes[n].count) {
    behind -= nodes[n].count;
    --n;
  }
  return {s, n, nodes[n].count - behind};
}

PackedValue LargeList::end_value(ListEnd end) const {
  const Segment& segment = end == ListEnd::kFront ? segments_.front() : segments_.back();
  const ListNode& node = end == ListEnd::kFront ? segment.nodes.front() : segment.nodes.back();
  return node.end_value(end);
}

PackedValue LargeList::value(uint64_t index) const {
  const Place place = locate(index);
  return segments_[place.segment].nodes[place.node].value(place.index);
}

size_t LargeList::node_count() const {
  size_t count = 0;
  for (size_t s = 0; s < segments_.size(); ++s) {
    count += segments_[s].nodes.size();
  }
  return count;
}

// --- blocks ---

ListReader* LargeList::tell_reader(Segment& segment) {
  ListReader* const reader = memory_.list_reader(segment.reader);
  if (reader == nullptr || !reader->before_nodes(segment.reader_number)) {
    segment.reader = 0;
    return nullptr;
  }
  return reader;
}

char* LargeList::new_block(size_t capacity) {
  block_bytes_ += Arena::usable(capacity);
  return memory_.new_outside(capacity).data;
}

// The node still stands in its place.
void LargeList::free_block(Segment& segment, const ListNode& node) {
  block_bytes_ -= Arena::usable(node.capacity);
  ListReader* const reader = before_nodes(segment);
  if (reader != nullptr && reader->takes(segment.reader_number, node)) {
    return;
  }
  memory_.free_outside({node.block, node.capacity, node.capacity});
}

ListNode LargeList::plain_node(std::string_view bytes) {
  const ListNode node{new_block(bytes.size()), bytes.size(), ListNode::kPlain, 1};
  std::memcpy(node.block, bytes.data(), bytes.size());
  return node;
}

// A node without elements.
ListNode LargeList::packed_node(size_t capacity, size_t offset) {
  ListNode node{new_block(capacity), capacity, static_cast<uint32_t>(offset), 0};
  Listpack::write_frame(node.base(), 0, 0);
  return node;
}

// The same listpack in another block.
void LargeList::reblock(Segment& segment, ListNode& node, size_t capacity, size_t offset) {
  ListNode fresh{new_block(capacity), capacity, static_cast<uint32_t>(offset), node.count};
  std::memcpy(fresh.base(), node.base(), node.bytes());
  free_block(segment, node);
  node = fresh;
}

// Cuts the block to the size of its listpack, if more than an eighth of it lies idle.
void LargeList::fit(Segment& segment, ListNode& node) {
  if (node.plain()) {
    return;
  }
  const size_t wanted = Arena::usable(node.bytes());
  if (wanted < node.capacity - node.capacity / 8) {
    reblock(segment, node, wanted, 0);
  }
}

// Room for an element at an end of a packed node that accepts it: there already, by a shift that at
// least doubles the room between shifts, or in a block of twice the size. False if none of these
// may be: then it takes another node.
bool LargeList::make_room(Segment& segment, ListNode& node, ListEnd end, size_t element_bytes,
                          const ListLimits& limits) {
  if (node.has_room(end, element_bytes)) {
    return true;
  }
  const size_t needed = node.bytes() + element_bytes;
  size_t capacity = node.capacity;
  const bool shift = needed <= capacity && node.bytes() <= capacity / 2;
  if (!shift) {
    if (capacity >= limits.bytes) {
      return false;
    }
    capacity = Arena::usable(std::min(std::max(2 * capacity, needed), limits.bytes));
  }
  const size_t offset = end == ListEnd::kFront ? capacity - node.bytes() : 0;
  if (shift) {
    before_write(segment, node);
    node.shift(offset);
  } else {
    reblock(segment, node, capacity, offset);
  }
  return true;
}

// What the block of a new node at an end begins with.
size_t LargeList::first_capacity(size_t needed, const ListLimits& limits) const {
  constexpr size_t kSmallest = 256;
  const size_t share = std::clamp(block_bytes_ / 8, kSmallest, limits.bytes);
  return Arena::usable(std::max(needed, share));
}

// --- ends ---

void LargeList::count(Segment& segment, int64_t elements) {
  segment.elements += static_cast<uint64_t>(elements);
  size_ += static_cast<uint64_t>(elements);
}

void LargeList::push(ListEnd end, const PackedValue& value, const ListLimits& limits) {
  const size_t element_bytes = packed_bytes(value);
  if (!segments_.empty()) {
    Segment& segment = end_segment(end);
    ListNode& node = end_node(segment, end);
    if (node.accepts(element_bytes, limits) &&
        make_room(segment, node, end, element_bytes, limits)) {
      before_write(segment, node);
      node.push(end, value, element_bytes);
      count(segment, 1);
      return;
    }
    fit(segment, node);
  }
  start_node(end, value, element_bytes, limits);
}

void LargeList::start_node(ListEnd end, const PackedValue& value, size_t element_bytes,
                           const ListLimits& limits) {
  ListNode node;
  if (limits.oversize(element_bytes)) {
    node = plain_node(value.string());
  } else {
    const size_t capacity = first_capacity(element_bytes + Listpack::kEmptyBytes, limits);
    node = packed_node(capacity, end == ListEnd::kFront ? capacity - Listpack::kEmptyBytes : 0);
    node.push(end, value, element_bytes);
  }
  if (segments_.empty() || end == ListEnd::kFront) {
    insert_node({0, 0, 0}, node);
  } else {
    insert_node({segments_.size() - 1, segments_.back().nodes.size(), 0}, node);
  }
}

void LargeList::drop(ListEnd end, uint64_t n) {
  POLLUX_ASSERT(n <= size_);
  LargeList* grave = nullptr;
  while (n > 0) {
    Segment& segment = end_segment(end);
    ListNode& node = end_node(segment, end);
    if (n >= segment.elements && segment.nodes.size() > 1) {
      n -= segment.elements;
      bury_segment(end, grave);
    } else if (n >= node.count) {
      n -= node.count;
      const bool front = end == ListEnd::kFront;
      erase_node({front ? 0 : segments_.size() - 1, front ? 0 : segment.nodes.size() - 1, 0});
    } else {
      before_write(segment, node);
      node.drop(end, n);
      count(segment, -static_cast<int64_t>(n));
      n = 0;
      if (size_ == node.count && node.bytes() < node.capacity / 8) {
        fit(segment, node);  // all that is left of a list that was longer
      }
    }
  }
  if (grave != nullptr) {
    memory_.bury(grave);
  }
}

// Hands the segment at an end over to `grave`, a list that nobody sees.
void LargeList::bury_segment(ListEnd end, LargeList*& grave) {
  if (grave == nullptr) {
    grave = memory_.make<LargeList>();
  }
  const size_t at = end == ListEnd::kFront ? 0 : segments_.size() - 1;
  const Segment segment = segments_[at];
  size_t bytes = segment.nodes.bytes();
  for (size_t n = 0; n < segment.nodes.size(); ++n) {
    bytes += Arena::usable(segment.nodes[n].capacity);
  }
  segments_.erase(at);
  size_ -= segment.elements;
  block_bytes_ -= bytes;
  grave->segments_.push_back(memory_.arena(), segment);
  grave->size_ += segment.elements;
  grave->block_bytes_ += bytes;
}

// --- nodes ---

// `node` stands at `place`, or, if the segment was full, where it is returned to stand.
LargeList::Place LargeList::insert_node(Place place, const ListNode& node) {
  Arena& arena = memory_.arena();
  if (segments_.empty()) {
    segments_.push_back(arena, {});
  } else if (segments_[place.segment].nodes.size() == kSegmentNodesMax) {
    const bool at_back = place.node == kSegmentNodesMax && place.segment + 1 == segments_.size();
    const bool at_front = place.node == 0 && place.segment == 0;
    if (!at_back && !at_front) {
      before_nodes(segments_[place.segment]);
    }
    segments_.insert(arena, place.segment + (at_front ? 0 : 1), {});
    if (at_back) {
      place = {place.segment + 1, 0, 0};
    } else if (!at_front) {
      // The upper half moves to the new segment.
      Segment& lower = segments_[place.segment];
      Segment& upper = segments_[place.segment + 1];
      upper.reader = lower.reader;
      upper.reader_number = lower.reader_number;
      constexpr size_t kHalf = kSegmentNodesMax / 2;
      for (size_t n = kHalf; n < kSegmentNodesMax; ++n) {
        upper.nodes.push_back(arena, lower.nodes[n]);
        upper.elements += lower.nodes[n].count;
      }
      for (size_t n = kHalf; n < kSegmentNodesMax; ++n) {
        lower.nodes.erase(lower.nodes.size() - 1);
      }
      lower.elements -= upper.elements;
      block_bytes_ += upper.nodes.bytes();
      if (place.node > kHalf) {
        place = {place.segment + 1, place.node - kHalf, 0};
      }
    }
  }
  Segment& segment = segments_[place.segment];
  before_nodes(segment);
  block_bytes_ -= segment.nodes.bytes();
  segment.nodes.insert(arena, place.node, node);
  block_bytes_ += segment.nodes.bytes();
  count(segment, node.count);
  return place;
}

void LargeList::erase_node(const Place& place) {
  Segment& segment = segments_[place.segment];
  const ListNode node = segment.nodes[place.node];
  free_block(segment, node);
  segment.nodes.erase(place.node);
  count(segment, -static_cast<int64_t>(node.count));
  if (segment.nodes.empty()) {
    block_bytes_ -= segment.nodes.bytes();
    segment.nodes.release(memory_.arena());
    segments_.erase(place.segment);
  }
}

// Carries out an edit of a packed node, in a larger block if it takes one; the count is the
// caller's.
void LargeList::splice(Segment& segment, ListNode& node, const ListpackSplice& edit) {
  if (edit.total > node.capacity) {
    reblock(segment, node, Arena::usable(edit.total + edit.total / 8), 0);
  }
  before_write(segment, node);
  if (node.offset + edit.total > node.capacity) {
    node.shift(0);
  }
  edit.apply_framed(node.base());
}

// Makes two nodes of a packed one: `index` elements stay in it, which is neither none nor all.
void LargeList::split(const Place& place) {
  Segment& segment = segments_[place.segment];
  ListNode& node = node_at(place);
  before_write(segment, node);
  const Listpack pack = node.packed();
  const Listpack::Position at = pack.seek(static_cast<int64_t>(place.index));
  const size_t moved_bytes = pack.end() - at;
  const auto moved = static_cast<uint32_t>(node.count - place.index);
  ListNode right = packed_node(Arena::usable(moved_bytes + Listpack::kEmptyBytes), 0);
  right.count = moved;
  std::memcpy(right.base() + Listpack::kHeaderBytes, pack.bare().data() + at, moved_bytes);
  Listpack::write_frame(right.base(), moved_bytes, moved);
  node.count -= moved;
  Listpack::write_frame(node.base(), at - Listpack::first(), node.count);
  fit(segment, node);
  count(segment, -static_cast<int64_t>(moved));
  insert_node({place.segment, place.node + 1, 0}, right);
}

// Makes one node of `node` and the next one of its segment, if together they leave some room.
bool LargeList::merge(size_t s, size_t n, const ListLimits& limits) {
  TwoEndedArray<ListNode>& nodes = segments_[s].nodes;
  if (n + 1 >= nodes.size() || nodes[n].plain() || nodes[n + 1].plain()) {
    return false;
  }
  ListNode& left = nodes[n];
  const ListNode& right = nodes[n + 1];
  const uint32_t count_after = left.count + right.count;
  const size_t bytes_after = left.bytes() + right.bytes() - Listpack::kEmptyBytes;
  if (count_after > limits.count || bytes_after > limits.bytes - limits.bytes / 4) {
    return false;
  }
  splice(segments_[s], left, left.packed().insert(left.packed().end(), right.packed().run()));
  // The elements of the right one do not leave the list.
  left.count = count_after;
  count(segments_[s], right.count);
  erase_node({s, n + 1, 0});
  return true;
}

// --- the middle ---

void LargeList::set(uint64_t index, const PackedValue& value, const ListLimits& limits) {
  const Place place = locate(index);
  Segment& segment = segments_[place.segment];
  ListNode& node = node_at(place);
  if (!limits.oversize(packed_bytes(value))) {
    if (node.plain()) {
      free_block(segment, node);
      node = packed_node(Arena::usable(packed_bytes(value) + Listpack::kEmptyBytes), 0);
      node.push(ListEnd::kBack, value, packed_bytes(value));
      return;
    }
    const Listpack pack = node.packed();
    const Listpack::Position at = pack.seek(static_cast<int64_t>(place.index));
    const ListpackSplice edit = pack.replace(at, 1, {&value, 1});
    if (edit.total <= std::max(limits.bytes, edit.total_before)) {
      splice(segment, node, edit);
      return;
    }
  } else if (node.count == 1) {
    free_block(segment, node);
    node = plain_node(value.string());
    return;
  }
  insert(index, value, limits);
  const Place old = locate(index + 1);
  ListNode& old_node = node_at(old);
  if (old_node.count == 1) {
    erase_node(old);
    return;
  }
  const Listpack::Position at = old_node.packed().seek(static_cast<int64_t>(old.index));
  splice(segments_[old.segment], old_node, old_node.packed().erase(at, 1));
  --old_node.count;
  count(segments_[old.segment], -1);
  merge(old.segment, old.node, limits);
}

void LargeList::insert(uint64_t index, const PackedValue& value, const ListLimits& limits) {
  if (index == 0 || index == size_) {
    push(index == 0 ? ListEnd::kFront : ListEnd::kBack, value, limits);
    return;
  }
  Place place = locate(index);
  const size_t element_bytes = packed_bytes(value);
  const auto insert_into = [&](const Place& at) {
    ListNode& node = node_at(at);
    if (!node.accepts(element_bytes, limits)) {
      return false;
    }
    const Listpack pack = node.packed();
    const Listpack::Position before =
        at.index == node.count ? pack.end() : pack.seek(static_cast<int64_t>(at.index));
    splice(segments_[at.segment], node, pack.insert(before, {&value, 1}));
    ++node.count;
    count(segments_[at.segment], 1);
    return true;
  };
  if (insert_into(place)) {
    return;
  }
  // Behind the last element of the node before is the same place.
  bool was_split = false;
  if (place.index > 0) {
    split(place);
    was_split = true;
    place = locate(index);  // of the right half; the first of its node
  }
  Place left = locate(index - 1);
  ++left.index;
  if (insert_into(left) || (was_split && insert_into(place))) {
    return;
  }
  ListNode node;
  if (limits.oversize(element_bytes)) {
    node = plain_node(value.string());
  } else {
    node = packed_node(Arena::usable(element_bytes + Listpack::kEmptyBytes), 0);
    node.push(ListEnd::kBack, value, element_bytes);
  }
  insert_node({place.segment, place.node, 0}, node);
}

// Of one node; the node may be gone afterwards.
size_t LargeList::remove_from(const Place& place, const PackedNeedle& needle, ListEnd from,
                              uint64_t max) {
  Segment& segment = segments_[place.segment];
  ListNode& node = node_at(place);
  if (node.plain()) {
    if (!needle.matches(node.end_value(ListEnd::kFront))) {
      return 0;
    }
    erase_node(place);
    return 1;
  }
  size_t skip = 0;
  if (from == ListEnd::kBack && max < node.count) {
    const size_t found = count_matches(node.packed(), needle);
    skip = found > max ? found - max : 0;
  }
  if (before_nodes(segment) != nullptr) [[unlikely]] {
    if (node.packed().find(needle, Listpack::first()) == Listpack::kNone) {
      return 0;
    }
    before_write(segment, node);
  }
  const size_t removed = node.remove(needle, skip, max);
  if (removed == node.count) {
    erase_node(place);
  } else if (removed > 0) {
    node.count -= static_cast<uint32_t>(removed);
    count(segment, -static_cast<int64_t>(removed));
    fit(segment, node);
  }
  return removed;
}

uint64_t LargeList::remove(const PackedNeedle& needle, ListEnd from, uint64_t max,
                           const ListLimits& limits) {
  const bool forward = from == ListEnd::kFront;
  uint64_t removed = 0;
  size_t s = forward ? 0 : segments_.size() - 1;
  // A node or segment that goes lets those behind it move up: forwards the place stays then.
  while (s < segments_.size() && removed < max) {
    const size_t segments = segments_.size();
    size_t n = forward ? 0 : segments_[s].nodes.size() - 1;
    while (segments_.size() == segments && n < segments_[s].nodes.size() && removed < max) {
      const size_t nodes = segments_[s].nodes.size();
      const size_t here = remove_from({s, n, 0}, needle, from, max - removed);
      removed += here;
      if (segments_.size() != segments) {
        break;
      }
      if (here > 0 && segments_[s].nodes.size() == nodes && (!forward || n > 0)) {
        merge(s, forward ? n - 1 : n, limits);
      }
      if (!forward) {
        --n;
      } else if (segments_[s].nodes.size() == nodes) {
        ++n;
      }
    }
    if (!forward) {
      --s;
    } else if (segments_.size() == segments) {
      ++s;
    }
  }
  return removed;
}

void LargeList::append_listpack(const Listpack& listpack) {
  if (!segments_.empty()) {
    fit(segments_.back(), segments_.back().nodes.back());  // it is no end any more
  }
  ListNode node = packed_node(Arena::usable(listpack.bytes()), 0);
  Listpack::write_framed(listpack.bare(), node.base());
  node.count = static_cast<uint32_t>(listpack.count());
  insert_node(segments_.empty() ? Place{0, 0, 0}
                                : Place{segments_.size() - 1, segments_.back().nodes.size(), 0},
              node);
}

}  // namespace pollux
