// The tail loss probe (RFC 8985 7): when the end of a flight is lost no later segment tells, so
// after about two round trips of silence something is sent to make the peer speak.
//
// A peer that keeps its acknowledgement of a lone segment back (delayed ACK, 40 ms of Linux, 200 ms
// elsewhere) looks the same as a loss. RFC 8985 waits 200 ms for it; with a low RTO floor that
// would be all of the tail. So it is learned how long the ACK of a lone segment takes at most: no
// longer than others at first (Linux begins in quick-ack mode), then as long as was seen, and a
// probe that proves needless, of which no more is known than that the peer takes longer, raises it
// a step: through what a busy host takes to what delayed ACKs are known for. (One of a longer
// flight does not: nobody has waited for the peer there, and twice the RTT is soon over.) A peer
// that stood still once is forgiven: behind 255 quick ACKs what it took is forgotten. All of that
// time, not the delay: of a peer that is always late the smoothed RTT has the delay in it, and so
// has in the end the smallest. State of one connection; 8 bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>

#include "dataplane/tcp/recovery/rtt.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

class TailLossProbe {
 public:
  // Above the smallest RTT. (With 40 ms as the first one, a client whose answer came 0.3 ms late on
  // a busy host cost its next lost reply 50 ms: over veth, 1 % lost, that was p99.9.)
  static constexpr int64_t kStepsNs[] = {2 * kMillisecondNs, 8 * kMillisecondNs,
                                         40 * kMillisecondNs, 200 * kMillisecondNs};
  static constexpr int64_t kLastStepNs = kStepsNs[std::size(kStepsNs) - 1];
  static constexpr int64_t kWithoutSrttNs = kSecondNs;

  // Whether a probe may be scheduled (7.2): none is out, and the RTT was measured since the last.
  // The rest is the caller's: SACK is negotiated, data is outstanding and none of it SACKed, no
  // recovery is under way.
  bool may_probe() const { return !probing_ && !needs_rtt_; }

  // When to probe, if nothing comes before, after a transmission or an ACK `now`. `lone`: less than
  // two full segments are outstanding, so the peer may wait for more before it answers. No later
  // than `rto_at`, when the retransmission timer expires; if that is when, the probe takes its
  // place. After the probe the retransmission timer begins anew.
  Moment probe_at(Moment now, Moment rto_at, const RttEstimator& rtt, const RttConfig& config,
                  bool lone) const;
  // The retransmission timeout that goes with it: a lone segment's waits as long as the probe
  // would.
  int64_t rto_ns(const RttEstimator& rtt, const RttConfig& config, bool lone) const;

  // A probe went out. `end`: SND.NXT after it; `again`: it was a retransmission, not new data.
  // `lone`: as it was for probe_at().
  void on_sent(Seq end, bool again, bool lone);

  // What an ACK says of it (7.4).
  enum class Verdict : uint8_t {
    kNothing,
    kLossRepaired,  // the probe stopped a gap: congestion control is to hear of a loss
    kSpurious,      // what it repeated had arrived: nothing was lost
  };
  struct Ack {
    Seq ack;
    std::optional<SeqRange> dsack;
    bool echoes_before_probe = false;  // its timestamp is of before the probe, so of the original
    bool duplicate = false;            // same ACK and window, no data, no SACK blocks
  };
  Verdict on_ack(const Ack& ack, const RttEstimator& rtt);

  // Whether this D-SACK is of the probe; says so once for each, and also when all else about it is
  // decided. Such a one tells of no reordering and of no other retransmission, so neither Rack nor
  // UndoDetector is to hear of it.
  bool claims(const std::optional<SeqRange>& dsack);

  // RTT of a lone segment that was sent once.
  void on_lone_rtt(int64_t rtt_ns);
  // An RTO of a lone segment was undone: the patience goes up by a step. (Where the probe was
  // needless there is no RTT sample, so no next probe; the RTO must learn by itself.)
  void on_needless_rto(const RttEstimator& rtt, const RttConfig& config) {
    raise(rtt, rtt.rto_ns(config) >> rtt.backoffs());
  }
  void on_rtt_sample() { needs_rtt_ = false; }
  // Fast recovery or that after an RTO begins (7.1): it takes over, and charges what was lost. Else
  // the ACK behind it would have the same loss charged again.
  void cancel() { probing_ = false; }

  bool probing() const { return probing_; }
  // What the ACK of a lone segment took at most of late; 0: none was measured.
  int64_t longest_rtt_ns() const { return int64_t{longest_rtt_} * kUnitNs; }

 private:
  static constexpr int64_t kUnitNs = 2'048;
  static constexpr int64_t kUnitsMax = (1 << 19) - 1;
  static constexpr uint32_t kQuickMax = 255;

  Verdict spurious(const RttEstimator& rtt) {
    probing_ = false;
    if (lone_ && rtt.has_sample()) {  // else it was waited for longer than any peer waits
      raise(rtt, 2 * rtt.srtt_ns());
    }
    return Verdict::kSpurious;
  }
  // To the first step above what was waited for, at least to the last one; `waited_ns`: without
  // patience.
  void raise(const RttEstimator& rtt, int64_t waited_ns);
  static uint32_t units_of(int64_t ns);
  // A quarter more: the peer's timer is as exact as its tick. But no longer than any peer waits: a
  // queue that was full for a while is not remembered for thousands of segments.
  int64_t patience_ns(const RttEstimator& rtt) const {
    const int64_t longest_ns = std::min(longest_rtt_ns(), rtt.min_rtt_ns() + kLastStepNs);
    return longest_ns + longest_ns / 4;
  }

  Seq end_{};
  uint32_t longest_rtt_ : 19 = 0;  // in kUnitNs: up to 1.07 s
  uint32_t quick_ : 8 = 0;         // answers in a row that took less than half of that
  uint32_t lone_ : 1 = 0;          // the probe was of a lone segment
  uint32_t probing_ : 1 = 0;
  uint32_t again_ : 1 = 0;
  uint32_t needs_rtt_ : 1 = 0;
  uint32_t unclaimed_ : 1 = 0;  // no D-SACK of it has come
};
static_assert(sizeof(TailLossProbe) == 8);

}  // namespace pollux::tcp
