// What came before its turn: payload of segments beyond a gap, in pieces that the queue owns, until
// the gap fills; and the SACK blocks that tell the peer of it (RFC 2018, 2883).
//
// A Piece owns a copy of bytes: Piece(Bytes), movable, size(), memory_bytes() and, of one that is
// not made yet, memory_of(bytes). Only what is new is copied, each piece to memory of its own, so
// that no byte keeps more alive than it is charged for. The limits count what a piece costs and not
// what it brings: 512 single bytes cost 53 KB. A queue at a limit refuses what comes.
//
// Of bytes that came twice the first ones stay. An idle connection holds a pointer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

struct ReassemblyLimits {
  uint32_t memory_bytes_max = 1U << 20;
  uint32_t segments_max = 512;
  // So many pieces may stand alone, with gaps between them; at least 1. That also bounds what one
  // segment over all of them costs. A window of 256 KiB whose every second segment of 1460 bytes
  // was lost has 90.
  uint32_t ranges_max = 128;
};

struct ReassemblyOutcome {
  uint32_t queued_bytes = 0;
  bool full = false;              // a limit was reached: some of it was dropped and will come again
  std::optional<SeqRange> dsack;  // the first bytes that were here already (RFC 2883 4)
};

template <typename Piece>
class Reassembly {
 public:
  // A segment that is not in order, or any as long as the queue is not empty: what is in order
  // leaves with take(), and no limit refuses it. Requires that it lies in the receive window.
  ReassemblyOutcome add(Seq rcv_nxt, Seq begin, Bytes bytes, const ReassemblyLimits& limits);

  // Gives what follows `rcv_nxt` without a gap to sink(Piece), in order; how many bytes.
  template <typename Sink>
  uint32_t take(Seq rcv_nxt, Sink&& sink);

  // SACK blocks: the duplicate first, if one is to be told (RFC 2883 4), then that in which the
  // newest segment lies, then others from new to old (RFC 2018 4). How many; at most out.size(),
  // of which four fit a header.
  size_t sack_blocks(std::span<SeqRange> out, const std::optional<SeqRange>& dsack) const;
  // Whether there is something behind that place.
  bool reaches_beyond(Seq seq) const {
    return state_ != nullptr && state_->ranges.back().range.end > seq;
  }

  // Memory is short: all goes, and no block tells of it any more (RFC 2018 8 allows it; the peer
  // learns by its timer). How much memory that was.
  uint32_t drop_all();

  bool empty() const { return state_ == nullptr; }
  // All that the pieces take, and their places here.
  uint32_t memory_bytes() const { return state_ ? state_->memory_bytes : 0; }
  size_t segments() const { return state_ ? state_->items.size() : 0; }
  // What a piece costs beside its own memory: an item, and at worst a range, in vectors that are
  // half full.
  static constexpr size_t place_bytes() {
    return 2 * (sizeof(Item) + sizeof(Range)) - sizeof(Piece);
  }

 private:
  struct Item {
    Seq begin;
    Piece piece;
    Seq end() const { return begin + static_cast<uint32_t>(piece.size()); }
  };
  struct Range {
    SeqRange range;
    uint32_t stamp;  // of the newest segment in it
  };
  struct State {
    std::vector<Item> items;    // by rising begin, without overlap
    std::vector<Range> ranges;  // what they cover, by rising begin; none touch
    uint32_t memory_bytes = 0;
    uint32_t stamp = 0;
  };

  static uint32_t cost_of(size_t piece_bytes) {
    return static_cast<uint32_t>(piece_bytes + place_bytes());
  }
  // The first range that ends at `begin` or behind it.
  auto first_range_to(Seq begin) {
    std::vector<Range>& ranges = state_->ranges;
    return std::partition_point(ranges.begin(), ranges.end(),
                                [begin](const Range& old) { return old.range.end < begin; });
  }
  bool touches(SeqRange range) {
    const auto nearest = first_range_to(range.begin);
    return nearest != state_->ranges.end() && nearest->range.begin <= range.end;
  }
  void cover(SeqRange range);

  std::unique_ptr<State> state_;
};

// What of a segment was received before because it is below RCV.NXT: the D-SACK of one that comes
// again after it was taken (RFC 2883 4.1.1).
constexpr std::optional<SeqRange> duplicate_below(Seq rcv_nxt, SeqRange segment) {
  if (segment.begin >= rcv_nxt || segment.empty()) {
    return std::nullopt;
  }
  return SeqRange{segment.begin, earlier(segment.end, rcv_nxt)};
}

