#include "src/snapshot/list_walk.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "src/base/assert.h"
#include "src/base/slice_time.h"
#include "src/rdb/part_codecs.h"

namespace pollux {

namespace {

class ListWalk final : public ValueWalk, public ListReader {
 public:
  ListWalk(LargeList& list, ShardMemory& memory) : memory_(memory), id_(memory.new_reader()) {
    list.be_read(id_, [this](std::span<const ListNode> nodes) {
      segments_.push_back({nodes, nullptr});
      node_count_ += nodes.size();
    });
  }
  ~ListWalk() override { POLLUX_ASSERT(held_bytes_ == 0); }

  bool write_some(RdbWriter* out, uint64_t until) override {
    if (out == nullptr) {
      return let_go(until);
    }
    if (!begun_) {
      begun_ = true;
      out->length(node_count_);
    }
    while (segment_ < segments_.size()) {
      while (node_ < segments_[segment_].nodes.size()) {
        if (write_node(segments_[segment_].nodes[node_], *out)) {
          free_if_held(segments_[segment_], node_);
          ++node_;
        }
        if (out_of_time(until)) {
          return false;
        }
      }
      segments_[segment_].copy.reset();
      ++segment_;
      node_ = 0;
    }
    return true;
  }

  ReaderId reader_id() const override { return id_; }
  ListReader* list_reader() override { return this; }
  size_t held_bytes() const override { return held_bytes_; }

  bool before_nodes(uint32_t number) override {
    if (dropped_ || number < segment_) {
      return false;
    }
    Segment& segment = segments_[number];
    if (segment.copy == nullptr) {
      segment.copy = std::make_unique<Copy>();
      segment.copy->nodes.assign(segment.nodes.begin(), segment.nodes.end());
      segment.copy->held.resize(segment.nodes.size());
      segment.nodes = segment.copy->nodes;
    }
    return true;
  }

  void before_write(uint32_t number, const ListNode& node) override {
    ListNode* const ours = find(number, node);
    if (ours != nullptr) {
      POLLUX_ASSERT(!node.plain());
      const std::string_view listpack = ours->framed();
      const size_t capacity = Arena::usable(listpack.size());
      char* const block = memory_.new_outside(capacity).data;
      std::memcpy(block, listpack.data(), listpack.size());
      *ours = {block, capacity, 0, ours->count};
      hold(number, *ours);
    }
    segments_[number].copy->settled = node.block;
  }

  bool takes(uint32_t number, const ListNode& node) override {
    const ListNode* const ours = find(number, node);
    if (ours == nullptr) {
      return false;
    }
    hold(number, *ours);
    return true;
  }

 private:
  // Of nodes that are not in the list any more as they were.
  struct Copy {
    std::vector<ListNode> nodes;
    std::vector<bool> held;         // whose blocks are ours
    const char* settled = nullptr;  // a block that need not be looked for when it is written to
  };
  struct Segment {
    std::span<const ListNode> nodes;  // where they stand; at last in the copy
    std::unique_ptr<Copy> copy;
  };

  // Our note of a node whose block is the list's still and is not written yet; null if it is none.
  ListNode* find(uint32_t number, const ListNode& node) {
    Copy& copy = *segments_[number].copy;
    if (node.block == copy.settled) {
      return nullptr;
    }
    const auto first = copy.nodes.begin() + static_cast<ptrdiff_t>(number == segment_ ? node_ : 0);
    const auto found = std::find_if(first, copy.nodes.end(), [&node](const ListNode& ours) {
      return ours.block == node.block;
    });
    return found == copy.nodes.end() ? nullptr : &*found;
  }

  void hold(uint32_t number, const ListNode& ours) {
    Copy& copy = *segments_[number].copy;
    const auto i = static_cast<size_t>(&ours - copy.nodes.data());
    POLLUX_ASSERT(!copy.held[i]);
    copy.held[i] = true;
    memory_.hold(block_of(ours));
    held_bytes_ += Arena::usable(ours.capacity);
  }

  void free_if_held(Segment& segment, size_t i) {
    if (segment.copy != nullptr && segment.copy->held[i]) {
      segment.copy->held[i] = false;
      held_bytes_ -= Arena::usable(segment.nodes[i].capacity);
      memory_.free_held(block_of(segment.nodes[i]));
    }
  }

  static Entry::Outside block_of(const ListNode& node) {
    return {node.block, node.capacity, node.capacity};
  }

  // A long element piece by piece: false if that was not the last one.
  bool write_node(const ListNode& node, RdbWriter& out) {
    if (!node.plain() || node.capacity < kWalkBytesAtOnce) {
      write_rdb_list_node(node, out);
      return true;
    }
    if (written_ == 0) {
      write_rdb_plain_head(node.capacity, out);
    }
    const size_t piece = std::min(kWalkBytesAtOnce, node.capacity - written_);
    out.bytes({node.block + written_, piece});
    written_ += piece;
    if (written_ < node.capacity) {
      return false;
    }
    written_ = 0;
    return true;
  }

  // Nobody wants the rest.
  bool let_go(uint64_t until) {
    dropped_ = true;
    while (segment_ < segments_.size()) {
      Segment& segment = segments_[segment_];
      for (size_t i = 0; segment.copy != nullptr && i < segment.nodes.size(); ++i) {
        free_if_held(segment, i);
      }
      segment.copy.reset();
      ++segment_;
      if (out_of_time(until)) {
        break;
      }
    }
    return segment_ == segments_.size();
  }

  ShardMemory& memory_;
  const ReaderId id_;
  std::vector<Segment> segments_;
  size_t node_count_ = 0;
  size_t segment_ = 0;  // what is written next
  size_t node_ = 0;
  size_t written_ = 0;  // of that node
  bool begun_ = false;
  bool dropped_ = false;
  size_t held_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ValueWalk> list_walk(LargeList& list, ShardMemory& memory) {
  return std::make_unique<ListWalk>(list, memory);
}

}  // namespace pollux
