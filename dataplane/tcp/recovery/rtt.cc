#include "dataplane/tcp/recovery/rtt.h"

#include <cstdlib>

namespace pollux::tcp {

void RttEstimator::smooth(int64_t rtt_ns, uint32_t expected_samples) {
  rtt_ns = std::max<int64_t>(rtt_ns, 0);
  backoffs_ = 0;  // RFC 6298 5.7: the RTO is computed anew
  if (srtt_ns_ < 0) {  // RFC 6298 2.2
    srtt_ns_ = rtt_ns;
    rttvar_ns_ = rtt_ns / 2;
    return;
  }
  // RFC 6298 2.3: RTTVAR by the SRTT of before; alpha = 1/8, beta = 1/4. RFC 7323 appendix G:
  // both divided by the samples expected, or the history of one RTT would be forgotten in it.
  const int64_t parts = std::max<uint32_t>(expected_samples, 1);
  const int64_t error = rtt_ns - srtt_ns_;
  if (parts == 1) {
    rttvar_ns_ += (std::abs(error) - rttvar_ns_) / 4;
    srtt_ns_ += error / 8;
    return;
  }
  rttvar_ns_ += (std::abs(error) - rttvar_ns_) / (4 * parts);
  srtt_ns_ += error / (8 * parts);
}

void RttEstimator::sample_min(int64_t rtt_ns, Moment now) {
  const auto now_ms = static_cast<uint32_t>(now.ns / kMillisecondNs);
  constexpr auto kHalfMs = static_cast<uint32_t>(kMinWindowNs / kMillisecondNs / 2);
  const uint32_t age_ms = now_ms - min_since_ms_;
  const auto rtt = static_cast<uint32_t>(std::clamp<int64_t>(rtt_ns, 0, kNoMinRtt));
  if (age_ms < kHalfMs) {
    min_now_ = std::min(min_now_, rtt);
    return;
  }
  min_before_ = age_ms < 2 * kHalfMs ? min_now_ : UINT32_MAX;
  min_now_ = rtt;
  min_since_ms_ = now_ms;
}

int64_t RttEstimator::rto_ns(const RttConfig& config) const {
  int64_t rto = syn_was_lost_ ? kAfterLostSynNs : kInitialRtoNs;
  if (has_sample()) {
    rto = srtt_ns_ + std::max(config.granularity_ns, 4 * rttvar_ns_);
  }
  rto = std::clamp(rto, config.rto_min_ns, config.rto_max_ns);
  if (rto > config.rto_max_ns >> backoffs_) {
    return config.rto_max_ns;
  }
  return rto << backoffs_;
}

}  // namespace pollux::tcp