template <typename Piece>
ReassemblyOutcome Reassembly<Piece>::add(Seq rcv_nxt, Seq begin, Bytes bytes,
                                         const ReassemblyLimits& limits) {
  ReassemblyOutcome outcome;
  const Seq end = begin + static_cast<uint32_t>(bytes.size());
  outcome.dsack = duplicate_below(rcv_nxt, {begin, end});
  if (outcome.dsack) {
    bytes = bytes.subspan(outcome.dsack->bytes());
    begin = outcome.dsack->end;
  }
  if (bytes.empty()) {
    return outcome;
  }
  if (state_ == nullptr) {
    state_ = std::make_unique<State>();
  }
  std::vector<Item>& items = state_->items;
  const bool in_order = begin == rcv_nxt;
  if (!in_order && state_->ranges.size() >= limits.ranges_max && !touches({begin, end})) {
    outcome.full = true;
    return outcome;
  }
  Seq cursor = begin;
  // Most come behind all others, so that is looked at first.
  size_t index = items.size();
  if (index != 0 && items.back().end() > begin) {
    index = static_cast<size_t>(
        std::partition_point(items.begin(), items.end(),
                             [begin](const Item& item) { return item.end() <= begin; }) -
        items.begin());
  }
  while (cursor < end) {
    if (index < items.size() && items[index].begin <= cursor) {
      const Seq known = earlier(end, items[index].end());
      if (!outcome.dsack) {
        outcome.dsack = SeqRange{cursor, known};
      } else if (outcome.dsack->end == cursor) {
        outcome.dsack->end = known;
      }
      cursor = known;
      ++index;
      continue;
    }
    const Seq gap_end = index < items.size() ? earlier(end, items[index].begin) : end;
    const SeqRange fresh{cursor, gap_end};
    const uint32_t cost = cost_of(Piece::memory_of(fresh.bytes()));
    if (!in_order &&
        (items.size() >= limits.segments_max ||
         cost > limits.memory_bytes_max - std::min(limits.memory_bytes_max, memory_bytes()))) {
      outcome.full = true;
      break;
    }
    const auto offset = static_cast<size_t>(cursor - begin);
    items.insert(items.begin() + static_cast<ptrdiff_t>(index),
                 Item{cursor, Piece(bytes.subspan(offset, fresh.bytes()))});
    state_->memory_bytes += cost;
    outcome.queued_bytes += fresh.bytes();
    cursor = gap_end;
    ++index;
  }
  if (cursor != begin) {
    cover({begin, cursor});
  } else if (items.empty()) {
    state_.reset();
  }
  return outcome;
}

// All of `range` is held now, and was what came last.
template <typename Piece>
void Reassembly<Piece>::cover(SeqRange range) {
  std::vector<Range>& ranges = state_->ranges;
  const auto first = first_range_to(range.begin);
  auto last = first;
  for (; last != ranges.end() && last->range.begin <= range.end; ++last) {
    range = {earlier(range.begin, last->range.begin), later(range.end, last->range.end)};
  }
  const Range merged{range, ++state_->stamp};
  if (first == last) {
    ranges.insert(first, merged);
    return;
  }
  *first = merged;
  ranges.erase(first + 1, last);
}

template <typename Piece>
template <typename Sink>
uint32_t Reassembly<Piece>::take(Seq rcv_nxt, Sink&& sink) {
  if (state_ == nullptr || state_->ranges.front().range.begin != rcv_nxt) {
    return 0;
  }
  const SeqRange ready = state_->ranges.front().range;
  state_->ranges.erase(state_->ranges.begin());
  std::vector<Item>& items = state_->items;
  size_t count = 0;
  for (; count < items.size() && items[count].begin < ready.end; ++count) {
    state_->memory_bytes -= cost_of(items[count].piece.memory_bytes());
    sink(std::move(items[count].piece));
  }
  items.erase(items.begin(), items.begin() + static_cast<ptrdiff_t>(count));
  if (items.empty()) {
    state_.reset();
  }
  return ready.bytes();
}

template <typename Piece>
size_t Reassembly<Piece>::sack_blocks(std::span<SeqRange> out,
                                      const std::optional<SeqRange>& dsack) const {
  size_t fixed = 0;
  if (dsack && !out.empty()) {
    out[fixed++] = *dsack;
  }
  if (state_ == nullptr) {
    return fixed;
  }
  // The newest so far, in order; stamps of the blocks in `out`.
  constexpr size_t kBlocksMax = 4;
  uint32_t stamps[kBlocksMax];
  const size_t end = std::min(out.size(), kBlocksMax);
  size_t count = fixed;
  for (const Range& range : state_->ranges) {
    size_t place = count;
    while (place > fixed && static_cast<int32_t>(range.stamp - stamps[place - 1]) > 0) {
      --place;
    }
    if (place >= end) {
      continue;
    }
    count = std::min(count + 1, end);
    for (size_t i = count - 1; i > place; --i) {
      out[i] = out[i - 1];
      stamps[i] = stamps[i - 1];
    }
    out[place] = range.range;
    stamps[place] = range.stamp;
  }
  return count;
}

template <typename Piece>
uint32_t Reassembly<Piece>::drop_all() {
  const uint32_t dropped = memory_bytes();
  state_.reset();
  return dropped;
}

}  // namespace pollux::tcp
