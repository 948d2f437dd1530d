#include "dataplane/tcp/recovery/tlp.h"

#include <algorithm>

namespace pollux::tcp {

int64_t TailLossProbe::rto_ns(const RttEstimator& rtt, const RttConfig& config, bool lone) const {
  return std::min(rtt.rto_ns(config) + (lone ? allowance_ns() : 0), config.rto_max_ns);
}

Moment TailLossProbe::probe_at(Moment now, Moment rto_at, const RttEstimator& rtt,
                               const RttConfig& config, bool lone) const {
  int64_t pto_ns = kWithoutSrttNs;
  if (rtt.has_sample()) {
    // At least one step of the timers: earlier it would not fire.
    pto_ns = std::max(2 * rtt.srtt_ns(), config.granularity_ns) + (lone ? allowance_ns() : 0);
  }
  return std::min(now + pto_ns, rto_at);
}

void TailLossProbe::on_sent(Seq end, bool again) {
  probing_ = true;
  needs_rtt_ = true;
  end_ = end;
  again_ = again;
  unclaimed_ = again;
}

bool TailLossProbe::claims(const std::optional<SeqRange>& dsack) {
  if (!unclaimed_ || !dsack || dsack->end != end_) {
    return false;
  }
  unclaimed_ = false;
  return true;
}

TailLossProbe::Verdict TailLossProbe::on_ack(const Ack& ack) {
  if (!probing_ || ack.ack < end_) {
    return Verdict::kNothing;
  }
  if (!again_) {  // new data: RACK draws the conclusions
    probing_ = false;
    return Verdict::kNothing;
  }
  if (ack.dsack.has_value() && ack.dsack->end == end_) {
    return spurious();
  }
  if (ack.ack > end_) {
    // Data sent after the probe is acknowledged, and no duplicate was reported.
    probing_ = false;
    return Verdict::kLossRepaired;
  }
  if (ack.echoes_before_probe || ack.duplicate) {
    return spurious();
  }
  return Verdict::kNothing;  // of the original or of the probe: what comes next will tell
}

void TailLossProbe::raise() {
  constexpr auto kFirst = static_cast<uint32_t>(kFirstStepNs);
  constexpr auto kLast = static_cast<uint32_t>(kLastStepNs);
  peer_ack_delay_ns_ = peer_ack_delay_ns_ < kFirst ? kFirst : kLast;
}

void TailLossProbe::on_lone_rtt(int64_t rtt_ns, int64_t min_rtt_ns) {
  const int64_t delay_ns = std::clamp<int64_t>(rtt_ns - min_rtt_ns, 0, kLastStepNs);
  if (delay_ns >= peer_ack_delay_ns()) {
    peer_ack_delay_ns_ = static_cast<uint32_t>(delay_ns) & ((1U << 28) - 1);
    return;
  }
  // The allowance of a quarter is used up after some 1800 quick answers, so a peer that is slow now
  // and then costs a needless probe in 1800 segments at most.
  peer_ack_delay_ns_ -= peer_ack_delay_ns_ >> 13;
}

}  // namespace pollux::tcp
