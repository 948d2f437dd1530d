// What a sender does seldom: as a connection begins, and where a path becomes narrow.
#include "dataplane/tcp/connection/sender.h"

namespace pollux::tcp {

void Sender::set_handshake_rtt(int64_t rtt_ns, Moment now) {
  if (rtt_ns == kRttUnknown) {
    return;
  }
  if (rtt_ns < 0) {
    rtt_ = {};  // its backoff was of the SYN
    rtt_.syn_was_lost();
    congestion_.set_cwnd(mss_);  // RFC 6928 2, of a SYN that was lost: one segment
    return;
  }
  rtt_.sample(rtt_ns, now);
}

void Sender::agree(SenderShared& shared, uint16_t mss, bool sack) {
  mss_ = mss;
  sack_ = sack;
  queue_.set_mss(mss);
  congestion_ = Congestion(shared.config.congestion, mss, shared.config.hystart);
}

void Sender::set_mss(uint16_t mss) {
  mss_ = mss;
  queue_.set_mss(mss);
  congestion_.set_mss(mss);
}

void Sender::resend_all() {
  if (!queue_.empty()) {
    queue_.mark_all_lost();
    owed_ = Owed::kFirstLost;
  }
}

}  // namespace pollux::tcp
