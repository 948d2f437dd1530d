#include "dataplane/tcp/recovery/tlp.h"

#include <algorithm>

namespace pollux::tcp {

// The backoff is of the RTO alone: the patience is waited for once, however often it expires.
int64_t TailLossProbe::rto_ns(const RttEstimator& rtt, const RttConfig& config, bool lone) const {
  const int64_t rto_ns = rtt.rto_ns(config);
  const int64_t unspent_ns = lone ? patience_ns(rtt) - (rto_ns >> rtt.backoffs()) : 0;
  return std::min(rto_ns + std::max<int64_t>(unspent_ns, 0), config.rto_max_ns);
}

Moment TailLossProbe::probe_at(Moment now, Moment rto_at, const RttEstimator& rtt,
                               const RttConfig& config, bool lone) const {
  int64_t pto_ns = kWithoutSrttNs;
  if (rtt.has_sample()) {
    // At least one step of the timers: earlier it would not fire.
    pto_ns = std::max({2 * rtt.srtt_ns(), config.granularity_ns, lone ? patience_ns(rtt) : 0});
  }
  return std::min(now + pto_ns, rto_at);
}

void TailLossProbe::on_sent(Seq end, bool again, bool lone) {
  probing_ = true;
  needs_rtt_ = true;
  end_ = end;
  again_ = again;
  lone_ = lone;
  unclaimed_ = again;
}

bool TailLossProbe::claims(const std::optional<SeqRange>& dsack) {
  if (!unclaimed_ || !dsack || dsack->end != end_) {
    return false;
  }
  unclaimed_ = false;
  return true;
}

TailLossProbe::Verdict TailLossProbe::on_ack(const Ack& ack, const RttEstimator& rtt) {
  if (!probing_ || ack.ack < end_) {
    return Verdict::kNothing;
  }
  if (!again_) {  // new data: RACK draws the conclusions
    probing_ = false;
    return Verdict::kNothing;
  }
  if (ack.dsack.has_value() && ack.dsack->end == end_) {
    return spurious(rtt);
  }
  if (ack.ack > end_) {
    // Data sent after the probe is acknowledged, and no duplicate was reported.
    probing_ = false;
    return Verdict::kLossRepaired;
  }
  if (ack.echoes_before_probe || ack.duplicate) {
    return spurious(rtt);
  }
  return Verdict::kNothing;  // of the original or of the probe: what comes next will tell
}

uint32_t TailLossProbe::units_of(int64_t ns) {
  return static_cast<uint32_t>(std::clamp<int64_t>((ns + kUnitNs - 1) / kUnitNs, 0, kUnitsMax));
}

void TailLossProbe::raise(const RttEstimator& rtt, int64_t waited_ns) {
  const int64_t base_ns = rtt.min_rtt_ns() == RttEstimator::kNoMinRtt ? 0 : rtt.min_rtt_ns();
  waited_ns = std::max(waited_ns, patience_ns(rtt));
  quick_ = 0;
  for (const int64_t step_ns : kStepsNs) {
    if (base_ns + step_ns > waited_ns) {
      longest_rtt_ = units_of(base_ns + step_ns) & kUnitsMax;
      return;
    }
  }
  longest_rtt_ = std::max<uint32_t>(longest_rtt_, units_of(base_ns + kLastStepNs)) & kUnitsMax;
}

void TailLossProbe::on_lone_rtt(int64_t rtt_ns) {
  const uint32_t rtt = units_of(rtt_ns);
  if (rtt > longest_rtt_ / 2) {
    longest_rtt_ = std::max<uint32_t>(rtt, longest_rtt_) & kUnitsMax;
    quick_ = 0;
    return;
  }
  // A peer that is slow now and then costs a needless probe in 255 segments at most; one that was
  // slow once costs no lost reply behind those its 40 ms. (It faded by 1/8192 with each: then the
  // stall of a client was felt for 15,000 replies, and with 1 % of them lost p99.9 was 54 ms.)
  if (quick_ < kQuickMax) {
    ++quick_;
    return;
  }
  const uint32_t longest = longest_rtt_;
  const uint32_t faded = longest - std::min(longest, std::max(longest >> 3, 1U));
  longest_rtt_ = std::max(rtt, faded) & kUnitsMax;
}

}  // namespace pollux::tcp
