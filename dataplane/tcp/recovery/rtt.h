// How long a segment takes there and its acknowledgement back: SRTT, RTTVAR and the retransmission
// timeout (RFC 6298, with the weights of RFC 7323 appendix G where samples are many), and the
// smallest RTT of late, which RACK measures its reordering window by. All in nanoseconds. State of
// one connection; 32 bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

// Shared by all connections of a profile, so it is an argument and no state.
struct RttConfig {
  int64_t rto_min_ns = 5 * kMillisecondNs;  // RFC 6298 2.4 says 1 s; the README says why not
  int64_t rto_max_ns = 60 * kSecondNs;
  int64_t granularity_ns = 64 * kMicrosecondNs;  // G: of the timers
};
inline constexpr RttConfig kDataCentreRtt{};
inline constexpr RttConfig kWanRtt{.rto_min_ns = 200 * kMillisecondNs};

class RttEstimator {
 public:
  static constexpr int64_t kInitialRtoNs = kSecondNs;           // RFC 6298 2.1
  static constexpr int64_t kAfterLostSynNs = 3 * kSecondNs;     // RFC 6298 5.7
  static constexpr int64_t kMinWindowNs = 10 * kSecondNs;       // how long a minimum is believed
  static constexpr int64_t kNoMinRtt = UINT32_MAX;              // larger ones are kept as this

  // One measurement. Karn's rule is the caller's to keep: of a segment that was sent once
  // (AckOutcome::rtt_ns is such). Of `expected_samples` that come in one RTT each counts for that
  // part. Ends the backoff. Below 0 is taken as 0.
  void sample(int64_t rtt_ns, Moment now, uint32_t expected_samples = 1) {
    smooth(rtt_ns, expected_samples);
    sample_min(rtt_ns, now);
  }
  // The same, by the timestamp that the peer echoes. Too coarse for the minimum: its tick is longer
  // than an RTT of a data centre, and a minimum of 0 would take RACK's patience away.
  void sample_by_timestamps(int64_t rtt_ns, uint32_t expected_samples = 1) {
    smooth(rtt_ns, expected_samples);
  }
  // For the minimum alone: of the segment that was acknowledged last, so without the time that the
  // peer kept an acknowledgement back.
  void sample_min(int64_t rtt_ns, Moment now);

  bool has_sample() const { return srtt_ns_ >= 0; }
  int64_t srtt_ns() const { return std::max<int64_t>(srtt_ns_, 0); }  // 0 without a sample
  int64_t rttvar_ns() const { return rttvar_ns_; }
  // The smallest of the last 5 to 10 s in which there were any; kNoMinRtt without.
  int64_t min_rtt_ns() const { return std::min(min_now_, min_before_); }

  // With the backoff.
  int64_t rto_ns(const RttConfig& config) const;

  // RFC 6298 5.5: the timer has expired. Only a sample ends it (Karn): an RTT above the RTO is
  // learned from the first segment that the longer timeout lets through once.
  void back_off() { backoffs_ += backoffs_ < kBackoffsMax; }
  unsigned backoffs() const { return backoffs_; }
  // RFC 6298 5.7: the SYN was sent again, so data begins with 3 s; until the first sample.
  void syn_was_lost() { syn_was_lost_ = true; }

 private:
  static constexpr uint8_t kBackoffsMax = 32;

  void smooth(int64_t rtt_ns, uint32_t expected_samples);

  int64_t srtt_ns_ = -1;  // none
  int64_t rttvar_ns_ = 0;
  uint32_t min_now_ = UINT32_MAX;     // of the half window that began at ...
  uint32_t min_before_ = UINT32_MAX;  // and of the one before
  uint32_t min_since_ms_ = 0;
  uint8_t backoffs_ = 0;
  bool syn_was_lost_ = false;
};
static_assert(sizeof(RttEstimator) == 32);

}  // namespace pollux::tcp
