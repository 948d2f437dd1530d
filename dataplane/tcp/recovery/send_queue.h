// What was sent and is not yet acknowledged: the segments in order, and of each whether the peer
// has it (SACK, RFC 2018), whether it is lost, when it was sent. It holds no payload.
//
// The segments stand without gaps from SND.UNA to SND.NXT in one ring, so one is found by a binary
// search and acknowledged by moving the head. A segment may be longer than an MSS (TSO); a SACK
// edge or a retransmission inside it splits it. When all is acknowledged the ring is given
// back, at the latest when the turn ends.
//
// The peer is not believed:
//  * SACK blocks count only if they begin after both its own ACK and SND.UNA and end at SND.NXT or
//    before; of more than four the rest is not looked at.
//  * An edge inside a segment counts at whole MSS from the segment's start, rounded inwards, so no
//    series of blocks can cut what is outstanding to crumbs.
//  * Reneging (RFC 2018 8) is told by one thing: an ACK that ends where SACKed data begins. A
//    receiver that still holds it would acknowledge it. Blocks that are merely absent say nothing,
//    since an option has room for three or four.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "dataplane/tcp/recovery/segment.h"
#include "src/base/prefetch.h"

namespace pollux::tcp {

// What one ACK has said.
struct AckOutcome {
  static constexpr int64_t kNoRtt = -1;

  uint32_t acked_bytes = 0;   // by the cumulative ACK, but for those SACKed before
  uint32_t sacked_bytes = 0;  // by its SACK blocks, new
  uint32_t delivered_bytes() const { return acked_bytes + sacked_bytes; }
  // From sending the newest of them to now so much was delivered: a sample of pipeACK (RFC 7661).
  uint32_t delivered_in_rtt_bytes = 0;
  // Of segments sent once (Karn). The first acknowledged: with the peer's delay in it, for the RTO.
  int64_t rtt_ns = kNoRtt;
  int64_t newest_rtt_ns = kNoRtt;  // The last: for the smallest RTT.
  std::optional<SeqRange> dsack;   // arrived twice (RFC 2883)
  bool invalid = false;  // acknowledges what was never sent; nothing was changed
  bool una_advanced = false;
  bool retransmission_acked = false;  // something that was sent again, by the cumulative ACK
  bool original_delivered = false;    // something that was sent only once; the first such is at
  Seq original_begin{};
};

class SendQueue {
 public:
  // Sending and SACK blocks make at most `segments_max` segments. Splits for sending again come on
  // top, one for each next_lost() or tail(); so ask for an MSS, not for what a window has left.
  explicit SendQueue(uint16_t mss, uint16_t segments_max = 4096)
      : mss_(mss), segments_max_(segments_max) {}
  SendQueue(SendQueue&& other) noexcept;
  SendQueue& operator=(SendQueue&&) = delete;
  ~SendQueue();

  void set_mss(uint16_t mss) { mss_ = mss; }  // of what is split from now on
  uint32_t mss() const { return mss_; }

  // A segment has gone out: the range follows what is outstanding and is not empty; `flags`: kSyn,
  // kFin. False: there are segments_max, so it must not be sent; wait for an ACK.
  bool sent(SeqRange range, uint8_t flags, Moment now);

  // Takes an ACK. Calls delivered(const Segment&) for each segment or part of one that it newly
  // acknowledges or SACKs, by rising sequence number, as it was before.
  template <typename Delivered>
  AckOutcome on_ack(Seq ack, std::span<const SeqRange> sacks, Moment now, Delivered&& delivered);
  AckOutcome on_ack(Seq ack, std::span<const SeqRange> sacks, Moment now) {
    return on_ack(ack, sacks, now, [](const Segment&) {});
  }

  // Whether there is one segment that went out once, and nothing was said of it: a reply.
  bool is_one_plain() const {
    return block_ != nullptr && block_->count == 1 && front().flags == 0;
  }
  // That one, which on_ack() would take by an ACK of all. A ring of few stays until rest(), for the
  // next one.
  Segment take_one_plain() {
    const Segment segment = front();
    delivered_ += segment.bytes;
    pop_front(segment.bytes);
    if (large_bytes() != 0) {
      release();
    }
    return segment;
  }
  // At the end of a turn: an idle connection keeps nothing. Its ring would be 160 bytes of 904.
  void rest() {
    if (block_ != nullptr && block_->count == 0) {
      release();
    }
  }

  // In the order in which they were sent the last time (of equal times: of sequence numbers), first
  // those sent once, then those sent again: judge(const Segment&) for each that is in flight; true:
  // it is lost; false: leave this one and the later ones of its kind. Bytes marked lost. Segments
  // that came to nothing are passed once, not with each call.
  template <typename Judge>
  uint32_t mark_lost_by_time(Judge&& judge);
  // All that is in flight / the first segment, unless SACKed. Bytes marked.
  uint32_t mark_all_lost();
  uint32_t mark_first_lost();
  // The loss was none (undo): what is marked and not sent again is in flight.
  void unmark_lost();
  // The peer has dropped what it had SACKed. To be asked when the retransmission timer expires: on
  // each ACK, a peer could have us go through all that is outstanding with every packet of its.
  bool reneged() const { return !empty() && front().is(Segment::kSacked); }
  // After that: nothing is SACKed, all that was is lost.
  void forget_sacks();

