// The receiving half of a connection: what is next, what came before its turn, the window that is
// offered, and when the peer is to be told. It copies nothing that comes in order.
//
// Who reads takes what arrived at once, or lets the window fill: unread() says how much is not done
// with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/tcp/connection/held_bytes.h"
#include "dataplane/tcp/recovery/ack_policy.h"
#include "dataplane/tcp/recovery/on_demand.h"
#include "dataplane/tcp/recovery/reassembly.h"
#include "dataplane/tcp/recovery/receive_window.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

struct ReceiverConfig {
  AckConfig ack;
  ReassemblyLimits reassembly;
  uint32_t buffer_bytes = 256U << 10;  // the widest window
};

// What a segment brought, in order: first what stands in its frame, then what had been held. Kept
// by the caller and used again, so that nothing is allocated in order.
struct Arrived {
  Bytes in_frame;
  std::vector<HeldBytes> held;
  bool fin = false;  // the peer sends no more

  bool empty() const { return in_frame.empty() && held.empty(); }
  void clear() {
    in_frame = {};
    held.clear();
    fin = false;
  }
};

class Receiver {
 public:
  // Of a connection that has not heard of its peer.
  Receiver() : policy_(AckConfig{}), window_(Seq{}, 0) {}
  // `next`: behind the peer's SYN. `shift` as we told it in ours; `window`: as our SYN or SYN-ACK
  // offered it, not scaled.
  Receiver(const ReceiverConfig& config, Seq next, uint8_t shift, uint32_t window);

  // RFC 9293 3.10.7.4, first step: whether any of it lies in the window.
  bool is_acceptable(Seq seq, uint32_t length) const;
  // It would be next, but the window is shut: what it acknowledges counts.
  bool is_shut_to(Seq seq, uint32_t length) const {
    return window_bytes() == 0 && seq <= nxt_ && seq + length > nxt_;
  }

  struct Segment {
    Seq seq;  // of the payload's first byte
    Bytes payload;
    bool fin = false;
    bool push = false;
    bool ce = false;  // congestion experienced
  };
  // Requires that it is acceptable, and that `arrived` is empty. What it brings is unread from then
  // on.
  void on_segment(const ReceiverConfig& config, const Segment& segment, uint32_t mss, Moment now,
                  Arrived& arrived);
  // The payload of a segment without a mark, and all of it is what is next, as it mostly is.
  bool is_just_next(Seq seq, size_t bytes) const {
    return seq == nxt_ && bytes != 0 && bytes <= window_bytes() && odd_ == nullptr &&
           !fin_known_ && !ce_;
  }
  // What on_segment() does with such a one; its payload is what arrived.
  void on_next(const ReceiverConfig& config, uint32_t bytes, bool push, uint32_t mss, Moment now) {
    nxt_ += bytes;
    unread_ += bytes;
    policy_.on_segment({.bytes = bytes, .push = push}, mss, now, config.ack);
  }
  // A segment that had arrived before, all of it: the peer is to know (RFC 2883 4.1.1).
  void note_duplicate(Seq seq, uint32_t bytes) {
    note_dsack(duplicate_below(nxt_, {seq, seq + bytes}));
  }
  // The application is done with so much.
  void read(uint32_t bytes) { unread_ -= bytes; }
  uint32_t unread_bytes() const { return unread_; }

  // ---- acknowledging; asked when the application has run ----
  void want_ack() { policy_.want_now(); }
  AckPolicy::Decision decide(const ReceiverConfig& config, uint32_t mss, Moment now) const;
  // Of an ACK that may wait; kNever if none does.
  Moment deadline() const { return policy_.deadline(); }
  // How many ACKs to send, if there is one to send.
  unsigned acks_owed(bool sack) const;
  struct Acknowledgement {
    Seq ack;
    uint16_t window = 0;  // as in the header
  };
  // What the next segment says; it goes out now, or nothing of this is true.
  Acknowledgement acknowledge(const ReceiverConfig& config, uint32_t mss);
  size_t sack_blocks(std::span<SeqRange> out) const {
    return odd_ == nullptr ? 0 : odd_->held.sack_blocks(out, odd_->dsack);
  }
  bool has_sack_blocks() const { return odd_ != nullptr; }
  void on_duplicate_sent() { policy_.on_duplicate_sent(); }
  // A segment with that went out.
  void on_ack_sent() {
    policy_.on_ack_sent();
    if (odd_ != nullptr) [[unlikely]] {
      odd_->dsack.reset();
      forget_odd();
    }
  }

  Seq nxt() const { return nxt_; }  // RCV.NXT
  bool fin_received() const { return fin_taken_; }
  uint32_t window_bytes() const { return window_.offered_bytes(nxt_); }
  bool last_was_marked() const { return ce_; }
  // Of what came before its turn: the memory that it takes.
  uint32_t held_bytes() const { return odd_ == nullptr ? 0 : odd_->held.memory_bytes(); }
  // Of the block that few have: the same, beside what it holds.
  uint32_t block_bytes() const { return odd_.memory_bytes(); }
  // Memory is short: it is forgotten (RFC 2018 8). How much that was.
  uint32_t drop_held();

 private:
  // What is there while something came before its turn, or twice and the peer was not told.
  struct Odd {
    Reassembly<HeldBytes> held;
    std::optional<SeqRange> dsack;
  };

  Odd& odd() { return odd_.made(); }
  void forget_odd() {
    if (odd_ != nullptr && odd_->held.empty() && !odd_->dsack) {
      odd_.reset();
    }
  }
  void note_dsack(const std::optional<SeqRange>& twice) {
    if (twice) {
      odd().dsack = twice;
    }
  }
  ReceiveWindow::Room room(const ReceiverConfig& config, uint32_t mss) const;
  void append(Bytes payload, Arrived& arrived) {
    arrived.in_frame = payload;
    nxt_ += static_cast<uint32_t>(payload.size());
    unread_ += static_cast<uint32_t>(payload.size());
  }
  void take_fin(Arrived& arrived);

  // Without an address of its own what is smaller stands in the padding behind it.
  Seq nxt_;
  uint32_t unread_ = 0;
  OnDemand<Odd> odd_;
  [[no_unique_address]] AckPolicy policy_;
  bool fin_known_ : 1 = false;
  bool fin_taken_ : 1 = false;
  bool ce_ : 1 = false;  // of the last segment
  Seq fin_at_{};         // of a FIN that came before its turn, or was taken
  [[no_unique_address]] ReceiveWindow window_;
};
static_assert(sizeof(Receiver) == 48);

inline ReceiveWindow::Room Receiver::room(const ReceiverConfig& config, uint32_t mss) const {
  return {.free_bytes = config.buffer_bytes - std::min(unread_, config.buffer_bytes),
          .buffer_bytes = config.buffer_bytes,
          .mss = mss};
}

inline AckPolicy::Decision Receiver::decide(const ReceiverConfig& config, uint32_t mss,
                                            Moment now) const {
  const AckPolicy::Decision decision = policy_.decide(now);
  if (decision != AckPolicy::Decision::kNow && !fin_taken_ &&
      window_.update_due(nxt_, room(config, mss))) {
    return AckPolicy::Decision::kNow;
  }
  return decision;
}

inline unsigned Receiver::acks_owed(bool sack) const {
  return sack ? 1 : std::max<unsigned>(policy_.duplicates_owed(), 1);
}

inline Receiver::Acknowledgement Receiver::acknowledge(const ReceiverConfig& config, uint32_t mss) {
  return {.ack = nxt_, .window = window_.offer(nxt_, room(config, mss))};
}

}  // namespace pollux::tcp
