// When to acknowledge (RFC 9293 3.8.6.3, 5681 4.2): at once what the peer waits for, a little later
// what the answer of the application may carry. Asked after the application has run on what came
// in a batch: if it has answered, the ACK rode on the answer. State of one connection; 24 bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

struct AckConfig {
  int64_t delay_ns = 2 * kMillisecondNs;      // of 1 to 5 ms; RFC 9293 allows 500
  int64_t silence_ns = 200 * kMillisecondNs;  // after that a peer may be in slow start again
  uint8_t quick_acks = 16;
};

// What a segment with data or FIN was to the receiver.
struct ReceivedSegment {
  uint32_t bytes = 0;
  bool push = false;
  bool fin = false;
  bool out_of_order = false;  // beyond a gap, or a duplicate
  bool fills_gap = false;     // all or part of one (RFC 5681 4.2)
  bool ce_changed = false;    // its CE mark is not that of the segment before (RFC 8257 3.2)
};

class AckPolicy {
 public:
  explicit AckPolicy(const AckConfig& config) : quick_left_(config.quick_acks) {}

  void on_segment(const ReceivedSegment& segment, uint32_t mss, Moment now,
                  const AckConfig& config);
  // For other reasons: a window update, a challenge, a segment that is not acceptable.
  void want_now() { now_ = true; }

  enum class Decision : uint8_t {
    kNone,   // nothing to acknowledge
    kNow,
    kLater,  // at deadline(), unless data goes before
  };
  Decision decide(Moment now) const;
  Moment deadline() const { return deadline_; }  // kNever if nothing waits
  // Without SACK the peer counts duplicate ACKs, so it gets this many; else one will do.
  uint8_t duplicates_owed() const { return duplicates_owed_; }

  // Something went out with the ACK of all that came: a pure ACK or data.
  void on_ack_sent();
  // One of duplicates_owed(), if there are any.
  void on_duplicate_sent() { duplicates_owed_ -= duplicates_owed_ != 0; }

  bool quick() const { return quick_left_ != 0; }

 private:
  Moment deadline_ = kNever;
  uint32_t unacked_bytes_ = 0;
  uint32_t last_data_ms_ = 0;
  uint8_t quick_left_;
  uint8_t duplicates_owed_ = 0;
  bool now_ = false;
};
static_assert(sizeof(AckPolicy) == 24);

inline void AckPolicy::on_segment(const ReceivedSegment& segment, uint32_t mss, Moment now,
                           const AckConfig& config) {
  const auto now_ms = static_cast<uint32_t>(now.ns / kMillisecondNs);
  const uint32_t silence_ms = now_ms - last_data_ms_;
  last_data_ms_ = now_ms;
  // A segment without PSH is followed by more; after silence its sender has a small window and
  // needs ACKs to open it.
  if (!segment.push && silence_ms >= config.silence_ns / kMillisecondNs) {
    quick_left_ = config.quick_acks;
  }
  unacked_bytes_ += segment.bytes;
  if (segment.out_of_order) {
    duplicates_owed_ += duplicates_owed_ < UINT8_MAX;
  }
  now_ |= segment.out_of_order || segment.fills_gap || segment.fin || segment.ce_changed ||
          quick_left_ != 0 || unacked_bytes_ >= 2 * mss;
  deadline_ = std::min(deadline_, now + config.delay_ns);
}

inline AckPolicy::Decision AckPolicy::decide(Moment now) const {
  if (now_ || deadline_ <= now) {
    return Decision::kNow;
  }
  return deadline_ == kNever ? Decision::kNone : Decision::kLater;
}

inline void AckPolicy::on_ack_sent() {
  // Only what acknowledges something counts against the quick ones.
  if (deadline_ != kNever && quick_left_ != 0) {
    --quick_left_;
  }
  deadline_ = kNever;
  unacked_bytes_ = 0;
  duplicates_owed_ = 0;
  now_ = false;
}

}  // namespace pollux::tcp
