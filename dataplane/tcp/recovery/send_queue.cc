#include "dataplane/tcp/recovery/send_queue.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>
#include <vector>

#include "src/base/assert.h"

namespace pollux::tcp {

SendQueue::SendQueue(SendQueue&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)),
      delivered_(other.delivered_),
      mss_(other.mss_),
      segments_max_(other.segments_max_) {}

SendQueue::~SendQueue() { free_block(block_); }

// --- The ring ------------------------------------------------------------------------------------

SendQueue::Block* SendQueue::make_block(uint32_t capacity) {
  static_assert(sizeof(Block) % alignof(Segment) == 0);
  void* const memory = ::operator new(sizeof(Block) + capacity * sizeof(Segment));
  return new (memory) Block(capacity);
}

void SendQueue::free_block(Block* block) {
  if (block != nullptr) {
    block->~Block();
    ::operator delete(block);
  }
}

void SendQueue::grow() {
  if (block_ == nullptr) {
    block_ = make_block(kFirstCapacity);
    return;
  }
  Block* const larger = make_block(block_->capacity * 2);
  const uint32_t capacity = larger->capacity;
  for (size_t i = 0; i < block_->count; ++i) {
    larger->at(i) = block_->at(i);
  }
  Block& old = *block_;
  larger->count = old.count;
  larger->outstanding = old.outstanding;
  larger->sacked = old.sacked;
  larger->lost = old.lost;
  larger->sacked_segments = old.sacked_segments;
  larger->first_original = old.first_original;
  larger->first_lost = old.first_lost;
  larger->again = std::move(old.again);
  larger->capacity = capacity;
  free_block(std::exchange(block_, larger));
}

void SendQueue::release() { free_block(std::exchange(block_, nullptr)); }

size_t SendQueue::memory_bytes() const {
  if (block_ == nullptr) {
    return 0;
  }
  return sizeof(Block) + block_->capacity * sizeof(Segment) +
         block_->again.capacity * sizeof(Retransmission);
}

bool SendQueue::sent(SeqRange range, uint8_t flags, Moment now) {
  POLLUX_ASSERT(!range.empty());
  if (is_full()) {
    return false;
  }
  if (block_ == nullptr || block_->count == block_->capacity) {
    grow();
  }
  Block& block = *block_;
  if (block.count == 0) {
    block.first_original = block.first_lost = range.begin;
    block.again.count = 0;
  } else {
    POLLUX_ASSERT(back().end() == range.begin);
  }
  block.at(block.count++) = {.begin = range.begin,
                             .bytes = range.bytes(),
                             .sent = now,
                             .delivered_before = delivered_,
                             .flags = flags};
  block.outstanding += range.bytes();
  return true;
}

// Segments are of about one size, so the search begins where `seq` would be if they were, and goes
// on in growing steps: mostly that is the place or the one beside it.
size_t SendQueue::index_of(Seq seq) const {
  Block& block = *block_;
  const auto offset = static_cast<uint32_t>(seq - front().begin);
  const size_t guess = std::min<size_t>(uint64_t{offset} * block.count / block.outstanding,
                                        block.count - 1);
  size_t low = guess;
  size_t high = guess;  // the answer is in [low, high)
  if (block.at(guess).begin <= seq) {
    for (size_t step = 1;; step *= 2) {
      high = std::min<size_t>(low + step, block.count);
      if (high == block.count || block.at(high).begin > seq) {
        break;
      }
      low = high;
    }
  } else {
    for (size_t step = 1;; step *= 2) {
      low = high - std::min(step, high);
      if (block.at(low).begin <= seq) {
        break;
      }
      high = low;
    }
  }
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (block.at(middle).begin <= seq ? low : high) = middle;
  }
  return low;
}

