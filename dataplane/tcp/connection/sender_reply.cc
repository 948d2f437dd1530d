// What sending has to do for most segments of a server: one that goes out with nothing outstanding,
// once, and is acknowledged with all of it. As on_ack(), next() and sent() do it, without what they
// ask for that can't be.
#include "dataplane/tcp/connection/sender.h"

#include <algorithm>

#include "src/base/assert.h"

namespace pollux::tcp {

void Sender::on_reply_ack(SenderShared& shared, Seq seq, Seq ack, uint32_t window_bytes,
                          Moment now) {
  const bool limited_elsewhere = end_ == nxt_ || edge_ <= nxt_;
  note_window(shared, seq, ack, window_bytes, now);
  cwr_end_ = later(cwr_end_, una_);
  const Segment reply = queue_.take_one_plain();
  una_ = ack;
  timeouts_ = 0;
  const int64_t rtt_ns = now - reply.sent;
  rack_.on_delivered(reply, now, kNever, rtt_.min_rtt_ns());
  rack_.on_ack(/*dsack=*/false, una_, nxt_);
  rtt_.sample(rtt_ns, now);
  probe_.on_rtt_sample();
  probe_.on_lone_rtt(rtt_ns);
  congestion_.on_ack({.now = now,
                      .una = una_,
                      .nxt = nxt_,
                      .delivered_bytes = reply.bytes,
                      .delivered_in_rtt_bytes = queue_.delivered() - reply.delivered_before,
                      .rtt_ns = rtt_ns,
                      .srtt_ns = rtt_.srtt_ns(),
                      .app_limited = limited_elsewhere});
  reorder_ = retransmit_at_ = probe_at_ = kNever;
  note_rest();
}

void Sender::reply_sent(SenderShared& shared, Moment now) {
  const bool remembered = queue_.sent({nxt_, end_}, 0, now);
  POLLUX_ASSERT(remembered);
  nxt_ = end_;
  retransmit_at_ = std::min(retransmit_at_, now + rto_ns(shared));
  schedule_probe(shared, now);
  note_rest();
}

}  // namespace pollux::tcp