  // The next piece to send again, at most `bytes_max` long: the first lost segments, as many as fit
  // and stand side by side; the first is split if it is longer. Nothing if none is lost.
  struct Piece {
    SeqRange range;
    uint8_t flags = 0;  // kSyn, kFin
  };
  std::optional<Piece> next_lost(uint32_t bytes_max);
  // The end, at most `bytes_max`, of the last segment that is not SACKed, for a loss probe; nothing
  // if there is none.
  std::optional<Piece> tail(uint32_t bytes_max);
  // Such a piece has gone out again.
  void retransmitted(SeqRange range, Moment now);

  bool empty() const { return size() == 0; }
  // sent() would say no.
  bool is_full() const { return size() >= segments_max_; }
  size_t size() const { return block_ ? block_->count : 0; }
  // By rising sequence number. Requires index < size().
  const Segment& operator[](size_t index) const { return block_->at(index); }
  const Segment& front() const { return block_->at(0); }
  const Segment& back() const { return block_->at(block_->count - 1); }

  uint32_t outstanding_bytes() const { return block_ ? block_->outstanding : 0; }
  uint32_t sacked_bytes() const { return block_ ? block_->sacked : 0; }
  uint32_t lost_bytes() const { return block_ ? block_->lost : 0; }
  uint32_t sacked_segments() const { return block_ ? block_->sacked_segments : 0; }
  // What is thought to be in the network (RFC 6675 pipe), each byte once.
  uint32_t pipe_bytes() const { return outstanding_bytes() - sacked_bytes() - lost_bytes(); }
  // Bytes delivered ever, modulo 2^32.
  uint32_t delivered() const { return delivered_; }

  size_t memory_bytes() const;
  // The same if it is more than the few segments that a request and its answer need, else 0.
  size_t large_bytes() const {
    const bool is_large =
        block_ != nullptr && (block_->capacity > kFirstCapacity || block_->again.capacity != 0);
    return is_large ? memory_bytes() : 0;
  }
  // Asks for what on_ack() looks at first, of a short queue.
  void prefetch() const {
    if (block_ != nullptr) {
      pollux::prefetch(block_);
      pollux::prefetch(block_ + 1);
    }
  }

 private:
  static constexpr uint32_t kFirstCapacity = 4;  // 96 bytes: a request and its answer need one
  static constexpr size_t kBlocksMax = 4;        // of a SACK option
  static constexpr size_t kNone = SIZE_MAX;

  struct Ranges {
    SeqRange of[kBlocksMax];
    size_t count = 0;
  };
  // What went out again, in the order of time. Stale where its segments are sacked, lost or gone.
  struct Retransmission {
    SeqRange range;
    Moment sent;
  };
  struct Retransmissions {
    std::unique_ptr<Retransmission[]> items;
    uint32_t capacity = 0;
    uint32_t head = 0;
    uint32_t count = 0;
  };
  // Header of the ring, which stands behind it.
  struct Block {
    uint32_t capacity;  // a power of two
    uint32_t head = 0;
    uint32_t count = 0;
    uint32_t outstanding = 0;
    uint32_t sacked = 0;
    uint32_t lost = 0;
    uint32_t sacked_segments = 0;
    Seq first_original;   // before it nothing is in flight that was sent once
    Seq first_lost;       // before it nothing is lost
    Retransmissions again;

    explicit Block(uint32_t wanted) : capacity(wanted) {}
    Segment& at(size_t index) {
      return reinterpret_cast<Segment*>(this + 1)[(head + index) & (capacity - 1)];
    }
  };

  static Block* make_block(uint32_t capacity);
  static void free_block(Block* block);

  void grow();
  void release();
  // The segment that holds `seq`. Requires that it is outstanding.
  size_t index_of(Seq seq) const;
  // Cuts a segment in two after `bytes` of it (0 < bytes < its length).
  void split(size_t index, uint32_t bytes);
  bool may_split() const { return block_->count < segments_max_; }