void SendQueue::split(size_t index, uint32_t bytes) {
  if (block_->count == block_->capacity) {
    grow();
  }
  Block& block = *block_;
  ++block.count;
  for (size_t i = block.count - 1; i > index + 1; --i) {
    block.at(i) = block.at(i - 1);
  }
  Segment& first = block.at(index);
  Segment& second = block.at(index + 1);
  POLLUX_ASSERT(bytes > 0 && bytes < first.bytes);
  second = first;
  second.begin += bytes;
  second.bytes -= bytes;
  second.flags &= static_cast<uint8_t>(~Segment::kSyn);
  first.bytes = bytes;
  first.flags &= static_cast<uint8_t>(~Segment::kFin);
  if (first.is(Segment::kSacked)) {
    ++block.sacked_segments;
  }
}

// --- Acknowledgements ----------------------------------------------------------------------------

// RFC 2883 4: the first block tells of a duplicate if it lies at or before the cumulative ACK, or
// in the second block.
std::optional<SeqRange> SendQueue::find_dsack(Seq ack, std::span<const SeqRange> sacks) {
  if (sacks.empty() || sacks[0].begin >= sacks[0].end) {
    return std::nullopt;
  }
  if (sacks[0].end <= ack) {
    return sacks[0];
  }
  if (sacks.size() > 1 && sacks[0].begin >= sacks[1].begin && sacks[0].end <= sacks[1].end &&
      sacks[1].begin > ack) {
    return sacks[0];
  }
  return std::nullopt;
}

// By rising begin. A D-SACK inside the second block says nothing new and does no harm.
SendQueue::Ranges SendQueue::valid_sacks(Seq ack, std::span<const SeqRange> sacks) const {
  Ranges valid;
  const Seq una = front().begin;
  const Seq nxt = back().end();
  for (const SeqRange& block : sacks.first(std::min(sacks.size(), kBlocksMax))) {
    if (block.begin <= later(ack, una) || block.begin >= nxt || block.end > nxt ||
        block.begin >= block.end) {
      continue;
    }
    size_t place = valid.count++;
    for (; place > 0 && block.begin < valid.of[place - 1].begin; --place) {
      valid.of[place] = valid.of[place - 1];
    }
    valid.of[place] = block;
  }
  return valid;
}

bool SendQueue::covers(SeqRange range, size_t index) {
  const Segment& segment = block_->at(index);
  if (segment.begin < range.begin) {
    const auto inside = static_cast<uint32_t>(range.begin - segment.begin);
    const uint32_t skip = (inside + mss_ - 1) / mss_ * mss_;
    const bool worth = segment.end() <= range.end || segment.begin + skip + mss_ <= range.end;
    if (skip < segment.bytes && worth && may_split()) {
      split(index, skip);
    }
    return false;
  }
  if (segment.end() > range.end) {
    const uint32_t keep = static_cast<uint32_t>(range.end - segment.begin) / mss_ * mss_;
    if (keep == 0 || !may_split()) {
      return false;
    }
    split(index, keep);
  }
  return true;
}

void SendQueue::extend_run(size_t first, Seq until, size_t steps) {
  constexpr size_t kLongWalk = 8;
  block_->at(first).delivered_before = until.value;
  if (steps < kLongWalk || !std::has_single_bit(steps)) {
    return;
  }
  // After 8, 16, 32, ... steps all of the way learns of it, so that nobody has us walk it again and
  // again from its middle.
  for (size_t i = first + 1; i < block_->count && block_->at(i).begin < until; ++i) {
    block_->at(i).delivered_before = until.value;
  }
}

void SendQueue::mark_sacked(Segment& segment) {
  if (segment.is(Segment::kLost)) {
    block_->lost -= segment.bytes;
    segment.flags &= static_cast<uint8_t>(~Segment::kLost);
  }
  segment.flags |= Segment::kSacked;
  segment.delivered_before = segment.end().value;  // sacked_until
  block_->sacked += segment.bytes;
  ++block_->sacked_segments;
}

void SendQueue::note_delivered(const Segment& segment, Moment now, bool cumulative,
                               AckOutcome& outcome, Segment& newest) {
  if (newest.bytes == 0 || segment.sent >= newest.sent) {
    newest = segment;
  }
  if (segment.is(Segment::kRetransmitted)) {
    outcome.retransmission_acked |= cumulative;
    return;
  }
  if (!outcome.original_delivered) {
    outcome.original_delivered = true;
    outcome.original_begin = segment.begin;
  }
  const int64_t rtt_ns = now - segment.sent;
  outcome.newest_rtt_ns = rtt_ns;
  // Of what was SACKed the last will do: nobody keeps such ACKs back (RFC 5681 4.2).
  if (!cumulative ? outcome.acked_bytes == 0 : outcome.rtt_ns == AckOutcome::kNoRtt) {
    outcome.rtt_ns = rtt_ns;
  }
}

