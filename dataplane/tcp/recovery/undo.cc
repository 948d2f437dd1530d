#include "dataplane/tcp/recovery/undo.h"

#include <algorithm>

namespace pollux::tcp {

void UndoDetector::begin(Seq una, Seq nxt) {
  *this = {};
  una_ = reported_ = una;
  nxt_ = nxt;
  active_ = true;
}

void UndoDetector::on_retransmitted(uint32_t bytes, Moment now) {
  if (!active_) {
    return;
  }
  first_again_ = std::min(first_again_, now);
  again_ = again_ == kAgainMax ? kAgainMax : std::min(again_ + bytes, kAgainMax);
}

bool UndoDetector::on_ack(const AckOutcome& outcome, Moment ts_echo) {
  if (!active_ || first_again_ == kNever) {
    return false;
  }
  // RFC 3522 3: the first acceptable ACK after the retransmission.
  if (outcome.una_advanced && !eifel_done_) {
    eifel_done_ = true;
    if (ts_echo < first_again_) {
      active_ = false;
      return true;
    }
  }
  // A duplicate of before the episode says nothing of it.
  if (!outcome.dsack || outcome.dsack->end > nxt_ || again_ == kAgainMax) {
    return false;
  }
  const Seq begin = later(outcome.dsack->begin, reported_);
  if (begin >= outcome.dsack->end) {
    return false;
  }
  reported_ = outcome.dsack->end;
  again_ -= std::min<uint32_t>(again_, outcome.dsack->bytes() - (begin - outcome.dsack->begin));
  if (again_ == 0) {
    active_ = false;
    return true;
  }
  return false;
}

ForwardRto::Step ForwardRto::on_ack(const AckOutcome& outcome, Seq una) {
  switch (state_) {
    case State::kOff:
      return Step::kNothing;
    case State::kRetransmitted:
      // Duplicates of before the retransmission: step 2 is not left.
      if (!outcome.una_advanced) {
        return Step::kNothing;
      }
      // Step 2a: all that was sent, so no more is to be learned.
      if (una >= recover_) {
        return decide(Step::kConventional);
      }
      state_ = State::kNewDataSent;
      return Step::kSendNew;
    case State::kNewDataSent:
      // Step 3: what was sent once and before the RTO has arrived, or nothing of the kind.
      return decide(outcome.original_delivered && outcome.original_begin < recover_
                        ? Step::kSpurious
                        : Step::kConventional);
  }
  return Step::kNothing;
}

}  // namespace pollux::tcp
