#include "dataplane/tcp/recovery/ack_policy.h"

#include <algorithm>

namespace pollux::tcp {

void AckPolicy::on_segment(const ReceivedSegment& segment, uint32_t mss, Moment now,
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

AckPolicy::Decision AckPolicy::decide(Moment now) const {
  if (now_ || deadline_ <= now) {
    return Decision::kNow;
  }
  return deadline_ == kNever ? Decision::kNone : Decision::kLater;
}

void AckPolicy::on_ack_sent() {
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