// Karn. What a cumulative ACK covers beside a segment that was sent again may have waited for it.
void SendQueue::finish(Seq ack, AckOutcome& outcome) {
  if (outcome.retransmission_acked) {
    outcome.rtt_ns = outcome.newest_rtt_ns = AckOutcome::kNoRtt;
  }
  // They are not to fall behind by half the sequence space while nothing is lost.
  block_->first_original = later(block_->first_original, ack);
  block_->first_lost = later(block_->first_lost, ack);
}

void SendQueue::pop_front(uint32_t bytes) {
  Block& block = *block_;
  Segment& first = block.at(0);
  block.outstanding -= bytes;
  if (first.is(Segment::kSacked)) {
    block.sacked -= bytes;
  }
  if (first.is(Segment::kLost)) {
    block.lost -= bytes;
  }
  if (bytes < first.bytes) {
    first.begin += bytes;
    first.bytes -= bytes;
    first.flags &= static_cast<uint8_t>(~Segment::kSyn);
    return;
  }
  block.sacked_segments -= first.is(Segment::kSacked);
  block.head = (block.head + 1) & (block.capacity - 1);
  --block.count;
}

// --- Loss ----------------------------------------------------------------------------------------

void SendQueue::mark_lost(Segment& segment) {
  if (!segment.in_flight()) {
    return;
  }
  segment.flags |= Segment::kLost;
  if (block_->lost == 0 || segment.begin < block_->first_lost) {
    block_->first_lost = segment.begin;
  }
  block_->lost += segment.bytes;
}

size_t SendQueue::next_original() {
  Block& block = *block_;
  if (block.first_original >= back().end()) {
    return kNone;
  }
  size_t index = index_of(later(block.first_original, front().begin));
  for (; index < block.count; ++index) {
    const Segment& segment = block.at(index);
    if (segment.in_flight() && !segment.is(Segment::kRetransmitted)) {
      block.first_original = segment.begin;
      return index;
    }
  }
  block.first_original = back().end();
  return kNone;
}

size_t SendQueue::live_part(const Retransmission& again) const {
  const Seq begin = later(again.range.begin, front().begin);
  if (begin >= again.range.end) {
    return kNone;
  }
  for (size_t i = index_of(begin); i < block_->count; ++i) {
    const Segment& segment = block_->at(i);
    if (segment.begin >= again.range.end) {
      return kNone;
    }
    if (segment.in_flight() && segment.is(Segment::kRetransmitted) &&
        segment.sent == again.sent) {
      return i;
    }
  }
  return kNone;
}

uint32_t SendQueue::mark_all_lost() {
  const uint32_t before = lost_bytes();
  for (size_t i = 0; i < size(); ++i) {
    mark_lost(block_->at(i));
  }
  if (block_ != nullptr) {
    block_->again.count = 0;
  }
  return lost_bytes() - before;
}

uint32_t SendQueue::mark_first_lost() {
  const uint32_t before = lost_bytes();
  if (!empty()) {
    mark_lost(block_->at(0));
  }
  return lost_bytes() - before;
}

void SendQueue::unmark_lost() {
  for (size_t i = 0; i < size(); ++i) {
    Segment& segment = block_->at(i);
    if (segment.is(Segment::kLost)) {
      segment.flags &= static_cast<uint8_t>(~Segment::kLost);
      block_->lost -= segment.bytes;
    }
  }
  if (!empty()) {
    block_->first_original = front().begin;
    remember_all();
  }
}

