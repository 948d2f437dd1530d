// Proportional rate reduction (RFC 6937 as revised by RFC 9937): how much may be sent on each ACK
// of fast recovery, so that the window comes down to ssthresh in one round trip, without a pause
// and without a burst. State of one episode; 16 bytes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pollux::tcp {

class ProportionalRate {
 public:
  // Recovery begins. `flight_bytes`: SND.NXT - SND.UNA before the ACK that began it, less what was
  // SACKed before that ACK. `ssthresh_bytes`: of the congestion control, reduced.
  void begin(uint32_t flight_bytes, uint32_t ssthresh_bytes) {
    flight_at_begin_ = std::max<uint32_t>(flight_bytes, 1);
    ssthresh_ = ssthresh_bytes;
    delivered_ = 0;
    sent_ = 0;
  }

  // On each ACK of the episode but the one that ends it. `pipe_bytes`: after losses were marked.
  // `safe`: SND.UNA advanced and the ACK marked nothing lost. Returns cwnd; an ACK that delivers
  // nothing changes nothing, and the cwnd of before stands: then 0.
  uint32_t on_ack(uint32_t delivered_bytes, uint32_t pipe_bytes, bool safe, uint32_t mss) {
    if (delivered_bytes == 0) {
      return 0;
    }
    delivered_ += delivered_bytes;
    int64_t send = 0;
    if (pipe_bytes > ssthresh_) {  // in proportion
      const uint64_t share = static_cast<uint64_t>(delivered_) * ssthresh_;
      send = static_cast<int64_t>((share + flight_at_begin_ - 1) / flight_at_begin_) - sent_;
    } else {
      // PRR-CRB: conserves the packets; PRR-SSRB on ACKs that show progress: one MSS more.
      send = std::max<int64_t>(static_cast<int64_t>(delivered_) - sent_, delivered_bytes);
      send += safe ? mss : 0;
      send = std::min<int64_t>(send, ssthresh_ - pipe_bytes);
    }
    send = std::max<int64_t>(send, 0);
    if (sent_ == 0) {
      send = std::max<int64_t>(send, mss);  // the fast retransmit itself, and not a part of one
    }
    return pipe_bytes + static_cast<uint32_t>(send);
  }

  // RACK's timer has marked something lost. If it began the episode, cwnd for the fast retransmit
  // alone; else 0: the cwnd of before stands.
  uint32_t on_timer(uint32_t pipe_bytes, uint32_t mss) const {
    return sent_ == 0 ? pipe_bytes + mss : 0;
  }

  void on_sent(uint32_t bytes) { sent_ += bytes; }  // new or again

  // cwnd when the episode ends.
  uint32_t end() const { return ssthresh_; }

 private:
  uint32_t flight_at_begin_ = 1;  // RecoverFS
  uint32_t ssthresh_ = 0;
  uint32_t delivered_ = 0;
  uint32_t sent_ = 0;
};
static_assert(sizeof(ProportionalRate) == 16);

}  // namespace pollux::tcp
