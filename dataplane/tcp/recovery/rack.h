// RACK (RFC 8985 5-6): which segments are lost, told by time. A segment is lost if one that was
// sent enough later has arrived. "Enough" is the reordering window: none until reordering was seen
// and loss is plain, else min_RTT/4, made wider while D-SACKs tell that losses were none.
//
// The only detector there is; duplicate ACKs are not counted. State of one connection; 32 bytes.
#pragma once

#include <cstdint>

#include "dataplane/tcp/recovery/segment.h"
#include "dataplane/tcp/recovery/send_queue.h"

namespace pollux::tcp {

class Rack {
 public:
  // What the connection knows besides.
  struct Scene {
    int64_t srtt_ns = 0;
    int64_t min_rtt_ns = 0;
    bool in_recovery = false;  // fast or after an RTO
  };

  explicit Rack(Seq first) : end_seq_(first), fack_(first) {}

  // Steps 2 and 3, for each segment that an ACK delivers, by rising sequence number. `ts_echo`: the
  // last moment of the tick of the timestamp clock that the ACK echoes, so that the segment it
  // speaks of was not sent later; kNever if there are no timestamps, and for what is only SACKed:
  // beyond a gap the peer echoes what came before the gap (RFC 7323 4.3).
  void on_delivered(const Segment& segment, Moment now, Moment ts_echo, int64_t min_rtt_ns);
  // Step 4, for each ACK, `una` being the one after it.
  void on_ack(bool dsack, Seq una, Seq nxt);
  // Fast recovery or that after an RTO has ended.
  void on_recovery_end();

  // Step 5. Marks segments lost; `deadline`: when more may be, if no ACK says otherwise before,
  // kNever if none wait. To be called after an ACK and at that deadline.
  struct Verdict {
    uint32_t lost_bytes = 0;
    Moment deadline = kNever;
  };
  Verdict detect_loss(SendQueue& queue, Moment now, const Scene& scene) const;
  // RFC 8985 6.3: the retransmission timer has expired. The first segment is lost, and all that
  // would be by their time.
  Verdict on_rto(SendQueue& queue, Moment now, const Scene& scene) const;

  int64_t reorder_window_ns(const SendQueue& queue, const Scene& scene) const;
  bool reordering_seen() const { return reordering_seen_; }
  int64_t rtt_ns() const { return rtt_ns_; }
  friend bool operator==(const Rack&, const Rack&) = default;

 private:
  static constexpr uint32_t kDupThresh = 3;
  static constexpr uint8_t kPersist = 16;  // recoveries that a wider window lasts

  // RACK_sent_after: of equal times the sequence number decides.
  static bool sent_after(Moment a, Seq a_end, Moment b, Seq b_end) {
    return a > b || (a == b && a_end > b_end);
  }

  // What arrived was sent after it. All that goes out in one turn has one time: originals in it are
  // in the order of sequence numbers, a retransmission is anywhere among them, so it is overtaken
  // only by what has a later time.
  bool overtaken(const Segment& segment) const;

  Moment xmit_{};       // of the last sent segment that arrived,
  int64_t rtt_ns_ = 0;  // its RTT
  Seq end_seq_;         // and its end
  Seq fack_;            // the highest end that arrived
  Seq dsack_round_{};
  uint8_t window_mult_ = 1;
  uint8_t window_persist_ = kPersist;
  bool in_dsack_round_ : 1 = false;
  bool reordering_seen_ : 1 = false;
};
static_assert(sizeof(Rack) == 32);

}  // namespace pollux::tcp