  Ranges valid_sacks(Seq ack, std::span<const SeqRange> sacks) const;
  static std::optional<SeqRange> find_dsack(Seq ack, std::span<const SeqRange> sacks);
  // Whether the range covers this segment, which is not SACKed, as the rules above say. Splits it
  // where the range begins or ends: then it is the part before, not covered, or the one covered.
  bool covers(SeqRange range, size_t index);
  // Of a SACKed segment: up to there all is SACKed.
  static Seq sacked_until(const Segment& segment) { return {segment.delivered_before}; }
  // What begins at `first` is SACKed up to `until`; the walk of it has made that many steps.
  void extend_run(size_t first, Seq until, size_t steps);
  size_t index_after(Seq seq) const { return seq < back().end() ? index_of(seq) : block_->count; }
  void mark_sacked(Segment& segment);
  void mark_lost(Segment& segment);
  // Notes of one delivered segment; `newest` of those before.
  static void note_delivered(const Segment& segment, Moment now, bool cumulative,
                             AckOutcome& outcome, Segment& newest);
  void finish(Seq ack, AckOutcome& outcome);
  // Takes the first `bytes` of the first segment out; all of it, if it is not longer.
  void pop_front(uint32_t bytes);
  template <typename Visit>
  void acknowledge(Seq ack, AckOutcome& outcome, Visit&& visit);
  template <typename Visit>
  void sack(SeqRange range, Visit&& visit);
  // The first segment in flight that was sent once, or kNone; from then on it is known.
  size_t next_original();
  // The next segment of a retransmission that is still in flight as it says.
  size_t live_part(const Retransmission& again) const;
  void remember(SeqRange range, Moment now);
  void remember_all();  // anew, from the segments

  Block* block_ = nullptr;
  uint32_t delivered_ = 0;
  uint16_t mss_;
  uint16_t segments_max_;
};
static_assert(sizeof(SendQueue) == 16);

template <typename Visit>
void SendQueue::acknowledge(Seq ack, AckOutcome& outcome, Visit&& visit) {
  while (block_->count != 0 && front().begin < ack) {
    Segment part = front();
    if (part.end() > ack) {
      part.bytes = static_cast<uint32_t>(ack - part.begin);
      part.flags &= static_cast<uint8_t>(~Segment::kFin);
    }
    if (!part.is(Segment::kSacked)) {
      outcome.acked_bytes += part.bytes;
      delivered_ += part.bytes;
      visit(static_cast<const Segment&>(part), true);
    }
    pop_front(part.bytes);
    outcome.una_advanced = true;
  }
}

// Runs of SACKed segments are jumped over, so a block that grows by a segment with each ACK costs a
// segment and not its length, whatever else the peer mixes in.
template <typename Visit>
void SendQueue::sack(SeqRange range, Visit&& visit) {
  size_t first = kNone;  // of the run that the walk is in
  size_t steps = 0;
  for (size_t i = index_of(range.begin); i < block_->count && block_->at(i).begin < range.end;) {
    if (!block_->at(i).is(Segment::kSacked)) {
      if (!covers(range, i)) {
        first = kNone;
        ++i;
        continue;
      }
      Segment& segment = block_->at(i);
      visit(static_cast<const Segment&>(segment), false);
      delivered_ += segment.bytes;
      mark_sacked(segment);
    }
    if (first == kNone) {
      first = i;
      steps = 0;
    }
    const Seq until = sacked_until(block_->at(i));
    extend_run(first, until, ++steps);
    i = until == block_->at(i).end() ? i + 1 : index_after(until);
  }
}

template <typename Delivered>
AckOutcome SendQueue::on_ack(Seq ack, std::span<const SeqRange> sacks, Moment now,
                             Delivered&& delivered) {
  AckOutcome outcome;
  if (!empty() && ack > back().end()) {
    outcome.invalid = true;
    return outcome;
  }
  outcome.dsack = find_dsack(ack, sacks);
  if (empty()) {
    return outcome;
  }
  Segment newest;
  const auto visit = [&](const Segment& segment, bool cumulative) {
    note_delivered(segment, now, cumulative, outcome, newest);
    delivered(segment);
  };
  acknowledge(ack, outcome, visit);
  const uint32_t after_cumulative = delivered_;
  if (!empty()) {
    const Ranges blocks = valid_sacks(ack, sacks);
    for (size_t i = 0; i < blocks.count; ++i) {
      sack(blocks.of[i], visit);
    }
  }
  outcome.sacked_bytes = delivered_ - after_cumulative;
  finish(ack, outcome);
  if (newest.bytes != 0) {
    outcome.delivered_in_rtt_bytes = delivered_ - newest.delivered_before;
  }
  rest();
  return outcome;
}

template <typename Judge>
uint32_t SendQueue::mark_lost_by_time(Judge&& judge) {
  if (empty()) {
    return 0;
  }
  const uint32_t lost_before = block_->lost;
  size_t index;
  while ((index = next_original()) != kNone) {
    Segment& segment = block_->at(index);
    if (!judge(static_cast<const Segment&>(segment))) {
      break;
    }
    mark_lost(segment);
  }
  Retransmissions& again = block_->again;
  while (again.count != 0) {
    const Retransmission& oldest = again.items[again.head];
    index = live_part(oldest);
    if (index == kNone) {
      again.head = again.head + 1 == again.capacity ? 0 : again.head + 1;
      --again.count;
      continue;
    }
    Segment& segment = block_->at(index);
    if (!judge(static_cast<const Segment&>(segment))) {
      break;
    }
    mark_lost(segment);
  }
  return block_->lost - lost_before;
}

}  // namespace pollux::tcp
