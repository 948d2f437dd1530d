#include "dataplane/tcp/recovery/rack.h"

#include <algorithm>

namespace pollux::tcp {

void Rack::on_delivered(const Segment& segment, Moment now, Moment ts_echo, int64_t min_rtt_ns) {
  // Step 3: one that never went out again has arrived after a later one.
  if (segment.end() > fack_) {
    fack_ = segment.end();
  } else if (segment.end() < fack_ && !segment.is(Segment::kRetransmitted)) {
    reordering_seen_ = true;
  }
  // Step 2: the ACK of one that was sent again may be of an earlier transmission.
  const int64_t rtt_ns = now - segment.sent;
  if (segment.is(Segment::kRetransmitted)) {
    const bool echoes_earlier = ts_echo != kNever && ts_echo < segment.sent;
    if (echoes_earlier || rtt_ns < min_rtt_ns) {
      return;
    }
  }
  rtt_ns_ = rtt_ns;
  if (sent_after(segment.sent, segment.end(), xmit_, end_seq_)) {
    xmit_ = segment.sent;
    end_seq_ = segment.end();
  }
}

void Rack::on_ack(bool dsack, Seq una, Seq nxt) {
  if (in_dsack_round_ && una >= dsack_round_) {
    in_dsack_round_ = false;
  }
  if (dsack && !in_dsack_round_) {  // at most once in a round trip
    in_dsack_round_ = true;
    dsack_round_ = nxt;
    window_mult_ += window_mult_ < UINT8_MAX;
    window_persist_ = kPersist;
  }
}

void Rack::on_recovery_end() {
  if (--window_persist_ == 0) {
    window_persist_ = kPersist;
    window_mult_ = 1;
  }
}

int64_t Rack::reorder_window_ns(const SendQueue& queue, const Scene& scene) const {
  // RFC 6675 4, IsLost: by bytes too, since one segment may be many packets (TSO).
  const bool plain = queue.sacked_segments() >= kDupThresh ||
                     queue.sacked_bytes() > (kDupThresh - 1) * queue.mss();
  if (!reordering_seen_ && (scene.in_recovery || plain)) {
    return 0;
  }
  return std::min(window_mult_ * (scene.min_rtt_ns / 4), scene.srtt_ns);
}

bool Rack::overtaken(const Segment& segment) const {
  if (segment.is(Segment::kRetransmitted)) {
    return xmit_ > segment.sent;
  }
  return sent_after(xmit_, end_seq_, segment.sent, segment.end());
}

Rack::Verdict Rack::detect_loss(SendQueue& queue, Moment now, const Scene& scene) const {
  Verdict verdict;
  const int64_t patience_ns = rtt_ns_ + reorder_window_ns(queue, scene);
  verdict.lost_bytes = queue.mark_lost_by_time([&](const Segment& segment) {
    if (!overtaken(segment)) {
      return false;
    }
    const Moment overdue = segment.sent + patience_ns;
    if (overdue <= now) {
      return true;
    }
    verdict.deadline = std::min(verdict.deadline, overdue);
    return false;
  });
  return verdict;
}

Rack::Verdict Rack::on_rto(SendQueue& queue, Moment now, const Scene& scene) const {
  Verdict verdict;
  const int64_t patience_ns = rtt_ns_ + reorder_window_ns(queue, scene);
  verdict.lost_bytes = queue.mark_first_lost();
  verdict.lost_bytes += queue.mark_lost_by_time(
      [&](const Segment& segment) { return segment.sent + patience_ns <= now; });
  return verdict;
}

}  // namespace pollux::tcp
