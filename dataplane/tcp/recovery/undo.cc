#include "dataplane/tcp/recovery/undo.h"

namespace pollux::tcp {

void UndoDetector::begin(Seq una, Seq nxt) {
  una_ = una;
  nxt_ = nxt;
  again_ = 0;
  active_ = true;
  sent_again_ = false;
  eifel_done_ = false;
}

void UndoDetector::on_retransmitted(Moment now) {
  if (!active_) {
    return;
  }
  if (!sent_again_) {
    first_again_ = now;
    sent_again_ = true;
  }
  ++again_;
}

bool UndoDetector::on_ack(const AckOutcome& outcome, Moment ts_echo) {
  if (!active_ || !sent_again_) {
    return false;
  }
  // RFC 3522 3: the first acceptable ACK after the retransmission.
  if (outcome.una_advanced && !eifel_done_) {
    eifel_done_ = true;
    if (ts_echo != kNever && ts_echo < first_again_) {
      active_ = false;
      return true;
    }
  }
  // A duplicate of before the episode says nothing of it.
  if (outcome.dsack && outcome.dsack->begin >= una_ && outcome.dsack->end <= nxt_ && again_ > 0) {
    if (--again_ == 0) {
      active_ = false;
      return true;
    }
  }
  return false;
}

ForwardRto::Step ForwardRto::on_ack(const AckOutcome& outcome, Seq una) {
  switch (state_) {
    case State::kOff:
      return Step::kNothing;
    case State::kRetransmitted:
      // Step 2a: a duplicate ACK, or all that was sent: no more is to be learned.
      if (!outcome.una_advanced || una >= recover_) {
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