void SendQueue::forget_sacks() {
  for (size_t i = 0; i < size(); ++i) {
    Segment& segment = block_->at(i);
    if (segment.is(Segment::kSacked)) {
      segment.flags &= static_cast<uint8_t>(~Segment::kSacked);
      block_->sacked -= segment.bytes;
      --block_->sacked_segments;
      mark_lost(segment);
    }
  }
}

// --- Sending again -------------------------------------------------------------------------------

std::optional<SendQueue::Piece> SendQueue::next_lost(uint32_t bytes_max) {
  if (lost_bytes() == 0 || bytes_max == 0) {
    return std::nullopt;
  }
  size_t index = index_of(later(block_->first_lost, front().begin));
  while (!block_->at(index).is(Segment::kLost)) {
    ++index;  // ends: something is lost, and nothing before first_lost
  }
  if (block_->at(index).bytes > bytes_max) {
    split(index, bytes_max);
  }
  const Segment& first = block_->at(index);
  block_->first_lost = first.begin;
  Piece piece{first.range(), first.flags};
  while (++index < block_->count) {
    const Segment& next = block_->at(index);
    if (!next.is(Segment::kLost) || next.bytes > bytes_max - piece.range.bytes()) {
      break;
    }
    piece.range.end = next.end();
    piece.flags |= next.flags;
  }
  piece.flags &= Segment::kSyn | Segment::kFin;
  return piece;
}

std::optional<SendQueue::Piece> SendQueue::tail(uint32_t bytes_max) {
  size_t index = size();
  while (index > 0 && block_->at(index - 1).is(Segment::kSacked)) {
    --index;
  }
  if (index == 0 || bytes_max == 0) {
    return std::nullopt;
  }
  --index;
  if (block_->at(index).bytes > bytes_max) {
    split(index, block_->at(index).bytes - bytes_max);
    ++index;
  }
  const Segment& last = block_->at(index);
  return Piece{last.range(), static_cast<uint8_t>(last.flags & (Segment::kSyn | Segment::kFin))};
}

void SendQueue::retransmitted(SeqRange range, Moment now) {
  POLLUX_ASSERT(!empty() && range.begin >= front().begin && range.end <= back().end());
  for (size_t i = index_of(range.begin); i < block_->count; ++i) {
    Segment& segment = block_->at(i);
    if (segment.begin >= range.end) {
      break;
    }
    if (segment.is(Segment::kSacked)) {
      continue;
    }
    if (segment.is(Segment::kLost)) {
      segment.flags &= static_cast<uint8_t>(~Segment::kLost);
      block_->lost -= segment.bytes;
    }
    segment.flags |= Segment::kRetransmitted;
    segment.sent = now;
    segment.delivered_before = delivered_;
  }
  remember(range, now);
}

void SendQueue::remember(SeqRange range, Moment now) {
  Retransmissions& again = block_->again;
  if (again.count == again.capacity) {
    // What became stale goes first; what is live is no more than there are segments.
    auto live = std::make_unique<Retransmission[]>(std::max<size_t>(again.capacity * 2, 4));
    uint32_t count = 0;
    for (uint32_t i = 0; i < again.count; ++i) {
      const Retransmission& old = again.items[(again.head + i) % again.capacity];
      if (live_part(old) != kNone) {
        live[count++] = old;
      }
    }
    const bool roomy = count <= again.capacity / 2 && again.capacity != 0;
    again.capacity = roomy ? again.capacity : std::max<uint32_t>(again.capacity * 2, 4);
    again.items = std::move(live);
    again.head = 0;
    again.count = count;
  }
  again.items[(again.head + again.count) % again.capacity] = {range, now};
  ++again.count;
}

void SendQueue::remember_all() {
  std::vector<Retransmission> live;
  for (size_t i = 0; i < size(); ++i) {
    const Segment& segment = block_->at(i);
    if (segment.in_flight() && segment.is(Segment::kRetransmitted)) {
      live.push_back({segment.range(), segment.sent});
    }
  }
  std::stable_sort(live.begin(), live.end(), [](const auto& a, const auto& b) {
    return a.sent < b.sent;
  });
  block_->again.count = 0;
  for (const Retransmission& one : live) {
    remember(one.range, one.sent);
  }
}

}  // namespace pollux::tcp
