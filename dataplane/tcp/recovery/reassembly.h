// What came before its turn: payload of segments beyond a gap, in pieces that the queue owns, until
// the gap fills; and the SACK blocks that tell the peer of it (RFC 2018, 2883).
//
// A Piece is a movable owner of bytes with size(), drop_front(n) and split(n), which keeps the
// first n bytes and returns the rest. The NIC's frame is meant to be one: a handle of {frame,
// offset, length}, whose split() copies the rest to a small frame of its own (it happens only when
// a peer cuts its retransmissions otherwise), so nothing is copied on the usual way. The limits
// keep a connection from holding the receive pool: a queue at its limit refuses what comes.
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

#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

struct ReassemblyLimits {
  uint32_t bytes_max = 1U << 20;
  uint32_t segments_max = 512;
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
  ReassemblyOutcome add(Seq rcv_nxt, Seq begin, Piece piece, const ReassemblyLimits& limits);

  // Gives what follows `rcv_nxt` without a gap to sink(Piece), in order; how many bytes.
  template <typename Sink>
  uint32_t take(Seq rcv_nxt, Sink&& sink);

  // SACK blocks: the duplicate first, if one is to be told (RFC 2883 4), then that in which the
  // newest segment lies, then others from new to old (RFC 2018 4). How many; at most out.size(),
  // of which four fit a header.
  size_t sack_blocks(std::span<SeqRange> out, const std::optional<SeqRange>& dsack) const;

  // Memory is short: all goes, and no block tells of it any more (RFC 2018 8 allows it; the peer
  // learns by its timer). Bytes dropped.
  uint32_t drop_all();

  bool empty() const { return state_ == nullptr; }
  uint32_t bytes() const { return state_ ? state_->bytes : 0; }
  size_t segments() const { return state_ ? state_->items.size() : 0; }

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
    uint32_t bytes = 0;
    uint32_t stamp = 0;
  };

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
ReassemblyOutcome Reassembly<Piece>::add(Seq rcv_nxt, Seq begin, Piece piece,
                                         const ReassemblyLimits& limits) {
  ReassemblyOutcome outcome;
  outcome.dsack = duplicate_below(
      rcv_nxt, {begin, begin + static_cast<uint32_t>(piece.size())});
  if (outcome.dsack) {
    piece.drop_front(outcome.dsack->bytes());
    begin = outcome.dsack->end;
  }
  if (piece.size() == 0) {
    return outcome;
  }
  if (state_ == nullptr) {
    state_ = std::make_unique<State>();
  }
  std::vector<Item>& items = state_->items;
  const Seq end = begin + static_cast<uint32_t>(piece.size());
  Seq cursor = begin;
  // Most come behind all others, so that is looked at first.
  size_t index = items.size();
  if (index != 0 && items.back().end() > begin) {
    index = static_cast<size_t>(
        std::partition_point(items.begin(), items.end(),
                             [begin](const Item& item) { return item.end() <= begin; }) -
        items.begin());
  }
  const bool in_order = begin == rcv_nxt;
  while (cursor < end) {
    if (index < items.size() && items[index].begin <= cursor) {
      const Seq known = earlier(end, items[index].end());
      if (!outcome.dsack) {
        outcome.dsack = SeqRange{cursor, known};
      } else if (outcome.dsack->end == cursor) {
        outcome.dsack->end = known;
      }
      piece.drop_front(static_cast<size_t>(known - cursor));
      cursor = known;
      ++index;
      continue;
    }
    const Seq gap_end = index < items.size() ? earlier(end, items[index].begin) : end;
    const auto fresh = static_cast<uint32_t>(gap_end - cursor);
    if (!in_order && (items.size() >= limits.segments_max ||
                      fresh > limits.bytes_max - std::min(limits.bytes_max, state_->bytes))) {
      outcome.full = true;
      break;
    }
    Piece rest{};
    if (fresh < piece.size()) {
      rest = piece.split(fresh);
    }
    items.insert(items.begin() + static_cast<ptrdiff_t>(index), Item{cursor, std::move(piece)});
    piece = std::move(rest);
    state_->bytes += fresh;
    outcome.queued_bytes += fresh;
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
  const auto first = std::partition_point(
      ranges.begin(), ranges.end(), [&](const Range& old) { return old.range.end < range.begin; });
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
  while (count < items.size() && items[count].begin < ready.end) {
    sink(std::move(items[count++].piece));
  }
  items.erase(items.begin(), items.begin() + static_cast<ptrdiff_t>(count));
  state_->bytes -= ready.bytes();
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
  const uint32_t dropped = bytes();
  state_.reset();
  return dropped;
}

}  // namespace pollux::tcp
