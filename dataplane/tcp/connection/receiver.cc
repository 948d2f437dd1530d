#include "dataplane/tcp/connection/receiver.h"

#include <algorithm>
#include <utility>

namespace pollux::tcp {

Receiver::Receiver(const ReceiverConfig& config, Seq next, uint8_t shift, uint32_t window)
    : nxt_(next), policy_(config.ack), window_(next + window, shift) {}

bool Receiver::is_acceptable(Seq seq, uint32_t length) const {
  const Seq edge = later(window_.edge(), nxt_);
  if (length == 0) {
    return edge == nxt_ ? seq == nxt_ : nxt_ <= seq && seq < edge;
  }
  // Of a window that is shut nothing is: also not what begins before it and ends in it.
  return edge != nxt_ && seq < edge && seq + length > nxt_;
}

void Receiver::on_segment(const ReceiverConfig& config, const Segment& segment, uint32_t mss,
                          Moment now, Arrived& arrived) {
  const bool ce_changed = segment.ce != ce_;
  ce_ = segment.ce;
  Bytes payload = segment.payload;
  Seq begin = segment.seq;
  const Seq end = begin + static_cast<uint32_t>(payload.size());
  // What lies beyond the window is cut off, and a FIN there with it.
  const Seq edge = later(window_.edge(), nxt_);
  // Nor does an end count before what the peer has sent already.
  const bool fin = segment.fin && !fin_known_ && end < edge &&
                   (odd_ == nullptr || !odd_->held.reaches_beyond(end));
  if (end > edge) {
    payload = payload.first(static_cast<size_t>(std::max(edge - begin, 0)));
  }
  if (fin_known_ && begin + static_cast<uint32_t>(payload.size()) > fin_at_) {
    payload = payload.first(static_cast<size_t>(std::max(fin_at_ - begin, 0)));  // behind the FIN
  }
  const auto bytes = static_cast<uint32_t>(payload.size());
  if (fin) {
    fin_at_ = end;
    fin_known_ = true;
  }
  const bool had_gap = odd_ != nullptr && !odd_->held.empty();
  const bool in_order = begin <= nxt_ && begin + bytes > nxt_;
  const bool only_fin = bytes == 0 && fin && begin == nxt_;
  if (!had_gap && in_order) {
    if (const std::optional<SeqRange> twice = duplicate_below(nxt_, {begin, begin + bytes})) {
      note_dsack(twice);
      payload = payload.subspan(twice->bytes());
    }
    append(payload, arrived);
  } else if (bytes != 0) {
    Reassembly<HeldBytes>& held = odd().held;
    const ReassemblyOutcome outcome = held.add(nxt_, begin, payload, config.reassembly);
    note_dsack(outcome.dsack);
    const uint32_t taken =
        held.take(nxt_, [&arrived](HeldBytes piece) { arrived.held.push_back(std::move(piece)); });
    nxt_ += taken;
    unread_ += taken;
    forget_odd();
  }
  take_fin(arrived);
  policy_.on_segment({.bytes = bytes,
                      .push = segment.push,
                      .fin = segment.fin,
                      .out_of_order = !in_order && !only_fin,
                      .fills_gap = had_gap && in_order,
                      .ce_changed = ce_changed},
                     mss, now, config.ack);
}

void Receiver::take_fin(Arrived& arrived) {
  if (fin_known_ && !fin_taken_ && nxt_ == fin_at_) {
    fin_taken_ = true;
    arrived.fin = true;
    nxt_ += 1;
  }
}

uint32_t Receiver::drop_held() {
  const uint32_t dropped = odd_ == nullptr ? 0 : odd_->held.drop_all();
  odd_.reset();
  return dropped;
}

}  // namespace pollux::tcp
